//! Everything that decides what may happen next in an explored pool.

use std::hash::Hasher;
use std::sync::Arc;

use delian_core::NodeId;
use delian_core::swim::{Directory, Roster, Swim};

use super::cell::{Cell, Seat};
use super::model::{Budgets, Model};
use super::react::Letter;
use super::truth::Truth;
use crate::explore::flight::{Flight, Network};
use crate::explore::hash::Hash128;
use crate::invariants::Breach;

/// One state. Copies share the processes and the packets.
#[derive(Debug)]
pub struct State {
    pub(super) scene: Arc<Scene>,
    pub(super) flight: Flight<Arc<Letter>>,
    pub(super) left: Budgets,
    /// The lives that have begun, as bits.
    pub(super) begun: u8,
    /// How packets travel: as the model says, and on the calm way in a queue that loses nothing. No part of the fingerprint.
    pub(super) network: Network,
    /// The goals that were met on the way here; no part of the fingerprint, for it decides nothing.
    pub(super) shown: u64,
    /// What went wrong on the calm way to the initial state; nothing in any other.
    pub(super) breach: Option<Arc<Breach>>,
}

/// All seats and what really happened; shared by all states that differ in neither.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) seats: Vec<Seat>,
    pub(super) truth: Arc<Truth>,
    hash: u128,
}

impl Scene {
    pub(super) fn new(seed: u64, seats: Vec<Seat>, truth: Arc<Truth>) -> Self {
        let mut hasher = Hash128::new(seed);
        for seat in &seats {
            hasher.write_u128(seat.hash());
        }
        std::hash::Hash::hash(&*truth, &mut hasher);
        Self { seats, truth, hash: hasher.finish_128() }
    }

    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }
}

impl Clone for State {
    fn clone(&self) -> Self {
        let Self { scene, flight, left, begun, network, shown, breach } = self;
        let (scene, flight, breach) = (Arc::clone(scene), flight.clone(), breach.clone());
        Self { scene, flight, left: *left, begun: *begun, network: *network, shown: *shown, breach }
    }

    fn clone_from(&mut self, other: &Self) {
        let Self { scene, flight, left, begun, network, shown, breach } = other;
        self.scene.clone_from(scene);
        self.flight.clone_from(flight);
        (self.left, self.begun, self.network, self.shown) = (*left, *begun, *network, *shown);
        self.breach.clone_from(breach);
    }
}

impl State {
    /// Returns a pool whose seats are all empty.
    pub(super) fn empty(seed: u64, model: &Model) -> Self {
        let deviations = match model.network {
            Network::Delay { deviations } => deviations,
            Network::Set | Network::Fifo { .. } => 0,
        };
        let seats = vec![Seat::Empty; usize::from(model.seats())];
        Self {
            scene: Arc::new(Scene::new(seed, seats, Arc::default())),
            flight: Flight::default(),
            left: Budgets { deviations, ..model.budgets },
            begun: 0,
            network: model.network,
            shown: 0,
            breach: None,
        }
    }

    /// Returns the process at a seat.
    pub(super) fn cell(&self, seat: u8) -> Option<&Arc<Cell>> {
        self.scene.seats.get(usize::from(seat))?.cell()
    }

    /// Returns the processes that run, by seat.
    pub(super) fn taken(&self) -> impl Iterator<Item = (u8, &Arc<Cell>)> {
        (0..).zip(&self.scene.seats).filter_map(|(seat, it)| Some((seat, it.cell()?)))
    }

    /// Returns the machines that run, with their directories, by seat.
    pub fn members(&self) -> impl Iterator<Item = (u8, &Swim<Roster>, &Directory)> {
        self.taken().map(|(seat, cell)| (seat, &cell.swim, &cell.directory))
    }

    /// Returns whether a process of this identity runs.
    pub(super) fn runs(&self, id: NodeId) -> bool {
        self.taken().any(|(_, cell)| cell.swim.card().id == id)
    }
}
