//! Visits every state that a system can reach and tells the shortest way to whatever is broken.
//!
//! A breadth-first model checker (a state graph that is built while it is searched), for any [`System`]: it knows nothing
//! of nodes or consensus. What it promises:
//!
//! - **Exact within the model's own bounds.** It has no bound on depth. States are told apart by 128-bit fingerprints over
//!   the whole state, so two states are taken for one with a chance of about n²/2¹²⁹ for n states; [`under_two_seeds`]
//!   searches again under another seed and compares.
//! - **Level by level, on one thread.** A state is first met at its distance from the initial state, so a
//!   counter-example is as short as any, and equal systems give equal [`Report`]s on every machine.
//! - **Bounded.** A [`Limit`] on states and memory ends the search with what it knows, and a search that ended early can
//!   go on, in this process or from a [checkpoint](Search::save).
//! - **Honest about emptiness.** [`goals`](System::goals) are what some state must show; the report names those that
//!   none did.
//!
//! To read it: [`Search`] holds the loop; `visited` the fingerprints, `trail` the way back from each state, `frontier` the
//! states that wait; `checkpoint` and `resume` put a search into bytes and back; [`path`] replays what was found, and
//! [`guards`] doubt the system and the fingerprint.
//!
//! It ends at `System`: what a state is, which faults it may suffer and what is wrong with it are the model's part.
//! [`cluster`] is the system of real nodes, and [`models`] lists the clusters, networks and bounds that ship.

mod search;
mod visited;
mod trail;
mod frontier;
mod limits;
mod report;
mod checkpoint;
mod resume;
mod hash;
mod table;
mod flight;
pub mod shipped;
pub mod path;
pub mod guards;
pub mod cluster;
pub mod pool;
pub mod health;
pub mod models;
pub mod catalogue;
pub mod jumps;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use crate::invariants::Breach;

pub use self::checkpoint::CheckpointError;
pub use self::guards::{Double, under_two_seeds};
pub use self::limits::{Limit, Limits, OnBreach, Options, Progress, silent};
pub use self::path::{Path, follow};
pub use self::report::{CounterExample, Goal, Outcome, Report};
pub use self::search::Search;
pub use self::shipped::{Listing, Shipped};

/// The most actions that one state may enable: a place among them takes two bytes of each visited state.
pub const ACTIONS_MAX: usize = u16::MAX as usize;

/// The most goals that a system may name.
pub const GOALS_MAX: usize = u64::BITS as usize;

/// A system to explore: deterministic, and closed under its actions.
pub trait System {
    /// All that decides what can happen next. It is copied once per transition, with `clone_from` into a state that is
    /// not needed any more, so a `clone_from` that keeps allocations pays.
    type State: Clone;
    /// What can happen in a state.
    type Action: Copy + Eq + Debug;
    /// What a search keeps for the system from call to call, so that equal work is done once; `()` for nothing. It begins
    /// as its default, is bounded by the system and decides about nothing but speed.
    type Recall: Default;

    /// Returns the state that everything begins in.
    fn initial(&self) -> Self::State;

    /// Appends every enabled action, in an order that is a function of the state alone.
    ///
    /// An action is recorded by its place among them, so there are at most [`ACTIONS_MAX`].
    fn actions(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// Takes an action.
    ///
    /// # Errors
    ///
    /// With the property that this transition breaks. The state is then not looked at again.
    fn step(&self, state: &mut Self::State, action: Self::Action) -> Result<(), Breach>;

    /// Returns how many bytes what is kept weighs, which [`Limits`] counts.
    fn recalled_bytes(&self, _recall: &Self::Recall) -> u64 {
        0
    }

    /// Takes an action as [`step`](Self::step) does, with what was kept of others.
    ///
    /// # Errors
    ///
    /// As `step` does.
    fn step_recalling(
        &self,
        _recall: &mut Self::Recall,
        state: &mut Self::State,
        action: Self::Action,
    ) -> Result<(), Breach> {
        self.step(state, action)
    }

    /// Returns 128 bits over the complete state, under a hash seed.
    ///
    /// States with equal fingerprints are one. An injective packing is as good as a hash; the search spreads the bits.
    fn fingerprint(&self, state: &Self::State, seed: u64) -> u128;

    /// Judges a state once, when it is first met.
    ///
    /// # Errors
    ///
    /// With the property that this state breaks.
    fn check(&self, _state: &Self::State) -> Result<(), Breach> {
        Ok(())
    }

    /// Judges a state as [`check`](Self::check) does, with what was kept of others.
    ///
    /// # Errors
    ///
    /// As `check` does.
    fn check_recalling(&self, _recall: &mut Self::Recall, state: &Self::State) -> Result<(), Breach> {
        self.check(state)
    }

    /// Names what some state must show, or the model is vacuous; at most [`GOALS_MAX`].
    fn goals(&self) -> &[&'static str] {
        &[]
    }

    /// Returns the goals that this state shows, the first of them as the lowest bit.
    fn reached(&self, _state: &Self::State) -> u64 {
        0
    }
}

/// Searches a system from its initial state until it is done or a limit stops it.
pub fn explore<S: System>(system: &S, seed: u64, options: &Options) -> Report<S::Action> {
    Search::new(system, seed).run(options, &mut silent)
}
