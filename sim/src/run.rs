//! One run: a plan in, an outcome out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use delian_core::NodeId;

use crate::embedder::Digest;
use crate::invariants::{Breach, Expected, Invariant, NoPanic};
use crate::outcome::{Outcome, Violation};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::trace::{Line, Tracer};
use crate::world::{EmbedderFactory, World};

/// How many trace lines a violation carries.
const TAIL: usize = 20;

/// Returns the factory of the embedder that scenarios without one of their own use.
pub fn digest_embedder() -> EmbedderFactory {
    Arc::new(|| Box::new(Digest::default()))
}

/// Draws the plan of a scenario for a seed and runs it.
pub fn run(scenario: &Arc<Scenario>, seed: u64) -> Outcome {
    run_plan(&Arc::new(Plan::draw(scenario, seed)), &digest_embedder())
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
    // A panic leaves the world as it was in the middle of a step; only what it counted and traced is read afterwards.
    let panicked = catch_unwind(AssertUnwindSafe(|| while world.step() {})).err();
    let breach = match panicked {
        Some(payload) => Some(NoPanic::breach(vec![panic_message(payload.as_ref())])),
        None => world.breach().cloned().or_else(|| unexpected(plan, &world)),
    };
    let census = world.census();
    let outcome = Outcome {
        seed: plan.seed,
        violation: breach.map(|breach| Violation {
            invariant: breach.invariant,
            at: world.now(),
            sentence: breach.sentence,
            facts: breach.facts,
            tail: Vec::new(),
        }),
        counts: census.counts(),
        virtual_time: world.now().since(delian_core::Time::ZERO),
        events: census.events,
        inputs: census.inputs,
        fingerprint: world.fingerprint(),
        commit_latencies: census.commit_latencies.clone(),
        leaderless_spans: census.leaderless_spans().to_vec(),
        settled_after: census.settled_after,
    };
    (outcome, world.tracer().lines().cloned().collect())
}

/// Holds a run that broke nothing to what its scenario expects.
fn unexpected(plan: &Plan, world: &World) -> Option<Breach> {
    let expect = &plan.scenario.expect;
    let counts = world.census().counts();
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
    let knows = |node: &delian_core::Node, subject: u16| node.topology().get(NodeId::new(u64::from(subject))).is_some();
    for node in world.whole_nodes() {
        let missing = expect.everywhere.iter().filter(|subject| !knows(node, **subject));
        facts.extend(missing.map(|subject| format!("{} does not know m{subject}", node.raft().id())));
        let present = expect.nowhere.iter().filter(|subject| knows(node, **subject));
        facts.extend(present.map(|subject| format!("{} still knows m{subject}", node.raft().id())));
    }
    if facts.is_empty() { None } else { Some(Expected::breach(facts)) }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    format!("a node panicked: {}", text.unwrap_or("without a message"))
}
