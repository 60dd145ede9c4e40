//! From the frame to the network layer: what is inside, and where it begins.

/// Ethernet types and the values of other link headers that mean the same.
pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const ARP: u16 = 0x0806;
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const PPPOE_SESSION: u16 = 0x8864;

/// Ethernet type and network layer of a frame of `link_type` (tcpdump.org/linktypes.html).
/// `None` if the link type is not known or the frame ends too early.
pub fn network_layer(link_type: u16, frame: &[u8]) -> Option<(u16, &[u8])> {
    let (mut ether_type, mut rest) = match link_type {
        0 | 108 => (loopback_family(frame)?, frame.get(4..)?),
        1 => (be16(frame, 12)?, frame.get(14..)?),
        9 => (ppp(be16(frame, 2)?)?, frame.get(4..)?),
        12 | 14 | 101 | 228 | 229 => (if frame.first()? >> 4 == 6 { IPV6 } else { IPV4 }, frame),
        113 => (be16(frame, 14)?, frame.get(16..)?),
        276 => (be16(frame, 0)?, frame.get(20..)?),
        _ => return None,
    };
    while VLAN.contains(&ether_type) {
        (ether_type, rest) = (be16(rest, 2)?, rest.get(4..)?);
    }
    if ether_type == PPPOE_SESSION {
        (ether_type, rest) = (ppp(be16(rest, 6)?)?, rest.get(8..)?);
    }
    Some((ether_type, rest))
}

/// BSD writes the address family in the order of its machine; those of IPv6 differ from system to system.
fn loopback_family(frame: &[u8]) -> Option<u16> {
    let family = match *frame.first_chunk::<4>()? {
        [0, 0, high, low] => u16::from_be_bytes([high, low]),
        [low, high, 0, 0] => u16::from_le_bytes([low, high]),
        _ => return None,
    };
    match family {
        2 => Some(IPV4),
        10 | 24 | 28 | 30 => Some(IPV6),
        _ => None,
    }
}

fn ppp(protocol: u16) -> Option<u16> {
    match protocol {
        0x0021 => Some(IPV4),
        0x0057 => Some(IPV6),
        _ => None,
    }
}

/// Network byte order.
pub fn be16(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_layer_is_found_behind_every_link_header() {
        let check = |link_type: u16, frame: &[u8], expected: Option<(u16, &[u8])>| {
            assert_eq!(network_layer(link_type, frame), expected, "link type {link_type}: {frame:02x?}");
        };
        let ethernet = |types: &[u8]| [&[0xff; 12], types].concat();
        check(1, &ethernet(&[8, 0, 0x45]), Some((IPV4, &[0x45])));
        check(1, &ethernet(&[8, 6, 9]), Some((ARP, &[9])));
        check(1, &ethernet(&[0x81, 0, 0, 7, 0x86, 0xdd, 0x60]), Some((IPV6, &[0x60])));
        check(1, &ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0, 0x45]), Some((IPV4, &[0x45])));
        check(1, &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 3, 0, 0x21, 0x45]), Some((IPV4, &[0x45])));
        check(1, &ethernet(&[0x81, 0, 0, 7, 0x81]), None);
        check(1, &ethernet(&[8]), None);
        check(113, &[&[0; 14][..], &[8, 0, 0x45]].concat(), Some((IPV4, &[0x45])));
        check(276, &[&[0x86, 0xdd][..], &[0; 18], &[0x60]].concat(), Some((IPV6, &[0x60])));
        check(101, &[0x45, 0], Some((IPV4, &[0x45, 0])));
        check(101, &[0x60, 0], Some((IPV6, &[0x60, 0])));
        check(101, &[], None);
        check(0, &[2, 0, 0, 0, 0x45], Some((IPV4, &[0x45])));
        check(0, &[30, 0, 0, 0, 0x60], Some((IPV6, &[0x60])));
        check(108, &[0, 0, 0, 24, 0x60], Some((IPV6, &[0x60])));
        check(108, &[0, 0, 0, 7, 0x60], None);
        check(9, &[0xff, 3, 0, 0x57, 0x60], Some((IPV6, &[0x60])));
        check(105, &[0; 64], None);
    }
}
