//! Flows for Python: every feature that there is, what each flow's source does, and what the model says of it.
//!
//! `SPLIT.features.npy` has a row a flow, `SPLIT.classes.npy`, `.captures.npy`, `.packets.npy` and `.verdicts.npy` a number
//! a flow; `export.json` tells the names behind the numbers. Flows whose label the model does not have are left out, as in
//! training and in evaluation.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use flowsentry::model::Model;
use flowsentry::training::corpus::{Corpus, LabelledPacket, Split};
use flowsentry::training::evaluate::{PACKETS_OF_A_FULL_FLOW, evaluate};
use flowsentry::training::examples::{self, Cutting, Examples};
use flowsentry::training::recipe;
use flowsentry::verdict::features::{Features, Matrix, catalogue};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// How often a feature is shuffled to see what the model loses without it.
const SHUFFLES: usize = 3;

/// Exports all splits.
pub fn export(model: &Model, corpus: &Corpus, directory: &Path) {
    let names: Vec<String> = catalogue().into_iter().map(|feature| feature.name).collect();
    let features = Features::resolve(&names).expect("features of the catalogue");
    let mut splits = serde_json::Map::new();
    for split in [Split::Train, Split::Validation, Split::Test] {
        let flows = Flows::read(model, corpus, split, &features);
        flows.write(directory, split.name());
        if split == Split::Validation {
            flows.shuffle(model, directory);
        }
        let mut description = serde_json::json!({ "captures": flows.subjects });
        if split != Split::Train {
            let evaluation = evaluate(model, corpus, split, recipe::WINDOW).expect("an evaluation");
            description["evaluation"] = serde_json::to_value(evaluation).expect("an evaluation as JSON");
        }
        splits.insert(split.name().to_owned(), description);
    }
    let description = serde_json::json!({
        "model": model.version().as_ref(),
        "classes": model.classes().names(),
        "features": names,
        "learnt_features": recipe::features(),
        "model_features": model.features().names(),
        "full_flow_packets": PACKETS_OF_A_FULL_FLOW,
        "splits": splits,
    });
    let text = serde_json::to_vec_pretty(&description).expect("a description as JSON");
    std::fs::write(directory.join("export.json"), text).expect("a file");
}

/// The flows of a split.
struct Flows {
    matrix: Matrix,
    classes: Vec<u32>,
    captures: Vec<u32>,
    packets: Vec<u32>,
    verdicts: Vec<u32>,
    /// Id of each capture, and the label that it is there for.
    subjects: Vec<(String, String)>,
    /// Where the model's features are among all.
    columns: Vec<usize>,
}

impl Flows {
    fn read(model: &Model, corpus: &Corpus, split: Split, features: &Features) -> Self {
        let column = |name: &String| features.names().iter().position(|known| known == name).expect("a feature");
        let mut flows = Self {
            matrix: Matrix { columns: features.len(), values: Vec::new() },
            classes: Vec::new(),
            captures: Vec::new(),
            packets: Vec::new(),
            verdicts: Vec::new(),
            subjects: Vec::new(),
            columns: model.features().names().iter().map(column).collect(),
        };
        for (number, capture) in (0u32..).zip(corpus.captures(split).expect("captures")) {
            let packets = corpus.packets(capture).expect("packets");
            flows.append(model, &examples_of(split, features, &packets), number);
            flows.subjects.push((capture.id.clone(), capture.subject.clone()));
        }
        flows.verdicts = flows.judge(model, &flows.matrix.values);
        flows
    }

    /// Those whose label the model has.
    fn append(&mut self, model: &Model, examples: &Examples, capture: u32) {
        for (row, example) in examples.rows.iter().enumerate() {
            let Some(class) = model.classes().position(example.label.name()) else { continue };
            self.matrix.values.extend_from_slice(examples.features(row));
            self.classes.push(class.into());
            self.captures.push(capture);
            self.packets.push(u32::try_from(example.packets).unwrap_or(u32::MAX));
        }
    }

