//! A connection that takes everything and answers nothing ends its session, whatever the session is at; one that is only
//! slow, or idle, does not.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowsentry::config::Environment;
use flowsentry::postgres::{Database, Limits, Session};
use futures::{SinkExt, TryStreamExt};

use crate::kit::{LIMITS, ask, run, server_address};
use crate::stall::StallingProxy;

const LIMIT: Duration = Duration::from_millis(500);
/// Far below every limit of the server.
const IN_TIME: Duration = Duration::from_secs(10);

async fn through(proxy: &StallingProxy, limit: Duration) -> Session {
    let limits = Limits { answer_limit: Some(limit), ..LIMITS };
    let url = format!("postgresql://flowsentry@{}/postgres", proxy.address());
    let database = Database::resolve(Some(&url), &Environment::default(), limits).unwrap();
    database.session("test").await.unwrap()
}

/// Whether the session ends by its own limit.
#[allow(clippy::disallowed_methods)] // tests have no other clock
async fn is_given_up<T>(
    mut session: Session,
    waits: impl AsyncFnOnce(&mut Session) -> Result<T, tokio_postgres::Error>,
) {
    let began = Instant::now();
    let outcome = tokio::time::timeout(IN_TIME, waits(&mut session)).await.expect("no wait is for ever");
    assert!(outcome.is_err());
    assert!(began.elapsed() >= LIMIT, "{:?}", began.elapsed());
    let error = session.closed().await;
    let mut text = format!("{error:?}");
    text.retain(|c| c != '\n');
    assert!(text.contains("the server has not answered for 500ms"), "{text}");
}

#[tokio::test]
async fn a_statement_whose_answer_does_not_come_is_given_up() {
    let proxy = StallingProxy::to(&server_address());
    let session = through(&proxy, LIMIT).await;
    proxy.stall();
    is_given_up(session, async |session| session.client.query_one("SELECT 1", &[]).await).await;
    assert!(proxy.swallowed() > 0);
}

#[tokio::test]
async fn a_copy_that_stops_coming_is_given_up() {
    let proxy = StallingProxy::to(&server_address());
    let session = through(&proxy, LIMIT).await;
    is_given_up(session, async |session| reads_what_stops_coming(session, &proxy).await).await;
}

/// The line stalls in the middle of a COPY.
pub async fn reads_what_stops_coming(
    session: &mut Session,
    proxy: &StallingProxy,
) -> Result<(), tokio_postgres::Error> {
    let rows = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT";
    let mut rows = Box::pin(session.client.copy_out(rows).await?);
    rows.try_next().await?;
    proxy.stall();
    while rows.try_next().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn a_copy_or_a_commit_that_is_not_acknowledged_is_given_up() {
    for stalls_at_commit in [false, true] {
        let proxy = StallingProxy::to(&server_address());
        let session = through(&proxy, LIMIT).await;
        run(&session.client, "CREATE TEMP TABLE taken (line text)").await;
        is_given_up(session, async |session| {
            let transaction = session.client.transaction().await?;
            let rows = transaction.copy_in::<_, Bytes>("COPY taken FROM STDIN").await?;
            let mut rows = Box::pin(rows);
            rows.send(Bytes::from("line\n".repeat(10_000))).await?;
            if !stalls_at_commit {
                proxy.stall();
            }
            rows.as_mut().finish().await?;
            proxy.stall();
            transaction.commit().await
        })
        .await;
    }
}

/// More than any buffer on the way holds is never taken.
#[tokio::test]
async fn a_server_that_takes_nothing_is_given_up() {
    let proxy = StallingProxy::to(&server_address());
    let session = through(&proxy, LIMIT).await;
    is_given_up(session, async |session| writes_to_who_takes_nothing(session, IN_TIME / 2).await).await;
}

/// Its server is frozen in the middle of a COPY, for as long as nobody gives it up.
pub async fn writes_to_who_takes_nothing(
    session: &mut Session,
    patience: Duration,
) -> Result<(), tokio_postgres::Error> {
    let pid = ask(&session.client, "SELECT pg_backend_pid()").await;
    let freeze = move |signal: &str| {
        let script = format!("kill -{signal} {pid}");
        assert!(std::process::Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    };
    run(&session.client, "CREATE TEMP TABLE taken (line text)").await;
    let rows = session.client.copy_in::<_, Bytes>("COPY taken FROM STDIN").await?;
    let mut rows = Box::pin(rows);
    freeze("STOP");
    let line = Bytes::from("line\n".repeat(100_000));
    let outcome = tokio::time::timeout(patience, async {
        loop {
            rows.send(line.clone()).await?;
        }
    });
    let outcome: Result<Result<(), tokio_postgres::Error>, _> = outcome.await;
    freeze("CONT");
    outcome.expect("no wait is for ever")
}

#[tokio::test]
async fn silence_is_no_stall_where_nothing_was_asked_and_slow_rows_are_none() {
    let proxy = StallingProxy::to(&server_address());
    let session = through(&proxy, LIMIT).await;
    tokio::time::sleep(LIMIT * 2).await;
    assert_eq!(ask(&session.client, "SELECT 1").await, "1");
    // Rows that come now and then, for longer than the limit as a whole.
    let slow = "COPY (SELECT repeat('x', 10000), pg_sleep(0.2) FROM generate_series(1, 5)) TO STDOUT";
    let rows: Vec<_> = session.client.copy_out(slow).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows.len(), 5);
    // And a COPY that we feed slowly.
    run(&session.client, "CREATE TEMP TABLE taken (line text)").await;
    let mut rows = Box::pin(session.client.copy_in::<_, Bytes>("COPY taken FROM STDIN").await.unwrap());
    rows.send(Bytes::from("line\n".repeat(2000))).await.unwrap();
    tokio::time::sleep(LIMIT * 2).await;
    assert_eq!(rows.as_mut().finish().await.unwrap(), 2000);
    assert_eq!(proxy.swallowed(), 0);
}
