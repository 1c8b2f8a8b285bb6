//! Whoever (re)joins begins with little: caches are cold and nothing is known.
//!
//! A node that is picked while it warms up gives way with a chance that falls in a line from nine tenths to nothing over
//! the window, and the policy picks again. So it works around any policy, weighted or not. A pick is repeated three times
//! at most: where everyone is warming up there is nobody to give way to, and nobody does more often than the others.

use alloc::vec::Vec;
use core::time::Duration;

use super::dice::Dice;
use super::roster::Slot;
use crate::time::Time;

/// How often one pick is repeated for those who give way.
pub(super) const GIVING_WAY_MAX: usize = 3;
/// The share of its picks that a node keeps at the beginning of its window, in 2^-32: a tenth, as Envoy has it.
const LEAST: u64 = (1 << 32) / 10;

/// Who is warming up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SlowStart {
    window: Duration,
    /// By slot: when it began.
    began_at: Vec<Option<Time>>,
    /// When the last one is warm, so that picks need not look.
    over_at: Time,
}

impl SlowStart {
    /// Returns a start over `window`; zero if nobody is to warm up.
    pub(super) const fn new(window: Duration) -> Self {
        Self { window, began_at: Vec::new(), over_at: Time::ZERO }
    }

    /// Begins the window of whoever is in a slot.
    pub(super) fn begin(&mut self, now: Time, slot: Slot) {
        if slot.index() >= self.began_at.len() {
            self.began_at.resize(slot.index() + 1, None);
        }
        self.began_at[slot.index()] = Some(now);
        self.over_at = self.over_at.max(now + self.window);
    }

    /// Draws whether whoever is in a slot gives way.
    #[inline]
    pub(super) fn gives_way(&self, now: Time, slot: Slot, dice: &mut Dice) -> bool {
        now < self.over_at && dice.bits() >> 32 >= self.share(now, slot)
    }

    /// The share of its picks that a node keeps, in 2^-32.
    fn share(&self, now: Time, slot: Slot) -> u64 {
        let (whole, window) = (1u64 << 32, self.window.as_nanos());
        let Some(Some(began_at)) = self.began_at.get(slot.index()) else { return whole };
        let elapsed = now.since(*began_at).as_nanos();
        if elapsed >= window {
            return whole;
        }
        LEAST + (u128::from(whole - LEAST) * elapsed / window) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn the_share_rises_in_a_line_from_a_tenth() {
        let mut start = SlowStart::new(Duration::from_secs(10));
        let slot = Slot::new(3);
        start.begin(Time::from_millis(5_000), slot);
        let percent = |millis| (start.share(Time::from_millis(millis), slot) * 1000) >> 32;
        assert_eq!([5_000, 7_500, 10_000, 14_999, 15_000, 99_000].map(percent), [99, 324, 549, 999, 1000, 1000]);
        assert_eq!(start.share(Time::ZERO, Slot::new(9)), 1 << 32);
    }

    #[test]
    fn giving_way_is_as_frequent_as_the_share_says_and_ends() {
        let mut start = SlowStart::new(Duration::from_secs(10));
        start.begin(Time::ZERO, Slot::new(0));
        let mut dice = Dice::new(&mut Stream::new(Seed::new(1), "start"));
        let mut count = |now| (0..10_000).filter(|_| start.gives_way(now, Slot::new(0), &mut dice)).count();
        assert!(count(Time::ZERO).abs_diff(9_000) < 150);
        assert!(count(Time::from_millis(5_000)).abs_diff(4_500) < 250);
        assert_eq!(count(Time::from_millis(10_000)), 0);
    }
}
