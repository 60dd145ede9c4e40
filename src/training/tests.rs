//! From captures on disk to a model, its figures and its card.

use std::path::{Path, PathBuf};

use super::corpus::{Corpus, Split};
use super::evaluate::{Evaluation, evaluate, robustness};
use super::kit;
use super::{card, recipe, report};
use crate::model::Model;
use crate::model::train::Options;

fn made_up() -> (tempfile::TempDir, Corpus) {
    let directory = tempfile::tempdir().unwrap();
    kit::write_corpus(directory.path());
    let corpus = Corpus::open(directory.path()).unwrap();
    (directory, corpus)
}

fn figures(model: &Model, corpus: &Corpus) -> Evaluation {
    evaluate(model, corpus, Split::Test, recipe::WINDOW).unwrap()
}

#[test]
fn a_capture_reads_as_it_was_written() {
    let (directory, corpus) = made_up();
    for capture in corpus.captures(Split::Test).unwrap() {
        let read = corpus.packets(capture).unwrap();
        assert!(read.len() >= 240, "{}", capture.id);
        // Written again from what was read, it must give the same.
        kit::write_packets(&directory.path().join("packets").join(format!("{}.parquet", capture.id)), &read);
        assert_eq!(corpus.packets(capture).unwrap(), read, "{}", capture.id);
    }
}

#[test]
fn what_can_be_told_apart_is_learnt_and_the_card_says_so() {
    let (_directory, corpus) = made_up();
    let options = Options { epochs: 6, draws: 4_000, ..Options::default() };
    let mut epochs = 0;
    let file = recipe::learn(&corpus, &options, 1, |progress| {
        epochs += usize::from(matches!(progress, recipe::Progress::Epoch { .. }));
    });
    let model = Model::new(&file.unwrap()).unwrap();
    assert!(epochs > 6, "those of the model, and of each that its thresholds are chosen by: {epochs}");
    let test = figures(&model, &corpus);
    assert!(test.all.macro_f1_existing > 0.9, "{}", report::text(&test));
    assert_eq!(test.false_alarms.captures, 1);
    let report = report::text(&test);
    for class in &test.classes {
        assert!(report.lines().any(|line| line.starts_with(class.as_str())), "{class}: {report}");
    }
    let robustness = robustness(&model, &corpus, Split::Test, recipe::WINDOW).unwrap();
    let test = Evaluation { robustness: Some(robustness), ..test };
    let card = card::markdown(&model, &corpus, &test, "flowsentry train --data DIR").unwrap();
    assert!(!card.contains("-0.0") && !card.contains("NaN"), "{card}");
    let known = [
        "| change | DDoS, 1 captures |",
        "| Port Scanning | from 0.",
        "| C2 Beacon | never: not a class | 0 (0) | 0 (0) | 0 (0) | - |",
        "| normal-3 | 1.0 |",
        "| class | captures | 1 s | 2 s |",
        "Expected calibration error",
        "| first right verdict after | on a whole window after |",
    ];
    for part in
        known.into_iter().chain(["flowsentry train --data DIR", "| made/up-3 | made up | 0 | 0 | 6 |", model.version()])
    {
        assert!(card.contains(part), "{part}: {card}");
    }
}

/// Where the labelled captures are, if they are at hand.
pub fn shared_data() -> Option<PathBuf> {
    let environment = crate::config::Environment::of_process();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let directory = environment.get("FLOWSENTRY_SHARED_DATA").map_or(beside, PathBuf::from);
    if directory.join("splits.json").is_file() {
        return Some(directory);
    }
    eprintln!("skipped: no labelled captures in {}; name them by FLOWSENTRY_SHARED_DATA", directory.display());
    None
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

#[test]
fn the_shipped_model_is_one_of_this_program() {
    let model = Model::load(&shipped("flowsentry.safetensors"), 1 << 20).unwrap();
    assert_eq!(model.classes().names(), recipe::classes());
    let card = std::fs::read_to_string(shipped("flowsentry.md")).unwrap();
    assert!(card.contains(model.version().as_ref()) && card.contains(model.training_fingerprint()));
}

#[test]
fn the_shipped_model_is_as_good_as_its_card_says() {
    let Some(directory) = shared_data() else { return };
    let corpus = Corpus::open(&directory).unwrap();
    let model = Model::load(&shipped("flowsentry.safetensors"), 1 << 20).unwrap();
    let card = std::fs::read_to_string(shipped("flowsentry.md")).unwrap();
    for score in figures(&model, &corpus).all.classes {
        let row = format!("| {} | {} | {} | {:.3} |", score.class, score.flows, score.captures, score.precision);
        assert!(card.contains(&row), "the card lacks {row}");
    }
}
