//! Looking further: what a guide promises of its forks.

use std::path::PathBuf;
use std::sync::Arc;

use delian_sim::guide::{Branch, Explored, Guide, explore};
use delian_sim::plan::{FORKS_MAX, Plan};
use delian_sim::run::{digest_embedder, run, run_until};
use delian_sim::scenario::Scenario;
use delian_sim::trace::Tracer;

fn shipped(name: &str) -> Arc<Scenario> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios")).join(name);
    Arc::new(Scenario::load(&path).expect("the shipped scenarios are well-formed"))
}

fn swarms() -> [Arc<Scenario>; 3] {
    [
        shipped("swarm/five-voters-survive-any-mix-of-faults.toml"),
        shipped("quorum/any-change-of-the-quorum-survives-any-mix-of-faults.toml"),
        shipped("swarm/learners-with-tiny-logs-agree-through-any-mix-of-faults.toml"),
    ]
}

fn explored(scenario: &Arc<Scenario>, seed: u64, guide: Guide) -> Explored {
    explore(scenario, seed, guide, &digest_embedder())
}

/// Runs a branch from its start, by nothing but what is told of it.
fn fingerprint_from_the_start(scenario: &Scenario, seed: u64, branch: &Branch) -> u64 {
    let forked = Arc::new(scenario.forked(&branch.forks).expect("its forks make sense"));
    let plan = Arc::new(Plan::draw(&forked, seed));
    run_until(&plan, &digest_embedder(), Tracer::Off, branch.events).0
}

#[test]
fn a_fork_of_a_copy_runs_like_its_plan_from_the_start() {
    let mut forks_of_forks = 0;
    for scenario in swarms() {
        for (seed, guide) in [(0, Guide::Fork), (1, Guide::Swarm), (2, Guide::Both), (3, Guide::Both), (4, Guide::Fork)]
        {
            let Explored { branches, .. } = explored(&scenario, seed, guide);
            assert!(!branches.is_empty(), "seed {seed} under {guide} looks at nothing more");
            for branch in &branches {
                let told = format!("{}, seed {seed}, {:?}", scenario.name, branch.forks);
                assert_eq!(fingerprint_from_the_start(&scenario, seed, branch), branch.fingerprint, "{told}");
                forks_of_forks += u64::from(branch.forks.len() > 1);
            }
        }
    }
    assert!(forks_of_forks > 2, "{forks_of_forks} forks of forks exercise little");
}

#[test]
fn equal_seeds_look_at_the_same_and_the_trunk_is_the_run_of_the_seed() {
    let [scenario, ..] = swarms();
    for guide in [Guide::None, Guide::Swarm, Guide::Fork, Guide::Both] {
        let first = explored(&scenario, 4, guide);
        assert_eq!(first, explored(&scenario, 4, guide));
        assert_eq!(first.trunk, run(&scenario, 4), "under {guide}");
    }
}

#[test]
fn half_as_many_events_again_are_spent_and_forks_stay_few_enough_to_paste() {
    for scenario in swarms() {
        let Explored { trunk, branches } = explored(&scenario, 6, Guide::Fork);
        let spent: u64 = branches.iter().map(|branch| branch.own_events).sum();
        let budget = trunk.events / 2;
        assert!(spent >= budget, "{spent} of {budget} events were spent");
        let before_the_last = spent - branches.last().expect("there are some").own_events;
        assert!(before_the_last < budget, "{before_the_last} of {budget} events were spent");
        assert!(branches.iter().all(|branch| (1..=FORKS_MAX).contains(&branch.forks.len())));
    }
}

#[test]
fn a_scenario_with_forks_of_its_own_is_left_alone() {
    let [scenario, ..] = swarms();
    let forks = explored(&scenario, 2, Guide::Both).branches.remove(0).forks;
    let forked = Arc::new(scenario.forked(&forks).expect("its forks make sense"));
    assert_eq!(explored(&forked, 2, Guide::Both).branches, []);
}
