use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DnType, Issuer, KeyPair, SignatureAlgorithm, date_time_ymd};

use x509_cert::der::Any;

use super::*;

fn made(by: &'static SignatureAlgorithm, change: impl Fn(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    change(&mut params);
    let own = KeyPair::generate().unwrap();
    let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate_for(by).unwrap());
    params.signed_by(&own, &issuer).unwrap().der().to_vec()
}

#[test]
fn the_digest_is_that_of_the_signature() {
    let check = |by: &'static SignatureAlgorithm, expected: Signed, octets: Option<usize>| {
        let certificate = made(by, |_| {});
        let signed = Certificate::read(&certificate).unwrap().signed;
        assert_eq!(signed, expected);
        assert_eq!(signed.end_point(&certificate).map(|digest| digest.len()), octets);
    };
    check(&rcgen::PKCS_ECDSA_P256_SHA256, Signed::Sha256, Some(32));
    check(&rcgen::PKCS_ECDSA_P384_SHA384, Signed::Sha384, Some(48));
    check(&rcgen::PKCS_ED25519, Signed::WithoutDigest, None);
}

/// Of RSASSA-PSS the digest is among the parameters.
#[test]
fn the_digest_of_pss_is_that_of_its_parameters() {
    let check = |parameters: Option<&[u8]>, expected: Signed| {
        let parameters = parameters.map(|octets| Any::from_der(octets).unwrap());
        assert_eq!(signed(&AlgorithmIdentifierOwned { oid: RSA_PSS, parameters }), expected);
    };
    check(None, Signed::Sha256);
    check(Some(&[0x30, 0]), Signed::Sha256);
    // [0] { SEQUENCE { OBJECT IDENTIFIER 2.16.840.1.101.3.4.2.x } }, then the length of the salt, as openssl writes it.
    for (last, expected) in [(1, Signed::Sha256), (2, Signed::Sha384), (3, Signed::Sha512), (4, Signed::Sha224)] {
        let digest = [0xa0, 13, 0x30, 11, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last];
        let salt = [0xa2, 3, 2, 1, 32];
        check(Some(&[&[0x30, 20], &digest[..], &salt].concat()), expected);
    }
    let unknown = [0x30, 9, 0xa0, 7, 0x30, 5, 0x06, 3, 0x2b, 0x0e, 3];
    check(Some(&unknown), Signed::WithoutDigest);
}

#[test]
fn names_and_times_are_read() {
    let by = &rcgen::PKCS_ECDSA_P256_SHA256;
    let certificate = made(by, |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "db.example");
        params.not_before = date_time_ymd(1999, 12, 31);
        params.not_after = date_time_ymd(2096, 2, 29);
    });
    let read = Certificate::read(&certificate).unwrap();
    assert_eq!(read.common_name.as_deref(), Some("db.example"));
    assert_eq!(read.valid, (946_598_400, 3_981_312_000));
    assert!(!read.has_alternative_names);
    let certificate =
        made(by, |params| params.subject_alt_names = vec![rcgen::SanType::DnsName("a".try_into().unwrap())]);
    assert!(Certificate::read(&certificate).unwrap().has_alternative_names);
    let other = |params: &mut CertificateParams| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0])];
    };
    assert!(!Certificate::read(&made(by, other)).unwrap().has_alternative_names);
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Certificate::read(&octets);
    }

    #[test]
    fn no_damaged_certificate_makes_it_panic(at in 0usize..400, octet: u8, end in 0usize..500) {
        let mut certificate = made(&rcgen::PKCS_ECDSA_P256_SHA256, |_| {});
        if let Some(place) = certificate.get_mut(at) {
            *place = octet;
        }
        let _ = Certificate::read(&certificate[..end.min(certificate.len())]);
    }
}
