//! What an adapted model is called, and when there is none. What it learns is tested in `model::adapt` and through the binary.

use super::*;
use crate::model::model_file;
use crate::training::kit;

#[test]
fn a_version_names_the_first_parent_and_the_fingerprint_all_of_them() {
    let check = |version: &str, expected: &str| {
        let mut parent = model_file();
        version.clone_into(&mut parent.description.version);
        let mut file = parent.clone();
        name(&mut file, &parent, "0123456789abcdef");
        assert_eq!(file.description.version, expected);
        assert_eq!(file.description.training_fingerprint, "0123abcd+0123456789abcdef");
        ModelFile::parse(&file.to_bytes().unwrap()).unwrap();
    };
    check("1.2.3-b65e1c35", "1.2.3-b65e1c35+01234567");
    check("1.2.3-b65e1c35+fedcba98", "1.2.3-b65e1c35+01234567");
    check(&"v".repeat(64), &format!("{}+01234567", "v".repeat(55)));
    check(&"ß".repeat(32), &format!("{}+01234567", "ß".repeat(27)));
}

#[test]
fn what_is_added_tells_a_fingerprint_from_others() {
    let directory = tempfile::tempdir().unwrap();
    kit::write_corpus(directory.path());
    let added = Corpus::open(directory.path()).unwrap();
    let of = |parent: &ModelFile, options: &Options| fingerprint(parent, &added, options).unwrap();
    let once = of(&model_file(), &Options::default());
    assert_eq!(of(&model_file(), &Options::default()), once);
    assert_ne!(of(&model_file(), &Options { seed: 2, ..Options::default() }), once);
    let mut other = model_file();
    other.layers[0].bias[0] = 0.5;
    assert_ne!(of(&other, &Options::default()), once);
    kit::write_packets(&directory.path().join("packets/ddos-0.parquet"), &[]);
    assert_ne!(of(&model_file(), &Options::default()), once);
}

#[test]
fn what_is_missing_is_said() {
    let directory = tempfile::tempdir().unwrap();
    kit::write_corpus(directory.path());
    let check = |splits: &str, expected: &str| {
        std::fs::write(directory.path().join("splits.json"), splits).unwrap();
        let added = Corpus::open(directory.path()).unwrap();
        let error = adapt(&model_file(), &added, &Options::default(), |_| {}).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(r#"{ "test": ["ddos-0"] }"#, "splits.json names no capture");
    check(
        r#"{ "train": ["brute-force-0"] }"#,
        "capture brute-force-0 is labelled Brute Force, which is no class of the model 1-test",
    );
    kit::write_packets(&directory.path().join("packets/ddos-0.parquet"), &[]);
    check(r#"{ "train": ["ddos-0"] }"#, "the captures of the train split hold no packets: ddos-0");
}

#[test]
fn all_labels_are_remembered_and_every_kind_of_traffic_is_counted() {
    let features = Features::resolve(&["packet_count".to_owned()]).unwrap();
    let classes = ["Normal", "DDoS", "Port Scanning"].map(str::to_owned);
    let mut counted = 0;
    let rows = memory::rows(&features, &classes, 1, &mut || counted += 1);
    assert_eq!(counted, memory::captures());
    assert_eq!(rows.values.len(), rows.classes.len());
    (0..3).for_each(|class| assert!(rows.classes.contains(&class), "{class}"));
}
