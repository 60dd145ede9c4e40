//! The rows that a model learns from: recorded captures, attacks laid over other captures, and made-up traffic, each cut at
//! several phases and seen through for several times, with class and origin of each row.

use std::time::Duration;

use super::corpus::{Capture, Corpus, CorpusError, Label, LabelledPacket, Split};
use super::examples::{self, Cutting, Example, Examples};
use super::overlay;
use super::synthesis;
use crate::model::random::Random;
use crate::model::train::{Place, Rows};
use crate::verdict::features::Features;

/// How captures are cut into rows.
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

/// How a capture came to be. They are drawn from in these proportions, so far as a class has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// On a wire, as it is.
    Recorded,
    /// An attack over other ordinary traffic.
    Laid,
    /// By mechanism.
    MadeUp,
}

impl Kind {
    /// Its share, beside those of the others.
    fn share(self) -> f32 {
        match self {
            Self::Recorded | Self::MadeUp => 1.0,
            Self::Laid => 0.5,
        }
    }
}

/// What is known of a capture.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The collection's name.
    pub collection: String,
    /// The collection of the traffic that it was laid over.
    pub background: Option<String>,
    /// How it came to be.
    pub kind: Kind,
    /// Whether nothing hostile is in it.
    pub is_benign: bool,
    /// Time from its first packet to its last; at least one window.
    pub duration: Duration,
}

/// Rows to learn from. Only those whose label is a class, and that show what it says.
#[derive(Debug)]
pub struct Labelled<'a> {
    features: &'a Features,
    classes: &'a [String],
    window: Duration,
    /// Row-major.
    pub values: Vec<f32>,
    /// Class of each row.
    pub classes_of_rows: Vec<u16>,
    /// Capture of each row: a place in `captures`.
    pub captures_of_rows: Vec<u32>,
    /// Whether the row is cut as the service cuts: no shift, whole windows.
    pub as_served: Vec<bool>,
    /// The captures.
    pub captures: Vec<Origin>,
    /// Where each capture's rows are drawn from.
    places: Vec<Place>,
}

