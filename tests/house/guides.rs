//! The guides name only what exists: files, metrics, settings.

use std::collections::BTreeSet;

use super::assert_none;
use super::source::{exists, files, text};

/// Beside all pages of the guide, which are in `docs`.
const GUIDES: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
const ENDINGS_OF_METRICS: [&str; 8] =
    ["_total", "_seconds", "_rows", "_ranges", "_ids", "_bytes", "_flows", "_windows"];

#[test]
fn guides_name_only_what_exists() {
    let known = Known::of_this_repository();
    let found: Vec<String> = guides().iter().flat_map(|guide| known.unknown_words(guide, &text(guide))).collect();
    assert_none(&found);
}

#[test]
fn links_between_guides_lead_somewhere() {
    let found: Vec<String> = guides().iter().flat_map(|guide| lost_links(guide, &text(guide))).collect();
    assert_none(&found);
}

#[test]
fn every_page_is_in_the_index_of_the_guide() {
    let index = text("docs/README.md");
    let is_missing = |page: &String| page != "README.md" && !index.contains(&format!("({page})"));
    assert_none(&files("docs", "md").into_iter().filter(is_missing).collect::<Vec<_>>());
}

fn guides() -> Vec<String> {
    let pages = files("docs", "md").into_iter().map(|page| format!("docs/{page}"));
    GUIDES.iter().map(|&guide| guide.to_owned()).chain(pages).collect()
}

/// Links of a guide to files that are not there, or to headings that their page does not have.
fn lost_links(guide: &str, page: &str) -> Vec<String> {
    let directory = guide.rsplit_once('/').map_or("", |(directory, _)| directory);
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let is_lost = |target: &&str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let mut path = if file.is_empty() { guide.to_owned() } else { format!("{directory}/{file}") };
        while let Some((before, rest)) = path.split_once("/../") {
            path = format!("{}{rest}", before.rsplit_once('/').map_or(String::new(), |(up, _)| format!("{up}/")));
        }
        let path = path.trim_start_matches('/');
        !exists(path) || !heading.is_empty() && !text(path).lines().any(|line| anchor(line).as_deref() == Some(heading))
    };
    let is_ours = |target: &&str| !target.contains("://") && !target.contains(' ');
    targets.filter(is_ours).filter(is_lost).map(|target| format!("{guide}: {target} leads nowhere")).collect()
}

/// What a link says for a heading.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let check = |link: &str, is_lost: bool| {
        let found = lost_links("docs/page.md", &format!("[a page]({link})"));
        assert_eq!(!found.is_empty(), is_lost, "{link}: {found:?}");
    };
    check("runbooks.md", false);
    check("runbooks.md#flowsentrydown", false);
    check("../README.md#what-it-is", false);
    check("https://example.com/nowhere", false);
    check("nowhere.md", true);
    check("runbooks.md#nothing", true);
    check("../nowhere.md", true);
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
        let is_path = ["src/", "tests/", "sql/", "bench/", "models/", "docs/", "deploy/", ".ci/", ".config/"]
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
