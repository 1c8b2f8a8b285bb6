//! A scenario of either kind: of a cluster, or of a pool.
//!
//! A file with a `[pool]` is about a pool and any other about a cluster. Both come to an [`Outcome`], so that fleets,
//! reports, replays and shrinking need not know which one it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::guide::{Explored, Guide, explore};
use crate::outcome::{Outcome, Violation};
use crate::plan::{Fork, Plan};
use crate::pool::plan::PoolPlan;
use crate::pool::scenario::PoolScenario;
use crate::pool::{run_pool_plan, run_pool_traced};
use crate::run::{digest_embedder, run_plan, run_traced, run_until};
use crate::scenario::file::{files_below, load, parse};
use crate::scenario::{Expectations, Scenario, ScenarioError};
use crate::shrink::{Shrunk, Stage, shrink, shrink_pool};
use crate::trace::{Line, Tracer};

/// A scenario of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Story {
    /// Of a cluster.
    Cluster(Arc<Scenario>),
    /// Of a pool.
    Pool(Arc<PoolScenario>),
}

/// A story with all that a seed decides beforehand.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    /// Of a cluster.
    Cluster(Arc<Plan>),
    /// Of a pool.
    Pool(Arc<PoolPlan>),
}

/// What a report says of a scenario beside what its runs came to.
#[derive(Clone, Copy, Debug)]
pub struct Title<'a> {
    /// Its name.
    pub name: &'a str,
    /// What must hold, in one sentence.
    pub about: &'a str,
    /// Where it was read from; empty for one that was built in Rust.
    pub path: &'a str,
    /// What must have happened.
    pub expect: &'a Expectations,
}

impl Story {
    /// Reads a scenario from the text of a file; `path` gives the name and appears in errors.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the text.
    pub fn from_toml(text: &str, path: &str) -> Result<Self, ScenarioError> {
        if parse(text, path)?.get_ref().contains_key("pool") {
            return PoolScenario::from_toml(text, path).map(|scenario| Self::Pool(Arc::new(scenario)));
        }
        Scenario::from_toml(text, path).map(|scenario| Self::Cluster(Arc::new(scenario)))
    }

    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        load(path, Self::from_toml)
    }

    /// Reads files, and all `*.toml` below folders in order of their paths; `scenarios` if no path is given.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with each file, including one whose name another file has too.
    pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Self>, Vec<ScenarioError>> {
        let usual = [PathBuf::from("scenarios")];
        let mut files = Vec::new();
        let mut errors = Vec::new();
        for path in if paths.is_empty() { &usual } else { paths } {
            match files_below(path) {
                Ok(found) if found.is_empty() => {
                    let message = "there is no scenario below: name a folder with *.toml files".to_string();
                    errors.push(ScenarioError::of_file(&path.display().to_string(), message));
                }
                Ok(found) => files.extend(found),
                Err(error) => {
                    let message = format!("cannot be read: {error}");
                    errors.push(ScenarioError::of_file(&path.display().to_string(), message));
                }
            }
        }

        let mut seen = BTreeSet::new();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut scenarios = Vec::new();
        for file in files {
            // A file that two arguments name is read once.
            if !seen.insert(fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
                continue;
            }
            match Self::load(&file) {
                Err(error) => errors.push(error),
                Ok(scenario) => {
                    if let Some(other) = names.insert(scenario.name().to_string(), scenario.path().to_string()) {
                        let message = format!("the name `{}` is taken by {other}: rename one of them", scenario.name());
                        errors.push(ScenarioError::of_file(scenario.path(), message));
                    }
                    scenarios.push(scenario);
                }
            }
        }
        if errors.is_empty() { Ok(scenarios) } else { Err(errors) }
    }

    /// Returns the story with forks from these moments on.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the forks; a story of a pool has none.
    pub fn forked(&self, forks: &[Fork]) -> Result<Self, ScenarioError> {
        match self {
            Self::Cluster(scenario) => Ok(Self::Cluster(Arc::new(scenario.forked(forks)?))),
            Self::Pool(_) if forks.is_empty() => Ok(self.clone()),
            Self::Pool(scenario) => {
                let message = "a run of a pool does not fork: leave --fork out".to_string();
                Err(ScenarioError::of_file(&scenario.path, message))
            }
        }
    }

    /// Writes the scenario as a file that [`Story::from_toml`] reads back exactly, but for the name and the path.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Cluster(scenario) => scenario.to_toml(),
            Self::Pool(scenario) => scenario.to_toml(),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        Title::from(self).name
    }

    /// Returns where it was read from.
    pub fn path(&self) -> &str {
        Title::from(self).path
    }

    /// Returns what must hold, in one sentence.
    pub fn about(&self) -> &str {
        Title::from(self).about
    }

    /// Returns the seed it is pinned to.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Cluster(scenario) => scenario.seed,
            Self::Pool(scenario) => scenario.seed,
        }
    }

    /// Returns how many seeds of it are run where so many are asked for.
    pub fn seeds(&self, asked: u64) -> u64 {
        let most = match self {
            Self::Cluster(scenario) => scenario.seeds_max,
            Self::Pool(scenario) => scenario.seeds_max,
        };
        let most = if self.seed().is_some() { 1 } else { most.unwrap_or(u64::MAX) };
        asked.min(most)
    }

    /// Runs a seed, and for a cluster looks further as the guide says; a pool is not looked at beside its seeds.
    pub fn explore(&self, seed: u64, guide: Guide) -> Explored {
        match self {
            Self::Cluster(scenario) => explore(scenario, seed, guide, &digest_embedder()),
            Self::Pool(_) => Explored { trunk: self.script(seed).run(), branches: Vec::new() },
        }
    }

    /// Draws what a seed decides beforehand.
    pub fn script(&self, seed: u64) -> Script {
        match self {
            Self::Cluster(scenario) => Script::Cluster(Arc::new(Plan::draw(scenario, seed))),
            Self::Pool(scenario) => Script::Pool(Arc::new(PoolPlan::draw(scenario, seed))),
        }
    }
}

