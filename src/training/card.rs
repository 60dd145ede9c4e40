//! The card of a model: what it learnt from, how good it is, what it cannot do, and the command that made it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::corpus::{Corpus, CorpusError, Split};
use super::evaluate::{Evaluation, PACKETS_OF_A_FULL_FLOW, PREFIX_SECONDS, Scores};
use super::recipe;
use super::report;
use crate::model::Model;

/// The card as Markdown. `test` are the figures on the test split; `command` made the model.
///
/// # Errors
/// [`CorpusError`] if a capture is not described.
pub fn markdown(model: &Model, corpus: &Corpus, test: &Evaluation, command: &str) -> Result<String, CorpusError> {
    let mut card = Card(String::new());
    card.paragraph(&format!("# The model {}", model.version()));
    card.paragraph(&format!(
        "A multilayer perceptron that says of one flow, which is all packets from one address to another by one protocol \
         in {} seconds, what its source does: {}. Made by",
        recipe::WINDOW.as_secs(),
        model.classes().names().join(", ")
    ));
    card.paragraph(&format!("```\n{command}\n```"));
    card.paragraph(&format!(
        "The same data, options and seed give the same file, octet for octet, on processors with the same vector \
         instructions. Fingerprint of training data and options: `{}`.",
        model.training_fingerprint()
    ));
    card.paragraph(LABELS);
    card.data(corpus)?;
    card.thresholds(model);
    card.figures(test);
    card.captures(test);
    card.paragraph(LIMITS);
    card.features(model);
    Ok(card.0)
}

const LABELS: &str = "## What a label means

A flow's label says what its *source* does. A flow with any packet that the attacking side sent has the attack's name. The \
victim's answers are Normal, though the corpus labels them with the attack: an alarm that names the victim is a fault. In a \
spoofed flood every flow towards the victim is of the attack; what the victim sends back is Normal.";

const LIMITS: &str = "## What it cannot do

- It sees headers and counts of one window, no content and nothing of earlier windows. What an attacker stretches over many \
windows (a scan of one port an hour, a password every minute) looks like anybody's traffic.
- Slowloris and command-and-control beacons are not among its classes: with three captures each, from one or two collections, \
what was learnt of them in one did not hold in another. Their flows get one of the other labels.
- Peer-to-peer traffic, discovery by smart-home devices and monitoring look like scans; many short connections of an honest \
client look like password guessing.
- DNS tunnels were learnt from a handful of recordings; a busy resolver may be taken for one, and a slow tunnel is missed.
- Most attacks were recorded in laboratories of few machines, without loss or delay. Figures on the internet's traffic are \
likely lower than those below.
- While a window is open it judges what there is of it. It was trained on the first 1, 2, 5 and 10 seconds of windows too; \
still, who guesses a password a second cannot be told from who logs in until several guesses were made.
- Thresholds trade attacks that are missed for alarms that are true: what looks like an attack but not surely is Normal with \
a low confidence. Who would rather see all of it looks for those rows.
- Whoever knows the features can shape traffic around them.";

struct Card(String);

impl Card {
    fn paragraph(&mut self, text: &str) {
        let _ = write!(self.0, "{text}\n\n"); // writing to a string cannot fail
    }

    fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        self.0.push_str(&line(&heads));
        self.0.push_str(&line(&vec!["---".to_owned(); heads.len()]));
        rows.into_iter().for_each(|row| self.0.push_str(&line(&row)));
        self.0.push('\n');
    }

    fn data(&mut self, corpus: &Corpus) -> Result<(), CorpusError> {
        self.paragraph(
            "## Data\n\nLabelled captures from public repositories and our own recordings, split by capture: no capture is \
             in two splits, and the test captures of an attack come from other collections than its training captures \
             (but for a few collections of ordinary traffic). Weights learn from `train`; the epoch, the temperature, the \
             features and the classes were chosen by `train` and `validation`; the figures below are of `test`, which \
             nothing was chosen by. Training windows are cut at eight phases, seen whole and for their first seconds, \
             and drawn by class, collection and capture, not by flow.",
        );
        let mut sources = BTreeMap::<(&str, &str), [usize; 3]>::new();
        for (index, split) in [Split::Train, Split::Validation, Split::Test].into_iter().enumerate() {
            for capture in corpus.captures(split)? {
                sources.entry((capture.source(), &capture.licence)).or_default()[index] += 1;
            }
        }
        self.table(
            &["collection", "licence", "train", "validation", "test"],
            sources.into_iter().map(|((source, licence), counts)| {
                [source.to_owned(), licence.to_owned()]
                    .into_iter()
                    .chain(counts.map(|count| count.to_string()))
                    .collect()
            }),
        );
        Ok(())
    }

    fn thresholds(&mut self, model: &Model) {
        if model.thresholds().is_empty() {
            return;
        }
        self.paragraph(
            "## Thresholds\n\nAn attack is the verdict where it is the most probable class and at least as probable as its \
             threshold; what stays below is Normal, with the confidence that Normal then has. Chosen on train and \
             validation: collections of ordinary traffic were left out in turn, and judged by a model that had not seen \
             them. Alarms of one class in one capture counted as one, a threshold leaves all classes together one an hour.",
        );
        let rows = model.classes().names().iter().zip(model.thresholds().values()).skip(1);
        self.table(
            &["class", "threshold"],
            rows.map(|(class, threshold)| vec![class.clone(), format!("{threshold:.3}")]),
        );
    }

    fn figures(&mut self, test: &Evaluation) {
        self.paragraph(
            "## Figures on the test split\n\nOne capture may hold most of a class's flows, so recall is also averaged over \
             the captures that hold the class; F1 is made of that and of the precision over all flows.",
        );
        self.scores("All flows", &test.all);
        self.scores(&format!("Flows of {PACKETS_OF_A_FULL_FLOW} packets and more"), &test.full_flows);
        self.paragraph("Flows by true class (rows) and verdict (columns):");
        let heads: Vec<&str> = std::iter::once("").chain(test.classes.iter().map(String::as_str)).collect();
        let rows = test.classes.iter().zip(&test.all.confusion);
        self.table(
            &heads,
            rows.map(|(class, row)| std::iter::once(class.clone()).chain(row.iter().map(u64::to_string)).collect()),
        );
        for (label, left_out) in &test.left_out {
            let verdicts: Vec<String> =
                left_out.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
            self.paragraph(&format!("{label} (not a class): {} flows: {}.", left_out.flows, verdicts.join(", ")));
        }
        let alarms = report::false_alarms(test);
        self.paragraph(&format!("{}{}.", alarms[..1].to_uppercase(), &alarms[1..]));
        self.how_sure(test);
        self.how_soon(test);
    }

    fn how_sure(&mut self, test: &Evaluation) {
        let (ece, over_flows) = (test.reliability.ece, test.reliability.ece_over_flows);
        let averages: Vec<String> = test
            .precision_recall
            .iter()
            .map(|curve| format!("{} {:.3}", curve.class, curve.average_precision))
            .collect();
        self.paragraph(&format!(
            "Expected calibration error (Guo et al. 2017, 15 bins) {ece:.3} with captures weighing the same, {over_flows:.3} \
             with flows weighing the same. Average precision, captures weighing the same: {}.",
            averages.join(", ")
        ));
    }

    fn how_soon(&mut self, test: &Evaluation) {
        self.paragraph(
            "Recall so many seconds after an attack's first packet in a window, of the flows and neighbours until then, averaged \
             over captures; in brackets the captures with a right verdict so long after the attack's first packet of all:",
        );
        let seconds = PREFIX_SECONDS.map(|seconds| format!("{seconds} s"));
        let heads: Vec<&str> = ["class", "captures"].into_iter().chain(seconds.iter().map(String::as_str)).collect();
        self.table(
            &heads,
            test.prefixes.iter().map(|curve| {
                let points = curve.points.iter().map(|point| format!("{:.3} ({})", point.recall, point.recognised));
                [curve.class.clone(), curve.captures.to_string()].into_iter().chain(points).collect()
            }),
        );
    }

    fn scores(&mut self, title: &str, scores: &Scores) {
        let (all, existing) = (scores.macro_f1, scores.macro_f1_existing);
        self.paragraph(&format!(
            "{title}, macro-F1 {all:.3}; {existing:.3} over the five classes of the existing system, which has no others:"
        ));
        self.table(
            &["class", "flows", "captures", "precision", "recall", "recall by capture", "F1"],
            scores.classes.iter().map(|score| {
                let rates = [score.precision, score.recall, score.recall_by_capture, score.f1];
                let counts = [score.class.clone(), score.flows.to_string(), score.captures.to_string()];
                counts.into_iter().chain(rates.map(|rate| format!("{rate:.3}"))).collect()
            }),
        );
    }

    fn captures(&mut self, test: &Evaluation) {
        self.paragraph("Attacks, capture by capture:");
        let attacks = test.captures.iter().filter(|score| score.class != test.classes[0]);
        self.table(
            &[
                "capture",
                "class",
                "flows",
                "precision",
                "recall",
                "F1",
                "first right verdict after",
                "on a whole window after",
            ],
            attacks.map(|score| {
                let rates = [score.precision, score.recall, score.f1].map(|rate| format!("{rate:.3}"));
                let names = [score.capture.clone(), score.class.clone(), score.flows.to_string()];
                names.into_iter().chain(rates).chain(report::first_right_verdicts(test, score)).collect()
            }),
        );
    }

    fn features(&mut self, model: &Model) {
        let names = model.features().names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let text = format!("## Features\n\n{}: {}.", names.len(), names.join(", "));
        let _ = writeln!(self.0, "{text}"); // writing to a string cannot fail
    }
}
