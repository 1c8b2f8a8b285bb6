//! Who is first among points at one token.
//!
//! No state says it: the group is ranked anew by hashing the points of its members, which is rare and costs microseconds.

use alloc::vec::Vec;

use super::point::{Tie, for_each_tie};
use super::token::Token;
use super::{Ring, Slot};

impl Ring {
    /// Puts the points at a token into the order of their ties, and among equal ties into that of the names.
    pub(super) fn settle(&mut self, token: Token) {
        let group = self.points.at(token);
        let mut members: Vec<Slot> = group.clone().map(|index| self.points.owner(index)).collect();
        members.sort_unstable();
        members.dedup();
        if members.len() < 2 {
            return;
        }
        // Slots are in the order of names.
        let mut ranked: Vec<(Tie, Slot)> = Vec::with_capacity(group.len());
        for slot in members {
            let points = self.points_per_unit.points(self.weight(slot));
            for_each_tie(self.name(slot), points, token, |tie| ranked.push((tie, slot)));
        }
        ranked.sort_unstable();
        assert_eq!(ranked.len(), group.len(), "points at {token} that their members do not have");
        self.points.set_owners(group, ranked.into_iter().map(|(_, slot)| slot));
    }
}
