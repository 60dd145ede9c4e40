//! Late packets are stored, as rows of their own that add up; nothing is dropped.

use super::kit::{Database, Service, Tables, assert_flows_equal_group_by, sums, until};

fn insert(database: &Database, from: i64, to: i64, source: &str) {
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT g, '{source}', '10.0.0.2', 'UDP', 100 FROM generate_series({from}, {to}) g"
    ));
}

fn revisions(database: &Database, start: i64) -> Vec<(i64, i64)> {
    let rows = database.query(&format!(
        "SELECT revision, packet_count::bigint FROM traffic_data WHERE window_start = to_timestamp({start}) ORDER BY revision"
    ));
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn a_late_packet_becomes_a_row_with_a_revision() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["window.idle_timeout=1h"]);
    insert(&database, 1_700_000_010, 1_700_000_019, "10.0.0.1");
    insert(&database, 1_700_000_100, 1_700_000_100, "10.0.0.1");
    until("the window to close", || revisions(&database, 1_699_999_980 + 30), |rows| rows.len() == 1);
    insert(&database, 1_700_000_020, 1_700_000_024, "10.0.0.1");
    let rows = until("the late row", || revisions(&database, 1_700_000_010), |rows| rows.len() == 2);
    assert_eq!(rows[0], (0, 10));
    assert!(rows[1].0 >= 1 && rows[1].1 == 5, "{rows:?}");
    until("the late packets to be counted", || service.metric("flowsentry_packets_late_total"), |late| *late == 5.0);
}

#[test]
fn packets_out_of_order_within_the_bound_are_not_late() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    insert(&database, 1_700_000_044, 1_700_000_044, "10.0.0.1");
    insert(&database, 1_700_000_030, 1_700_000_039, "10.0.0.1");
    until("the windows to close by idleness", || sums(&database), |sums| sums.stored == 11);
    assert_eq!(revisions(&database, 1_700_000_010), [(0, 10)]);
    assert_eq!(service.metric("flowsentry_packets_late_total"), 0.0);
}

#[test]
fn short_memory_stores_open_flows_early_and_loses_nothing() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &["flows.memory_max=64KiB", "ingest.rows_per_batch=256"]);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, tcp_flags)
         SELECT 1700000000 + g * 0.01, '10.1.' || g % 200 || '.' || g % 7, '10.0.0.2', 'TCP', 60, 'SYN'
         FROM generate_series(1, 5000) g",
    );
    until("all packets", || sums(&database), |sums| sums.agree() && sums.stored == 5000);
    assert!(service.metric("flowsentry_early_flushes_total") > 0.0);
    assert_flows_equal_group_by(&database);
}
