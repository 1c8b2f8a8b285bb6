//! What an explorer may forget of a member of a pool; [`crate::projection`] says why one may forget at all.
//!
//! Where any deadline may fire before any other, an instant tells no more than whether it lies ahead; and where an
//! explorer says itself whom chance picks, the state of chance tells nothing. An explorer fires one deadline alone: it
//! maps that one to the present and wakes the member.

use core::hash::{Hash, Hasher};

use super::Swim;
use super::directory::{Directory, Slot};
use super::ids::Incarnation;
use super::members::Roster;
use super::state::Standing;
use crate::ids::NodeId;
use crate::rng::{Seed, Stream};
use crate::time::Time;

/// What an instant that a member holds is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deadline {
    /// The probe in flight is judged and the next one begins.
    Probe,
    /// Others are asked to probe the member that did not answer.
    Indirect,
    /// A suspicion ends.
    Suspicion(Slot),
    /// News goes out.
    Gossip,
    /// One who died or left is forgotten.
    Grave(Slot),
    /// A seed is asked.
    Seed,
    /// One of the dead is asked.
    Reconnect,
    /// An asker is told that there is no answer so far.
    Nack,
    /// Probes for others are given up.
    RelayEnd,
    /// Others are told again that the member leaves.
    LeaveAgain,
    /// The member leaves, whoever knows.
    LeaveEnd,
    /// From when on views may be exchanged again; looked at when a ping comes in, and no reason to wake.
    Exchange,
    /// Someone was heard, the probe in flight was sent, a suspicion began or the view changed: instants of the past.
    Past,
}

impl Swim<Roster> {
    /// Replaces every instant that the member holds by what `map` makes of it.
    ///
    /// The member compares instants with `now` and counts spans from them to `now`. A map that puts those of the past at
    /// the present therefore leaves out what long silence means: that a member is cut off, isolated or was starved.
    pub fn map_instants(&mut self, mut map: impl FnMut(Deadline, Time) -> Time) {
        self.probing.map_instants(&mut map);
        self.suspicions.map_instants(&mut map);
        self.gossip_at = map(Deadline::Gossip, self.gossip_at);
        self.graves.map_instants(|slot, at| map(Deadline::Grave(slot), at));
        self.join.map_instants(&mut map);
        self.relays.map_instants(&mut map);
        self.exchange.map_instants(&mut map);
        if let Standing::Leaving(leaving) = &mut self.standing {
            leaving.map_instants(&mut map);
        }
    }

    /// Gives what only stretches spans its first value: the local health, and the pauses that double.
    pub fn forget_spans(&mut self) {
        self.probing.forget_health();
        self.join.forget_pause(&self.settings);
        self.exchange.forget_pause(&self.settings);
    }

    /// Draws from the beginning of `seed`'s stream from here on, and forgets in which order the others would be probed and
    /// lie in the view. Sound where [`aim`](Self::aim) says who is probed, every draw of other members picks all there
    /// are, and which of them comes first is tried for each.
    pub fn forget_chance(&mut self, seed: Seed) {
        self.rng = Stream::new(seed, "swim");
        self.probing.forget_order();
        self.join.forget_turns();
        self.members.forget_order();
        self.rumours.forget_numbers();
    }

    /// Makes the member at a slot the next whose turn to be probed it is.
    pub fn aim(&mut self, directory: &Directory, slot: Slot) {
        self.probing.aim(directory.slots(), slot);
    }

    /// Returns whom the probe in flight is for, in which incarnation, and whether it was answered.
    pub fn probed(&self) -> Option<(NodeId, Incarnation, bool)> {
        self.probing.probed()
    }

    /// Returns who accuses the member at a slot, in the order in which they were heard.
    pub fn accusers(&self, slot: Slot) -> &[NodeId] {
        self.suspicions.accusers(slot)
    }

    /// Hashes everything but the settings, which never change.
    pub fn hash_state(&self, hasher: &mut impl Hasher) {
        // In full, so that a field that is added is decided on here.
        let Self {
            settings: _,
            me,
            sum: _,
            my_slot,
            incarnation,
            standing,
            members,
            suspicions,
            graves,
            rumours,
            gossip_at,
            probing,
            relays,
            exchange,
            join,
            broadcasts,
            near,
            rng,
        } = self;
        members.hash_records(hasher);
        (me, my_slot, incarnation, standing, suspicions, graves, rumours, gossip_at).hash(hasher);
        (probing, relays, exchange, join, broadcasts, near, rng).hash(hasher);
    }
}
