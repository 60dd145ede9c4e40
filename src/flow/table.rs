//! The open flows: packets fold into the flow of their window and key until the window closes. Bounded in octets by its
//! owner, who asks [`FlowTable::bytes`] and takes everything out early when that is too much.

use std::time::Duration;

use crate::flow::key::FlowKey;
use crate::flow::packet::Packet;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};

/// Flows by key. The hash is keyed at random: addresses are the attacker's to choose.
pub type FlowMap = hashbrown::HashMap<FlowKey, Statistics, foldhash::fast::RandomState>;

/// The flows of one window, or of one late pane of it.
#[derive(Clone, Debug)]
pub struct WindowFlows {
    /// The window.
    pub window: Window,
    /// Its flows.
    pub flows: FlowMap,
}

/// Open windows and their flows.
#[derive(Debug)]
pub struct FlowTable {
    windows: Tumbling,
    /// In no order; few are open at a time. The one used last stands first.
    open: Vec<OpenWindow>,
}

#[derive(Debug)]
struct OpenWindow {
    flows: WindowFlows,
    heap_bytes: usize,
    packets: u64,
}

/// Whether a fold began a window or went into one that was open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Folded {
    /// The first packet of this window.
    Opened(Window),
    /// Another packet of an open window.
    Added,
}

impl FlowTable {
    /// No open flows; windows of `length`.
    pub fn new(length: Duration) -> Self {
        Self { windows: Tumbling::new(length), open: Vec::new() }
    }

    /// The window that holds `time`.
    pub fn window_of(&self, time: EventTime) -> Window {
        self.windows.window_of(time)
    }

    /// Adds a packet to its flow.
    pub fn fold(&mut self, packet: &Packet) -> Folded {
        let position = self.open.iter().position(|open| {
            let window = open.flows.window;
            window.start <= packet.time && packet.time < window.end
        });
        match position {
            Some(0) => {
                self.open[0].fold(packet);
                Folded::Added
            }
            Some(index) => {
                self.open.swap(0, index);
                self.open[0].fold(packet);
                Folded::Added
            }
            None => {
                let window = self.windows.window_of(packet.time);
                let mut open =
                    OpenWindow { flows: WindowFlows { window, flows: FlowMap::default() }, heap_bytes: 0, packets: 0 };
                open.fold(packet);
                self.open.insert(0, open);
                Folded::Opened(window)
            }
        }
    }

    /// Takes out every window that is over, the earliest first.
    pub fn close(&mut self, watermark: EventTime) -> Vec<WindowFlows> {
        let mut closed: Vec<WindowFlows> =
            self.open.extract_if(.., |open| open.flows.window.is_over(watermark)).map(|open| open.flows).collect();
        closed.sort_unstable_by_key(|flows| flows.window);
        closed
    }

    /// Takes out everything, the earliest window first: the table has outgrown its memory.
    pub fn take_all(&mut self) -> Vec<WindowFlows> {
        let mut taken: Vec<WindowFlows> = self.open.drain(..).map(|open| open.flows).collect();
        taken.sort_unstable_by_key(|flows| flows.window);
        taken
    }

    /// End of the newest open window.
    pub fn newest_end(&self) -> Option<EventTime> {
        self.open.iter().map(|open| open.flows.window.end).max()
    }

    /// Number of open windows.
    pub fn window_count(&self) -> usize {
        self.open.len()
    }

    /// Number of open flows.
    pub fn flow_count(&self) -> usize {
        self.open.iter().map(|open| open.flows.flows.len()).sum()
    }

    /// Number of packets in open flows.
    pub fn packet_count(&self) -> u64 {
        self.open.iter().map(|open| open.packets).sum()
    }

    /// Octets that the open flows take, free places of the hash tables included.
    pub fn bytes(&self) -> usize {
        self.open.iter().map(|open| open.flows.flows.allocation_size() + open.heap_bytes).sum()
    }
}

impl OpenWindow {
    fn fold(&mut self, packet: &Packet) {
        let statistics = self.flows.flows.entry(packet.key).or_default();
        let before = statistics.heap_bytes();
        statistics.fold(packet);
        self.heap_bytes += statistics.heap_bytes() - before;
        self.packets += 1;
    }
}
