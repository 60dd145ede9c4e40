//! Values that are no times, addresses, ports: each row comes out once, as a packet or as a rejected row with its reason.

// Counts of cases; and `rejected` stands beside `None`.
#![allow(clippy::cast_possible_wrap, clippy::unnecessary_wraps)]

use crate::kit::{Database, Service, Sums, Tables, sums, until};

/// What becomes of a row: `None` if it is a packet, else the reason, the column and the beginning of the value.
type Outcome = Option<(&'static str, &'static str, Option<&'static str>)>;

fn rejected(reason: &'static str, column: &'static str, value: &'static str) -> Outcome {
    Some((reason, column, Some(value)))
}

/// Inserts each case between two good rows and compares what became of it.
fn check(database: &Database, table: &str, columns: &str, good: &str, cases: &[(&str, Outcome)]) {
    for (values, _) in cases {
        database.execute(&format!("INSERT INTO {table} ({columns}) VALUES ({good}), ({values}), ({good})"));
    }
    let rows = cases.len() as i64 * 3;
    let counts = || Sums { packets: database.number(&format!("SELECT count(*) FROM {table}")), ..sums(database) };
    let all = until("every row to come out", counts, |sums| sums.agree() && sums.packets == rows);
    let kept = database.query(
        "SELECT packet_id, reason, column_name, left(value, 24), length(value) FROM flowsentry.rejected_packets",
    );
    for (case, (values, expected)) in (0i64..).zip(cases) {
        let row = kept.iter().find(|row| row.get::<_, i64>(0) == case * 3 + 2);
        let found = row.map(|row| (row.get::<_, &str>(1), row.get::<_, &str>(2), row.get::<_, Option<&str>>(3)));
        assert_eq!(found, *expected, "{values}");
        assert!(row.is_none_or(|row| row.get::<_, Option<i32>>(4).unwrap_or(0) <= 256), "{values}");
    }
    assert_eq!(all.rejected, cases.iter().filter(|(_, outcome)| outcome.is_some()).count() as i64);
}

#[test]
fn of_the_existing_systems_types() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    let with = |column: &str, value: &str| {
        let usual = ["1700000001", "'10.0.0.1'", "'10.0.0.2'", "'TCP'", "60", "1024", "443", "'SYN'"];
        let names = ["timestamp", "src_ip", "dst_ip", "protocol", "length", "src_port", "dst_port", "tcp_flags"];
        assert!(names.contains(&column));
        let values = names.iter().zip(usual).map(|(name, usual)| if *name == column { value } else { usual });
        values.collect::<Vec<_>>().join(", ")
    };
    let time = |value: &str, shown| (with("timestamp", value), rejected("time", "timestamp", shown));
    let source = |value: &str, shown| (with("src_ip", value), rejected("address", "src_ip", shown));
    let fits = |column: &str, value: &str| (with(column, value), None);
    let cases = [
        time("'NaN'", "NaN"),
        time("'Infinity'", "inf"),
        time("'-Infinity'", "-inf"),
        time("-0.5", "-0.5"),
        time("1e308", "1e308"),
        time("-1e308", "-1e308"),
        time("253402300800", "253402300800.0"),
        (with("timestamp", "NULL"), Some(("time", "timestamp", None))),
        (with("timestamp", "253402300799"), rejected("future", "timestamp", "253402300799.000000")),
        fits("timestamp", "0"),
        fits("src_ip", "''"),
        fits("src_ip", "'0'"),
        fits("src_ip", "NULL"),
        fits("src_ip", "' 10.0.0.7 '"),
        fits("src_ip", "'2001:DB8::7'"),
        source("'router.example'", "router.example"),
        source("'fe80::1%eth0'", "fe80::1%eth0"),
        source("'10.0.0.1/24'", "10.0.0.1/24"),
        source("'10.0.0.256'", "10.0.0.256"),
        source("'0x0a000001'", "0x0a000001"),
        source("repeat('1', 10000)", "111111111111111111111111"),
        (with("dst_ip", "'10.0.0'"), rejected("address", "dst_ip", "10.0.0")),
        fits("protocol", "NULL"),
        fits("protocol", "''"),
        fits("protocol", "'HTTP'"),
        fits("protocol", "E'a\\tb\\u001b[31m'"),
        fits("protocol", "'日本語'"),
        (with("protocol", "'a protocol of its own'"), rejected("protocol", "protocol", "a protocol of its own")),
        fits("length", "NULL"),
        fits("length", "0"),
        (with("length", "-1"), rejected("length", "length", "-1")),
        (with("length", "2147483647"), rejected("length", "length", "2147483647")),
        (with("src_port", "-1"), rejected("port", "src_port", "-1")),
        (with("src_port", "65536"), rejected("port", "src_port", "65536")),
        (with("dst_port", "-2147483648"), rejected("port", "dst_port", "-2147483648")),
        fits("dst_port", "65535"),
        fits("tcp_flags", "NULL"),
        fits("tcp_flags", "'SA'"),
        (with("tcp_flags", "repeat('SYN,', 2500)"), rejected("tcp_flags", "tcp_flags", "SYN,SYN,SYN,SYN,SYN,SYN,")),
        (with("tcp_flags", "'SYN,HA'"), rejected("tcp_flags", "tcp_flags", "SYN,HA")),
    ];
    let cases: Vec<(&str, Outcome)> = cases.iter().map(|(values, outcome)| (values.as_str(), *outcome)).collect();
    let columns = "timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags";
    check(&database, "raw_packets", columns, &with("src_ip", "'10.0.0.1'"), &cases);

    // One stamped an hour ahead, and one of nothing: the honest rows after them are not late.
    database.execute(&format!(
        "INSERT INTO raw_packets ({columns}) SELECT extract(epoch FROM now()) + 3600, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 1, '';
         INSERT INTO raw_packets DEFAULT VALUES;
         INSERT INTO raw_packets ({columns}) VALUES ({})",
        with("timestamp", "1700000020")
    ));
    let before = cases.len() as i64 * 3;
    let all = until("the last rows", || sums(&database), |sums| sums.agree() && sums.packets == before + 3);
    assert_eq!(all.stored + all.rejected, before + 3);
    assert_eq!(service.metric("flowsentry_packets_late_total"), 0.0);
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0);
}

