//! Tables that were there before.

use flowsentry::postgres::PostgresError;
use flowsentry::postgres::adoption::Tables;
use flowsentry::postgres::migrations::{SchemaError, SchemaState, migrate, plan, schema_state};

use crate::dump;
use crate::kit::{IMPATIENT, ask, at, existing_system, fresh_database, migrated, run, session, tables, url_as};

#[tokio::test]
async fn tables_that_are_there_are_not_touched_unasked() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 10).await;
    let before = dump::schema(&session.client).await;
    let error = migrated(&mut session, false).await.unwrap_err();
    assert_eq!(error.to_string(), "there already are tables public.raw_packets and public.traffic_data");
    assert!(error.hint().unwrap().contains("--adopt"));
    assert_eq!(dump::schema(&session.client).await, before);

    run(&session.client, "DROP TABLE public.traffic_data").await;
    let error = migrated(&mut session, false).await.unwrap_err();
    assert_eq!(error.to_string(), "there already is a table public.raw_packets");
}

#[tokio::test]
async fn the_existing_system_keeps_its_tables_and_rows() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 1000).await;
    let filenodes = "SELECT string_agg(pg_relation_filenode(oid)::text, ' ' ORDER BY oid) FROM pg_class
                     WHERE relname IN ('raw_packets', 'traffic_data')";
    let before = ask(&session.client, filenodes).await;
    let outcomes = migrated(&mut session, true).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.skipped.is_none()), "{outcomes:?}");
    assert_eq!(ask(&session.client, filenodes).await, before, "a table was rewritten");
    assert_eq!(ask(&session.client, "SELECT count(*) FROM public.raw_packets").await, "1000");
    assert_eq!(ask(&session.client, "SELECT sum(packet_count) FROM public.traffic_data").await, "500500");
    assert_eq!(schema_state(&session.client).await.unwrap(), SchemaState::Current);
    insta::assert_snapshot!("schema_of_the_adopted_system", dump::schema(&session.client).await);
    for adopt in [true, false] {
        assert_eq!(migrated(&mut session, adopt).await.unwrap(), []);
    }
}

#[tokio::test]
async fn its_first_version_has_no_created_at() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 1).await;
    run(&session.client, "ALTER TABLE public.traffic_data DROP COLUMN created_at").await;
    migrated(&mut session, true).await.unwrap();
    assert_eq!(ask(&session.client, "SELECT created_at IS NULL FROM public.traffic_data").await, "true");
}

#[tokio::test]
async fn only_the_missing_table_is_made() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 1).await;
    run(&session.client, "DROP TABLE public.traffic_data").await;
    migrated(&mut session, true).await.unwrap();
    let origins =
        "SELECT string_agg(table_name || ' ' || purpose || ' ' || origin, ', ' ORDER BY 1) FROM flowsentry.tables";
    assert_eq!(ask(&session.client, origins).await, "raw_packets source adopted, traffic_data sink created");
}

#[tokio::test]
async fn tables_may_have_any_name_and_schema() {
    let (name, database) = fresh_database().await;
    let mut session = session(&database).await;
    let schemas = format!(
        "CREATE SCHEMA \"Sniffer's\"; CREATE SCHEMA flows; ALTER DATABASE {name} SET search_path = flows;
         CREATE TABLE \"Sniffer's\".\"Raw \"\"Packets\" (id bigserial PRIMARY KEY)"
    );
    run(&session.client, &schemas).await;
    session = crate::kit::session(&database).await;
    let named = Tables::resolve(&session.client, "\"Sniffer's\".\"Raw \"\"Packets\"", "Flows", true).await.unwrap();
    assert_eq!(named.sink.shown(), "flows.flows");
    migrate(&mut session.client, &named, true, IMPATIENT).await.unwrap();
    assert_eq!(migrate(&mut session.client, &named, false, IMPATIENT).await.unwrap(), []);
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = '\"Sniffer''s\".\"Raw \"\"Packets\"'::regclass";
    assert_eq!(ask(&session.client, triggers).await, "1");
}

#[tokio::test]
async fn a_view_is_refused_by_name() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    run(&session.client, "CREATE VIEW public.raw_packets AS SELECT 1 AS id").await;
    let error = migrated(&mut session, true).await.unwrap_err();
    assert_eq!(error.to_string(), "public.raw_packets is a view, not a table");
}

