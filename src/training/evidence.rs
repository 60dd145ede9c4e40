//! Whether a flow already shows what its label says.
//!
//! A label says what a source does in the whole capture; the first packet of a password guesser is one login like any other.
//! Who learns that one login is an attack raises false alarms, and who learns that it is none misses attacks. So such rows
//! are not learnt at all. They are still judged.

use super::corpus::Label;
use crate::flow::context::Context;
use crate::flow::statistics::Statistics;
use crate::verdict::features::connections;

/// Logins from which on a guesser is one: people mistype twice.
const CONNECTIONS_MIN: f64 = 3.0;
/// Packets of a flow in which so many logins have room in one connection.
const LOGIN_PACKETS_MIN: u64 = 30;
/// Hosts and ports together that a scanner tries.
const TRIES_MIN: f64 = 5.0;
/// Packets to one destination that are the least of floods.
const FLOOD_PACKETS_MIN: f64 = 10.0;
/// Addresses of one hardware address, or hardware addresses of one address: one more than is usual.
const CLAIMS_MIN: f64 = 2.0;

/// Whether the flow, among its neighbours, shows what its label says. Ordinary flows always do.
pub fn shows(label: Label, flow: &Statistics, context: &Context) -> bool {
    match label.name() {
        "DDoS" => context.destination_packets >= FLOOD_PACKETS_MIN,
        "Port Scanning" => context.source_destinations + f64::from(flow.ports.destination.len()) >= TRIES_MIN,
        "Brute Force" => connections(flow) >= CONNECTIONS_MIN || flow.volume.packets >= LOGIN_PACKETS_MIN,
        "ARP Poisoning" => {
            flow.arp.replies() > 0 || context.hardware_claims >= CLAIMS_MIN || context.address_claimants >= CLAIMS_MIN
        }
        _ => true,
    }
}
