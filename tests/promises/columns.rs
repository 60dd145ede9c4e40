//! Every column of a flow, checked on a small capture against another tool.
//!
//! The capture is a cut of our own lab recording of a SYN scan: ARP, pings, an SSH session and the scan with its answers.
//! The figures below come from `tshark -T fields -e frame.time_epoch -e frame.len -e ip.src -e ip.dst
//! -e arp.src.proto_ipv4 -e arp.dst.proto_ipv4 -e arp.src.hw_mac -e arp.dst.hw_mac -e tcp.srcport -e tcp.dstport
//! -e tcp.flags …`, summed up by hand (a spreadsheet, not this program).

use super::kit::{Database, Service, Tables, sums, until};

/// One flow as tshark saw it. Times in µs since 1970.
struct Flow {
    key: (&'static str, &'static str, &'static str),
    packets: i64,
    bytes: i64,
    first: i64,
    last: i64,
    packets_per_second: f64,
    bytes_per_second: f64,
    tcp_flags: &'static str,
    /// SYN, SYN without ACK, SYN-ACK, RST, FIN.
    counts: [i64; 5],
    /// Distinct ports, distinct destination ports.
    ports: [i64; 2],
    /// Shortest, longest, Σ length².
    lengths: [i64; 3],
    gap_mean: f64,
    active_seconds: i64,
    macs: (Option<&'static str>, Option<&'static str>),
}

const WINDOW_START: i64 = 1_795_501_020;

#[allow(clippy::too_many_lines)] // a table
fn flows() -> Vec<Flow> {
    vec![
        Flow {
            key: ("10.9.7.61", "10.9.7.11", "TCP"),
            packets: 263,
            bytes: 15_242,
            first: 1_795_501_034_071_896,
            last: 1_795_501_034_090_995,
            packets_per_second: 13_770.354_469,
            bytes_per_second: 798_052.254,
            tcp_flags: "RST,SYN",
            counts: [260, 260, 0, 3, 0],
            ports: [261, 260],
            lengths: [54, 58, 883_388],
            gap_mean: 0.000_072_897,
            active_seconds: 1,
            macs: (None, None),
        },
        Flow {
            key: ("10.9.7.11", "10.9.7.61", "TCP"),
            packets: 260,
            bytes: 14_052,
            first: 1_795_501_034_071_914,
            last: 1_795_501_034_091_006,
            packets_per_second: 13_618.269_432,
            bytes_per_second: 736_015.085,
            tcp_flags: "ACK,RST,SYN",
            counts: [3, 0, 3, 257, 0],
            ports: [261, 1],
            lengths: [54, 58, 759_504],
            gap_mean: 0.000_073_714,
            active_seconds: 1,
            macs: (None, None),
        },
        Flow {
            key: ("10.9.7.22", "10.9.7.11", "TCP"),
            packets: 8,
            bytes: 3_345,
            first: 1_795_501_033_909_430,
            last: 1_795_501_034_074_839,
            packets_per_second: 48.364_962,
            bytes_per_second: 20_222.600,
            tcp_flags: "ACK,PSH,SYN",
            counts: [1, 1, 0, 0, 0],
            ports: [2, 1],
            lengths: [66, 1_514, 3_976_949],
            gap_mean: 0.023_629_857,
            active_seconds: 2,
            macs: (None, None),
        },
        Flow {
            key: ("10.9.7.11", "10.9.7.61", "ARP"),
            packets: 2,
            bytes: 84,
            first: 1_795_501_034_006_644,
            last: 1_795_501_034_071_880,
            packets_per_second: 30.657_919,
            bytes_per_second: 1_287.633,
            tcp_flags: "NONE",
            counts: [0; 5],
            ports: [0; 2],
            lengths: [42, 42, 3_528],
            gap_mean: 0.065_236,
            active_seconds: 1,
            macs: (Some("02:09:00:00:00:0b"), Some("02:09:00:00:00:3d")),
        },
        Flow {
            key: ("10.9.7.1", "10.9.7.22", "ICMP"),
            packets: 1,
            bytes: 98,
            first: 1_795_501_033_918_235,
            last: 1_795_501_033_918_235,
            packets_per_second: 1.0,
            bytes_per_second: 98.0,
            tcp_flags: "NONE",
            counts: [0; 5],
            ports: [0; 2],
            lengths: [98, 98, 9_604],
            gap_mean: 0.0,
            active_seconds: 1,
            macs: (None, None),
        },
    ]
}

#[test]
fn every_column_is_what_another_tool_says() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    let capture = "tests/promises/captures/scan.pcap";
    let replayed = database.command("replay").args(["--speed", "max", capture]).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    until("all packets", || sums(&database), |sums| sums.packets == 573 && sums.agree());
    assert_eq!(database.number("SELECT count(*) FROM traffic_data"), 34);
    for flow in flows() {
        check(&database, &flow);
    }
    // Context: the scanner tried one host at 260 ports; the host answered nearly every packet, mostly by RST.
    let scanner = &database.query(
        "SELECT source_destinations, source_destination_ports, destination_sources, reverse_packet_ratio
         FROM traffic_data WHERE src_ip = '10.9.7.61' AND protocol = 'TCP'",
    )[0];
    assert_eq!((scanner.get::<_, f64>(0), scanner.get::<_, f64>(1), scanner.get::<_, f64>(2)), (1.0, 260.0, 2.0));
    assert!((scanner.get::<_, f64>(3) - 260.0 / 263.0).abs() < 1e-12);
    drop(service);
}

