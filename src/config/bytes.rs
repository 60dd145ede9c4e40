//! Sizes as people write them: `64MiB`.

use std::fmt;

use bytesize::ByteSize;
use toml::Value;

use super::setting::Setting;
use super::written::Written;

const UNITS: &str = "B, KiB, MiB or GiB";
const SHOWN_UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes(pub u64);

impl Bytes {
    pub(super) const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub(super) const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    pub(super) const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// Rounded up to whole MiB, for people.
    pub const fn rounded(octets: u64) -> Self {
        Self(octets.div_ceil(1 << 20) << 20)
    }

    /// As a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// As a length in memory: at most what the address space holds.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SHOWN_UNITS.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(out, "{}{name}", self.0 / unit),
            None => write!(out, "{}B", self.0),
        }
    }
}

impl Setting for Bytes {
    fn read(written: &Written) -> Result<Self, String> {
        if written.is_bare_number() {
            return Err(format!(
                "write the unit ({UNITS}), as in \"{}MiB\"",
                written.text.trim_start_matches(['-', '+'])
            ));
        }
        let expected = || format!("write a size with its unit ({UNITS}), as in \"64MiB\"");
        let size: ByteSize = written.as_text().ok_or_else(expected)?.parse().map_err(|_| expected())?;
        Ok(Self(size.as_u64()))
    }

    fn shown(&self) -> Value {
        Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit_and_shown_so() {
        let check = |text: &str, expected: Option<(u64, &str)>| {
            let read = Bytes::read(&Written::bare(text)).ok();
            assert_eq!(
                read.map(|bytes| (bytes.0, bytes.to_string())),
                expected.map(|(n, t)| (n, t.to_owned())),
                "{text}"
            );
        };
        check("64MiB", Some((64 << 20, "64MiB")));
        check("64 MiB", Some((64 << 20, "64MiB")));
        check("1.5KiB", Some((1536, "1536B")));
        check("2048KiB", Some((2 << 20, "2MiB")));
        check("1KB", Some((1000, "1000B")));
        check("12B", Some((12, "12B")));
        check("64", None);
        check("-1MiB", None);
        check("64 parsecs", None);
        check("", None);
        check("MiB", None);
    }
}
