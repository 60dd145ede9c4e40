use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DnType, Issuer, KeyPair, SignatureAlgorithm, date_time_ymd};

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

/// Identifiers of RFC 3279, 4055 and 5758, as `openssl asn1parse` shows them.
#[test]
fn all_algorithms_of_signatures_are_known_by_their_identifiers() {
    let check = |algorithm: &[u8], expected: Signed| assert_eq!(signed(algorithm), Some(expected), "{algorithm:02x?}");
    let identifier = |octets: &[u8]| [&[IDENTIFIER, u8::try_from(octets.len()).unwrap()], octets].concat();
    let rsa = |last: u8| identifier(&[RSA, &[last]].concat());
    let ecdsa = |last: &[u8]| identifier(&[ECDSA, last].concat());
    check(&rsa(4), Signed::Sha256);
    check(&rsa(5), Signed::Sha256);
    check(&rsa(11), Signed::Sha256);
    check(&rsa(12), Signed::Sha384);
    check(&rsa(13), Signed::Sha512);
    check(&rsa(14), Signed::Sha224);
    check(&ecdsa(&[1]), Signed::Sha256);
    check(&ecdsa(&[3, 1]), Signed::Sha224);
    check(&ecdsa(&[3, 2]), Signed::Sha256);
    check(&ecdsa(&[3, 3]), Signed::Sha384);
    check(&ecdsa(&[3, 4]), Signed::Sha512);
    check(&identifier(&[0x2b, 101, 112]), Signed::WithoutDigest);
    check(&identifier(&[0x2b, 101, 113]), Signed::WithoutDigest);
    // RSASSA-PSS: without parameters by SHA-1, otherwise by the digest they name.
    check(&[rsa(10), vec![SEQUENCE, 0]].concat(), Signed::Sha256);
    for (last, expected) in [(1, Signed::Sha256), (2, Signed::Sha384), (3, Signed::Sha512), (4, Signed::Sha224)] {
        let digest = identifier(&[SHA_2, &[last]].concat());
        let wrapped = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
        let parameters = wrapped(SEQUENCE, &wrapped(FIRST, &wrapped(SEQUENCE, &digest)));
        check(&[rsa(10), parameters].concat(), expected);
    }
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

#[test]
fn times_are_those_of_the_calendar() {
    let check = |text: &str, expected: Option<i64>| {
        let tag = if text.len() > 13 { GENERALIZED_TIME } else { UTC_TIME };
        assert_eq!(time((tag, text.as_bytes())), expected, "{text}");
    };
    check("700101000000Z", Some(0));
    check("691231235959Z", Some(-1));
    check("000229120000Z", Some(951_825_600));
    check("491231235959Z", Some(2_524_607_999));
    check("500101000000Z", Some(-631_152_000));
    check("20500101000000Z", Some(2_524_608_000));
    check("700101000000", None);
    check("7001010000Z", None);
    check("701301000000Z", None);
    check("70+101000000Z", None);
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
