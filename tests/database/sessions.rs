//! Sessions: their settings, their end, and what is said when there is none.

use std::error::Error;
use std::time::Duration;

use flowsentry::exit::Exit;
use flowsentry::postgres::reader::Reader;
use flowsentry::postgres::{Disposition, PostgresError};
use tokio::io::AsyncReadExt;

use crate::kit::{admin, ask, at, fresh_database, run, session, url_as};

#[tokio::test]
async fn a_session_has_our_settings() {
    let session = session(&admin()).await;
    let check = async |setting: &str, expected: &str| {
        assert_eq!(ask(&session.client, &format!("SELECT current_setting('{setting}')")).await, expected, "{setting}");
    };
    check("application_name", "flowsentry/test").await;
    check("search_path", "\"\"").await;
    check("TimeZone", "UTC").await;
    check("client_encoding", "UTF8").await;
    check("lock_timeout", "5s").await;
    check("statement_timeout", "30s").await;
    check("idle_in_transaction_session_timeout", "20s").await;
    // Compiling a statement takes a quarter of a second where the planner's guess of its cost is high.
    check("jit", "off").await;
    check("tcp_keepalives_idle", "10").await;
    check("tcp_user_timeout", "15000").await;
}

#[tokio::test]
async fn the_pool_has_the_same_settings_and_is_bounded() {
    let database = admin();
    let pool = database.pool(2).unwrap();
    let (first, _second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    assert_eq!(ask(&first, "SELECT current_setting('application_name')").await, "flowsentry/pool");
    assert_eq!(ask(&first, "SELECT current_setting('search_path')").await, "\"\"");
    // Retention looks for the border between old and young by id.
    assert_eq!(ask(&first, "SELECT current_setting('enable_sort')").await, "off");
    assert_eq!(pool.status().max_size, 2);
    drop(first);
    assert_eq!(ask(&pool.get().await.unwrap(), "SELECT 1").await, "1");
}

#[tokio::test]
async fn a_session_that_is_ended_by_the_server_says_why() {
    let mut victim = session(&admin()).await;
    let pid = ask(&victim.client, "SELECT pg_backend_pid()").await;
    let other = session(&admin()).await;
    run(&other.client, &format!("SELECT pg_terminate_backend({pid})")).await;
    let error = victim.closed().await;
    assert!(matches!(error, PostgresError::Closed { role: "test", .. }), "{error:?}");
    assert!(error.source().is_some_and(|source| format!("{source:?}").contains("57P01")), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
    assert!(matches!(victim.closed().await, PostgresError::Closed { source: None, .. }));
}

#[tokio::test]
async fn a_dropped_session_rolls_back_and_goes_away() {
    let holder = session(&admin()).await;
    let pid = ask(&holder.client, "SELECT pg_backend_pid()").await;
    run(&holder.client, "BEGIN; SELECT pg_advisory_xact_lock(4711)").await;
    let other = session(&admin()).await;
    drop(holder);
    // Comes back when the lock is free, or fails at the session's lock_timeout.
    run(&other.client, "BEGIN; SELECT pg_advisory_xact_lock(4711); COMMIT").await;
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'idle in transaction'");
    assert_eq!(ask(&other.client, &there).await, "0");
}

#[tokio::test]
async fn one_notification_waits_and_further_ones_are_not_piled_up() {
    let (listening, mut bell) = admin().listening_session("test", "Some \"Channel").await.unwrap();
    let other = session(&admin()).await;
    for _ in 0..100 {
        run(&other.client, "SELECT pg_notify('Some \"Channel', '')").await;
    }
    run(&listening.client, "SELECT 1").await;
    assert_eq!(bell.recv().await, Some(()));
    assert!(bell.try_recv().is_err());
    drop(listening);
    assert_eq!(bell.recv().await, None);
}

async fn refused(url: &str) -> PostgresError {
    at(url).session("test").await.unwrap_err()
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_and_hinted() {
    let error = refused("postgres://me:hunter2@127.0.0.1:1/flows").await;
    assert_eq!(error.to_string(), "cannot reach database \"flows\" at 127.0.0.1:1 as user \"me\"");
    assert_eq!((error.exit(), error.disposition()), (Exit::Unavailable, Disposition::Retry));

    let error = refused(&url_as("flowsentry", "nowhere")).await;
    assert_eq!((error.exit(), error.disposition()), (Exit::Configuration, Disposition::Fatal));
    assert!(error.hint().unwrap().contains("createdb"));

    let error = refused(&url_as("nobody_of_that_name", "postgres")).await;
    assert_eq!((error.exit(), error.disposition()), (Exit::Permission, Disposition::Fatal));
}

#[tokio::test]
async fn a_host_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut octets = Vec::new();
        socket.read_to_end(&mut octets).await.unwrap();
        octets
    });
    let error = refused(&format!("postgres://me:hunter2@127.0.0.1:{port}/flows?connect_timeout=1")).await;
    let PostgresError::ConnectTimeout { limit, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*limit, Duration::from_secs(1));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    silent.await.unwrap();
}

#[tokio::test]
async fn the_next_host_is_tried() {
    let there = url_as("flowsentry", "postgres").replace('@', "@127.0.0.1:1,");
    at(&there).session("test").await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_shows_nowhere() {
    // Whatever the server thinks of it: nothing that we make of the answer holds the password.
    for user in ["nobody_of_that_name", "nobody'of\"that"] {
        let url = url_as(&format!("{user}:hunter2"), "nowhere");
        let error = refused(&url).await;
        let mut text = format!("{error} {error:?} {:?}", error.hint());
        let mut cause = error.source();
        while let Some(error) = cause {
            text.extend([error.to_string(), format!("{error:?}")]);
            cause = error.source();
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_table_that_was_never_analysed_is_read_by_its_index() {
    let (_, database) = fresh_database().await;
    let session = Reader::connect(&database).await.unwrap();
    run(
        &session.client,
        "CREATE TABLE public.filled (id bigserial PRIMARY KEY, note text) WITH (autovacuum_enabled = off);
         INSERT INTO public.filled (note) SELECT repeat('x', 100) FROM generate_series(1, 50000)",
    )
    .await;
    let plan = async || {
        let explain = "EXPLAIN SELECT * FROM public.filled WHERE id > 100
                       AND id <= (SELECT s.last_value FROM public.filled_id_seq s) ORDER BY id LIMIT 5000";
        let rows = session.client.query(explain, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
    };
    let ours = plan().await;
    assert!(ours.contains("Index Scan") && !ours.contains("Sort"), "{ours}");
    run(&session.client, "RESET enable_sort; RESET enable_bitmapscan").await;
    let usual = plan().await;
    assert!(usual.contains("Sort"), "the planner sorts no more, so this proves nothing: {usual}");
}
