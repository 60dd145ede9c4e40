//! The open flows: packets fold into the flow of their window and key until the window closes. Bounded in octets by its
//! owner, who asks [`FlowTable::bytes`] and takes everything out early when that is too much.

use std::time::Duration;

use crate::flow::map::FlowMap;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};

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

impl FlowTable {
    /// No open flows; windows of `length`.
    pub fn new(length: Duration) -> Self {
        Self { windows: Tumbling::new(length), open: Vec::new() }
    }

    /// How time is cut.
    pub fn windows(&self) -> Tumbling {
        self.windows
    }

    /// Adds packets to their flows; `opened` is told of each window that this begins.
    pub fn fold(&mut self, packets: &[Packet], mut opened: impl FnMut(Window)) {
        let mut left = packets;
        while let Some(first) = left.first() {
            let holds = |window: Window, packet: &Packet| window.start <= packet.time && packet.time < window.end;
            if let Some(index) = self.open.iter().position(|open| holds(open.flows.window, first)) {
                self.open.swap(0, index);
            } else {
                let window = self.windows.window_of(first.time);
                let flows = WindowFlows { window, flows: FlowMap::default() };
                self.open.insert(0, OpenWindow { flows, heap_bytes: 0, packets: 0 });
                opened(window);
            }
            let open = &mut self.open[0];
            let together = left.iter().take_while(|packet| holds(open.flows.window, packet)).count();
            let (packets, rest) = left.split_at(together);
            open.heap_bytes += open.flows.flows.fold_all(packets);
            open.packets += packets.len() as u64;
            left = rest;
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
