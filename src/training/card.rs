//! The card of a model: what it learnt from, how good it is, what it cannot do, and the command that made it.

use super::corpus::{Corpus, CorpusError};
use super::evaluate::Evaluation;
use super::recipe;
use crate::model::Model;
use markdown::Markdown;

mod data;
mod figures;
mod markdown;

/// The card as Markdown. `test` are the figures on the test split; `command` made the model.
///
/// # Errors
/// [`CorpusError`] if a capture is not described.
pub fn markdown(model: &Model, corpus: &Corpus, test: &Evaluation, command: &str) -> Result<String, CorpusError> {
    let mut card = Markdown::default();
    head(&mut card, model, command);
    card.paragraph(LABELS);
    data::collections(&mut card, corpus)?;
    data::classes(&mut card, model, corpus, test)?;
    figures::classes(&mut card, test);
    figures::how_sure(&mut card, test);
    figures::how_soon(&mut card, test);
    if let Some(robustness) = &test.robustness {
        figures::when_attacks_change(&mut card, robustness);
    }
    figures::captures(&mut card, test);
    card.paragraph(LIMITS);
    features(&mut card, model);
    card.paragraph(COSTS);
    card.paragraph(OTHERS);
    Ok(card.finish())
}

fn head(card: &mut Markdown, model: &Model, command: &str) {
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
         instructions. Fingerprint of training data and options: `{}`. `make model DATA=DIR` makes the shipped model, this \
         card and the report in `docs/model.html`, and says whether the file came out as it is here.",
        model.training_fingerprint()
    ));
}

fn features(card: &mut Markdown, model: &Model) {
    let names = model.features().names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    card.paragraph(&format!("## Features\n\n{}: {}.", names.len(), names.join(", ")));
}

const LABELS: &str = "## What a label means

A flow's label says what its *source* does. A flow with any packet that the attacking side sent has the attack's name. The \
victim's answers are Normal, though the corpus labels them with the attack: an alarm that names the victim is a fault. In a \
spoofed flood every flow towards the victim is of the attack; what the victim sends back is Normal.";

const LIMITS: &str = "## What it cannot do

- It sees headers and counts of one window, no content and nothing of earlier windows. What an attacker stretches over many \
windows (a scan of one port an hour, a password every minute) looks like anybody's traffic.
- Peer-to-peer traffic, discovery by smart-home devices and monitoring look like scans; many short connections of an honest \
client look like password guessing.
- DNS tunnels were learnt from a handful of recordings; a busy resolver may be taken for one, and a slow tunnel is missed.
- Most attacks were recorded in laboratories of few machines, without loss or delay. Figures on the internet's traffic are \
likely lower than these.
- While a window is open it judges what there is of it. It was trained on the first 1, 2, 5 and 10 seconds of windows too; \
still, who guesses a password a second cannot be told from who logs in until several guesses were made.
- Thresholds trade attacks that are missed for alarms that are true: what looks like an attack but not surely is Normal with \
a low confidence. Who would rather see all of it looks for those rows.
- Whoever knows the features can shape traffic around them.";

const COSTS: &str = "## What judging costs

`make bench BENCHES=model` measures, on one core, nanoseconds a flow in a window of 32,000 flows: neighbours, features and \
network, each by itself.";

const OTHERS: &str = "## Beside other detectors

`make compare DATA=DIR` teaches others on the same flows and labels: random and boosted forests on these features, a forest on \
the existing system's features, and one threshold a class. What it said of this model follows where `make model` made the card.";
