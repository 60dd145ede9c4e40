//! When: first and last packet, rates, and how evenly the packets are spread.
//!
//! Statistics that need order, such as the variance of gaps, cannot be merged and are absent on purpose; the mean gap and
//! the number of seconds that hold packets say most of it.

use super::{Family, Statistic, Statistics, Unit, Value};
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;

/// Times of a flow's packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    span: Option<(EventTime, EventTime)>,
    /// One bit for each second (modulo 64) that holds a packet: exact in windows up to a minute.
    seconds: u64,
}

impl Timing {
    /// Time of the earliest packet; the epoch if there is none.
    pub fn first_seen(&self) -> EventTime {
        self.span.map_or(EventTime::EPOCH, |(first, _)| first)
    }

    /// Time of the latest packet; the epoch if there is none.
    pub fn last_seen(&self) -> EventTime {
        self.span.map_or(EventTime::EPOCH, |(_, last)| last)
    }

    /// Seconds from the first packet to the last.
    pub fn duration_seconds(&self) -> f64 {
        self.last_seen().since(self.first_seen()).as_secs_f64()
    }

    /// One-second bins of event time that hold at least one packet, at most 64.
    pub fn active_seconds(&self) -> u32 {
        self.seconds.count_ones()
    }

    fn include(&mut self, first: EventTime, last: EventTime) {
        self.span = Some(match self.span {
            Some((earliest, latest)) => (earliest.min(first), latest.max(last)),
            None => (first, last),
        });
    }
}

/// Events a second over the flow's duration; a duration of 0 counts as 1 s, as in the existing system.
fn rate(count: u64, flow: &Statistics) -> Value {
    let duration = flow.timing.duration_seconds();
    Value::Real(count as f64 / if duration > 0.0 { duration } else { 1.0 })
}

impl Family for Timing {
    const STATISTICS: &'static [Statistic] = &[
        Statistic {
            column: "packet_per_sec",
            unit: Unit::PacketsPerSecond,
            ipfix: None,
            doc: "packet_count ÷ (last_seen − first_seen); 0 s counts as 1 s.",
            stored: true,
            value: |flow| rate(flow.volume.packets, flow),
        },
        Statistic {
            column: "byte_per_sec",
            unit: Unit::OctetsPerSecond,
            ipfix: None,
            doc: "byte_count ÷ (last_seen − first_seen); 0 s counts as 1 s.",
            stored: true,
            value: |flow| rate(flow.volume.octets, flow),
        },
        Statistic {
            column: "first_seen",
            unit: Unit::Time,
            ipfix: Some("flowStartMicroseconds"),
            doc: "Time of the earliest packet.",
            stored: true,
            value: |flow| Value::Time(flow.timing.first_seen()),
        },
        Statistic {
            column: "last_seen",
            unit: Unit::Time,
            ipfix: Some("flowEndMicroseconds"),
            doc: "Time of the latest packet.",
            stored: true,
            value: |flow| Value::Time(flow.timing.last_seen()),
        },
        Statistic {
            column: "duration",
            unit: Unit::Seconds,
            ipfix: Some("flowDurationMicroseconds"),
            doc: "last_seen − first_seen.",
            stored: false,
            value: |flow| Value::Real(flow.timing.duration_seconds()),
        },
        Statistic {
            column: "gap_mean",
            unit: Unit::Seconds,
            ipfix: None,
            doc: "Mean time between packets: (last_seen − first_seen) ÷ (packet_count − 1); 0 for a single packet.",
            stored: true,
            value: |flow| {
                let gaps = flow.volume.packets.saturating_sub(1).max(1);
                Value::Real(flow.timing.duration_seconds() / gaps as f64)
            },
        },
        Statistic {
            column: "active_seconds",
            unit: Unit::Distinct,
            ipfix: None,
            doc: "One-second bins that hold a packet: packet_count ÷ active_seconds tells bursts from a steady pace.",
            stored: true,
            value: |flow| Value::Count(u64::from(flow.timing.active_seconds())),
        },
    ];

    fn fold(&mut self, packet: &Packet) {
        self.include(packet.time, packet.time);
        self.seconds |= 1 << packet.time.whole_seconds().rem_euclid(64);
    }

    fn merge(&mut self, other: &Self) {
        if let Some((first, last)) = other.span {
            self.include(first, last);
        }
        self.seconds |= other.seconds;
    }
}
