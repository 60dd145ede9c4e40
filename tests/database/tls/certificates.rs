//! Certificates of servers: what their signatures mean for channel binding, for how long and for whom they hold.

use std::process::Command;

use flowsentry::exit::{Exit, chain};
use flowsentry::postgres::Disposition;
use rcgen::{
    BasicConstraints, CertificateRevocationListParams, DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair,
    RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::kit::{Authority, Made, PASSWORD, Server};

const BOUND: &str = "the password bound to the channel";

/// SCRAM with the password bound to the channel, which the server checks: a wrong digest is refused by it.
async fn binds(server: &Server, authority: &Authority) {
    let trusted = server.trusts(authority);
    for options in ["sslmode=require", "sslmode=verify-full", "sslmode=require ssl_max_protocol_version=TLSv1.2"] {
        let options = format!("{options} {trusted}");
        server.opens("bound", &format!("{options} channel_binding=require"), BOUND).await;
        server.opens("bound", &options, "channel binding offered").await;
        server.opens("bound", &format!("{options} channel_binding=disable"), "no channel binding").await;
    }
}

#[tokio::test]
async fn a_password_is_bound_to_the_channel_by_the_digest_of_the_certificate() {
    let users = Authority::new();
    let authority = Authority::signing_by(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut server = Server::start(&authority.server(), &users).await;
    binds(&server, &authority).await;
    let authority = Authority::signing_by(&rcgen::PKCS_ECDSA_P384_SHA384);
    server.take(&authority.server());
    binds(&server, &authority).await;

    // Signed by an RSA key, and by each digest. Such keys only `openssl` makes here.
    match Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output() {
        Ok(output) if output.status.success() => {
            let key = String::from_utf8(output.stdout).unwrap();
            for by in [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_RSA_SHA384, &rcgen::PKCS_RSA_SHA512] {
                let authority = Authority::with_key(KeyPair::from_pem_and_sign_algo(&key, by).unwrap(), by);
                server.take(&authority.server());
                binds(&server, &authority).await;
            }
        }
        other => println!("skipped: no RSA key without openssl: {other:?}"),
    }
}

#[tokio::test]
async fn ed25519_has_no_digest_so_nothing_is_bound_to_it() {
    let authority = Authority::signing_by(&rcgen::PKCS_ED25519);
    let server = Server::start(&authority.server(), &authority).await;
    let options = format!("sslmode=verify-full {}", server.trusts(&authority));
    server.opens("bound", &options, "certificate and name verified, no channel binding").await;
    let required = format!("{options} channel_binding=require");
    server.fails("bound", &required, "signed without a digest (as Ed25519)", "ECDSA or RSA certificate").await;
}

#[tokio::test]
async fn a_server_that_asks_for_no_password_does_not_keep_a_required_binding() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let options = format!("sslmode=verify-full channel_binding=require {}", server.trusts(&authority));
    server.fails("sheltered", &options, "channel_binding=require was not kept by db.test", "scram-sha-256").await;
    server.fails("bound", "password=wrong sslmode=require", "password authentication failed", "PGPASSWORD").await;
}

#[tokio::test]
async fn a_password_that_nobody_gave_is_told_and_asked_of_a_person() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let text = server.text("bound", "sslmode=require").replace(&format!("password={PASSWORD}"), "");
    let error = server.session_by(&text).await.err().unwrap();
    assert!(chain(&error).contains("wants a password, and none is given"), "{error}");
    assert!(error.hint().unwrap().contains("PGPASSWORD"));
    assert_eq!((error.disposition(), error.exit()), (Disposition::Fatal, Exit::Permission));
}

#[tokio::test]
async fn certificates_hold_for_their_time_and_until_they_are_revoked() {
    let authority = Authority::new();
    let mut server = Server::start(
        &authority.gives(&["db.test"], |params| params.not_after = date_time_ymd(2020, 1, 1)),
        &authority,
    )
    .await;
    let trusted = server.trusts(&authority);
    let verified = format!("sslmode=verify-full {trusted}");
    server.fails("sheltered", &verified, "it has expired", "renew the server's certificate").await;
    server.opens("sheltered", "sslmode=require", "not verified").await;
    server.take(&authority.gives(&["db.test"], |params| params.not_before = date_time_ymd(2090, 1, 1)));
    server.fails("sheltered", &verified, "it is not valid yet", "the clock of this machine").await;

    let serial = SerialNumber::from(77u64);
    server.take(&authority.gives(&["db.test"], |params| params.serial_number = Some(serial.clone())));
    let list = |number: u64, revoked_certs: Vec<RevokedCertParams>| {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&authority.issuer).unwrap().pem().unwrap()
    };
    let clean = list(1, Vec::new());
    let revoked = list(
        2,
        vec![RevokedCertParams {
            serial_number: serial,
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
    );
    let with_list = |path: &std::path::Path| format!("{verified} sslcrl={}", path.display());
    server.opens("sheltered", &with_list(&server.file("clean.crl", &clean)), "and name verified").await;
    server.fails("sheltered", &with_list(&server.file("revoked.crl", &revoked)), "it was revoked", "another").await;
    server.fails("sheltered", &with_list(&server.file("none.crl", "")), "none.crl has no list of revoked", "PEM").await;
    server.file(".postgresql/root.crl", &revoked);
    server.fails("sheltered", &verified, "it was revoked", "another certificate").await;
}

/// As PostgreSQL's documentation makes one: it signs itself, may sign others, and has a common name alone.
#[tokio::test]
async fn a_certificate_that_signs_itself_and_one_with_a_common_name_alone_do() {
    let key = KeyPair::generate().unwrap();
    let itself = |name: &str, until: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = date_time_ymd(until, 1, 1);
        Made { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let made = itself("db.test", 2090);
    let users = Authority::new();
    let mut server = Server::start(&made, &users).await;
    let root =
        |server: &Server, made: &Made| format!("sslrootcert={}", server.file("itself", &made.certificate).display());
    let options = format!("sslmode=verify-full {}", root(&server, &made));
    server.opens("bound", &format!("{options} channel_binding=require"), "and name verified").await;
    server.fails("bound", &format!("{options} host=other.test"), "not for other.test", "name the server").await;
    server
        .fails(
            "bound",
            &format!("sslmode=verify-ca {}", server.trusts(&users)),
            "it is an authority's own, and",
            "this very",
        )
        .await;
    let old = itself("db.test", 2020);
    server.take(&old);
    let options = format!("sslmode=verify-full {}", root(&server, &old));
    server.fails("bound", &options, "it has expired", "renew").await;

    // Signed by somebody else; with another name beside it, the common one is nothing.
    let trusted = format!("sslmode=verify-full {}", server.trusts(&users));
    server.take(&users.user("db.test"));
    server.opens("bound", &trusted, "and name verified").await;
    server.take(&users.gives(&["other.test"], |params| params.distinguished_name.push(DnType::CommonName, "db.test")));
    server.fails("bound", &trusted, "it is for other.test, not for db.test", "").await;
    server.take(&users.gives(&["127.0.0.1", "*.net.test"], |_| {}));
    server.opens("bound", &format!("{trusted} host=db.net.test"), "and name verified").await;
    server.fails("bound", &trusted, "it is for 127.0.0.1, *.net.test, not for db.test", "").await;
    server.opens("bound", &format!("{trusted} host=127.0.0.1"), "and name verified").await;
}
