//! The attacks through the real thing, as their time comes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flowsentry::alert::{State, SubjectKind};
use flowsentry::flow::key::Protocol;
use flowsentry::flow::packet::Packet;
use flowsentry::telemetry::clock;
use futures::SinkExt;
use tokio_postgres::{Client, NoTls};

use crate::kit::{Service, adopt, server_with};
use crate::rehearsal::Told;
use crate::scene::{Scene, elsewhere, moved};

/// Scenes that are played at the same time.
const LANES: usize = 6;
/// As a sniffer uploads.
const UPLOAD: Duration = Duration::from_millis(100);
/// After the last packet: until all windows are closed and alerts have settled.
const AFTER: Duration = Duration::from_secs(100);

/// An alert as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub kind: SubjectKind,
    pub address: IpAddr,
    pub label: String,
    pub state: State,
    /// Since the scene's beginning.
    pub opened: Duration,
}

impl Seen {
    pub fn of(told: &Told) -> Self {
        let alert = &told.alert;
        Self {
            kind: alert.subject.kind,
            address: alert.subject.address,
            label: alert.label.clone(),
            state: alert.state,
            opened: told.opened,
        }
    }
}

/// Plays all scenes, some at once, each between hosts of its own; gives the alerts of each.
pub fn play(scenes: &[Scene], interval: Duration) -> Vec<Vec<Seen>> {
    let server = server_with(&[("max_wal_size", "2GB")]);
    let url = server.url("postgres");
    adopt(&url);
    let interval = format!("early.interval={}", humantime::format_duration(interval));
    let mut service = Service::start(&url, &[&interval]);
    service.until_ready();
    let next = AtomicUsize::new(0);
    let begun: Vec<(usize, f64)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(|| lane(&url, scenes, &next))).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    std::thread::sleep(AFTER);
    service.check();
    let begun: BTreeMap<usize, f64> = begun.into_iter().collect();
    let seen = runtime().block_on(alerts(&url, scenes, &begun));
    service.stop();
    seen
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
    tokio::spawn(connection);
    client
}

/// Each scene has hosts of its own, so that alerts tell which scene they are of.
fn mask(scene: usize) -> u32 {
    (u32::try_from(scene).unwrap() + 1) << 19
}

fn lane(url: &str, scenes: &[Scene], next: &AtomicUsize) -> Vec<(usize, f64)> {
    runtime().block_on(async {
        let client = connect(url).await;
        let mut begun = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(scene) = scenes.get(number) else { return begun };
            begun.push((number, scene_begins(&client, scene, mask(number)).await));
            println!("played {} ({} of {})", scene.id, number + 1, scenes.len());
        }
    })
}

/// Inserts packets once their time has come; gives when the scene began, in Unix seconds.
async fn scene_begins(client: &Client, scene: &Scene, mask: u32) -> f64 {
    let (began, clock) = (clock::since_epoch().as_secs_f64(), clock::now());
    let mut left = &scene.packets[..];
    while !left.is_empty() {
        let until = flowsentry::flow::time::EventTime::EPOCH.saturating_add(clock.elapsed());
        let (due, rest) = left.split_at(left.partition_point(|one| one.packet.time < until));
        left = rest;
        if !due.is_empty() {
            let mut rows = String::new();
            for one in due {
                row(&moved(one.packet, mask), began, &mut rows);
            }
            insert(client, rows).await;
        }
        tokio::time::sleep(UPLOAD).await;
    }
    began
}

const COPY: &str = "COPY raw_packets (timestamp, interface, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags, \
                    arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst) FROM STDIN";

async fn insert(client: &Client, rows: String) {
    let sink = client.copy_in::<_, Bytes>(COPY).await.expect("COPY");
    let mut sink = std::pin::pin!(sink);
    sink.send(rows.into()).await.expect("rows");
    sink.finish().await.expect("rows committed");
}

fn row(packet: &Packet, began: f64, out: &mut String) {
    let time = began + packet.time.unix_seconds();
    let key = packet.key;
    let (protocol, length) = (key.protocol.name(), packet.length);
    let written = match (key.protocol, packet.arp) {
        (Protocol::Arp, Some(arp)) => {
            let hardware = |address: Option<_>| address.map_or("\\N".to_owned(), |address| format!("{address}"));
            let operation = if arp.is_reply { 2 } else { 1 };
            let (from, to) = (hardware(arp.source_hardware), hardware(arp.destination_hardware));
            writeln!(
                out,
                "{time:.6}\teth0\t0.0.0.0\t0.0.0.0\tARP\t{length}\t\\N\t\\N\t\\N\t{operation}\t{}\t{}\t{from}\t{to}",
                key.source, key.destination,
            )
        }
        (protocol_of, _) => {
            let port = |port: u16| if port == 0 { "\\N".to_owned() } else { port.to_string() };
            let flags =
                if protocol_of == Protocol::Tcp { packet.tcp_flags.names().to_owned() } else { "\\N".to_owned() };
            writeln!(
                out,
                "{time:.6}\teth0\t{}\t{}\t{protocol}\t{length}\t{}\t{}\t{flags}\t\\N\t\\N\t\\N\t\\N\t\\N",
                key.source,
                key.destination,
                port(packet.source_port),
                port(packet.destination_port),
            )
        }
    };
    written.unwrap();
}

/// The alerts of each scene, with the addresses as the scene has them.
async fn alerts(url: &str, scenes: &[Scene], begun: &BTreeMap<usize, f64>) -> Vec<Vec<Seen>> {
    let client = connect(url).await;
    let query = "SELECT host(subject), subject_kind, label, state, extract(epoch FROM detected_at)::float8 \
                 FROM flowsentry.alerts ORDER BY id";
    let mut seen = vec![Vec::new(); scenes.len()];
    for row in client.query(query, &[]).await.expect("alerts") {
        let address: IpAddr = row.get::<_, &str>(0).parse().unwrap();
        let detected: f64 = row.get(4);
        let kind = SubjectKind::from_name(row.get(1)).unwrap();
        let state = State::ALL.into_iter().find(|state| state.name() == row.get::<_, &str>(3)).unwrap();
        for (number, scene) in scenes.iter().enumerate() {
            let (Some(start), original) = (begun.get(&number), elsewhere(address, mask(number))) else { continue };
            let is_of_it = |one: &flowsentry::training::corpus::LabelledPacket| {
                one.packet.key.source == original || one.packet.key.destination == original
            };
            if detected >= *start && scene.packets.iter().any(is_of_it) {
                let opened = Duration::from_secs_f64(detected - start);
                seen[number].push(Seen { kind, address: original, label: row.get(2), state, opened });
                break;
            }
        }
    }
    seen
}
