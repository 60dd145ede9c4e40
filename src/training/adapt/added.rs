//! The rows of a site's own captures.

use super::AdaptError;
use crate::model::Description;
use crate::model::adapt::Rows;
use crate::training::corpus::{Corpus, Split};
use crate::training::recipe;
use crate::verdict::features::Features;

/// Cut as the shipped model's training captures are; `count` is told of every capture.
pub fn rows(
    corpus: &Corpus,
    split: Split,
    features: &Features,
    parent: &Description,
    count: &mut dyn FnMut(),
) -> Result<Rows, AdaptError> {
    let mut rows = Rows::default();
    let captures = corpus.captures(split)?;
    for (number, capture) in (0u32..).zip(&captures) {
        let examples = recipe::training_examples(features, &corpus.packets(capture)?);
        for example in &examples.rows {
            let label = example.label.name();
            let class = parent.classes.iter().position(|class| class == label);
            let class = class.ok_or_else(|| AdaptError::NoClass {
                capture: capture.id.clone(),
                label,
                version: parent.version.clone(),
                classes: parent.classes.join(", "),
            })?;
            rows.classes.push(u16::try_from(class).unwrap_or(u16::MAX));
            rows.captures.push(number);
        }
        rows.values.extend_from_slice(&examples.matrix.values);
        count();
    }
    if rows.is_empty() && !captures.is_empty() {
        let ids: Vec<&str> = captures.iter().map(|capture| capture.id.as_str()).collect();
        return Err(AdaptError::NoPackets { split: split.name(), captures: ids.join(", ") });
    }
    Ok(rows)
}
