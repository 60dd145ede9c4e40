//! What hosts do all day, above all what looks like an attack to a counter.

use super::Doing;

mod names;

/// All ordinary doings.
pub const ALL: &[Doing] = &[Doing { name: "name_lookups", label: "Normal", enact: names::lookups }];
