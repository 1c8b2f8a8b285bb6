//! Pools of the membership machine that ships, as a system to explore.
//!
//! A state is the processes with their directories, the packets in flight, what really happened, and how often each thing
//! may still happen. Time is no part of it: a deadline that is armed may fire, whenever, and alone (see
//! [`delian_core::swim::projection`]). What chance decides is explored: whom a probe is for, and who is first to hear a
//! round of gossip; among three members that is all, for models ask one helper and gossip with two.
//!
//! Not explored is what long silence means, since instants of the past lie at the present: a member is never cut off,
//! isolated or starved, and never puts its suspicions off; local health, which only stretches spans, is forgotten. Streams
//! get lost as datagrams do. A ping whose sender holds another view brings an exchange about whenever the budget lasts.
//!
//! In reading order: [`model`] says what bounds there are, [`action`] what may happen, `cell` what a process is, `react`
//! what it makes of an input, `laws` by which rules, `truth` what its claims must go back to, `step` how all of it is
//! judged, and `heal` what must come of every quiet state. [`models`] lists the pools that ship.

pub mod model;
pub mod action;
pub mod models;
mod cell;
mod react;
mod laws;
mod truth;
mod state;
mod step;
mod heal;
mod story;
#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::swim::PoolSettings;
use delian_core::{NodeId, Seed};

pub use self::action::Action;
pub use self::react::{Aim, Letter};
pub use self::state::State;
pub use self::step::Recall;

use self::cell::Seat;
use self::model::{Budgets, Kind, Model};
use super::System;
use super::cluster::judged;
use super::flight::Network;
use super::hash::Hash128;
use super::shipped::{self, Heal, Listing, Shipped};
use crate::invariants::Breach;

/// A model ready to be explored.
#[derive(Debug)]
pub struct Pool {
    model: Model,
    settings: Arc<PoolSettings>,
    ids: Vec<NodeId>,
    /// Seeds by how many are drawn from and who is drawn first.
    luck: Vec<Vec<Seed>>,
    goals: Vec<&'static str>,
    /// What all hashes that states keep begin with.
    seed: u64,
}

impl Pool {
    /// Prepares a model. The seed is that of the hashes that a state keeps of its parts; another one must lead to the
    /// same counts.
    ///
    /// # Panics
    ///
    /// If the model has more members than chance is explored for, more lives than states have bits for, or no gossip.
    pub fn new(model: Model, seed: u64) -> Self {
        assert!(model.members <= 3, "{} members, and chance is explored among three", model.members);
        assert!(model.deadlines.contains(&Kind::Gossip), "{}: news never goes out", model.name);
        assert!(model.lives.len() <= 8, "{} lives, and bits for 8", model.lives.len());
        let settings = Arc::new(model.settings());
        let goals = model.goals.iter().map(|goal| goal.name()).collect();
        let ids = react::ids(model.members);
        Self { settings, ids, luck: react::luck(model.members), goals, seed, model }
    }

    /// Returns the model.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Lets all members of the beginning come to know that the others answer.
    fn found(&self, state: &mut State) -> Result<(), Breach> {
        for number in 0..self.model.members {
            let (cell, out) = self.begin((number, number), self.model.first, self.model.members);
            assert!(out.is_empty(), "a life begins in silence");
            self.seat_first(state, number, cell);
        }
        let left = state.left;
        (state.left, state.network) = (Budgets::NONE, heal::CALM);
        self.round(&mut Recall::nothing(), state)?;
        (state.left, state.network) = (left, self.model.network);
        state.shown = 0;
        Ok(())
    }
}

impl System for Pool {
    type State = State;
    type Action = Action;
    type Recall = Recall;

    fn initial(&self) -> State {
        let mut state = State::empty(self.seed, &self.model);
        // Told when the state is checked, as any other breach is.
        state.breach = judged(|| self.found(&mut state)).err().map(Arc::new);
        state
    }

    fn actions(&self, state: &State, into: &mut Vec<Action>) {
        action::enabled(&self.model, state, into);
    }

    fn step(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        self.step_recalling(&mut Recall::nothing(), state, action)
    }

    fn step_recalling(&self, recall: &mut Recall, state: &mut State, action: Action) -> Result<(), Breach> {
        judged(|| self.take(recall, state, action))
    }

    fn fingerprint(&self, state: &State, seed: u64) -> u128 {
        let State { scene, flight, left, begun, network: _, shown: _, breach: _ } = state;
        let mut hasher = Hash128::new(seed);
        hasher.write_u128(scene.hash());
        flight.hash_into(&mut hasher);
        left.hash(&mut hasher);
        hasher.write_u8(*begun);
        hasher.finish_128()
    }

    fn check(&self, state: &State) -> Result<(), Breach> {
        self.check_recalling(&mut Recall::nothing(), state)
    }

    fn check_recalling(&self, recall: &mut Recall, state: &State) -> Result<(), Breach> {
        if let Some(breach) = &state.breach {
            return Err(Breach::clone(breach));
        }
        let is_quiet = state.flight.is_empty() || self.model.network == Network::Set;
        if self.model.heal == Heal::Required && is_quiet { judged(|| self.heals(recall, state)) } else { Ok(()) }
    }

    fn goals(&self) -> &[&'static str] {
        &self.goals
    }

    fn reached(&self, state: &State) -> u64 {
        shipped::reached(self.model.goals.iter().map(|goal| goal.bit()), state.shown)
    }
}

impl Shipped for Pool {
    const STATE_BYTES: u64 = 2_048;

    fn listing(&self) -> Listing {
        self.model.listing()
    }

    fn digest(&self, build: &[u8]) -> u64 {
        let Model { name, members, first, network, deadlines, lives, budgets, heal, .. } = &self.model;
        let bounds = (name, members, first, network, deadlines, lives, budgets, heal);
        shipped::digest_of(&format!("{bounds:?} {:?}", self.settings), build)
    }

    fn tell(&self, state: &State, action: Action) -> String {
        self.describe_action(state, action)
    }

    fn changes(&self, before: &State, after: &State) -> Vec<String> {
        self.describe_changes(before, after)
    }
}

impl Pool {
    fn seat_first(&self, state: &mut State, number: u8, mut cell: cell::Cell) {
        cell.settle(self.seed);
        let deeds =
            truth::Deeds { issued: Some((cell.swim.card().id, cell.swim.incarnation())), ..truth::Deeds::default() };
        let mut truth = (*state.scene.truth).clone();
        truth.learn(&deeds);
        let mut seats = state.scene.seats.clone();
        seats[usize::from(number)] = Seat::Taken(Arc::new(cell));
        state.scene = Arc::new(state::Scene::new(self.seed, seats, Arc::new(truth)));
    }
}
