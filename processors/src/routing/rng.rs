//! The counter RNG: a coin and a pick that depend on the seed and the decision's id alone.
//!
//! A position in a stream of random numbers would make one decision depend on all before it; keyed
//! by the id, any decision can be drawn again by itself, in any order and on any partition.

use core::f64::consts::TAU;

/// SplitMix64's increment (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators").
pub const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;
const COIN_STEP: f64 = 1.0 / (1u64 << 53) as f64;

/// What the RNG gives one decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Uniform on [0, 1), in steps of 2^-53: explore where it is below epsilon.
    pub coin: f64,
    pick: u64,
}

impl Draw {
    /// The draw of a decision: SplitMix64 from FNV-1a64(`id`) xor `seed`, first output the coin,
    /// second the pick.
    pub fn new(seed: i64, id: &[u8]) -> Self {
        let start = fnv1a64(id) ^ seed as u64;
        let first = mix(start.wrapping_add(GAMMA));
        let second = mix(start.wrapping_add(GAMMA.wrapping_mul(2)));
        Self { coin: (first >> 11) as f64 * COIN_STEP, pick: second }
    }

    /// An index below `len` (0 where `len` is 0): the high half of pick times `len`.
    pub const fn index(self, len: usize) -> usize {
        ((self.pick as u128 * len as u128) >> 64) as usize
    }
}

/// Normal values of a decision: the outputs of [`Draw`]'s generator after coin and pick, two for each
/// value (Box, Muller 1958).
#[derive(Debug, Clone)]
pub struct Normals {
    state: u64,
}

impl Normals {
    /// The values of a decision.
    pub fn new(seed: i64, id: &[u8]) -> Self {
        let start = fnv1a64(id) ^ seed as u64;
        Self { state: start.wrapping_add(GAMMA.wrapping_mul(2)) }
    }

    /// The next value: mean 0, variance 1, at most 8.6 from 0.
    pub fn draw(&mut self) -> f64 {
        // The radius takes (0, 1], where the logarithm is finite.
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform() + COIN_STEP));
        radius * libm::cos(TAU * self.uniform())
    }

    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(GAMMA);
        (mix(self.state) >> 11) as f64 * COIN_STEP
    }
}

/// SplitMix64's output function.
pub const fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bit.
fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a64 of "foobar" as its authors publish it; SplitMix64 from seed 1234567 as in the
    /// widely copied reference listing.
    #[test]
    fn hash_and_generator_agree_with_published_values() {
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_F739_67E8);
        let outputs = [1u64, 2].map(|i| mix(1_234_567u64.wrapping_add(GAMMA.wrapping_mul(i))));
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn the_pick_stays_below_the_length() {
        for i in 0..1000u32 {
            let draw = Draw::new(7, &i.to_le_bytes());
            assert!(draw.index(3) < 3 && (0.0..1.0).contains(&draw.coin));
        }
    }
}
