//! Everything that decides what may happen next in an explored cluster.

use std::sync::Arc;

use delian_core::Node;
use delian_core::raft::Configuration;

use super::ghost::Ghost;
use super::model::{Budgets, Model, Network};
use super::network::{Flight, Item};
use super::scene::Scene;
use super::symmetry::Renaming;
use crate::invariants::{Breach, Consensus};

/// One state. Copies share the nodes, the messages and the history.
#[derive(Debug)]
pub struct State {
    pub(super) scene: Arc<Scene>,
    pub(super) flight: Flight,
    pub(super) left: Budgets,
    /// The changes of the quorum that were asked for, as bits.
    pub(super) asked: u16,
    /// Who promised which leader, under leases, to support nobody else for a time: a bit for each pair.
    pub(super) promised: u64,
    /// The nodes that crashed on the way here, as bits; like the goals no part of the fingerprint.
    pub(super) restarted: u8,
    /// The goals that were met on the way here; no part of the fingerprint, for it decides nothing.
    pub(super) shown: u64,
    /// What went wrong on the calm way to the initial state; nothing in any other.
    pub(super) breach: Option<Arc<Breach>>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        let Self { scene, flight, left, asked, promised, restarted, shown, breach } = self;
        let (scene, flight, breach) = (Arc::clone(scene), flight.clone(), breach.clone());
        let (left, asked, promised, restarted, shown) = (*left, *asked, *promised, *restarted, *shown);
        Self { scene, flight, left, asked, promised, restarted, shown, breach }
    }

    fn clone_from(&mut self, other: &Self) {
        let Self { scene, flight, left, asked, promised, restarted, shown, breach } = other;
        self.scene.clone_from(scene);
        self.flight.clone_from(flight);
        (self.left, self.asked, self.promised) = (*left, *asked, *promised);
        (self.restarted, self.shown) = (*restarted, *shown);
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
        let ghost = Arc::new(Ghost::new(seed, consensus, Arc::default()));
        Self {
            scene: Arc::new(Scene::new(seed, Vec::new(), ghost)),
            flight: Flight::default(),
            left: Budgets { deviations, ..model.budgets },
            asked: 0,
            promised: 0,
            restarted: 0,
            shown: 0,
            breach: None,
        }
    }

    /// Iterates over the nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.scene.cells().iter().map(|cell| &cell.node)
    }

    /// Returns what is on its way, in order.
    pub fn on_their_way(&self) -> &[Item] {
        self.flight.items()
    }

    /// Returns how often each thing may still happen.
    pub const fn left(&self) -> Budgets {
        self.left
    }

    /// Notes that a node promised a leader to support nobody else for a time.
    pub(super) const fn promise(&mut self, number: u8, leader: u8) {
        self.promised |= pledge(number, leader);
    }

    /// Notes that nothing depends on what was promised to this leader any more.
    pub(super) fn release(&mut self, leader: u8) {
        let all = (0..PLEDGES).map(|number| pledge(number, leader)).fold(0, |all, one| all | one);
        self.promised &= !all;
    }

    /// Returns whether some leader's lease may count on this node.
    pub(super) fn is_bound(&self, number: u8) -> bool {
        (0..PLEDGES).any(|leader| self.promised & pledge(number, leader) != 0)
    }

    /// Returns whether anyone is bound to this leader.
    pub(super) fn is_counted_on_by(&self, leader: u8) -> bool {
        (0..PLEDGES).any(|number| self.promised & pledge(number, leader) != 0)
    }

    /// Returns the bits of the promises as they would be under other names.
    pub(super) fn promised_under(&self, renaming: &Renaming) -> u64 {
        let (mut left, mut bits) = (self.promised, 0);
        while left != 0 {
            let place = left.trailing_zeros() as u8;
            left &= left - 1;
            bits |= pledge(renaming.number(place / PLEDGES), renaming.number(place % PLEDGES));
        }
        bits
    }

    /// Returns whether nothing happens unless something happens on its own.
    pub(super) fn is_quiet(&self) -> bool {
        self.flight.is_empty() && self.scene.is_settled()
    }
}

/// How many nodes may promise each other something.
pub(super) const PLEDGES: u8 = 8;

/// Returns the bit of a node's promise to a leader.
const fn pledge(number: u8, leader: u8) -> u64 {
    1 << (number * PLEDGES + leader)
}
