//! Old packets go, if they are settled; all others stay.

use std::time::Duration;

use flowsentry::postgres::identifier::QualifiedName;
use flowsentry::postgres::retention::{Retained, Retention, retain};
use flowsentry::postgres::{Database, Session};

use crate::kit::{ask, existing_system, fresh_database, migrated, run, session};

const DAY: Duration = Duration::from_hours(24);

fn keeping(days: u32) -> Retention {
    Retention {
        table: QualifiedName { schema: "public".to_owned(), name: "raw_packets".to_owned() },
        id_column: "id".to_owned(),
        time_column: "timestamp".to_owned(),
        keep: DAY * days,
        rows_per_delete: 10,
    }
}

/// The existing system's table with a packet an hour, the latest (id 240) now.
async fn plain_table() -> (Database, Session) {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    existing_system(&session.client, 0).await;
    migrated(&mut session, true).await.unwrap();
    run(
        &session.client,
        "INSERT INTO public.raw_packets (id, \"timestamp\", src_ip, dst_ip, protocol, length, inserted_at)
             SELECT n, 0, '10.0.0.1', '10.0.0.2', 'TCP', 60, (now() AT TIME ZONE 'utc') - (240 - n) * interval '1 hour'
             FROM generate_series(1, 240) n",
    )
    .await;
    (database, session)
}

/// Our own table with a packet a day in the partition of its day, from nine days ago (id 1) to today (id 10).
async fn table_by_day() -> (Database, Session) {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    migrated(&mut session, false).await.unwrap();
    run(
        &session.client,
        "DO $$ DECLARE d date; BEGIN
             FOR n IN 1..9 LOOP
                 d := (now() AT TIME ZONE 'utc')::date - n;
                 EXECUTE format('CREATE TABLE public.%I PARTITION OF public.raw_packets FOR VALUES FROM (%L) TO (%L)',
                     'raw_packets_' || to_char(d, 'YYYYMMDD'), d, d + 1);
             END LOOP;
         END $$;
         INSERT INTO public.raw_packets (length, inserted_at)
             SELECT 60, (now() AT TIME ZONE 'utc')::date - (10 - n) FROM generate_series(1, 10) n;",
    )
    .await;
    (database, session)
}

async fn ids(session: &Session) -> String {
    let query =
        "SELECT coalesce(min(id), 0) || '-' || coalesce(max(id), 0) || ', ' || count(*) FROM public.raw_packets";
    ask(&session.client, query).await
}

async fn retained(session: &Session, retention: &Retention, settled_low: i64) -> Retained {
    retain(&session.client, retention, settled_low).await.unwrap()
}

#[tokio::test]
async fn old_rows_go_in_batches() {
    let (_, session) = plain_table().await;
    run(
        &session.client,
        "CREATE TABLE public.deletes (rows bigint);
         CREATE FUNCTION public.count_deletes() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.deletes SELECT count(*) FROM gone; RETURN NULL; END';
         CREATE TRIGGER deletes AFTER DELETE ON public.raw_packets REFERENCING OLD TABLE AS gone
             FOR EACH STATEMENT EXECUTE FUNCTION public.count_deletes()",
    )
    .await;
    let done = retained(&session, &keeping(7), i64::MAX).await;
    // 168 hours are kept: the packet that is exactly that old may be either.
    assert!((71..=72).contains(&done.rows_deleted) && !done.more && done.postponed.is_empty(), "{done:?}");
    assert_eq!(
        ask(&session.client, "SELECT max(rows) || ' in each of ' || count(*) FROM public.deletes").await,
        "10 in each of 8"
    );
    assert_eq!(ids(&session).await, format!("{}-240, {}", done.rows_deleted + 1, 240 - done.rows_deleted));
    assert_eq!(retained(&session, &keeping(7), i64::MAX).await.rows_deleted, 0);
}

#[tokio::test]
async fn what_is_not_settled_stays_whatever_its_age() {
    let (_, session) = plain_table().await;
    let check = async |settled_low: i64, expected: &str| {
        retained(&session, &keeping(1), settled_low).await;
        assert_eq!(ids(&session).await, expected, "settled up to {settled_low}");
    };
    check(0, "1-240, 240").await;
    check(-7, "1-240, 240").await;
    check(1, "2-240, 239").await;
    check(33, "34-240, 207").await;
    check(30, "34-240, 207").await;
}

#[tokio::test]
async fn zero_keeps_everything() {
    let (_, session) = plain_table().await;
    assert_eq!(retained(&session, &keeping(0), i64::MAX).await, Retained::default());
    assert_eq!(ids(&session).await, "1-240, 240");
}

