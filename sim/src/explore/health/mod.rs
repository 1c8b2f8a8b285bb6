//! The watch that voters keep over registered nodes, as a system to explore.
//!
//! What decides is the code that ships: each voter holds a [`Witness`](delian_core::node::witness::Witness), which is the
//! health of all nodes kept in step with a topology, and commands change the topology by `apply`. What the log is to them
//! is left of Raft: one list of committed commands, which each voter applies in order and with a lag of its own, and behind
//! it what the one who leads has taken and is not committed. Whoever takes over keeps any part of that from its beginning
//! on. Whoever led before may believe that it does for as long as it likes, and what it proposes then is lost.
//!
//! Time is part of the states, for a silence is a span: each voter has a clock of its own, which goes on in steps, or far
//! at once while it sleeps. Settings are so small that a silence is a failure after two steps. A heartbeat that was sent
//! may reach any voter at any time, again and again, or never, whatever became of its node; and failure detectors say what
//! they like, so news of a death may be late or false.
//!
//! In reading order: [`model`] says what bounds there are, [`action`] what may happen, `voter` what a voter does, `truth`
//! what it should know, `laws` and `step` how all of it is judged, and `heal` what must come of every quiet state.
//! [`models`] lists what ships.

pub mod model;
pub mod action;
pub mod models;
mod voter;
mod truth;
mod laws;
mod state;
mod step;
mod heal;
mod story;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use delian_core::health::HealthSettings;

pub use self::action::Action;
pub use self::state::State;

use self::model::Model;
use self::state::Held;
use self::truth::Spans;
use self::voter::{Pace, Voter};
use super::System;
use super::cluster::judged;
use super::shipped::{self, Heal, Listing, Shipped};
use crate::invariants::Breach;

/// A model ready to be explored.
#[derive(Debug)]
pub struct Orchestrator {
    model: Model,
    settings: Arc<HealthSettings>,
    goals: Vec<&'static str>,
    /// What all hashes that states keep begin with.
    seed: u64,
}

impl Orchestrator {
    /// Prepares a model. The seed is that of the hashes that a state keeps of its parts; another one must lead to the
    /// same counts.
    ///
    /// # Panics
    ///
    /// If nobody leads, or a leader takes nothing.
    pub fn new(model: Model, seed: u64) -> Self {
        assert!(model.voters > 0, "{}: the first voter leads", model.name);
        assert!(model.tail_max > 0, "{}: a leader takes a command", model.name);
        let goals = model.goals.iter().map(|goal| goal.name()).collect();
        Self { settings: Arc::new(model.settings()), goals, seed, model }
    }

    /// Returns the model.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Registers all nodes, and lets everybody know.
    fn found(&self) -> State {
        let mut topology = model::nobody();
        for node in 0..self.model.nodes {
            topology.apply(&step::register(node)).expect("a model's registrations are acceptable");
        }
        let voter = |number: u8| {
            let mut voter = Voter::new(&self.settings, Spans::of(&self.model), self.model.nodes);
            voter.leads = number == 0;
            let proposed = voter.tend(&topology, Pace::Steady, 0).expect("a beginning breaks nothing");
            assert!(proposed.is_empty(), "whoever begins has found nothing");
            voter.settle(self.seed);
            Arc::new(voter)
        };
        let voters: Vec<Arc<Voter>> = (0..self.model.voters).map(voter).collect();
        State {
            places: vec![0; voters.len()],
            voters,
            log: vec![Held::new(self.seed, topology)],
            tail: Vec::new(),
            leader: 0,
            sent: Vec::new(),
            left: self.model.budgets,
            shown: 0,
        }
    }
}

impl System for Orchestrator {
    type State = State;
    type Action = Action;
    type Recall = ();

    fn initial(&self) -> State {
        self.found()
    }

    fn actions(&self, state: &State, into: &mut Vec<Action>) {
        action::enabled(&self.model, state, into);
    }

    fn step(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        judged(|| self.take(state, action))
    }

    fn fingerprint(&self, state: &State, seed: u64) -> u128 {
        state.fingerprint(seed)
    }

    fn check(&self, state: &State) -> Result<(), Breach> {
        let must_heal = self.model.heal == Heal::Required && state.is_quiet();
        if must_heal { judged(|| self.heals(state)) } else { Ok(()) }
    }

    fn goals(&self) -> &[&'static str] {
        &self.goals
    }

    fn reached(&self, state: &State) -> u64 {
        shipped::reached(self.model.goals.iter().map(|goal| goal.bit()), state.shown)
    }
}

impl Shipped for Orchestrator {
    const STATE_BYTES: u64 = 2_048;

    fn listing(&self) -> Listing {
        self.model.listing()
    }

    fn digest(&self, build: &[u8]) -> u64 {
        let Model { name, voters, nodes, tail_max, budgets, heal, .. } = &self.model;
        let bounds = (name, voters, nodes, tail_max, budgets, heal);
        shipped::digest_of(&format!("{bounds:?} {:?}", self.settings), build)
    }

    fn tell(&self, state: &State, action: Action) -> String {
        story::describe_action(state, action)
    }

    fn changes(&self, before: &State, after: &State) -> Vec<String> {
        story::describe_changes(before, after)
    }
}
