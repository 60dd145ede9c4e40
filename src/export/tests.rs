//! The mapping by example and as a whole, and each format read back.

mod eve;
mod mapping;
mod read_back;

use proptest::prelude::*;

use super::*;
use crate::flow::time::EventTime;

/// What hostile text looks like.
const HOSTILE: [&str; 12] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\"quoted\", and\r\nmore",
    "\u{202e}gpj.exe",
    "\u{1b}[31mred\u{7}",
    "<img src=x onerror=alert(1)>",
    "'already",
    "＝1",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned)]
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    let present = match kind {
        Kind::Text => text().prop_map(Value::text).boxed(),
        Kind::Count => any::<i64>().prop_map(Value::Count).boxed(),
        Kind::Real => any::<i32>().prop_map(|it| Value::Real(f64::from(it) / 8.0)).boxed(),
        Kind::Time => (0..253_402_300_799_999_999i64)
            .prop_map(|micros| Value::Time(EventTime::from_micros(micros).unwrap()))
            .boxed(),
        Kind::Texts => prop::collection::vec(text().prop_map(Into::into), 0..4).prop_map(Value::Texts).boxed(),
        Kind::Counts => prop::collection::vec(any::<i64>(), 0..4).prop_map(Value::Counts).boxed(),
        Kind::Json => text().prop_map(|text| Value::Json(serde_json::json!([{ "sentence": text }]))).boxed(),
    };
    prop_oneof![1 => Just(Value::Absent), 4 => present].boxed()
}

/// Rows of random values.
fn rows(what: What) -> impl Strategy<Value = Vec<Vec<Value>>> {
    let row: Vec<BoxedStrategy<Value>> = Table::of(what).columns.iter().map(|column| value(column.kind)).collect();
    prop::collection::vec(row, 0..5)
}

fn written(what: What, format: Format, rows: &[Vec<Value>]) -> Vec<u8> {
    let mut writer = Writer::begin(Table::of(what), format, Vec::new()).unwrap();
    for row in rows {
        writer.write(row).unwrap();
    }
    writer.finish().unwrap()
}

/// A row with these values, and nothing else.
fn row(table: &Table, values: &[(&str, Value)]) -> Vec<Value> {
    let of = |name: &str| values.iter().find(|(column, _)| *column == name).map(|(_, value)| value.clone());
    for (name, _) in values {
        assert!(table.columns.iter().any(|column| column.name == *name), "no column {name}");
    }
    table.columns.iter().map(|column| Value::or_absent(of(column.name))).collect()
}

fn seconds(seconds: i64) -> Value {
    Value::Time(EventTime::from_micros(seconds * 1_000_000).unwrap())
}

fn texts(texts: &[&'static str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).into()).collect())
}
