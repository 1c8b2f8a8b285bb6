//! Who may be picked at this moment: a set of slots that is asked, walked and drawn from without looking at the others.
//!
//! A sparse set (Briggs and Torczon, 1993) beside a bitmap: the dense list makes a uniform draw one read, the bitmap makes
//! a question one bit and the next slot in order a few words. A change costs the same whatever the size.

use alloc::vec::Vec;

use super::roster::Slot;

/// A set of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Eligible {
    /// The slots in the set, in an order that follows from how they came and went.
    dense: Vec<Slot>,
    /// By slot: where in `dense` it is, if it is there.
    places: Vec<u32>,
    /// A bit for each slot.
    bits: Vec<u64>,
}

impl Eligible {
    /// Puts a slot into the set; says whether it was outside.
    pub fn admit(&mut self, slot: Slot) -> bool {
        if self.contains(slot) {
            return false;
        }
        let index = slot.index();
        if index >= self.places.len() {
            self.places.resize(index + 1, 0);
            self.bits.resize((index + 1).div_ceil(64), 0);
        }
        self.places[index] = self.dense.len() as u32;
        self.bits[index / 64] |= 1 << (index % 64);
        self.dense.push(slot);
        true
    }

    /// Takes a slot out of the set; says whether it was inside.
    pub fn exclude(&mut self, slot: Slot) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let index = slot.index();
        let place = self.places[index] as usize;
        self.dense.swap_remove(place);
        if let Some(moved) = self.dense.get(place) {
            self.places[moved.index()] = place as u32;
        }
        self.bits[index / 64] &= !(1 << (index % 64));
        true
    }

    /// Says whether a slot is in the set.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        self.bits.get(slot.index() / 64).is_some_and(|word| word >> (slot.index() % 64) & 1 == 1)
    }

    /// Returns how many slots are in the set.
    #[inline]
    pub fn len(&self) -> usize {
        self.dense.len()
    }

    /// Says whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.dense.is_empty()
    }

    /// Returns the slots in the set, in no order that means anything.
    #[inline]
    pub fn slots(&self) -> &[Slot] {
        &self.dense
    }

    /// Iterates over the set in rising order, from the first slot at or above `from`, once around.
    pub(super) fn around(&self, from: usize) -> impl Iterator<Item = Slot> + '_ {
        let from = if from < self.places.len() { from } else { 0 };
        self.rising(from, self.places.len()).chain(self.rising(0, from))
    }

    fn rising(&self, mut from: usize, end: usize) -> impl Iterator<Item = Slot> + '_ {
        core::iter::from_fn(move || {
            let mut word = from / 64;
            let mut bits = self.bits.get(word)? & (u64::MAX << (from % 64));
            while bits == 0 {
                word += 1;
                bits = *self.bits.get(word)?;
            }
            let found = word * 64 + bits.trailing_zeros() as usize;
            from = found + 1;
            (found < end).then_some(Slot::new(found))
        })
    }
}

impl FromIterator<Slot> for Eligible {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut eligible = Self::default();
        for slot in slots {
            eligible.admit(slot);
        }
        eligible
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn it_holds_what_a_plain_set_does_after_any_history() {
        let mut stream = Stream::new(Seed::new(1), "eligible");
        let (mut eligible, mut model) = (Eligible::default(), BTreeSet::new());
        for _ in 0..2000 {
            let slot = Slot::new(stream.below(200) as usize);
            if stream.below(2) == 0 {
                assert_eq!(eligible.admit(slot), model.insert(slot));
            } else {
                assert_eq!(eligible.exclude(slot), model.remove(&slot));
            }
            assert_eq!(eligible.len(), model.len());
            let from = stream.below(210) as usize;
            let begin = if from < eligible.places.len() { from } else { 0 };
            let expected: Vec<Slot> =
                model.range(Slot::new(begin)..).chain(model.range(..Slot::new(begin))).copied().collect();
            assert_eq!(eligible.around(from).collect::<Vec<_>>(), expected);
        }
        assert_eq!(eligible.slots().iter().copied().collect::<BTreeSet<_>>(), model);
        assert!(!eligible.contains(Slot::new(1 << 30)));
    }
}
