//! How a member stands in its pool, what it can be asked, and what must always hold.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::card::Card;
use super::directory::{Directory, Slot};
use super::ids::Incarnation;
use super::leave::Leaving;
use super::members::{Members, Record, State};
use super::{PoolSettings, Swim};
use crate::ids::NodeId;
use crate::time::Time;

/// How a member stands in its pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It has come and no probe of its own was answered: it may claim its identity from an earlier life, once.
    Newcomer,
    /// It is a member like others.
    Member,
    /// It is leaving and answers others until enough of them know.
    Leaving(Leaving),
    /// It has left and is silent.
    Departed,
    /// It was there before another process with its identity, and is silent.
    Yielded,
}

impl Standing {
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Departed | Self::Yielded)
    }

    pub(super) fn next_at(&self) -> Time {
        match self {
            Self::Leaving(leaving) => leaving.next_at(),
            Self::Newcomer | Self::Member | Self::Departed | Self::Yielded => Time::NEVER,
        }
    }
}

impl<M: Members> Swim<M> {
    /// Returns what the node says of itself.
    pub const fn card(&self) -> &Arc<Card> {
        &self.me
    }

    /// Returns the node's incarnation.
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns how the node stands in its pool.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Returns the numbers of its pool.
    pub const fn settings(&self) -> &Arc<PoolSettings> {
        &self.settings
    }

    /// Returns how many times slower than a healthy one the node probes, less one.
    pub const fn health(&self) -> u8 {
        self.probing.health()
    }

    /// Returns whether nobody has been heard for long.
    pub const fn is_isolated(&self) -> bool {
        self.probing.is_isolated()
    }

    /// Returns how the node sees a member, itself included.
    pub fn seen(&self, directory: &Directory, member: NodeId) -> Option<Record> {
        self.members.get(directory.find(member)?)
    }

    /// Returns the view: records by slot, the node itself among them.
    pub const fn members(&self) -> &M {
        &self.members
    }

    /// Returns every member known, by slot, with its record.
    pub fn known<'a>(&'a self, directory: &'a Directory) -> impl Iterator<Item = (NodeId, Record)> + 'a {
        let slots = (0..directory.slots()).map(Slot::new);
        slots.filter_map(|slot| Some((directory.node(slot), self.members.get(slot)?)))
    }

    /// Returns the news that wait to be handed on.
    pub fn waiting_news(&self) -> impl Iterator<Item = &super::News> + '_ {
        self.rumours.iter()
    }

    /// Returns the members nearest by round trip, of those that were measured of late, with the estimates.
    pub fn nearest(&self, directory: &Directory, count: usize) -> Vec<(NodeId, core::time::Duration)> {
        let here = self.near.coordinate();
        let mut measured: Vec<_> =
            self.near.iter().map(|(slot, there)| (here.distance(&there), directory.node(slot))).collect();
        measured.sort_unstable();
        measured.into_iter().take(count).map(|(distance, node)| (node, distance)).collect()
    }

    /// Asserts what must hold between any two steps.
    ///
    /// # Panics
    ///
    /// Panics if the machine is wrong; no peer or user can bring that about.
    pub fn assert_invariants(&self, directory: &Directory) {
        let mine = self.members.get(self.my_slot).expect("a member knows itself");
        assert_eq!(mine.incarnation, self.incarnation, "the node's view of itself is not itself");
        let gone = matches!(self.standing, Standing::Leaving(_)) || self.standing.is_over();
        assert!(mine.state == State::Alive || gone, "the node holds itself {:?}", mine.state);
        for (slot, incarnation) in self.suspicions.iter() {
            let record = self.members.get(slot).expect("who is suspected is known");
            assert_eq!((record.state, record.incarnation), (State::Suspect, incarnation), "{}", directory.node(slot));
        }
        let (known, most) = (self.members.known(), self.settings.members_max);
        assert!(known <= most.max(1), "{known} members are known, above the limit of {most}");
        let (news, bound) = (self.rumours.len(), known + self.settings.broadcasts_max);
        assert!(news <= bound, "{news} pieces of news wait, above the bound of {bound}");
        let (graves, unreachable) = (self.graves.len(), known - self.members.reachable());
        assert!(graves <= unreachable, "{graves} graves for {unreachable} who are gone");
        assert!(self.relays.len() <= self.settings.relays_max, "{} relays", self.relays.len());
        assert_eq!(self.gossip_at == Time::NEVER, self.rumours.is_empty(), "gossip is due while there is news");
    }
}
