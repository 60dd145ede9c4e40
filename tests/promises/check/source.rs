//! Findings of the table of packets: its ids, its columns, its indexes, its clocks, its lateness.

use super::kit::{check, mend};
use crate::kit::{Database, Service, Tables, until};

#[test]
fn every_fault_of_a_sequence_is_told_at_once_and_mended() {
    let database = Database::new(Tables::Adopted);
    database.execute("ALTER SEQUENCE raw_packets_id_seq CACHE 20 INCREMENT 5 CYCLE");
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(78));
    for (fault, remedy) in [("CACHE 20", "CACHE 1;"), ("INCREMENT 5", "INCREMENT 1;"), ("CYCLE", "NO CYCLE;")] {
        let remedy = format!("ALTER SEQUENCE \"public\".\"raw_packets_id_seq\" {remedy}");
        mend(&database, &report.has("source.sequence", "refused", "raw_packets_id_seq", fault, &remedy));
    }
    check(&database, &[]).is_fine("source.sequence");
}

#[test]
fn ids_from_no_sequence_get_one() {
    let database = Database::new(Tables::Adopted);
    database.execute("INSERT INTO raw_packets (timestamp) VALUES (1), (2); ALTER TABLE raw_packets ALTER id DROP DEFAULT; DROP SEQUENCE raw_packets_id_seq");
    let report = check(&database, &[]);
    let finding = report.has(
        "source.sequence",
        "refused",
        "\"public\".\"raw_packets\".\"id\"",
        "from no sequence",
        "CREATE SEQUENCE",
    );
    mend(&database, &finding);
    check(&database, &[]).is_fine("source.sequence");
    database.execute("INSERT INTO raw_packets (timestamp) VALUES (3)");
    assert_eq!(database.number("SELECT max(id) FROM raw_packets"), 3);
}

#[test]
fn what_is_no_table_of_packets_is_refused() {
    let database = Database::new(Tables::Adopted);
    database.execute("CREATE VIEW packets AS SELECT * FROM raw_packets");
    let report = check(&database, &["--set", "source.table=packets"]);
    report.has("source.table", "refused", "\"public\".\"packets\"", "is a view", "name the table beneath it");
    database.execute("DROP VIEW packets; ALTER TABLE raw_packets DROP length, ALTER timestamp TYPE json USING NULL");
    let report = check(&database, &[]);
    report.has("source.columns", "refused", "\"length\"", "has no column \"length\"", "[source.columns] length");
    report.has(
        "source.columns",
        "refused",
        "\"timestamp\"",
        "has type json; expected double",
        "[source.columns] timestamp",
    );
}

#[test]
fn a_subscribed_and_a_distributed_table_are_refused() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) VALUES (1, 'raw_packets'::regclass, 'r')",
    );
    let report = check(&database, &[]);
    report.has("source.replicated", "refused", "raw_packets", "filled by logical replication", "publisher's database");
    database.execute("DELETE FROM pg_subscription_rel");
    // As the extension has it.
    database.execute("SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass); INSERT INTO pg_catalog.pg_dist_partition VALUES ('raw_packets')");
    let report = check(&database, &[]);
    report.has("source.replicated", "refused", "raw_packets", "distributed by Citus", "not distributed");
}

#[test]
fn a_partition_that_is_foreign_or_subscribed_is_refused() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "DROP TABLE raw_packets;
         CREATE TABLE raw_packets (id bigserial, timestamp float8, src_ip text, dst_ip text, protocol text, length integer)
             PARTITION BY RANGE (timestamp);
         CREATE TABLE near PARTITION OF raw_packets DEFAULT;
         CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER \"There\" FOREIGN DATA WRAPPER elsewhere;
         CREATE FOREIGN TABLE \"Far\" PARTITION OF raw_packets FOR VALUES FROM (0) TO (100) SERVER \"There\"",
    );
    let report = check(&database, &[]);
    report.has("source.table", "refused", "public.\"Far\"", "is a foreign table", "name the table beneath it");
    database.execute("DROP FOREIGN TABLE \"Far\"");
    let subscribe = "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) VALUES (1, 'near'::regclass, 'r')";
    database.execute(subscribe);
    let report = check(&database, &[]);
    report.has("source.replicated", "refused", "raw_packets", "filled by logical replication", "publisher's database");
}

#[test]
fn an_unlogged_table_without_an_index_is_mended() {
    let database = Database::new(Tables::Adopted);
    // Neither of these indexes finds the rows above an id.
    database.execute(
        "ALTER TABLE raw_packets DROP CONSTRAINT raw_packets_pkey; ALTER TABLE raw_packets SET UNLOGGED;
         CREATE INDEX ON raw_packets (timestamp, id); CREATE INDEX ON raw_packets (id) WHERE length > 100",
    );
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(0), "warnings are allowed");
    let table = "\"public\".\"raw_packets\"";
    mend(&database, &report.has("source.unlogged", "warning", table, "UNLOGGED", "SET LOGGED;"));
    mend(
        &database,
        &report.has("source.index", "warning", table, "no index begins with \"id\"", "CREATE INDEX CONCURRENTLY"),
    );
    let report = check(&database, &[]);
    report.is_fine("source.unlogged");
    report.is_fine("source.index");
    mend(&database, &report.has("source.primary_key", "warning", table, "no primary key", "ADD PRIMARY KEY (\"id\");"));
    check(&database, &[]).is_fine("source.primary_key");
}

