//! The simulator's own randomness: one buffered `ChaCha8` stream per purpose.
//!
//! Streams of different purposes never disturb each other, so leaving out a fault or an operation while shrinking does
//! not shift what the others draw.

use delian_core::Seed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

use crate::scenario::{Latency, Shape};

/// A stream of random numbers for one purpose.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: Seed, purpose: &str) -> Self {
        let mut key = [0; 32];
        for (word, bytes) in key.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&seed.derive(purpose, word as u64).get().to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number below `bound`, which must be positive.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scale(self.next_u64(), bound)
    }
}

/// A latency with its bounds in nanoseconds, ready to draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delay {
    least: u64,
    width: u64,
    shape: Shape,
}

impl From<Latency> for Delay {
    fn from(latency: Latency) -> Self {
        let (least, most) = (nanos(latency.least), nanos(latency.most));
        Self { least, width: most.saturating_sub(least), shape: latency.shape }
    }
}

impl Delay {
    pub(crate) fn draw(self, random: &mut Random) -> u64 {
        let drawn = scale(random.next_u64(), self.width.saturating_add(1));
        let spread = match self.shape {
            Shape::Uniform => drawn,
            Shape::Skewed if self.width == 0 => 0,
            Shape::Skewed => (u128::from(drawn) * u128::from(drawn) / u128::from(self.width)) as u64,
        };
        self.least + spread
    }
}

/// Returns a span in nanoseconds, at most about 584 years.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Maps 64 uniform bits to a number below `bound`.
fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}