fn check(database: &Database, flow: &Flow) {
    let (source, destination, protocol) = flow.key;
    let rows = database.query(&format!(
        "SELECT (extract(epoch FROM window_start))::bigint, (extract(epoch FROM window_end))::bigint,
                packet_count::bigint, byte_count::bigint, (extract(epoch FROM first_seen) * 1000000)::bigint,
                (extract(epoch FROM last_seen) * 1000000)::bigint, tcp_flags, connection_attempts::bigint,
                syn_without_ack_count, syn_ack_count, rst_count, fin_count, unique_ports::bigint,
                destination_ports::bigint, length_min, length_max, length_sum_of_squares, active_seconds::bigint,
                source_mac, dest_mac, packet_per_sec, byte_per_sec, gap_mean, revision, source_id::bigint,
                predicted_label, confidence, model_version,
                abs(extract(epoch FROM created_at - (now() AT TIME ZONE 'utc')))::float8
         FROM traffic_data WHERE src_ip = '{source}' AND dest_ip = '{destination}' AND protocol = '{protocol}'"
    ));
    assert_eq!(rows.len(), 1, "{:?}", flow.key);
    let row = &rows[0];
    let integer = |column: usize| row.get::<_, i64>(column);
    let found: Vec<i64> = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23, 24].map(integer).to_vec();
    let mut expected = vec![WINDOW_START, WINDOW_START + 30, flow.packets, flow.bytes, flow.first, flow.last];
    expected.extend(flow.counts);
    expected.extend(flow.ports);
    expected.extend(flow.lengths);
    expected.extend([flow.active_seconds, 0, 1]);
    assert_eq!(found, expected, "{:?}", flow.key);
    assert_eq!(row.get::<_, &str>(6), flow.tcp_flags);
    assert_eq!((row.get(18), row.get(19)), flow.macs);
    let near = |column: usize, expected: f64| {
        let found: f64 = row.get(column);
        assert!((found - expected).abs() <= expected.abs() * 1e-6 + 1e-9, "{:?}: {found}, not {expected}", flow.key);
    };
    near(20, flow.packets_per_second);
    near(21, flow.bytes_per_second);
    near(22, flow.gap_mean);
    assert!(!row.get::<_, &str>(25).is_empty());
    assert_eq!(row.get::<_, Option<f64>>(26).is_some(), row.get::<_, Option<&str>>(27).is_some());
    assert!(row.get::<_, f64>(28) < 600.0, "created_at is the time of storing, in UTC");
}
