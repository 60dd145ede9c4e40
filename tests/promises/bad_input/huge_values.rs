//! Texts as large as PostgreSQL allows: the row is rejected with the beginning of its value, or the column is not read at
//! all; memory stays flat.

use crate::kit::{Database, Service, Tables, peak_mib, sums, until};

const COLUMNS: &str = "timestamp, src_ip, dst_ip, protocol, length, tcp_flags, http_path";
/// How much more memory than for ordinary rows is flat.
const FLAT_MIB: u64 = 32;

/// A text of so many megabytes.
fn mega(letter: char, megabytes: u32) -> String {
    format!("repeat(repeat('{letter}', 1000000), {megabytes})")
}

fn row(source: &str, protocol: &str, flags: &str, path: &str) -> String {
    format!(
        "INSERT INTO raw_packets ({COLUMNS}) VALUES (1700000001, {source}, '10.0.0.2', {protocol}, 60, {flags}, {path});"
    )
}

const ORDINARY: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, tcp_flags)
    SELECT 1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60, 'SYN,ACK' FROM generate_series(1, 10000)";

#[test]
fn texts_as_large_as_postgresql_allows_are_rejected_or_cost_nothing() {
    let database = Database::new(Tables::Adopted);
    // Faster to write; without lz4 (PostgreSQL 13) it only takes longer.
    database.execute(
        "DO $$ BEGIN EXECUTE 'ALTER TABLE raw_packets ALTER tcp_flags SET COMPRESSION lz4,
         ALTER http_path SET COMPRESSION lz4, ALTER src_ip SET COMPRESSION lz4';
         EXCEPTION WHEN OTHERS THEN NULL; END $$;
         ALTER TABLE raw_packets ALTER protocol SET STORAGE EXTERNAL",
    );
    let service = Service::start(&database, &["ingest.rows_per_read=1000", "ingest.rows_per_batch=500"]);
    database.execute(ORDINARY);
    until("the ordinary rows", || sums(&database), |sums| sums.agree() && sums.packets == 10_000);
    let before = peak_mib(service.pid());

    let honest = "'10.0.0.1'";
    let huge = [
        row(honest, "'TCP'", "'SYN'", &mega('p', 100)),
        row(honest, "'TCP'", &mega('S', 1_060), "NULL"),
        row(&mega('1', 100), "'TCP'", "'SYN'", &mega('p', 100)),
        row(honest, &mega('x', 50), "'SYN'", "NULL"),
        row(&mega('2', 100), "'TCP'", "'SYN'", "NULL"),
        // Compressed into its page.
        row(honest, "'TCP'", "repeat('A', 100000)", "NULL"),
    ];
    // No statement could send the second row: together its values are longer than any message of the server.
    let longer = format!("UPDATE raw_packets SET src_ip = {} WHERE octet_length(tcp_flags) > 1000000;", mega('0', 100));
    // One transaction, so that the reader comes upon them while it catches up, all at once.
    database.execute(&format!("BEGIN; {ORDINARY}; {} {longer} {ORDINARY}; COMMIT", huge.join("\n")));
    let all = until("every row to come out", || sums(&database), |sums| sums.agree() && sums.packets == 30_006);
    assert_eq!(all.rejected, 5);
    let rows = database.query(
        "SELECT reason, column_name, left(value, 3), length(value) FROM flowsentry.rejected_packets ORDER BY packet_id",
    );
    let found: Vec<(&str, &str, &str, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let expected = [
        ("address", "src_ip", "000", 256),
        ("address", "src_ip", "111", 256),
        ("protocol", "protocol", "xxx", 256),
        ("address", "src_ip", "222", 256),
        ("tcp_flags", "tcp_flags", "AAA", 256),
    ];
    assert_eq!(found, expected);
    let after = peak_mib(service.pid());
    println!("peak memory before {before} MiB, after {after} MiB");
    assert!(after <= before + FLAT_MIB, "peak memory was {before} MiB, and is {after} MiB");
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0);
}
