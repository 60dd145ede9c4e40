//! What arrives in tables of different shapes, read back from a real server.

use std::net::IpAddr;

use super::*;
use crate::capture::{Arp, CaptureError, CapturedPacket, Content, Dns};
use crate::flow::packet::TcpFlags;
use crate::sandbox::replay::{Recording, Replay};
use crate::sandbox::testing::database;
use crate::sandbox::{Flaw, Speed, Timeline};

const EXISTING_TABLE: &str = "CREATE TABLE raw_packets (id serial, \"timestamp\" double precision, interface varchar,
    src_ip varchar NOT NULL, dst_ip varchar NOT NULL, protocol varchar NOT NULL, length integer NOT NULL,
    src_port integer, dst_port integer, tcp_flags varchar, tcp_syn boolean, tcp_ack boolean, tcp_fin boolean,
    tcp_rst boolean, tcp_psh boolean, seq integer, ack integer, icmp_type integer, icmp_code integer, arp_op integer,
    arp_psrc varchar, arp_pdst varchar, arp_hwsrc varchar, arp_hwdst varchar, dns_query boolean, dns_qname varchar,
    dns_qtype integer, dns_response boolean, inserted_at timestamp DEFAULT now())";

fn packet(content: Content) -> CapturedPacket {
    let has_addresses = !matches!(content, Content::Arp(_));
    let addresses = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    CapturedPacket { timestamp: 1_700_000_000.25, length: 60, addresses: has_addresses.then_some(addresses), content }
}

fn syn() -> CapturedPacket {
    packet(Content::Tcp { source_port: 4000, destination_port: 80, flags: TcpFlags::SYN.union(TcpFlags::ECE) })
}

fn all_kinds() -> Vec<RawRow> {
    let arp = Arp {
        operation: 2,
        sender_hardware: [2, 9, 0, 0, 0, 0x3d],
        sender: [10, 0, 0, 9].into(),
        target_hardware: [0; 6],
        target: [10, 0, 0, 8].into(),
    };
    let dns = Dns { is_response: true, name: Some("a\\b\tc".to_owned()) };
    [
        syn(),
        packet(Content::Udp { source_port: 53, destination_port: 9, dns: Some(dns) }),
        packet(Content::Icmp { kind: 3, code: 1 }),
        packet(Content::Icmpv6EchoRequest { code: 0 }),
        packet(Content::Arp(arp)),
        CapturedPacket { addresses: None, length: u32::MAX, ..packet(Content::Other) },
    ]
    .into_iter()
    .map(RawRow::from)
    .collect()
}

/// Inserts `rows` into the table that `create` makes, and gives what `select` finds, a line a row.
fn round_trip(name: &str, create: &str, names: &[(&str, &str)], rows: &[RawRow], select: &str) -> Option<String> {
    let (runtime, client) = database(name)?;
    let names = names.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect();
    runtime.block_on(async {
        client.batch_execute(create).await.unwrap();
        let sniffer = Sniffer::open(&client, "raw_packets", &names, "eth0").await.unwrap();
        assert_eq!(sniffer.insert(rows).await.unwrap(), rows.len() as u64);
        let found = client.query(&format!("SELECT ({select})::text FROM raw_packets ORDER BY id"), &[]).await.unwrap();
        Some(found.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
    })
}

#[test]
fn the_existing_table_gets_what_the_existing_sniffer_writes() {
    let select = "row(id, timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, tcp_syn,
        tcp_ack, icmp_type, icmp_code, arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst, dns_query, dns_response, dns_qname)";
    let Some(found) = round_trip("existing", EXISTING_TABLE, &[], &all_kinds(), select) else { return };
    let expected = r#"(1,1700000000.25,eth0,10.0.0.1,10.0.0.2,TCP,60,4000,80,"SYN,ECE",t,f,,,,,,,,,,)
(2,1700000000.25,eth0,10.0.0.1,10.0.0.2,UDP,60,53,9,,,,,,,,,,,f,t,"a\\b	c")
(3,1700000000.25,eth0,10.0.0.1,10.0.0.2,ICMP,60,,,,,,3,1,,,,,,,,)
(4,1700000000.25,eth0,10.0.0.1,10.0.0.2,ICMPv6,60,,,,,,128,0,,,,,,,,)
(5,1700000000.25,eth0,0.0.0.0,0.0.0.0,ARP,60,,,,,,,,2,10.0.0.9,10.0.0.8,02:09:00:00:00:3d,00:00:00:00:00:00,,,)
(6,1700000000.25,eth0,0.0.0.0,0.0.0.0,OTHER,2147483647,,,,,,,,,,,,,,,)"#;
    assert_eq!(found, expected);
}

#[test]
fn another_table_gets_the_columns_it_has_in_their_types_and_names() {
    let create =
        "CREATE TABLE raw_packets (id bigserial, captured_at timestamptz, src_ip inet, dst_ip inet, protocol int2,
        length bigint, tcp_flags int2, arp_hwsrc macaddr)";
    let select = "row(id, captured_at AT TIME ZONE 'UTC', src_ip, dst_ip, protocol, length, tcp_flags, arp_hwsrc)";
    let names = [("timestamp", "captured_at")];
    let Some(found) = round_trip("other", create, &names, &all_kinds(), select) else { return };
    let expected = r#"(1,"2023-11-14 22:13:20.25",10.0.0.1,10.0.0.2,6,60,66,)
