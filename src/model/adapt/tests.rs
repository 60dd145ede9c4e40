//! What is added is learnt, and what was known stays.

use super::super::Model;
use super::super::file::tests::model_file;
use super::*;
use crate::verdict::features::Matrix;

/// `packets`, and a share of RST of 0; the parent takes four packets and more for a flood.
fn rows(packets: &[f32], class: u16) -> Rows {
    Rows {
        values: packets.iter().flat_map(|&packets| [packets, 0.0]).collect(),
        classes: vec![class; packets.len()],
        captures: vec![0; packets.len()],
    }
}

fn ddos(file: &ModelFile, packets: f32) -> f32 {
    let model = Model::new(file).unwrap();
    model.probabilities(&Matrix { columns: 2, values: vec![packets, 0.0] }).unwrap()[1]
}

fn adapted(added: &Rows, remembered: &Rows, validation: &Rows, options: &Options) -> Adapted {
    let mut epochs = Vec::new();
    let lessons = Lessons { added, remembered, validation };
    let adapted = adapt(&model_file(), options, lessons, |epoch| epochs.push(epoch)).unwrap();
    assert_eq!(epochs, (1..=options.epochs).collect::<Vec<_>>());
    adapted
}

#[test]
fn what_is_added_is_learnt_and_the_rest_remembered() {
    let parent = model_file();
    let (few, many) = (4.0, 1e6);
    let none = Rows::default();
    let options = Options { learning_rate: 0.01, ..Options::default() };
    let forgetful = adapted(&rows(&[few], 0), &none, &none, &options).file;
    let mindful = adapted(&rows(&[few], 0), &rows(&[many], 1), &none, &options).file;
    assert!(ddos(&parent, few) > 0.5 && ddos(&forgetful, few) < 0.3 && ddos(&mindful, few) < 0.3);
    let lost = |file| (ddos(file, many) - ddos(&parent, many)).abs();
    assert!(lost(&mindful) < lost(&forgetful) / 2.0, "{} {}", lost(&mindful), lost(&forgetful));
    assert_eq!(mindful.description.inputs, parent.description.inputs);
    assert_eq!(mindful.description.thresholds, parent.description.thresholds);
}

#[test]
fn a_spring_holds_the_weights() {
    let none = Rows::default();
    let moved = |pull| {
        let options = Options { learning_rate: 0.01, pull, ..Options::default() };
        let file = adapted(&rows(&[4.0], 0), &none, &none, &options).file;
        let pairs = file.layers.iter().zip(model_file().layers);
        pairs
            .flat_map(|(now, then)| now.weights.clone().into_iter().zip(then.weights))
            .map(|(a, b)| (a - b).abs())
            .sum()
    };
    let (loose, tight): (f32, f32) = (moved(0.0), moved(1.0));
    assert!(tight < loose / 2.0, "{tight} {loose}");
}

#[test]
fn a_mistake_is_not_remembered() {
    let none = Rows::default();
    let alone = adapted(&rows(&[4.0], 0), &none, &none, &Options::default());
    // Called Normal by the parent, and labelled DDoS: nothing to keep.
    assert_eq!(adapted(&rows(&[4.0], 0), &rows(&[0.0], 1), &none, &Options::default()), alone);
}

#[test]
fn where_no_epoch_is_better_the_parent_is_kept() {
    let options = Options { epochs: 3, ..Options::default() };
    let (wrong, right) = (rows(&[4.0], 0), rows(&[4.0], 1));
    let kept = adapted(&wrong, &Rows::default(), &right, &options);
    assert_eq!((kept.epoch, kept.file.layers), (0, model_file().layers));
    assert!(adapted(&right, &Rows::default(), &right, &options).epoch > 0);
    assert_eq!(adapted(&wrong, &Rows::default(), &Rows::default(), &options).epoch, 3);
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let octets = |seed| {
        let options = Options { seed, epochs: 2, ..Options::default() };
        adapted(&rows(&[4.0], 0), &rows(&[1e6], 1), &Rows::default(), &options).file.to_bytes().unwrap()
    };
    assert_eq!(octets(1), octets(1));
    assert_ne!(octets(1), octets(2));
}
