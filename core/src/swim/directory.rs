//! What is known of nodes, apart from how they are: one small number for each, and its card.
//!
//! Views of a pool name a node by its [`Slot`], so that a record takes 12 bytes. A node keeps a directory for each of its
//! pools, for a gateway has another address, and so another card, in each; a simulator lets all views of a large world
//! share one. It holds facts and no opinions: sharing it tells no view how another sees a member.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;

use super::card::{Card, CardSum};
use super::mix::mix;
use crate::ids::NodeId;

/// The place of a node in a [`Directory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Returns the slot of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number of the slot.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Nodes by slot and by id. A slot is given again once no view holds its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Directory {
    entries: Vec<Entry>,
    free: Vec<Slot>,
    index: Index,
    /// Who bears a name: nearly always one.
    names: BTreeMap<Arc<str>, Vec<Slot>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    node: NodeId,
    /// None for a node of which only the death is known.
    card: Option<Arc<Card>>,
    /// The sum of the card.
    sum: CardSum,
    /// How many views hold it.
    holders: u32,
}

impl Directory {
    /// Returns an empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns one more than the highest slot ever given.
    pub fn slots(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Returns the slot of a node that some view holds.
    pub fn find(&self, node: NodeId) -> Option<Slot> {
        self.index.find(node, &self.entries)
    }

    /// Returns the node at a slot.
    ///
    /// # Panics
    ///
    /// Panics if no view holds it.
    pub fn node(&self, slot: Slot) -> NodeId {
        self.entries[slot.index()].node
    }

    /// Returns the card of the node at a slot, if it is known.
    pub fn card(&self, slot: Slot) -> Option<&Arc<Card>> {
        self.entries[slot.index()].card.as_ref()
    }

    /// Returns the sum of the card of the node at a slot, if the card is known.
    pub(super) fn sum(&self, slot: Slot) -> Option<CardSum> {
        let Entry { card, sum, .. } = &self.entries[slot.index()];
        card.is_some().then_some(*sum)
    }

    /// Puts in another card of the node at a slot.
    pub fn set_card(&mut self, slot: Slot, card: Arc<Card>) {
        let entry = &mut self.entries[slot.index()];
        assert_eq!(entry.node, card.id, "the slot of {} got the card of {}", entry.node, card.id);
        entry.sum = CardSum::of(&card);
        let name = Arc::clone(&card.name);
        let before = entry.card.replace(card);
        if before.as_ref().is_none_or(|before| before.name != name) {
            self.unname(slot, before);
            self.names.entry(name).or_default().push(slot);
        }
    }

    /// Returns the others that bear the name of the node at a slot.
    pub fn namesakes(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        let named = self.card(slot).and_then(|card| self.names.get(&card.name));
        named.into_iter().flatten().copied().filter(move |other| *other != slot)
    }

    /// Says that one view more holds a node, and returns its slot.
    pub fn hold(&mut self, node: NodeId) -> Slot {
        if let Some(slot) = self.find(node) {
            self.entries[slot.index()].holders += 1;
            return slot;
        }
        let entry = Entry { node, card: None, sum: CardSum::default(), holders: 1 };
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot.index()] = entry;
            slot
        } else {
            self.entries.push(entry);
            Slot(self.entries.len() as u32 - 1)
        };
        self.index.insert(slot, &self.entries);
        slot
    }

    /// Says that `views` more hold the node at a slot.
    pub fn hold_more(&mut self, slot: Slot, views: u32) {
        self.entries[slot.index()].holders += views;
    }

    /// Says that one view fewer holds the node at a slot.
    pub fn release(&mut self, slot: Slot) {
        let entry = &mut self.entries[slot.index()];
        entry.holders = entry.holders.checked_sub(1).expect("a view releases what it holds");
        if entry.holders == 0 {
            let card = entry.card.take();
            self.unname(slot, card);
            self.index.remove(slot, &self.entries);
            self.free.push(slot);
        }
    }

    /// Hashes what it holds, and not how that is found.
    pub fn hash_state(&self, hasher: &mut impl core::hash::Hasher) {
        let Self { entries, free, index: _, names: _ } = self;
        (entries, free).hash(hasher);
    }

    /// Takes away the name that a card gave a slot.
    fn unname(&mut self, slot: Slot, card: Option<Arc<Card>>) {
        let Some(card) = card else { return };
        if let Some(named) = self.names.get_mut(&card.name) {
            named.retain(|other| *other != slot);
            if named.is_empty() {
                self.names.remove(&card.name);
            }
        }
    }
}

