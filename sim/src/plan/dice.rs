//! Draws for a plan, from one labelled stream.

use std::time::Duration;

use delian_core::{Seed, Stream};

/// One stream of draws for one purpose.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Stream);

impl Dice {
    pub(crate) fn new(seed: Seed, purpose: &str) -> Self {
        Self(Stream::new(seed, purpose))
    }

    /// Draws a number from `least` up to and including `most`.
    pub(crate) fn number(&mut self, least: u64, most: u64) -> u64 {
        assert!(least <= most, "no number lies from {least} to {most}");
        least + self.0.below((most - least).saturating_add(1))
    }

    /// Is true in `part` of `whole` draws.
    pub(crate) fn chance(&mut self, part: u64, whole: u64) -> bool {
        self.0.below(whole) < part
    }

    /// Draws one of several.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.below(choices.len() as u64) as usize]
    }

    /// Draws a place in a list of weights, of which at least one is positive.
    pub(crate) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.0.below(weights.iter().sum());
        for (position, weight) in weights.iter().enumerate() {
            if left < *weight {
                return position;
            }
            left -= weight;
        }
        unreachable!("the draw lies below the sum of {weights:?}")
    }

    /// Draws a time between two bounds, in whole milliseconds where they are long: a saved plan is read by people.
    pub(crate) fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let drawn = self.0.span(least, most.max(least));
        let grain = if most >= Duration::from_millis(100) { 1_000_000 } else { 1_000 };
        let nanos = u64::try_from(drawn.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos - nanos % grain).max(least)
    }

    /// Puts a list in random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let other = self.0.below(end as u64 + 1) as usize;
            list.swap(end, other);
        }
    }
}
