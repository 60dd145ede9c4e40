//! Flows become verdicts: what is told of a flow (features), when it is judged (judge), what comes out (label), how sure it
//! must be (threshold), why (reasons) and in which words (phrases), how two models agree (agreement).
//!
//! Pure: no tensors, no I/O, no clock. A feature is found by its name, so a model file says itself what it wants to see.

pub mod agreement;
pub mod features;
pub mod judge;
pub mod judged;
pub mod label;
pub mod phrases;
pub mod reasons;
pub mod threshold;
