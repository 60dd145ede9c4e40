//! What decides whether verdicts are one attack or several: every constant of the book, with its reason.

/// Alarmed sources of one destination from which on the alert is about the destination.
pub fn sources_of_a_victim(label: &str) -> usize {
    match label {
        // The label says that the sources are many, and with forged ones a third never sends again.
        DDOS => 2,
        // Fewer are as well several attackers of their own, of whom people want to know each.
        _ => 5,
    }
}

/// The label of floods from many sources.
pub const DDOS: &str = "DDoS";

/// The label of forged ARP: its alerts are about the address whose owner flips.
pub const ARP_POISONING: &str = "ARP Poisoning";

/// Windows that an attack must be quiet for: a slow one makes a pause of a window now and then.
pub const QUIET_WINDOWS: u32 = 2;

/// How sure a closed window must be to say that the subject of an alert does something else as well. Models are seldom
/// surer than this of what a half of their votes contradicts.
pub const SECOND_FINAL: f32 = 0.8;

/// The same of open windows, whose verdicts waver more.
pub const SECOND_PROVISIONAL: f32 = 0.9;

/// Looks that must say so: one may see the first packets of something ordinary.
pub const SECOND_LOOKS: u32 = 2;

/// The share of the subject's verdicts in the window, or of its packets, that says something else: a dozen of the flows of a
/// sweep that are taken for logins are no second attack, one flow with most of the packets is.
pub const SECOND_SHARE: f64 = 0.25;

/// Growth since others were told last at which they are told again, and the packets from which on it counts.
pub const GROWN: u64 = 10;
/// See [`GROWN`]: from 3 to 30 packets is nothing to be woken for.
pub const GROWN_FROM: u64 = 100;

/// Alerts that are given reasons in one look or window at most: each asks the model some hundred times, and a storm of a
/// thousand alerts must not hold up the storing of flows.
pub const EXPLANATIONS: usize = 32;

/// Peers and ports that are kept as a sample.
pub const SAMPLE: usize = 16;

/// Names of protocols that are kept.
pub const PROTOCOLS: usize = 8;

/// Hardware addresses that are kept of a flipped address.
pub const CLAIMANTS: usize = 16;

/// Open windows whose figures are kept apart; there are two or three, unless clocks are far apart.
pub const OPEN_WINDOWS: usize = 4;

/// Closed windows that are remembered, so that a late pane of one does not count it again.
pub const WINDOWS_KEPT: usize = 8;

/// Labels that an alert keeps weights of; models have fewer classes.
pub const LABELS: usize = 32;
