//! The shipped model tells apart what has one packet a flow: a forged flood, a sweep, and ordinary questions.
//!
//! Nothing in such a flow says what it is; only its neighbours do. The traffic is made up from seeds that were not learnt.

use super::examples::{self, Cutting, Examples};
use super::{recipe, synthesis};
use crate::model::Model;

/// Seeds far from those that are learnt from.
const SEEDS: std::ops::Range<u64> = 1_000_000..1_000_012;

/// How many flows of one or two packets of a label the model says what of, as (said the label, all).
fn judged(model: &Model, name: &str, label: &str) -> (usize, usize) {
    let doing = synthesis::doings().find(|doing| doing.name == name).unwrap();
    let (mut right, mut all) = (0, 0);
    for seed in SEEDS {
        let packets = synthesis::capture(doing, seed);
        let mut examples = Examples::new(model.features().len());
        examples::append(&mut examples, model.features(), &packets, Cutting::as_served(recipe::WINDOW), 40);
        let verdicts = model.classify(&examples.matrix).unwrap();
        for (row, verdict) in examples.rows.iter().zip(verdicts) {
            if row.label.name() == label && row.shows && row.packets <= 2 {
                all += 1;
                right += usize::from(model.classes().label(verdict) == label);
            }
        }
    }
    (right, all)
}

#[test]
fn floods_sweeps_and_ordinary_questions_of_one_packet_are_told_apart() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/flowsentry.safetensors");
    let model = Model::load(path.as_ref(), 1 << 20).unwrap();
    let least = |name: &str, label: &str, least: f64| {
        let (right, all) = judged(&model, name, label);
        assert!(all >= 100, "{name}: only {all} flows");
        assert!(right as f64 >= least * all as f64, "{name}: {right} of {all} flows are {label} to the model");
    };
    least("flood_syn_forged", "DDoS", 0.9);
    least("flood_datagrams_forged", "DDoS", 0.9);
    least("scan_sweep_syn", "Port Scanning", 0.9);
    least("scan_sweep_datagrams", "Port Scanning", 0.9);
    least("scan_sweep_echo", "Port Scanning", 0.9);
    least("name_lookups", "Normal", 0.99);
    // Hundreds who ask once, and nobody sees the answers: near a flood by its nature.
    least("name_popular_server", "Normal", 0.9);
    least("name_recursion", "Normal", 0.99);
}
