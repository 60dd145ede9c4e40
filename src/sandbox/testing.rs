//! One private server for all tests of this room; its watchdog ends it after the run.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use super::{Options, PrivatePostgres, SandboxError};

/// A session in a fresh database called `name`. `None`, aloud, where PostgreSQL is not installed.
pub fn database(name: &str) -> Option<(Runtime, Client)> {
    static SERVER: OnceLock<Option<PrivatePostgres>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match PrivatePostgres::start(Options::default()) {
        Err(error @ SandboxError::NotInstalled) => {
            println!("skipped: {error}");
            None
        }
        result => Some(result.unwrap()),
    });
    let server = server.as_ref()?;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let administrator = connect(&server.url("postgres")).await;
        administrator.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        connect(&server.url(name)).await
    });
    Some((runtime, client))
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
