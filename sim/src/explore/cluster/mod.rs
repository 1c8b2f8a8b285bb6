//! Clusters of the node that ships, as a system to explore.
//!
//! A state is the nodes, their disks with the writes on their way, the messages in flight, and how often each thing may
//! still happen; so the search is exact without a bound on its depth. Time is no part of it: a deadline that is armed may
//! fire, whenever (see [`delian_core::projection`]). In reading order: [`model`] says what bounds there are, [`action`]
//! what may happen, `network` and `cell` what is on its way and what a node and its disk are, `ghost` what the invariants
//! remember, `react` what a node makes of an input, `step` how that is judged, `abstract_raft` what every step must
//! refine, and `heal` what must come of every quiet state.
//!
//! Made cheap: a state shares its nodes and history with all states that differ in other things (`scene`), each part is
//! hashed once, when it is made, and a search takes an equal step once (`recall`). Where no identity decides, states that
//! are equal but for the names of nodes are one (`symmetry`).
//!
//! Nothing is left out of a state because it seems to be dead: a late message of an old term is delivered like any other.

pub mod model;
pub mod action;
mod network;
mod cell;
mod ghost;
mod scene;
mod state;
mod symmetry;
mod react;
mod recall;
mod step;
mod abstract_raft;
mod heal;
mod story;
pub mod picture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use delian_core::projection::Deadline;
use delian_core::raft::Recovered;
use delian_core::topology::Command;
use delian_core::{Blob, Consistency, Operation, Sequence, SessionId, Settings};

pub use self::action::Action;
pub use self::network::{Item, Letter};
pub use self::recall::Recall;
use self::state::PLEDGES;
pub use self::state::State;
use self::symmetry::Group;
pub use super::hash::Hash128;
pub use super::shipped::{Told, in_lines};

use self::model::{Asking, Budgets, Heal, Model, Start, Symmetry};
use super::System;
use super::shipped::{self, Listing, Shipped};
use crate::invariants::{Breach, Invariant, NoPanic};
use crate::panics;

/// The session that is open from the beginning on, where clients try again: that of the entry after a leader's first.
const SESSION: SessionId = SessionId::new(2);

/// A model ready to be explored.
#[derive(Debug)]
pub struct Cluster {
    model: Model,
    settings: Arc<Settings>,
    commands: Vec<Command>,
    goals: Vec<&'static str>,
    /// Under which names states are the same, where names are not told apart.
    group: Option<Group>,
    /// What all hashes that states keep begin with.
    seed: u64,
}

impl Cluster {
    /// Prepares a model. The seed is that of the hashes that a state keeps of its parts; another one must lead to the
    /// same counts.
    ///
    /// # Panics
    ///
    /// If the model is larger than states have bits for, has leases and more than one round of heartbeats, or is reduced by
    /// a symmetry that it does not have.
    pub fn new(model: Model, seed: u64) -> Self {
        assert!(model.size() <= PLEDGES, "{} nodes, and bits for {PLEDGES}", model.size());
        assert!(model.changes.len() <= 16, "{} changes, and bits for 16", model.changes.len());
        // Promises are told apart by leader and not by round: a second round would bind those who heard only the first.
        let is_measured_once = model.reads != Consistency::Lease || model.budgets.heartbeats <= 1;
        assert!(is_measured_once, "{}: leases are explored with one round of heartbeats", model.name);
        let settings = Arc::new(model.settings());
        let goals = model.goals.iter().map(|goal| goal.name()).collect();
        let commands = (1..=model.budgets.commands).map(|number| Command::Custom(Blob::from([number].as_slice())));
        let group = match model.symmetry {
            Symmetry::Unreduced => None,
            Symmetry::Reduced { .. } => {
                let decides = model.names_decide();
                assert!(decides.is_none(), "{}: {}", model.name, decides.unwrap_or_default());
                Some(Group::new(&model, seed))
            }
        };
        Self { settings, commands: commands.collect(), goals, group, seed, model }
    }

