//! `flowsentry migrate` through the real binary.

use std::process::Command;

use serde_json::Value;

use crate::kit::{ask, existing_system, fresh_database, run, session, url_as};

/// Exit code, standard output and standard error of `flowsentry migrate`.
async fn migrate(database: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
    command.env_clear().env("DATABASE_URL", url_as("flowsentry:hunter2", database)).arg("migrate").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
    (output.status.code().unwrap(), out, err)
}

#[tokio::test]
async fn it_says_what_it_did_and_then_that_nothing_is_left() {
    let (name, _) = fresh_database().await;
    let (code, out, err) = migrate(&name, &[]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with(&format!("database \"{name}\" at 127.0.0.1:")), "{out}");
    assert!(out.contains("\n  done     make public.raw_packets, partitioned by day\n"), "{out}");
    let (code, out, _) = migrate(&name, &["--json"]).await;
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &answer["changed"], &answer["steps"]),
        (0, &Value::Bool(false), &Value::Array(Vec::new())),
        "{out}"
    );
    assert!(migrate(&name, &[]).await.1.ends_with("Nothing to do: the schema is up to date.\n"));
}

#[tokio::test]
async fn what_it_prints_is_what_psql_needs() {
    let (name, database) = fresh_database().await;
    let session = session(&database).await;
    existing_system(&session.client, 1).await;
    let (code, script, _) = migrate(&name, &["--adopt", "--print-sql"]).await;
    assert_eq!(code, 0);
    assert_eq!(ask(&session.client, "SELECT count(*) FROM pg_namespace WHERE nspname = 'flowsentry'").await, "0");
    // Unlike psql, the protocol takes a concurrent index only alone.
    let (before, after) = script.split_once("CREATE INDEX CONCURRENTLY").unwrap();
    let (index, after) = after.split_once(';').unwrap();
    run(&session.client, before).await;
    run(&session.client, &format!("CREATE INDEX CONCURRENTLY{index}")).await;
    run(&session.client, after).await;
    assert_eq!(migrate(&name, &["--print-sql"]).await.1, "-- Nothing to do: the schema is up to date.\n");
}

#[tokio::test]
async fn a_refusal_has_a_code_and_a_hint() {
    let (name, database) = fresh_database().await;
    existing_system(&session(&database).await.client, 1).await;
    let (code, out, err) = migrate(&name, &[]).await;
    assert_eq!((code, out.as_str()), (78, ""), "{err}");
    assert!(
        err.starts_with("error: there already are tables public.raw_packets and public.traffic_data\n  hint: "),
        "{err}"
    );
    let (code, _, err) = migrate("nowhere", &[]).await;
    assert_eq!(code, 78, "{err}");
    assert!(err.contains("\n  cause: FATAL: database \"nowhere\" does not exist\n  hint: create it"), "{err}");
}