#[tokio::test]
async fn rows_out_of_order_are_judged_one_by_one() {
    let (_, session) = plain_table().await;
    run(
        &session.client,
        "UPDATE public.raw_packets SET inserted_at = (now() AT TIME ZONE 'utc') WHERE id IN (1, 40);
         UPDATE public.raw_packets SET inserted_at = NULL WHERE id IN (2, 3);
         UPDATE public.raw_packets SET \"timestamp\" = 'NaN' WHERE id = 3;
         UPDATE public.raw_packets SET inserted_at = NULL, \"timestamp\" = NULL WHERE id = 4;
         UPDATE public.raw_packets SET inserted_at = '1970-01-01' WHERE id = 200;
         DELETE FROM public.raw_packets WHERE id BETWEEN 10 AND 39",
    )
    .await;
    retained(&session, &keeping(7), i64::MAX).await;
    // 1 and 40 are young, the age of 3 and 4 is not known; 2 is old by its event time. 200 lies far beyond the bound.
    let kept = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM public.raw_packets WHERE id < 60 OR id = 200";
    assert_eq!(ask(&session.client, kept).await, "1 3 4 40 200");
}

#[tokio::test]
async fn ids_may_have_wide_holes() {
    let (_, session) = plain_table().await;
    run(&session.client, "UPDATE public.raw_packets SET id = id * 8000000").await;
    let done = retained(&session, &keeping(7), i64::MAX).await;
    assert!((71..=72).contains(&done.rows_deleted), "{done:?}");
}

#[tokio::test]
async fn event_time_counts_where_there_is_no_time_of_insertion() {
    let (_, session) = plain_table().await;
    run(
        &session.client,
        "ALTER TABLE public.raw_packets DROP COLUMN inserted_at;
         UPDATE public.raw_packets SET \"timestamp\" = extract(epoch FROM now()) - (240 - id) * 3600",
    )
    .await;
    let done = retained(&session, &keeping(7), i64::MAX).await;
    assert!((71..=72).contains(&done.rows_deleted), "{done:?}");

    run(&session.client, "ALTER TABLE public.raw_packets DROP COLUMN \"timestamp\"").await;
    let done = retained(&session, &keeping(1), i64::MAX).await;
    assert_eq!(done.postponed, ["no column of public.raw_packets tells the age of a packet"]);
}

#[tokio::test]
async fn an_empty_table_is_left_alone() {
    let (_, session) = plain_table().await;
    run(&session.client, "DELETE FROM public.raw_packets").await;
    assert_eq!(retained(&session, &keeping(7), i64::MAX).await, Retained::default());
}

#[tokio::test]
async fn old_days_are_dropped_if_all_their_packets_are_settled() {
    let (_, session) = table_by_day().await;
    // Seven days ago is 7 to 8 days old: what is older than that is nine and eight days ago, ids 1 and 2.
    let done = retained(&session, &keeping(7), 1).await;
    assert_eq!((done.partitions_dropped.len(), done.rows_deleted, &*done.postponed), (1, 0, &[][..]), "{done:?}");
    assert_eq!(ids(&session).await, "2-10, 9");
    let done = retained(&session, &keeping(7), 2).await;
    assert_eq!(done.partitions_dropped.len(), 1, "{done:?}");
    assert_eq!(ids(&session).await, "3-10, 8");
    assert_eq!(retained(&session, &keeping(7), 10).await, Retained::default());
}

#[tokio::test]
async fn days_ahead_get_partitions_while_inserts_go_on() {
    let (database, session) = table_by_day().await;
    let mut inserter = crate::kit::session(&database).await;
    let ahead = "SELECT string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits WHERE inhparent = 'public.raw_packets'::regclass
                 AND inhrelid::regclass::text > 'public.raw_packets_' || to_char(now() AT TIME ZONE 'utc', 'YYYYMMDD')
                 AND inhrelid::regclass::text <> 'public.raw_packets_default'";
    let three = ask(&session.client, ahead).await;
    assert_eq!(three.split(", ").count(), 3, "{three}");
    run(&session.client, &format!("DROP TABLE {three}")).await;
    let insert = inserter.client.transaction().await.unwrap();
    insert.batch_execute("INSERT INTO public.raw_packets (length) VALUES (1)").await.unwrap();
    let done = retained(&session, &keeping(0), 0).await;
    assert_eq!((done.partitions_made.len(), &*done.postponed), (3, &[][..]), "{done:?}");
    insert.commit().await.unwrap();
    run(&session.client, "INSERT INTO public.raw_packets (length, inserted_at) VALUES (1, (now() AT TIME ZONE 'utc') + interval '3 days')").await;
    assert_eq!(ask(&session.client, "SELECT count(*) FROM public.raw_packets_default").await, "0");
    assert_eq!(retained(&session, &keeping(0), 0).await, Retained::default());
}