    /// Returns the model.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Says what is on its way at a place, for people.
    pub fn describe(&self, item: &Item) -> String {
        network::describe(item, model::id_of)
    }

    fn found_all(&self, state: &mut State) -> Result<(), Breach> {
        let founding = Arc::new(Recovered::founding());
        for number in 0..self.model.size() {
            self.found(state, number, &founding)?;
        }
        self.calm(&mut Recall::nothing(), state)
    }

    /// Lets the first node win the first election and commit its first entry. Where leases are, nobody promised one yet.
    fn led(&self, state: &mut State) -> Result<(), Breach> {
        let left = state.left;
        state.left = Budgets { terms: 1, elections: 1, heartbeats: 1, ..Budgets::NONE };
        let recall = &mut Recall::nothing();
        self.take(recall, state, Action::Fire(0, Deadline::Election))?;
        self.calm(recall, state)?;
        if self.model.asking == Asking::Retrying {
            self.open_session(state, 0)?;
            self.calm(recall, state)?;
        }
        if self.model.reads != Consistency::Lease {
            self.take(recall, state, Action::Fire(0, Deadline::Heartbeat))?;
            self.calm(recall, state)?;
        }
        state.left = left;
        Ok(())
    }

    /// Returns the command that all tries within the session are of.
    fn operation() -> Operation {
        Operation { session: SESSION, sequence: Sequence::new(1), awaited_from: Sequence::new(1) }
    }
}

impl System for Cluster {
    type State = State;
    type Action = Action;
    type Recall = Recall;

    fn initial(&self) -> State {
        let mut state = State::empty(self.seed, &self.model);
        let begun = judged(|| {
            self.found_all(&mut state)?;
            match self.model.start {
                Start::Founded => Ok(()),
                Start::Led => self.led(&mut state),
            }
        });
        // Told when the state is checked, as any other breach is.
        state.breach = begun.err().map(Arc::new);
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

    fn recalled_bytes(&self, recall: &Recall) -> u64 {
        recall.bytes()
    }

    fn fingerprint(&self, state: &State, seed: u64) -> u128 {
        match &self.group {
            Some(group) => group.fingerprint(state, seed),
            None => state.hash(seed),
        }
    }

    fn check(&self, state: &State) -> Result<(), Breach> {
        self.check_recalling(&mut Recall::nothing(), state)
    }

    fn check_recalling(&self, recall: &mut Recall, state: &State) -> Result<(), Breach> {
        if let Some(breach) = &state.breach {
            return Err(Breach::clone(breach));
        }
        if self.model.heal == Heal::Required && state.is_quiet() {
            judged(|| self.heals(recall, state))
        } else {
            Ok(())
        }
    }

    fn goals(&self) -> &[&'static str] {
        &self.goals
    }

    fn reached(&self, state: &State) -> u64 {
        shipped::reached(self.model.goals.iter().map(|goal| goal.bit()), state.shown)
    }
}

impl Shipped for Cluster {
    const STATE_BYTES: u64 = 1_024;

    fn listing(&self) -> Listing {
        self.model.listing()
    }

    fn digest(&self, build: &[u8]) -> u64 {
        let Model { name, voters, learners, network, disk, start, budgets, deadlines, changes, forget, heal, .. } =
            &self.model;
        let bounds = (name, voters, learners, network, disk, start, budgets, deadlines, changes, forget, heal);
        let asked = (self.model.asking, self.model.reads, self.group.is_some());
        shipped::digest_of(&format!("{bounds:?} {asked:?} {:?}", self.settings), build)
    }

    fn tell(&self, state: &State, action: Action) -> String {
        self.describe_action(state, action)
    }

    fn changes(&self, before: &State, after: &State) -> Vec<String> {
        story::changes(before, after)
    }
}

/// Returns what running a part of the system came to; a panic is a breach like any other.
pub(super) fn judged(run: impl FnOnce() -> Result<(), Breach>) -> Result<(), Breach> {
    let mut judged = Ok(());
    let ended = panics::caught(|| judged = run());
    ended.map_err(|told| NoPanic::breach(vec![told])).and(judged)
}
