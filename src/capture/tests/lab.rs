//! Every recording of the lab, against the rows that the existing sniffer's own conversion made of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::capture::{CapturedPacket, Content, hardware_text, rows, tcp_flags_text};
use crate::config::Environment;
use crate::flow::packet::TcpFlags;

#[test]
fn recorded_packets_become_the_rows_of_the_existing_sniffer() {
    let Some(data) = data() else {
        println!("skipped: no ../shared/data and no FLOWSENTRY_SHARED_DATA");
        return;
    };
    let captures = std::fs::read(data.join("captures.json")).unwrap();
    let captures: Vec<serde_json::Value> = serde_json::from_slice(&captures).unwrap();
    let mut compared = 0;
    for capture in &captures {
        if let Some(file) = capture["file"].as_str() {
            let rows = data.join(format!("packets/{}.parquet", capture["id"].as_str().unwrap()));
            compared += compare(&data.join(file), &rows);
        }
    }
    assert!(compared > 700_000, "{compared} packets compared");
}

fn data() -> Option<PathBuf> {
    let named = Environment::of_process().get("FLOWSENTRY_SHARED_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    [named, Some(beside)].into_iter().flatten().find(|path| path.join("captures.json").is_file())
}

/// Number of packets, all equal in all columns.
fn compare(capture: &Path, expected: &Path) -> usize {
    let mut xz = Command::new("xz").arg("-dc").arg(capture).stdout(Stdio::piped()).spawn().unwrap();
    let reader = SerializedFileReader::new(File::open(expected).unwrap()).unwrap();
    let mut packets = 0;
    {
        let mut found = rows(xz.stdout.take().unwrap());
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let packet = found.next().expect("as many packets as rows").unwrap();
            let columns = columns(&packet);
            for (name, value) in row.get_column_iter() {
                if let Some((_, found)) = columns.iter().find(|(column, _)| column == name) {
                    assert_eq!(found, value, "{name} of packet {packets} of {}", capture.display());
                }
            }
            packets += 1;
        }
        assert!(found.next().is_none(), "{} has more packets than rows", capture.display());
    }
    assert!(xz.wait().unwrap().success());
    packets
}

fn columns(packet: &CapturedPacket) -> Vec<(&'static str, Field)> {
    let number = |value: Option<u16>| value.map_or(Field::Null, |value| Field::Int(value.into()));
    let text = |value: Option<String>| value.map_or(Field::Null, Field::Str);
    let truth = |value: Option<bool>| value.map_or(Field::Null, Field::Bool);
    let address = |pick: fn((std::net::IpAddr, std::net::IpAddr)) -> std::net::IpAddr| {
        Field::Str(packet.addresses.map_or_else(|| "0.0.0.0".to_owned(), |both| pick(both).to_string()))
    };
    let content = &packet.content;
    let flag = |flag| truth(content.tcp_flags().map(|flags| flags.contains(flag)));
    let arp = if let Content::Arp(arp) = content { Some(arp) } else { None };
    let dns = if let Content::Udp { dns, .. } = content { dns.as_ref() } else { None };
    vec![
        ("timestamp", Field::Double(packet.timestamp)),
        ("src_ip", address(|(source, _)| source)),
        ("dst_ip", address(|(_, destination)| destination)),
        ("protocol", Field::Str(content.protocol().to_owned())),
        ("length", Field::Int(packet.length.try_into().unwrap())),
        ("src_port", number(content.ports().map(|(source, _)| source))),
        ("dst_port", number(content.ports().map(|(_, destination)| destination))),
        ("tcp_flags", text(content.tcp_flags().map(tcp_flags_text))),
        ("tcp_syn", flag(TcpFlags::SYN)),
        ("tcp_ack", flag(TcpFlags::ACK)),
        ("tcp_fin", flag(TcpFlags::FIN)),
        ("tcp_rst", flag(TcpFlags::RST)),
        ("tcp_psh", flag(TcpFlags::PSH)),
        ("icmp_type", number(content.icmp().map(|(kind, _)| kind.into()))),
        ("icmp_code", number(content.icmp().map(|(_, code)| code.into()))),
        ("arp_op", number(arp.map(|arp| arp.operation))),
        ("arp_psrc", text(arp.map(|arp| arp.sender.to_string()))),
        ("arp_pdst", text(arp.map(|arp| arp.target.to_string()))),
        ("arp_hwsrc", text(arp.map(|arp| hardware_text(arp.sender_hardware)))),
        ("arp_hwdst", text(arp.map(|arp| hardware_text(arp.target_hardware)))),
        ("dns_query", truth(dns.map(|dns| !dns.is_response))),
        ("dns_response", truth(dns.map(|dns| dns.is_response))),
        ("dns_qname", text(dns.and_then(|dns| dns.name.clone()))),
    ]
}
