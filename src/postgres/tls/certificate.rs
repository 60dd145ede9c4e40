//! What is read of a certificate that the library does not tell: how it was signed, until when it holds, its common name.
//!
//! Only as much of X.509 (RFC 5280) as that takes. Nothing is believed that was not verified before, and no octets make it
//! panic: whatever does not fit is no certificate.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// Parts of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Certificate {
    /// By what it was signed.
    pub signed: Signed,
    /// From and until when it holds, both included, in seconds since 1970.
    pub valid: (i64, i64),
    /// Its last common name.
    pub common_name: Option<String>,
    /// Whether it has alternative names, which then count alone.
    pub has_alternative_names: bool,
}

/// The digest of a signature, as far as channel binding asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signed {
    Sha224,
    /// MD5 and SHA-1 count as this one (RFC 5929, 4.1).
    Sha256,
    Sha384,
    Sha512,
    /// Ed25519 and its like have none, or it is not known: RFC 5929 says nothing of them.
    WithoutDigest,
}

impl Signed {
    /// `tls-server-end-point` of a certificate that was signed like this.
    pub fn end_point(self, certificate: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Sha224 => Some(Sha224::digest(certificate).to_vec()),
            Self::Sha256 => Some(Sha256::digest(certificate).to_vec()),
            Self::Sha384 => Some(Sha384::digest(certificate).to_vec()),
            Self::Sha512 => Some(Sha512::digest(certificate).to_vec()),
            Self::WithoutDigest => None,
        }
    }
}

const INTEGER: u8 = 0x02;
const IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const FIRST: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Kinds of text whose octets are ASCII or UTF-8: `UTF8String`, `PrintableString`, `T61String` as it is
/// used, `IA5String`.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 29, 17];
/// 1.2.840.113549.1.1, RSA's signatures.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// 1.2.840.10045.4, ECDSA's.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4];
/// 2.16.840.1.101.3.4.2, the SHA-2 family.
const SHA_2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];

impl Certificate {
    /// Of its DER octets.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut outer = Der(Der(octets).expect(SEQUENCE)?);
        let mut inner = Der(outer.expect(SEQUENCE)?);
        let signed = signed(outer.expect(SEQUENCE)?)?;
        inner.skip(FIRST);
        inner.expect(INTEGER)?;
        inner.expect(SEQUENCE)?; // the signature's algorithm again
        inner.expect(SEQUENCE)?; // the issuer
        let mut valid = Der(inner.expect(SEQUENCE)?);
        let valid = (time(valid.next()?)?, time(valid.next()?)?);
        let common_name = common_name(inner.expect(SEQUENCE)?);
        inner.expect(SEQUENCE)?; // the key
        let mut has_alternative_names = false;
        while let Some((tag, content)) = inner.next() {
            if tag == EXTENSIONS {
                let mut extensions = Der(Der(content).expect(SEQUENCE)?);
                while let Some(content) = extensions.expect(SEQUENCE) {
                    has_alternative_names |= Der(content).expect(IDENTIFIER)? == ALTERNATIVE_NAMES;
                }
            }
        }
        Some(Self { signed, valid, common_name, has_alternative_names })
    }
}

fn signed(algorithm: &[u8]) -> Option<Signed> {
    let mut parts = Der(algorithm);
    let name = parts.expect(IDENTIFIER)?;
    let found = match (name.strip_prefix(RSA), name.strip_prefix(ECDSA)) {
        // MD5 and SHA-1.
        (Some([4 | 5]), _) | (_, Some([1])) => Signed::Sha256,
        (Some([10]), _) => of_pss(parts).unwrap_or(Signed::Sha256),
        (Some([11]), _) | (_, Some([3, 2])) => Signed::Sha256,
        (Some([12]), _) | (_, Some([3, 3])) => Signed::Sha384,
        (Some([13]), _) | (_, Some([3, 4])) => Signed::Sha512,
        (Some([14]), _) | (_, Some([3, 1])) => Signed::Sha224,
        _ => Signed::WithoutDigest,
    };
    Some(found)
}

/// RSASSA-PSS names its digest among its parameters; without it is SHA-1.
fn of_pss(mut parameters: Der<'_>) -> Option<Signed> {
    let mut parameters = Der(parameters.expect(SEQUENCE)?);
    let mut digest = Der(Der(parameters.expect(FIRST)?).expect(SEQUENCE)?);
    match digest.expect(IDENTIFIER)?.strip_prefix(SHA_2)? {
        [1] => Some(Signed::Sha256),
        [2] => Some(Signed::Sha384),
        [3] => Some(Signed::Sha512),
        [4] => Some(Signed::Sha224),
        _ => Some(Signed::WithoutDigest),
    }
}

fn common_name(subject: &[u8]) -> Option<String> {
    let mut found = None;
    let mut sets = Der(subject);
    while let Some(set) = sets.expect(SET) {
        let mut attributes = Der(set);
        while let Some(attribute) = attributes.expect(SEQUENCE) {
            let mut attribute = Der(attribute);
            if attribute.expect(IDENTIFIER)? == COMMON_NAME {
                let (tag, text) = attribute.next()?;
                let text = Some(text).filter(|text| TEXTS.contains(&tag) && !text.contains(&0))?;
                found = Some(String::from_utf8(text.to_vec()).ok()?);
            }
        }
    }
    found
}

/// `[YY]YYMMDDhhmmssZ`; two digits of a year mean 1950 to 2049.
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let (year, rest) = match tag {
        UTC_TIME => text.split_at_checked(2)?,
        GENERALIZED_TIME => text.split_at_checked(4)?,
        _ => return None,
    };
    let number = |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()))?;
        text.parse::<i64>().ok()
    };
    let year = number(year)?;
    let year = if tag == UTC_TIME { year + if year < 50 { 2000 } else { 1900 } } else { year };
    let rest = rest.strip_suffix(b"Z").filter(|rest| rest.len() == 10)?;
    let mut parts = rest.chunks(2).map(number);
    let mut part = |range: std::ops::RangeInclusive<i64>| parts.next()?.filter(|part| range.contains(part));
    let (month, day) = (part(1..=12)?, part(1..=31)?);
    let (hour, minute, second) = (part(0..=23)?, part(0..=59)?, part(0..=59)?);
    // Days of the Gregorian calendar, years counted from March so that the leap day is the last one.
    let shifted = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400) + day_of_year;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Octets that are read value by value: tag, length, content.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (digits, rest) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, if it has this tag; otherwise nothing is read.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (_, content) = ahead.next().filter(|(found, _)| *found == tag)?;
        *self = ahead;
        Some(content)
    }

    fn skip(&mut self, tag: u8) {
        self.expect(tag);
    }
}

#[cfg(test)]
mod tests;