    /// What the model says of rows of all features.
    fn judge(&self, model: &Model, values: &[f32]) -> Vec<u32> {
        let row = |row: &[f32]| self.columns.iter().map(|&column| row[column]).collect::<Vec<f32>>();
        let values = values.chunks_exact(self.matrix.columns).flat_map(row).collect();
        let verdicts = model.classify(&Matrix { columns: self.columns.len(), values }).expect("verdicts");
        verdicts.into_iter().map(|verdict| verdict.class.into()).collect()
    }

    fn write(&self, directory: &Path, split: &str) {
        let values: Vec<[u8; 4]> = self.matrix.values.iter().map(|value| value.to_le_bytes()).collect();
        let path = directory.join(format!("{split}.features.npy"));
        write_array(&path, "<f4", &[self.classes.len(), self.matrix.columns], &values);
        for (what, numbers) in [
            ("classes", &self.classes),
            ("captures", &self.captures),
            ("packets", &self.packets),
            ("verdicts", &self.verdicts),
        ] {
            write_numbers(&directory.join(format!("{split}.{what}.npy")), &[numbers.len()], numbers);
        }
    }

    /// `shuffles.npy`: orders of the flows; `shuffled_verdicts.npy`: by feature and order, what the model says of the flows
    /// when that feature alone is another flow's.
    fn shuffle(&self, model: &Model, directory: &Path) {
        let (rows, columns) = (self.classes.len(), self.matrix.columns);
        let mut random = StdRng::seed_from_u64(1);
        let mut orders: Vec<u32> = Vec::new();
        for _ in 0..SHUFFLES {
            let mut order: Vec<u32> = (0..).take(rows).collect();
            order.shuffle(&mut random);
            orders.append(&mut order);
        }
        let mut verdicts = Vec::new();
        for column in 0..columns {
            for order in orders.chunks_exact(rows) {
                if !self.columns.contains(&column) {
                    verdicts.extend_from_slice(&self.verdicts);
                    continue;
                }
                let mut values = self.matrix.values.clone();
                for (row, &other) in order.iter().enumerate() {
                    values[row * columns + column] = self.matrix.values[other as usize * columns + column];
                }
                verdicts.append(&mut self.judge(model, &values));
            }
        }
        write_numbers(&directory.join("shuffles.npy"), &[SHUFFLES, rows], &orders);
        write_numbers(&directory.join("shuffled_verdicts.npy"), &[columns, SHUFFLES, rows], &verdicts);
    }
}

/// As the recipe learns from them, and as evaluation judges them.
fn examples_of(split: Split, features: &Features, packets: &[LabelledPacket]) -> Examples {
    if split == Split::Train {
        return recipe::training_examples(features, packets);
    }
    let mut examples = Examples::new(features.len());
    examples::append(&mut examples, features, packets, Cutting::as_served(recipe::WINDOW), usize::MAX);
    examples
}

fn write_numbers(path: &Path, shape: &[usize], numbers: &[u32]) {
    let numbers: Vec<[u8; 4]> = numbers.iter().map(|number| number.to_le_bytes()).collect();
    write_array(path, "<u4", shape, &numbers);
}

/// An array as numpy reads it: format 1.0, which is a header padded to 64 octets and the values.
fn write_array(path: &Path, kind: &str, shape: &[usize], values: &[[u8; 4]]) {
    let lengths = format!("{shape:?}");
    let shape = lengths.trim_matches(['[', ']']);
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape},), }}");
    let width = (header.len() + 11).next_multiple_of(64) - 11; // 10 octets before it, a line end after it
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let length = u16::try_from(width + 1).expect("a short header").to_le_bytes();
    let head = [b"\x93NUMPY\x01\x00", &length[..], format!("{header:width$}\n").as_bytes()].concat();
    file.write_all(&head).and_then(|()| file.write_all(values.as_flattened())).expect("room for the array");
    file.flush().expect("room for the array");
}
