//! What judging costs: features and network, nanoseconds a flow, for a whole window and for a single flow.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release --locked --example bench_model [FILE | all]`: the shipped model, another one, or a made-up
//! one of all features that there are. What is computed is printed as digests, so that a change that is only to cost less can
//! be seen to change nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a measurement, not the service

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use flowsentry::flow::context::Neighbours;
use flowsentry::flow::key::{FlowKey, Protocol};
use flowsentry::flow::map::FlowMap;
use flowsentry::flow::packet::{Packet, TcpFlags};
use flowsentry::flow::time::EventTime;
use flowsentry::model::{Description, Golden, Input, Layer, Model, ModelFile, Transform};
use flowsentry::telemetry::clock;
use flowsentry::verdict::features::{Matrix, catalogue};
use flowsentry::verdict::judge;
use flowsentry::verdict::threshold::Thresholds;

const FLOWS: u32 = 32_000;
const PACKETS: u32 = 250_000;
const ROUNDS: usize = 15;

fn main() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/flowsentry.safetensors");
    let model = match std::env::args().nth(1).as_deref() {
        Some("all") => model_of_all_features(),
        path => Model::load(path.unwrap_or(shipped).as_ref(), 1 << 26).unwrap(),
    };
    let flows = window();
    println!("{} flows, {} features", flows.len(), model.features().len());
    report("neighbours", flows.len(), || Neighbours::of(&flows).bytes());
    let neighbours = Neighbours::of(&flows);
    report("contexts", flows.len(), || neighbours.contexts(&flows).len());
    let contexts = neighbours.contexts(&flows);
    report("features", flows.len(), || judge::rows(model.features(), &flows, &contexts).map(|m| m.rows()).sum());
    let chunks: Vec<Matrix> = judge::rows(model.features(), &flows, &contexts).collect();
    report("classify", flows.len(), || chunks.iter().map(|chunk| model.classify(chunk).unwrap().len()).sum());
    report("features and classify", flows.len(), || {
        judge::rows(model.features(), &flows, &contexts).map(|chunk| model.classify(&chunk).unwrap().len()).sum()
    });
    let columns = model.features().len();
    let features = digest(chunks.iter().flat_map(|chunk| &chunk.values));
    let probabilities: Vec<f32> = chunks.iter().flat_map(|chunk| model.probabilities(chunk).unwrap()).collect();
    println!("digest of the features {features:016x}, of the probabilities {:016x}", digest(&probabilities));
    let one = Matrix { columns, values: chunks[0].values[..columns].to_vec() };
    report("classify, one at a time", 1_000, || (0..1_000).map(|_| model.classify(&one).unwrap().len()).sum());
}

/// Least and median time of some rounds, a flow.
fn report(what: &str, flows: usize, mut work: impl FnMut() -> usize) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = clock::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    let each = |time: Duration| time.as_nanos() / flows as u128;
    println!("{what:25} least {:6} ns, median {:6} ns a flow", each(rounds[0]), each(rounds[ROUNDS / 2]));
}

/// Of all bits, in order (FNV-1a, 64 bits).
fn digest<'a>(numbers: impl IntoIterator<Item = &'a f32>) -> u64 {
    let bits = numbers.into_iter().map(|number| u64::from(number.to_bits()));
    bits.fold(0xcbf2_9ce4_8422_2325, |hash, bits| (hash ^ bits).wrapping_mul(0x0100_0000_01b3))
}

/// Numbers that look random, the same every time.
fn scramble(number: u32) -> u32 {
    let mixed = (number ^ (number >> 16)).wrapping_mul(0x85eb_ca6b);
    (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35) >> 3
}

fn window() -> FlowMap {
    let mut flows = FlowMap::default();
    for number in 0..PACKETS {
        let flow = if number < FLOWS { number } else { scramble(number) % FLOWS };
        let address = |bits: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | bits));
        let key = FlowKey {
            source: address(flow % 1_001),
            destination: address(0x1_0000 | (scramble(flow) % 1_000)),
            protocol: if flow % 5 == 0 { Protocol::Udp } else { Protocol::Tcp },
        };
        let packet = Packet {
            time: EventTime::from_micros(i64::from(scramble(number) % 30_000_000)).unwrap(),
            key,
            length: 60 + scramble(number) % 1_400,
            source_port: u16::try_from(32_768 + scramble(number) % 12).unwrap(),
            destination_port: u16::try_from(1 + scramble(number ^ 7) % 9).unwrap(),
            tcp_flags: TcpFlags::from_bits(u8::try_from(scramble(number) % 32).unwrap()),
            arp: None,
            dns: None,
        };
        flows.fold(&packet);
    }
    flows
}

fn model_of_all_features() -> Model {
    let inputs: Vec<Input> = catalogue()
        .into_iter()
        .map(|feature| Input {
            feature: feature.name,
            transform: Transform::Log1p,
            mean: 1.0,
            deviation: 2.0,
            usual: None,
        })
        .collect();
    let widths = [inputs.len(), 64, 32, 6];
    let layer = |pair: &[usize]| Layer {
        inputs: pair[0],
        outputs: pair[1],
        weights: (0..pair[0] * pair[1]).map(|n| 0.01 * ((n * 7) % 13) as f32 - 0.06).collect(),
        bias: vec![0.0; pair[1]],
    };
    let layers: Vec<Layer> = widths.windows(2).map(layer).collect();
    let golden = Golden { rows: vec![vec![0.0; inputs.len()]], probabilities: vec![vec![1.0 / 6.0; 6]] };
    let description = Description {
        format: Description::FORMAT,
        version: "bench".to_owned(),
        training_fingerprint: String::new(),
        classes: (0..6).map(|class| format!("class {class}")).collect(),
        hidden: vec![64, 32],
        temperature: 100.0,
        thresholds: Thresholds::default(),
        inputs,
        golden,
    };
    Model::new(&ModelFile { description, layers }).unwrap()
}
