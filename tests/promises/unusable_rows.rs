//! A row that cannot be used is kept with its reason; the stream goes on and no honest row becomes late for it.

use super::kit::{Database, Service, Sums, Tables, sums, until};

#[test]
fn each_unusable_row_is_kept_with_its_reason() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    let good = "1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN'";
    let cases = [
        ("'NaN', '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN'", "time", "timestamp", Some("NaN")),
        ("'Infinity', '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN'", "time", "timestamp", Some("inf")),
        ("NULL, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN'", "time", "timestamp", None),
        (
            "253402300799, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN'",
            "future",
            "timestamp",
            Some("253402300799.000000"),
        ),
        ("1700000001, 'nobody', '10.0.0.2', 'TCP', 60, 1, 'SYN'", "address", "src_ip", Some("nobody")),
        ("1700000001, '10.0.0.1', '10.0.0.999', 'TCP', 60, 1, 'SYN'", "address", "dst_ip", Some("10.0.0.999")),
        (
            "1700000001, '10.0.0.1', '10.0.0.2', 'A very long protocol', 60, 1, ''",
            "protocol",
            "protocol",
            Some("A very long protocol"),
        ),
        ("1700000001, '10.0.0.1', '10.0.0.2', 'TCP', -5, 1, 'SYN'", "length", "length", Some("-5")),
        ("1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60, 70000, 'SYN'", "port", "src_port", Some("70000")),
        ("1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, 'SYN,HA'", "tcp_flags", "tcp_flags", Some("SYN,HA")),
    ];
    let columns = "timestamp, src_ip, dst_ip, protocol, length, src_port, tcp_flags";
    for (values, ..) in cases {
        database.execute(&format!("INSERT INTO raw_packets ({columns}) VALUES ({values}), ({good})"));
    }
    // One stamped an hour ahead must not make the honest ones late.
    database.execute(&format!(
        "INSERT INTO raw_packets ({columns}) SELECT extract(epoch FROM now()) + 3600, '10.0.0.1', '10.0.0.2', 'TCP', 60, 1, ''"
    ));
    database.execute(&format!("INSERT INTO raw_packets ({columns}) VALUES ({good})"));
    let sums = until("every row to come out", || sums(&database), Sums::agree);
    assert_eq!((sums.stored, sums.rejected), (11, 11));

    let rows = database.query("SELECT reason, column_name, value FROM flowsentry.rejected_packets ORDER BY packet_id");
    for (row, (values, reason, column, value)) in rows.iter().zip(cases) {
        let found: (&str, &str, Option<&str>) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(found, (reason, column, value), "{values}");
    }
    assert_eq!(rows[10].get::<_, &str>(0), "future");
    assert_eq!(service.metric("flowsentry_packets_late_total"), 0.0);
    service.until_metric("flowsentry_packets_rejected_total{reason=\"future\"}", 2.0);
}

#[test]
fn a_row_of_nulls_or_of_long_texts_elsewhere_is_a_row_like_others() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    database.execute("INSERT INTO raw_packets (timestamp) VALUES (1700000001)");
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, tcp_flags, dns_qname)
         VALUES (1700000001, '10.0.0.1', '10.0.0.2', 'TCP', 60, repeat('SYN,', 200) || 'ACK', repeat('x', 1000000))",
    );
    until("both rows to come out", || sums(&database), |sums| sums.agree() && sums.packets == 2);
    let flow = &database.query("SELECT src_ip, dest_ip, protocol FROM traffic_data WHERE protocol = 'OTHER'")[0];
    assert_eq!((flow.get(0), flow.get(1)), ("0.0.0.0", "0.0.0.0"));
    assert_eq!(sums(&database).rejected, 0);
    drop(service);
}
