//! Made-up traffic on which a model rehearses what it knows.

use std::time::Duration;

use crate::model::adapt::Rows;
use crate::model::random::Random;
use crate::training::examples::{self, Cutting, Examples};
use crate::training::recipe;
use crate::training::synthesis;
use crate::verdict::features::Features;

/// Captures of each kind of traffic.
const CAPTURES_OF_A_DOING: usize = 3;

/// Most packets of one: the first of a flood are as good as all.
const PACKETS_MAX: usize = 3_000;

/// How much of a window was seen: open windows are judged too.
const PREFIXES: [Duration; 2] = [recipe::WINDOW, Duration::from_secs(3)];

/// Most flows of one label that a window gives.
const FLOWS_OF_A_WINDOW_MAX: usize = 20;

/// How many captures are made up.
pub fn captures() -> usize {
    synthesis::doings().count() * CAPTURES_OF_A_DOING
}

/// The rows; captures of one kind count as one. Labels that are no classes are left out.
pub fn rows(features: &Features, classes: &[String], seed: u64, count: &mut dyn FnMut()) -> Rows {
    let mut rows = Rows::default();
    let mut random = Random::new(seed);
    for (number, doing) in (0u32..).zip(synthesis::doings()) {
        for _ in 0..CAPTURES_OF_A_DOING {
            let mut packets = synthesis::capture(doing, random.below(usize::MAX) as u64);
            packets.truncate(PACKETS_MAX);
            let mut examples = Examples::new(features.len());
            for prefix in PREFIXES {
                let cutting = Cutting { window: recipe::WINDOW, shift: Duration::ZERO, prefix };
                examples::append(&mut examples, features, &packets, cutting, FLOWS_OF_A_WINDOW_MAX);
            }
            for (row, example) in examples.rows.iter().enumerate() {
                let Some(class) = classes.iter().position(|class| class == example.label.name()) else { continue };
                rows.values.extend_from_slice(examples.features(row));
                rows.classes.push(u16::try_from(class).unwrap_or(u16::MAX));
                rows.captures.push(number);
            }
            count();
        }
    }
    rows
}
