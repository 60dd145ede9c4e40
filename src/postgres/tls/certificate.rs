//! What is read of a certificate that the library does not tell: how it was signed, until when it holds, its common name.
//!
//! Nothing is believed that was not verified before, and no octets make it panic: whatever does not fit is no certificate.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{ContextSpecific, ObjectIdentifier};
use x509_cert::der::{Decode, Reader, Tag, TagNumber, Tagged};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

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

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// Algorithms of signatures (RFC 3279, 4055 and 5758) and of digests (RFC 5754), and the digest of each.
const DIGESTS: [(ObjectIdentifier, Signed); 16] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), Signed::Sha256), // RSA with MD5
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), Signed::Sha256), // RSA with SHA-1
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), Signed::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), Signed::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), Signed::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"), Signed::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), Signed::Sha256), // ECDSA with SHA-1
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.1"), Signed::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), Signed::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), Signed::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"), Signed::Sha512),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), Signed::Sha256), // SHA-1
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), Signed::Sha256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), Signed::Sha384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), Signed::Sha512),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), Signed::Sha224),
];

impl Certificate {
    /// Of its DER octets.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(octets).ok()?;
        let inner = certificate.tbs_certificate();
        let seconds = |time: Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
        let extensions = inner.extensions().map_or(&[][..], Vec::as_slice);
        Some(Self {
            signed: signed(certificate.signature_algorithm()),
            valid: (seconds(inner.validity().not_before)?, seconds(inner.validity().not_after)?),
            common_name: inner.subject().iter().filter(|name| name.oid == COMMON_NAME).last().and_then(text),
            has_alternative_names: extensions.iter().any(|extension| extension.extn_id == ALTERNATIVE_NAMES),
        })
    }
}

fn signed(algorithm: &AlgorithmIdentifierOwned) -> Signed {
    let name = if algorithm.oid == RSA_PSS {
        match digest_of_pss(algorithm) {
            Some(name) => name,
            // Without parameters it is SHA-1.
            None => return Signed::Sha256,
        }
    } else {
        algorithm.oid
    };
    DIGESTS.iter().find(|(known, _)| *known == name).map_or(Signed::WithoutDigest, |(_, digest)| *digest)
}

/// RSASSA-PSS names its digest first among its parameters (RFC 4055, 3.1).
fn digest_of_pss(algorithm: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    let parameters = algorithm.parameters.as_ref()?;
    let digest = parameters.sequence(|reader| {
        let digest = ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(reader, TagNumber(0))?;
        reader.read_slice(reader.remaining_len())?;
        Ok::<_, x509_cert::der::Error>(digest)
    });
    Some(digest.ok()??.value.oid)
}

/// Of those kinds of text whose octets are ASCII or UTF-8.
fn text(name: &AttributeTypeAndValue) -> Option<String> {
    const TEXTS: [Tag; 4] = [Tag::Utf8String, Tag::PrintableString, Tag::TeletexString, Tag::Ia5String];
    let octets = Some(name.value.value()).filter(|octets| TEXTS.contains(&name.value.tag()) && !octets.contains(&0))?;
    String::from_utf8(octets.to_vec()).ok()
}

#[cfg(test)]
mod tests;
