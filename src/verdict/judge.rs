//! What a flow is judged on: its own statistics and what its window's neighbours say of it.
//!
//! A late pane is a few packets of a window that is stored already; alone they say little. So closed windows are remembered
//! for the allowed lateness, and a late pane is judged on the pane merged with its window's flow, among that window's
//! neighbours. Past the allowed lateness, or where memory did not suffice, it is judged on its own.
//!
//! Rows come in chunks: one pass over a window of 32,000 flows would fall out of the cache and cost 2.5 times as much.

use std::collections::VecDeque;
use std::iter::Zip;
use std::sync::Arc;
use std::time::Duration;

use crate::flow::context::{Context, Neighbours};
use crate::flow::key::FlowKey;
use crate::flow::look::OpenFlow;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use crate::flow::{
    map::{self, FlowMap},
    table::WindowFlows,
};
use crate::verdict::features::{Features, Matrix, Told};

/// Flows judged in one pass.
pub const CHUNK_ROWS: usize = 1_000;

/// Rows of `flows` among their own neighbours, in chunks of [`CHUNK_ROWS`], in the order of the map; `contexts` has one a
/// flow, in the same order.
pub fn rows<'a>(features: &'a Features, flows: &'a FlowMap, contexts: &'a [Context]) -> Rows<'a> {
    Rows { features, left: flows.iter().zip(contexts), window: None }
}

/// Rows of open flows, in chunks of [`CHUNK_ROWS`], in their order.
pub fn open_rows<'a>(features: &'a Features, flows: &'a [OpenFlow]) -> impl Iterator<Item = Matrix> + 'a {
    flows.chunks(CHUNK_ROWS).map(|chunk| {
        let mut values = Vec::with_capacity(chunk.len() * features.len());
        for flow in chunk {
            features.append(&flow.key, &flow.statistics, &flow.context, &mut values);
        }
        Matrix { columns: features.len(), values }
    })
}

/// Chunks of rows. Each is a matrix of 1 to [`CHUNK_ROWS`] rows; together they have one row a flow.
pub struct Rows<'a> {
    features: &'a Features,
    left: Zip<map::Iter<'a>, std::slice::Iter<'a, Context>>,
    /// Of a late pane: the window, whose flow of the same key a row is merged with, and its neighbours.
    window: Option<(&'a FlowMap, &'a Neighbours)>,
}

impl Rows<'_> {
    /// A row of a late pane's flow, merged with that of its window.
    fn append_merged(
        &self,
        (key, flow): (&FlowKey, &Statistics),
        (flows, neighbours): (&FlowMap, &Neighbours),
        values: &mut Vec<f32>,
    ) {
        let mut whole = flow.clone();
        if let Some(stored) = flows.get(key) {
            whole.merge(stored);
        }
        self.features.append(key, &whole, &neighbours.context(flows, key, &whole), values);
    }
}

impl Iterator for Rows<'_> {
    type Item = Matrix;

    fn next(&mut self) -> Option<Matrix> {
        let rows = self.left.len().min(CHUNK_ROWS);
        if rows == 0 {
            return None;
        }
        let mut values = Vec::with_capacity(rows * self.features.len());
        let flows = self.left.by_ref().take(rows);
        if let Some(window) = self.window {
            let flows: Vec<_> = flows.collect();
            for (flow, _) in flows {
                self.append_merged(flow, window, &mut values);
            }
        } else {
            let flows: Vec<Told<'_>> = flows.map(|((key, flow), context)| (key, flow, context)).collect();
            self.features.append_all(&flows, &mut values);
        }
        Some(Matrix { columns: self.features.len(), values })
    }
}

/// Remembers closed windows for their late panes.
pub struct Judge {
    allowed_lateness: Duration,
    bytes_max: usize,
    bytes: usize,
    /// In the order in which they closed.
    remembered: VecDeque<Remembered>,
}

struct Remembered {
    window: Arc<WindowFlows>,
    neighbours: Arc<Neighbours>,
    bytes: usize,
}

impl Judge {
    /// Remembers a window until the watermark is `allowed_lateness` past its end, in at most `bytes_max` octets in all: past
    /// that the windows that closed first are forgotten early.
    pub fn new(allowed_lateness: Duration, bytes_max: usize) -> Self {
        Self { allowed_lateness, bytes_max, bytes: 0, remembered: VecDeque::new() }
    }