impl Script {
    /// Runs it. A violation is run again with a trace, for its last lines.
    pub fn run(&self) -> Outcome {
        match self {
            Self::Cluster(plan) => run_plan(plan, &digest_embedder()),
            Self::Pool(plan) => run_pool_plan(plan),
        }
    }

    /// Runs it and returns the trace that `tracer` keeps beside the outcome.
    pub fn run_traced(&self, tracer: Tracer) -> (Outcome, Vec<Line>) {
        match self {
            Self::Cluster(plan) => run_traced(plan, &digest_embedder(), tracer),
            Self::Pool(plan) => run_pool_traced(plan, tracer),
        }
    }

    /// Runs it until its world has processed so many events, a pool to its end. Returns the fingerprint until then, and
    /// the trace.
    pub fn run_until(&self, tracer: Tracer, events: u64) -> (u64, Vec<Line>) {
        match self {
            Self::Cluster(plan) => run_until(plan, &digest_embedder(), tracer, events),
            Self::Pool(plan) => {
                let (outcome, lines) = run_pool_traced(plan, tracer);
                (outcome.fingerprint, lines)
            }
        }
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Cluster(plan) => plan.seed,
            Self::Pool(plan) => plan.seed,
        }
    }

    /// Returns where it forks.
    pub fn forks(&self) -> &[Fork] {
        match self {
            Self::Cluster(plan) => &plan.forks,
            Self::Pool(_) => &[],
        }
    }

    /// Returns what a report says of it.
    pub fn title(&self) -> Title<'_> {
        match self {
            Self::Cluster(plan) => Title::from(&*plan.scenario),
            Self::Pool(plan) => Title::from(&*plan.scenario),
        }
    }

    /// Writes the scenario of this one run, pinned to its seed.
    pub fn to_toml(&self, name: &str, about: &str) -> String {
        match self {
            Self::Cluster(plan) => plan.to_scenario(name, about).to_toml(),
            Self::Pool(plan) => plan.to_scenario(name, about).to_toml(),
        }
    }

    /// Shrinks it, if it breaks an invariant: returns the small one, how it breaks the same, and how many runs that took.
    /// Tells `watch` each time it got smaller.
    pub fn shrink(&self, watch: &dyn Fn(Stage)) -> Option<(Self, Violation, u64)> {
        match self {
            Self::Cluster(plan) => {
                let Shrunk { plan, violation, attempts } = shrink(plan, &digest_embedder(), watch)?;
                Some((Self::Cluster(plan), violation, attempts))
            }
            Self::Pool(plan) => {
                let Shrunk { plan, violation, attempts } = shrink_pool(plan, watch)?;
                Some((Self::Pool(plan), violation, attempts))
            }
        }
    }

    /// Returns how large it is: faults, operations, and processes or members.
    pub fn sizes(&self) -> [(&'static str, u64); 3] {
        let (faults, operations, who, count) = match self {
            Self::Cluster(plan) => {
                let processes = u64::from(plan.scenario.cluster.processes());
                (plan.steps.len(), plan.operations.len(), "processes", processes)
            }
            Self::Pool(plan) => (plan.steps.len(), 0, "members", u64::from(plan.scenario.population.everyone())),
        };
        [("faults", faults as u64), ("operations", operations as u64), (who, count)]
    }
}

impl<'a> From<&'a Scenario> for Title<'a> {
    fn from(scenario: &'a Scenario) -> Self {
        let Scenario { name, about, path, expect, .. } = scenario;
        Self { name, about, path, expect }
    }
}

impl<'a> From<&'a Arc<Scenario>> for Title<'a> {
    fn from(scenario: &'a Arc<Scenario>) -> Self {
        Self::from(&**scenario)
    }
}

impl<'a> From<&'a PoolScenario> for Title<'a> {
    fn from(scenario: &'a PoolScenario) -> Self {
        let PoolScenario { name, about, path, expect, .. } = scenario;
        Self { name, about, path, expect }
    }
}

impl<'a> From<&'a Story> for Title<'a> {
    fn from(story: &'a Story) -> Self {
        match story {
            Story::Cluster(scenario) => Self::from(&**scenario),
            Story::Pool(scenario) => Self::from(&**scenario),
        }
    }
}

impl From<Arc<Scenario>> for Story {
    fn from(scenario: Arc<Scenario>) -> Self {
        Self::Cluster(scenario)
    }
}
