//! One private server a run, or the one that `flowsentry sandbox` gave us; a database a test.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowsentry::sandbox::{Options, PrivatePostgres, differences};
use futures::SinkExt;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Row};

use super::Listener;

/// The tables of a test's database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tables {
    /// Made by `flowsentry migrate`.
    Ours,
    /// The existing system's, adopted.
    Adopted,
    /// The existing system's, untouched.
    Existing,
    /// None.
    None,
}

/// A database of a test's own, and a session in it.
pub struct Database {
    pub url: String,
    runtime: Runtime,
    client: Client,
}

const EXISTING: &str = include_str!("existing.sql");

impl Database {
    /// On the run's common server.
    pub fn new(tables: Tables) -> Self {
        Self::on(server(), tables)
    }

    /// On the server that this URL, of any database there, names.
    pub fn on(server: &str, tables: Tables) -> Self {
        Self::created(server, tables, "")
    }

    /// In another encoding than UTF-8.
    pub fn in_encoding(tables: Tables, encoding: &str) -> Self {
        Self::created(server(), tables, &format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"))
    }

    fn created(server: &str, tables: Tables, options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("promise_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::at(server).execute(&format!("CREATE DATABASE {name} {options}"));
        let (base, _) = server.rsplit_once('/').unwrap();
        let this = Self::at(&format!("{base}/{name}"));
        match tables {
            Tables::Ours => this.migrate(&[]),
            Tables::Existing => this.execute(EXISTING),
            Tables::Adopted => {
                this.execute(EXISTING);
                this.migrate(&["--adopt"]);
            }
            Tables::None => {}
        }
        this
    }

    /// One that is there already.
    pub fn at(url: &str) -> Self {
        Self::try_at(url).unwrap_or_else(|| panic!("no session with {url}"))
    }

    /// The same, unless the server lets nobody in just now.
    pub fn try_at(url: &str) -> Option<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(try_connect(url)).ok()?;
        Some(Self { url: url.to_owned(), runtime, client })
    }

    /// A new session after the server was restarted.
    pub fn reconnect(&mut self) {
        self.client = self.runtime.block_on(connect(&self.url));
    }

    /// `flowsentry migrate` with these arguments; it must succeed.
    pub fn migrate(&self, arguments: &[&str]) {
        let output = self.command("migrate").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The binary with this database in its environment and no other settings.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
        command.arg(name).env_clear().env("DATABASE_URL", &self.url).env("PATH", "/usr/bin:/bin");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    }

    /// Runs statements.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs statements that may fail; whether they did not.
    pub fn try_execute(&self, sql: &str) -> bool {
        self.runtime.block_on(self.client.batch_execute(sql)).is_ok()
    }

    /// Rows of a query.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Row> {
        self.runtime.block_on(self.client.query(sql, &[])).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The one number that a query gives.
    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        self.query(&format!("SELECT coalesce(({sql})::bigint, 0)"))[0].get(0)
    }

    /// Stored flows that are not what the packets give.
    #[track_caller]
    pub fn differences(&self) -> Vec<String> {
        self.runtime.block_on(differences(&self.client)).unwrap()
    }

    /// Another session, which listens on a channel.
    pub fn listen(&self, channel: &str) -> Listener {
        self.runtime.block_on(Listener::on(&self.url, channel))
    }

    /// A session in another database of the server, for what cannot be done from within.
    pub fn beside(&self) -> Session<'_> {
        let (base, _) = self.url.rsplit_once('/').unwrap();
        let client = self.runtime.block_on(connect(&format!("{base}/postgres")));
        Session { client, runtime: &self.runtime }
    }

    /// Another session, driven by this database's runtime.
    pub fn session(&self) -> Session<'_> {
        Session { client: self.runtime.block_on(connect(&self.url)), runtime: &self.runtime }
    }
}

/// A further session.
pub struct Session<'a> {
    client: Client,
    runtime: &'a Runtime,
}

impl Session<'_> {
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

impl Session<'_> {
    /// Runs statements one a message, outside any common transaction but those that they begin themselves.
    #[track_caller]
    pub fn execute_each(&self, sql: &str) {
        let statements = if sql.contains("$$") { vec![sql] } else { sql.split_inclusive(';').collect() };
        statements.into_iter().filter(|statement| !statement.trim().is_empty()).for_each(|one| self.execute(one));
    }

    /// COPY … FROM STDIN of text lines, the stream held open for a while in its middle.
    #[track_caller]
    pub fn copy_slowly(&self, sql: &str, lines: &[String], hold: Duration) {
        self.runtime.block_on(async {
            let mut sink = Box::pin(self.client.copy_in::<_, Bytes>(sql).await.unwrap());
            let (first, rest) = lines.split_at(lines.len() / 2);
            sink.send(Bytes::from(first.concat())).await.unwrap();
            sink.flush().await.unwrap();
            tokio::time::sleep(hold).await;
            sink.send(Bytes::from(rest.concat())).await.unwrap();
            sink.as_mut().finish().await.unwrap();
        });
    }

    /// The ids that a query gives.
    #[track_caller]
    pub fn ids(&self, sql: &str) -> Vec<i64> {
        let rows = self.runtime.block_on(self.client.query(sql, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap()
}

async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    // The server's user is called flowsentry, so its default would be our schema.
    client.batch_execute("SET search_path = public").await?;
    Ok(client)
}

#[allow(clippy::disallowed_methods)] // the run's own server is told by the environment
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Option<PrivatePostgres>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("FLOWSENTRY_TEST_DATABASE_URL") {
            return (url, None);
        }
        let options = Options { max_prepared_transactions: 20, ..Options::default() };
        let server = PrivatePostgres::start(options).unwrap();
        (server.url("postgres"), Some(server))
    });
    url
}
