//! What is kept of a DNS message: how the name that it asks for is made, and never the name itself.

use std::sync::LazyLock;

/// A DNS message by its first question. Letters of a name count as equal in both cases (RFC 4343).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dns {
    /// Whether it is an answer; everything else counts as a query.
    pub is_response: bool,
    /// Octets of the name, dots included, at most 255.
    pub octets: u8,
    /// Octets of its first label, which is where a tunnel puts its data.
    pub first_label_octets: u8,
    /// Digits in it.
    pub digits: u8,
    /// Shannon entropy of its characters, dots left out, in [`Dns::ENTROPY_UNIT`]: 0 to 8 bits a character.
    pub entropy: u16,
    /// Hash of the name.
    pub name: u32,
    /// Hash of its last two labels: of the domain, as far as that can be told without a list of all registries.
    pub domain: u32,
}

impl Dns {
    /// Bits of entropy a character that one step stands for.
    pub const ENTROPY_UNIT: f64 = 1.0 / 256.0;
    /// Longest name that DNS has, in octets; of a longer text the beginning is taken.
    const MAX_OCTETS: usize = 255;

    /// From the name as a sniffer writes it. Empty, it says nothing: `None`.
    ///
    /// ```
    /// use flowsentry::flow::packet::Dns;
    ///
    /// let query = Dns::of_name(b"www.example.org", false).unwrap();
    /// assert_eq!((query.octets, query.first_label_octets, query.digits), (15, 3, 0));
    /// assert_eq!(query.domain, Dns::of_name(b"MAIL.example.org.", true).unwrap().domain);
    /// assert_eq!(Dns::of_name(b"", false), None);
    /// ```
    pub fn of_name(name: &[u8], is_response: bool) -> Option<Self> {
        let name = name.trim_ascii_end(); // `char(n)` pads
        let name = name.strip_suffix(b".").unwrap_or(name);
        let name = &name[..name.len().min(Self::MAX_OCTETS)];
        let mut seen = Seen::new(name.len());
        // From its end, so that the hash of the domain is met on the way to that of the name.
        for (at, letter) in name.iter().enumerate().rev() {
            seen.add(at, letter.to_ascii_lowercase());
        }
        (!name.is_empty()).then(|| seen.summary(name.len(), is_response))
    }
}

/// `c · log2(c)` for every `c` up to the longest name, in 1/65,536: sums of it are exact in any order.
static SURPRISE: LazyLock<[u32; Dns::MAX_OCTETS + 1]> = LazyLock::new(|| {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 2^27, not negative
    let scaled = |count: usize| (count as f64 * (count.max(1) as f64).log2() * 65_536.0).round() as u32;
    std::array::from_fn(scaled)
});

/// What a walk over a name has met.
struct Seen {
    /// How often each character came.
    counts: [u8; 256],
    /// Σ of [`SURPRISE`] over `counts`.
    surprise: u32,
    characters: u8,
    digits: u8,
    hash: u64,
    domain: Option<u64>,
    dots: u8,
    first_dot: usize,
}

impl Seen {
    fn new(octets: usize) -> Self {
        Self {
            counts: [0; 256],
            surprise: 0,
            characters: 0,
            digits: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            domain: None,
            dots: 0,
            first_dot: octets,
        }
    }

    fn add(&mut self, at: usize, letter: u8) {
        if letter == b'.' {
            self.dots += 1;
            self.first_dot = at;
            if self.dots == 2 {
                self.domain = Some(self.hash);
            }
        } else {
            let count = &mut self.counts[usize::from(letter)];
            self.surprise += SURPRISE[usize::from(*count) + 1] - SURPRISE[usize::from(*count)];
            *count += 1;
            self.characters += 1;
            self.digits += u8::from(letter.is_ascii_digit());
        }
        // FNV-1a.
        self.hash = (self.hash ^ u64::from(letter)).wrapping_mul(0x0100_0000_01b3);
    }

    #[allow(clippy::cast_possible_truncation)] // octets are at most 255, the entropy 8 · 256
    fn summary(&self, octets: usize, is_response: bool) -> Dns {
        let missing = SURPRISE[usize::from(self.characters)].saturating_sub(self.surprise);
        Dns {
            is_response,
            octets: octets as u8,
            first_label_octets: self.first_dot as u8,
            digits: self.digits,
            entropy: (missing / u32::from(self.characters.max(1)) / 256) as u16,
            name: mixed(self.hash),
            domain: mixed(self.domain.unwrap_or(self.hash)),
        }
    }
}

/// 32 evenly spread bits: FNV's own upper ones are not.
fn mixed(hash: u64) -> u32 {
    let folded = (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (folded >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entropy_by_definition(name: &str) -> f64 {
        let mut counts = BTreeMap::<char, f64>::new();
        let characters = name.to_ascii_lowercase().replace('.', "");
        characters.chars().for_each(|character| *counts.entry(character).or_default() += 1.0);
        let all = characters.len() as f64;
        counts.values().map(|count| -(count / all) * (count / all).log2()).sum()
    }

    #[test]
    fn names_are_summed_up_as_one_computes_by_hand() {
        let check = |name: &str, octets: u8, first: u8, digits: u8, bits: f64| {
            let dns = Dns::of_name(name.as_bytes(), false).unwrap();
            assert_eq!((dns.octets, dns.first_label_octets, dns.digits), (octets, first, digits), "{name}");
            assert!((f64::from(dns.entropy) * Dns::ENTROPY_UNIT - bits).abs() < 0.01, "{name}: {}", dns.entropy);
        };
        check("a", 1, 1, 0, 0.0);
        check("ab", 2, 2, 0, 1.0);
        check("abcd.abcd", 9, 4, 0, 2.0);
        check("aabb.aabb.org", 13, 4, 0, entropy_by_definition("aabb.aabb.org"));
        check("0123456789", 10, 10, 10, 10f64.log2());
        check("example.org.", 11, 7, 0, entropy_by_definition("example.org"));
        check("example.org   ", 11, 7, 0, entropy_by_definition("example.org"));
        check(&"x".repeat(400), 255, 255, 0, 0.0);
        check(&".".repeat(300), 255, 0, 0, 0.0);
    }

    #[test]
    fn names_and_domains_are_known_again() {
        let dns = |name: &str| Dns::of_name(name.as_bytes(), false).unwrap();
        assert_eq!(dns("www.Example.org"), dns("WWW.example.ORG."));
        assert_ne!(dns("www.example.org").name, dns("ftp.example.org").name);
        assert_eq!(dns("www.example.org").domain, dns("a.b.c.example.org").domain);
        assert_eq!(dns("www.example.org").domain, dns("example.org").domain);
        assert_ne!(dns("example.org").domain, dns("example.com").domain);
        assert_eq!(dns("localhost").name, dns("localhost").domain);
    }

    proptest! {
        #[test]
        fn entropy_is_shannons(name in "[a-z0-9.-]{1,60}|[a-c.]{1,250}") {
            let dns = Dns::of_name(name.as_bytes(), false);
            let bits = dns.map_or(0.0, |dns| f64::from(dns.entropy) * Dns::ENTROPY_UNIT);
            prop_assert!((bits - entropy_by_definition(&name)).abs() < 0.01, "{} {}", bits, entropy_by_definition(&name));
        }

        #[test]
        fn any_octets_are_a_name(name in prop::collection::vec(any::<u8>(), 0..600), is_response: bool) {
            if let Some(dns) = Dns::of_name(&name, is_response) {
                prop_assert!(dns.first_label_octets <= dns.octets && dns.digits <= dns.octets && dns.entropy <= 8 * 256);
            }
        }
    }
}
