//! The model against others on the same flows: forests on our features, a forest on the existing system's, one threshold a
//! class.
//!
//! `make compare DATA=captures MODEL=file`, and with `SPLITS=validation` while there is still something to choose. Flows, features,
//! labels and the model's verdicts are exported by the code that trains and evaluates; `forest/compare.py` teaches the others
//! and prints one table. It first computes the model's own figures from the exported verdicts, and stops if they are not
//! those of `flowsentry evaluate`: so one definition holds for all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

#[path = "forest/export.rs"]
mod export;
#[path = "kit/python.rs"]
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use flowsentry::model::Model;
use flowsentry::training::corpus::Corpus;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/forest");
const MODEL_BYTES_MAX: u64 = 1 << 26;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let data = PathBuf::from(arguments.next().expect("a directory of labelled captures: make compare DATA=DIR"));
    let model = arguments.next().expect("a model: make compare MODEL=FILE");
    let splits: Vec<String> = arguments.collect();
    let model = Model::load(Path::new(&model), MODEL_BYTES_MAX).expect("a model");
    let corpus = Corpus::open(&data).expect("labelled captures");
    let python = python::environment("forest-python", &format!("{HERE}/requirements.txt")).unwrap();
    let exported = python::target().join("forest");
    std::fs::create_dir_all(&exported).unwrap();
    println!("exporting flows to {} …", exported.display());
    export::export(&model, &corpus, &exported);
    compare(&python, &exported, &splits);
}

fn compare(python: &Path, exported: &Path, splits: &[String]) {
    let mut command = Command::new(python);
    command.arg(format!("{HERE}/compare.py")).arg(exported).args(splits);
    let status = command.status().expect("Python");
    assert!(status.success(), "the comparison ended with {status}");
}
