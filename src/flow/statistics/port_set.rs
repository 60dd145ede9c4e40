//! A set of ports that is small while few are in it: 7 inline, then a hash table, then a bitmap of 8 KiB.
//!
//! A bitmap from the start would be 8 KiB a flow; in ordinary traffic a fifth of the flows outgrow 7 ports, and a
//! distributed scan makes a million flows.

use std::iter;

/// Distinct ports from 1 to 65535.
#[derive(Clone, Debug)]
pub struct PortSet(State);

#[derive(Clone, Debug)]
enum State {
    /// The first `len` are taken.
    Few { len: u8, ports: [u16; FEW] },
    /// Open addressing with linear probing; 0 is a free slot. A power of two of slots, at most three quarters taken.
    Some(Box<HashSlots>),
    /// One bit a port.
    Many(Box<Bitmap>),
}

#[derive(Clone, Debug)]
struct HashSlots {
    len: u32,
    slots: Box<[u16]>,
}

#[derive(Clone, Debug)]
struct Bitmap {
    len: u32,
    words: [u64; 1024],
}

const FEW: usize = 7;
const FIRST_SLOTS: usize = 32;
/// Slots beyond which the bitmap is smaller.
const MOST_SLOTS: usize = 4096;

impl Default for PortSet {
    fn default() -> Self {
        Self(State::Few { len: 0, ports: [0; FEW] })
    }
}

impl PortSet {
    /// Adds a port; 0 is no port and is left out.
    pub fn insert(&mut self, port: u16) {
        if port == 0 {
            return;
        }
        match &mut self.0 {
            State::Few { len, ports } => {
                let taken = usize::from(*len);
                if ports[..taken].contains(&port) {
                    return;
                }
                if taken < FEW {
                    ports[taken] = port;
                    *len += 1;
                    return;
                }
            }
            State::Some(table) => {
                if !table.is_full() || table.contains(port) {
                    table.insert(port);
                    return;
                }
            }
            State::Many(bitmap) => {
                bitmap.insert(port);
                return;
            }
        }
        self.grow();
        self.insert(port);
    }

    /// Adds all ports of `other`.
    pub fn extend(&mut self, other: &Self) {
        if let (State::Many(mine), State::Many(theirs)) = (&mut self.0, &other.0) {
            return mine.extend(theirs);
        }
        for port in other.ports() {
            self.insert(port);
        }
    }

    /// Whether the port is in the set.
    pub fn contains(&self, port: u16) -> bool {
        port != 0
            && match &self.0 {
                State::Few { len, ports } => ports[..usize::from(*len)].contains(&port),
                State::Some(table) => table.contains(port),
                State::Many(bitmap) => bitmap.contains(port),
            }
    }

    /// Number of ports in the set.
    pub fn len(&self) -> u32 {
        match &self.0 {
            State::Few { len, .. } => u32::from(*len),
            State::Some(table) => table.len,
            State::Many(bitmap) => bitmap.len,
        }
    }

    /// Whether no port is in the set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of ports in either set.
    #[allow(clippy::cast_possible_truncation)] // at most 65,535
    pub fn union_len(&self, other: &Self) -> u32 {
        let (small, large) = if self.len() < other.len() { (self, other) } else { (other, self) };
        large.len() + small.ports().filter(|&port| !large.contains(port)).count() as u32
    }

    /// The ports, in no particular order.
    pub fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        let (slots, bitmap): (&[u16], _) = match &self.0 {
            State::Few { len, ports } => (&ports[..usize::from(*len)], None),
            State::Some(table) => (&table.slots, None),
            State::Many(bitmap) => (&[], Some(bitmap)),
        };
        let bitmap = bitmap.into_iter().flat_map(|bitmap| bitmap.ports());
        slots.iter().copied().filter(|&port| port != 0).chain(bitmap)
    }

    /// Octets held outside the value itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            State::Few { .. } => 0,
            State::Some(table) => size_of::<HashSlots>() + table.slots.len() * size_of::<u16>(),
            State::Many(_) => size_of::<Bitmap>(),
        }
    }

    #[cold]
    fn grow(&mut self) {
        let slots = match &self.0 {
            State::Few { .. } => FIRST_SLOTS,
            State::Some(table) => table.slots.len() * 2,
            State::Many(_) => return,
        };
        self.0 = if slots < MOST_SLOTS {
            let mut table = HashSlots { len: 0, slots: vec![0; slots].into_boxed_slice() };
            self.ports().for_each(|port| table.insert(port));
            State::Some(Box::new(table))
        } else {
            let mut bitmap = Box::new(Bitmap { len: 0, words: [0; 1024] });
            self.ports().for_each(|port| bitmap.insert(port));
            State::Many(bitmap)
        };
    }
}

