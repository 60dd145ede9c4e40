//! Flows become verdicts: features, labels. Pure.
