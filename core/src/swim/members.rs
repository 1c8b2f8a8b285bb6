//! How one member sees the others: a record of 12 bytes for each.
//!
//! [`Members`] is a border, so that a simulator can share among many views what they have in common. [`Roster`] is what
//! a node holds by itself: an incarnation of 32 bits, a state of three and a place of 29 in one word per slot, and the
//! slots in an order with the reachable ones first, from which members are drawn at random.

use alloc::vec::Vec;
use core::hash::Hash;

use serde::{Deserialize, Serialize};

use super::directory::Slot;
use super::ids::Incarnation;
use super::mix::mix;
use crate::ids::NodeId;

/// How a member is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It answers.
    Alive,
    /// Someone got no answer from it, and it has not refuted that.
    Suspect,
    /// It did not refute in time.
    Dead,
    /// It said that it leaves.
    Left,
}

impl State {
    /// Returns whether the member is probed and gets news.
    pub const fn is_reachable(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

/// What is known of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The greatest incarnation of which there is evidence.
    pub incarnation: Incarnation,
    /// How it is, in that incarnation.
    pub state: State,
}

/// A view of a pool: records by slot, reachable members in an order, and a digest.
pub trait Members {
    /// Returns the record of the member at a slot.
    fn get(&self, slot: Slot) -> Option<Record>;

    /// Puts in the record of a member, known before or not.
    fn set(&mut self, slot: Slot, node: NodeId, record: Record);

    /// Takes out the record of a member.
    fn forget(&mut self, slot: Slot, node: NodeId);

    /// Returns how many members are reachable.
    fn reachable(&self) -> usize;

    /// Returns how many members are known, reachable or not.
    fn known(&self) -> usize;

    /// Returns how many places there are to draw from: each reachable member has one, and a place may be void.
    fn places(&self) -> usize;

    /// Returns the member at a place, if it is reachable.
    fn at(&self, place: usize) -> Option<Slot>;

    /// Returns an unreachable member: the one whose turn it is, of those that there are.
    fn unreachable(&self, turn: usize) -> Option<Slot>;

    /// Returns the digest of the reachable members, by bucket of their ids.
    fn digest(&self) -> &Digest;
}

/// How many parts a digest has: at 10,000 members one part stands for 157 of them, which fit in two packets.
pub const BUCKETS: usize = 64;

/// What two views compare to learn whether they hold the same: per bucket of ids, the sum of a hash of each reachable
/// member and its incarnation. Whether it is suspected does not matter, for a suspicion is news that passes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    sums: [u32; BUCKETS],
    total: u32,
}

impl Default for Digest {
    fn default() -> Self {
        Self { sums: [0; BUCKETS], total: 0 }
    }
}

impl Digest {
    /// Returns the bucket of a node.
    pub const fn bucket(node: NodeId) -> usize {
        mix(node.get()) as usize % BUCKETS
    }

    /// Puts in what is known of a member.
    pub fn add(&mut self, node: NodeId, record: Record) {
        let (sum, weight) = (&mut self.sums[Self::bucket(node)], Self::weight(node, record));
        *sum = sum.wrapping_add(weight);
        self.total = self.total.wrapping_add(weight);
    }

    /// Takes out what was put in.
    pub fn remove(&mut self, node: NodeId, record: Record) {
        let (sum, weight) = (&mut self.sums[Self::bucket(node)], Self::weight(node, record));
        *sum = sum.wrapping_sub(weight);
        self.total = self.total.wrapping_sub(weight);
    }

    /// Returns the sums by bucket.
    pub const fn sums(&self) -> &[u32; BUCKETS] {
        &self.sums
    }

    /// Returns one word for all of it, which every ping carries.
    pub const fn total(&self) -> u32 {
        self.total
    }

    const fn weight(node: NodeId, record: Record) -> u32 {
        if !record.state.is_reachable() {
            return 0;
        }
        (mix(node.get() ^ mix(record.incarnation.get() as u64 + 1)) >> 32) as u32
    }
}

/// A view that shares nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roster {
    /// By slot: incarnation, state and place; zero where nothing is known.
    records: Vec<u64>,
    /// The slots of all known members, the reachable ones first.
    order: Vec<Slot>,
    reachable: u32,
    digest: Digest,
}

const STATE_SHIFT: u32 = 29;
const PLACE_MASK: u64 = (1 << STATE_SHIFT) - 1;

const fn pack(record: Record, place: usize) -> u64 {
    let state = match record.state {
        State::Alive => 1,
        State::Suspect => 2,
        State::Dead => 3,
        State::Left => 4,
    };
    ((record.incarnation.get() as u64) << 32) | (state << STATE_SHIFT) | place as u64
}

const fn unpack(word: u64) -> Option<Record> {
    let state = match (word >> STATE_SHIFT) & 7 {
        1 => State::Alive,
        2 => State::Suspect,
        3 => State::Dead,
        4 => State::Left,
        _ => return None,
    };
    Some(Record { incarnation: Incarnation::new((word >> 32) as u32), state })
}

