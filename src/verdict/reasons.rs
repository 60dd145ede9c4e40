//! Why a verdict: what moved the network, feature by feature, and the nearest way back to Normal.
//!
//! A network of `relu` layers is linear around every input. So with `g` the gradient of (output of the verdict − output of
//! Normal) at the input `x`, and `m` the mean of Normal flows in training, all scaled, `gᵢ·(xᵢ − mᵢ)` summed over the
//! features is exactly how far the flow is from Normal's mean on that linear piece.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::flow::context::Context;
use crate::flow::key::FlowKey;
use crate::flow::statistics::Statistics;

/// Features that reasons name at most.
pub const REASONS_MAX: usize = 5;

/// Why a flow has its verdict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reasons {
    /// Output of the verdict's class − output of Normal, before the softmax.
    pub logit_difference: f64,
    /// The same on the flow's linear piece, at the mean of Normal flows: `logit_difference` = `base` + all contributions.
    pub base: f64,
    /// The features that speak most for the verdict, the greatest first; those whose value is the usual one left out.
    pub features: Vec<Reason>,
    /// Sum of the contributions of all other features.
    pub others: f64,
    /// The least change of one feature that would make the verdict Normal, if there is one.
    pub way_back: Option<WayBack>,
}

/// What one feature says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Its name in the catalogue.
    pub feature: String,
    /// Its value, in its unit.
    pub value: f64,
    /// Its mean over Normal flows in training, in its unit: where the model takes a logarithm, the mean of that, taken back.
    pub usual: f64,
    /// Its share of the difference: above 0 it speaks for the verdict.
    pub contribution: f64,
    /// The same for people: "412 destination ports in 6 s; usual: 2".
    pub sentence: String,
}

/// The least change of one feature that would make the verdict Normal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WayBack {
    /// The feature.
    pub feature: String,
    /// The nearest value at which the verdict is Normal, in its unit, with as few digits as hold.
    pub value: f64,
    /// The same for people: "below 14 destination ports this would be Normal".
    pub sentence: String,
}

/// Whoever can say why: the model that gave the verdict.
pub trait Explain: fmt::Debug + Send + Sync {
    /// Why a flow is of a class. `None` where that cannot be said: the class is not one of the model, or is Normal.
    fn explain(&self, key: &FlowKey, flow: &Statistics, context: &Context, class: u16) -> Option<Reasons>;
}
