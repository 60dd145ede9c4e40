//! A service without a database: packets, a judge that is told what to say, looks, windows that close, and a table of alerts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::alert::{Alert, Book, Changes, Event, Exceptions, Limits, State, SubjectKind};
use crate::flow::checkpoint::{Checkpoint, Counts, Increment, Pane, Timing};
use crate::flow::context::Context;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::look::{Look, OpenFlow, OpenFlows};
use crate::flow::map::FlowMap;
use crate::flow::packet::{Arp, HardwareAddress, Packet, TcpFlags};
use crate::flow::statistics::Statistics;
use crate::flow::table::WindowFlows;
use crate::flow::time::EventTime;
use crate::flow::window::{Tumbling, Window};
use crate::verdict::judged::{JudgedIncrement, JudgedLook, JudgedPane, Judgement};
use crate::verdict::label::{Classes, NORMAL, Verdict};
use crate::verdict::reasons::{Explain, Reasons};

pub const LENGTH: i64 = 30;

pub const LABELS: [&str; 7] =
    [NORMAL, "DDoS", "Port Scanning", "Brute Force", "ARP Poisoning", "Slowloris", "DNS Tunnel"];

/// A label and how sure it is.
pub type Said = (&'static str, f32);

/// What is said of a flow; `true` for a closed window.
pub type Says = Arc<dyn Fn(&FlowKey, &Statistics, bool) -> Said>;

/// Says the class, so that a test sees who was asked.
#[derive(Debug)]
struct Explainer;

impl Explain for Explainer {
    fn explain(&self, _: &FlowKey, flow: &Statistics, _: &Context, class: u16) -> Option<Reasons> {
        let base = flow.volume.packets as f64;
        Some(Reasons { logit_difference: f64::from(class), base, features: Vec::new(), others: 0.0, way_back: None })
    }
}

pub fn at(seconds: f64) -> EventTime {
    EventTime::from_unix_seconds(seconds).unwrap()
}

pub fn host(number: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes())
}

#[derive(Clone, Default)]
struct OpenWindow {
    flows: FlowMap,
    /// Packets and octets of the last look.
    looked: BTreeMap<FlowKey, (u64, u64)>,
}

pub struct Service {
    pub book: Book,
    pub says: Says,
    limits: Limits,
    open: BTreeMap<i64, OpenWindow>,
    /// The table of alerts.
    pub table: BTreeMap<i64, Alert>,
    /// What others were told, by alert.
    pub told: Vec<(i64, Event)>,
    checkpoint: i64,
    watermark: EventTime,
    /// Figures of `alert_windows`: packets by alert.
    pub evidence: BTreeMap<i64, u64>,
    pub silenced: u64,
    pub unopened: u64,
    pub withdrawn: u64,
    /// The transaction fails, and the process with it.
    pub loses: bool,
}

impl Service {
    pub fn new(says: impl Fn(&FlowKey, &Statistics, bool) -> Said + 'static) -> Self {
        Self::bounded(10_000, says)
    }

    pub fn bounded(open_max: usize, says: impl Fn(&FlowKey, &Statistics, bool) -> Said + 'static) -> Self {
        let limits = Limits { open_max, window_length: Duration::from_secs(LENGTH.unsigned_abs()) };
        Self {
            book: Book::resume(limits, Vec::new()),
            says: Arc::new(says),
            limits,
            open: BTreeMap::new(),
            table: BTreeMap::new(),
            told: Vec::new(),
            checkpoint: 0,
            watermark: EventTime::EPOCH,
            evidence: BTreeMap::new(),
            silenced: 0,
            unopened: 0,
            withdrawn: 0,
            loses: false,
        }
    }

    /// One packet.
    pub fn send(&mut self, time: f64, source: u32, destination: u32, port: u16) {
        self.packet(time, source, destination, |packet| packet.destination_port = port);
    }

    /// So many, a millisecond apart.
    pub fn send_many(&mut self, time: f64, source: u32, destination: u32, port: u16, packets: u32) {
        (0..packets).for_each(|n| self.send(time + f64::from(n) / 1e3, source, destination, port));
    }

    pub fn arp(&mut self, time: f64, source: u32, destination: u32, hardware: u8) {
        self.packet(time, source, destination, |packet| {
            packet.key.protocol = Protocol::Arp;
            let source_hardware = Some(HardwareAddress::from_octets([2, 0, 0, 0, 0, hardware]));
            packet.arp = Some(Arp { is_reply: true, source_hardware, destination_hardware: None });
        });
    }

    fn packet(&mut self, time: f64, source: u32, destination: u32, change: impl FnOnce(&mut Packet)) {
        let key = FlowKey { source: host(source), destination: host(destination), protocol: Protocol::Tcp };
        let mut packet = Packet {
            time: at(time),
            key,
            length: 100,
            source_port: 40_000,
            destination_port: 0,
            tcp_flags: TcpFlags::SYN,
            arp: None,
            dns: None,
        };
        change(&mut packet);
        let start = packet.time.whole_seconds() / LENGTH * LENGTH;
        self.open.entry(start).or_default().flows.fold(&packet);
    }

