//! An empty database, and one that was migrated before.

use flowsentry::postgres::migrations::{SchemaError, SchemaState, plan, schema_state};
use flowsentry::postgres::schema_change::{Patience, script};
use flowsentry::postgres::{Disposition, PostgresError};

use crate::dump;
use crate::kit::{ask, fresh_database, migrated, run, session, tables};

#[tokio::test]
async fn an_empty_database_gets_everything() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    assert_eq!(schema_state(&session.client).await.unwrap(), SchemaState::Absent);
    let outcomes = migrated(&mut session, false).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.skipped.is_none()), "{outcomes:?}");
    assert_eq!(schema_state(&session.client).await.unwrap(), SchemaState::Current);
    insta::assert_snapshot!("schema_of_an_empty_database", dump::schema(&session.client).await);
}

#[tokio::test]
async fn the_second_migration_changes_nothing() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    let before = dump::schema(&session.client).await;
    for adopt in [false, true] {
        assert_eq!(migrated(&mut session, adopt).await.unwrap(), []);
    }
    assert_eq!(dump::schema(&session.client).await, before);
}

#[tokio::test]
async fn those_who_migrate_at_once_take_turns() {
    let (_, database) = fresh_database().await;
    let migrations = (0..4).map(|_| {
        let database = database.clone();
        tokio::spawn(async move {
            let mut session = session(&database).await;
            let made = migrated(&mut session, false).await.unwrap();
            made.into_iter().map(|outcome| outcome.title).collect::<Vec<_>>()
        })
    });
    let mut changes = Vec::new();
    for migration in migrations.collect::<Vec<_>>() {
        changes.push(migration.await.unwrap());
    }
    changes.retain(|titles: &Vec<String>| !titles.is_empty());
    assert_eq!(changes.iter().map(Vec::len).collect::<Vec<_>>(), [9], "{changes:?}");
}

#[tokio::test]
async fn a_plan_changes_nothing_and_its_script_is_the_migration() {
    let (_, database) = fresh_database().await;
    let planned = session(&database).await;
    let changes = plan(&planned.client, &tables(&planned.client).await, false).await.unwrap();
    assert_eq!(schema_state(&planned.client).await.unwrap(), SchemaState::Absent);
    run(&planned.client, &script(&changes, Patience::default())).await;
    assert_eq!(plan(&planned.client, &tables(&planned.client).await, false).await.unwrap(), []);

    let (_, other) = fresh_database().await;
    let mut made = session(&other).await;
    migrated(&mut made, false).await.unwrap();
    assert_eq!(dump::schema(&planned.client).await, dump::schema(&made.client).await);
}

#[tokio::test]
async fn an_edited_file_and_a_newer_program_are_told_apart() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    run(&session.client, "INSERT INTO flowsentry.migrations (number, name, checksum) VALUES (99, 'later', '')").await;
    assert_eq!(schema_state(&session.client).await.unwrap(), SchemaState::Newer { applied: 99 });
    let error = migrated(&mut session, false).await.unwrap_err();
    assert!(matches!(error, PostgresError::Schema(SchemaError::Newer { applied: 99 })), "{error}");

    let edit = "DELETE FROM flowsentry.migrations WHERE number = 99; UPDATE flowsentry.migrations SET checksum = 'x' WHERE number = 2";
    run(&session.client, edit).await;
    let error = migrated(&mut session, false).await.unwrap_err();
    assert!(error.to_string().contains("sql/0002_wake.sql is not the file that was applied"), "{error}");
    assert_eq!(error.disposition(), Disposition::Fatal);

    run(&session.client, "DELETE FROM flowsentry.migrations WHERE number > 1").await;
    assert_eq!(schema_state(&session.client).await.unwrap(), SchemaState::Older { applied: 1 });
}

#[tokio::test]
async fn a_column_that_is_missing_in_our_own_table_comes_back() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    run(&session.client, "ALTER TABLE public.traffic_data DROP COLUMN rst_count, DROP COLUMN window_start").await;
    let outcomes = migrated(&mut session, false).await.unwrap();
    let titles: Vec<&str> = outcomes.iter().map(|outcome| outcome.title.as_str()).collect();
    assert_eq!(titles, ["add 2 columns to public.traffic_data", "index public.traffic_data by window_start"]);
    assert_eq!(migrated(&mut session, false).await.unwrap(), []);
}

#[tokio::test]
async fn an_insert_wakes_only_while_the_gate_is_open() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    let channel = flowsentry::postgres::doorbell::CHANNEL;
    let (listening, mut bell) = database.listening_session("test", channel).await.unwrap();
    let key = format!("{} + 'public.raw_packets'::regclass::oid::bigint", flowsentry::postgres::keys::GATE_KEY_BASE);
    let insert = "INSERT INTO public.raw_packets (length) VALUES (1)";

    run(&listening.client, &format!("SELECT pg_advisory_lock({key})")).await;
    run(&session.client, insert).await;
    // A notification reaches a session before the answer to a statement sent after it.
    run(&listening.client, "SELECT 1").await;
    assert!(bell.try_recv().is_err());

    run(&listening.client, &format!("SELECT pg_advisory_unlock({key})")).await;
    run(&session.client, insert).await;
    assert_eq!(bell.recv().await, Some(()));
    assert_eq!(ask(&session.client, "SELECT count(*) FROM public.raw_packets").await, "2");
}

#[tokio::test]
async fn a_row_of_any_day_finds_a_partition() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    run(
        &session.client,
        "INSERT INTO public.raw_packets (length, inserted_at) VALUES (1, '1970-01-01'), (1, '2999-01-01'), (1, DEFAULT)",
    )
    .await;
    assert_eq!(ask(&session.client, "SELECT count(*) FROM public.raw_packets_default").await, "2");
}
