//! Made-up traffic to learn from beside the recorded: attacks and ordinary doings by their mechanism, with everything that
//! differs from network to network drawn at random.
//!
//! What recordings lack is breadth: one tool at one rate in one laboratory. A mechanism is known, though: a sweep asks many
//! hosts once, a flood asks one host more than it answers. So each doing here is a few lines that say the mechanism, and
//! rates, sizes, delays, losses, ports, answers and what of it the sniffer sees are drawn anew each time. Only for training
//! splits: a model is never judged by made-up traffic. The same seed gives the same packets.

mod attacks;
mod ordinary;
mod scene;
mod wire;

use super::corpus::LabelledPacket;

pub use scene::Scene;

/// One kind of traffic.
#[derive(Clone, Copy)]
pub struct Doing {
    /// What it is, unique: `scan_syn_vertical`.
    pub name: &'static str,
    /// The label of the attacking side's packets: one of `LABELS`.
    pub label: &'static str,
    /// Puts it on the scene, which is set to its label.
    pub enact: fn(&mut Scene),
}

/// All kinds, attacks first.
pub fn doings() -> impl Iterator<Item = Doing> {
    attacks::ALL.iter().chain(ordinary::ALL).copied()
}

/// Share of the captures in which other hosts of the network go about their business too.
const COMPANY: f64 = 0.6;

/// A capture of one doing, most often among ordinary ones, in the order of time.
pub fn capture(doing: Doing, seed: u64) -> Vec<LabelledPacket> {
    // Two doings of one seed have nothing else in common: not the hosts beside them, not how fast they are. FNV-1a.
    let name = doing
        .name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut scene = Scene::new(seed ^ name);
    if scene.chance(COMPANY) {
        for _ in 0..scene.count(1, 4) {
            let other = scene.one_of(ordinary::ALL);
            scene.ordinary();
            (other.enact)(&mut scene);
        }
    }
    scene.attack(doing.label);
    (doing.enact)(&mut scene);
    scene.finish()
}

#[cfg(test)]
mod tests;
