//! How urgent an alert is: one small table.

use serde::{Deserialize, Serialize};

/// How urgent an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
    /// To be acted upon now.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From what is stored.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// How large a thing an alert is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Extent {
    /// Greatest confidence.
    pub confidence: f32,
    /// Distinct addresses on the other side.
    pub peers: u64,
    /// Packets.
    pub packets: u64,
    /// Flows.
    pub flows: u64,
    /// Closed windows that confirm it.
    pub windows: u32,
}

/// What a label is worth, and from when on it is large.
struct Rule {
    label: &'static str,
    least: Severity,
    peers: u64,
    packets: u64,
    flows: u64,
}

/// One step more for each of: large (one of the three figures), and long ([`LONG_WINDOWS`]); one less while unsure
/// ([`UNSURE_BELOW`]).
#[rustfmt::skip]
const RULES: &[Rule] = &[
    // Every host that is reached from the internet is scanned daily; hundreds of hosts are somebody who looks for a way in.
    Rule { label: "Port Scanning", least: Severity::Low,    peers: 25,  packets: 10_000,  flows: 25 },
    // Held connections: a few packets starve a server, so their number says little.
    Rule { label: "Slowloris",     least: Severity::Medium, peers: 10,  packets: 10_000,  flows: 100 },
    // A flood of some thousand packets is a nuisance, more is an outage.
    Rule { label: "DDoS",          least: Severity::Medium, peers: 100, packets: 10_000,  flows: 1_000 },
    // Some dozen packets an attempt.
    Rule { label: "Brute Force",   least: Severity::Medium, peers: 5,   packets: 5_000,   flows: 50 },
    // Somebody is inside already, in both cases.
    Rule { label: "DNS Tunnel",    least: Severity::High,   peers: 10,  packets: 50_000,  flows: 100 },
    Rule { label: "ARP Poisoning", least: Severity::High,   peers: 3,   packets: 1_000,   flows: 20 },
];

/// Of labels that a site's own model has.
const OTHER: Rule = Rule { label: "", least: Severity::Medium, peers: 100, packets: 10_000, flows: 1_000 };

/// Five minutes at the default length of a window: it will not stop by itself.
const LONG_WINDOWS: u32 = 10;

/// Below this confidence one alarm in three or four is none.
const UNSURE_BELOW: f32 = 0.7;

impl Severity {
    /// How urgent an alert of this label and extent is.
    pub fn of(label: &str, extent: &Extent) -> Self {
        let rule = RULES.iter().find(|rule| rule.label == label).unwrap_or(&OTHER);
        let is_large = extent.peers >= rule.peers || extent.packets >= rule.packets || extent.flows >= rule.flows;
        let more = usize::from(is_large) + usize::from(extent.windows >= LONG_WINDOWS);
        let less = usize::from(extent.confidence < UNSURE_BELOW);
        let step = (rule.least as usize + more).saturating_sub(less).min(Self::ALL.len() - 1);
        Self::ALL[step]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_grows_with_extent_and_time_and_is_less_while_unsure() {
        let check = |label: &str, confidence, peers, packets, windows, expected| {
            let extent = Extent { confidence, peers, packets, flows: 1, windows };
            assert_eq!(Severity::of(label, &extent), expected, "{label} {extent:?}");
        };
        check("Port Scanning", 0.9, 1, 10, 0, Severity::Low);
        check("Port Scanning", 0.6, 1, 10, 0, Severity::Low);
        check("Port Scanning", 0.9, 254, 254, 0, Severity::Medium);
        check("Port Scanning", 0.9, 254, 254, 10, Severity::High);
        check("DDoS", 0.9, 1, 1_000, 1, Severity::Medium);
        check("DDoS", 0.9, 200_000, 200_000, 1, Severity::High);
        check("DDoS", 0.6, 200_000, 200_000, 1, Severity::Medium);
        check("DDoS", 0.9, 200_000, 200_000, 20, Severity::Critical);
        check("ARP Poisoning", 0.9, 1, 20, 0, Severity::High);
        check("ARP Poisoning", 0.9, 5, 2_000, 20, Severity::Critical);
        check("Something else", 0.9, 1, 1, 0, Severity::Medium);
    }
}
