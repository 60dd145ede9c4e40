//! The figures of an evaluation as one page: no script, nothing fetched, light and dark, readable on a phone.

use super::markup::Markup;
use super::pictures;
use super::table::{Cell, table};
use crate::training::evaluate::{
    BINS, CaptureScore, ClassRecall, EXISTING_CLASSES, Evaluation, PACKETS_OF_A_FULL_FLOW, PREFIX_SECONDS, Scores,
};
use crate::verdict::label::NORMAL;

/// A browser that is told so loads and runs nothing, whatever the page says.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>";
const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(evaluation: &Evaluation) -> String {
    let mut page = Markup::default();
    page.literal(HEAD);
    page.literal(STYLE);
    page.literal("</style>");
    page.leaf("title", &[], format_args!("Model {} on {}", evaluation.model_version, evaluation.split));
    page.literal("</head><body>");
    summary(&mut page, evaluation);
    classes(&mut page, evaluation);
    confusion(&mut page, evaluation);
    reliability(&mut page, evaluation);
    precision_recall(&mut page, evaluation);
    prefixes(&mut page, evaluation);
    false_alarms(&mut page, evaluation);
    robustness(&mut page, evaluation);
    captures(&mut page, evaluation);
    page.literal("</body></html>\n");
    page.into_string()
}

fn section(page: &mut Markup, title: &'static str, text: &str) {
    page.leaf("h2", &[], title);
    page.leaf("p", &[("class", &"soft")], text);
}

fn summary(page: &mut Markup, evaluation: &Evaluation) {
    page.leaf("h1", &[], format_args!("Model {} on the {} split", evaluation.model_version, evaluation.split));
    let text = "What a flow's label says is what its source does; the victim's answers are Normal. Recall is averaged over \
                captures, F1 is made of that and of the precision over all flows.";
    page.leaf("p", &[("class", &"soft")], text);
    let attacks = &evaluation.attacks;
    let recognised = attacks.iter().filter(|attack| attack.seconds_to_right_final_verdict.is_some()).count();
    let alarms = &evaluation.false_alarms;
    let tiles = [
        (format!("{:.3}", evaluation.full_flows.macro_f1_existing), full_flows("macro-F1 of the five known classes")),
        (format!("{:.3}", evaluation.all.macro_f1_existing), "the same, all flows".to_owned()),
        (format!("{:.3}", evaluation.all.macro_f1), "macro-F1 of all classes, all flows".to_owned()),
        (format!("{recognised} of {}", attacks.len()), "attacks with a right verdict on a whole window".to_owned()),
        (format!("{:.1}", alarms.per_hour), format!("false alarms an hour, over {:.1} hours", alarms.hours)),
        (format!("{:.3}", evaluation.reliability.ece), "expected calibration error".to_owned()),
    ];
    page.element("ul", &[("class", &"tiles")], |list| {
        for (figure, text) in tiles {
            list.element("li", &[], |tile| {
                tile.leaf("b", &[], figure);
                tile.leaf("span", &[], text);
            });
        }
    });
}

fn full_flows(text: &str) -> String {
    format!("{text}, flows of {PACKETS_OF_A_FULL_FLOW} packets and more")
}

fn classes(page: &mut Markup, evaluation: &Evaluation) {
    let text = format!("The five known classes are those of the existing system: {}.", EXISTING_CLASSES.join(", "));
    section(page, "Classes", &text);
    page.leaf("h3", &[], "All flows");
    scores(page, &evaluation.all);
    page.leaf("h3", &[], format_args!("Flows of {PACKETS_OF_A_FULL_FLOW} packets and more"));
    scores(page, &evaluation.full_flows);
    for (label, left_out) in &evaluation.left_out {
        let verdicts: Vec<String> = left_out.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
        let text = format!("{label} is not a class of the model: {} flows: {}.", left_out.flows, verdicts.join(", "));
        page.leaf("p", &[], text);
    }
}

fn scores(page: &mut Markup, scores: &Scores) {
    let heads = ["class", "flows", "captures", "precision", "recall", "recall by capture", "F1"];
    let rows = scores.classes.iter().map(|score| {
        let counts = [Cell::name(&score.class), Cell::figure(score.flows), Cell::figure(score.captures)];
        let rates = [score.precision, score.recall, score.recall_by_capture, score.f1];
        counts.into_iter().chain(rates.map(Cell::rate)).collect()
    });
    table(page, &heads, rows);
    let text = format!("Macro-F1 {:.3}; over the five known classes {:.3}.", scores.macro_f1, scores.macro_f1_existing);
    page.leaf("p", &[], text);
}