#[test]
fn partitions_without_an_index_are_named() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "DROP TABLE raw_packets CASCADE;
         CREATE TABLE raw_packets (id bigserial, timestamp float8, src_ip text, dst_ip text, protocol text, length integer)
             PARTITION BY RANGE (timestamp);
         CREATE TABLE \"Old\" PARTITION OF raw_packets FOR VALUES FROM (0) TO (100);
         CREATE UNLOGGED TABLE new PARTITION OF raw_packets DEFAULT;
         CREATE UNIQUE INDEX ON new (id)",
    );
    let report = check(&database, &[]);
    mend(&database, &report.has("source.unlogged", "warning", "raw_packets", "\"public\".\"new\"", "SET LOGGED;"));
    mend(
        &database,
        &report.has("source.index", "warning", "raw_packets", "\"public\".\"Old\"", "ON \"public\".\"Old\" (\"id\");"),
    );
    mend(
        &database,
        &report.has("source.primary_key", "warning", "raw_packets", "\"public\".\"Old\"", "CREATE UNIQUE INDEX"),
    );
    let report = check(&database, &[]);
    for check in ["source.unlogged", "source.index", "source.primary_key"] {
        report.is_fine(check);
    }
}

#[test]
fn an_integer_id_that_runs_out_is_told_with_the_days_left() {
    let database = Database::new(Tables::Adopted);
    let ids = |first: i64, last: i64| {
        database.execute(&format!(
            "TRUNCATE raw_packets; SELECT setval('raw_packets_id_seq', {last});
             INSERT INTO raw_packets (id, timestamp, inserted_at) VALUES
                 ({first}, 1, (now() AT TIME ZONE 'utc') - interval '1 day'), ({last}, 2, now() AT TIME ZONE 'utc')"
        ));
        check(&database, &[])
    };
    assert_eq!(ids(1, 1_000_000).code, Some(0));
    let report = ids(2_099_000_000, 2_100_000_000);
    assert_eq!(report.code, Some(0));
    let found = "integer, 2100000000 handed out of 2147483647: 47.";
    report.has("ids.left", "warning", "raw_packets\".\"id\"", found, "TYPE bigint");
    let report = ids(2_090_000_000, 2_100_000_000);
    assert_eq!(report.code, Some(78));
    mend(&database, &report.has("ids.left", "refused", "raw_packets\".\"id\"", ": 4.7 days left at 10", "TYPE bigint"));
    let report = check(&database, &[]);
    report.has("ids.left", "fine", "raw_packets", "bigint, 2100000000 handed out of 9223372036854775807", "");
}

#[test]
fn the_service_shows_the_days_left() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "SELECT setval('raw_packets_id_seq', 2100000000);
         INSERT INTO raw_packets (id, timestamp, src_ip, dst_ip, protocol, length, inserted_at) VALUES
             (2099000000, 1, '10.0.0.1', '10.0.0.2', 'UDP', 60, (now() AT TIME ZONE 'utc') - interval '1 day'),
             (2100000000, 2, '10.0.0.1', '10.0.0.2', 'UDP', 60, now() AT TIME ZONE 'utc')",
    );
    let service = Service::start(&database, &["retention.keep=0"]);
    let days = || service.metric("flowsentry_ids_left_seconds") / 86_400.0;
    until("the days left", days, |days| (47.0..48.0).contains(days));
}

#[test]
fn a_sniffer_whose_clock_is_ahead_is_told() {
    let database = Database::new(Tables::Adopted);
    let insert = |ahead: &str| {
        database.execute(&format!(
            "TRUNCATE raw_packets; INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
             SELECT extract(epoch FROM clock_timestamp() + interval '{ahead}'), '10.0.0.1', '10.0.0.2', 'UDP', 60
             FROM generate_series(1, 50)"
        ));
        check(&database, &[])
    };
    insert("-25 hours").has("clock.sniffer", "fine", "raw_packets", "24 h behind", "");
    insert("5 seconds").has("clock.sniffer", "warning", "raw_packets", "s ahead of", "timedatectl");
    let report = insert("2 hours");
    assert_eq!(report.code, Some(78));
    report.has("clock.sniffer", "refused", "raw_packets", "2 h ahead of", "timedatectl");
    report.has("clock.database", "fine", "this machine", "give or take", "");
}

#[test]
fn packets_later_than_the_bound_are_told_with_a_bound_that_holds() {
    let database = Database::new(Tables::Adopted);
    let insert = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g * 0.001 - CASE WHEN g % 100 = 0 THEN 7.5 ELSE 0 END, '10.0.0.1', '10.0.0.2', 'UDP', 60
         FROM generate_series(1, 20000) g";
    database.execute(insert);
    let report = check(&database, &[]);
    let found = "of the newest 20000 packets half came at most 0.000 s late, 99 % 0.000 s, 99.9 % 7.499 s";
    let finding = report.has("lateness", "warning", "raw_packets", found, "window.out_of_orderness=8s");
    check(&database, &["--set", finding["remedy"]["text"].as_str().unwrap()]).is_fine("lateness");

    // The service counts the same, packet by packet.
    let service = Service::start(&database, &[]);
    let bucket = |bound: &str| service.metric(&format!("flowsentry_packet_lateness_seconds_bucket{{le=\"{bound}\"}}"));
    until("all packets", || bucket("+Inf"), |packets| *packets == 20_000.0);
    assert_eq!((bucket("0"), bucket("5"), bucket("10")), (19_800.0, 19_800.0, 20_000.0));
    let sum = service.metric("flowsentry_packet_lateness_seconds_sum");
    assert!((sum - 200.0 * 7.499).abs() < 0.1, "{sum}");
}
