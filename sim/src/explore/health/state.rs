//! Everything that decides what may happen next among the voters.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::Topology;
use delian_core::health::Heartbeat;
use delian_core::topology::Command;

use super::model::Budgets;
use super::voter::Voter;
use crate::explore::hash::Hash128;

/// One state. Copies share the voters, topologies and commands.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) voters: Vec<Arc<Voter>>,
    /// Which of the epochs a voter holds, as its place in `log`.
    pub(super) places: Vec<u8>,
    /// The committed epochs, from that of the voter who is farthest behind up to the last. What a committed command leads
    /// to is a pure function of what was before, so voters share it.
    pub(super) log: Vec<Arc<Held>>,
    /// What the one who leads has in its log and is not committed.
    pub(super) tail: Vec<Arc<Entry>>,
    /// Who leads in the latest term. Others may still believe that they do.
    pub(super) leader: u8,
    /// Every heartbeat that was ever sent. Each voter may hear each of them at any time, again and again, or never.
    pub(super) sent: Vec<Heartbeat>,
    pub(super) left: Budgets,
    /// The goals that were met on the way here; no part of the fingerprint, for it decides nothing.
    pub(super) shown: u64,
}

/// The topology of one epoch, and its hash.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) topology: Topology,
    pub(super) hash: u128,
}

/// A command in a log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) command: Command,
    pub(super) hash: u128,
}

impl Held {
    pub(super) fn new(seed: u64, topology: Topology) -> Arc<Self> {
        let hash = Hash128::of(seed, &topology);
        Arc::new(Self { topology, hash })
    }
}

impl Entry {
    pub(super) fn new(seed: u64, command: Command) -> Arc<Self> {
        let hash = Hash128::of(seed, &command);
        Arc::new(Self { command, hash })
    }
}

impl State {
    pub(super) fn voter(&self, number: u8) -> &Arc<Voter> {
        &self.voters[usize::from(number)]
    }

    /// Returns the topology that a voter holds.
    pub(super) fn held(&self, number: u8) -> &Arc<Held> {
        &self.log[usize::from(self.places[usize::from(number)])]
    }

    /// Returns how many epochs a voter has not applied.
    pub(super) fn behind(&self, number: u8) -> usize {
        self.log.len() - 1 - usize::from(self.places[usize::from(number)])
    }

    /// Returns the topology of all that is committed.
    pub(super) fn committed(&self) -> &Topology {
        &self.log.last().expect("there is an epoch").topology
    }

    /// Returns whether everything that was asked for is committed, applied and known, and so is who leads.
    pub(super) fn is_quiet(&self) -> bool {
        let leads_once = (0..).zip(&self.voters).all(|(number, voter)| voter.leads == (number == self.leader));
        self.tail.is_empty() && self.log.len() == 1 && leads_once
    }

    /// Forgets the epochs that every voter has left behind.
    pub(super) fn trim(&mut self) {
        let first = self.places.iter().copied().min().unwrap_or(0);
        self.log.drain(..usize::from(first));
        self.places.iter_mut().for_each(|place| *place -= first);
    }

    /// Hashes all that decides.
    pub(super) fn fingerprint(&self, seed: u64) -> u128 {
        let Self { voters, places, log, tail, leader, sent, left, shown: _ } = self;
        let mut hasher = Hash128::new(seed);
        for hash in voters.iter().map(|voter| voter.hash()).chain(log.iter().map(|held| held.hash)) {
            hasher.write_u128(hash);
        }
        for entry in tail {
            hasher.write_u128(entry.hash);
        }
        // Lengths, so that none of the lists can be taken for a part of another.
        (places, log.len(), tail.len(), leader, sent, left).hash(&mut hasher);
        hasher.finish_128()
    }
}
