//! The house rules that no compiler checks: which room may import which, what pure rooms never touch, how long a file may
//! be, and that the guides name only what exists. STYLE of the house: `packets → flows → verdicts → rows`, one direction.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)] // a test that cannot start has failed

#[path = "house/guides.rs"]
mod guides;
#[path = "house/rooms.rs"]
mod rooms;
#[path = "house/source.rs"]
mod source;

use source::{Source, sources};

/// Nine files in ten stay below this; past it a file has more than one job.
const LINES_MAX: usize = 450;

#[test]
fn no_file_is_too_long() {
    let mut found = Vec::new();
    for file in ["src", "tests", "bench"].into_iter().flat_map(sources) {
        found.extend(too_long(&file));
    }
    assert_none(&found);
}

fn too_long(file: &Source) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > LINES_MAX)
        .then(|| format!("{}: {lines} lines, {LINES_MAX} at most: give its second job a file of its own", file.path))
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let file = |lines: usize| Source { path: "src/long.rs".to_owned(), text: "//\n".repeat(lines) };
    assert_eq!(too_long(&file(LINES_MAX)), None);
    assert!(too_long(&file(LINES_MAX + 1)).unwrap().starts_with("src/long.rs: 451 lines, 450 at most"));
}

#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
