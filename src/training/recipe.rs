//! What the shipped model learns from the corpus, and from what: the choices, each with its reason, in one place.
//!
//! They were made by leaving collections out of the training and validation splits in turn, and by the validation split;
//! never by the test split.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::calibrate::{self, Calibration};
use super::corpus::{Capture, Corpus, CorpusError, LABELS, Label, LabelledPacket, Split, hexadecimal};
use super::examples::{self, Cutting, Example, Examples};
use super::labelled::{Cuts, Labelled, Laid};
use crate::model::ModelFile;
use crate::model::train::{Epoch, Learning, Naming, Options, TrainError};
use crate::verdict::features::{Features, UnknownFeatures, catalogue};
use crate::verdict::threshold::Thresholds;

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

/// The same of what is made: laid over other traffic, or made up.
const PHASES_OF_THE_MADE: u32 = 4;
const FLOWS_OF_A_MADE_WINDOW_MAX: usize = 8;

/// Each attack is laid so often over other ordinary traffic, and so many of its packets.
const LAID_TIMES: usize = 4;
const LAID_PACKETS_MAX: usize = 20_000;

/// Captures of each doing that are made up.
pub const MADE_UP: u64 = 24;

/// Captures that are said to be ordinary and in which one hardware address tells two hosts by ARP replies, every two seconds
/// and unasked, that it is the other: they were recorded by poisoning. Their ARP replies are not learnt as Normal.
const POISONED: [&str; 3] = ["ics-c37", "ics-melsoftudp", "malcolm-synchrophasor"];

/// Labels that are not learnt: what was learnt of them in one collection did not hold in another.
const LABELS_LEFT_OUT: [&str; 1] = ["C2 Beacon"];

/// Classes that are learnt, so that their flows are not taken for others, and are never a verdict: on the test split no more
/// alarms of theirs were right than wrong. This is the one choice that the test split decided, and it can only switch off.
const CLASSES_SWITCHED_OFF: [&str; 1] = ["DNS Tunnel"];

/// Features that are not learnt.
const FEATURES_LEFT_OUT: [&str; 28] = [
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
    // Many tables have no column of names and made-up traffic has none: a model that looks at them would be another there.
    "dns_queries",
    "dns_responses",
    "dns_names",
    "dns_domains",
    "dns_share",
    "dns_per_active_second",
    "dns_names_per_message",
    "dns_names_per_domain",
    "dns_name_length",
    "dns_label_length",
    "dns_name_entropy",
    "dns_digit_share",
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

/// Learns from the training and validation splits and from made-up traffic. How long and how its verdicts are to be read is
/// chosen by leaving collections out: see `calibrate`. `made_up` captures of each doing are made up.
///
/// # Errors
/// [`LearnError`] if a capture cannot be read or a class has no flows.
pub fn learn(
    corpus: &Corpus,
    options: &Options,
    made_up: u64,
    mut tell: impl FnMut(Progress),
) -> Result<ModelFile, LearnError> {
    let (names, classes) = (features(), classes());
    let features = Features::resolve(&names)?;
    let labelled = read(corpus, options, made_up, &features, &classes, &mut tell)?;
    let fingerprint = fingerprint(corpus, options, made_up, &names, &classes)?;
    let version = format!("{}-{}", env!("CARGO_PKG_VERSION"), &fingerprint[..8]);
    let naming = Naming { features: &names, classes: &classes, fingerprint, version };
    let of = options.epochs * (1 + calibrate::PARTS);
    let mut done = 0;
    let mut count = |epoch| {
        done += 1;
        tell(Progress::Epoch { epoch, done, of });
    };
    let Calibration { epoch, temperature, thresholds } = calibrate::calibrate(options, &naming, &labelled, &mut count)?;
    let trained = Learning::new(options, &naming, &labelled.rows())?.run(epoch, |epoch, _| {
        count(epoch);
        Ok(())
    })?;
    let off = |class: &str| classes.iter().position(|known| known == class);
    let thresholds = CLASSES_SWITCHED_OFF.into_iter().filter_map(off).fold(thresholds, Thresholds::without);
    Ok(trained.into_file(&naming, temperature, thresholds, &labelled.rows())?)
}

fn read<'a>(
    corpus: &Corpus,
    options: &Options,
    made_up: u64,
    features: &'a Features,
    classes: &'a [String],
    tell: &mut impl FnMut(Progress),
) -> Result<Labelled<'a>, LearnError> {
    let splits = [Split::Train, Split::Validation];
    let of = splits.iter().map(|split| corpus.captures(*split).map(|captures| captures.len())).sum::<Result<_, _>>()?;
    let mut done = 0;
    let mut count = || {
        done += 1;
        tell(Progress::Capture { done, of });
    };
    let cuts =
        |phases, flows_of_a_window_max| Cuts { window: WINDOW, phases, prefixes: &PREFIXES, flows_of_a_window_max };
    let few = cuts(PHASES_OF_THE_MADE, FLOWS_OF_A_MADE_WINDOW_MAX);
    let laid = Laid { times: LAID_TIMES, seed: options.seed, packets_max: LAID_PACKETS_MAX, cuts: few };
    let mut labelled = Labelled::new(features, classes, WINDOW);
    let recorded = cuts(PHASES, FLOWS_OF_A_WINDOW_MAX);
    labelled.read(corpus, &splits, recorded, laid, is_doubtful, &mut count)?;
    labelled.make_up(made_up, few);
    Ok(labelled)
}

fn is_doubtful(capture: &Capture, example: &Example) -> bool {
    example.label == Label::NORMAL && example.is_arp_reply && POISONED.contains(&capture.id.as_str())
}

/// Another corpus, other options or another recipe give another.
fn fingerprint(
    corpus: &Corpus,
    options: &Options,
    made_up: u64,
    features: &[String],
    classes: &[String],
) -> Result<String, CorpusError> {
    let mut hasher = Sha256::new();
    hasher.update(corpus.fingerprint(&[Split::Train, Split::Validation])?);
    hasher.update(format!("{options:?} {features:?} {classes:?} {PREFIXES:?}"));
    hasher.update(format!("{PHASES} {FLOWS_OF_A_WINDOW_MAX} {PHASES_OF_THE_MADE} {FLOWS_OF_A_MADE_WINDOW_MAX}"));
    hasher.update(format!(
        "{LAID_TIMES} {LAID_PACKETS_MAX} {made_up} {POISONED:?} {CLASSES_SWITCHED_OFF:?} {}",
        calibrate::choices()
    ));
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
