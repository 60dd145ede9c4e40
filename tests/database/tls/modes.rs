//! `sslmode` means what it means to libpq, with a server that speaks TLS and with one that does not.

use flowsentry::exit::chain;
use flowsentry::sandbox::Options;

use super::kit::{Authority, NAME, Server, database};
use crate::kit::LIMITS;

const PLAIN: &str = "not encrypted";
const UNVERIFIED: &str = "certificate not verified";
const OF_AUTHORITY: &str = "certificate verified, its name not";
const OF_NAME: &str = "certificate and name verified";

#[tokio::test]
async fn each_mode_does_what_libpq_says() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.server(), &authority).await;
    let (trusted, mistrusted) = (server.trusts(&authority), server.trusts(&other));
    let all = |mode: &str, root: &str| format!("sslmode={mode} {root}");

    server.opens("open", "sslmode=disable", PLAIN).await;
    server.fails("sheltered", "sslmode=disable", "no pg_hba.conf entry", "without TLS: say sslmode=verify-full").await;
    // The one way first, then the other.
    server.opens("open", "sslmode=allow", PLAIN).await;
    server.opens("sheltered", "sslmode=allow", UNVERIFIED).await;
    server.opens("sheltered", "sslmode=prefer", UNVERIFIED).await;
    server.opens("open", "sslmode=prefer", PLAIN).await;
    server.opens("sheltered", "", "(sslmode=prefer)").await;
    server.fails("nobody", "sslmode=prefer", "no pg_hba.conf entry", "pg_hba.conf").await;
    server.opens("sheltered", "sslmode=require", UNVERIFIED).await;
    server.fails("open", "sslmode=require", "no pg_hba.conf entry", "pg_hba.conf").await;

    server.fails("sheltered", "sslmode=verify-ca", "no root certificate to verify db.test:", "sslrootcert=FILE").await;
    server.opens("sheltered", &all("verify-ca", &trusted), OF_AUTHORITY).await;
    server.opens("sheltered", &all("verify-ca host=other.test", &trusted), OF_AUTHORITY).await;
    server.fails("sheltered", &all("verify-ca", &mistrusted), "has signed it", "sslrootcert=FILE").await;

    server.opens("sheltered", &all("verify-full", &trusted), OF_NAME).await;
    server.fails("sheltered", &all("verify-full", &mistrusted), "has signed it", "sslrootcert=FILE").await;
    let other_name = all("verify-full host=other.test", &trusted);
    server.fails("sheltered", &other_name, "it is for db.test, not for other.test", "name the server as its").await;
    let address = all("verify-full host=127.0.0.1", &trusted);
    server.fails("sheltered", &address, "it is for db.test, not for 127.0.0.1", "hostaddr for the address").await;
    // Without a root certificate of ours those of the system count, and none of them has signed this one.
    for options in ["sslmode=verify-full", "sslrootcert=system"] {
        server.fails("sheltered", options, "nobody of the system's authorities has signed it", "").await;
    }

    // A root certificate that is there is used whatever the mode.
    server.opens("sheltered", &all("require", &trusted), OF_AUTHORITY).await;
    server.fails("sheltered", &all("require", &mistrusted), "has signed it", "sslrootcert=FILE").await;
    server.fails("sheltered", &all("prefer", &mistrusted), "has signed it", "sslrootcert=FILE").await;
    server.opens("open", &all("prefer", &mistrusted), PLAIN).await;
    server.file(".postgresql/root.crt", &other.certificate);
    server.fails("sheltered", "sslmode=require", ".postgresql/root.crt has signed it", "sslrootcert=FILE").await;
    server.file(".postgresql/root.crt", &authority.certificate);
    server.opens("sheltered", "sslmode=verify-full", OF_NAME).await;
    server.opens("sheltered", "sslmode=require", OF_AUTHORITY).await;

    let missing = all("require", "sslrootcert=/nonexistent/root");
    server.fails("sheltered", &missing, "sslrootcert: /nonexistent/root cannot be read", "name a PEM file").await;
    let nonsense = format!("sslmode=verify-full sslrootcert={}", server.file("nonsense", "nothing").display());
    server.fails("sheltered", &nonsense, "nonsense has no certificate in PEM form", "name a PEM file").await;
}

#[tokio::test]
async fn a_server_without_tls_is_used_only_where_that_may_be() {
    let server = Server::plain(Options::default()).await;
    let admin = server.session("flowsentry", "sslmode=disable").await.unwrap();
    crate::kit::run(&admin.client, "SELECT pg_reload_conf()").await;
    for mode in ["disable", "allow", "prefer"] {
        server.opens("flowsentry", &format!("sslmode={mode}"), PLAIN).await;
    }
    server.opens("flowsentry", "", "(sslmode=prefer)").await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let words =
            format!("{NAME}:{} does not speak TLS (ssl = off), and sslmode={mode} wants it", server.postgres.port());
        server.fails("flowsentry", &format!("sslmode={mode}"), &words, "ssl = on").await;
    }
    let words = "channel_binding=require cannot be kept";
    for options in
        ["channel_binding=require", "sslmode=allow channel_binding=require", "sslmode=disable channel_binding=require"]
    {
        server.fails("flowsentry", options, words, "sslmode=verify-full").await;
    }
    let (directory, port) = (server.postgres.directory().display(), server.postgres.port());
    let socket = format!("host={directory} port={port} dbname=postgres user=flowsentry");
    let open = |text: &str| database(text, server.home.path(), LIMITS);
    let session = open(&format!("{socket} sslmode=verify-full")).session("test").await.unwrap();
    assert_eq!(session.protection().shown(), "a local socket");
    let error = open(&format!("{socket} channel_binding=require")).session("test").await.unwrap_err();
    assert!(chain(&error).contains(words), "{}", chain(&error));
}

#[tokio::test]
async fn versions_of_tls_are_kept_to() {
    let authority = Authority::new();
    let mut server = Server::start(&authority.server(), &authority).await;
    server.opens("sheltered", "sslmode=require", "TLSv1.3").await;
    server.opens("sheltered", "sslmode=require ssl_max_protocol_version=TLSv1.2", "TLSv1.2").await;
    server.set("ssl_max_protocol_version = 'TLSv1.2'");
    server.restart();
    server.opens("sheltered", "sslmode=require", "TLSv1.2").await;
    let newer = "sslmode=require ssl_min_protocol_version=TLSv1.3";
    server.fails("sheltered", newer, "alert ProtocolVersion", "ssl_min_protocol_version").await;
}

/// All kinds of sessions are opened by the same code; the pool's too.
#[tokio::test]
async fn all_sessions_go_through_tls() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let database = server.database("sheltered", &format!("sslmode=verify-full {}", server.trusts(&authority)));
    let is_within = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let (bare, _bell) = database.bare_session("test").await.unwrap();
    assert!(bare.client.query_one(is_within, &[]).await.unwrap().get::<_, bool>(0));
    let (listening, mut rung) = database.listening_session("test", "news").await.unwrap();
    assert!(listening.client.query_one(is_within, &[]).await.unwrap().get::<_, bool>(0));
    let pool = database.pool(2).unwrap();
    let pooled = pool.get().await.unwrap();
    assert!(pooled.query_one(is_within, &[]).await.unwrap().get::<_, bool>(0));
    pooled.batch_execute("NOTIFY news").await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), rung.recv()).await.unwrap().unwrap();
    // More than fits into a record of TLS, in both directions.
    let long = "x".repeat(3_000_000);
    let row = bare.client.query_one("SELECT $1::text", &[&long]).await.unwrap();
    assert!(row.get::<_, &str>(0) == long);
}