    /// Remembers a closed window. One that is remembered already, because it was stored in parts, is replaced.
    pub fn remember(&mut self, window: Arc<WindowFlows>, neighbours: Arc<Neighbours>) {
        self.forget_where(|remembered| remembered.window.window == window.window);
        let bytes = bytes_of(&window.flows) + neighbours.bytes();
        self.bytes += bytes;
        self.remembered.push_back(Remembered { window, neighbours, bytes });
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.remembered.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    /// Forgets windows that ended more than the allowed lateness before the watermark.
    pub fn forget(&mut self, watermark: EventTime) {
        let lateness = self.allowed_lateness;
        self.forget_where(|remembered| remembered.window.window.end.saturating_add(lateness) < watermark);
    }

    fn forget_where(&mut self, condition: impl Fn(&Remembered) -> bool) {
        let bytes = &mut self.bytes;
        self.remembered.retain(|remembered| {
            let forgotten = condition(remembered);
            if forgotten {
                *bytes -= remembered.bytes;
            }
            !forgotten
        });
    }

    /// Rows of a late pane's flows: one a flow of the pane, in the order of its map. `contexts` is what the pane's own flows
    /// say of each other: it counts where their window is forgotten.
    pub fn late<'a>(&'a self, features: &'a Features, pane: &'a WindowFlows, contexts: &'a [Context]) -> Rows<'a> {
        let remembered = self.remembered.iter().find(|remembered| remembered.window.window == pane.window);
        let window = remembered.map(|remembered| (&remembered.window.flows, &*remembered.neighbours));
        Rows { window, ..rows(features, &pane.flows, contexts) }
    }

    /// Number of windows remembered.
    pub fn windows(&self) -> usize {
        self.remembered.len()
    }

    /// Octets that they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(flows: &FlowMap) -> usize {
    flows.allocation_size() + flows.values().map(Statistics::heap_bytes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::key::Protocol;
    use crate::flow::packet::{Packet, TcpFlags};
    use crate::flow::window::{Tumbling, Window};
    use std::net::{IpAddr, Ipv4Addr};

    fn window(start_seconds: i64) -> Window {
        let time = EventTime::from_micros(start_seconds * 1_000_000).unwrap();
        Tumbling::new(Duration::from_secs(30)).window_of(time)
    }

    fn packet(source: u32, destination: u32) -> Packet {
        let address = |bits| IpAddr::from(Ipv4Addr::from_bits(bits));
        Packet {
            time: EventTime::EPOCH,
            key: FlowKey { source: address(source), destination: address(destination), protocol: Protocol::Tcp },
            length: 60,
            source_port: 1,
            destination_port: 2,
            tcp_flags: TcpFlags::SYN,
            arp: None,
            dns: None,
        }
    }

    fn flows(window: Window, packets: impl IntoIterator<Item = Packet>) -> Arc<WindowFlows> {
        let mut flows = FlowMap::default();
        packets.into_iter().for_each(|packet| flows.fold(&packet));
        Arc::new(WindowFlows { window, flows })
    }

    fn features() -> Features {
        Features::resolve(&["packet_count", "source_destinations"].map(str::to_owned)).unwrap()
    }

    fn remember(judge: &mut Judge, window: &Arc<WindowFlows>) {
        judge.remember(Arc::clone(window), Arc::new(Neighbours::of(&window.flows)));
    }

    #[test]
    fn every_flow_has_a_row_in_chunks() {
        let check = |count: u32, expected: &[usize]| {
            let closed = flows(window(0), (0..count).map(|n| packet(1, n)));
            let contexts = Neighbours::of(&closed.flows).contexts(&closed.flows);
            let features = features();
            let chunks: Vec<Matrix> = rows(&features, &closed.flows, &contexts).collect();
            assert_eq!(chunks.iter().map(Matrix::rows).collect::<Vec<_>>(), expected);
            assert!(chunks.iter().flat_map(|chunk| chunk.values.chunks(2)).all(|row| row == [1.0, count as f32]));
        };
        check(0, &[]);
        check(1, &[1]);
        check(1000, &[1000]);
        check(2001, &[1000, 1000, 1]);
    }

    #[test]
    fn a_late_pane_is_judged_with_its_window_while_that_is_remembered() {
        let mut judge = Judge::new(Duration::from_secs(30), usize::MAX);
        let closed = flows(window(0), [packet(1, 2), packet(1, 2), packet(1, 3)]);
        remember(&mut judge, &closed);
        let pane = flows(window(0), [packet(1, 2)]);
        let check = |judge: &Judge, pane: &WindowFlows, expected: [f32; 2]| {
            let contexts = Neighbours::of(&pane.flows).contexts(&pane.flows);
            let late: Vec<Matrix> = judge.late(&features(), pane, &contexts).collect();
            assert_eq!(late[0].values, expected);
        };
        check(&judge, &pane, [3.0, 2.0]);
        check(&judge, &flows(window(0), [packet(1, 9)]), [1.0, 2.0]);
        check(&judge, &flows(window(30), [packet(1, 2)]), [1.0, 1.0]);
        judge.forget(window(60).start);
        check(&judge, &pane, [3.0, 2.0]);
        judge.forget(window(60).start.saturating_add(Duration::from_micros(1)));
        check(&judge, &pane, [1.0, 1.0]);
        assert_eq!((judge.windows(), judge.bytes()), (0, 0));
    }

    #[test]
    fn memory_is_bounded_and_the_first_window_goes_first() {
        let windows = [0, 30, 60].map(|start| flows(window(start), (0..100).map(|n| packet(n, n + 1))));
        let mut judge = Judge::new(Duration::from_secs(30), usize::MAX);
        remember(&mut judge, &windows[0]);
        let one = judge.bytes();
        let mut judge = Judge::new(Duration::from_secs(30), one * 5 / 2);
        for window in &windows {
            remember(&mut judge, window);
        }
        assert_eq!(judge.windows(), 2);
        assert!(judge.bytes() <= one * 5 / 2);
        remember(&mut judge, &windows[2]);
        assert_eq!(judge.windows(), 2, "the same window again replaces itself");
        let mut judge = Judge::new(Duration::from_secs(30), one / 2);
        remember(&mut judge, &windows[0]);
        assert_eq!((judge.windows(), judge.bytes()), (0, 0));
    }
}
