//! Attacks by their mechanism.

use super::Doing;

mod scans;

/// All attacks.
pub const ALL: &[Doing] = &[Doing { name: "scan_syn_ports", label: "Port Scanning", enact: scans::syn_ports }];
