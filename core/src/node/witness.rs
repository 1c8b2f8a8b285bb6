//! One voter's view of the health of all registered nodes, kept in step with the topology that it holds.
//!
//! This is all of the joint between the two machines that neither clock, network nor log takes part in, so that whoever
//! explores it drives what ships: who is registered and what was agreed on is taken in as it commits, each change of that
//! is told once, and what the one who leads finds becomes a command. It refuses to know who leads and who can be reached.

use alloc::vec::Vec;

use crate::condition::Condition;
use crate::health::{Doubt, Health, Proposal};
use crate::ids::{Epoch, NodeId};
use crate::time::Time;
use crate::topology::{Command, Member, Topology};

/// What a voter knows of the health of others, and up to which epoch it knows of the topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The health of everybody who is registered.
    pub health: Health,
    /// Up to which epoch registrations and conditions were taken in.
    epoch: Epoch,
}

/// What is new to a voter that took in a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A life that it did not know of. What had been agreed on by then is no news.
    Life(NodeId),
    /// It was agreed on that a life has failed.
    Failed {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life.
        epoch: Epoch,
        /// How it failed.
        condition: Condition,
    },
    /// It was agreed on that a failed life has recovered.
    Recovered {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life.
        epoch: Epoch,
    },
}

impl Witness {
    /// Returns one that has taken nothing in.
    pub const fn new(health: Health) -> Self {
        Self { health, epoch: Epoch::ZERO }
    }

    /// Returns whether a topology holds anything that was not taken in.
    pub fn is_behind(&self, topology: &Topology) -> bool {
        topology.members_changed_at() != self.epoch
    }

    /// Takes in who is registered and what was agreed on since it last looked. Returns what of that is new.
    pub fn take_in(&mut self, now: Time, topology: &Topology) -> Vec<News> {
        let mut news = Vec::new();
        if let Ok(delta) = topology.delta(self.epoch) {
            delta.removed.iter().for_each(|removal| self.health.unregistered(removal.node));
            news.extend(delta.changed.iter().filter_map(|member| self.take_in_member(now, member)));
        } else {
            let gone: Vec<NodeId> = self.health.nodes().filter(|node| topology.get(*node).is_none()).collect();
            for node in gone {
                self.health.unregistered(node);
            }
            news.extend(topology.members().filter_map(|member| self.take_in_member(now, member)));
        }
        self.epoch = topology.members_changed_at();
        news
    }

    fn take_in_member(&mut self, now: Time, member: &Member) -> Option<News> {
        let (node, epoch, condition) = (member.node(), member.registered, member.condition);
        let is_new = self.health.registered(now, node, epoch);
        let before = self.health.agreed(now, node, epoch, condition, member.drain);
        if is_new {
            return Some(News::Life(node));
        }
        match (before.is_some_and(Condition::is_failed), condition.is_failed()) {
            (false, true) => Some(News::Failed { node, epoch, condition }),
            (true, false) => Some(News::Recovered { node, epoch }),
            (true, true) | (false, false) => None,
        }
    }

    /// Takes in whether this node leads, and looks at who has become silent, if heartbeats are for it to hear. Returns how
    /// its view of itself changed, if it did.
    pub fn look(&mut self, now: Time, leads: bool, hears: bool) -> Option<Doubt> {
        match (self.health.leads(), leads) {
            (false, true) => self.health.lead(now),
            (true, false) => self.health.follow(),
            (true, true) | (false, false) => {}
        }
        if !hears {
            self.health.rest();
            return None;
        }
        if self.health.is_due(now) { self.health.look(now) } else { None }
    }

    /// Returns a command to propose and whom it is about; call again until there is none, after [`look`](Self::look). What
    /// comes to nothing is told to [`Health::refused`].
    pub fn propose(&mut self, now: Time) -> Option<(NodeId, Command)> {
        Some(match self.health.propose(now)? {
            Proposal::Find { node, epoch, finding, cause } => {
                (node, Command::SetCondition { node, epoch, condition: finding, cause })
            }
            Proposal::Evict { node, epoch } => (node, Command::Evict { node, epoch }),
        })
    }
}
