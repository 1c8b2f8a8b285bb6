//! Fast randomness for picks, seeded by the node's.
//!
//! A draw of [`Stream`] computes a block of ChaCha, which costs more than a whole pick. `SplitMix64` (Steele, Lea and
//! Flood, OOPSLA 2014) is an addition and two multiplications, and its state is one word. Its draws can be foretold from
//! a few of them: a lot decides who serves a request and is no secret.

use crate::rng::Stream;

/// One sequence of draws.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dice(u64);

impl Dice {
    /// Begins a sequence that follows from the next draw of `stream`.
    pub fn new(stream: &mut Stream) -> Self {
        Self(stream.next_u64())
    }

    /// Draws 64 uniform bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Draws a uniform number below `bound`; zero if that is zero.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// Spreads a word over all its bits; a bijection.
#[inline]
pub(super) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Maps 32 random bits onto the numbers below `bound`, which fits in 32 bits too.
#[inline]
pub(super) const fn scale(bits: u32, bound: usize) -> usize {
    ((bits as u64 * bound as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 1234567 in the reference implementation.
    #[test]
    fn the_draws_are_those_of_split_mix() {
        let mut dice = Dice(1_234_567);
        let drawn = [dice.bits(), dice.bits(), dice.bits()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut dice = Dice(1);
        assert!((0..1000).all(|_| dice.below(7) < 7));
        assert_eq!(dice.below(0), 0);
        assert_eq!(scale(u32::MAX, 10), 9);
    }
}