/// Slots by the id of their node: open addressing with linear probing, at most two thirds full, and removal that moves
/// later ones up instead of leaving marks (Knuth, volume 3, section 6.4, algorithm R).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Index {
    places: Vec<u32>,
    taken: usize,
}

const FREE: u32 = u32::MAX;

impl Index {
    fn find(&self, node: NodeId, entries: &[Entry]) -> Option<Slot> {
        if self.places.is_empty() {
            return None;
        }
        let mut place = self.home(node);
        while self.places[place] != FREE {
            if entries[self.places[place] as usize].node == node {
                return Some(Slot(self.places[place]));
            }
            place = self.after(place);
        }
        None
    }

    fn insert(&mut self, slot: Slot, entries: &[Entry]) {
        if (self.taken + 1) * 3 > self.places.len() * 2 {
            self.grow(entries);
        }
        self.put(slot, entries[slot.index()].node);
        self.taken += 1;
    }

    fn remove(&mut self, slot: Slot, entries: &[Entry]) {
        let mut gap = self.home(entries[slot.index()].node);
        while self.places[gap] != slot.0 {
            assert_ne!(self.places[gap], FREE, "{slot:?} is not in the index");
            gap = self.after(gap);
        }
        self.taken -= 1;
        let mut place = gap;
        loop {
            place = self.after(place);
            if self.places[place] == FREE {
                break;
            }
            let home = self.home(entries[self.places[place] as usize].node);
            // Cyclic distances: it may move up to the gap unless its home lies behind that.
            let mask = self.places.len() - 1;
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(gap) & mask) {
                self.places[gap] = self.places[place];
                gap = place;
            }
        }
        self.places[gap] = FREE;
    }

    fn grow(&mut self, entries: &[Entry]) {
        let size = (self.places.len() * 2).max(8);
        let old = core::mem::replace(&mut self.places, alloc::vec![FREE; size]);
        for slot in old.into_iter().filter(|place| *place != FREE) {
            self.put(Slot(slot), entries[slot as usize].node);
        }
    }

    fn put(&mut self, slot: Slot, node: NodeId) {
        let mut place = self.home(node);
        while self.places[place] != FREE {
            place = self.after(place);
        }
        self.places[place] = slot.0;
    }

    fn home(&self, node: NodeId) -> usize {
        mix(node.get()) as usize & (self.places.len() - 1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_directory_finds_what_a_map_finds(steps in proptest::collection::vec((0u64..40, any::<bool>()), 0..400)) {
            let (mut directory, mut model) = (Directory::new(), BTreeMap::<u64, u32>::new());
            for (number, hold) in steps {
                let node = NodeId::new(number);
                if hold {
                    directory.hold(node);
                    *model.entry(number).or_default() += 1;
                } else if let Some(holders) = model.get_mut(&number) {
                    directory.release(directory.find(node).unwrap());
                    *holders -= 1;
                    if *holders == 0 {
                        model.remove(&number);
                    }
                }
                for known in 0..40 {
                    let found = directory.find(NodeId::new(known)).map(|slot| directory.node(slot).get());
                    prop_assert_eq!(found, model.contains_key(&known).then_some(known));
                }
            }
            prop_assert!(directory.slots() <= 40);
        }
    }
}
