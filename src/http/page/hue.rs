//! Which colour a label has: the same on every page and chart, whatever else is shown. Eight hues and a grey, told apart by
//! text as well.

/// Labels that come with flowsentry, each with a hue of its own.
pub const KNOWN: [&str; 6] = ["DDoS", "Port Scanning", "Brute Force", "ARP Poisoning", "DNS Tunnel", "Slowloris"];
const HUES: u32 = 8;
/// Labels that alarm nobody.
const CALM: [&str; 2] = ["Normal", "unknown"];

/// Whether a label alarms nobody.
pub fn is_calm(label: &str) -> bool {
    CALM.contains(&label)
}

/// The class that colours what is of a label.
pub fn class(label: &str) -> String {
    if is_calm(label) {
        return "hue-0".to_owned();
    }
    let place = KNOWN.iter().position(|known| *known == label).and_then(|place| u32::try_from(place).ok());
    // Names of a site's own model: FNV-1a, which stays the same from build to build.
    let hash = || label.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("hue-{}", place.unwrap_or_else(|| hash() % HUES) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_hues_of_their_own_and_calm_ones_are_grey() {
        let check = |label: &str, expected: &str| assert_eq!(class(label), expected, "{label}");
        check("Normal", "hue-0");
        check("unknown", "hue-0");
        check("DDoS", "hue-1");
        check("Slowloris", "hue-6");
        check("Exfiltration", &class("Exfiltration"));
        for label in ["", "x", "<b>", "Exfiltration"] {
            let hue: u32 = class(label).strip_prefix("hue-").unwrap().parse().unwrap();
            assert!((1..=HUES).contains(&hue), "{label}");
        }
    }
}
