//! The sums hold on the shipped model, sentences read, and a way back leads back.

use std::net::IpAddr;
use std::path::Path;

use proptest::prelude::*;

use super::super::file::ModelFile;
use super::super::file::tests::model_file;
use super::super::mlp::Model;
use super::super::network::{Network, Scaling};
use super::super::random::Random;
use super::*;
use crate::flow::context::{Context, Neighbours};
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::map::FlowMap;
use crate::flow::packet::{Packet, TcpFlags};
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use crate::verdict::features::Matrix;
use crate::verdict::reasons::Explain;

const SPANS: Spans = Spans { flow: 6.0, window: 20.0 };

fn shipped() -> ModelFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/flowsentry.safetensors");
    ModelFile::read(&path, 1 << 20).unwrap()
}

/// Rows of recorded flows of every class, and others near and far from them.
fn rows(file: &ModelFile, others: usize) -> Vec<Vec<f32>> {
    let mut rows = file.description.golden.rows.clone();
    let recorded = rows.len();
    let mut random = Random::new(7);
    for number in 0..others {
        let mut row = rows[number % recorded].clone();
        let other = rows[random.below(recorded)].clone();
        for (value, other) in row.iter_mut().zip(other) {
            if random.unit() < 0.3 {
                *value = other * random.between(0.0, 3.0);
            }
        }
        rows.push(row);
    }
    rows
}

/// Asks for no way back.
fn no_verdicts(_: Vec<f32>) -> Vec<bool> {
    Vec::new()
}

fn verdict(model: &Model, row: &[f32]) -> u16 {
    model.classify(&Matrix { columns: row.len(), values: row.to_vec() }).unwrap()[0].class
}

#[test]
fn base_and_contributions_add_up_to_the_difference() {
    let file = shipped();
    let explainer = Explainer::new(&file.description.inputs, &file.layers);
    let (scaling, network) = (Scaling::new(&file.description.inputs), Network::new(&file.layers).unwrap());
    for row in rows(&file, 500) {
        let scaled = scaling.apply(&row);
        let logits = network.logits(scaled.clone(), row.len()).unwrap();
        for class in 1..file.description.classes.len() {
            let seen = Seen { row: &row, scaled: &scaled, spans: SPANS };
            let reasons = explainer.explain(seen, u16::try_from(class).unwrap(), &no_verdicts).unwrap();
            let told: f64 = reasons.features.iter().map(|reason| reason.contribution).sum();
            let sum = reasons.base + told + reasons.others;
            let scale = 1.0 + reasons.logit_difference.abs() + reasons.base.abs();
            assert!((sum - reasons.logit_difference).abs() < 1e-9 * scale, "{sum} {reasons:?}");
            let found = f64::from(logits[class] - logits[0]);
            assert!((found - reasons.logit_difference).abs() < 1e-4 * scale, "{found} {reasons:?}");
        }
    }
}

#[test]
fn a_contribution_is_what_a_small_step_shows() {
    let file = shipped();
    let model = Model::new(&file).unwrap();
    let explainer = Explainer::new(&file.description.inputs, &file.layers);
    let scaling = Scaling::new(&file.description.inputs);
    let (mut held, mut left) = (0, 0);
    for row in rows(&file, 50) {
        let class = verdict(&model, &row).max(1);
        let scaled = scaling.apply(&row);
        let explain =
            |scaled: &[f32]| explainer.explain(Seen { row: &row, scaled, spans: SPANS }, class, &no_verdicts).unwrap();
        let here = explain(&scaled);
        for reason in &here.features {
            let place = explainer.axes.iter().position(|axis| axis.feature == reason.feature).unwrap();
            let mut moved = scaled.clone();
            moved[place] += 1.0 / 1024.0;
            let there = explain(&moved);
            let slope = (there.logit_difference - here.logit_difference) * 1024.0;
            let expected = reason.contribution / (f64::from(scaled[place]) - explainer.axes[place].usual);
            // On another piece, another base.
            if (there.base - here.base).abs() < 1e-9 {
                held += 1;
                assert!((slope - expected).abs() < 1e-3 * (1.0 + expected.abs()), "{slope} {reason:?}");
            } else {
                left += 1;
            }
        }
    }
    assert!(held > 10 * left && held > 200, "{held} steps stayed on their piece, {left} left it");
}

