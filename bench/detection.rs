//! How soon is an attack known, how often is it told, and how often is nothing told as an attack?
//!
//! Attacks of the test captures, each beside ordinary traffic of another of them. First in event time, through the service's
//! own code, a second of traffic in milliseconds: every attack and every benign capture (`rehearsal.rs`). Then live: the
//! release binary on a private PostgreSQL, the packets inserted as their time comes, several attacks at once (`live.rs`); the
//! delay is from the time of an attack's first packet to the commit of its alert, by the database's clock.
//!
//! `make detection DATA=captures`; what follows on the command line are words that ids of captures must contain, and
//! `--rehearse` (nothing live), `--validation` (that split), `--interval=250ms` (how often open windows are looked at).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;
#[path = "detection/live.rs"]
mod live;
#[path = "detection/rehearsal.rs"]
mod rehearsal;
#[path = "detection/report.rs"]
mod report;
#[path = "detection/scene.rs"]
mod scene;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowsentry::config::Config;
use flowsentry::model::Model;
use flowsentry::training::corpus::{Corpus, Split};
use scene::Scene;

const MODEL_BYTES_MAX: u64 = 1 << 26;
/// How much of an attack is played at most, in event time and live.
const REHEARSED: Duration = Duration::from_mins(10);
const PLAYED: Duration = Duration::from_mins(2);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let data = PathBuf::from(arguments.next().expect("a directory of labelled captures: make detection DATA=DIR"));
    let mut words: Vec<String> = arguments.collect();
    let is_live = !words.iter().any(|word| word == "--rehearse");
    let split = if words.iter().any(|word| word == "--validation") { Split::Validation } else { Split::Test };
    let interval = words.iter().find_map(|word| word.strip_prefix("--interval="));
    let interval = interval.map(|text| humantime::parse_duration(text).expect("--interval=250ms"));
    let interval = interval.unwrap_or_else(|| Config::default().early.interval);
    words.retain(|word| !word.starts_with("--"));
    let wanted = |scene: &Scene| words.is_empty() || words.iter().any(|word| scene.id.contains(word.as_str()));
    let corpus = Corpus::open(&data).expect("labelled captures");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/flowsentry.safetensors");
    let model = Arc::new(Model::load(Path::new(model), MODEL_BYTES_MAX).expect("a model"));

    let attacks = |most| scene::attacks(&corpus, split, most).into_iter().filter(wanted).collect::<Vec<Scene>>();
    let ordinary: Vec<Scene> = scene::ordinary(&corpus, split).into_iter().filter(wanted).collect();
    let phase = |number: usize| Duration::from_millis((number as u64 * 7_919) % 30_000);
    let rehearsed = |scenes: &[Scene]| {
        let told = scenes.iter().enumerate();
        told.map(|(number, scene)| rehearsal::rehearse(scene, &model, interval, phase(number))).collect::<Vec<_>>()
    };
    report::quiet(&ordinary, &rehearsed(&ordinary));
    let ten_minutes = attacks(REHEARSED);
    report::rehearsed(&ten_minutes, &rehearsed(&ten_minutes));
    if is_live {
        let two_minutes = attacks(PLAYED);
        report::live(&two_minutes, &live::play(&two_minutes, interval));
    }
}
