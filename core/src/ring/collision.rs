//! Who is first among points at one token.
//!
//! No state says it: the groups are ranked anew by hashing the points of their members, those of each member once however
//! many groups it is in. So the work is that of placing the members again, times the logarithm of the number of groups.

use alloc::vec::Vec;

use super::point::{Tie, for_each_tie};
use super::token::Token;
use super::{Ring, Slot};

impl Ring {
    /// Puts the points at each of these tokens, which are in clockwise order, into the order of their ties, and among
    /// equal ties into that of the names.
    pub(super) fn settle(&mut self, tokens: &[Token]) {
        let (disputed, members) = self.disputed(tokens);
        // Slots are in the order of names.
        let mut ranked: Vec<(Token, Tie, Slot)> = Vec::new();
        for slot in members {
            let points = self.points_per_unit.points(self.weight(slot));
            for_each_tie(self.name(slot), points, &disputed, |token, tie| ranked.push((token, tie, slot)));
        }
        ranked.sort_unstable();
        for at_token in ranked.chunk_by(|(one, ..), (other, ..)| one == other) {
            let (token, ..) = at_token[0];
            let group = self.points.at(token);
            assert_eq!(at_token.len(), group.len(), "points at {token} that their members do not have");
            self.points.set_owners(group, at_token.iter().map(|(.., slot)| *slot));
        }
    }

    /// Returns those of some tokens at which several members have points, and these members, all in order and once.
    fn disputed(&self, tokens: &[Token]) -> (Vec<Token>, Vec<Slot>) {
        let (mut disputed, mut members) = (Vec::new(), Vec::new());
        for token in tokens {
            let owners = self.points.at(*token).map(|index| self.points.owner(index));
            let mut others = owners.clone();
            let first = others.next();
            if disputed.last() != Some(token) && others.any(|other| Some(other) != first) {
                disputed.push(*token);
                members.extend(owners);
            }
        }
        members.sort_unstable();
        members.dedup();
        (disputed, members)
    }
}