fn confusion(page: &mut Markup, evaluation: &Evaluation) {
    section(page, "Confusion", "Flows by true class (rows) and verdict (columns), shaded by their share of the row.");
    let heads: Vec<&str> = std::iter::once("").chain(evaluation.classes.iter().map(String::as_str)).collect();
    let rows = evaluation.classes.iter().zip(&evaluation.all.confusion).enumerate();
    let row = |(class, (name, counts)): (usize, (&String, &Vec<u64>))| {
        let flows = counts.iter().sum::<u64>().max(1) as f64;
        let cell = |(verdict, count): (usize, &u64)| Cell::Shaded {
            text: count.to_string(),
            share: *count as f64 / flows,
            is_wrong: verdict != class,
        };
        std::iter::once(Cell::name(name)).chain(counts.iter().enumerate().map(cell)).collect()
    };
    table(page, &heads, rows.map(row));
}

fn reliability(page: &mut Markup, evaluation: &Evaluation) {
    let reliability = &evaluation.reliability;
    let text = format!(
        "How often verdicts are right (columns) by how sure the model is; dots are as large as the weight of their verdicts, \
         and a calibrated model has them on the line. Expected calibration error after Guo et al. (2017), {} bins: {:.3} with \
         captures weighing the same, {:.3} with flows weighing the same.",
        BINS, reliability.ece, reliability.ece_over_flows
    );
    section(page, "Reliability", &text);
    page.element("figure", &[], |figure| pictures::reliability(figure, reliability));
    let heads = ["confidence", "flows", "share of weight", "mean confidence", "right"];
    let rows = reliability.bins.iter().map(|bin| {
        let range = format!("{:.2} to {:.2}", bin.above, bin.up_to);
        let rates = [bin.share, bin.confidence, bin.accuracy].map(Cell::rate);
        [Cell::name(range), Cell::figure(bin.flows)].into_iter().chain(rates).collect()
    });
    folded(page, "The figures", |page| table(page, &heads, rows));
}

fn precision_recall(page: &mut Markup, evaluation: &Evaluation) {
    let text = "At each threshold of a class's probability: the share of the class found, and the share of what is found that \
                is of the class. A capture weighs the same for each class that it holds.";
    section(page, "Precision and recall", text);
    page.element("div", &[("class", &"pictures")], |page| {
        for curve in &evaluation.precision_recall {
            page.element("figure", &[], |figure| {
                let average = curve.average_precision;
                figure.leaf("figcaption", &[], format_args!("{}: average precision {average:.3}", curve.class));
                pictures::precision_recall(figure, curve, &evaluation.classes);
            });
        }
    });
}

fn prefixes(page: &mut Markup, evaluation: &Evaluation) {
    let text = "In each window in which an attack sends, the window is cut off so many seconds after the attack's first packet \
                in it, and the attack's flows so far are judged. Recall is averaged over captures. Recognised are captures \
                with a right verdict so many seconds after the attack's first packet of all.";
    section(page, "How soon", text);
    page.element("figure", &[], |figure| pictures::prefixes(figure, &evaluation.prefixes, &evaluation.classes));
    let seconds = PREFIX_SECONDS.map(|seconds| format!("{seconds} s"));
    let heads: Vec<&str> = ["class", "captures", ""].into_iter().chain(seconds.iter().map(String::as_str)).collect();
    let rows = evaluation.prefixes.iter().flat_map(|curve| {
        let recall = curve.points.iter().map(|point| Cell::rate(point.recall));
        let recognised = curve.points.iter().map(|point| Cell::figure(point.recognised));
        let first = [Cell::name(&curve.class), Cell::figure(curve.captures), Cell::name("recall")];
        let second = [Cell::name(""), Cell::figure(""), Cell::name("recognised")];
        [first.into_iter().chain(recall).collect(), second.into_iter().chain(recognised).collect()]
    });
    table(page, &heads, rows);
}

fn false_alarms(page: &mut Markup, evaluation: &Evaluation) {
    let sentence = super::false_alarms(evaluation);
    section(page, "False alarms", &format!("{}{}.", sentence[..1].to_uppercase(), &sentence[1..]));
    let mut captures: Vec<_> = evaluation.benign_captures.iter().collect();
    captures.sort_by(|left, right| right.per_hour.total_cmp(&left.per_hour));
    let most = captures.first().map_or(0.0, |capture| capture.per_hour).max(1.0);
    let (with, without): (Vec<_>, Vec<_>) = captures.into_iter().partition(|capture| capture.alarms > 0);
    if !with.is_empty() {
        let rows = with.iter().map(|capture| {
            let verdicts: Vec<String> =
                capture.verdicts.iter().map(|(class, flows)| format!("{flows} {class}")).collect();
            let counts = [capture.flows, capture.alarms].map(Cell::figure);
            let rates = [format!("{:.2}", capture.hours), format!("{:.0}", capture.per_hour)].map(Cell::Figure);
            let last = [Cell::Bar(capture.per_hour / most), Cell::name(verdicts.join(", "))];
            std::iter::once(Cell::name(&capture.capture)).chain(counts).chain(rates).chain(last).collect()
        });
        table(page, &["capture", "flows", "alarms", "hours", "an hour", "", "verdicts"], rows);
    }
    let names: Vec<&str> = without.iter().map(|capture| capture.capture.as_str()).collect();
    folded(page, "Captures without a false alarm", |page| {
        page.leaf("p", &[], format_args!("{}: {}", names.len(), names.join(", ")));
    });
}

