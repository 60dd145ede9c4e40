//! What the demo's traffic is made of: recordings, where each is laid in time and in which network.

use std::net::Ipv4Addr;

/// A recording that is laid over the others.
pub struct Layer {
    /// A zstd-compressed pcap file.
    pub capture: &'static [u8],
    /// Seconds after the start of the traffic at which its first packet comes.
    pub start: f64,
    /// The network that it was recorded in (its first three octets) and the one that it is moved to; hosts keep their
    /// last octet. Addresses of other networks stay.
    pub moved: ([u8; 3], [u8; 3]),
    /// Hosts that are moved elsewhere, by their last octet.
    pub hosts: &'static [(u8, Ipv4Addr)],
}

/// An attack that is in the traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attack {
    /// What a model should call it.
    pub label: &'static str,
    /// What it is, for people.
    pub name: &'static str,
    /// Who attacks: addresses; for ARP the hardware address.
    pub attackers: &'static [&'static str],
    /// Who is attacked.
    pub victims: &'static [&'static str],
    /// Seconds after the start of the traffic at which it begins and ends.
    pub seconds: (u32, u32),
}

/// The attacks, in the order in which they begin.
pub const ATTACKS: [Attack; 5] = [
    Attack {
        label: "ARP Poisoning",
        name: "ARP spoofing",
        attackers: &["02:09:00:00:00:3d", "02:09:00:00:00:3e"],
        victims: &["10.20.1.12", "10.20.1.22", "10.20.1.23"],
        seconds: (2, 97),
    },
    Attack {
        label: "Port Scanning",
        name: "port scan",
        attackers: &["198.51.100.62", "198.51.100.64"],
        victims: &["10.20.1.12", "10.20.2.13"],
        seconds: (8, 38),
    },
    Attack {
        label: "Brute Force",
        name: "SSH passwords",
        attackers: &["203.0.113.61", "203.0.113.62"],
        victims: &["10.20.1.11", "10.20.2.12"],
        seconds: (20, 88),
    },
    Attack {
        label: "DDoS",
        name: "SYN flood",
        attackers: &["203.0.113.63"],
        victims: &["10.20.1.13"],
        seconds: (40, 51),
    },
    Attack {
        label: "DDoS",
        name: "SYN flood from forged sources",
        attackers: &["thousands of addresses"],
        victims: &["10.20.3.13"],
        seconds: (64, 78),
    },
];

/// Ordinary traffic of three networks over 100 s, and the attacks.
pub const LAYERS: [Layer; 8] = [
    Layer {
        capture: include_bytes!("captures/office.pcap.zst"),
        start: 0.0,
        moved: ([10, 9, 0], [10, 20, 1]),
        hosts: &[],
    },
    Layer {
        capture: include_bytes!("captures/web.pcap.zst"),
        start: 1.0,
        moved: ([10, 9, 0], [10, 20, 2]),
        hosts: &[],
    },
    Layer {
        capture: include_bytes!("captures/busy.pcap.zst"),
        start: 15.0,
        moved: ([172, 30, 5], [10, 20, 3]),
        hosts: &[],
    },
    Layer {
        capture: include_bytes!("captures/arp_spoofing.pcap.zst"),
        start: 2.0,
        moved: ([172, 30, 5], [10, 20, 1]),
        hosts: &[],
    },
    Layer {
        capture: include_bytes!("captures/port_scan.pcap.zst"),
        start: 8.0,
        moved: ([172, 30, 5], [10, 20, 1]),
        hosts: &[
            (62, Ipv4Addr::new(198, 51, 100, 62)),
            (64, Ipv4Addr::new(198, 51, 100, 64)),
            (13, Ipv4Addr::new(10, 20, 2, 13)),
        ],
    },
    Layer {
        capture: include_bytes!("captures/ssh_brute_force.pcap.zst"),
        start: 20.0,
        moved: ([10, 9, 7], [10, 20, 1]),
        hosts: &[
            (61, Ipv4Addr::new(203, 0, 113, 61)),
            (62, Ipv4Addr::new(203, 0, 113, 62)),
            (12, Ipv4Addr::new(10, 20, 2, 12)),
        ],
    },
    Layer {
        capture: include_bytes!("captures/syn_flood.pcap.zst"),
        start: 40.0,
        moved: ([10, 9, 7], [10, 20, 1]),
        hosts: &[(63, Ipv4Addr::new(203, 0, 113, 63))],
    },
    Layer {
        capture: include_bytes!("captures/spoofed_syn_flood.pcap.zst"),
        start: 64.0,
        moved: ([10, 9, 7], [10, 20, 3]),
        hosts: &[],
    },
];
