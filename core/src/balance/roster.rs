//! Who may be picked at all: the members of one epoch, each under a slot.
//!
//! Policies keep what they know in tables by slot. A slot stays with its node until the node leaves, and is then given to
//! another one; a [`Seat`] tells the two apart, so that the answer to a request that was sent to a node that left is not
//! counted for its successor. Members change one at a time, and a pick never compares two lists of them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::capabilities::Capabilities;
use crate::ids::NodeId;
use crate::ring::Weight;

/// The most members of a roster.
pub const MEMBERS_MAX: usize = 1 << 20;

/// The place of a node in the tables of the policies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    pub(super) const fn new(place: usize) -> Self {
        Self(place as u32)
    }

    /// Returns the place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A slot and which of its holders is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// The slot.
    pub slot: Slot,
    /// How many nodes held the slot before.
    life: u32,
}

/// How near a node stands, from the nearest to the farthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proximity {
    /// In the same rack.
    Rack,
    /// In the same datacenter, in another rack.
    Datacenter,
    /// In the same region, in another datacenter.
    Region,
    /// In another region.
    Elsewhere,
}

impl Proximity {
    /// All levels, the nearest first.
    pub const ALL: [Self; 4] = [Self::Rack, Self::Datacenter, Self::Region, Self::Elsewhere];
}

/// The number of a region, as the owner of the roster gives them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(pub u16);

/// What is known of a node before it is asked anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Who it is.
    pub node: NodeId,
    /// How much of the work it should get.
    pub weight: Weight,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Where it is.
    pub region: Region,
    /// How near that is.
    pub proximity: Proximity,
    /// How long a message takes there and back, by coordinates or by measurement; [`Duration::MAX`] if nobody knows.
    pub distance: Duration,
}

impl Candidate {
    /// Returns an ordinary node: weight one, no capabilities, somewhere.
    pub const fn new(node: NodeId) -> Self {
        Self {
            node,
            weight: Weight::UNIT,
            capabilities: Capabilities::NONE,
            region: Region(0),
            proximity: Proximity::Elsewhere,
            distance: Duration::MAX,
        }
    }
}

/// One change of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A node took this slot.
    Joined(Slot),
    /// What is known of the node in this slot is another thing.
    Altered(Slot),
    /// The node left this slot, which may be given to another one.
    Left(Slot),
}

/// Why a roster refuses a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterError {
    /// The node is a member.
    Taken(NodeId),
    /// The node is no member.
    Stranger(NodeId),
    /// There are [`MEMBERS_MAX`] members.
    Full,
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(node) => write!(f, "{node} is a candidate already"),
            Self::Stranger(node) => write!(f, "{node} is no candidate"),
            Self::Full => write!(f, "there are {MEMBERS_MAX} candidates already"),
        }
    }
}

impl core::error::Error for RosterError {}

/// The members, by slot and by node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roster {
    places: Vec<Place>,
    free: Vec<Slot>,
    slots: BTreeMap<NodeId, Slot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    candidate: Candidate,
    life: u32,
    held: bool,
}

impl Roster {
    /// Gives a node a slot.
    ///
    /// # Errors
    ///
    /// Refuses a member, and one more than [`MEMBERS_MAX`].
    pub fn join(&mut self, candidate: Candidate) -> Result<Seat, RosterError> {
        if self.slots.contains_key(&candidate.node) {
            return Err(RosterError::Taken(candidate.node));
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.places.len() == MEMBERS_MAX => return Err(RosterError::Full),
            None => {
                self.places.push(Place { candidate, life: 0, held: false });
                Slot::new(self.places.len() - 1)
            }
        };
        self.slots.insert(candidate.node, slot);
        let place = &mut self.places[slot.index()];
        place.candidate = candidate;
        place.held = true;
        Ok(Seat { slot, life: place.life })
    }

    /// Replaces what is known of a member.
    ///
    /// # Errors
    ///
    /// Refuses a node that is no member.
    pub fn alter(&mut self, candidate: Candidate) -> Result<Seat, RosterError> {
        let seat = self.seat(candidate.node).ok_or(RosterError::Stranger(candidate.node))?;
        self.places[seat.slot.index()].candidate = candidate;
        Ok(seat)
    }

    /// Takes the slot of a node away and returns it.
    ///
    /// # Errors
    ///
    /// Refuses a node that is no member.
    pub fn leave(&mut self, node: NodeId) -> Result<Slot, RosterError> {
        let slot = self.slots.remove(&node).ok_or(RosterError::Stranger(node))?;
        let place = &mut self.places[slot.index()];
        place.held = false;
        place.life = place.life.wrapping_add(1);
        self.free.push(slot);
        Ok(slot)
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Says whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns how many slots were ever given out: all of them are below.
    pub fn slot_count(&self) -> usize {
        self.places.len()
    }

    /// Returns the seat of a node.
    pub fn seat(&self, node: NodeId) -> Option<Seat> {
        self.slots.get(&node).map(|slot| self.seat_at(*slot))
    }

    /// Says whether the node that was given this seat still has it.
    pub fn holds(&self, seat: Seat) -> bool {
        self.places.get(seat.slot.index()).is_some_and(|place| place.held && place.life == seat.life)
    }

    /// Iterates over the slots of all members in the order of their nodes.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots.values().copied()
    }

    /// Returns what is known of the node in a slot.
    ///
    /// # Panics
    ///
    /// Panics if the slot was never given out.
    #[inline]
    pub fn candidate(&self, slot: Slot) -> &Candidate {
        &self.places[slot.index()].candidate
    }

    /// Returns the seat of whoever is in a slot.
    #[inline]
    pub(super) fn seat_at(&self, slot: Slot) -> Seat {
        Seat { slot, life: self.places[slot.index()].life }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(node: u64) -> Candidate {
        Candidate::new(NodeId::new(node))
    }

    #[test]
    fn a_slot_is_given_again_but_not_the_seat() {
        let mut roster = Roster::default();
        let first = roster.join(candidate(1)).unwrap();
        assert_eq!(roster.leave(NodeId::new(1)), Ok(first.slot));
        let second = roster.join(candidate(2)).unwrap();
        assert_eq!(first.slot, second.slot);
        assert!(!roster.holds(first) && roster.holds(second));
        assert_eq!(roster.slot_count(), 1);
    }

    #[test]
    fn members_join_and_leave_once() {
        let mut roster = Roster::default();
        roster.join(candidate(1)).unwrap();
        assert_eq!(roster.join(candidate(1)), Err(RosterError::Taken(NodeId::new(1))));
        assert_eq!(roster.alter(candidate(2)), Err(RosterError::Stranger(NodeId::new(2))));
        roster.leave(NodeId::new(1)).unwrap();
        assert_eq!(roster.leave(NodeId::new(1)), Err(RosterError::Stranger(NodeId::new(1))));
        assert!(roster.is_empty());
    }
}