#[test]
fn the_greatest_that_speak_for_the_verdict_are_told_unless_they_are_usual() {
    let file = shipped();
    let model = Model::new(&file).unwrap();
    let mut told = 0;
    for row in rows(&file, 100) {
        let class = verdict(&model, &row);
        let Some(reasons) = model.explain_row(&row, SPANS, class) else {
            assert_eq!(class, 0, "only Normal has no reasons");
            continue;
        };
        assert!((1..=REASONS_MAX).contains(&reasons.features.len()), "{reasons:?}");
        for pair in reasons.features.windows(2) {
            assert!(pair[0].contribution >= pair[1].contribution, "{reasons:?}");
        }
        for reason in &reasons.features {
            assert!(reason.contribution > 0.0 && (reason.value - reason.usual).abs() > 0.0, "{reason:?}");
        }
        told += 1;
    }
    assert!(told > 30, "{told}");
}

#[test]
fn a_way_back_leads_back() {
    let file = shipped();
    let model = Model::new(&file).unwrap();
    let names = model.features().names().to_vec();
    let (mut found, mut none) = (0, 0);
    for row in rows(&file, 60) {
        let class = verdict(&model, &row);
        let Some(reasons) = model.explain_row(&row, SPANS, class) else { continue };
        let Some(way_back) = reasons.way_back else {
            none += 1;
            continue;
        };
        found += 1;
        let place = names.iter().position(|name| *name == way_back.feature).unwrap();
        #[allow(clippy::cast_possible_truncation)] // the model computes in single precision
        let at = |value: f64| {
            let mut row = row.clone();
            row[place] = value as f32;
            verdict(&model, &row)
        };
        let value = way_back.value;
        let is_below = way_back.sentence.starts_with("below");
        assert!(is_below == (value < f64::from(row[place])), "{way_back:?} from {}", row[place]);
        // A step of the second digit at most.
        let step = 10f64.powi(exponent_of_whole(value));
        let before =
            if is_below { (value + step).min(f64::from(row[place])) } else { (value - step).max(row[place].into()) };
        assert_eq!(at(value), 0, "{way_back:?}");
        assert_eq!(at(if is_below { value * 0.999_999 } else { value * 1.000_001 }), 0, "{way_back:?}");
        assert_ne!(at(before), 0, "{way_back:?} before: {before}");
    }
    assert!(found > 12 && none > 0, "{found} {none}");
}

/// The exponent of the second digit of a value; of less than two digits, of whole ones.
fn exponent_of_whole(value: f64) -> i32 {
    let exponent = crate::verdict::phrases::exponent_of(value, 2);
    if value.fract() == 0.0 { exponent.max(0) } else { exponent }
}

#[test]
fn one_computes_a_way_back_by_hand() {
    // An attack where ln(1 + packets) + rst share − 1 > ln(3)/2, which is what a threshold of 0.75 asks for: from 3.7 packets.
    let model = Model::new(&model_file()).unwrap();
    let reasons = model.explain_row(&[100.0, 0.0], SPANS, 1).unwrap();
    assert_eq!(reasons.features.len(), 1);
    let reason = &reasons.features[0];
    assert_eq!(reason.sentence, "100 packets in 6 s; usual: 1");
    // The difference is 2·(ln(1 + packets) − 1), and ln(1 + usual) is 0.5.
    let expected = 101f64.ln();
    assert!((reasons.logit_difference - 2.0 * (expected - 1.0)).abs() < 1e-6, "{reasons:?}");
    assert!((reasons.base + 1.0).abs() < 1e-6, "{reasons:?}");
    assert!((reason.contribution - 2.0 * (expected - 0.5)).abs() < 1e-6, "{reasons:?}");
    let way_back = reasons.way_back.unwrap();
    assert_eq!((way_back.feature.as_str(), way_back.value), ("packet_count", 3.0));
    assert_eq!(way_back.sentence, "below 4 packets this would be Normal");
}

