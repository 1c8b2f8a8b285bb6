//! Scenarios of pools as a whole: those that are shipped hold, equal seeds give equal runs, failures shrink.

use std::path::PathBuf;
use std::sync::Arc;

use delian_sim::fleet::{Campaign, Stop};
use delian_sim::guide::Guide;
use delian_sim::pool::plan::PoolPlan;
use delian_sim::pool::scenario::PoolScenario;
use delian_sim::pool::{run_pool_plan, run_pool_traced};
use delian_sim::report::Color;
use delian_sim::shrink::shrink_pool;
use delian_sim::story::Story;
use delian_sim::trace::Tracer;

/// How many seeds of each small scenario the tests run; `delian sim` runs more, and the large ones.
const SEEDS: u64 = 40;

/// Up to so many members a run takes milliseconds.
const MEMBERS_MAX: u32 = 16;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/pools"))
}

fn shipped() -> Vec<Story> {
    Story::load_all(&[folder()]).expect("the shipped scenarios are well-formed")
}

fn plan(name: &str, seed: u64) -> Arc<PoolPlan> {
    let scenario = PoolScenario::load(&folder().join(format!("{name}.toml"))).expect("it is shipped");
    Arc::new(PoolPlan::draw(&Arc::new(scenario), seed))
}

#[test]
fn every_small_scenario_holds_over_two_score_of_seeds() {
    let is_small = |story: &Story| matches!(story, Story::Pool(it) if it.population.everyone() <= MEMBERS_MAX);
    let small: Vec<Story> = shipped().into_iter().filter(is_small).collect();
    assert!(small.len() >= 10, "only {} scenarios are small", small.len());
    let campaign = Campaign { first_seed: 0, seeds: SEEDS, jobs: 2, stop: Stop::AtEnd, guide: Guide::Both };
    let report = campaign.run(&small, &|_| {});
    assert!(report.ok(), "{}", report.to_terminal(110, Color::Off));
}

#[test]
fn equal_plans_give_equal_traces_and_another_seed_another() {
    let traced =
        |seed| run_pool_traced(&plan("a-small-pool-survives-any-mix-of-faults", seed), Tracer::All(Vec::new()));
    let ((first, lines), (second, again)) = (traced(3), traced(3));
    assert_eq!(first, second);
    assert_eq!(lines, again);
    assert!(lines.len() > 500, "a trace of {} lines exercises nothing", lines.len());
    assert_ne!(first.fingerprint, traced(4).0.fingerprint);
}

#[test]
fn a_trace_changes_nothing_of_what_it_watches() {
    let plan = plan("packets-from-the-past-change-nothing", 5);
    let (traced, lines) = run_pool_traced(&plan, Tracer::last(20));
    assert_eq!(traced, run_pool_plan(&plan));
    assert_eq!(lines.len(), 20);
}

#[test]
fn a_failure_becomes_a_small_scenario_that_fails_alike() {
    let text = "about = \"Nobody is ever taken for dead.\"\n[pool]\nmembers = 9\n[network]\nloss = \"1%\"\n\
                [[step]]\nat = \"5s\"\nfault = \"churn\"\n[[step]]\nat = \"20s\"\nfor = \"20s\"\nfault = \"partition\"\n\
                [expect]\nat_most = { died = 3 }\n";
    let scenario = PoolScenario::from_toml(text, "nobody-dies.toml").expect("it makes sense");
    let large = Arc::new(PoolPlan::draw(&Arc::new(scenario), 7));
    let shrunk = shrink_pool(&large, &|_| {}).expect("somebody dies");
    assert_eq!(shrunk.violation.invariant, "what-was-set-up-happened");
    assert!(shrunk.plan.steps.len() == 1 && large.steps.len() > 5, "{:?}", shrunk.plan.steps);
    assert!(shrunk.plan.scenario.population.members < 9, "{:?}", shrunk.plan.scenario.population);
    let saved = shrunk.plan.to_scenario("nobody-dies", "Nobody is ever taken for dead.").to_toml();
    let read = Arc::new(PoolScenario::from_toml(&saved, "nobody-dies.toml").expect("what was written reads back"));
    let again = run_pool_plan(&Arc::new(PoolPlan::draw(&read, read.seed.expect("it is pinned"))));
    assert_eq!(again.violation, Some(shrunk.violation));
}

#[test]
fn a_pool_does_not_fork() {
    let story = Story::load(&folder().join("churn-is-followed.toml")).expect("it is shipped");
    let fork = "5s:plain:1".parse().expect("it is a fork");
    let error = story.forked(&[fork]).expect_err("a pool has no forks");
    assert!(error.to_string().contains("a run of a pool does not fork"), "{error}");
}