fn robustness(page: &mut Markup, evaluation: &Evaluation) {
    let Some(robustness) = &evaluation.robustness else { return };
    let text = "Recall averaged over captures when the attacker's packets change, and the captures with at least one right \
                verdict. Ordinary traffic is the busiest client of another capture, under the attacker's address.";
    section(page, "When attacks change", text);
    let classes = robustness.changes.first().map_or(&[][..], |changed| &changed.classes);
    let heads: Vec<&str> = std::iter::once("change").chain(classes.iter().map(|class| class.class.as_str())).collect();
    let rows = robustness.changes.iter().map(|changed| {
        let cell = |class: &ClassRecall| {
            Cell::figure(format!("{:.3} ({} of {})", class.recall_by_capture, class.recognised, class.captures))
        };
        std::iter::once(Cell::name(&changed.change)).chain(changed.classes.iter().map(cell)).collect()
    });
    table(page, &heads, rows);
}

fn captures(page: &mut Markup, evaluation: &Evaluation) {
    let text = "Each class that a capture holds. Seconds are from the attack's first packet to its first right verdict, and to \
                the end of the first whole window with one.";
    section(page, "Captures", text);
    let heads = ["capture", "class", "flows", "precision", "recall", "F1", "first right after", "on a whole window"];
    let row = |score: &CaptureScore| {
        let names = [Cell::name(&score.capture), Cell::name(&score.class), Cell::figure(score.flows)];
        let rates = [score.precision, score.recall, score.f1].map(Cell::rate);
        let after = super::first_right_verdicts(evaluation, score);
        names.into_iter().chain(rates).chain(after.map(Cell::Figure)).collect()
    };
    let attacks = evaluation.captures.iter().filter(|score| score.class != NORMAL);
    table(page, &heads, attacks.map(row));
    let ordinary = evaluation.captures.iter().filter(|score| score.class == NORMAL);
    folded(page, "Normal flows, capture by capture", |page| table(page, &heads, ordinary.map(row)));
}

fn folded(page: &mut Markup, title: &'static str, inside: impl FnOnce(&mut Markup)) {
    page.element("details", &[], |page| {
        page.leaf("summary", &[], title);
        inside(page);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::training::corpus::{Corpus, Split};
    use crate::training::evaluate::{evaluate, robustness};
    use crate::training::{kit, recipe};
    use std::path::Path;

    fn evaluation() -> Evaluation {
        let directory = tempfile::tempdir().unwrap();
        kit::write_corpus(directory.path());
        let corpus = Corpus::open(directory.path()).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/flowsentry.safetensors");
        let model = Model::load(&shipped, 1 << 20).unwrap();
        let mut evaluation = evaluate(&model, &corpus, Split::Test, recipe::WINDOW).unwrap();
        evaluation.robustness = Some(robustness(&model, &corpus, Split::Test, recipe::WINDOW).unwrap());
        evaluation
    }

    /// Names of the elements that are open, which must be closed in turn.
    fn assert_well_formed(page: &str) {
        const EMPTY: [&str; 2] = ["meta", "!DOCTYPE"];
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let name = tag.split([' ', '>']).next().unwrap();
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed), "{tag}"),
                None if EMPTY.contains(&name) => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn every_figure_has_its_section() {
        let page = page(&evaluation());
        assert_well_formed(&page);
        let sections = ["Classes", "Confusion", "Reliability", "Precision and recall", "How soon", "False alarms"];
        for section in sections.into_iter().chain(["When attacks change", "Captures"]) {
            assert!(page.contains(&format!("<h2>{section}</h2>")), "{section}");
        }
        assert_eq!(page.matches("<svg ").count(), 2 + 6, "a diagram, the prefixes, a curve for each class");
        for elsewhere in ["<script", "http:", "https:", "url(", "@import", "<link", "src="] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_hostile_name_is_only_a_text() {
        const HOSTILE: &str = "</td><script>alert(\"1\")</script><img src=x onerror='alert(2)'>&";
        let mut evaluation = evaluation();
        evaluation.model_version = HOSTILE.to_owned();
        for class in &mut evaluation.classes {
            class.push_str(HOSTILE);
        }
        for score in &mut evaluation.captures {
            score.capture = HOSTILE.to_owned();
        }
        for capture in &mut evaluation.benign_captures {
            capture.capture = HOSTILE.to_owned();
            capture.verdicts.insert(HOSTILE.to_owned(), 1);
        }
        for curve in &mut evaluation.precision_recall {
            curve.class = HOSTILE.to_owned();
        }
        for curve in &mut evaluation.prefixes {
            curve.class = HOSTILE.to_owned();
        }
        for changed in &mut evaluation.robustness.as_mut().unwrap().changes {
            changed.change = HOSTILE.to_owned();
            changed.classes[0].class = HOSTILE.to_owned();
        }
        let page = page(&evaluation);
        assert_well_formed(&page);
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.matches("&lt;script&gt;alert(&quot;1&quot;)").count() > 20);
    }
}
