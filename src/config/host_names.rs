//! Names that requests over HTTP may be addressed to.

use toml::Value;

use super::setting::Setting;
use super::written::Written;

/// More names than any machine has.
const NAMES_MAX: usize = 32;
/// Longest name that DNS knows.
const NAME_BYTES_MAX: usize = 253;

/// Names of hosts, in lower case and without ports; possibly none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostNames(Vec<String>);

impl HostNames {
    /// Whether this is one of them, however its letters are written.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

impl<'a> FromIterator<&'a str> for HostNames {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(str::to_ascii_lowercase).collect())
    }
}

impl Setting for HostNames {
    fn read(written: &Written) -> Result<Self, String> {
        let text = written.as_text().ok_or_else(expected)?;
        let names: Self = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.0.len() > NAMES_MAX || !names.0.iter().all(|name| is_name(name)) {
            return Err(expected());
        }
        Ok(names)
    }

    fn shown(&self) -> Value {
        Value::String(self.0.join(", "))
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain)
}

fn expected() -> String {
    format!("write at most {NAMES_MAX} names without ports, as in \"flowsentry.example, soc.example\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_with_commas() {
        let check = |text: &str, expected: Option<&str>| {
            let read = HostNames::read(&Written::bare(text)).ok();
            assert_eq!(read.map(|names| names.0.join(" ")).as_deref(), expected, "{text}");
        };
        check("", Some(""));
        check("soc.example", Some("soc.example"));
        check(" SOC.example ,flow_sentry,", Some("soc.example flow_sentry"));
        check("soc.example:9477", None);
        check("https://soc.example", None);
        check("*.example", None);
        check("a b", None);
        check(&"a,".repeat(33), None);
        check(&"a".repeat(254), None);
        let names = HostNames::read(&Written::bare("soc.example")).unwrap();
        assert!(names.contains("Soc.Example"));
        assert!(!names.contains("example"));
    }
}
