//! What is counted of a candidate, and that it judges only while there is time.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::flow::checkpoint::Pane;
use crate::flow::context::{Context, Neighbours};
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::{Packet, TcpFlags};
use crate::flow::statistics::Statistics;
use crate::flow::table::WindowFlows;
use crate::flow::time::EventTime;
use crate::flow::window::Window;
use crate::model::model_file;
use crate::verdict::label::{Classes, Verdict};
use crate::verdict::reasons::{Explain, Reasons};

/// Gives no reasons.
#[derive(Debug)]
struct Silent;

impl Explain for Silent {
    fn explain(&self, _: &FlowKey, _: &Statistics, _: &Context, _: u16) -> Option<Reasons> {
        None
    }
}

/// Flows of a packet each, all labelled an attack, by a model that has its classes in another order than the candidate.
/// The candidate calls them normal: for an attack they would need two packets.
fn pane(flows: u32, timing: Timing, is_labelled: bool) -> Arc<JudgedPane> {
    let mut map = FlowMap::default();
    for number in 0..flows {
        let (source, destination) = (IpAddr::from(Ipv4Addr::from_bits(number)), IpAddr::from(Ipv4Addr::LOCALHOST));
        map.fold(&Packet {
            time: EventTime::EPOCH,
            key: FlowKey { source, destination, protocol: Protocol::Udp },
            length: 60,
            source_port: 1,
            destination_port: 2,
            tcp_flags: TcpFlags::default(),
            arp: None,
            dns: None,
        });
    }
    let contexts = Neighbours::of(&map).contexts(&map);
    let window = Window { start: EventTime::EPOCH, end: EventTime::EPOCH };
    let classes = Classes::new(["DDoS", "Normal"].map(str::to_owned).to_vec());
    let verdicts = vec![Verdict { class: 0, confidence: 1.0 }; flows as usize];
    let judgement = is_labelled.then(|| Judgement {
        verdicts,
        classes,
        model_version: "model".into(),
        explainer: Arc::new(Silent),
    });
    let pane = Pane { timing, flows: Arc::new(WindowFlows { window, flows: map }) };
    Arc::new(JudgedPane { pane, contexts, judgement })
}

/// The page of metrics after a candidate in this file was asked, as long as there is time.
fn page(path: &Path, panes: &[Arc<JudgedPane>], has_time: impl Fn() -> bool) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        let mut shadow = Shadow::new(Some(Watched::open(path, 1 << 20, Duration::ZERO)));
        shadow.look();
        runtime.block_on(shadow.judge(panes, has_time));
    });
    recorder.handle().render()
}

/// Fails unless the page has just these counts of the candidate, those of files left out.
#[track_caller]
fn check(page: &str, expected: &[&str]) {
    let counts = page.lines().filter_map(|line| line.strip_prefix("flowsentry_shadow_"));
    let mut counts: Vec<&str> = counts.filter(|line| !line.ends_with(" 0") && !line.starts_with("reloads")).collect();
    counts.sort_unstable();
    assert_eq!(counts, expected);
}

fn candidate() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), model_file().to_bytes().unwrap()).unwrap();
    file
}

#[test]
fn verdicts_are_compared_by_label_and_what_is_left_out_is_counted() {
    let panes = [
        pane(2_500, Timing::OnTime, true),
        pane(10, Timing::Partial, true),
        pane(7, Timing::Late, true),
        pane(5, Timing::OnTime, false),
        pane(0, Timing::OnTime, true),
    ];
    let expected = [
        "flows_total{verdict=\"other\"} 2510",
        "info{version=\"1-test\"} 1",
        "pairs_total{pair=\"DDoS -> Normal\"} 2510",
        "skipped_flows_total{reason=\"late\"} 7",
        "skipped_flows_total{reason=\"unlabelled\"} 5",
    ];
    check(&page(candidate().path(), &panes, || true), &expected);
}

#[test]
fn it_stops_after_the_pass_in_which_more_work_has_come() {
    let left = Cell::new(3);
    let has_time = || {
        left.set(left.get() - 1);
        left.get() >= 0
    };
    let expected = [
        "flows_total{verdict=\"other\"} 2000",
        "info{version=\"1-test\"} 1",
        "pairs_total{pair=\"DDoS -> Normal\"} 2000",
        "skipped_flows_total{reason=\"busy\"} 1300",
    ];
    // Once for the look at the file, then once a pass.
    let panes = [pane(2_500, Timing::OnTime, true), pane(800, Timing::OnTime, true)];
    check(&page(candidate().path(), &panes, has_time), &expected);
}

#[test]
fn a_file_that_is_no_model_judges_nothing() {
    let file = candidate();
    std::fs::write(file.path(), "no model").unwrap();
    let page = page(file.path(), &[pane(10, Timing::OnTime, true)], || true);
    check(&page, &[]);
    assert!(page.contains("flowsentry_shadow_reloads_total{result=\"refused\"} 1"), "{page}");
}

#[test]
fn a_pair_shows_both_labels_however_long() {
    let check = |model: &str, candidate: &str, expected: &str| assert_eq!(pair(model, candidate), expected);
    check("Normal", "DDoS", "Normal -> DDoS");
    check(&"ä".repeat(40), "DDoS", &format!("{} -> DDoS", "ä".repeat(15)));
    assert_eq!(pair(&"a".repeat(64), &"b".repeat(64)).len(), 64);
}
