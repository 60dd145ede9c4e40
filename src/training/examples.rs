//! Captures become rows of features with a label: folded by the service's own flow table, seen among their neighbours.
//!
//! A flow's label says what its source does: the attack's name if any of its packets was sent by the attacking side, else
//! Normal. The victim's answers are Normal: an alarm that names the victim is a fault.

use std::time::Duration;

use std::collections::HashMap;

use super::corpus::{LABELS, Label, LabelledPacket};
use super::evidence;
use crate::flow::context::Neighbours;
use crate::flow::key::FlowKey;
use crate::flow::packet::Packet;
use crate::flow::statistics::Statistics;
use crate::flow::table::{FlowTable, WindowFlows};
use crate::flow::time::EventTime;
use crate::verdict::features::{Features, Matrix};

/// Rows of features, each with what is known of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Examples {
    /// Features, not transformed.
    pub matrix: Matrix,
    /// What is known of each row.
    pub rows: Vec<Example>,
}

/// What is known of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Example {
    /// What the flow's source does.
    pub label: Label,
    /// Packets of the flow.
    pub packets: u64,
    /// Whether the flow already shows what its label says.
    pub shows: bool,
    /// Whether it is of ARP and holds a reply.
    pub is_arp_reply: bool,
}

impl Examples {
    /// No rows of so many features.
    pub fn new(columns: usize) -> Self {
        Self { matrix: Matrix { columns, values: Vec::new() }, rows: Vec::new() }
    }

    /// One row's features.
    pub fn features(&self, row: usize) -> &[f32] {
        let columns = self.matrix.columns;
        &self.matrix.values[row * columns..(row + 1) * columns]
    }
}

/// How captures are cut into windows.
#[derive(Clone, Copy, Debug)]
pub struct Cutting {
    /// Length of a window, as the service has it.
    pub window: Duration,
    /// How much later than it was every packet is taken to be: other windows of the same capture.
    pub shift: Duration,
    /// How much of each window was seen, from its beginning: what is judged while it is still open.
    pub prefix: Duration,
}

impl Cutting {
    /// As the service cuts.
    pub fn as_served(window: Duration) -> Self {
        Self { window, shift: Duration::ZERO, prefix: window }
    }
}

/// Folds a capture and appends a row for each of its flows, in the order of time and key. Of each window at most `most`
/// flows of a label are taken, evenly spread over the keys: a spoofed flood has tens of thousands that look the same.
pub fn append(examples: &mut Examples, features: &Features, packets: &[LabelledPacket], cutting: Cutting, most: usize) {
    let mut table = FlowTable::new(cutting.window);
    let mut labels: HashMap<(EventTime, FlowKey), [u32; LABELS.len()]> = HashMap::new();
    for labelled in packets {
        let time = labelled.packet.time.saturating_add(cutting.shift);
        let packet = Packet { time, ..labelled.packet };
        let window = table.windows().window_of(time);
        if time.since(window.start) >= cutting.prefix {
            continue;
        }
        table.fold(&[packet], |_| {});
        labels.entry((window.start, packet.key)).or_default()[usize::from(labelled.label.0)] += 1;
    }
    for window in table.take_all() {
        let label_of = |key: &FlowKey| labels.get(&(window.window.start, *key)).map_or(Label::NORMAL, of_attacker);
        append_window(examples, features, &window, &label_of, most);
    }
}

/// The attack that most packets of a flow belong to; Normal if none does.
pub(super) fn of_attacker(counts: &[u32; LABELS.len()]) -> Label {
    let attacks = (1u8..).zip(&counts[1..]).filter(|(_, count)| **count > 0);
    attacks
        .max_by_key(|(label, count)| (**count, std::cmp::Reverse(*label)))
        .map_or(Label::NORMAL, |(label, _)| Label(label))
}

