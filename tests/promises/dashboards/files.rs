//! What is under `deploy`, as it is read by others: panels with their expressions, alerts, tests of alerts, runbooks.

use std::fs;
use std::path::Path;

use serde_json::Value;

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file of the repository.
pub fn text(path: &str) -> String {
    let whole = Path::new(ROOT).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a directory of the repository, by path.
pub fn files(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(directory)).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut found: Vec<String> = entries.map(|entry| format!("{directory}/{}", name(entry.unwrap()))).collect();
    found.sort();
    found
}

/// A dashboard, with the path that it is at.
pub struct Dashboard {
    pub path: String,
    pub json: Value,
}

impl Dashboard {
    pub fn all() -> Vec<Self> {
        let paths = files("deploy/grafana/dashboards");
        paths.into_iter().map(|path| Self { json: serde_json::from_str(&text(&path)).unwrap(), path }).collect()
    }

    /// Its panels, rows included.
    pub fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().unwrap()
    }

    /// Each expression, with the title of its panel.
    pub fn expressions(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for panel in self.panels().iter().filter(|panel| panel["type"] != "row") {
            let title = format!("{}: {}", self.path, panel["title"].as_str().unwrap());
            for target in panel["targets"].as_array().unwrap() {
                found.push((title.clone(), target["expr"].as_str().unwrap().to_owned()));
            }
        }
        found
    }
}

/// What stands behind `key:` on lines of a YAML file of ours, quotes taken off: enough where values are plain.
pub fn values(text: &str, key: &str) -> Vec<String> {
    let start = format!("{key}:");
    let value = |line: &str| {
        let rest = line.trim_start().trim_start_matches("- ").strip_prefix(&start)?;
        Some(rest.trim().trim_matches(['\'', '"']).to_owned())
    };
    text.lines().filter_map(value).collect()
}

/// Names of all alerts, each once.
pub fn alerts() -> Vec<String> {
    let mut names: Vec<String> =
        files("deploy/prometheus/rules").iter().flat_map(|path| values(&text(path), "alert")).collect();
    names.sort();
    names.dedup();
    names
}

/// A section of the runbooks: the alert that it is about, and its text.
pub fn runbooks() -> Vec<(String, String)> {
    let whole = text("docs/runbooks.md");
    let sections = whole.split("\n## ").skip(1);
    sections
        .filter_map(|section| section.split_once('\n'))
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

/// The code blocks of a language in a text.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The selectors of metrics of ours, or of what rules record of them, in an expression: `name` or `name{…}`.
pub fn selectors(expression: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| is_name(c) || c == '"') {
        rest = &rest[start..];
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted.split_once('"').map_or("", |(_, after)| after);
            continue;
        }
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        if name != "up"
            && !name.trim_start_matches("instance:").trim_start_matches("source:").starts_with("flowsentry_")
        {
            continue;
        }
        let labels = if rest.starts_with('{') { &rest[..=rest.find('}').unwrap()] } else { "" };
        found.push(format!("{name}{labels}"));
        rest = &rest[labels.len()..];
    }
    found
}
