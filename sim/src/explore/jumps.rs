//! Where to jump to: the shortest way to each goal and to the first violation, as far as a search has come.
//!
//! The search runs in slices and tells after each what it knows, so that whoever waits can look while it goes on.

use std::ops::ControlFlow;

use serde::Serialize;

use super::{Limits, Options, Outcome, Report, Search, System};

/// What a search has found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jumps {
    /// How it stands with the search.
    pub stage: Stage,
    /// How many states were met.
    pub states: u64,
    /// How many of them the search may meet.
    pub states_max: u64,
    /// How far from the beginning it looked.
    pub depth: u64,
    /// The goals, and the shortest way to each that was met.
    pub goals: Vec<Jump>,
    /// What is broken, and the shortest way there.
    pub violations: Vec<Jump>,
}

/// Somewhere to jump to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jump {
    /// What is there.
    pub name: &'static str,
    /// The way there, if one is known.
    pub path: Option<Vec<u16>>,
}

/// How it stands with a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It goes on.
    Searching,
    /// Every state was met.
    Complete,
    /// It stopped at a violation.
    Broken,
    /// It stopped at a limit.
    Stopped,
}

impl Jumps {
    /// What is known before a search.
    pub fn none<S: System>(system: &S, limits: &Limits) -> Self {
        let goals = system.goals().iter().map(|name| Jump { name, path: None }).collect();
        let states_max = limits.states_max;
        Self { stage: Stage::Searching, states: 0, states_max, depth: 0, goals, violations: Vec::new() }
    }

    fn of<A>(report: Report<A>, limits: &Limits) -> Self {
        let stage = match report.outcome {
            Outcome::Paused => Stage::Searching,
            Outcome::Complete => Stage::Complete,
            Outcome::Broken => Stage::Broken,
            Outcome::StoppedAt(_) => Stage::Stopped,
        };
        let goal = |goal: super::Goal| Jump { name: goal.name, path: goal.witness.map(|path| path.0) };
        let broken = |found: super::CounterExample<A>| Jump { name: found.breach.invariant, path: Some(found.path.0) };
        Self {
            stage,
            states: report.unique,
            states_max: limits.states_max,
            depth: report.depth,
            goals: report.goals.into_iter().map(goal).collect(),
            violations: report.breaches.into_iter().map(broken).collect(),
        }
    }
}

/// Searches until the end or a limit, and tells after each slice what is known. Stops early if it is told to.
pub fn look<S: System>(system: &S, seed: u64, limits: Limits, tell: &mut dyn FnMut(Jumps) -> ControlFlow<()>) {
    let options = Options { limits, ..Options::default() };
    let mut search = Search::new(system, seed);
    loop {
        let report = search.run(&options, &mut |_| ControlFlow::Break(()));
        let is_over = report.outcome != Outcome::Paused;
        if tell(Jumps::of(report, &limits)).is_break() || is_over {
            return;
        }
    }
}
