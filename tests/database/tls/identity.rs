//! Certificates of ours: by them we log in, and what is wrong with them is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::kit::{Authority, Made, Server};

#[tokio::test]
async fn a_certificate_logs_us_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.server(), &authority).await;
    let verified = format!("sslmode=verify-full {}", server.trusts(&authority));
    let known = authority.user("known");
    let shown = server.shows(&known);
    let session = server.opens("known", &format!("{verified} {shown}"), "and name verified").await;
    let sql = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(session.client.query_one(sql, &[]).await.unwrap().get::<_, &str>(0), "/CN=known");

    server.fails("known", &verified, "requires a valid client certificate", "sslcert, sslkey").await;
    let disabled = format!("{verified} {shown} sslcertmode=disable");
    server.fails("known", &disabled, "requires a valid client certificate", "sslcert, sslkey").await;
    let of_somebody_else = server.shows(&authority.user("bound"));
    server
        .fails("known", &format!("{verified} {of_somebody_else}"), "certificate authentication failed", "common name")
        .await;
    let of_another_authority = server.shows(&other.user("known"));
    for version in ["", "ssl_max_protocol_version=TLSv1.2"] {
        let options = format!("{verified} {of_another_authority} {version}");
        server.fails("known", &options, "ended TLS with the alert UnknownCA", "ssl_ca_file").await;
    }
    // By themselves, at their usual places.
    server.file(".postgresql/postgresql.crt", &known.certificate);
    server.file(".postgresql/postgresql.key", &known.key);
    server.opens("known", &verified, "and name verified").await;
    server.opens("sheltered", &verified, "and name verified").await;
    fs::remove_file(server.home.path().join(".postgresql/postgresql.key")).unwrap();
    server.fails("known", &verified, "sslkey: ", "name PEM files").await;
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let (one, two) = (authority.user("known"), authority.user("known"));
    let mixed = server.shows(&Made { certificate: one.certificate.clone(), key: two.key });
    server.fails("known", &format!("sslmode=require {mixed}"), "does not go with sslcert", "made together").await;
    let shown = server.shows(&one);
    let key = shown.split("sslkey=").nth(1).unwrap().to_owned();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let words = format!("sslkey: {key} may be read by others");
    server.fails("known", &format!("sslmode=require {shown}"), &words, &format!("chmod 0600 {key}")).await;
    // Not even where TLS need not be: that something is wrong is not to be overlooked.
    server.fails("known", &format!("sslmode=prefer {shown}"), &words, &format!("chmod 0600 {key}")).await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    server.opens("known", &format!("sslmode=require {shown}"), "not verified").await;
    let gone = "sslmode=require sslcert=/nonexistent/c sslkey=/nonexistent/k";
    server.fails("known", gone, "sslcert: /nonexistent/c cannot be read", "name PEM files").await;
}
