//! Panes with the verdicts on their flows, ready to store.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::flow::checkpoint::{Increment, Pane};
use crate::flow::context::Context;
use crate::flow::look::Look;
use crate::verdict::label::{Classes, UNKNOWN, Verdict};
use crate::verdict::reasons::Explain;

/// An increment whose flows have been judged.
#[derive(Debug)]
pub struct JudgedIncrement {
    /// What is stored; its panes have moved to `panes`.
    pub increment: Increment,
    /// The panes with their verdicts; shared with a candidate model, which judges them again.
    pub panes: Vec<Arc<JudgedPane>>,
}

/// The flows of a pane, what their neighbours say of them, and the verdicts.
#[derive(Debug)]
pub struct JudgedPane {
    /// The flows.
    pub pane: Pane,
    /// What its neighbours in the pane say of each flow, in the order of the pane's map.
    pub contexts: Vec<Context>,
    /// `None` without a model: every label is then [`UNKNOWN`].
    pub judgement: Option<Judgement>,
}

/// What one model says of the flows of a pane.
#[derive(Debug)]
pub struct Judgement {
    /// One a flow, in the order in which the pane's map iterates.
    pub verdicts: Vec<Verdict>,
    /// The model's classes.
    pub classes: Classes,
    /// The model's version.
    pub model_version: Arc<str>,
    /// Says why.
    pub explainer: Arc<dyn Explain>,
}

/// A look at open windows, judged.
#[derive(Debug)]
pub struct JudgedLook {
    /// The flows.
    pub look: Look,
    /// One a window, in their order.
    pub judgements: Vec<Judgement>,
}

impl JudgedPane {
    /// Number of flows by label.
    pub fn labels(&self) -> BTreeMap<&str, u64> {
        let mut labels = BTreeMap::new();
        match &self.judgement {
            Some(judgement) => {
                for verdict in &judgement.verdicts {
                    *labels.entry(judgement.classes.label(*verdict)).or_default() += 1;
                }
            }
            None => {
                labels.insert(UNKNOWN, self.pane.flows.flows.len() as u64);
            }
        }
        labels
    }
}
