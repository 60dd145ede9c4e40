//! For tests: a small corpus of made-up captures, written as the real one is.

use std::fs::File;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::corpus::{Label, LabelledPacket};
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::{Arp, HardwareAddress, Packet, TcpFlags};
use crate::flow::time::EventTime;

/// Labels that the made-up captures are about.
const SUBJECTS: [&str; 6] = ["Normal", "DDoS", "Port Scanning", "Brute Force", "ARP Poisoning", "DNS Tunnel"];

/// Writes a corpus: of every subject two captures to learn from, one to choose by and one to judge by.
pub fn write_corpus(directory: &Path) {
    std::fs::create_dir_all(directory.join("packets")).unwrap();
    let (mut captures, mut splits) = (Vec::new(), serde_json::Map::new());
    for (split, numbers) in [("train", 0..2), ("validation", 2..3), ("test", 3..4)] {
        let mut ids = Vec::new();
        for number in numbers {
            for subject in SUBJECTS {
                let id = format!("{}-{number}", subject.to_lowercase().replace(' ', "-"));
                write_packets(&directory.join("packets").join(format!("{id}.parquet")), &packets(subject, number));
                captures.push(serde_json::json!({
                    "id": id, "class": subject, "repo": format!("made/up-{number}"), "licence": "made up",
                }));
                ids.push(id);
            }
        }
        splits.insert(split.to_owned(), ids.into());
    }
    std::fs::write(directory.join("captures.json"), serde_json::to_vec(&captures).unwrap()).unwrap();
    std::fs::write(directory.join("splits.json"), serde_json::to_vec(&splits).unwrap()).unwrap();
}

/// A packet of TCP.
pub fn packet(milliseconds: i64, source: u8, destination: u8, label: Label) -> LabelledPacket {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    let packet = Packet {
        time: EventTime::from_micros(milliseconds * 1_000).unwrap(),
        key: FlowKey { source: address(source), destination: address(destination), protocol: Protocol::Tcp },
        length: 60,
        source_port: 40_000,
        destination_port: 80,
        tcp_flags: TcpFlags::ACK,
        arp: None,
        dns: None,
    };
    LabelledPacket { packet, label }
}

/// Two windows of ordinary traffic, and the subject's attack in it.
fn packets(subject: &str, number: u8) -> Vec<LabelledPacket> {
    let label = Label::from_name(subject).unwrap();
    let mut packets = Vec::new();
    for step in 0..120u8 {
        let time = i64::from(step) * 500;
        packets.push(packet(time, 20 + step % 7, 10 + number, Label::NORMAL));
        packets.push(packet(time + 20, 10 + number, 20 + step % 7, Label::NORMAL));
        packets.extend(attack(label, time, step, number));
    }
    packets
}

fn attack(label: Label, time: i64, step: u8, number: u8) -> Vec<LabelledPacket> {
    let mut made = packet(time, 99, 10 + number, label);
    let hardware = |last: u8| HardwareAddress::parse(&format!("02:00:00:00:00:{last:02x}"));
    match label.name() {
        "DDoS" => {
            made.packet.key.source = IpAddr::from([172, 16, number, step]);
            made.packet.tcp_flags = TcpFlags::SYN;
        }
        "Port Scanning" => {
            made.packet.destination_port = 1 + u16::from(step) * 8;
            made.packet.tcp_flags = TcpFlags::SYN;
        }
        "Brute Force" => {
            made.packet.destination_port = 22;
            made.packet.source_port += u16::from(step) / 4;
            made.packet.length = 100;
            made.packet.tcp_flags =
                if step.is_multiple_of(4) { TcpFlags::SYN } else { TcpFlags::ACK.union(TcpFlags::PSH) };
        }
        "ARP Poisoning" => {
            made.packet.key.protocol = Protocol::Arp;
            made.packet.key.source = IpAddr::from([10, 0, 0, 1 + step % 2]);
            let (source_hardware, destination_hardware) = (hardware(0x66), hardware(10 + number));
            made.packet.arp = Some(Arp { is_reply: true, source_hardware, destination_hardware });
        }
        "DNS Tunnel" => {
            made.packet.key.protocol = Protocol::Udp;
            made.packet.destination_port = 53;
            made.packet.length = 250 + u32::from(step % 9);
            made.packet.tcp_flags = TcpFlags::NONE;
        }
        _ => return Vec::new(),
    }
    if made.packet.key.protocol != Protocol::Tcp {
        made.packet.tcp_flags = TcpFlags::NONE;
    }
    vec![made]
}

