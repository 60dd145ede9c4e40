//! The reference page of the features: the catalogue as Markdown, with what one model makes of each.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::{DEVIATIONS_MAX, Description, Input, Transform};
use crate::verdict::features::{Family, Feature, catalogue};

/// What is said of a family: its heading, and what all of its features have in common.
fn introduced(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Statistic => {
            ("Statistics", "Of the packets of the flow itself: one source, one destination, one protocol, one window.")
        }
        Family::TcpFlag => ("TCP flags", "Of the flow's packets taken together."),
        Family::Protocol => ("Protocol", "One of them is 1."),
        Family::Context => (
            "Context",
            "What the other flows of the same window say of the flow's source and destination. The answering flow goes from the \
             destination to the source by the same protocol; where there is none, its figures are 0.",
        ),
        Family::Ratio => (
            "Ratios",
            "What stays the same when a network is larger, a link faster or an attack longer. Where the whole is nothing, they are 0.",
        ),
        Family::Dns => (
            "DNS",
            "Of the messages whose name the sniffer captured: the queries in a flow to a name server, the responses in the flow from \
             it. 0 without DNS, and where the table of packets has no column `dns_qname`.",
        ),
    }
}

const BEGINNING: &str = "\
# Features

<!-- Written by `flowsentry model features`. -->

Every number that a model may be told about a flow, by the name that model files use. Training and service compute them by
the same code. None tells which network the flow is from: no address, no point in time, no number of an ephemeral port; and
each is finite and not negative. *Column*: whether it is stored too, in `traffic_data` under the same name.
";

/// The page, for one model.
pub fn page(model: &Description) -> String {
    let features = catalogue();
    let mut page = BEGINNING.to_owned();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "*Model*: what the model {:?} takes, {} of {} features, and how: as it is, or ln(1 + x) of it where it spans orders of \
         size.\nBoth are then scaled to mean 0 and deviation 1 of the training data, and cut at {DEVIATIONS_MAX} deviations to either side.\n",
        model.version,
        model.inputs.len(),
        features.len(),
    );
    for family in Family::ALL {
        let (heading, introduction) = introduced(family);
        let _ = write!(
            page,
            "\n## {heading}\n\n{introduction}\n\n| feature | unit | what it is | column | model |\n| --- | --- | --- | --- | --- |\n"
        );
        for feature in features.iter().filter(|feature| feature.family == family) {
            page += &line(feature, input(model, feature));
        }
    }
    page
}

/// The same for programs.
pub fn as_json(model: &Description) -> Value {
    let features = catalogue();
    let entries = features.iter().map(|feature| {
        json!({
            "name": feature.name,
            "unit": feature.unit.symbol(),
            "doc": feature.doc,
            "family": introduced(feature.family).0,
            "column": feature.stored,
            "transform": input(model, feature).map(|input| input.transform),
        })
    });
    entries.collect()
}

fn input<'a>(model: &'a Description, feature: &Feature) -> Option<&'a Input> {
    model.inputs.iter().find(|input| input.feature == feature.name)
}

fn line(feature: &Feature, input: Option<&Input>) -> String {
    let column = if feature.stored { "yes" } else { "" };
    let model = match input.map(|input| input.transform) {
        Some(Transform::Log1p) => "ln(1 + x)",
        Some(Transform::None) => "as it is",
        None => "",
    };
    let doc = feature.doc.replace('|', "\\|");
    format!("| `{}` | {} | {doc} | {column} | {model} |\n", feature.name, feature.unit.symbol())
}
