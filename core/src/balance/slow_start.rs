//! Whoever (re)joins begins with little: caches are cold and nothing is known.
//!
//! A node that is picked while it warms up gives way with a chance that falls in a line from nine tenths to nothing over
//! the window, and the policy picks again. So it works around any policy, weighted or not; but a key stays with its owner
//! and a session with its node, for they are the ones that have or will have what belongs to them. How warm a node is
//! counts beside the warmest: where everyone began together there is nobody to give way to, and nobody does.

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
    /// When the warmest of them began.
    warmest_at: Option<Time>,
    /// When the last one is warm, so that picks need not look.
    over_at: Time,
}

impl SlowStart {
    /// Returns a start over `window`; zero if nobody is to warm up.
    pub(super) const fn new(window: Duration) -> Self {
        Self { window, began_at: Vec::new(), warmest_at: None, over_at: Time::ZERO }
    }

    /// Begins the window of whoever is in a slot.
    pub(super) fn begin(&mut self, now: Time, slot: Slot) {
        if slot.index() >= self.began_at.len() {
            self.began_at.resize(slot.index() + 1, None);
        }
        self.began_at[slot.index()] = Some(now);
        self.warmest_at = Some(self.warmest_at.map_or(now, |warmest| warmest.min(now)));
        self.over_at = self.over_at.max(now + self.window);
    }

    /// Forgets whoever is in a slot: it is asked no more, and nobody is cold beside it.
    pub(super) fn end(&mut self, slot: Slot) {
        let ended = self.began_at.get_mut(slot.index()).and_then(Option::take);
        if ended.is_some() && ended == self.warmest_at {
            self.warmest_at = self.began_at.iter().flatten().min().copied();
        }
    }

    /// Draws whether whoever is in a slot gives way.
    #[inline]
    pub(super) fn gives_way(&self, now: Time, slot: Slot, dice: &mut Dice) -> bool {
        if now >= self.over_at {
            return false;
        }
        let began_at = self.began_at.get(slot.index()).copied().flatten();
        let (share, most) = (self.share(now, began_at), self.share(now, self.warmest_at));
        // The draw and the share beside the most, both with 32 bits behind the point.
        share < most && (dice.bits() >> 32) * most >= share << 32
    }

    /// The share of its picks that a node keeps beside a warm one, in 2^-32.
    fn share(&self, now: Time, began_at: Option<Time>) -> u64 {
        let (whole, window) = (1u64 << 32, self.window.as_nanos());
        let Some(began_at) = began_at else { return whole };
        let elapsed = now.since(began_at).as_nanos();
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
        let began_at = Time::from_millis(5_000);
        start.begin(began_at, Slot::new(3));
        let percent = |millis| (start.share(Time::from_millis(millis), Some(began_at)) * 1000) >> 32;
        assert_eq!([5_000, 7_500, 10_000, 14_999, 15_000, 99_000].map(percent), [99, 324, 549, 999, 1000, 1000]);
        assert_eq!(start.share(Time::ZERO, None), 1 << 32);
    }

    #[test]
    fn giving_way_is_as_frequent_as_the_share_says_and_ends() {
        let mut start = SlowStart::new(Duration::from_secs(10));
        start.begin(Time::ZERO, Slot::new(1));
        start.begin(Time::from_millis(20_000), Slot::new(0));
        let mut dice = Dice::new(&mut Stream::new(Seed::new(1), "start"));
        let mut count = |now| (0..10_000).filter(|_| start.gives_way(now, Slot::new(0), &mut dice)).count();
        assert!(count(Time::from_millis(20_000)).abs_diff(9_000) < 150);
        assert!(count(Time::from_millis(25_000)).abs_diff(4_500) < 250);
        assert_eq!(count(Time::from_millis(30_000)), 0);
    }

    #[test]
    fn nobody_gives_way_to_those_who_are_no_warmer_or_gone() {
        let mut start = SlowStart::new(Duration::from_secs(10));
        let mut dice = Dice::new(&mut Stream::new(Seed::new(1), "start"));
        let now = Time::from_millis(1_000);
        for (slot, began_at) in [(0, Time::ZERO), (1, Time::ZERO), (2, now)] {
            start.begin(began_at, Slot::new(slot));
        }
        let mut count =
            |start: &SlowStart, slot| (0..1_000).filter(|_| start.gives_way(now, Slot::new(slot), &mut dice)).count();
        assert_eq!([0, 1].map(|slot| count(&start, slot)), [0, 0]);
        // A tenth of what a warm one keeps, beside nineteen hundredths.
        assert!(count(&start, 2).abs_diff(474) < 60);
        start.end(Slot::new(0));
        start.end(Slot::new(1));
        assert_eq!(count(&start, 2), 0);
    }
}
