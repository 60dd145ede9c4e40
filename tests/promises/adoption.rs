//! The existing system's tables are adopted unchanged, and tables of other shapes by a mapping.

use super::kit::{Database, Service, Tables, assert_flows_equal_group_by, sums, until};

#[test]
fn rows_from_before_the_adoption_are_read_and_old_flows_stay() {
    let database = Database::new(Tables::Existing);
    database.execute(
        "INSERT INTO raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
         SELECT 1700000000 + g * 0.1, 'eth0', '10.0.0.' || g % 5, '10.0.1.1', 'TCP', 60, 1024 + g, 80, 'SYN'
         FROM generate_series(1, 1000) g;
         INSERT INTO traffic_data (dest_ip, packet_count, protocol, predicted_label) VALUES ('10.9.9.9', 7, 'TCP', 'Normal')",
    );
    database.migrate(&["--adopt"]);
    let service = Service::start(&database, &[]);
    until("all packets", || sums(&database), |sums| sums.stored == 1007);
    database.execute("DELETE FROM traffic_data WHERE dest_ip = '10.9.9.9' AND src_ip IS NULL AND packet_count = 7");
    assert_flows_equal_group_by(&database);
    drop(service);
}

#[test]
fn the_existing_columns_alone_are_enough() {
    let database = Database::new(Tables::Adopted);
    // As if the role had had no right to add columns.
    database.execute("DROP TABLE traffic_data");
    database.execute("CREATE TABLE traffic_data (id_num serial PRIMARY KEY, dest_ip varchar(15), source_mac varchar, dest_mac varchar,
        packet_count integer, packet_per_sec double precision, byte_count integer, byte_per_sec double precision,
        tcp_flags varchar(5), connection_attempts integer, unique_ports integer, protocol varchar, predicted_label varchar)");
    let service = Service::start(&database, &[]);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
         SELECT 1700000000 + g, '10.0.0.1', '10.0.1.1', 'TCP', 60, 1024 + g, 80, 'SYN,ACK' FROM generate_series(0, 9) g",
    );
    until("the flow", || sums(&database), |sums| sums.stored == 10);
    let flow = &database.query(
        "SELECT dest_ip, tcp_flags, connection_attempts, unique_ports, created_at IS NULL FROM
        (SELECT *, NULL AS created_at FROM traffic_data) t",
    )[0];
    assert_eq!((flow.get(0), flow.get(1), flow.get(2), flow.get(3)), ("10.0.1.1", "ACK,S", 10, 11));
    drop(service);
}

#[test]
fn another_shape_of_table_is_mapped() {
    let database = Database::new(Tables::Ours);
    database.execute(
        "CREATE SCHEMA \"Net\";
         CREATE TABLE \"Net\".\"Packets\" (nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, captured timestamptz,
             src inet, dst inet, proto smallint, octets bigint, sport smallint, dport integer, flags integer)",
    );
    let columns = [
        ("id", "nr"),
        ("timestamp", "captured"),
        ("src_ip", "src"),
        ("dst_ip", "dst"),
        ("protocol", "proto"),
        ("length", "octets"),
        ("src_port", "sport"),
        ("dst_port", "dport"),
        ("tcp_flags", "flags"),
    ];
    let mut settings: Vec<String> =
        columns.iter().map(|(ours, theirs)| format!("source.columns.{ours}={theirs}")).collect();
    settings.push("source.table=\"Net\".\"Packets\"".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let service = Service::start(&database, &settings);
    database.execute(
        "INSERT INTO \"Net\".\"Packets\" (captured, src, dst, proto, octets, sport, dport, flags)
         SELECT to_timestamp(1700000000 + g), '10.0.0.1', '2001:db8::1', 6, 60, 1024 + g, 80, 18 FROM generate_series(1, 5) g",
    );
    until("the flow", || database.number("SELECT sum(packet_count) FROM traffic_data"), |packets| *packets == 5);
    let flow = &database
        .query("SELECT src_ip, dest_ip, protocol, tcp_flags, extract(epoch FROM first_seen)::bigint FROM traffic_data")
        [0];
    let found: (&str, &str, &str, &str, i64) = (flow.get(0), flow.get(1), flow.get(2), flow.get(3), flow.get(4));
    assert_eq!(found, ("10.0.0.1", "2001:db8::1", "TCP", "ACK,SYN", 1_700_000_001));
    drop(service);
}

#[test]
fn a_column_of_the_wrong_type_is_named_with_the_remedy() {
    let database = Database::new(Tables::Adopted);
    database.execute("ALTER TABLE raw_packets ALTER timestamp TYPE json USING NULL");
    let (status, log) = Service::start(&database, &[]).ended();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(
        log.contains("has type json; expected double precision") && log.contains("[source.columns] timestamp"),
        "{log}"
    );
}

#[test]
fn a_table_of_arp_is_keyed_by_its_protocol_addresses() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst)
         VALUES (1700000000, '0.0.0.0', '0.0.0.0', 'ARP', 42, 1, '10.0.0.1', '10.0.0.2', '02:00:00:00:00:01', '00:00:00:00:00:00'),
                (1700000001, '0', '0', 'ARP', 42, 2, '10.0.0.2', '10.0.0.1', '02:00:00:00:00:02', '02:00:00:00:00:01'),
                (1700000002, NULL, NULL, 'ARP', 42, 2, '10.0.0.2', '10.0.0.1', '02:00:00:00:00:02', '02:00:00:00:00:01')",
    );
    until("the flows", || sums(&database), |sums| sums.stored == 3);
    let rows = database.query("SELECT src_ip, dest_ip, packet_count, source_mac FROM traffic_data ORDER BY src_ip");
    let flows: Vec<(&str, &str, i32, &str)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    assert_eq!(
        flows,
        [("10.0.0.1", "10.0.0.2", 1, "02:00:00:00:00:01"), ("10.0.0.2", "10.0.0.1", 2, "02:00:00:00:00:02")]
    );
    drop(service);
}
