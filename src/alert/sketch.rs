//! How many distinct things there are: exact for a few hundred, and a `HyperLogLog` for more. The same four thousand octets for
//! a thousand addresses and for a billion, and what is added twice counts once.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Hashes that are kept as they are; with more, only registers are.
const FEW: usize = 512;
/// 4,096 registers: a standard error of 1.6 %.
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The greatest number of leading zeros of the bits that do not choose the register.
const ZEROS_MAX: u8 = 20;
const _: () = assert!(ZEROS_MAX as u32 == u32::BITS - INDEX_BITS, "the bits that are left");
const FEW_PREFIX: &str = "f:";
const MANY_PREFIX: &str = "m:";

/// A number of distinct things. `insert` and `merge` commute, associate and are idempotent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sketch(State);

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// Hashes in ascending order.
    Few(Vec<u32>),
    /// The greatest rank of each register.
    Many(Box<[u8; REGISTERS]>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self(State::Few(Vec::new()))
    }
}

/// A hash of an address that stays the same over restarts.
pub fn hash_of_address(address: IpAddr) -> u64 {
    let bits = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let octets = bits.to_be_bytes();
    let (halves, _) = octets.as_chunks::<8>();
    halves.iter().fold(0, |hash, half| mix(hash ^ u64::from_be_bytes(*half)))
}

/// Spreads the bits of a number over all bits (the finalizer of `SplitMix64`).
pub fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Sketch {
    /// Adds a thing by its hash, all bits of which must be good.
    pub fn insert(&mut self, hash: u64) {
        self.insert_short((hash >> 32) as u32);
    }

    fn insert_short(&mut self, hash: u32) {
        match &mut self.0 {
            State::Few(hashes) => {
                let Err(at) = hashes.binary_search(&hash) else { return };
                hashes.insert(at, hash);
                if hashes.len() > FEW {
                    let mut registers = Box::new([0; REGISTERS]);
                    for &hash in hashes.iter() {
                        register(&mut registers, hash);
                    }
                    self.0 = State::Many(registers);
                }
            }
            State::Many(registers) => register(registers, hash),
        }
    }

    /// Adds all that another has seen.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, State::Few(hashes)) => hashes.iter().for_each(|&hash| self.insert_short(hash)),
            (State::Many(registers), State::Many(others)) => {
                registers.iter_mut().zip(others.iter()).for_each(|(own, &other)| *own = (*own).max(other));
            }
            (State::Few(_), State::Many(_)) => {
                let few = std::mem::replace(self, other.clone());
                self.merge(&few);
            }
        }
    }

    /// How many there are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and far below 2⁵³
    pub fn count(&self) -> u64 {
        match &self.0 {
            State::Few(hashes) => hashes.len() as u64,
            State::Many(registers) => estimate(registers).round() as u64,
        }
    }

    /// Octets taken elsewhere.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            State::Few(hashes) => hashes.capacity() * size_of::<u32>(),
            State::Many(_) => REGISTERS,
        }
    }
}

fn register(registers: &mut [u8; REGISTERS], hash: u32) {
    let zeros = u8::try_from((hash << INDEX_BITS).leading_zeros()).map_or(ZEROS_MAX, |zeros| zeros.min(ZEROS_MAX));
    let register = &mut registers[(hash >> (u32::BITS - INDEX_BITS)) as usize];
    *register = (*register).max(zeros + 1);
}

/// Ertl's estimator ("New cardinality estimation algorithms for `HyperLogLog` sketches", 2017), which needs no table against
/// the bias in the middle and is linear counting for small numbers.
fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    let mut counts = [0u32; ZEROS_MAX as usize + 2];
    for &rank in registers {
        counts[usize::from(rank.min(ZEROS_MAX + 1))] += 1;
    }
    let all = REGISTERS as f64;
    let [none, middle @ .., full] = &counts;
    let mut sum = all * tail(1.0 - f64::from(*full) / all);
    for &count in middle.iter().rev() {
        sum = 0.5 * (sum + f64::from(count));
    }
    sum += all * head(f64::from(*none) / all);
    all * all / (2.0 * std::f64::consts::LN_2 * sum)
}

/// Ertl's σ: what registers that nothing has touched say.
fn head(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// Ertl's τ: what registers that are full say.
fn tail(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

impl From<Sketch> for String {
    fn from(sketch: Sketch) -> Self {
        match sketch.0 {
            State::Few(hashes) => {
                let hashes = hashes.iter().map(|hash| format!("{hash:08x}"));
                std::iter::once(FEW_PREFIX.to_owned()).chain(hashes).collect()
            }
            State::Many(registers) => {
                MANY_PREFIX.chars().chain(registers.iter().map(|&rank| char::from(b'0' + rank))).collect()
            }
        }
    }
}

/// A text that no sketch was written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{octets} octets that are no sketch")]
pub struct NoSketch {
    octets: usize,
}

impl TryFrom<String> for Sketch {
    type Error = NoSketch;

    fn try_from(text: String) -> Result<Self, NoSketch> {
        read(&text).ok_or(NoSketch { octets: text.len() })
    }
}

fn read(text: &str) -> Option<Sketch> {
    let mut sketch = Sketch::default();
    if let Some(hashes) = text.strip_prefix(FEW_PREFIX) {
        for hash in hashes.as_bytes().chunks(8) {
            sketch.insert_short(u32::from_str_radix(std::str::from_utf8(hash).ok()?, 16).ok()?);
        }
    } else {
        let ranks = text.strip_prefix(MANY_PREFIX)?.bytes().map(|rank| rank.checked_sub(b'0'));
        let ranks = ranks.map(|rank| rank.filter(|&rank| rank <= ZEROS_MAX + 1)).collect::<Option<Vec<u8>>>()?;
        sketch.0 = State::Many(ranks.into_boxed_slice().try_into().ok()?);
    }
    Some(sketch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(numbers: impl IntoIterator<Item = u32>) -> Sketch {
        let mut sketch = Sketch::default();
        numbers.into_iter().for_each(|number| sketch.insert(hash_of_address(number.to_be_bytes().into())));
        sketch
    }

    #[test]
    fn few_are_counted_and_many_estimated_within_five_percent() {
        for many in [0u32, 1, 16, 512, 513, 1_000, 5_000, 20_000, 200_000] {
            for base in [0u32, 0x0a00_0000, 0xc0a8_0000] {
                let sketch = sketch((base..base + many).chain(base..base + many / 2));
                let (found, expected) = (sketch.count() as f64, f64::from(many));
                let error = if many <= 512 { 0.0 } else { 0.05 * expected };
                assert!((found - expected).abs() <= error, "{found} of {expected}");
                assert!(sketch.heap_bytes() <= 4_096);
            }
        }
    }

    #[test]
    fn merged_is_as_seen_together_and_a_text_is_read_as_written() {
        for (left, right) in [(0..100, 50..200), (0..400, 300..800), (0..5_000, 10..20), (0..10, 0..5_000)] {
            let mut merged = sketch(left.clone());
            merged.merge(&sketch(right.clone()));
            assert_eq!(merged, sketch(left.chain(right)));
            assert_eq!(Sketch::try_from(String::from(merged.clone())), Ok(merged));
        }
        for broken in ["", "f:zz", "m:000", "x:"] {
            assert!(Sketch::try_from(broken.to_owned()).is_err(), "{broken}");
        }
    }
}
