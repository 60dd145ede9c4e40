//! One server, and a database for each test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flowsentry::config::Environment;
use flowsentry::postgres::adoption::Tables;
use flowsentry::postgres::migrations::migrate;
use flowsentry::postgres::schema_change::{Outcome, Patience};
use flowsentry::postgres::{Database, Limits, PostgresError, Session};
use flowsentry::sandbox::{Options, PrivatePostgres};
use tokio_postgres::Client;

pub const LIMITS: Limits = Limits {
    connect_timeout: Duration::from_secs(5),
    lock_timeout: Duration::from_secs(5),
    statement_timeout: Duration::from_secs(30),
    answer_limit: None,
};

/// Does not make a test wait.
pub const IMPATIENT: Patience =
    Patience { lock_timeout: Duration::from_millis(100), attempts: 3, pause: Duration::from_millis(10) };

/// A URL that ends with `/postgres`.
fn server() -> String {
    static SERVER: OnceLock<(String, Option<PrivatePostgres>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        if let Some(url) = Environment::of_process().get("FLOWSENTRY_TEST_DATABASE_URL") {
            return (url.to_owned(), None);
        }
        let options = Options { max_connections: 200, max_prepared_transactions: 10, ..Options::default() };
        let server = PrivatePostgres::start(options).unwrap();
        (server.url("postgres"), Some(server))
    });
    url.clone()
}

/// A database that resolves through `url` alone.
pub fn at(url: &str) -> Database {
    Database::resolve(Some(url), &Environment::default(), LIMITS).unwrap()
}

/// The server's database `postgres`.
pub fn admin() -> Database {
    at(&server())
}

/// The server's host and port.
pub fn server_address() -> String {
    let server = server();
    let (_, place) = server.rsplit_once('@').unwrap();
    place.split_once('/').unwrap().0.to_owned()
}

/// The server's URL with another user.
pub fn url_as(user: &str, database: &str) -> String {
    let server = server();
    let (_, place) = server.rsplit_once('@').unwrap();
    let (hosts, _) = place.split_once('/').unwrap();
    format!("postgresql://{user}@{hosts}/{database}")
}

/// Name and way to an empty database of the test's own.
pub async fn fresh_database() -> (String, Database) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let session = admin().session("test").await.unwrap();
    run(&session.client, &format!("CREATE DATABASE {name}")).await;
    let database = admin().named(&name);
    (name, database)
}

pub async fn session(database: &Database) -> Session {
    database.session("test").await.unwrap()
}

pub async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {:?}", error.as_db_error()));
}

/// The first column of the first row, as text.
pub async fn ask(client: &Client, sql: &str) -> String {
    let row = client.query_one(&format!("SELECT ({sql})::text"), &[]).await;
    let row = row.unwrap_or_else(|error| panic!("{sql}: {:?}", error.as_db_error()));
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

/// The tables by their usual names.
pub async fn tables(client: &Client) -> Tables {
    Tables::resolve(client, "raw_packets", "traffic_data", true).await.unwrap()
}

pub async fn migrated(session: &mut Session, adopt: bool) -> Result<Vec<Outcome>, PostgresError> {
    let tables = tables(&session.client).await;
    migrate(&mut session.client, &tables, adopt, IMPATIENT).await
}

/// The tables of the existing system as its own program makes them, `rows` packets and flows in them.
pub async fn existing_system(client: &Client, rows: u32) {
    run(client, include_str!("existing_system.sql")).await;
    run(
        client,
        &format!(
            "INSERT INTO public.raw_packets (\"timestamp\", src_ip, dst_ip, protocol, length, inserted_at)
                 SELECT 1700000000 + n, '10.0.0.1', '10.0.0.2', 'TCP', 60, '2023-11-14 22:13:20'::timestamp + n * interval '1s'
                 FROM generate_series(1, {rows}) n;
             INSERT INTO public.traffic_data (dest_ip, packet_count, predicted_label, created_at)
                 SELECT '10.0.0.2', n, 'Normal', '2023-11-14 22:13:20' FROM generate_series(1, {rows}) n;"
        ),
    )
    .await;
}
