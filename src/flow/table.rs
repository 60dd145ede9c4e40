//! The open flows: packets fold into the flow of their window and key until the window closes. Bounded in octets by its
//! owner, who asks [`FlowTable::bytes`] and takes everything out early when that is too much.

use std::time::Duration;

use crate::flow::look::{Budget, OpenFlows, Watch};
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
    /// Whether open windows are looked at.
    is_watched: bool,
}

#[derive(Debug)]
struct OpenWindow {
    flows: WindowFlows,
    heap_bytes: usize,
    packets: u64,
    /// Goes with the window, however that is taken out.
    watch: Option<Box<Watch>>,
}

impl FlowTable {
    /// No open flows; windows of `length`.
    pub fn new(length: Duration) -> Self {
        Self { windows: Tumbling::new(length), open: Vec::new(), is_watched: false }
    }

    /// The same, and [`FlowTable::look`] finds flows that are worth a look.
    pub fn watched(length: Duration) -> Self {
        Self { is_watched: true, ..Self::new(length) }
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
                let watch = self.is_watched.then(Box::default);
                self.open.insert(0, OpenWindow { flows, heap_bytes: 0, packets: 0, watch });
                opened(window);
            }
            let open = &mut self.open[0];
            let together = left.iter().take_while(|packet| holds(open.flows.window, packet)).count();
            let (packets, rest) = left.split_at(together);
            let flows = &mut open.flows.flows;
            open.heap_bytes += match &mut open.watch {
                Some(watch) => flows.fold_each(packets, |place| watch.touch(place)),
                None => flows.fold_all(packets),
            };
            open.packets += packets.len() as u64;
            left = rest;
        }
    }

    /// Flows that are worth a look since the look before, the earliest window first. The windows share the budget: what one
    /// does not need of its share goes to the others.
    pub fn look(&mut self, mut budget: Budget) -> Vec<OpenFlows> {
        let mut waiting = Vec::with_capacity(self.open.len());
        for (index, open) in self.open.iter_mut().enumerate() {
            if let Some(watch) = &mut open.watch {
                watch.examine(&open.flows.flows);
                waiting.push((watch.waiting(), index));
            }
        }
        waiting.sort_unstable();
        let mut looks = Vec::new();
        for (turn, &(_, index)) in waiting.iter().enumerate() {
            let OpenWindow { flows, watch: Some(watch), .. } = &mut self.open[index] else { continue };
            let share = budget.flows.div_ceil(waiting.len() - turn);
            let taken = watch.take(&flows.flows, share, &mut budget);
            if !taken.is_empty() {
                looks.push(OpenFlows { window: flows.window, flows: taken });
            }
        }
        looks.sort_unstable_by_key(|look| look.window);
        looks
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

    /// Octets that the open flows take, free places of the hash tables and what is remembered for looks included.
    pub fn bytes(&self) -> usize {
        let watch = |open: &OpenWindow| open.watch.as_ref().map_or(0, |watch| size_of::<Watch>() + watch.bytes());
        self.open.iter().map(|open| open.flows.flows.allocation_size() + open.heap_bytes + watch(open)).sum()
    }
}