fn append_window(
    examples: &mut Examples,
    features: &Features,
    window: &WindowFlows,
    label_of: &dyn Fn(&FlowKey) -> Label,
    most: usize,
) {
    let neighbours = Neighbours::of(&window.flows);
    // By key: so that which flows are taken does not hang on the order of the packets.
    let mut flows: Vec<(Label, &FlowKey, &Statistics)> =
        window.flows.iter().map(|(key, flow)| (label_of(key), key, flow)).collect();
    flows.sort_unstable_by_key(|(label, key, _)| (*label, **key));
    for same_label in flows.chunk_by(|left, right| left.0 == right.0) {
        let step = same_label.len().div_ceil(most.max(1));
        for &(label, key, flow) in same_label.iter().step_by(step) {
            let context = neighbours.context(&window.flows, key, flow);
            features.append(key, flow, &context, &mut examples.matrix.values);
            examples.rows.push(Example {
                label,
                packets: flow.volume.packets,
                shows: evidence::shows(label, flow, &context),
                is_arp_reply: flow.arp.replies() > 0,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::key::Protocol;
    use crate::flow::packet::TcpFlags;
    use std::net::IpAddr;

    fn packet(seconds: i64, source: u8, destination: u8, label: Label) -> LabelledPacket {
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let packet = Packet {
            time: EventTime::from_micros(seconds * 1_000_000).unwrap(),
            key: FlowKey { source: address(source), destination: address(destination), protocol: Protocol::Tcp },
            length: 60,
            source_port: 1,
            destination_port: 2,
            tcp_flags: TcpFlags::SYN,
            arp: None,
            dns: None,
        };
        LabelledPacket { packet, label }
    }

    const SCAN: Label = Label(2);
    const BRUTE: Label = Label(3);

    fn examples(packets: &[LabelledPacket], shift: u64, most: usize) -> Vec<(&'static str, u64, f32)> {
        let features = Features::resolve(&["source_destinations".to_owned()]).unwrap();
        let mut examples = Examples::new(features.len());
        let cutting = Cutting {
            window: Duration::from_secs(30),
            shift: Duration::from_secs(shift),
            ..Cutting::as_served(Duration::from_secs(30))
        };
        append(&mut examples, &features, packets, cutting, most);
        let row = |(index, row): (usize, &Example)| (row.label.name(), row.packets, examples.features(index)[0]);
        examples.rows.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_flow_has_the_label_of_its_source() {
        let packets = [
            packet(0, 1, 2, SCAN),
            packet(1, 1, 2, Label::NORMAL),
            packet(1, 2, 1, Label::NORMAL),
            packet(2, 1, 3, BRUTE),
            packet(3, 1, 3, SCAN),
            packet(4, 1, 3, BRUTE),
            packet(31, 1, 2, Label::NORMAL),
        ];
        let expected = [("Normal", 1, 1.0), ("Port Scanning", 2, 2.0), ("Brute Force", 3, 2.0), ("Normal", 1, 1.0)];
        assert_eq!(examples(&packets, 0, 100), expected);
    }

    #[test]
    fn shifted_windows_cut_elsewhere() {
        let packets = [packet(25, 1, 2, Label::NORMAL), packet(35, 1, 2, Label::NORMAL)];
        assert_eq!(examples(&packets, 0, 100), [("Normal", 1, 1.0), ("Normal", 1, 1.0)]);
        assert_eq!(examples(&packets, 10, 100), [("Normal", 2, 1.0)]);
    }

    #[test]
    fn a_prefix_is_what_was_seen_so_far() {
        let packets = [0, 4, 5, 29, 33, 40].map(|second| packet(second, 1, 2, Label::NORMAL));
        let features = Features::resolve(&["covered_seconds".to_owned()]).unwrap();
        let mut examples = Examples::new(features.len());
        let window = Duration::from_secs(30);
        let cutting = Cutting { window, shift: Duration::ZERO, prefix: Duration::from_secs(5) };
        append(&mut examples, &features, &packets, cutting, 100);
        assert_eq!(examples.rows.iter().map(|row| row.packets).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(examples.matrix.values, [4.0, 0.0]);
    }

    #[test]
    fn of_many_flows_some_are_taken_and_all_are_neighbours() {
        let packets: Vec<_> = (0..100).map(|n| packet(0, 1, n, SCAN)).chain([packet(0, 2, 1, BRUTE)]).collect();
        let taken = examples(&packets, 0, 10);
        assert_eq!(taken.len(), 11);
        assert_eq!(taken[0], ("Port Scanning", 1, 100.0));
        assert_eq!(taken[10].0, "Brute Force");
    }
}
