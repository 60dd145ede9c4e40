//! `flowsentry model`: what a person meets who looks at model files, switches and rolls back.

use std::fs;

use serde_json::{Value, json};

use super::{Cli, models};

const IN_USE: &str = "models/flowsentry.safetensors";

/// Two models: of versions one, in use, and two, in a file of that name.
fn cli() -> Cli {
    let cli = Cli::new();
    fs::create_dir(cli.path().join("models")).unwrap();
    fs::write(cli.path().join(IN_USE), models::model("one", 3, ["Normal", "DDoS"])).unwrap();
    fs::write(cli.path().join("two"), models::model("two", 6, ["Normal", "Slowloris"])).unwrap();
    cli
}

/// Versions in use, before it, and of the candidate.
fn versions(cli: &Cli) -> [String; 3] {
    let ended = cli.run(&["model", "list", "--json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let page: Value = serde_json::from_str(&ended.out).unwrap();
    ["in_use", "before", "candidate"].map(|place| page[place]["version"].as_str().unwrap_or("none").to_owned())
}

#[test]
fn a_switch_says_what_changed_and_a_rollback_undoes_it() {
    let cli = cli();
    let ended = cli.run(&["model", "switch", "two"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert_eq!(
        ended.out,
        "models/flowsentry.safetensors\n\
         \x20 before    \"one\", trained on fingerprint , 1 features, Normal, DDoS\n\
         \x20 now       \"two\", trained on fingerprint , 1 features, Normal, Slowloris\n\
         \x20 classes   +Slowloris, -DDoS\n\
         \x20 kept      models/flowsentry.safetensors.previous; flowsentry model rollback puts it back\n\
         A running service looks every 2s, takes it over with the next packets, and says so in its log.\n"
    );
    assert_eq!(versions(&cli), ["two", "one", "none"]);
    let again = cli.run(&["model", "switch", "two"]);
    assert_eq!(again.code, Some(0));
    assert!(again.out.contains("in use already: nothing was changed"), "{}", again.out);
    assert_eq!(versions(&cli), ["two", "one", "none"]);
    let back: Value = serde_json::from_str(&cli.run(&["model", "rollback", "--json"]).out).unwrap();
    assert_eq!(
        (&back["changed"], &back["now"]["version"], &back["before"]["version"]),
        (&json!(true), &json!("one"), &json!("two"))
    );
    assert_eq!(versions(&cli), ["one", "two", "none"]);
}

#[test]
fn the_candidate_can_be_put_in_use_without_naming_it() {
    let cli = cli().file("pipeline.toml", "[model]\ncandidate = \"two\"\n");
    assert_eq!(versions(&cli), ["one", "none", "two"]);
    assert_eq!(cli.run(&["model", "switch"]).code, Some(0));
    assert_eq!(versions(&cli), ["two", "one", "two"]);
    let ended = cli.run(&["model", "switch", "--set", "model.candidate="]);
    assert_eq!(ended.code, Some(64));
    assert!(ended.err.contains("hint: name the file: flowsentry model switch FILE"), "{}", ended.err);
}

#[test]
fn a_file_is_shown_and_what_is_no_model_is_refused_with_65() {
    let cli = cli().file("broken", "no model");
    let ended = cli.run(&["model", "show", "two"]);
    assert_eq!(ended.code, Some(0));
    for part in
        ["version      \"two\"", "classes      Normal, Slowloris", "features     1: packet_count", "golden rows  2"]
    {
        assert!(ended.out.contains(part), "{part}\n{}", ended.out);
    }
    let shown: Value = serde_json::from_str(&cli.run(&["model", "show", "--json"]).out).unwrap();
    assert_eq!((&shown["version"], &shown["training_fingerprint"]), (&json!("one"), &json!("fingerprint of one")));
    for arguments in [["model", "show", "broken"], ["model", "switch", "broken"], ["model", "switch", "absent"]] {
        let ended = cli.run(&arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(65), ""), "{arguments:?}");
        let first = format!("error: model file {} cannot be used\n  cause: ", arguments[2]);
        assert!(ended.err.starts_with(&first) && ended.err.contains("\n  hint: "), "{}", ended.err);
    }
    assert_eq!(versions(&cli), ["one", "none", "none"]);
    let ended = cli.run(&["model", "rollback"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(78), ""));
    assert!(ended.err.starts_with("error: there is no model before the one in use: models/"), "{}", ended.err);
}

#[test]
fn a_broken_model_in_use_is_listed_as_such_and_can_be_replaced() {
    let cli = cli().file(IN_USE, "no model");
    let ended = cli.run(&["model", "list"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.out.starts_with("in use     model file models/flowsentry.safetensors cannot be used: "),
        "{}",
        ended.out
    );
    let ended = cli.run(&["model", "switch", "two"]);
    assert!(ended.out.contains("before    not kept: model file"), "{}", ended.out);
    assert_eq!(versions(&cli), ["two", "none", "none"]);
    let ended = cli.run(&["model", "switch", "two", "--set", "model.path=nowhere/model"]);
    assert_eq!(ended.code, Some(78));
    assert!(ended.err.contains("nowhere cannot be written"), "{}", ended.err);
}

#[test]
fn the_reference_of_the_features_is_of_this_program_and_of_the_shipped_model() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join(IN_USE);
    let ended = Cli::new().run(&["model", "features", model.to_str().unwrap()]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let page = fs::read_to_string(root.join("docs/features.md")).unwrap();
    assert!(ended.out == page, "run: cargo run -- model features > docs/features.md");
}

#[test]
fn features_are_told_with_how_the_model_takes_them() {
    let told: Value = serde_json::from_str(&cli().run(&["model", "features", "--json"]).out).unwrap();
    let feature = |name: &str| told.as_array().unwrap().iter().find(|feature| feature["name"] == name).unwrap();
    assert_eq!(
        feature("packet_count"),
        &json!({
            "name": "packet_count", "unit": "packets", "doc": "Packets of the flow in the window.",
            "family": "Statistics", "column": true, "transform": "none",
        })
    );
    assert_eq!((&feature("dns_names")["transform"], &feature("dns_names")["column"]), (&Value::Null, &json!(false)));
    assert_eq!(feature("share_of_source")["family"], "Ratios");
}
