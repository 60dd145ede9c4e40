//! Pages of the guide that are written from the program are what it writes.

use std::fs;
use std::path::Path;

use super::Cli;

#[test]
fn the_references_are_of_this_program() {
    for page in ["settings", "metrics"] {
        let ended = Cli::new().run(&["reference", page]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        let file = format!("docs/{page}.md");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
        assert!(ended.out == text, "run: cargo run -- reference {page} > {file}");
    }
}

#[test]
fn every_setting_and_every_metric_is_on_its_page() {
    let page = |name: &str| Cli::new().run(&["reference", name]).out;
    let settings: serde_json::Value = serde_json::from_str(&Cli::new().run(&["config", "--json"]).out).unwrap();
    let reference = page("settings");
    let missing = |name: &&String| !reference.contains(&format!("| `{name}` | "));
    assert_eq!(settings.as_object().unwrap().keys().find(missing), None);
    let reference = page("metrics");
    for metric in flowsentry::telemetry::metrics::ALL {
        assert!(reference.contains(&format!("| `{}` | ", metric.name)), "{}", metric.name);
    }
}
