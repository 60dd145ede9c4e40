//! What a restart needs of an open alert beside its columns. A later version may write it otherwise, and a person may have
//! broken it: an alert whose memory cannot be read goes on from its columns.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::Entry;
use super::figures::Figures;
use super::record::{Alert, Subject};
use crate::flow::packet::HardwareAddress;
use crate::flow::time::EventTime;
use crate::flow::window::Tumbling;

/// Raised whenever what is written means something else.
const VERSION: u32 = 1;

/// What is remembered of an alert. See the fields of the same names of [`Entry`].
#[derive(Clone, PartialEq, Debug)]
pub struct Memory {
    pub core: Subject,
    pub settled: Figures,
    pub confidence: f32,
    pub told_packets: u64,
    pub began: EventTime,
    pub active_until: EventTime,
    pub pending_until: EventTime,
    pub recent: Vec<EventTime>,
    pub claimants: Vec<HardwareAddress>,
}

/// The same as it is stored: times are microseconds.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    core: Subject,
    settled: Figures,
    confidence: f32,
    told_packets: u64,
    began: i64,
    active_until: i64,
    pending_until: i64,
    windows: Vec<i64>,
    claimants: Vec<String>,
}

impl Memory {
    /// As it is stored.
    pub fn write(entry: &Entry) -> Value {
        let memory = entry.memory();
        let stored = Stored {
            version: VERSION,
            core: memory.core,
            settled: memory.settled,
            confidence: memory.confidence,
            told_packets: memory.told_packets,
            began: memory.began.micros(),
            active_until: memory.active_until.micros(),
            pending_until: memory.pending_until.micros(),
            windows: memory.recent.iter().map(|start| start.micros()).collect(),
            claimants: memory.claimants.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_value(stored).unwrap_or_default()
    }

    /// What is stored of an alert, or what follows from its columns.
    pub fn read(alert: &Alert, windows: Tumbling) -> Self {
        Self::stored(&alert.memory).unwrap_or_else(|| Self::of_columns(alert, windows))
    }

    fn stored(value: &Value) -> Option<Self> {
        let stored = Stored::deserialize(value).ok().filter(|stored| stored.version == VERSION)?;
        let times = |times: Vec<i64>| times.into_iter().map(EventTime::from_micros).collect::<Option<Vec<_>>>();
        Some(Self {
            core: stored.core,
            settled: stored.settled,
            confidence: stored.confidence,
            told_packets: stored.told_packets,
            began: EventTime::from_micros(stored.began)?,
            active_until: EventTime::from_micros(stored.active_until)?,
            pending_until: EventTime::from_micros(stored.pending_until)?,
            recent: times(stored.windows)?,
            claimants: stored.claimants.iter().filter_map(|text| HardwareAddress::parse(text)).collect(),
        })
    }

    fn of_columns(alert: &Alert, windows: Tumbling) -> Self {
        let last = windows.window_of(alert.last_seen);
        let is_confirmed = alert.windows > 0;
        Self {
            core: alert.subject,
            settled: if is_confirmed { Figures::of_columns(alert) } else { Figures::default() },
            confidence: if is_confirmed { alert.confidence } else { 0.0 },
            told_packets: alert.packets,
            began: windows.window_of(alert.first_seen).start,
            active_until: if is_confirmed { last.end } else { EventTime::EPOCH },
            pending_until: if is_confirmed { EventTime::EPOCH } else { last.end },
            recent: if is_confirmed { vec![last.start] } else { Vec::new() },
            claimants: Vec::new(),
        }
    }
}
