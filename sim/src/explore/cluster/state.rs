//! Everything that decides what may happen next in an explored cluster.

use std::sync::Arc;

use delian_core::Node;
use delian_core::raft::Configuration;

use super::cell::Cell;
use super::ghost::Ghost;
use super::model::{Budgets, Model, Network};
use super::network::{Flight, Item};
use crate::invariants::{Breach, Consensus};

/// One state. Copies share the nodes, the messages and the history.
#[derive(Debug)]
pub struct State {
    pub(super) cells: Vec<Arc<Cell>>,
    pub(super) flight: Flight,
    pub(super) left: Budgets,
    /// The changes of the quorum that were asked for, as bits.
    pub(super) asked: u16,
    pub(super) ghost: Arc<Ghost>,
    /// The goals that were met on the way here; no part of the fingerprint, for it decides nothing.
    pub(super) shown: u64,
    /// What went wrong on the calm way to the initial state; nothing in any other.
    pub(super) breach: Option<Arc<Breach>>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        let Self { cells, flight, left, asked, ghost, shown, breach } = self;
        let (cells, flight, ghost) = (cells.clone(), flight.clone(), Arc::clone(ghost));
        Self { cells, flight, left: *left, asked: *asked, ghost, shown: *shown, breach: breach.clone() }
    }

    fn clone_from(&mut self, other: &Self) {
        let Self { cells, flight, left, asked, ghost, shown, breach } = other;
        self.cells.clone_from(cells);
        self.flight.clone_from(flight);
        (self.left, self.asked, self.shown) = (*left, *asked, *shown);
        self.ghost.clone_from(ghost);
        self.breach.clone_from(breach);
    }
}

impl State {
    /// Returns a cluster that has no nodes yet.
    pub(super) fn empty(seed: u64, model: &Model) -> Self {
        let (voters, learners) = model.members();
        let consensus = Consensus::new(Configuration::founding(voters, learners));
        let deviations = match model.network {
            Network::Delay { deviations } => deviations,
            Network::Set | Network::Fifo { .. } => 0,
        };
        Self {
            cells: Vec::new(),
            flight: Flight::default(),
            left: Budgets { deviations, ..model.budgets },
            asked: 0,
            ghost: Arc::new(Ghost::new(seed, consensus, Arc::default())),
            shown: 0,
            breach: None,
        }
    }

    /// Iterates over the nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.cells.iter().map(|cell| &cell.node)
    }

    /// Returns what is on its way, in order.
    pub fn on_their_way(&self) -> &[Item] {
        self.flight.items()
    }

    /// Returns how often each thing may still happen.
    pub const fn left(&self) -> Budgets {
        self.left
    }

    /// Returns whether nothing happens unless something happens on its own.
    pub(super) fn is_quiet(&self) -> bool {
        self.flight.is_empty() && self.cells.iter().all(|cell| cell.waiting.is_empty())
    }
}
