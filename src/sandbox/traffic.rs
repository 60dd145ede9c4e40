//! The demo's traffic: ordinary traffic with attacks laid over it, inserted as untidily as sniffers do.
//!
//! Some rows come out of order, some so late that their window has closed, some cannot be used. All of it is the same
//! every time, and [`Planned`] says what must come out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::layers::{LAYERS, Layer};
use super::row::{Flaw, RawRow};
use super::sniffer::{Sniffer, SnifferError};
use super::timeline::Speed;
use crate::capture::{self, CaptureError, CapturedPacket, Content};
use crate::flow::batch::Reason;
use crate::flow::packet::TcpFlags;
use crate::flow::time::EventTime;
use crate::telemetry::clock;

/// Length of the windows that [`Planned`] counts in, and the out-of-orderness bound, in seconds: the defaults.
const WINDOW: f64 = 30.0;
const OUT_OF_ORDERNESS: f64 = 5.0;

/// Every how many packets one comes out of order, and by how many seconds at most: less than the bound.
const DELAYED_EVERY: usize = 31;
const DELAY_MAX: u32 = 4;
/// Of the first window, every how many packets one comes late, and by how many seconds: long after the window's end, with
/// thousands of rows in between, since lateness is decided between batches.
const LATE_EVERY: usize = 23;
const LATE_BY: f64 = 60.0;
/// Rows of each kind that cannot be used.
const UNUSABLE_OF_A_KIND: u32 = 3;

/// Rows in the order in which they are inserted.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// All of them.
    pub rows: Vec<RawRow>,
    /// When each is inserted, after the first.
    pub moments: Vec<Duration>,
    /// What must come of them.
    pub planned: Planned,
}

impl Traffic {
    /// Inserts all rows, `rows_per_commit` at most in a transaction. `on_commit` is told how many were committed.
    pub async fn insert(
        &self,
        sniffer: &Sniffer<'_>,
        speed: Speed,
        rows_per_commit: usize,
        mut on_commit: impl FnMut(u64),
    ) -> Result<(), SnifferError> {
        let begun = clock::now();
        let mut from = 0;
        while from < self.rows.len() {
            let due = speed.due(self.moments[from]);
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
            let together = self.moments[from..].iter().take(rows_per_commit.max(1));
            let to = from + together.take_while(|moment| speed.due(**moment) == due).count();
            on_commit(sniffer.insert(&self.rows[from..to]).await?);
            from = to;
        }
        Ok(())
    }
}

/// What [`demo_traffic`] put into its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// All rows.
    pub rows: u64,
    /// Rows that must be folded into flows: the rows without the unusable ones.
    pub packets: u64,
    /// Windows with packets.
    pub windows: u64,
    /// Packets with an earlier time than one inserted before them, late ones included.
    pub out_of_order: u64,
    /// Packets whose window must have closed before them.
    pub late: u64,
    /// Rows that must be rejected, by reason.
    pub unusable: BTreeMap<Reason, u64>,
}

/// The traffic, beginning at `start`: a multiple of 30 s, at least two minutes in the past, so that nothing but the rows
/// made so lies in the future.
///
/// # Errors
/// [`CaptureError`] if a recording in this program is damaged.
pub fn demo_traffic(start: EventTime) -> Result<Traffic, CaptureError> {
    let mut packets = Vec::new();
    for layer in &LAYERS {
        laid_over(layer, &mut packets)?;
    }
    packets.sort_by(|left, right| left.timestamp.total_cmp(&right.timestamp));
    let mut rows: Vec<(f64, RawRow)> = packets
        .into_iter()
        .enumerate()
        .map(|(index, packet)| (packet.timestamp + delay(index, packet.timestamp), packet.into()))
        .collect();
    rows.extend(unusable_rows());
    rows.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let moments = rows.iter().map(|(moment, _)| Duration::try_from_secs_f64(*moment).unwrap_or_default()).collect();
    let mut rows: Vec<RawRow> = rows.into_iter().map(|(_, row)| row).collect();
    let planned = plan(&rows);
    for row in &mut rows {
        let moved = start.unix_seconds() + row.packet.timestamp;
        row.packet.timestamp = (moved * 1e6).round() / 1e6;
    }
    Ok(Traffic { rows, moments, planned })
}