#[test]
fn without_what_is_usual_the_mean_stands_in() {
    let mut file = model_file();
    file.description.inputs.iter_mut().for_each(|input| input.usual = None);
    let reasons = Model::new(&file).unwrap().explain_row(&[100.0, 0.0], SPANS, 1).unwrap();
    assert!((reasons.base + 2.0).abs() < 1e-6, "{reasons:?}");
    assert_eq!(reasons.features[0].sentence, "100 packets in 6 s; usual: 0");
}

#[test]
fn normal_and_what_the_model_does_not_know_have_no_reasons() {
    let model = Model::new(&model_file()).unwrap();
    for class in [0, 2, u16::MAX] {
        assert_eq!(model.explain_row(&[100.0, 0.0], SPANS, class), None);
    }
    // Not called an attack: reasons for it, but no way back from it.
    let reasons = model.explain_row(&[1.0, 0.0], SPANS, 1).unwrap();
    assert!(reasons.logit_difference < 0.0 && reasons.way_back.is_none(), "{reasons:?}");
    let mut file = model_file();
    file.layers[1].weights = vec![f32::MIN, f32::MAX];
    file.layers[0].weights = vec![f32::MAX, f32::MAX];
    let explainer = Explainer::new(&file.description.inputs, &vec![file.layers[0].clone(); 9]);
    let seen = Seen { row: &[1.0, 1.0], scaled: &[1.0, 1.0], spans: SPANS };
    assert_eq!(explainer.explain(seen, 1, &|_| Vec::new()), None);
}

/// One host asks another at a port each, twenty a second.
fn scan(ports: u16) -> (FlowKey, Statistics, Context) {
    let key = FlowKey {
        source: IpAddr::from([10, 0, 0, 66]),
        destination: IpAddr::from([10, 0, 0, 2]),
        protocol: Protocol::Tcp,
    };
    let mut flows = FlowMap::default();
    for number in 0..ports {
        let packet = |key, micros, source_port, destination_port, tcp_flags| Packet {
            time: EventTime::from_micros(i64::from(number) * 50_000 + micros).unwrap(),
            key,
            length: 60,
            source_port,
            destination_port,
            tcp_flags,
            arp: None,
            dns: None,
        };
        flows.fold(&packet(key, 0, 40_000, 1 + number, TcpFlags::SYN));
        flows.fold(&packet(key.reversed(), 200, 1 + number, 40_000, TcpFlags::RST.union(TcpFlags::ACK)));
    }
    let flow = flows.get(&key).unwrap().clone();
    let context = Neighbours::of(&flows).context(&flows, &key, &flow);
    (key, flow, context)
}

#[test]
fn the_shipped_model_says_why_a_scan_is_one() {
    let model = Model::new(&shipped()).unwrap();
    let (key, flow, context) = scan(120);
    let scanning =
        u16::try_from(model.classes().names().iter().position(|name| name == "Port Scanning").unwrap()).unwrap();
    let mut row = Vec::new();
    model.features().append(&key, &flow, &context, &mut row);
    assert_eq!(verdict(&model, &row), scanning);
    let reasons = model.explain(&key, &flow, &context, scanning).unwrap();
    assert_eq!(reasons.features.len(), REASONS_MAX);
    let ports = reasons.features.iter().find(|reason| reason.feature == "destination_ports").unwrap();
    assert!(ports.sentence.starts_with("120 destination ports in 6 s; usual: "), "{ports:?}");
}

/// Any float at all.
fn floats() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        0.0..1e6f32,
        0.0..1.0f32,
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(f32::NEG_INFINITY)
    ]
}

proptest! {
    #[test]
    fn reasons_are_finite_whatever_was_seen(
        row in prop::collection::vec(floats(), 73), flow in floats(), window in floats(), class in 0u16..9,
    ) {
        static MODEL: std::sync::LazyLock<Model> = std::sync::LazyLock::new(|| Model::new(&shipped()).unwrap());
        let spans = Spans { flow: flow.into(), window: window.into() };
        let reasons = MODEL.explain_row(&row, spans, class);
        prop_assert_eq!(reasons.is_some(), (1..7).contains(&class));
        let text = serde_json::to_string(&reasons).unwrap();
        // A number that is none would be written as null, and read back as none.
        let read: Option<Reasons> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.is_some(), reasons.is_some());
        prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
    }
}