/// The same ports, however the set came to hold them.
impl PartialEq for PortSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.ports().all(|port| other.contains(port))
    }
}

impl Eq for PortSet {}

impl HashSlots {
    fn is_full(&self) -> bool {
        self.len as usize * 4 >= self.slots.len() * 3
    }

    /// Where the port is, or the free slot where it would go: there is one, for the table is never full.
    fn slot_of(&self, port: u16) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: consecutive ports, a scan's, land far apart.
        let mut slot = (usize::from(port).wrapping_mul(40_503) >> 4) & mask;
        while self.slots[slot] != 0 && self.slots[slot] != port {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn contains(&self, port: u16) -> bool {
        self.slots[self.slot_of(port)] == port
    }

    fn insert(&mut self, port: u16) {
        let slot = self.slot_of(port);
        if self.slots[slot] == 0 {
            self.slots[slot] = port;
            self.len += 1;
        }
    }
}

impl Bitmap {
    fn contains(&self, port: u16) -> bool {
        self.words[usize::from(port >> 6)] & (1 << (port & 63)) != 0
    }

    fn insert(&mut self, port: u16) {
        if !self.contains(port) {
            self.words[usize::from(port >> 6)] |= 1 << (port & 63);
            self.len += 1;
        }
    }

    fn extend(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(other.words) {
            *mine |= theirs;
        }
        self.len = self.words.iter().map(|word| word.count_ones()).sum();
    }

    fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.words.iter().zip(0u16..).flat_map(|(&word, index)| {
            let mut left = word;
            iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                // Below 64, so it fits.
                let bit = u16::try_from(left.trailing_zeros()).ok()?;
                left &= left - 1;
                Some(index << 6 | bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn of_any_size() -> impl Strategy<Value = Vec<u16>> {
        let ports = |size| prop::collection::vec(any::<u16>(), size);
        prop_oneof![ports(0..20), ports(0..2000), ports(2000..6000)]
    }

    proptest! {
        #[test]
        fn it_is_a_set(ports in prop::collection::vec(prop_oneof![any::<u16>(), 0u16..40], 0..6000)) {
            let mut set = PortSet::default();
            let mut model = BTreeSet::new();
            for port in ports {
                set.insert(port);
                if port != 0 { model.insert(port); }
            }
            prop_assert_eq!(set.len() as usize, model.len());
            prop_assert_eq!(set.ports().collect::<BTreeSet<_>>(), model.clone());
            for port in [0, 1, 39, 40, 65535] {
                prop_assert_eq!(set.contains(port), model.contains(&port));
            }
        }

        #[test]
        fn extending_is_inserting_each(left in of_any_size(), right in of_any_size()) {
            let fill = |ports: &[u16]| { let mut set = PortSet::default(); for &port in ports { set.insert(port); } set };
            let mut extended = fill(&left);
            extended.extend(&fill(&right));
            prop_assert_eq!(extended, fill(&[left, right].concat()));
        }

        #[test]
        fn union_len_counts_each_port_once(left in prop::collection::vec(1u16..300, 0..200), right in prop::collection::vec(1u16..300, 0..20)) {
            let fill = |ports: &[u16]| { let mut set = PortSet::default(); for &port in ports { set.insert(port); } set };
            let expected = left.iter().chain(&right).collect::<BTreeSet<_>>().len();
            prop_assert_eq!(fill(&left).union_len(&fill(&right)) as usize, expected);
        }
    }

    #[test]
    fn it_stays_small() {
        assert_eq!(size_of::<PortSet>(), 16);
        let mut set = PortSet::default();
        (1..=7).for_each(|port| set.insert(port));
        assert_eq!(set.heap_bytes(), 0);
        (1..=u16::MAX).for_each(|port| set.insert(port));
        assert_eq!(set.len(), 65_535);
        assert!(set.heap_bytes() <= 8 * 1024 + 16);
    }
}