/// Adds the packets of a recording, moved in the network; their times are seconds after the start of the traffic.
fn laid_over(layer: &Layer, packets: &mut Vec<CapturedPacket>) -> Result<(), CaptureError> {
    let mut first = None;
    for packet in capture::rows(layer.capture) {
        let mut packet = packet?;
        let begin = *first.get_or_insert(packet.timestamp);
        packet.timestamp = layer.start + (packet.timestamp - begin);
        if let Some((source, destination)) = &mut packet.addresses {
            *source = moved(layer, *source);
            *destination = moved(layer, *destination);
        }
        if let Content::Arp(arp) = &mut packet.content {
            arp.sender = moved_v4(layer, arp.sender);
            arp.target = moved_v4(layer, arp.target);
        }
        packets.push(packet);
    }
    Ok(())
}

fn moved(layer: &Layer, address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => moved_v4(layer, address).into(),
        IpAddr::V6(_) => address,
    }
}

fn moved_v4(layer: &Layer, address: Ipv4Addr) -> Ipv4Addr {
    let (recorded, [first, second, third]) = layer.moved;
    let [network @ .., host] = address.octets();
    if network != recorded {
        return address;
    }
    let elsewhere = layer.hosts.iter().find(|(moved, _)| *moved == host);
    elsewhere.map_or(Ipv4Addr::new(first, second, third, host), |(_, address)| *address)
}

/// How long after its time a packet is inserted.
fn delay(index: usize, time: f64) -> f64 {
    if time < WINDOW - 3.0 && index.is_multiple_of(LATE_EVERY) {
        LATE_BY
    } else if index.is_multiple_of(DELAYED_EVERY) {
        f64::from(1 + u32::try_from(index / DELAYED_EVERY).unwrap_or_default() % DELAY_MAX)
    } else {
        0.0
    }
}

/// Rows that cannot be used, spread over the traffic, each with the moment at which it is inserted.
fn unusable_rows() -> Vec<(f64, RawRow)> {
    let mut rows = Vec::new();
    for number in 0..UNUSABLE_OF_A_KIND {
        for (kind, (timestamp, flaw)) in [
            (Some(f64::NAN), None),
            (Some(3600.0), None),
            (None, Some(Flaw::Address)),
            (None, Some(Flaw::Length)),
            (None, Some(Flaw::TcpFlags)),
        ]
        .into_iter()
        .enumerate()
        {
            let moment = f64::from(number) * 33.0 + 5.0 * kind as f64 + 4.5;
            let packet = CapturedPacket { timestamp: timestamp.unwrap_or(moment), ..some_packet() };
            rows.push((moment, RawRow { packet, flaw }));
        }
    }
    rows
}

fn some_packet() -> CapturedPacket {
    let addresses = (IpAddr::from([10, 20, 1, 21]), IpAddr::from([10, 20, 1, 11]));
    let content = Content::Tcp { source_port: 40_000, destination_port: 80, flags: TcpFlags::ACK };
    CapturedPacket { timestamp: 0.0, length: 66, addresses: Some(addresses), content }
}

/// Why a row must be rejected. Its time is in seconds after the start of the traffic.
fn reason(row: &RawRow) -> Option<Reason> {
    match row.flaw {
        Some(Flaw::Address) => Some(Reason::Address),
        Some(Flaw::Length) => Some(Reason::Length),
        Some(Flaw::TcpFlags) => Some(Reason::TcpFlags),
        None if row.packet.timestamp.is_nan() => Some(Reason::Time),
        None if row.packet.timestamp >= 3600.0 => Some(Reason::Future),
        None => None,
    }
}

/// Counts what is in the rows, as the words are defined: late is what comes when a packet so much younger has come that
/// the watermark is past the end of its window.
fn plan(rows: &[RawRow]) -> Planned {
    let mut planned = Planned {
        rows: rows.len() as u64,
        packets: 0,
        windows: 0,
        out_of_order: 0,
        late: 0,
        unusable: BTreeMap::new(),
    };
    let (mut latest, mut last_window) = (0.0_f64, 0.0_f64);
    for row in rows {
        if let Some(reason) = reason(row) {
            *planned.unusable.entry(reason).or_default() += 1;
            continue;
        }
        let time = row.packet.timestamp;
        let window = (time / WINDOW).floor();
        planned.packets += 1;
        planned.out_of_order += u64::from(time < latest);
        planned.late += u64::from((window + 1.0) * WINDOW <= latest - OUT_OF_ORDERNESS);
        latest = latest.max(time);
        if planned.packets == 1 || window > last_window {
            (planned.windows, last_window) = (planned.windows + 1, window);
        }
    }
    planned
}

#[cfg(test)]
mod tests;
