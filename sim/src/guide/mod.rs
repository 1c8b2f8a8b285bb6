//! Looking further from where a run got: what a seed draws by itself, and beside it what chance seldom comes upon.
//!
//! Every seed first runs as it always does. Then it goes where the guide says: into another run under swarm weights, or
//! for half as many events into forks from moments at which the cluster stood as it had not stood before in this seed.
//! All of it is a function of the scenario, the seed and the guide: what is new is judged within one seed, never across
//! threads. Every fork is data ([`crate::plan::Fork`]), so what it breaks is replayed by one line.

mod scout;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::scout::Scout;
use crate::invariants::{EqualRuns, Invariant};
use crate::outcome::{Outcome, Violation};
use crate::plan::{Fork, Plan, Redraw};
use crate::run::run_plan;
use crate::scenario::Scenario;
use crate::world::EmbedderFactory;

/// What is looked at beside the run that a seed draws by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guide {
    /// Nothing.
    None,
    /// A run under weights for every family of faults, action, node and link.
    Swarm,
    /// Forks from new moments of the run.
    Fork,
    /// By turns, seed by seed: a run under weights, and forks under weights.
    Both,
}

/// What a seed came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Explored {
    /// The run that the seed draws by itself.
    pub trunk: Outcome,
    /// What was looked at beside it, in order; the last one is what failed, if something did.
    pub branches: Vec<Branch>,
}

/// A run that left the trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Where it left, and where it left what it had left.
    pub forks: Vec<Fork>,
    /// How many events its world had processed in the end, since the start.
    pub events: u64,
    /// How many of them were its own.
    pub own_events: u64,
    /// The fingerprint in the end.
    pub fingerprint: u64,
    /// What it broke.
    pub violation: Option<Violation>,
}

impl Explored {
    /// Returns whether something failed.
    pub fn fails(&self) -> bool {
        self.trunk.violation.is_some() || self.branches.iter().any(|branch| branch.violation.is_some())
    }
}

impl Guide {
    /// Every guide with its name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("none", Self::None), ("swarm", Self::Swarm), ("fork", Self::Fork), ("both", Self::Both)];

    /// Returns how the rest of a seed's events is spent.
    fn spends(self, seed: u64) -> Spend {
        match self {
            Self::None => Spend::Nothing,
            Self::Fork => Spend::Forks(Redraw::Plain),
            Self::Both if seed.is_multiple_of(2) => Spend::Forks(Redraw::Swarm),
            Self::Swarm | Self::Both => Spend::Whole(Redraw::Swarm),
        }
    }
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, guide)| guide == self).expect("every guide has a name").0)
    }
}

/// What a seed does beside its own run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spend {
    Nothing,
    Whole(Redraw),
    Forks(Redraw),
}

/// Runs a seed, and looks further as the guide says, until something fails.
///
/// A scenario that has forks of its own tells one story, and nothing is looked for beside it.
pub fn explore(scenario: &Arc<Scenario>, seed: u64, guide: Guide, embedders: &EmbedderFactory) -> Explored {
    let plan = Arc::new(Plan::draw(scenario, seed));
    let spend = if scenario.forks.is_empty() { guide.spends(seed) } else { Spend::Nothing };
    match spend {
        Spend::Nothing => Explored { trunk: run_plan(&plan, embedders), branches: Vec::new() },
        Spend::Whole(redraw) => {
            let trunk = run_plan(&plan, embedders);
            let fails = trunk.violation.is_some();
            let branches = if fails { Vec::new() } else { vec![whole(&plan, redraw, embedders)] };
            Explored { trunk, branches }
        }
        Spend::Forks(redraw) => Scout::new(embedders, redraw, seed).explore(&plan),
    }
}

/// Draws all of a run anew.
fn whole(plan: &Plan, redraw: Redraw, embedders: &EmbedderFactory) -> Branch {
    let plan = Arc::new(plan.forked(Fork { at: Duration::ZERO, redraw, number: 0 }));
    let Outcome { events, fingerprint, violation, .. } = run_plan(&plan, embedders);
    Branch { forks: plan.forks.clone(), events, own_events: events, fingerprint, violation }
}

/// Runs a plan from its start that broke something in a fork, to tell of it as its replay will.
fn retell(plan: &Arc<Plan>, found: Violation, fingerprint: u64, embedders: &EmbedderFactory) -> Violation {
    let again = run_plan(plan, embedders);
    match again.violation {
        Some(violation) if again.fingerprint == fingerprint => violation,
        other => {
            let other = other.map_or("nothing", |violation| violation.invariant);
            let invariant = found.invariant;
            let apart = format!("a fork broke {invariant}, and its plan run from the start breaks {other}");
            let breach = EqualRuns::breach(vec![apart]);
            Violation { invariant: breach.invariant, sentence: breach.sentence, facts: breach.facts, ..found }
        }
    }
}
