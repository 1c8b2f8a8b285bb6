//! The history that a state carries for the invariants, and how they see the cluster.
//!
//! States share their history until something in it changes. The fingerprint includes the part of it that decides about
//! what may come. Left out by name, because they are judged by time or by wall clocks, which explored states do not have:
//! `a-minority-commits-nothing`, `reads-and-writes-keep-their-order`, `linearizable`, `heals-in-time`, and the share of
//! `one-outcome-per-command` that says how soon.

use std::hash::Hasher;
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::raft::Recovered;
use delian_core::{Incarnation, Node, NodeId, Time};

use super::cell::{Cell, NOW};
use super::model::number_of;
use super::react::Standing;
use super::symmetry::{Hashes, Renamed, Renaming};
use crate::explore::hash::Hash128;
use crate::invariants::{Breach, Clients, Consensus, Observation, View};

/// What has happened so far, as far as a property remembers it.
#[derive(Debug, Default)]
pub(super) struct Ghost {
    consensus: Consensus,
    clients: Arc<Clients>,
    hash: u128,
    record: u128,
    renamed: Hashes,
}

impl Ghost {
    pub(super) fn new(seed: u64, consensus: Consensus, clients: Arc<Clients>) -> Self {
        let mut hasher = Hash128::new(seed);
        consensus.hash_history(&mut hasher);
        hasher.write_u8(0);
        clients.hash_history(&mut hasher);
        let record = Hash128::of(seed, &(&consensus, &clients));
        Self { consensus, clients, hash: hasher.finish_128(), record, renamed: Hashes::default() }
    }

    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }

    /// Returns the hash of all of it, with what is a mere record.
    pub(super) const fn record(&self) -> u128 {
        self.record
    }

    pub(super) const fn consensus(&self) -> &Consensus {
        &self.consensus
    }
}

impl Renamed for Ghost {
    fn hashes(&self) -> &Hashes {
        &self.renamed
    }

    fn own_hash(&self) -> u128 {
        self.hash
    }

    fn renamed(&self, renaming: &Renaming, seed: u64) -> Self {
        let names: Names<'_> = &|id| renaming.id(id);
        let (mut consensus, mut clients) = (self.consensus.clone(), Arc::clone(&self.clients));
        consensus.map_ids(names);
        Arc::make_mut(&mut clients).map_ids(names);
        Self::new(seed, consensus, clients)
    }
}

/// Who judges one step, with the history as it grows meanwhile.
pub(super) struct Judge {
    consensus: Consensus,
    clients: Arc<Clients>,
}

impl Judge {
    pub(super) fn new(ghost: &Ghost) -> Self {
        Self { consensus: ghost.consensus.clone(), clients: Arc::clone(&ghost.clients) }
    }

    pub(super) fn observe(&mut self, id: NodeId, observation: Observation<'_>, view: &Sight<'_>) -> Result<(), Breach> {
        if Clients::concerns(observation) {
            Arc::make_mut(&mut self.clients).observe(id, observation, self.consensus.ledger())?;
        }
        if let Some(growth) = self.consensus.observe(NOW, id, observation, view)? {
            Arc::make_mut(&mut self.clients).on_growth(&growth, self.consensus.ledger())?;
        }
        Ok(())
    }

    /// Returns the history after the step, which is the one before it if nothing was learned.
    pub(super) fn close(self, seed: u64, ghost: &Arc<Ghost>) -> Arc<Ghost> {
        if Arc::ptr_eq(&self.clients, &ghost.clients) && self.consensus.is_unchanged_since(&ghost.consensus) {
            Arc::clone(ghost)
        } else {
            Arc::new(Ghost::new(seed, self.consensus, self.clients))
        }
    }
}

/// The cluster in the midst of a step: all cells as they were, but the one that steps.
pub(super) struct Sight<'a> {
    pub(super) cells: &'a [Arc<Cell>],
    pub(super) number: u8,
    pub(super) stepping: Standing<'a>,
}

impl Sight<'_> {
    fn standing(&self, id: NodeId) -> Option<Standing<'_>> {
        let number = number_of(id, usize::from(u8::MAX))?;
        if number == self.number {
            Some(self.stepping)
        } else {
            self.cells.get(usize::from(number)).map(|cell| Standing::of(cell))
        }
    }
}

impl View for Sight<'_> {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.standing(id).map(|standing| standing.node)
    }

    fn disk(&self, id: NodeId) -> Option<&Recovered> {
        self.standing(id).map(|standing| standing.disk)
    }

    fn memory(&self, id: NodeId, incarnation: Incarnation) -> Option<&Recovered> {
        let Standing { disk, graves, .. } = self.standing(id)?;
        std::iter::once(disk)
            .chain(graves.iter().map(|disk| &**disk))
            .find(|disk| disk.hard_state.incarnation == Some(incarnation))
    }

    fn settled_disk(&self, id: NodeId) -> Option<&Recovered> {
        self.standing(id).filter(|standing| standing.is_settled).map(|standing| standing.disk)
    }

    fn reached_since(&self, _: NodeId, _: NodeId, _: Time) -> bool {
        true
    }

    fn is_at_work(&self, _: NodeId) -> bool {
        true
    }

    fn disk_may_fail(&self, _: NodeId) -> bool {
        false
    }

    fn clock(&self, _: NodeId) -> Option<Time> {
        None
    }
}
