//! The files: packets as rows, and every feature of every flow that they make.

use std::collections::BTreeMap;
use std::fmt::Write;

const PACKETS: &str = include_str!("packets.tsv");
const FEATURES: &str = include_str!("features.tsv");
/// COPY's sign for NULL.
const NULL: &str = "\\N";

/// Rows by column; `None` is NULL.
pub struct Rows {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Option<&'static str>>>,
}

impl Rows {
    /// As they are in the file.
    pub fn read() -> Self {
        let mut lines = PACKETS.lines().filter(|line| !line.starts_with('#'));
        let columns: Vec<_> = lines.next().unwrap().split('\t').collect();
        let value = |text| (text != NULL).then_some(text);
        let rows: Vec<Vec<_>> = lines.map(|line| line.split('\t').map(value).collect()).collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()));
        Self { columns, rows }
    }

    /// One statement that inserts them all.
    pub fn insert(&self) -> String {
        let value = |value: Option<&str>| value.map_or("NULL".to_owned(), |text| format!("'{text}'"));
        let row =
            |row: &Vec<Option<&str>>| format!("({})", row.iter().copied().map(value).collect::<Vec<_>>().join(", "));
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        format!("INSERT INTO raw_packets ({}) VALUES {}", self.columns.join(", "), rows.join(",\n"))
    }
}

/// Features by name, of each flow by its key: `source > destination PROTOCOL`.
#[derive(PartialEq, Debug)]
pub struct Vectors {
    pub features: Vec<String>,
    pub flows: BTreeMap<String, Vec<f32>>,
}

impl Vectors {
    /// As they are in the file: a feature a line, a flow a column.
    pub fn read() -> Self {
        let mut lines = FEATURES.lines();
        let keys: Vec<&str> = lines.next().unwrap_or_default().split('\t').skip(1).collect();
        let mut flows = vec![Vec::new(); keys.len()];
        let mut features = Vec::new();
        for line in lines {
            let (feature, values) = line.split_once('\t').unwrap();
            features.push(feature.to_owned());
            let values = values.split('\t').map(|value| value.parse::<f32>().unwrap());
            flows.iter_mut().zip(values).for_each(|(flow, value)| flow.push(value));
        }
        Self { features, flows: keys.into_iter().map(str::to_owned).zip(flows).collect() }
    }

    /// The content of such a file.
    pub fn to_text(&self) -> String {
        let mut text = format!("feature\t{}\n", self.flows.keys().cloned().collect::<Vec<_>>().join("\t"));
        for (index, feature) in self.features.iter().enumerate() {
            let values: Vec<String> = self.flows.values().map(|values| values[index].to_string()).collect();
            writeln!(text, "{feature}\t{}", values.join("\t")).unwrap();
        }
        text
    }

    /// Every feature of every flow.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str, f32)> {
        self.flows.iter().flat_map(|(key, values)| {
            let values = self.features.iter().zip(values);
            values.map(move |(feature, &value)| (key.as_str(), feature.as_str(), value))
        })
    }
}