#[tokio::test]
async fn a_drop_that_would_keep_others_waiting_is_postponed() {
    let (database, session) = table_by_day().await;
    let mut inserter = crate::kit::session(&database).await;
    let insert = inserter.client.transaction().await.unwrap();
    insert
        .batch_execute(
            "INSERT INTO public.raw_packets (length, inserted_at) SELECT 1, min(inserted_at) FROM public.raw_packets",
        )
        .await
        .unwrap();
    let done = retained(&session, &keeping(7), 10).await;
    assert_eq!((done.partitions_dropped.len(), done.postponed.len()), (0, 2), "{done:?}");
    assert!(done.postponed[0].ends_with("canceling statement due to lock timeout"), "{done:?}");
    insert.commit().await.unwrap();
    // The row that came in is not settled: its day stays.
    let done = retained(&session, &keeping(7), 10).await;
    assert_eq!((done.partitions_dropped.len(), &*done.postponed), (1, &[][..]), "{done:?}");
}

#[tokio::test]
async fn rows_that_no_day_took_go_one_by_one() {
    let (_, session) = table_by_day().await;
    run(
        &session.client,
        "INSERT INTO public.raw_packets (length, inserted_at) SELECT 1, '2020-01-01' FROM generate_series(1, 25);
         INSERT INTO public.raw_packets (length, inserted_at) VALUES (1, '2999-01-01')",
    )
    .await;
    let done = retained(&session, &keeping(30), 34).await;
    assert_eq!((done.rows_deleted, done.partitions_dropped.len()), (24, 0), "{done:?}");
    assert_eq!(ask(&session.client, "SELECT count(*) FROM public.raw_packets_default").await, "2");
}

#[tokio::test]
async fn a_day_whose_rows_the_default_took_is_postponed() {
    let (_, session) = table_by_day().await;
    let today = "SELECT 'public.raw_packets_' || to_char(now() AT TIME ZONE 'utc', 'YYYYMMDD')";
    run(&session.client, &format!("DROP TABLE {}", ask(&session.client, today).await)).await;
    run(&session.client, "INSERT INTO public.raw_packets (length) VALUES (1)").await;
    let done = retained(&session, &keeping(0), 0).await;
    assert_eq!((done.partitions_made.len(), done.postponed.len()), (0, 1), "{done:?}");
    assert!(done.postponed[0].contains("default"), "{done:?}");
}

#[tokio::test]
async fn a_partitioned_table_of_others_keeps_its_partitions() {
    let (_, database) = fresh_database().await;
    let mut session = session(&database).await;
    run(
        &session.client,
        "CREATE TABLE public.raw_packets (id bigserial, inserted_at timestamp, length integer, PRIMARY KEY (id, inserted_at))
             PARTITION BY RANGE (inserted_at);
         CREATE TABLE public.of_2020 PARTITION OF public.raw_packets FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
         INSERT INTO public.raw_packets (inserted_at) SELECT '2020-06-01' FROM generate_series(1, 25)",
    )
    .await;
    migrated(&mut session, true).await.unwrap();
    let done = retained(&session, &keeping(7), 20).await;
    assert_eq!(done, Retained { rows_deleted: 20, ..Retained::default() });
}

#[tokio::test]
async fn the_border_is_found_by_a_few_looks_at_the_index() {
    let (_, session) = plain_table().await;
    run(
        &session.client,
        "INSERT INTO public.raw_packets (id, src_ip, dst_ip, protocol, length, inserted_at)
             SELECT n, '10.0.0.1', '10.0.0.2', 'TCP', 60, now() AT TIME ZONE 'utc' FROM generate_series(241, 40000) n",
    )
    .await;
    // What a transaction has read is counted at once, for it alone.
    run(&session.client, "BEGIN").await;
    let done = retained(&session, &keeping(7), i64::MAX).await;
    assert!(done.rows_deleted > 70, "{done:?}");
    let read = "SELECT (pg_stat_get_xact_tuples_returned('public.raw_packets'::regclass)
                      + pg_stat_get_xact_tuples_returned('public.raw_packets_pkey'::regclass)) < 2000";
    assert_eq!(ask(&session.client, read).await, "true", "far fewer than the 40,000 rows are read");
    run(&session.client, "COMMIT").await;
}
