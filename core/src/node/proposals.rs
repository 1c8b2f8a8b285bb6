//! Who waits for which entry of the own log.
//!
//! Proposals take their places at the end of the log and are settled from its front, so they lie in a queue in order of
//! index. Between two of them other entries may lie, and a truncation lets a newer one take the place of an older one.

use alloc::collections::VecDeque;

use super::commands::Origin;
use crate::ids::{LogIndex, Term};
use crate::projection::Names;

/// The proposals that wait for an outcome, in order of index, one per index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Proposals(VecDeque<Proposed>);

/// A proposal in the own log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proposed {
    pub(super) index: LogIndex,
    pub(super) term: Term,
    pub(super) origin: Origin,
}

impl Proposals {
    /// Adds a proposal. Returns the one whose index it takes.
    pub(super) fn insert(&mut self, proposed: Proposed) -> Option<Proposed> {
        if self.0.back().is_none_or(|last| last.index < proposed.index) {
            self.0.push_back(proposed);
            return None;
        }
        match self.place(proposed.index) {
            Ok(place) => self.0.get_mut(place).map(|older| core::mem::replace(older, proposed)),
            Err(place) => {
                self.0.insert(place, proposed);
                None
            }
        }
    }

    /// Takes out the proposal at an index.
    pub(super) fn remove(&mut self, index: LogIndex) -> Option<Proposed> {
        match self.place(index) {
            Ok(0) => self.0.pop_front(),
            Ok(place) => self.0.remove(place),
            Err(_) => None,
        }
    }

    /// Takes out the first proposal, if its index is at most this one.
    pub(super) fn pop_through(&mut self, index: LogIndex) -> Option<Proposed> {
        self.0.pop_front_if(|first| first.index <= index)
    }

    /// Takes out all proposals, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Proposed> {
        self.0.drain(..)
    }

    /// Takes out the first proposal of a term that has one of these indices.
    pub(super) fn take_between(&mut self, first: LogIndex, last: LogIndex, term: Term) -> Option<Proposed> {
        self.find_between(first, last, term).and_then(|place| self.0.remove(place))
    }

    /// Returns where the first proposal of a term lies that has one of these indices.
    pub(super) fn find_between(&self, first: LogIndex, last: LogIndex, term: Term) -> Option<usize> {
        let (Ok(start) | Err(start)) = self.place(first);
        let within = self.0.range(start..).take_while(|proposed| proposed.index <= last);
        within.enumerate().find(|(_, proposed)| proposed.term == term).map(|(ahead, _)| start + ahead)
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        for proposed in &mut self.0 {
            if let Origin::Remote(node, _) = &mut proposed.origin {
                *node = names(*node);
            }
        }
    }

    /// Returns how many wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns where the proposal of an index lies, or where it would.
    fn place(&self, index: LogIndex) -> Result<usize, usize> {
        match self.0.front() {
            // Outcomes come in order of index, and so do most questions.
            None => Err(0),
            Some(first) if index <= first.index => {
                if index == first.index {
                    Ok(0)
                } else {
                    Err(0)
                }
            }
            Some(_) => self.0.binary_search_by_key(&index, |proposed| proposed.index),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::RequestId;

    fn proposed(index: u64, term: u64) -> Proposed {
        let origin = Origin::Local(RequestId::new(10 * index + term));
        Proposed { index: LogIndex::new(index), term: Term::new(term), origin }
    }

    fn of(indices: &[u64]) -> Proposals {
        let mut proposals = Proposals::default();
        for index in indices {
            assert_eq!(proposals.insert(proposed(*index, 1)), None);
        }
        proposals
    }

    #[test]
    fn proposals_lie_in_order_of_index_however_they_came() {
        let mut proposals = of(&[5, 6, 9, 7, 2]);
        let order: Vec<_> = proposals.drain().map(|found| found.index.get()).collect();
        assert_eq!(order, [2, 5, 6, 7, 9]);
    }

    #[test]
    fn a_proposal_of_a_newer_term_takes_the_place_of_the_older() {
        let mut proposals = of(&[5, 6, 9]);
        assert_eq!(proposals.insert(proposed(6, 2)), Some(proposed(6, 1)));
        assert_eq!(proposals.len(), 3);
        let (first, last) = (LogIndex::new(6), LogIndex::new(8));
        assert_eq!(proposals.find_between(first, last, Term::new(1)), None);
        assert_eq!(proposals.take_between(first, last, Term::new(2)), Some(proposed(6, 2)));
        assert_eq!(proposals.find_between(LogIndex::new(3), LogIndex::new(9), Term::new(1)), Some(0));
    }

    #[test]
    fn a_proposal_is_found_by_its_index_and_no_other() {
        let mut proposals = of(&[5, 6, 9]);
        for absent in [4, 7, 10] {
            assert_eq!(proposals.remove(LogIndex::new(absent)), None);
        }
        assert_eq!(proposals.remove(LogIndex::new(6)), Some(proposed(6, 1)));
        assert_eq!(proposals.pop_through(LogIndex::new(4)), None);
        assert_eq!(proposals.pop_through(LogIndex::new(8)), Some(proposed(5, 1)));
        assert_eq!(proposals.pop_through(LogIndex::new(8)), None);
        assert_eq!(proposals.remove(LogIndex::new(9)), Some(proposed(9, 1)));
        assert_eq!(proposals, Proposals::default());
    }
}
