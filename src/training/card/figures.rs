//! How good a model is: by class, how sure, how soon, and when attacks change.

use super::markdown::Markdown;
use crate::training::evaluate::{
    ClassRecall, EXISTING_CLASSES, Evaluation, PACKETS_OF_A_FULL_FLOW, PREFIX_SECONDS, Robustness, Scores,
};
use crate::training::report;

/// By class, and what is taken for what.
pub fn classes(card: &mut Markdown, test: &Evaluation) {
    card.paragraph(&format!(
        "## Figures on the test split\n\nOne capture may hold most of a class's flows, so recall is also averaged over the \
         captures that hold the class; F1 is made of that and of the precision over all flows. The five classes of the \
         existing system, which has no others, are {}.",
        EXISTING_CLASSES.join(", ")
    ));
    scores(card, "All flows", &test.all);
    scores(card, &format!("Flows of {PACKETS_OF_A_FULL_FLOW} packets and more"), &test.full_flows);
    card.paragraph("Flows by true class (rows) and verdict (columns):");
    let heads: Vec<&str> = std::iter::once("").chain(test.classes.iter().map(String::as_str)).collect();
    let rows = test.classes.iter().zip(&test.all.confusion);
    card.table(
        &heads,
        rows.map(|(class, row)| std::iter::once(class.clone()).chain(row.iter().map(u64::to_string)).collect()),
    );
    for (label, left_out) in &test.left_out {
        let verdicts: Vec<String> = left_out.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
        card.paragraph(&format!("{label} (not a class): {} flows: {}.", left_out.flows, verdicts.join(", ")));
    }
}

fn scores(card: &mut Markdown, title: &str, scores: &Scores) {
    let (all, existing) = (scores.macro_f1, scores.macro_f1_existing);
    card.paragraph(&format!("{title}, macro-F1 {existing:.3} over the five classes, {all:.3} over all classes:"));
    card.table(
        &["class", "flows", "captures", "precision", "recall", "recall by capture", "F1"],
        scores.classes.iter().map(|score| {
            let rates = [score.precision, score.recall, score.recall_by_capture, score.f1];
            let counts = [score.class.clone(), score.flows.to_string(), score.captures.to_string()];
            counts.into_iter().chain(rates.map(rate)).collect()
        }),
    );
}

/// Whether it is right as often as it is sure.
pub fn how_sure(card: &mut Markdown, test: &Evaluation) {
    let (ece, over_flows) = (test.reliability.ece, test.reliability.ece_over_flows);
    let curves = test.precision_recall.iter();
    let averages: Vec<String> = curves.map(|curve| format!("{} {:.3}", curve.class, curve.average_precision)).collect();
    card.paragraph(&format!(
        "Expected calibration error (Guo et al. 2017, 15 bins) {ece:.3} with captures weighing the same, {over_flows:.3} \
         with flows weighing the same. Average precision, captures weighing the same: {}.",
        averages.join(", ")
    ));
}

/// Recall after the first seconds of attacks.
pub fn how_soon(card: &mut Markdown, test: &Evaluation) {
    card.paragraph(
        "### How soon\n\nRecall so many seconds after an attack's first packet in a window, of the flows and neighbours until \
         then, averaged over captures; in brackets the captures with a right verdict so long after the attack's first \
         packet of all:",
    );
    let seconds = PREFIX_SECONDS.map(|seconds| format!("{seconds} s"));
    let heads: Vec<&str> = ["class", "captures"].into_iter().chain(seconds.iter().map(String::as_str)).collect();
    card.table(
        &heads,
        test.prefixes.iter().map(|curve| {
            let points = curve.points.iter().map(|point| format!("{:.3} ({})", point.recall, point.recognised));
            [curve.class.clone(), curve.captures.to_string()].into_iter().chain(points).collect()
        }),
    );
}

/// Recall when attackers try to stay unseen.
pub fn when_attacks_change(card: &mut Markdown, robustness: &Robustness) {
    card.paragraph(
        "### When attacks change\n\nRecall by capture of the same attacks padded, slower, delayed, and among ordinary traffic \
         of the attacker; in brackets the captures with at least one right verdict:",
    );
    let Some(unchanged) = robustness.changes.first() else { return };
    let heads = unchanged.classes.iter().map(|class| format!("{}, {} captures", class.class, class.captures));
    let heads: Vec<String> = std::iter::once("change".to_owned()).chain(heads).collect();
    let cell = |class: &ClassRecall| format!("{:.3} ({})", class.recall_by_capture, class.recognised);
    card.table(
        &heads.iter().map(String::as_str).collect::<Vec<_>>(),
        robustness.changes.iter().map(|changed| {
            // A class by its name: an attack that is slowed down may lose its last flow.
            let classes = unchanged.classes.iter().map(|class| {
                let found = changed.classes.iter().find(|changed| changed.class == class.class);
                found.map_or("-".to_owned(), cell)
            });
            std::iter::once(changed.change.clone()).chain(classes).collect()
        }),
    );
}

/// Capture by capture: attacks, then ordinary traffic.
pub fn captures(card: &mut Markdown, test: &Evaluation) {
    card.paragraph("### Attacks, capture by capture");
    let attacks = test.captures.iter().filter(|score| score.class != test.classes[0]);
    let times = ["first right verdict after", "on a whole window after"];
    card.table(
        &[&["capture", "class", "flows", "precision", "recall", "F1"][..], &times].concat(),
        attacks.map(|score| {
            let rates = [score.precision, score.recall, score.f1].map(rate);
            let names = [score.capture.clone(), score.class.clone(), score.flows.to_string()];
            names.into_iter().chain(rates).chain(report::first_right_verdicts(test, score)).collect()
        }),
    );
    let alarms = report::false_alarms(test);
    card.paragraph("### Captures without an attack");
    card.paragraph(&format!("{}{}.", alarms[..1].to_uppercase(), &alarms[1..]));
    card.table(
        &["capture", "minutes", "flows", "false alarms", "an hour", "what they say"],
        test.benign_captures.iter().map(|capture| {
            let verdicts: Vec<String> =
                capture.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
            let counts = [capture.flows, capture.alarms].map(|count| count.to_string());
            let rates = [capture.hours * 60.0, capture.per_hour].map(|value| format!("{value:.1}"));
            let ([flows, alarms], [minutes, per_hour]) = (counts, rates);
            vec![capture.capture.clone(), minutes, flows, alarms, per_hour, verdicts.join(", ")]
        }),
    );
}

fn rate(rate: f64) -> String {
    format!("{rate:.3}")
}
