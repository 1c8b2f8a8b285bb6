//! How many of those who are near, or in a region, may be asked, and which share of the picks they can bear.

use alloc::collections::BTreeMap;

use crate::balance::context::Narrow;
use crate::balance::dice::Dice;
use crate::balance::eligible::Eligible;
use crate::balance::health::Ratio;
use crate::balance::roster::{Candidate, Proximity, Region, Roster};

/// How much more than their share nodes can bear, in thousandths, before picks spill over: as Envoy has it.
const OVERPROVISIONED_PERMILLE: u64 = 1_400;

/// The members by where they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Nearness {
    near: Option<Proximity>,
    /// Those who are near.
    local: Count,
    regions: BTreeMap<Region, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Count {
    members: u64,
    eligible: u64,
}

impl Count {
    /// The share of picks that these can bear, in millionths.
    fn share(self) -> u64 {
        let whole = u64::from(Ratio::ALL.millionths());
        let share = self.eligible * OVERPROVISIONED_PERMILLE * whole / 1000;
        share.checked_div(self.members).map_or(0, |share| share.min(whole))
    }
}

impl Nearness {
    /// Returns the counts of nobody; up to `near` a node is near.
    pub(super) const fn new(near: Option<Proximity>) -> Self {
        Self { near, local: Count { members: 0, eligible: 0 }, regions: BTreeMap::new() }
    }

    pub(super) fn join(&mut self, candidate: &Candidate, is_eligible: bool) {
        self.change(candidate, |count| {
            count.members += 1;
            count.eligible += u64::from(is_eligible);
        });
    }

    pub(super) fn leave(&mut self, candidate: &Candidate, was_eligible: bool) {
        self.change(candidate, |count| {
            count.members -= 1;
            count.eligible -= u64::from(was_eligible);
        });
        if self.regions.get(&candidate.region).is_some_and(|count| count.members == 0) {
            self.regions.remove(&candidate.region);
        }
    }

    pub(super) fn gain(&mut self, candidate: &Candidate) {
        self.change(candidate, |count| count.eligible += 1);
    }

    pub(super) fn lose(&mut self, candidate: &Candidate) {
        self.change(candidate, |count| count.eligible -= 1);
    }

    /// Draws what a pick is narrowed to. What a request prefers goes before what is near.
    #[inline]
    pub(super) fn narrow(&self, preferred: Option<Region>, dice: &mut Dice) -> Narrow {
        let (count, narrow) = match (preferred, self.near) {
            (Some(region), _) => (self.regions.get(&region).copied().unwrap_or_default(), Narrow::Region(region)),
            (None, Some(near)) => (self.local, Narrow::Within(near)),
            (None, None) => return Narrow::Anywhere,
        };
        if dice.below(u64::from(Ratio::ALL.millionths())) < count.share() { narrow } else { Narrow::Anywhere }
    }

    /// Asserts that the counts are those of these members.
    pub(super) fn assert_counts(&self, roster: &Roster, eligible: &Eligible) {
        let mut counted = Self::new(self.near);
        for slot in roster.slots() {
            counted.join(roster.candidate(slot), eligible.contains(slot));
        }
        assert_eq!(*self, counted, "the counts by place are not those of the members");
    }

    fn change(&mut self, candidate: &Candidate, change: impl Fn(&mut Count)) {
        change(self.regions.entry(candidate.region).or_default());
        if self.near.is_some_and(|near| candidate.proximity <= near) {
            change(&mut self.local);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_spill_over_as_nodes_are_lost() {
        let share = |eligible, members| Count { members, eligible }.share();
        assert_eq!([share(10, 10), share(8, 10), share(0, 10), share(0, 0)], [1_000_000, 1_000_000, 0, 0]);
        assert_eq!([share(7, 10), share(5, 10), share(1, 10)], [980_000, 700_000, 140_000]);
    }
}
