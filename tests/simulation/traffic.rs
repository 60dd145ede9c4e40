//! Packets as sniffers insert them: in time, early, late, far in the future, unusable.

use std::net::IpAddr;
use std::time::Duration;

use flowsentry::flow::batch::{Reason, Rejected};
use flowsentry::flow::key::{FlowKey, Protocol};
use flowsentry::flow::packet::{Packet, TcpFlags};
use flowsentry::flow::time::EventTime;
use flowsentry::postgres::decode::Row;

use super::random::Random;
use super::setting::Setting;

/// What a row holds: a packet, or nothing that can be used.
pub type Content = Result<Packet, Reason>;

/// The row as the decoder gives it.
pub fn row(id: i64, content: &Content) -> Row {
    let packet = content.map_err(|reason| Rejected { id, reason, column: "timestamp", value: None });
    Row { id, packet }
}

/// The content of a new row, inserted when the sniffer's clock shows `now`.
pub fn content(random: &mut Random, setting: &Setting, now: EventTime) -> Content {
    let length = setting.limits.window_length;
    let time = match random.below(100) {
        0..60 => now.saturating_sub(random.span(Duration::from_secs(4))),
        60..72 => now.saturating_sub(random.span(length * 8)),
        72..80 => now.saturating_add(random.span(setting.future_bound)),
        80..85 => now.saturating_add(setting.future_bound + random.span(Duration::from_secs(10))),
        85..93 => on_a_border(random, now, length),
        _ => return Err(random.pick(&[Reason::Time, Reason::Address, Reason::Port])),
    };
    let address = |last: u8| IpAddr::from([10, 0, 0, last]);
    let key =
        FlowKey { source: address(random_key(random, setting)), destination: address(200), protocol: Protocol::Tcp };
    Ok(Packet {
        time,
        key,
        length: u32::try_from(random.between(60, 1_500)).unwrap(),
        source_port: u16::try_from(random.between(1, 60_000)).unwrap(),
        destination_port: random.pick(&[0, 22, 80, 443]),
        tcp_flags: TcpFlags::from_bits(u8::try_from(random.below(64)).unwrap()),
        arp: None,
        dns: None,
    })
}

fn random_key(random: &mut Random, setting: &Setting) -> u8 {
    u8::try_from(random.between(1, usize::from(setting.keys))).unwrap()
}

/// The first or the last microsecond of a window nearby.
fn on_a_border(random: &mut Random, now: EventTime, length: Duration) -> EventTime {
    let near = now.saturating_sub(length * u32::try_from(random.below(3)).unwrap());
    let start = near.micros() - near.micros() % i64::try_from(length.as_micros()).unwrap();
    EventTime::from_micros(start - i64::from(random.percent(50))).unwrap()
}
