//! Where this node lies, and where those lie that were measured of late.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::coordinate::{Coordinate, Locator};
use super::directory::Slot;
use crate::rng::Stream;

/// How many members' coordinates are kept: the nearest ones, for "which is nearest" is what they are asked for.
const KEPT_MAX: usize = 64;

/// The node's own coordinate, and those of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Near {
    locator: Locator,
    others: BTreeMap<Slot, Coordinate>,
}

impl Near {
    /// Takes in the round trip to a member that says where it is.
    pub(super) fn observe(&mut self, slot: Slot, there: Coordinate, round_trip: Duration, rng: &mut Stream) {
        self.locator.observe(there, round_trip, rng);
        self.others.insert(slot, there);
        if self.others.len() > KEPT_MAX {
            let here = self.coordinate();
            let farthest = self.others.iter().max_by_key(|(_, there)| here.distance(there)).map(|(slot, _)| *slot);
            self.others.remove(&farthest.expect("there is one too many"));
        }
    }

    pub(super) fn coordinate(&self) -> Coordinate {
        self.locator.coordinate()
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        self.others.remove(&slot);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, Coordinate)> + '_ {
        self.others.iter().map(|(slot, coordinate)| (*slot, *coordinate))
    }
}