(2,"2023-11-14 22:13:20.25",10.0.0.1,10.0.0.2,17,60,,)
(3,"2023-11-14 22:13:20.25",10.0.0.1,10.0.0.2,1,60,,)
(4,"2023-11-14 22:13:20.25",10.0.0.1,10.0.0.2,58,60,,)
(5,"2023-11-14 22:13:20.25",0.0.0.0,0.0.0.0,,60,,02:09:00:00:00:3d)
(6,"2023-11-14 22:13:20.25",0.0.0.0,0.0.0.0,,2147483647,,)"#;
    assert_eq!(found, expected);
}

#[test]
fn flaws_reach_the_table() {
    let flawed = |flaw| RawRow { packet: syn(), flaw: Some(flaw) };
    let no_time = CapturedPacket { timestamp: f64::NAN, ..syn() };
    let rows = [flawed(Flaw::Address), flawed(Flaw::Length), flawed(Flaw::TcpFlags), no_time.into()];
    let select = "row(timestamp, src_ip, length, tcp_flags)";
    let Some(found) = round_trip("flawed", EXISTING_TABLE, &[], &rows, select) else { return };
    let expected = r#"(1700000000.25,10.9.0.300,60,"SYN,ECE")
(1700000000.25,10.0.0.1,-1,"SYN,ECE")
(1700000000.25,10.0.0.1,60,"SYN,XYZZY")
(NaN,10.0.0.1,60,"SYN,ECE")"#;
    assert_eq!(found, expected);
}

#[test]
fn a_table_that_cannot_be_written_is_told() {
    let Some((runtime, client)) = database("wrong") else { return };
    let error = |create: &str, table: &str| {
        runtime.block_on(async {
            client.batch_execute(create).await.unwrap();
            Sniffer::open(&client, table, &BTreeMap::new(), "eth0").await.err().unwrap().to_string()
        })
    };
    assert_eq!(error("", "nosuch"), "there is no table nosuch");
    assert_eq!(error("", "no.such"), "there is no table no.such");
    assert_eq!(
        error("CREATE TABLE empty (id int)", "empty"),
        r#"table empty has none of the columns that a sniffer fills, such as "timestamp""#
    );
    assert_eq!(
        error("CREATE TABLE typed (timestamp json, src_ip text)", "public.typed"),
        r#"public.typed."timestamp" has type json; a sniffer cannot write there"#
    );
}

#[test]
fn a_replay_commits_in_parts_and_reports_damage_with_all_that_was_good() {
    let Some((runtime, client)) = database("replayed") else { return };
    runtime.block_on(async {
        client.batch_execute(EXISTING_TABLE).await.unwrap();
        // The session of a command has no search path.
        client.batch_execute("SET search_path = ''").await.unwrap();
        let sniffer = Sniffer::open(&client, "raw_packets", &BTreeMap::new(), "eth0").await.unwrap();
        let whole = crate::capture::pcap_of_syns(20);
        let cut = whole[..whole.len() - 1].to_vec();
        let recording = |name: &str, bytes: Vec<u8>| Recording {
            name: name.to_owned(),
            reader: Box::new(std::io::Cursor::new(bytes)),
        };
        let mut committed = Vec::new();
        let replay = Replay {
            sniffer: &sniffer,
            timeline: Timeline::new(Speed::Max, Some(5000.0)),
            rows_per_commit: 7,
            on_commit: &mut |rows| committed.push(rows),
        };
        let reports = replay.run(vec![recording("cut", cut), recording("whole", whole)]).await.unwrap();
        let told: Vec<_> = reports
            .iter()
            .map(|report| (report.name.as_str(), report.packets, report.damage.as_ref().map(CaptureError::offset)))
            .collect();
        assert_eq!(told, [("cut", 19, Some(24 + 19 * 70 + 16)), ("whole", 20, None)]);
        assert_eq!(committed, [7, 7, 5, 7, 7, 6]);
        let select =
            "SELECT count(*), count(DISTINCT xmin::text), min(timestamp), max(timestamp) FROM public.raw_packets";
        let row = client.query_one(select, &[]).await.unwrap();
        let found: (i64, i64, f64, f64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert_eq!(found, (39, 6, 5000.0, 5037.0));
    });
}

#[test]
fn a_paced_replay_takes_its_time() {
    let Some((runtime, client)) = database("paced") else { return };
    runtime.block_on(async {
        client.batch_execute(EXISTING_TABLE).await.unwrap();
        let sniffer = Sniffer::open(&client, "raw_packets", &BTreeMap::new(), "eth0").await.unwrap();
        let reader = Box::new(std::io::Cursor::new(crate::capture::pcap_of_syns(5)));
        let mut commits = 0;
        let replay = Replay {
            sniffer: &sniffer,
            timeline: Timeline::new(Speed::Times(10.0), None),
            rows_per_commit: 1000,
            on_commit: &mut |_| commits += 1,
        };
        let begun = crate::telemetry::clock::now();
        replay.run(vec![Recording { name: String::new(), reader }]).await.unwrap();
        assert!(begun.elapsed().as_millis() >= 400, "{:?}", begun.elapsed());
        assert_eq!(commits, 5);
    });
}
