//! What can be learnt is learnt, and the same seed gives the same file.

use super::*;
use crate::model::Model;
use crate::verdict::features::Matrix;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn options() -> Options {
    Options { epochs: 16, draws: 2_000, batch: 32, hidden: vec![8], ..Options::default() }
}

/// Few packets are normal, many are an attack; the second feature says nothing.
fn rows() -> (Vec<f32>, Vec<u16>, Vec<u32>) {
    let class = |row: u16| u16::from(row.is_multiple_of(3));
    let values = (0..300).flat_map(|row| [f32::from(row % 7 + 1) + 500.0 * f32::from(class(row)), 0.0]).collect();
    (values, (0..300).map(class).collect(), (0..300).map(|row| row / 30).collect())
}

/// Of ten captures, each a collection.
fn places() -> Vec<Place> {
    (0..10).map(|collection| Place { collection, group: 0, share: 1.0 }).collect()
}

fn trained(seed: u64) -> Result<ModelFile, TrainError> {
    let (values, classes, captures) = rows();
    let places = places();
    let rows = Rows { values: &values, classes: &classes, captures: &captures, places: &places };
    let naming = Naming {
        features: &names(&["packet_count", "rst_share"]),
        classes: &names(&["Normal", "DDoS"]),
        fingerprint: "f".to_owned(),
        version: "v".to_owned(),
    };
    let options = Options { seed, ..options() };
    let trained = Learning::new(&options, &naming, &rows)?.run(options.epochs, |_, _| Ok(()))?;
    trained.into_file(&naming, 1.0, Thresholds::default(), &rows)
}

#[test]
fn it_learns_what_can_be_learnt() {
    let file = trained(3).unwrap();
    assert_eq!(file.description.inputs.len(), 1, "the feature that never varies is left out");
    let model = Model::new(&file).unwrap();
    let check = |packets: f32, expected: &str| {
        let verdicts = model.classify(&Matrix { columns: 1, values: vec![packets] }).unwrap();
        assert_eq!(model.classes().label(verdicts[0]), expected, "{packets}");
        assert!(verdicts[0].confidence > 0.8, "{packets}: {verdicts:?}");
    };
    check(1.0, "Normal");
    check(6.0, "Normal");
    check(503.0, "DDoS");
    check(1e9, "DDoS");
}

#[test]
fn what_is_usual_is_the_mean_of_the_first_class() {
    let input = trained(3).unwrap().description.inputs.remove(0);
    // Of the Normal rows: 1 to 7 packets. Of all rows: two in five of an attack of 500 packets more.
    assert!((1.0..1.8).contains(&input.usual.unwrap()), "{input:?}");
    assert!(input.mean > 3.0, "{input:?}");
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let octets = |seed| trained(seed).unwrap().to_bytes().unwrap();
    assert_eq!(octets(1), octets(1));
    assert_ne!(octets(1), octets(2));
}

#[test]
fn a_class_without_rows_is_named() {
    let (values, mut classes, captures) = rows();
    classes.fill(0);
    let places = places();
    let rows = Rows { values: &values, classes: &classes, captures: &captures, places: &places };
    let naming = Naming {
        features: &names(&["packet_count", "rst_share"]),
        classes: &names(&["Normal", "DDoS"]),
        fingerprint: String::new(),
        version: "v".to_owned(),
    };
    let options = options();
    let error = Learning::new(&options, &naming, &rows).err().unwrap();
    assert_eq!(error.to_string(), "class DDoS has no rows to learn from");
}
