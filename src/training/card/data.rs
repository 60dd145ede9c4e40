//! What a model learnt from, was chosen by, and was judged by.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::Markdown;
use crate::model::Model;
use crate::training::corpus::{Corpus, CorpusError, LABELS, Split};
use crate::training::evaluate::Evaluation;

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// Collections, their licences, and how many captures of each are in which split.
pub fn collections(card: &mut Markdown, corpus: &Corpus) -> Result<(), CorpusError> {
    card.paragraph(
        "## Data\n\nLabelled captures from public repositories and our own recordings, split by capture: no capture is \
         in two splits, and the test captures of an attack come from other collections than its training captures \
         (but for a few collections of ordinary traffic). Features, classes, epoch, temperature and thresholds were chosen \
         by leaving collections of `train` and `validation` out in turn, and judging them by a model that had not seen \
         them; the weights then learn from both. The figures below are of `test`, which nothing was chosen by.\n\n\
         Beside the recorded captures the model learns from their attacks laid over ordinary traffic of other networks, \
         with other addresses and clocks, and from traffic that is made up by the mechanism of each attack and of each \
         ordinary doing (`src/training/synthesis`): rates, sizes, delays, losses, ports, answers and what of it the \
         sniffer sees are drawn anew each time. Nothing made up is in `test`. Training windows are cut at several phases, \
         seen whole and for their first seconds, and drawn by class, collection and capture, not by flow. Attack flows \
         that do not yet show what their label says, such as a guesser's first login, are not learnt from; they are \
         judged all the same. Three captures of `train` and `validation` that are said to be ordinary were recorded by ARP \
         poisoning, as their frames show; those replies are not learnt as Normal.",
    );
    let mut sources = BTreeMap::<(&str, &str), [usize; 3]>::new();
    for (index, split) in SPLITS.into_iter().enumerate() {
        for capture in corpus.captures(split)? {
            sources.entry((capture.source(), &capture.licence)).or_default()[index] += 1;
        }
    }
    card.table(
        &["collection", "licence", "train", "validation", "test"],
        sources.into_iter().map(|((source, licence), counts)| {
            [source.to_owned(), licence.to_owned()].into_iter().chain(counts.map(|count| count.to_string())).collect()
        }),
    );
    Ok(())
}

/// Every label: whether the model alarms by it, from which probability on, and by how many captures it is known.
pub fn classes(card: &mut Markdown, model: &Model, corpus: &Corpus, test: &Evaluation) -> Result<(), CorpusError> {
    card.paragraph(
        "## Classes and thresholds\n\nAn attack is the verdict where it is the most probable class and at least as probable \
         as its threshold; what stays below is Normal, with the confidence that Normal then has. Chosen on \
         collections that the judging model had not seen. Alarms of one class in one capture counted as one, a threshold \
         leaves all classes together two an hour.",
    );
    let mut rows = Vec::new();
    for label in LABELS.into_iter().skip(1) {
        let mut row = vec![label.to_owned(), state(model, label)];
        for split in SPLITS {
            row.push(captures_of(corpus, split, label)?);
        }
        let score = test.all.classes.iter().find(|score| score.class == label && score.captures > 0);
        row.push(score.map_or("-".to_owned(), |score| format!("{:.3}", score.recall_by_capture)));
        rows.push(row);
    }
    let heads = ["label", "alarm", "train: captures (collections)", "validation", "test", "test: recall by capture"];
    card.table(&heads, rows);
    card.paragraph(
        "A label that is no class, or is switched off, was not seen to hold in a collection that it was not learnt from; \
         switching off is the one thing that `test` may decide. Its flows get one of the other labels, most often Normal.",
    );
    Ok(())
}

/// From when on a label is an alarm.
fn state(model: &Model, label: &str) -> String {
    let Some(class) = model.classes().position(label) else { return "never: not a class".to_owned() };
    match model.thresholds().values().get(usize::from(class)) {
        None => "where it is most probable".to_owned(),
        Some(threshold) if *threshold > 1.0 => "never: switched off".to_owned(),
        Some(threshold) => format!("from {threshold:.3}"),
    }
}

/// How many captures of a split are about a label, and from how many collections.
fn captures_of(corpus: &Corpus, split: Split, label: &str) -> Result<String, CorpusError> {
    let captures = corpus.captures(split)?;
    let about: Vec<_> = captures.iter().filter(|capture| capture.subject == label).collect();
    let collections: BTreeSet<&str> = about.iter().map(|capture| capture.source()).collect();
    Ok(format!("{} ({})", about.len(), collections.len()))
}
