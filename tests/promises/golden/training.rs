//! What training makes of the rows: they are written as a capture of a corpus, and read and folded as every capture is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flowsentry::training::corpus::{Corpus, Split};
use flowsentry::training::examples::{Cutting, Examples, append};
use flowsentry::verdict::features::{Features, catalogue};
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, Int32Type};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::vectors::{Rows, Vectors};

/// The features of all flows by the training's own code.
pub fn vectors(rows: &Rows) -> Vectors {
    let directory = tempfile::tempdir().unwrap();
    write_corpus(directory.path(), rows);
    let corpus = Corpus::open(directory.path()).unwrap();
    let captures = corpus.captures(Split::Train).unwrap();
    let packets = corpus.packets(captures[0]).unwrap();
    let names: Vec<String> = catalogue().into_iter().map(|feature| feature.name).collect();
    let features = Features::resolve(&names).unwrap();
    let mut examples = Examples::new(features.len());
    append(&mut examples, &features, &packets, Cutting::as_served(Duration::from_secs(30)), usize::MAX);
    // All have the same label, so they are in the order of their keys.
    let keys: BTreeSet<_> = packets.iter().map(|labelled| labelled.packet.key).collect();
    assert_eq!(keys.len(), examples.rows.len());
    let name = |key: &flowsentry::flow::key::FlowKey| format!("{} > {} {}", key.source, key.destination, key.protocol);
    let flows = keys.iter().enumerate().map(|(row, key)| (name(key), examples.features(row).to_vec()));
    Vectors { flows: flows.collect(), features: names }
}

fn write_corpus(directory: &Path, rows: &Rows) {
    let capture = r#"[{"id": "golden", "class": "Normal", "repo": null, "licence": "ours"}]"#;
    fs::write(directory.join("captures.json"), capture).unwrap();
    fs::write(directory.join("splits.json"), r#"{"train": ["golden"]}"#).unwrap();
    fs::create_dir(directory.join("packets")).unwrap();
    let columns: Vec<&str> = rows.columns.iter().copied().chain(["label", "role"]).collect();
    let fields: Vec<String> = columns.iter().map(|name| format!("optional {};", kind(name).declared(name))).collect();
    let schema = parse_message_type(&format!("message rows {{ {} }}", fields.join(" "))).unwrap();
    let file = File::create(directory.join("packets/golden.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (index, name) in columns.iter().enumerate() {
        let added = if *name == "label" { "Normal" } else { "bystander" };
        let values: Vec<Option<&str>> =
            rows.rows.iter().map(|row| row.get(index).copied().unwrap_or(Some(added))).collect();
        let mut column = group.next_column().unwrap().unwrap();
        kind(name).write(&mut column, &values);
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

enum Kind {
    Double,
    Integer,
    Boolean,
    Text,
}

fn kind(column: &str) -> Kind {
    match column {
        "timestamp" => Kind::Double,
        "length" | "src_port" | "dst_port" | "arp_op" => Kind::Integer,
        "dns_response" => Kind::Boolean,
        _ => Kind::Text,
    }
}

impl Kind {
    fn declared(&self, name: &str) -> String {
        match self {
            Self::Double => format!("double {name}"),
            Self::Integer => format!("int32 {name}"),
            Self::Boolean => format!("boolean {name}"),
            Self::Text => format!("binary {name} (UTF8)"),
        }
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>, values: &[Option<&str>]) {
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let present = values.iter().flatten();
        match self {
            Self::Double => {
                let values: Vec<f64> = present.map(|text| text.parse().unwrap()).collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Integer => {
                let values: Vec<i32> = present.map(|text| text.parse().unwrap()).collect();
                column.typed::<Int32Type>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Boolean => {
                let values: Vec<bool> = present.map(|text| *text == "t").collect();
                column.typed::<BoolType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Text => {
                let values: Vec<_> = present.map(|text| text.as_bytes().to_vec().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            }
        }
    }
}