impl Roster {
    /// Returns a view of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the slots of reachable members and those of others into their own order.
    pub(super) fn forget_order(&mut self) {
        let mut order = core::mem::take(&mut self.order);
        let (reachable, others) = order.split_at_mut(self.reachable as usize);
        reachable.sort_unstable();
        others.sort_unstable();
        self.order.resize(order.len(), Slot::new(0));
        order.into_iter().enumerate().for_each(|(place, slot)| self.put(place, slot));
    }

    /// Hashes the records and their order, of which the rest is a function.
    pub(super) fn hash_records(&self, hasher: &mut impl core::hash::Hasher) {
        (&self.records, &self.order).hash(hasher);
    }

    /// Puts a slot at another place of the order.
    fn put(&mut self, place: usize, slot: Slot) {
        self.order[place] = slot;
        let word = &mut self.records[slot.index()];
        *word = (*word & !PLACE_MASK) | place as u64;
    }

    /// Moves a slot to the first place that is not a reachable member's, or the last that is one's, by an exchange.
    fn exchange(&mut self, slot: Slot, with: usize) {
        let place = (self.records[slot.index()] & PLACE_MASK) as usize;
        let other = self.order[with];
        self.put(place, other);
        self.put(with, slot);
    }
}

impl Members for Roster {
    fn get(&self, slot: Slot) -> Option<Record> {
        self.records.get(slot.index()).and_then(|word| unpack(*word))
    }

    fn set(&mut self, slot: Slot, node: NodeId, record: Record) {
        let before = self.get(slot);
        if let Some(before) = before {
            self.digest.remove(node, before);
            let place = (self.records[slot.index()] & PLACE_MASK) as usize;
            self.records[slot.index()] = pack(record, place);
        } else {
            if self.records.len() <= slot.index() {
                self.records.resize(slot.index() + 1, 0);
            }
            self.records[slot.index()] = pack(record, self.order.len());
            self.order.push(slot);
        }
        self.digest.add(node, record);
        match (before.is_some_and(|before| before.state.is_reachable()), record.state.is_reachable()) {
            (false, true) => {
                self.exchange(slot, self.reachable as usize);
                self.reachable += 1;
            }
            (true, false) => {
                self.reachable -= 1;
                self.exchange(slot, self.reachable as usize);
            }
            (true, true) | (false, false) => {}
        }
    }

    fn forget(&mut self, slot: Slot, node: NodeId) {
        let Some(record) = self.get(slot) else { return };
        self.set(slot, node, Record { state: State::Dead, ..record });
        let last = self.order.len() - 1;
        self.exchange(slot, last);
        self.order.pop();
        self.records[slot.index()] = 0;
    }

    fn reachable(&self) -> usize {
        self.reachable as usize
    }

    fn known(&self) -> usize {
        self.order.len()
    }

    fn places(&self) -> usize {
        self.reachable as usize
    }

    fn at(&self, place: usize) -> Option<Slot> {
        self.order[..self.reachable as usize].get(place).copied()
    }

    fn unreachable(&self, turn: usize) -> Option<Slot> {
        let others = &self.order[self.reachable as usize..];
        others.get(turn.checked_rem(others.len())?).copied()
    }

    fn digest(&self) -> &Digest {
        &self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    fn state() -> impl Strategy<Value = Option<State>> {
        prop_oneof![
            Just(Some(State::Alive)),
            Just(Some(State::Suspect)),
            Just(Some(State::Dead)),
            Just(Some(State::Left)),
            Just(None)
        ]
    }

    proptest! {
        /// The second implementation is a map, and a digest of all of it made anew.
        #[test]
        fn a_roster_holds_what_a_map_holds(steps in proptest::collection::vec((0u32..20, 0u32..5, state()), 0..200)) {
            let (mut roster, mut model) = (Roster::new(), BTreeMap::<u32, Record>::new());
            for (number, incarnation, state) in steps {
                let (slot, node) = (Slot::new(number), NodeId::new(u64::from(number) + 100));
                if let Some(state) = state {
                    let record = Record { incarnation: Incarnation::new(incarnation), state };
                    roster.set(slot, node, record);
                    model.insert(number, record);
                } else {
                    roster.forget(slot, node);
                    model.remove(&number);
                }
                let reachable: Vec<u32> =
                    model.iter().filter(|(_, record)| record.state.is_reachable()).map(|(number, _)| *number).collect();
                let mut drawn: Vec<u32> =
                    (0..roster.places()).filter_map(|place| roster.at(place)).map(|slot| slot.index() as u32).collect();
                drawn.sort_unstable();
                prop_assert_eq!(&drawn, &reachable);
                prop_assert_eq!((roster.reachable(), roster.known()), (reachable.len(), model.len()));
                let mut digest = Digest::default();
                for (number, record) in &model {
                    digest.add(NodeId::new(u64::from(*number) + 100), *record);
                }
                prop_assert_eq!(roster.digest(), &digest);
                for number in 0..20 {
                    prop_assert_eq!(roster.get(Slot::new(number)), model.get(&number).copied());
                }
                let others: alloc::collections::BTreeSet<usize> =
                    (0..20).filter_map(|turn| roster.unreachable(turn)).map(Slot::index).collect();
                prop_assert_eq!(others.len(), model.len() - reachable.len());
            }
        }
    }

    #[test]
    fn a_record_takes_twelve_bytes() {
        assert_eq!(size_of::<u64>() + size_of::<Slot>(), 12);
    }
}
