//! How much a flow counts where flows of many captures are taken together.
//!
//! A capture weighs 1 for each class that it holds, spread evenly over its flows of that class: a spoofed flood of twenty
//! thousand flows weighs as much as a slow password guesser of four. So the recall of a precision-recall curve is the recall
//! averaged over captures. Flows whose label the model does not have weigh nothing.

use super::{Judged, JudgedFlow};

/// A flow, its true class and its weight.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'a> {
    /// The flow.
    pub flow: &'a JudgedFlow,
    /// Index of its true class.
    pub class: usize,
    /// Greater than 0, at most 1.
    pub weight: f64,
}

/// All flows whose label is a class.
pub fn weighted<'a>(classes: &[String], judged: &'a [Judged<'_>]) -> Vec<Weighted<'a>> {
    let mut weighted = Vec::new();
    for judged in judged {
        let class_of = |flow: &JudgedFlow| classes.iter().position(|class| class == flow.label.name());
        let mut flows_of_class = vec![0u64; classes.len()];
        judged.flows.iter().filter_map(class_of).for_each(|class| flows_of_class[class] += 1);
        weighted.extend(judged.flows.iter().filter_map(|flow| {
            let class = class_of(flow)?;
            Some(Weighted { flow, class, weight: 1.0 / flows_of_class[class] as f64 })
        }));
    }
    weighted
}
