//! What the shipped model learns from the corpus, and from what: the choices, each with its reason, in one place.
//!
//! They were made by leaving collections out of the training and validation splits in turn, and by the validation split;
//! never by the test split.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::calibrate;
use super::corpus::{Corpus, CorpusError, LABELS, LabelledPacket, Split, hexadecimal};
use super::examples::{self, Cutting, Examples};
use super::labelled::{Cuts, Labelled};
use crate::model::ModelFile;
use crate::model::train::{self, Epoch, Naming, Options, TrainError};
use crate::verdict::features::{Features, UnknownFeatures, catalogue};

/// Windows of the service at its defaults: a model holds for the length that it learnt.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Windows are cut anew this many times, shifted evenly over their length: twenty minutes of one attacker are only forty
/// windows, and no window of the service begins where an attack does.
const PHASES: u32 = 8;

/// How much of a window was seen: open windows are judged too, and a capture begins where it likes.
const PREFIXES: [Duration; 5] =
    [WINDOW, Duration::from_secs(10), Duration::from_secs(5), Duration::from_secs(2), Duration::from_secs(1)];

/// Most flows of one label that a window gives: those of a spoofed flood look the same.
const FLOWS_OF_A_WINDOW_MAX: usize = 60;

/// Labels that are not learnt: what was learnt of them in some collections did not hold in others.
const LABELS_LEFT_OUT: [&str; 2] = ["Slowloris", "C2 Beacon"];

/// Features that are not learnt.
const FEATURES_LEFT_OUT: [&str; 16] = [
    // The clocks of some captures are compressed; counts a window and packets an active second say nearly the same.
    "packet_per_sec",
    "byte_per_sec",
    "duration",
    // Others say the same: the deviation of lengths, SYN with and without ACK, ports of either side, destinations.
    "length_sum_of_squares",
    "connection_attempts",
    "unique_ports",
    "source_flows",
    "source_flows_per_destination",
    // One packet with a flag sets these for good; counts and shares of the flags that matter say it by degrees.
    "tcp_flag_ack",
    "tcp_flag_cwr",
    "tcp_flag_ece",
    "tcp_flag_fin",
    "tcp_flag_psh",
    "tcp_flag_rst",
    "tcp_flag_syn",
    "tcp_flag_urg",
];

/// Learning failed.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The recipe names a feature that the catalogue lacks.
    #[error(transparent)]
    Features(#[from] UnknownFeatures),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// What learning is doing.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A capture was read.
    Capture {
        /// Captures read.
        done: usize,
        /// Captures of the training and validation splits.
        of: usize,
    },
    /// An epoch ended.
    Epoch {
        /// How it went.
        epoch: Epoch,
        /// Epochs run, of the model and of those that its thresholds are chosen by.
        done: usize,
        /// Most epochs.
        of: usize,
    },
}

/// The labels that are learnt, Normal first.
pub fn classes() -> Vec<String> {
    LABELS.iter().filter(|label| !LABELS_LEFT_OUT.contains(label)).map(|label| (*label).to_owned()).collect()
}

/// The features that are learnt, in the catalogue's order.
pub fn features() -> Vec<String> {
    let names = catalogue().into_iter().map(|feature| feature.name);
    names.filter(|name| !FEATURES_LEFT_OUT.contains(&name.as_str())).collect()
}

/// Learns from the training split, chooses by the validation split.
///
/// # Errors
/// [`LearnError`] if a capture cannot be read or a class has no flows.
pub fn learn(corpus: &Corpus, options: &Options, mut tell: impl FnMut(Progress)) -> Result<ModelFile, LearnError> {
    let (names, classes) = (features(), classes());
    let features = Features::resolve(&names)?;
    let of = corpus.captures(Split::Train)?.len() + corpus.captures(Split::Validation)?.len();
    let mut done = 0;
    let mut count = || {
        done += 1;
        tell(Progress::Capture { done, of });
    };
    let cuts =
        |phases| Cuts { window: WINDOW, phases, prefixes: &PREFIXES, flows_of_a_window_max: FLOWS_OF_A_WINDOW_MAX };
    let training = Labelled::read(corpus, Split::Train, &features, &classes, cuts(PHASES), &mut count)?;
    let validation = Labelled::read(corpus, Split::Validation, &features, &classes, cuts(1), &mut count)?;
    let fingerprint = fingerprint(corpus, options, &names, &classes)?;
    let version = format!("{}-{}", env!("CARGO_PKG_VERSION"), &fingerprint[..8]);
    let naming = Naming { features: &names, classes: &classes, fingerprint, version };
    let of = options.epochs * (1 + calibrate::PARTS);
    let mut done = 0;
    let mut count = |epoch| {
        done += 1;
        tell(Progress::Epoch { epoch, done, of });
    };
    let mut file = train::train(options, &naming, &training.rows(), &validation.rows(), &mut count)?;
    file.description.thresholds = calibrate::thresholds(options, &naming, &training, &validation, &mut count)?;
    Ok(file)
}

/// Another corpus, other options or another recipe give another.
fn fingerprint(
    corpus: &Corpus,
    options: &Options,
    features: &[String],
    classes: &[String],
) -> Result<String, CorpusError> {
    let mut hasher = Sha256::new();
    hasher.update(corpus.fingerprint(&[Split::Train, Split::Validation])?);
    hasher.update(format!("{options:?} {PHASES} {PREFIXES:?} {FLOWS_OF_A_WINDOW_MAX} {features:?} {classes:?}"));
    Ok(hexadecimal(&hasher.finalize()))
}

/// The examples that a capture of the training split gives to learn from.
pub fn training_examples(features: &Features, packets: &[LabelledPacket]) -> Examples {
    let mut examples = Examples::new(features.len());
    for phase in 0..PHASES {
        for prefix in PREFIXES {
            let cutting = Cutting { window: WINDOW, shift: WINDOW * phase / PHASES, prefix };
            examples::append(&mut examples, features, packets, cutting, FLOWS_OF_A_WINDOW_MAX);
        }
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_exists() {
        let known: Vec<String> = catalogue().into_iter().map(|feature| feature.name).collect();
        for name in FEATURES_LEFT_OUT {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
        assert_eq!(features().len() + FEATURES_LEFT_OUT.len(), known.len());
        assert_eq!(classes().len() + LABELS_LEFT_OUT.len(), LABELS.len());
        assert_eq!(classes()[0], "Normal");
    }
}
