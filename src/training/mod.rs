//! Labelled captures become training and evaluation examples.
//!
//! Promise: a model learns from the very flows that the service would make of the same packets. The rows are decoded as the
//! service decodes them, and folded by its flow table; only the label is added.

pub mod adapt;
pub mod calibrate;
pub mod card;
pub mod corpus;
pub mod evaluate;
pub mod evidence;
pub mod examples;
pub mod labelled;
pub mod overlay;
pub mod recipe;
pub mod report;
pub mod synthesis;

#[cfg(test)]
mod kit;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told_apart;
