//! One run of a pool: a plan in, an outcome out.

use std::sync::Arc;

use delian_core::Time;

use super::invariants::{Breach, catalogue};
use super::plan::PoolPlan;
use super::scenario::PoolScenario;
use super::stage::Stage;
use crate::invariants::{Expected, Invariant, NoPanic};
use crate::noticed::Noticed;
use crate::outcome::{Counts, Outcome, Violation};
use crate::panics::caught;
use crate::run::{TAIL, unmet};
use crate::trace::{Line, Tracer};

/// All members of a pool hold the same, and it is the truth.
struct PoolsAgree;

impl Invariant for PoolsAgree {
    const NAME: &'static str = "pools-agree-in-time";
    const SENTENCE: &'static str = "Once the faults stop, the members of a pool hold exactly those of them who run, each \
                                    with the card it has, within the time that the scenario gives.";
}

/// The name and the sentence of every property that a run of a pool is judged by.
pub fn pool_catalogue() -> Vec<(&'static str, &'static str)> {
    catalogue().into_iter().chain([(PoolsAgree::NAME, PoolsAgree::SENTENCE)]).collect()
}

/// Draws the plan of a scenario for a seed and runs it.
pub fn run_pool(scenario: &Arc<PoolScenario>, seed: u64) -> Outcome {
    run_pool_plan(&Arc::new(PoolPlan::draw(scenario, seed)))
}

/// Runs a plan. A violation is run again with a trace, for its last lines: equal plans give equal runs.
pub fn run_pool_plan(plan: &Arc<PoolPlan>) -> Outcome {
    let (mut outcome, _) = run_pool_traced(plan, Tracer::Off);
    if outcome.violation.is_some() {
        let (again, lines) = run_pool_traced(plan, Tracer::last(TAIL));
        if let (Some(violation), Some(_)) = (&mut outcome.violation, again.violation) {
            violation.tail = lines.iter().map(Line::to_string).collect();
        }
    }
    outcome
}

/// Runs a plan and returns the trace that `tracer` keeps beside the outcome.
pub fn run_pool_traced(plan: &Arc<PoolPlan>, tracer: Tracer) -> (Outcome, Vec<Line>) {
    let mut stage = Stage::new(plan, tracer);
    let mut ended = Ok(());
    let panic = caught(|| ended = stage.run()).err();
    let now = stage.world().now();
    let violation = match (panic, ended) {
        (Some(panic), _) => Some(violation(now, NoPanic::breach(vec![panic]))),
        (None, Err(breach)) => Some(of_oracle(breach)),
        (None, Ok(())) => apart(&stage).or_else(|| unexpected(plan, &stage)),
    };
    let traffic = stage.world().traffic();
    let outcome = Outcome {
        seed: plan.seed,
        violation,
        counts: counts(&stage),
        virtual_time: now.since(Time::ZERO),
        events: traffic.steps,
        inputs: traffic.steps,
        fingerprint: stage.fingerprint(),
        commit_latencies: Vec::new(),
        leaderless_spans: Vec::new(),
        settled_after: stage.settled_after(),
        noticed: Noticed::default(),
    };
    (outcome, stage.world().watcher.tracer.lines().cloned().collect())
}

fn violation(at: Time, breach: crate::invariants::Breach) -> Violation {
    let crate::invariants::Breach { invariant, sentence, facts } = breach;
    Violation { invariant, at, sentence, facts, tail: Vec::new() }
}

fn of_oracle(Breach { invariant, at, facts }: Breach) -> Violation {
    let sentence = catalogue().into_iter().find(|(name, _)| *name == invariant).map_or("", |(_, sentence)| sentence);
    Violation { invariant, at, sentence, facts: vec![facts], tail: Vec::new() }
}

fn apart(stage: &Stage) -> Option<Violation> {
    if stage.settled_after().is_some() {
        return None;
    }
    let difference = stage.disagreement().unwrap_or_else(|| "they agree, and did not for long enough".to_string());
    Some(violation(stage.world().now(), PoolsAgree::breach(vec![difference])))
}

fn unexpected(plan: &PoolPlan, stage: &Stage) -> Option<Violation> {
    let facts = unmet(&plan.scenario.expect, &counts(stage));
    (!facts.is_empty()).then(|| violation(stage.world().now(), Expected::breach(facts)))
}

fn counts(stage: &Stage) -> Counts {
    let mut counts = stage.world().watcher.counts();
    let traffic = stage.world().traffic();
    counts.add("messages", traffic.packets);
    counts.add("lost", traffic.lost);
    counts.add("overflowed", traffic.overflowed);
    counts
}
