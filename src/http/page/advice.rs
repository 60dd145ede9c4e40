//! What to do about an alert: where a person begins who has never seen one of its kind.

/// First steps, by label.
const STEPS: &[(&str, [&str; 3])] = &[
    (
        "Port Scanning",
        [
            "Find out who runs the scanning host. From inside: somebody looks around your network, or a tool that you know does.",
            "Look at its flows for ports that answered: those are what it found.",
            "A scanner of your own: silence it by its address. Anybody else's: block it, and close what needs not be open.",
        ],
    ),
    (
        "DDoS",
        [
            "See whether the service of the victim still answers.",
            "Limit or drop the traffic as far upstream as you can; the protocol and ports are below.",
            "Many senders may be forged: blocking single addresses then helps little.",
        ],
    ),
    (
        "Slowloris",
        [
            "See whether the web server has free connections left.",
            "Limit connections for each address, and shorten the time that a request's head may take.",
            "Block the sender if it goes on.",
        ],
    ),
    (
        "Brute Force",
        [
            "Look into the log of the service for a login that succeeded: then treat the account as taken.",
            "Block the sender, or allow the port to known addresses only.",
            "Have passwords replaced by keys or a second factor where that port stays open.",
        ],
    ),
    (
        "DNS Tunnel",
        [
            "Find the program on the sending host that asks for these names: it may send data out.",
            "Stop the names at your resolver, and allow no other resolver.",
            "Take the host off the network if nobody can say what it is.",
        ],
    ),
    (
        "ARP Poisoning",
        [
            "Somebody on the same network segment may be reading along. Find the switch port of the hardware address that came last.",
            "Look for a new device, a failover pair or virtual machines that share the address: these are harmless.",
            "Otherwise unplug it, and turn on dynamic ARP inspection.",
        ],
    ),
];

const OTHERS: [&str; 3] = [
    "Find out what the host is, and whether its owner expects this traffic.",
    "Compare with what is usual of it: its page shows that.",
    "If it is wanted, silence it; if not, block it and look for how it began.",
];

/// First steps for a label.
pub fn steps(label: &str) -> [&'static str; 3] {
    STEPS.iter().find(|(known, _)| *known == label).map_or(OTHERS, |(_, steps)| *steps)
}

/// How soon somebody should look, by severity.
pub fn urgency(severity: &str) -> &'static str {
    match severity {
        "critical" => "act now",
        "high" => "look now",
        "medium" => "look today",
        _ => "look some day",
    }
}
