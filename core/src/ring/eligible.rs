//! Which members may be asked: a bitmap beside the ring.
//!
//! An unhealthy member stays in the ring. Were it taken out, its keys would move and move back; walked past, they are
//! served by the next ones and come home when it is well. The counts that say how many members and failure domains there
//! are to choose from are kept along, so that too few of them are noticed before a walk and not after it.

use alloc::vec::Vec;

use super::place::Level;
use super::{Ring, Slot};

/// A subset of the members of one ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligible {
    /// Of which ring.
    roster: u64,
    /// A bit for each slot.
    bits: Vec<u64>,
    members: usize,
    /// The sum of their weights, in thousandths.
    weight: u64,
    levels: [Domains; 3],
}

/// The failure domains of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Domains {
    /// How many eligible members each has.
    members: Vec<u32>,
    /// How many have any.
    inhabited: usize,
}

impl Eligible {
    /// Returns all members of a ring.
    pub fn all(ring: &Ring) -> Self {
        let mut bits = alloc::vec![u64::MAX; ring.len().div_ceil(64)];
        if let Some(last) = bits.last_mut() {
            *last >>= (64 - ring.len() % 64) % 64;
        }
        let levels = Level::ALL.map(|level| Domains {
            members: ring.domains.nodes(level).collect(),
            inhabited: ring.domains.count(level),
        });
        Self { roster: ring.roster, bits, members: ring.len(), weight: ring.weight, levels }
    }

    /// Returns no member of a ring.
    pub fn none(ring: &Ring) -> Self {
        let levels =
            Level::ALL.map(|level| Domains { members: alloc::vec![0; ring.domains.count(level)], inhabited: 0 });
        Self { roster: ring.roster, bits: alloc::vec![0; ring.len().div_ceil(64)], members: 0, weight: 0, levels }
    }

    /// Returns the members of a ring for which `admits` holds, such as those of one datacenter.
    pub fn of(ring: &Ring, mut admits: impl FnMut(Slot) -> bool) -> Self {
        let mut eligible = Self::none(ring);
        for slot in ring.slots() {
            if admits(slot) {
                eligible.admit(ring, slot);
            }
        }
        eligible
    }

    /// Returns how many members are eligible.
    pub const fn len(&self) -> usize {
        self.members
    }

    /// Says whether nobody is eligible.
    pub const fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// Returns the sum of the weights of those that are eligible, in thousandths.
    pub const fn weight(&self) -> u64 {
        self.weight
    }

    /// Returns how many failure domains of a level have an eligible member.
    pub const fn domains(&self, level: Level) -> usize {
        self.levels[level as usize].inhabited
    }

    /// Says whether a member is eligible.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        self.bits[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    /// Makes a member eligible.
    ///
    /// # Panics
    ///
    /// Panics, as every use does, if the ring has other members than the one that this was made for.
    pub fn admit(&mut self, ring: &Ring, slot: Slot) {
        self.assert_of(ring);
        if self.contains(slot) {
            return;
        }
        self.bits[slot.index() / 64] |= 1 << (slot.index() % 64);
        self.members += 1;
        self.weight += u64::from(ring.weight(slot).thousandths());
        for (level, domains) in Level::ALL.into_iter().zip(&mut self.levels) {
            let members = &mut domains.members[ring.domains.of(level, slot) as usize];
            domains.inhabited += usize::from(*members == 0);
            *members += 1;
        }
    }

    /// Makes a member ineligible.
    ///
    /// # Panics
    ///
    /// Panics, as every use does, if the ring has other members than the one that this was made for.
    pub fn exclude(&mut self, ring: &Ring, slot: Slot) {
        self.assert_of(ring);
        if !self.contains(slot) {
            return;
        }
        self.bits[slot.index() / 64] &= !(1 << (slot.index() % 64));
        self.members -= 1;
        self.weight -= u64::from(ring.weight(slot).thousandths());
        for (level, domains) in Level::ALL.into_iter().zip(&mut self.levels) {
            let members = &mut domains.members[ring.domains.of(level, slot) as usize];
            *members -= 1;
            domains.inhabited -= usize::from(*members == 0);
        }
    }

    /// Returns what holds of the same members in a ring that others joined or left; newcomers are as `newcomers` says.
    #[must_use]
    pub fn carried(&self, from: &Ring, to: &Ring, mut newcomers: impl FnMut(Slot) -> bool) -> Self {
        self.assert_of(from);
        Self::of(to, |slot| match from.slot(to.name(slot)) {
            Some(before) => self.contains(before),
            None => newcomers(slot),
        })
    }

    /// Iterates over the eligible members in the order of their names.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let places = 0..self.bits.len() as u32 * 64;
        places.map(Slot::new).filter(|slot| self.contains(*slot))
    }

    /// Asserts that slots mean the members of this ring.
    #[inline]
    pub(super) fn assert_of(&self, ring: &Ring) {
        assert!(self.roster == ring.roster, "these members are not those of the {ring:?}");
    }
}
