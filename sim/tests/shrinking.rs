//! Shrinking: a failure keeps its cause and loses the rest.

use std::sync::Arc;

use delian_sim::plan::Plan;
use delian_sim::run::{digest_embedder, run_plan};
use delian_sim::scenario::{Family, Fault, Scenario, Swarm, Workload, secs};
use delian_sim::shrink::shrink;

/// A scenario that fails because an expectation of it never comes true, in a storm of faults that have nothing to do
/// with it but one.
fn storm() -> Arc<Scenario> {
    let swarm = Swarm { families: vec![Family::Crash, Family::Partition], interval: secs(2), lasting: secs(4) };
    let scenario = Scenario::build("a-storm")
        .about("Few processes crash, whatever else happens.")
        .voters(5)
        .learners(1)
        .chaos(secs(40))
        .workload(Workload::default())
        .swarm(swarm)
        .expect_at_most("crashes", 2)
        .finish();
    Arc::new(scenario.expect("the scenario is well-formed"))
}

fn failing_plan() -> Arc<Plan> {
    let plans = (0..50).map(|seed| Arc::new(Plan::draw(&storm(), seed)));
    let mut failing = plans.filter(|plan| run_plan(plan, &digest_embedder()).violation.is_some());
    failing.next().expect("some seed of the storm crashes more than two processes")
}

#[test]
fn a_failure_shrinks_to_the_faults_that_it_needs_and_replays_from_a_file() {
    let plan = failing_plan();
    let shrunk = shrink(&plan, &digest_embedder(), &|_| {}).expect("the plan fails");
    assert_eq!(shrunk.violation.invariant, "what-was-set-up-happened");
    let steps = &shrunk.plan.steps;
    assert!(steps.iter().all(|step| matches!(step.fault, Fault::Crash(_))), "left: {steps:?}");
    assert!(steps.len() <= 3, "three crashes suffice, left: {steps:?}");
    assert_eq!(shrunk.plan.operations, []);

    let text = shrunk.plan.to_scenario("small", "What is left of a storm.").to_toml();
    let again = Arc::new(Scenario::from_toml(&text, "small.toml").expect("what was written reads back"));
    let seed = again.seed.expect("a shrunk scenario is pinned to its seed");
    let replayed = run_plan(&Arc::new(Plan::draw(&again, seed)), &digest_embedder());
    assert_eq!(replayed.violation.map(|violation| violation.facts), Some(shrunk.violation.facts));
}

#[test]
fn a_fork_shrinks_like_a_fault_and_replays_from_a_file() {
    let forks = ["4s:swarm:1", "9s:plain:2"].map(|fork| fork.parse().expect("it is a fork"));
    let forked = Arc::new(Scenario { forks: forks.to_vec(), ..Scenario::clone(&storm()) });
    let plans = (0..50).map(|seed| Arc::new(Plan::draw(&forked, seed)));
    let mut failing = plans.filter(|plan| run_plan(plan, &digest_embedder()).violation.is_some());
    let plan = failing.next().expect("some seed crashes more than two processes");
    assert_eq!(plan.forks, forks);

    let shrunk = shrink(&plan, &digest_embedder(), &|_| {}).expect("the plan fails");
    assert!(shrunk.plan.steps.len() <= 3, "three crashes suffice, left: {:?}", shrunk.plan.steps);
    let text = shrunk.plan.to_scenario("small", "What is left of a storm.").to_toml();
    let again = Arc::new(Scenario::from_toml(&text, "small.toml").expect("what was written reads back"));
    assert_eq!(again.forks, shrunk.plan.forks);
    let replayed = run_plan(&Arc::new(Plan::draw(&again, plan.seed)), &digest_embedder());
    assert_eq!(replayed.violation.map(|violation| violation.facts), Some(shrunk.violation.facts));
}

#[test]
fn a_plan_that_holds_does_not_shrink() {
    let calm = Scenario::build("calm")
        .about("Nothing goes wrong.")
        .voters(3)
        .chaos(secs(5))
        .finish()
        .expect("the scenario is well-formed");
    let plan = Arc::new(Plan::draw(&Arc::new(calm), 1));
    assert!(shrink(&plan, &digest_embedder(), &|_| {}).is_none());
}
