//! One run: a plan in, an outcome out.

use std::sync::Arc;

use delian_core::NodeId;

use crate::embedder::Digest;
use crate::invariants::{Breach, Expected, Invariant, NoPanic};
use crate::outcome::{Counts, Outcome, Violation};
use crate::panics::caught;
use crate::plan::Plan;
use crate::report::{Report, Suite};
use crate::scenario::{Expectations, Scenario};
use crate::trace::{Line, Tracer};
use crate::world::{EmbedderFactory, World};

/// How many trace lines a violation carries.
pub(crate) const TAIL: usize = 20;

/// Returns the factory of the embedder that scenarios without one of their own use.
pub fn digest_embedder() -> EmbedderFactory {
    Arc::new(|| Box::new(Digest::default()))
}

/// Draws the plan of a scenario for a seed and runs it.
pub fn run(scenario: &Arc<Scenario>, seed: u64) -> Outcome {
    run_plan(&Arc::new(Plan::draw(scenario, seed)), &digest_embedder())
}

/// Runs a scenario over many seeds with an embedder of your own, one after the other: what a `cargo test` needs.
///
/// A scenario that is pinned to a seed runs only that.
///
/// ```
/// use std::sync::Arc;
///
/// use delian_sim::report::Color;
/// use delian_sim::run::{digest_embedder, run_seeds};
/// use delian_sim::scenario::{Fault, Scenario, Target, secs};
///
/// let scenario = Scenario::build("a-crash-of-the-leader-is-survived")
///     .about("When the leader crashes, another takes over.")
///     .at(secs(20))
///     .lasting(secs(10))
///     .fault(Fault::Crash(Target::Leader))
///     .expect_at_least("leader_changes", 1)
///     .finish()
///     .expect("the scenario makes sense");
/// let report = run_seeds(&Arc::new(scenario), 0..5, &digest_embedder());
/// assert!(report.ok(), "{}", report.to_terminal(100, Color::Off));
/// ```
pub fn run_seeds(
    scenario: &Arc<Scenario>,
    seeds: impl IntoIterator<Item = u64>,
    embedders: &EmbedderFactory,
) -> Report {
    let mut suite = Suite::new(scenario);
    let seeds = scenario.seed.map_or_else(|| seeds.into_iter().collect(), |pinned| vec![pinned]);
    for seed in seeds {
        suite.add(run_plan(&Arc::new(Plan::draw(scenario, seed)), embedders));
    }
    Report::new(vec![suite])
}

/// Runs a plan. A violation is run again with a trace, for its last lines: equal plans give equal runs.
pub fn run_plan(plan: &Arc<Plan>, embedders: &EmbedderFactory) -> Outcome {
    let (mut outcome, _) = run_traced(plan, embedders, Tracer::Off);
    if outcome.violation.is_some() {
        let (again, lines) = run_traced(plan, embedders, Tracer::last(TAIL));
        if let (Some(violation), Some(_)) = (&mut outcome.violation, again.violation) {
            violation.tail = lines.iter().map(Line::to_string).collect();
        }
    }
    outcome
}

/// Runs a plan and returns the trace that `tracer` keeps beside the outcome.
pub fn run_traced(plan: &Arc<Plan>, embedders: &EmbedderFactory, tracer: Tracer) -> (Outcome, Vec<Line>) {
    let mut world = World::new(Arc::clone(plan), Arc::clone(embedders), tracer);
    let panic = caught(|| while world.step() {}).err();
    (outcome(plan, &world, panic), world.tracer().lines().cloned().collect())
}

/// Runs a plan until its world has processed so many events. Returns the fingerprint until then, and the trace.
///
/// What goes wrong ends the run and is no concern here.
pub fn run_until(plan: &Arc<Plan>, embedders: &EmbedderFactory, tracer: Tracer, events: u64) -> (u64, Vec<Line>) {
    let mut world = World::new(Arc::clone(plan), Arc::clone(embedders), tracer);
    // A panic ends both runs that are compared at the same event.
    let _ = caught(|| while world.census().events < events && world.step() {});
    (world.fingerprint(), world.tracer().lines().cloned().collect())
}

/// Returns what a run came to that is over, or that a panic has ended.
pub(crate) fn outcome(plan: &Plan, world: &World, panic: Option<String>) -> Outcome {
    let breach = breach(world, panic).or_else(|| unexpected(plan, world));
    let census = world.census();
    Outcome {
        seed: plan.seed,
        violation: breach.map(|breach| violation(world, breach)),
        counts: census.counts(),
        virtual_time: world.now().since(delian_core::Time::ZERO),
        events: census.events,
        inputs: census.inputs,
        fingerprint: world.fingerprint(),
        commit_latencies: census.commit_latencies.clone(),
        leaderless_spans: census.leaderless_spans().to_vec(),
        settled_after: census.settled_after,
        noticed: world.notices().noticed().clone(),
    }
}

/// Returns what has gone wrong so far. A panic leaves the world as it was in the middle of a step; only what it counted
/// and traced is read afterwards.
pub(crate) fn breach(world: &World, panic: Option<String>) -> Option<Breach> {
    panic.map(|panic| NoPanic::breach(vec![panic])).or_else(|| world.breach().cloned())
}

pub(crate) fn violation(world: &World, breach: Breach) -> Violation {
    let Breach { invariant, sentence, facts } = breach;
    Violation { invariant, at: world.now(), sentence, facts, tail: Vec::new() }
}

/// Holds a run that broke nothing to what its scenario expects, unless it left the scenario by a fork: what must have
/// happened is asked of runs as they are drawn, what must never happen of all.
fn unexpected(plan: &Plan, world: &World) -> Option<Breach> {
    if plan.forks != plan.scenario.forks {
        return None;
    }
    let expect = &plan.scenario.expect;
    let counts = world.census().counts();
    let mut facts = unmet(expect, &counts);
    let knows = |node: &delian_core::Node, subject: u16| node.topology().get(NodeId::new(u64::from(subject))).is_some();
    for node in world.whole_nodes() {
        let missing = expect.everywhere.iter().filter(|subject| !knows(node, **subject));
        facts.extend(missing.map(|subject| format!("{} does not know m{subject}", node.raft().id())));
        let present = expect.nowhere.iter().filter(|subject| knows(node, **subject));
        facts.extend(present.map(|subject| format!("{} still knows m{subject}", node.raft().id())));
    }
    if facts.is_empty() { None } else { Some(Expected::breach(facts)) }
}

/// Returns what was counted too seldom or too often, a sentence each.
pub(crate) fn unmet(expect: &Expectations, counts: &Counts) -> Vec<String> {
    let mut facts = Vec::new();
    for (fact, least) in &expect.at_least {
        let is = counts.get(fact);
        if is < *least {
            facts.push(format!("{fact}: {is}, expected at least {least}"));
        }
    }
    for (fact, most) in &expect.at_most {
        let is = counts.get(fact);
        if is > *most {
            facts.push(format!("{fact}: {is}, expected at most {most}"));
        }
    }
    facts
}