#[test]
fn of_other_types() {
    let database = Database::new(Tables::Ours);
    database.execute(
        "CREATE TABLE seen (id bigserial PRIMARY KEY, timestamp timestamptz, src_ip inet, dst_ip cidr, protocol smallint,
                            length bigint, src_port bigint, dst_port smallint, tcp_flags integer)",
    );
    let service = Service::start(&database, &["source.table=seen"]);
    let with = |column: &str, value: &str| {
        let usual = ["'2023-11-14 22:13:21Z'", "'10.0.0.1'", "'10.0.0.2'", "6", "60", "1024", "443", "2"];
        let names = ["timestamp", "src_ip", "dst_ip", "protocol", "length", "src_port", "dst_port", "tcp_flags"];
        assert!(names.contains(&column));
        let values = names.iter().zip(usual).map(|(name, usual)| if *name == column { value } else { usual });
        values.collect::<Vec<_>>().join(", ")
    };
    let time = |value: &str, shown| (with("timestamp", value), rejected("time", "timestamp", shown));
    let cases = [
        time("'infinity'", "infinity"),
        time("'-infinity'", "-infinity"),
        time("'1969-12-31 23:59:59Z'", "-946684801000000 µs sinc"),
        time("'10000-01-01Z'", "252455616000000000 µs si"),
        time("'294276-12-31Z'", "9223371244800000000 µs s"),
        (with("timestamp", "'9999-12-31 23:59:59Z'"), rejected("future", "timestamp", "253402300799.000000")),
        (with("src_ip", "'10.0.0.1/8'"), None),
        (with("src_ip", "'fe80::1/64'"), None),
        (with("src_ip", "NULL"), None),
        (with("protocol", "300"), rejected("protocol", "protocol", "300")),
        (with("protocol", "-1"), rejected("protocol", "protocol", "-1")),
        (with("protocol", "47"), None),
        (with("length", "9223372036854775807"), rejected("length", "length", "9223372036854775807")),
        (with("length", "-9223372036854775808"), rejected("length", "length", "-9223372036854775808")),
        (with("src_port", "9223372036854775807"), rejected("port", "src_port", "9223372036854775807")),
        (with("dst_port", "-1"), rejected("port", "dst_port", "-1")),
        (with("tcp_flags", "-1"), None),
        (with("tcp_flags", "2147483647"), None),
    ];
    let cases: Vec<(&str, Outcome)> = cases.iter().map(|(values, outcome)| (values.as_str(), *outcome)).collect();
    let columns = "timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags";
    check(&database, "seen", columns, &with("src_ip", "'10.0.0.1'"), &cases);
    assert_eq!(service.metric("flowsentry_packets_late_total"), 0.0);
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0);
}

#[test]
fn of_a_database_in_another_encoding() {
    for encoding in ["LATIN1", "SQL_ASCII", "WIN1252"] {
        let database = Database::in_encoding(Tables::Adopted, encoding);
        let service = Service::start(&database, &["retry.backoff_max=100ms"]);
        let columns = "timestamp, src_ip, dst_ip, protocol, length";
        // é in Latin 1, no UTF-8; one that is cut in the middle of a character; a
        // sign that UTF-8 knows no equivalent of; and signs that look like one of UTF-8 that the database lacks.
        database.execute(&format!(
            "INSERT INTO raw_packets ({columns}) VALUES (1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60),
                 (1700000001, 'caf' || convert_from('\\xe9', '{encoding}'), '10.0.0.2', 'TCP', 60),
                 (1700000001, repeat('x', 255) || repeat(convert_from('\\xe9', '{encoding}'), 9), '10.0.0.2', 'TCP', 60),
                 (1700000001, '10.0.0.1', '10.0.0.2', 'ab' || convert_from('\\x81', '{encoding}'), 60),
                 (1700000001, '10.0.0.1', '10.0.0.2', convert_from('\\xe282ac', '{encoding}'), 60),
                 (1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60)"
        ));
        let all = until(encoding, || sums(&database), |sums| sums.agree() && sums.packets == 6);
        assert!(all.rejected == 4 && all.stored == 2, "{encoding}: {all:?}");
        assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0, "{encoding}");
    }
}