impl<'a> Labelled<'a> {
    /// No rows yet.
    pub fn new(features: &'a Features, classes: &'a [String], window: Duration) -> Self {
        Self {
            features,
            classes,
            window,
            values: Vec::new(),
            classes_of_rows: Vec::new(),
            captures_of_rows: Vec::new(),
            as_served: Vec::new(),
            captures: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Adds the captures of some splits and attacks of theirs laid over ordinary traffic of theirs, `laid` times each.
    /// `count` is told of every capture; rows of which `is_doubtful` holds are left out.
    ///
    /// # Errors
    /// [`CorpusError`] if a capture cannot be read.
    pub fn read(
        &mut self,
        corpus: &Corpus,
        splits: &[Split],
        cuts: Cuts<'_>,
        laid: Laid<'_>,
        is_doubtful: impl Fn(&Capture, &Example) -> bool,
        count: &mut dyn FnMut(),
    ) -> Result<(), CorpusError> {
        let mut attacks = Vec::new();
        let mut ordinary = Vec::new();
        for split in splits {
            for capture in corpus.captures(*split)? {
                let mut packets = corpus.packets(capture)?;
                self.begin(capture.source(), None, Kind::Recorded, capture.is_benign(), &packets);
                self.cut(&packets, cuts, |example| is_doubtful(capture, example));
                packets.truncate(laid.packets_max);
                if capture.is_benign() {
                    ordinary.push((capture.source(), packets));
                } else {
                    attacks.push((capture.source(), packets));
                }
                count();
            }
        }
        let mut random = Random::new(laid.seed);
        for (collection, attack) in &attacks {
            let others: Vec<_> = ordinary.iter().filter(|(background, _)| background != collection).collect();
            for _ in 0..if others.is_empty() { 0 } else { laid.times } {
                let (background, packets) = others[random.below(others.len())];
                let packets = overlay::lay(attack, packets, &mut random);
                self.begin(collection, Some(background), Kind::Laid, false, &packets);
                self.cut(&packets, laid.cuts, |_| false);
            }
        }
        Ok(())
    }

    /// Adds made-up traffic: `seeds` captures of each doing.
    pub fn make_up(&mut self, seeds: u64, cuts: Cuts<'_>) {
        for doing in synthesis::doings() {
            for seed in 0..seeds {
                let packets = synthesis::capture(doing, seed);
                self.begin(doing.name, None, Kind::MadeUp, doing.label == Label::NORMAL.name(), &packets);
                self.cut(&packets, cuts, |_| false);
            }
        }
    }

    fn begin(
        &mut self,
        collection: &str,
        background: Option<&str>,
        kind: Kind,
        is_benign: bool,
        packets: &[LabelledPacket],
    ) {
        let time = |at: Option<&LabelledPacket>| at.map(|labelled| labelled.packet.time);
        let span = time(packets.last()).zip(time(packets.first())).map(|(last, first)| last.since(first));
        let known = self.captures.iter().position(|known| known.collection == collection && known.kind == kind);
        let place = Place {
            collection: known.map_or_else(|| number(self.captures.len()), |known| self.places[known].collection),
            group: kind as u8,
            share: kind.share(),
        };
        self.places.push(place);
        self.captures.push(Origin {
            collection: collection.to_owned(),
            background: background.map(str::to_owned),
            kind,
            is_benign,
            duration: span.unwrap_or_default().max(self.window),
        });
    }

    /// Rows of the capture that was begun last.
    fn cut(&mut self, packets: &[LabelledPacket], cuts: Cuts<'_>, is_doubtful: impl Fn(&Example) -> bool) {
        let Some(origin) = self.captures.last() else { return };
        let (is_benign, kind) = (origin.is_benign, origin.kind);
        for phase in 0..cuts.phases {
            for prefix in cuts.prefixes {
                let shift = cuts.window * phase / cuts.phases;
                let as_served = phase == 0 && *prefix == cuts.window && kind == Kind::Recorded;
                // False alarms are counted on what the service sees: all of it.
                let most = if as_served && is_benign { usize::MAX } else { cuts.flows_of_a_window_max };
                let mut examples = Examples::new(self.features.len());
                let cutting = Cutting { window: cuts.window, shift, prefix: *prefix };
                examples::append(&mut examples, self.features, packets, cutting, most);
                self.take(&examples, as_served, &is_doubtful);
            }
        }
    }

    fn take(&mut self, examples: &Examples, as_served: bool, is_doubtful: &impl Fn(&Example) -> bool) {
        let capture = number(self.captures.len() - 1);
        for (row, example) in examples.rows.iter().enumerate() {
            let Some(class) = class_of(example.label, self.classes) else { continue };
            if !example.shows || is_doubtful(example) {
                continue;
            }
            self.values.extend_from_slice(examples.features(row));
            self.classes_of_rows.push(class);
            self.captures_of_rows.push(capture);
            self.as_served.push(as_served);
        }
    }

    /// As training takes them.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            values: &self.values,
            classes: &self.classes_of_rows,
            captures: &self.captures_of_rows,
            places: &self.places,
        }
    }

    /// Where a row is from.
    pub fn origin(&self, row: usize) -> &Origin {
        &self.captures[self.captures_of_rows[row] as usize]
    }

    /// The rows that a condition holds for.
    #[must_use]
    pub fn only(&self, condition: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.classes_of_rows.len()).filter(|&row| condition(row)).collect();
        let columns = self.features.len();
        let values = |row: usize| &self.values[row * columns..(row + 1) * columns];
        Self {
            features: self.features,
            classes: self.classes,
            window: self.window,
            values: kept.iter().flat_map(|&row| values(row).iter().copied()).collect(),
            classes_of_rows: kept.iter().map(|&row| self.classes_of_rows[row]).collect(),
            captures_of_rows: kept.iter().map(|&row| self.captures_of_rows[row]).collect(),
            as_served: kept.iter().map(|&row| self.as_served[row]).collect(),
            captures: self.captures.clone(),
            places: self.places.clone(),
        }
    }
}

/// How attacks are laid over ordinary traffic.
#[derive(Clone, Copy, Debug)]
pub struct Laid<'a> {
    /// So often each.
    pub times: usize,
    /// Of what is laid over what, where and when.
    pub seed: u64,
    /// Packets of a capture that are used.
    pub packets_max: usize,
    /// How it is cut.
    pub cuts: Cuts<'a>,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn class_of(label: Label, classes: &[String]) -> Option<u16> {
    classes.iter().position(|class| class == label.name()).and_then(|index| u16::try_from(index).ok())
}
