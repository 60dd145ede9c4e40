//! What is written, read back by the formats' own libraries.

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field as Stored;
use serde_json::Value as Json;

use super::*;
use crate::export::csv::harmless;
use crate::export::jsonl::as_json;

/// The values of the fields of all rows, with their names.
fn expected(what: What, rows: &[Vec<Value>]) -> Vec<Vec<(String, Value)>> {
    let table = Table::of(what);
    let of = |values: &Vec<Value>| {
        let row = Row { columns: &table.columns, values };
        let names = table.fields.iter().map(|field| field.name.to_string());
        names.zip(table.values(row).map(std::borrow::Cow::into_owned)).collect()
    };
    rows.iter().map(of).collect()
}

#[test]
fn csv_read_back_is_the_same_and_no_cell_is_a_formula() {
    let check = |what, rows: &[Vec<Value>]| {
        let octets = written(what, Format::Csv, rows);
        let mut reader = ::csv::Reader::from_reader(octets.as_slice());
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), rows.len());
        for (record, expected) in records.iter().zip(expected(what, rows)) {
            for ((cell, name), (expected_name, value)) in record.iter().zip(&names).zip(expected) {
                assert_eq!(*name, expected_name);
                match value {
                    Value::Absent => assert_eq!(cell, "", "{name}"),
                    Value::Text(text) => {
                        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{name}: {cell:?}");
                        let unescaped = cell.strip_prefix('\'').filter(|rest| harmless(rest) != *rest);
                        assert_eq!(unescaped.unwrap_or(cell), text, "{name}");
                    }
                    Value::Count(count) => assert_eq!(cell.parse(), Ok(count), "{name}"),
                    Value::Real(real) => assert_eq!(cell.parse(), Ok(real), "{name}"),
                    Value::Time(time) => assert_eq!(cell, rfc3339(time), "{name}"),
                    other => assert_eq!(serde_json::from_str::<Json>(cell).unwrap(), as_json(&other), "{name}"),
                }
            }
        }
    };
    proptest!(|(flows in rows(What::Flows), alerts in rows(What::Alerts))| {
        check(What::Flows, &flows);
        check(What::Alerts, &alerts);
    });
}

#[test]
fn what_could_be_a_formula_gets_an_apostrophe_and_numbers_do_not() {
    for text in ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "＝1", "－1", "'=1", "''=1"] {
        assert_eq!(harmless(text), format!("'{text}"));
    }
    for text in ["", "1", "'1", "'", "a=1", "10.0.0.1", " =1"] {
        assert_eq!(harmless(text), text);
    }
    let table = Table::of(What::Flows);
    let values = row(&table, &[("packet_count", Value::Count(-5)), ("confidence", Value::Real(-0.5))]);
    let text = String::from_utf8(written(What::Flows, Format::Csv, &[values])).unwrap();
    assert!(text.contains(",-5,") && text.contains(",-0.5,") && !text.contains('\''), "{text}");
}

#[test]
fn json_lines_read_back_are_the_same() {
    let check = |what, rows: &[Vec<Value>]| {
        let text = String::from_utf8(written(what, Format::JsonLines, rows)).unwrap();
        assert_eq!(text.matches('\n').count(), rows.len());
        for (line, expected) in text.lines().zip(expected(what, rows)) {
            let json: Json = serde_json::from_str(line).unwrap();
            for (name, value) in expected {
                let found = name.split('.').try_fold(&json, |json, part| json.get(part));
                match value {
                    Value::Absent => assert_eq!(found, None, "{name}"),
                    other => assert_eq!(found, Some(&as_json(&other)), "{name}"),
                }
            }
        }
    };
    proptest!(|(flows in rows(What::Flows), alerts in rows(What::Alerts))| {
        check(What::Flows, &flows);
        check(What::Alerts, &alerts);
    });
}

/// A value as the Parquet library reads it.
fn stored(value: Value, kind: Kind) -> Json {
    match (value, kind) {
        (Value::Time(time), _) => Json::from(time.micros()),
        (json @ Value::Json(_), _) => Json::from(as_json(&json).to_string()),
        (other, _) => as_json(&other),
    }
}

fn read(field: &Stored) -> Json {
    match field {
        Stored::Null => Json::Null,
        Stored::Long(integer) | Stored::TimestampMicros(integer) => Json::from(*integer),
        Stored::Double(real) => Json::from(*real),
        Stored::Str(text) => Json::from(text.as_str()),
        Stored::Bytes(octets) => Json::from(std::str::from_utf8(octets.data()).unwrap()),
        Stored::ListInternal(list) => list.elements().iter().map(read).collect(),
        other => panic!("{other:?}"),
    }
}

fn check_parquet(what: What, rows: &[Vec<Value>], groups: Option<usize>) {
    let octets = written(what, Format::Parquet, rows);
    let reader = SerializedFileReader::new(bytes::Bytes::from(octets)).unwrap();
    if let Some(groups) = groups {
        assert_eq!(reader.metadata().num_row_groups(), groups);
    }
    let found: Vec<_> = reader.get_row_iter(None).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(found.len(), rows.len());
    let kinds: Vec<Kind> = Table::of(what).fields.iter().map(|field| field.kind).collect();
    for (found, expected) in found.iter().zip(expected(what, rows)) {
        for (((name, field), (expected_name, value)), kind) in found.get_column_iter().zip(expected).zip(&kinds) {
            assert_eq!(*name, expected_name);
            assert_eq!(read(field), stored(value, *kind), "{name}");
        }
    }
}

#[test]
fn parquet_read_back_is_the_same() {
    proptest!(ProptestConfig::with_cases(64), |(flows in rows(What::Flows), alerts in rows(What::Alerts))| {
        check_parquet(What::Flows, &flows, None);
        check_parquet(What::Alerts, &alerts, None);
    });
}

#[test]
fn groups_of_rows_are_bounded_in_octets_and_long_text_survives() {
    let table = Table::of(What::Flows);
    let long = format!("{}\u{202e}", "x".repeat(64 * 1024));
    // The label is written once.
    let rows: Vec<_> = (0..600).map(|_| row(&table, &[("predicted_label", Value::text(long.clone()))])).collect();
    check_parquet(What::Flows, &rows, Some(3));
}
