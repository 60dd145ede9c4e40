//! Which flows of a window had packets since somebody last asked: one bit a flow, and a list, so that neither a packet nor
//! the answer costs more where many flows are open.

/// Places of flows, each at most once.
#[derive(Debug, Default)]
pub struct Touched {
    bits: Vec<u64>,
    places: Vec<u32>,
}

impl Touched {
    /// Adds the flow at `place`.
    #[allow(clippy::cast_possible_truncation)] // as many flows as fit into memory
    pub fn add(&mut self, place: usize) {
        let (word, bit) = (place / 64, 1 << (place % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.places.push(place as u32);
        }
    }

    /// The flows in the order of their places, which is the order in memory of all that is known of them; none is left.
    pub fn take(&mut self) -> Vec<u32> {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable();
        for &place in &places {
            self.bits[place as usize / 64] = 0;
        }
        places
    }

    /// Octets held.
    pub fn bytes(&self) -> usize {
        self.bits.capacity() * size_of::<u64>() + self.places.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_given_once_until_it_is_touched_again() {
        let mut touched = Touched::default();
        for place in [3, 64, 3, 0, 1000, 64] {
            touched.add(place);
        }
        assert_eq!(touched.take(), [0, 3, 64, 1000]);
        assert_eq!(touched.take(), [0; 0]);
        touched.add(64);
        assert_eq!(touched.take(), [64]);
        assert!(touched.bytes() >= 16 * 8);
    }
}
