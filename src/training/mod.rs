//! Labelled captures become training and evaluation examples.
