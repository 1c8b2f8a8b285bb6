//! What the world promises: equal plans give equal runs, a fork goes on like the original, and what happens is counted.

use std::path::PathBuf;
use std::sync::Arc;

use delian_sim::fleet::{Campaign, Stop};
use delian_sim::guide::Guide;
use delian_sim::outcome::Outcome;
use delian_sim::plan::Plan;
use delian_sim::run::{digest_embedder, run, run_traced};
use delian_sim::scenario::{Fault, Scenario, Target, Workload, secs};
use delian_sim::story::Story;
use delian_sim::trace::Tracer;
use delian_sim::world::World;

/// How many seeds of each shipped scenario the tests run; `delian sim` runs more, and so does `cargo xtask ci`.
const SEEDS: u64 = 3;

fn shipped() -> Vec<Arc<Scenario>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios"));
    let stories = Story::load_all(&[folder]).expect("the shipped scenarios are well-formed");
    let clusters = stories.into_iter().filter_map(|story| match story {
        Story::Cluster(scenario) => Some(scenario),
        Story::Pool(_) => None,
    });
    clusters.collect()
}

fn swarm() -> Arc<Scenario> {
    let named = shipped().into_iter().find(|scenario| scenario.name.starts_with("five-voters"));
    named.expect("the swarm of five voters is shipped")
}

fn outcome(plan: &Arc<Plan>) -> Outcome {
    run_traced(plan, &digest_embedder(), Tracer::Off).0
}

#[test]
fn every_shipped_scenario_holds_over_a_few_seeds() {
    let campaign = Campaign { first_seed: 0, seeds: SEEDS, jobs: 2, stop: Stop::AtEnd, guide: Guide::None };
    let report = campaign.run(&shipped().into_iter().map(Story::from).collect::<Vec<_>>(), &|_| {});
    assert!(report.ok(), "{}", report.to_terminal(110, delian_sim::report::Color::Off));
}

#[test]
fn equal_plans_give_equal_traces_and_another_seed_another() {
    let traced = |seed| run_traced(&Arc::new(Plan::draw(&swarm(), seed)), &digest_embedder(), Tracer::All(Vec::new()));
    let ((first, lines), (second, again)) = (traced(7), traced(7));
    assert_eq!(first, second);
    assert_eq!(lines, again);
    assert!(lines.len() > 1_000, "a trace of {} lines exercises nothing", lines.len());
    assert_ne!(first.fingerprint, traced(8).0.fingerprint);
}

#[test]
fn a_trace_changes_nothing_of_what_it_watches() {
    let plan = Arc::new(Plan::draw(&swarm(), 3));
    let (traced, _) = run_traced(&plan, &digest_embedder(), Tracer::last(20));
    assert_eq!(traced, outcome(&plan));
}

#[test]
fn a_fork_goes_on_like_the_original() {
    let plan = Arc::new(Plan::draw(&swarm(), 11));
    let mut original = World::new(plan, digest_embedder(), Tracer::Off);
    for _ in 0..1_000 {
        assert!(original.step(), "the run is over before it can be forked");
    }
    let mut fork = original.clone();
    while original.step() {}
    assert_ne!(fork.fingerprint(), original.fingerprint(), "the fork moved with the original");
    while fork.step() {}
    assert_eq!(fork.fingerprint(), original.fingerprint());
    assert_eq!((fork.now(), fork.history()), (original.now(), original.history()));
}

#[test]
fn leaving_a_fault_out_shifts_nothing_before_it() {
    let plan = Plan::draw(&swarm(), 5);
    let without_last = Plan { steps: plan.steps[..plan.steps.len() - 1].to_vec(), ..plan.clone() };
    let last_at = plan.steps[plan.steps.len() - 1].at;
    let before = |plan: Plan| {
        let (_, lines) = run_traced(&Arc::new(plan), &digest_embedder(), Tracer::All(Vec::new()));
        let early = move |line: &delian_sim::trace::Line| line.at < delian_core::Time::ZERO + last_at;
        lines.into_iter().filter(early).collect::<Vec<_>>()
    };
    assert_eq!(before(plan), before(without_last));
}

#[test]
fn a_cluster_without_a_majority_is_reported_as_not_healing() {
    let scenario = Scenario::build("two-of-three-never-return")
        .about("Two full disks stop a cluster of three.")
        .voters(3)
        .chaos(secs(5))
        .settle(secs(5))
        .workload(Workload::default())
        .at(secs(2))
        .fault(Fault::FullDisk(Target::Process(1)))
        .fault(Fault::FullDisk(Target::Process(2)))
        .healed([1, 2, 3])
        .finish()
        .expect("the scenario is well-formed");
    // Full disks are mended when the chaos ends, so this heals; the same story without mending must not.
    assert_eq!(run(&Arc::new(scenario.clone()), 1).violation, None);
    let mut plan = Plan::draw(&Arc::new(scenario), 1);
    plan.healed = [3].into();
    let violation = outcome(&Arc::new(plan)).violation.expect("one voter of three cannot lead");
    assert_eq!(violation.invariant, "heals-in-time");
}

#[test]
fn what_did_not_happen_fails_the_run() {
    let scenario = Scenario::build("nothing-goes-wrong")
        .about("Nothing happens.")
        .voters(3)
        .chaos(secs(5))
        .expect_at_least("crashes", 1)
        .finish();
    let outcome = run(&Arc::new(scenario.expect("the scenario is well-formed")), 1);
    let violation = outcome.violation.expect("nobody crashed");
    assert_eq!(violation.invariant, "what-was-set-up-happened");
    assert_eq!(violation.facts, ["crashes: 0, expected at least 1"]);
    assert_eq!(violation.tail.len(), 20);
}