#[tokio::test]
async fn without_rights_the_lost_features_are_named() {
    let (name, database) = fresh_database().await;
    let owner = session(&database).await;
    existing_system(&owner.client, 10).await;
    run(
        &owner.client,
        &format!(
            "DO $$ BEGIN CREATE ROLE nobodys_owner LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
             GRANT CREATE ON DATABASE {name} TO nobodys_owner; GRANT SELECT ON public.raw_packets TO nobodys_owner"
        ),
    )
    .await;
    let mut poor = session(&at(&url_as("nobodys_owner", &name))).await;
    let outcomes = migrated(&mut poor, true).await.unwrap();
    let skipped: Vec<_> =
        outcomes.iter().filter_map(|outcome| Some((&outcome.title, outcome.skipped.as_ref()?))).collect();
    let [columns, index, trigger] = &skipped[..] else { panic!("{skipped:?}") };
    assert!(columns.1.without.starts_with("these are not stored: src_ip, window_start"), "{columns:?}");
    assert!(columns.1.reason.contains("must be owner of table traffic_data"), "{columns:?}");
    assert!(index.1.without.contains("read the whole table"), "{index:?}");
    assert!(trigger.1.without.contains("poll_interval"), "{trigger:?}");
    assert_eq!(schema_state(&poor.client).await.unwrap(), SchemaState::Current);

    // With the rights, the rest is done.
    let mut owner = owner;
    let outcomes = migrated(&mut owner, false).await.unwrap();
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.skipped.is_none()), "{outcomes:?}");
}

#[tokio::test]
async fn without_the_right_to_make_the_schema_nothing_works_and_the_hint_says_so() {
    let (name, database) = fresh_database().await;
    let owner = session(&database).await;
    existing_system(&owner.client, 1).await;
    let role = "DO $$ BEGIN CREATE ROLE nobodys_guest LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";
    run(&owner.client, role).await;
    let mut guest = session(&at(&url_as("nobodys_guest", &name))).await;
    let error = migrated(&mut guest, true).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot make schema flowsentry");
    assert!(error.hint().unwrap().contains("--print-sql"));
    assert_eq!(error.exit(), flowsentry::exit::Exit::Permission);
}

#[tokio::test]
async fn inserters_need_no_right_on_our_schema() {
    let (name, database) = fresh_database().await;
    let mut owner = session(&database).await;
    existing_system(&owner.client, 0).await;
    migrated(&mut owner, true).await.unwrap();
    run(
        &owner.client,
        "DO $$ BEGIN CREATE ROLE nobodys_sniffer LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         GRANT INSERT ON public.raw_packets TO nobodys_sniffer; GRANT USAGE ON SEQUENCE public.raw_packets_id_seq TO nobodys_sniffer",
    )
    .await;
    let (_listening, mut bell) =
        database.listening_session("test", flowsentry::postgres::doorbell::CHANNEL).await.unwrap();
    let sniffer = session(&at(&url_as("nobodys_sniffer", &name))).await;
    let insert = "INSERT INTO public.raw_packets (src_ip, dst_ip, protocol, length) VALUES ('a', 'b', 'TCP', 1)";
    run(&sniffer.client, insert).await;
    assert_eq!(bell.recv().await, Some(()));
}

#[tokio::test]
async fn a_locked_table_is_waited_for_a_bounded_number_of_times() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 1).await;
    let mut holder = crate::kit::session(&database).await;
    let transaction = holder.client.transaction().await.unwrap();
    transaction.batch_execute("INSERT INTO public.traffic_data (dest_ip) VALUES ('x')").await.unwrap();
    let error = migrated(&mut session, true).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot add "), "{error}");
    assert!(error.hint().unwrap().contains("locked"), "{error:?}");
    transaction.rollback().await.unwrap();
    // What was done stays, the rest follows.
    let titles: Vec<_> =
        migrated(&mut session, false).await.unwrap().into_iter().map(|outcome| outcome.title).collect();
    assert!(titles[0].starts_with("add ") && titles.len() == 3, "{titles:?}");
}

#[tokio::test]
async fn a_half_built_index_is_built_again() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 2).await;
    migrated(&mut session, true).await.unwrap();
    let spoil =
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.traffic_data_window_start_idx'::regclass";
    run(&session.client, spoil).await;
    let titles: Vec<_> =
        migrated(&mut session, false).await.unwrap().into_iter().map(|outcome| outcome.title).collect();
    assert_eq!(
        titles,
        ["drop the half-built index of public.traffic_data", "index public.traffic_data by window_start"]
    );
    assert_eq!(migrated(&mut session, false).await.unwrap(), []);
}

#[tokio::test]
async fn without_the_setting_there_is_no_trigger() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    let tables = Tables { trigger: false, ..tables(&session.client).await };
    migrate(&mut session.client, &tables, false, IMPATIENT).await.unwrap();
    assert_eq!(plan(&session.client, &tables, false).await.unwrap(), []);
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'flowsentry_wake'";
    assert_eq!(ask(&session.client, triggers).await, "0");
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let (_, database) = fresh_database().await;
    let session = session(&database).await;
    let error = Tables::resolve(&session.client, "raw packets", "traffic_data", true).await.unwrap_err();
    assert!(matches!(error, PostgresError::Name(_)), "{error}");
    assert!(!matches!(error, PostgresError::Schema(SchemaError::Busy)));
}