const SCHEMA: &str = "message rows {
    optional double timestamp; optional binary src_ip (UTF8); optional binary dst_ip (UTF8);
    optional binary protocol (UTF8); optional int32 length; optional int32 src_port; optional int32 dst_port;
    optional binary tcp_flags (UTF8); optional int32 arp_op; optional binary arp_psrc (UTF8);
    optional binary arp_pdst (UTF8); optional binary arp_hwsrc (UTF8); optional binary arp_hwdst (UTF8);
    optional binary label (UTF8); optional binary role (UTF8); }";

/// Writes packets as a capture's rows, as the existing sniffer would have: ARP without addresses of its own.
pub fn write_packets(path: &Path, packets: &[LabelledPacket]) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for name in names {
        let mut column = group.next_column().unwrap().unwrap();
        match name.as_str() {
            "timestamp" => {
                let seconds: Vec<f64> = packets.iter().map(|it| it.packet.time.unix_seconds()).collect();
                column.typed::<DoubleType>().write_batch(&seconds, Some(&vec![1; packets.len()]), None).unwrap();
            }
            "length" | "src_port" | "dst_port" | "arp_op" => {
                let (values, levels) = present(packets.iter().map(|it| number(&it.packet, &name)));
                column.typed::<Int32Type>().write_batch(&values, Some(&levels), None).unwrap();
            }
            _ => {
                let texts = packets.iter().map(|it| text(it, &name).map(|text| ByteArray::from(text.into_bytes())));
                let (values, levels) = present(texts);
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

/// Values that are there, and a 1 for each of them, a 0 for each that is not.
fn present<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let values: Vec<Option<T>> = values.collect();
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().collect(), levels)
}

fn number(packet: &Packet, column: &str) -> Option<i32> {
    let is_arp = packet.key.protocol == Protocol::Arp;
    match column {
        "length" => i32::try_from(packet.length).ok(),
        "src_port" => (!is_arp).then(|| packet.source_port.into()),
        "dst_port" => (!is_arp).then(|| packet.destination_port.into()),
        _ => packet.arp.map(|arp| if arp.is_reply { 2 } else { 1 }),
    }
}

fn text(labelled: &LabelledPacket, column: &str) -> Option<String> {
    let packet = &labelled.packet;
    let FlowKey { source, destination, protocol } = packet.key;
    let is_arp = protocol == Protocol::Arp;
    let address = |address: IpAddr| if is_arp { "0.0.0.0".to_owned() } else { address.to_string() };
    match column {
        "src_ip" => Some(address(source)),
        "dst_ip" => Some(address(destination)),
        "protocol" => Some(protocol.to_string()),
        "tcp_flags" => (protocol == Protocol::Tcp).then(|| packet.tcp_flags.names().to_owned()),
        "arp_psrc" => is_arp.then(|| source.to_string()),
        "arp_pdst" => is_arp.then(|| destination.to_string()),
        "arp_hwsrc" => packet.arp?.source_hardware.map(|address| address.to_string()),
        "arp_hwdst" => packet.arp?.destination_hardware.map(|address| address.to_string()),
        "label" => Some(labelled.label.name().to_owned()),
        _ => Some(if labelled.label == Label::NORMAL { "bystander" } else { "attacker" }.to_owned()),
    }
}
