//! The rows of a split: every capture cut at several phases and seen through for several times, with class, capture and
//! collection of each row.

use std::time::Duration;

use super::corpus::{Corpus, CorpusError, Label, Split};
use super::examples::{self, Cutting, Examples};
use crate::model::train::Rows;
use crate::verdict::features::Features;

/// How a split is cut into rows.
#[derive(Clone, Copy, Debug)]
pub struct Cuts<'a> {
    /// Length of a window.
    pub window: Duration,
    /// Windows are cut anew this many times, shifted evenly over their length.
    pub phases: u32,
    /// How much of a window was seen: what is judged while it is still open. The first is the whole window.
    pub prefixes: &'a [Duration],
    /// Most flows of one label that a window gives.
    pub flows_of_a_window_max: usize,
}

/// Rows of a split. Only those whose label is a class.
#[derive(Debug, Default)]
pub struct Labelled {
    /// Features a row.
    pub columns: usize,
    /// Row-major.
    pub values: Vec<f32>,
    /// Class of each row.
    pub classes: Vec<u16>,
    /// Capture of each row: a place in `captures`.
    pub captures_of_rows: Vec<u32>,
    /// Collection of each row's capture.
    pub collections: Vec<u32>,
    /// Whether the row is cut as the service cuts: no shift, whole windows.
    pub as_served: Vec<bool>,
    /// The captures.
    pub captures: Vec<Origin>,
}

/// What is known of a capture.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The collection's name.
    pub collection: String,
    /// Whether nothing hostile is in it.
    pub is_benign: bool,
    /// Time from its first packet to its last; at least one window.
    pub duration: Duration,
}

impl Labelled {
    /// Reads a split; `count` is told of every capture.
    ///
    /// # Errors
    /// [`CorpusError`] if a capture cannot be read.
    pub fn read(
        corpus: &Corpus,
        split: Split,
        features: &Features,
        classes: &[String],
        cuts: Cuts<'_>,
        count: &mut dyn FnMut(),
    ) -> Result<Self, CorpusError> {
        let mut labelled = Self { columns: features.len(), ..Self::default() };
        let mut collections = Vec::new();
        for capture in corpus.captures(split)? {
            let packets = corpus.packets(capture)?;
            let time = |at: Option<&super::corpus::LabelledPacket>| at.map(|labelled| labelled.packet.time);
            let span = time(packets.last()).zip(time(packets.first())).map(|(last, first)| last.since(first));
            labelled.captures.push(Origin {
                collection: capture.source().to_owned(),
                is_benign: capture.is_benign(),
                duration: span.unwrap_or_default().max(cuts.window),
            });
            let collection = place_of(&mut collections, capture.source());
            for phase in 0..cuts.phases {
                for prefix in cuts.prefixes {
                    let shift = cuts.window * phase / cuts.phases;
                    let as_served = phase == 0 && *prefix == cuts.window;
                    // False alarms are counted on what the service sees: all of it.
                    let most = if as_served && capture.is_benign() { usize::MAX } else { cuts.flows_of_a_window_max };
                    let mut examples = Examples::new(features.len());
                    let cutting = Cutting { window: cuts.window, shift, prefix: *prefix };
                    examples::append(&mut examples, features, &packets, cutting, most);
                    labelled.take(&examples, classes, collection, as_served);
                }
            }
            count();
        }
        Ok(labelled)
    }

    fn take(&mut self, examples: &Examples, classes: &[String], collection: u32, as_served: bool) {
        let capture = u32::try_from(self.captures.len() - 1).unwrap_or(u32::MAX);
        for (row, example) in examples.rows.iter().enumerate() {
            let Some(class) = class_of(example.label, classes) else { continue };
            self.values.extend_from_slice(examples.features(row));
            self.classes.push(class);
            self.captures_of_rows.push(capture);
            self.collections.push(collection);
            self.as_served.push(as_served);
        }
    }

    /// As training takes them.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            values: &self.values,
            classes: &self.classes,
            captures: &self.captures_of_rows,
            collections: &self.collections,
        }
    }

    /// Where a row is from.
    pub fn origin(&self, row: usize) -> &Origin {
        &self.captures[self.captures_of_rows[row] as usize]
    }

    /// The rows that a condition holds for.
    #[must_use]
    pub fn only(&self, condition: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.classes.len()).filter(|&row| condition(row)).collect();
        Self {
            columns: self.columns,
            values: kept.iter().flat_map(|&row| self.features(row).iter().copied()).collect(),
            classes: kept.iter().map(|&row| self.classes[row]).collect(),
            captures_of_rows: kept.iter().map(|&row| self.captures_of_rows[row]).collect(),
            collections: kept.iter().map(|&row| self.collections[row]).collect(),
            as_served: kept.iter().map(|&row| self.as_served[row]).collect(),
            captures: self.captures.clone(),
        }
    }

    /// One row's features.
    fn features(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

/// The place of a name in a list, where it is put if it is not there.
fn place_of(names: &mut Vec<String>, name: &str) -> u32 {
    let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn class_of(label: Label, classes: &[String]) -> Option<u16> {
    classes.iter().position(|class| class == label.name()).and_then(|index| u16::try_from(index).ok())
}
