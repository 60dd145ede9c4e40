//! The guides name only what exists: files, metrics, settings.

use std::collections::BTreeSet;

use super::assert_none;
use super::source::{exists, text};

const GUIDES: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/runbooks.md"];
const ENDINGS_OF_METRICS: [&str; 8] =
    ["_total", "_seconds", "_rows", "_ranges", "_ids", "_bytes", "_flows", "_windows"];

#[test]
fn guides_name_only_what_exists() {
    let known = Known::of_this_repository();
    let found: Vec<String> = GUIDES.iter().flat_map(|guide| known.unknown_words(guide, &text(guide))).collect();
    assert_none(&found);
}

/// What there is.
struct Known {
    metrics: String,
    sections: BTreeSet<String>,
    options: BTreeSet<String>,
}

impl Known {
    fn of_this_repository() -> Self {
        Self::new(text("src/telemetry/metrics.rs"), &text("pipeline.toml"))
    }

    /// From the table of metrics and the settings file that has every option.
    fn new(metrics: String, settings: &str) -> Self {
        let (mut sections, mut options) = (BTreeSet::new(), BTreeSet::new());
        let mut section = "";
        for line in settings.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                sections.insert(name.split('.').next().unwrap_or(name).to_owned());
                options.insert(name.to_owned());
            } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
                options.insert(format!("{section}.{key}"));
            }
        }
        Self { metrics, sections, options }
    }

    fn unknown_words(&self, guide: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (index, line) in text.lines().enumerate() {
            for word in words(line) {
                if let Some(what) = self.missing(word) {
                    found.push(format!("{guide}:{}: there is no {what} {word}", index + 1));
                }
            }
        }
        found
    }

    /// What kind of thing the word names, if there is none of that name.
    fn missing(&self, word: &str) -> Option<&'static str> {
        let is_path = ["src/", "tests/", "sql/", "bench/", "models/", ".ci/", ".config/"]
            .iter()
            .any(|root| word.starts_with(root));
        if is_path && !word.contains(['*', '<', 'N']) {
            return (!exists(word)).then_some("file");
        }
        if word.starts_with("flowsentry_") && ENDINGS_OF_METRICS.iter().any(|ending| word.ends_with(ending)) {
            return (!self.metrics.contains(&format!("\"{word}\""))).then_some("metric");
        }
        let (section, key) = word.split_once('.')?;
        let is_option = self.sections.contains(section)
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.')
            && !["rs", "md", "toml", "sql", "safetensors", "columns."].iter().any(|other| key.starts_with(other));
        (is_option && !self.options.contains(word)).then_some("option")
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || "_./*<>-".contains(c)))
        .map(|word| word.trim_end_matches(['.', '-', '/']))
        .filter(|word| !word.is_empty())
}

#[test]
fn a_guide_that_names_what_is_not_there_is_found() {
    let settings = "[window]\n# A comment = no key\nlength = \"30s\"\n[source.columns]\n";
    let known = Known::new("X: Counter = \"flowsentry_polls_total\"".to_owned(), settings);
    let check = |line: &str, expected: &[&str]| assert_eq!(known.unknown_words("GUIDE.md", line), expected, "{line}");
    check("`flowsentry_polls_total` and `window.length = \"10s\"` in `src/lib.rs`.", &[]);
    check("`flowsentry_poll_total`", &["GUIDE.md:1: there is no metric flowsentry_poll_total"]);
    check("--set window.size=10s", &["GUIDE.md:1: there is no option window.size"]);
    check(
        "\n[`src/nowhere.rs`](src/nowhere.rs)",
        &["GUIDE.md:2: there is no file src/nowhere.rs", "GUIDE.md:2: there is no file src/nowhere.rs"],
    );
    check("source.columns.id=nr, `tests/house.rs`, bench/NAME.rs", &[]);
}
