//! Clients that insert one row a transaction, as fast as the server lets them.

use std::time::Duration;

use flowsentry::telemetry::clock;
use futures::future::join_all;
use tokio_postgres::NoTls;

/// How many insert at a time.
pub const CLIENTS: usize = 8;

/// Rows a second that the clients commit by this statement, for so long.
pub fn commits(url: &str, insert: &str, span: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(committed(url, insert, span))
}

async fn committed(url: &str, insert: &str, span: Duration) -> f64 {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
        tokio::spawn(connection);
        let statement = client.prepare(insert).await.expect("the insert");
        clients.push((client, statement));
    }
    let began = clock::now();
    let counts = join_all(clients.iter().map(|(client, statement)| async move {
        let mut count = 0_u32;
        while began.elapsed() < span {
            client.execute(statement, &[]).await.expect("a row inserted");
            count += 1;
        }
        count
    }));
    let rows: u32 = counts.await.iter().sum();
    f64::from(rows) / began.elapsed().as_secs_f64()
}
