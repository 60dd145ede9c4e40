use std::os::unix::fs::PermissionsExt;

use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGwN3xKbsdJPBMFBKLhNFDDxtRLuTjV6o0hP4TJQHnQB\n-----END PRIVATE KEY-----\n";

fn own() -> String {
    rcgen::generate_simple_self_signed(vec!["us".to_owned()]).unwrap().cert.pem()
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("c"), directory.path().join("k"));
    fs::write(&certificate, own()).unwrap();
    fs::write(&key, KEY).unwrap();
    let files = Identity { certificate, key: key.clone(), given: true };
    let is_roots = fs::metadata(&key).unwrap().uid() == 0;
    for (mode, used) in
        [(0o600, true), (0o400, true), (0o640, is_roots), (0o660, false), (0o644, false), (0o604, false)]
    {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        match identity(&files) {
            Ok(Some(_)) => assert!(used, "{mode:o}"),
            Err(error @ TlsError::WideKey { .. }) => {
                assert!(!used, "{mode:o}");
                assert!(error.hint().contains(&format!("chmod 0600 {}", key.display())), "{}", error.hint());
            }
            other => panic!("{mode:o}: {other:?}"),
        }
    }
}

#[test]
fn files_that_cannot_be_used_are_named_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("c"), directory.path().join("k"));
    let files = Identity { certificate: certificate.clone(), key: key.clone(), given: true };
    let check = |certificate_text: Option<&str>, key_text: Option<&str>, expected: &str| {
        for (path, text) in [(&certificate, certificate_text), (&key, key_text)] {
            fs::remove_file(path).ok();
            if let Some(text) = text {
                fs::write(path, text).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let error = identity(&files).unwrap_err();
        let text = format!("{error} {error:?} {}", error.hint());
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("MC4CAQ"), "{text}");
    };
    let own = own();
    check(None, None, &format!("sslcert: {} cannot be read: No such file", certificate.display()));
    check(Some(&own), None, &format!("sslkey: {} cannot be read: No such file", key.display()));
    check(Some("hunter2"), Some(KEY), "has no certificate in PEM form");
    check(Some("-----BEGIN CERTIFICATE-----\nhunter2"), Some(KEY), "is no sound PEM file");
    check(Some("-----BEGIN hunter2"), Some(KEY), "PEM");
    check(Some(&own), Some("hunter2"), "has no private key in PEM form");
    check(Some(&own), Some("-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----"), "has no private key");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check(Some(&own), Some(encrypted), "has a key with a password, which is not supported");
    assert!(certificates("sslrootcert", directory.path()).unwrap_err().to_string().contains("is no plain file"));
    // Where nobody names one, we have none.
    assert!(identity(&Identity { certificate: "/nonexistent".into(), key, given: false }).unwrap().is_none());
}
