//! Several hosts: the first that is what it has to be, each verified by its own name.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use flowsentry::exit::chain;
use flowsentry::postgres::{Database, PostgresError, Session};
use flowsentry::sandbox::Options;

use super::kit::{Authority, Server, database};
use crate::kit::{LIMITS, ask};

/// Two servers with certificates for `one.test` and `two.test`; the first one only reads.
async fn two(authority: &Authority, standby: bool) -> (Server, Server) {
    let mut one = Server::start(&authority.gives(&["one.test"], |_| {}), authority).await;
    let two = Server::start(&authority.gives(&["two.test"], |_| {}), authority).await;
    if standby {
        // In recovery for good: there is nothing to follow.
        let signal = one.postgres.directory().join("data/standby.signal");
        fs::write(&signal, "").unwrap();
        let data = fs::metadata(one.postgres.directory().join("data")).unwrap();
        chown(&signal, Some(data.uid()), Some(data.gid())).unwrap();
    } else {
        one.set("default_transaction_read_only = on");
    }
    one.restart();
    (one, two)
}

struct Hosts<'a> {
    names: [&'a str; 2],
    one: &'a Server,
    two: &'a Server,
    root: String,
}

impl Hosts<'_> {
    fn database(&self, options: &str) -> Database {
        let (ports, names) = ([self.one.postgres.port(), self.two.postgres.port()], self.names);
        let text = format!(
            "host={},{} hostaddr=127.0.0.1,127.0.0.1 port={},{} dbname=postgres user=sheltered {} {options}",
            names[0], names[1], ports[0], ports[1], self.root
        );
        database(&text, self.one.home.path(), LIMITS)
    }

    async fn session(&self, options: &str) -> Result<Session, PostgresError> {
        self.database(options).session("test").await
    }

    async fn leads_to(&self, options: &str, server: &Server) {
        let session = self.session(options).await.unwrap_or_else(|error| panic!("{options}: {}", chain(&error)));
        let port = ask(&session.client, "SELECT inet_server_port()").await;
        assert_eq!(port, server.postgres.port().to_string(), "{options}");
    }

    async fn fails(&self, options: &str, words: &str) {
        let error = self.session(options).await.expect_err(options);
        assert!(chain(&error).contains(words), "{options}: {}", chain(&error));
    }
}

#[tokio::test]
async fn the_first_server_that_writes_is_taken_by_its_own_name() {
    let authority = Authority::new();
    let (one, two) = two(&authority, false).await;
    let root = format!("sslmode=verify-full {}", one.trusts(&authority));
    let hosts = Hosts { names: ["one.test", "two.test"], one: &one, two: &two, root };
    hosts.leads_to("", &one).await;
    hosts.leads_to("target_session_attrs=any", &one).await;
    hosts.leads_to("target_session_attrs=read-write", &two).await;
    hosts.leads_to("target_session_attrs=read-only", &one).await;
    // It only reads by its default, and is no standby.
    hosts.leads_to("target_session_attrs=primary", &one).await;
    hosts.fails("target_session_attrs=standby", "the server is no standby").await;
    let pool = hosts.database("target_session_attrs=read-write").pool(1).unwrap();
    let pooled = pool.get().await.unwrap();
    assert_eq!(ask(&pooled, "SELECT inet_server_port()").await, two.postgres.port().to_string());

    let swapped = Hosts { names: ["two.test", "one.test"], ..hosts };
    swapped.fails("", "it is for one.test, not for two.test").await;
    swapped.leads_to("sslmode=verify-ca", &one).await;
    // The first is not who it should be, the second is.
    let half = Hosts { names: ["other.test", "two.test"], ..swapped };
    half.leads_to("", &two).await;
}

#[tokio::test]
async fn a_standby_is_passed_over_and_its_promotion_noticed() {
    let authority = Authority::new();
    let (one, two) = two(&authority, true).await;
    let root = format!("sslmode=verify-full {}", one.trusts(&authority));
    let mut hosts = Hosts { names: ["one.test", "two.test"], one: &one, two: &two, root };
    hosts.leads_to("target_session_attrs=any", &one).await;
    hosts.leads_to("target_session_attrs=standby", &one).await;
    hosts.leads_to("target_session_attrs=read-only", &one).await;
    hosts.leads_to("target_session_attrs=read-write", &two).await;
    hosts.leads_to("target_session_attrs=primary", &two).await;
    // A server that is not there at all is passed over too.
    let gone = Server::plain(Options::default()).await;
    let gone_port = gone.postgres.port();
    drop(gone);
    let text =
        one.text("sheltered", "").replace(&format!("port={}", one.postgres.port()), &format!("port={gone_port}"));
    assert!(database(&text, one.home.path(), LIMITS).session("test").await.is_err());
    let three = format!(
        "host=gone.test,one.test,two.test hostaddr=127.0.0.1,127.0.0.1,127.0.0.1 port={gone_port},{},{} dbname=postgres \
         user=sheltered target_session_attrs=read-write {}",
        one.postgres.port(),
        two.postgres.port(),
        hosts.root
    );
    let session = database(&three, one.home.path(), LIMITS).session("test").await.unwrap();
    assert_eq!(ask(&session.client, "SELECT inet_server_port()").await, two.postgres.port().to_string());

    let admin = one.session("flowsentry", "sslmode=disable").await.unwrap();
    assert_eq!(ask(&admin.client, "SELECT pg_promote()").await, "true");
    hosts.names = ["one.test", "two.test"];
    hosts.leads_to("target_session_attrs=read-write", &one).await;
}