    /// A look at open windows, as the aggregation gives it: flows that doubled.
    pub fn look(&mut self) -> &mut Self {
        let mut windows = Vec::new();
        for (start, open) in &mut self.open {
            let mut flows = Vec::new();
            for (key, flow) in &open.flows {
                let (packets_before, octets_before) = open.looked.get(key).copied().unwrap_or_default();
                if flow.volume.packets < 2 * packets_before || flow.volume.packets == packets_before {
                    continue;
                }
                let began = |flow: &Statistics| flow.timing.first_seen();
                let answered = open.flows.get(&key.reversed());
                let is_answer = answered.is_some_and(|other| began(other) < began(flow));
                let (statistics, context) = (flow.clone(), Context::default());
                flows.push(OpenFlow { key: *key, statistics, context, packets_before, octets_before, is_answer });
            }
            for flow in &flows {
                let volume = &flow.statistics.volume;
                open.looked.insert(flow.key, (volume.packets, volume.octets));
            }
            windows.push(OpenFlows { window: window(*start), flows });
        }
        let judged = windows
            .iter()
            .map(|open| self.judgement(open.flows.iter().map(|flow| (&flow.key, &flow.statistics)), false));
        let judgements = judged.collect();
        let look = Look { windows, greatest: self.watermark, watermark: self.watermark };
        let changes = self.book.look(&JudgedLook { look, judgements }, &Exceptions::default(), EventTime::EPOCH);
        self.store(&changes);
        self
    }

    /// Closes all windows that end until then.
    pub fn close(&mut self, until: f64) -> &mut Self {
        let watermark = at(until);
        let over: Vec<i64> = self.open.keys().copied().filter(|start| window(*start).is_over(watermark)).collect();
        let panes = over.into_iter().map(|start| (start, Timing::OnTime)).collect::<Vec<_>>();
        self.settle(&panes, watermark)
    }

    /// Stores panes as they are now.
    pub fn settle(&mut self, panes: &[(i64, Timing)], watermark: EventTime) -> &mut Self {
        let before = self.loses.then(|| (self.open.clone(), self.watermark));
        self.checkpoint += 1;
        self.watermark = self.watermark.max(watermark);
        let panes = panes.iter().map(|(start, timing)| {
            let flows = self.open.remove(start).unwrap_or_default().flows;
            let contexts = vec![Context::default(); flows.len()];
            let judgement = Some(self.judgement(flows.iter(), true));
            let pane = Pane { timing: *timing, flows: Arc::new(WindowFlows { window: window(*start), flows }) };
            Arc::new(JudgedPane { pane, contexts, judgement })
        });
        let panes = panes.collect();
        let checkpoint = Checkpoint { number: self.checkpoint, watermark: self.watermark, ..Checkpoint::default() };
        let increment =
            Increment { from: 0, checkpoint, panes: Vec::new(), rejected: Vec::new(), counts: Counts::default() };
        let changes = self.book.settle(&JudgedIncrement { increment, panes }, &Exceptions::default(), EventTime::EPOCH);
        self.store(&changes);
        if let Some(before) = before {
            (self.open, self.watermark) = before;
        }
        self
    }

    pub fn pass(&mut self, time: f64) -> &mut Self {
        let changes = self.book.pass(at(time));
        self.store(&changes);
        self
    }

    /// The process dies and starts again: looks are made anew, what is stored is stored.
    pub fn crash(&mut self) -> &mut Self {
        let open = self.table.values().filter(|alert| alert.state == State::Open);
        self.book = Book::resume(self.limits, open.cloned().collect());
        self.open.values_mut().for_each(|open| open.looked.clear());
        self
    }

    fn judgement<'a>(&self, flows: impl Iterator<Item = (&'a FlowKey, &'a Statistics)>, is_final: bool) -> Judgement {
        let verdicts = flows.map(|(key, flow)| {
            let (label, confidence) = (self.says)(key, flow, is_final);
            let class = LABELS.iter().position(|name| *name == label).unwrap();
            Verdict { class: u16::try_from(class).unwrap(), confidence }
        });
        Judgement {
            verdicts: verdicts.collect(),
            classes: Classes::new(LABELS.map(str::to_owned).to_vec()),
            model_version: "test".into(),
            explainer: Arc::new(Explainer),
        }
    }

    fn store(&mut self, changes: &Changes) {
        if self.loses {
            return;
        }
        for change in &changes.alerts {
            let id = change.alert.id.unwrap_or_else(|| i64::try_from(self.table.len()).unwrap() + 1);
            assert!(change.alert.id.is_some() || change.event == Some(Event::Opened), "{change:?}");
            let memory = serde_json::from_str(&change.alert.memory.to_string()).unwrap();
            let before = self.table.insert(id, Alert { id: Some(id), memory, ..change.alert.clone() });
            if let Some(before) = before {
                assert_eq!(before.state, State::Open, "ended twice: {change:?}");
                assert!(before.severity <= change.alert.severity);
            }
            self.told.extend(change.event.map(|event| (id, event)));
            self.book.stored(change.handle, id);
            let evidence = self.evidence.entry(id).or_default();
            *evidence += change.evidence.iter().map(|window| window.packets).sum::<u64>();
        }
        self.silenced += changes.silenced.values().sum::<u64>();
        self.unopened += changes.unopened;
        self.withdrawn += changes.withdrawn;
        let open = self.table.values().filter(|alert| alert.state == State::Open).count();
        assert_eq!(open, self.book.open());
    }

    /// All alerts: kind and address of the subject, label, state, windows that confirm it.
    pub fn alerts(&self) -> Vec<(SubjectKind, u32, &str, State, u32)> {
        let shown = self.table.values().map(|alert| {
            let IpAddr::V4(address) = alert.subject.address else { panic!("only IPv4 here") };
            let host = address.to_bits() - 0x0a00_0000;
            (alert.subject.kind, host, alert.label.as_str(), alert.state, alert.windows)
        });
        shown.collect()
    }

    /// What others were told of an alert.
    pub fn events(&self, id: i64) -> Vec<Event> {
        self.told.iter().filter(|(of, _)| *of == id).map(|(_, event)| *event).collect()
    }
}

fn window(start: i64) -> Window {
    Tumbling::new(Duration::from_secs(LENGTH.unsigned_abs())).window_of(at(start as f64))
}
