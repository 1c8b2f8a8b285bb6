//! A scenario made concrete by a seed: every fault and every operation fixed.
//!
//! Each purpose draws from a stream of its own: every family, every client, the healing. So a family that is left out
//! shifts nothing elsewhere, and a plan that was found once is still the same plan after another family was added.

mod dice;
mod fork;
mod operator;
mod swarm;
mod weights;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use delian_core::Seed;

pub use self::fork::{FORKS_MAX, Fork, Redraw};

pub(crate) use self::dice::Dice;
use self::weights::{Leaning, Weights};
use crate::scenario::{Family, Operation, Scenario, Step, Target};

/// A run as data; equal plans give equal runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The scenario it was drawn from: cluster, times, qualities, expectations.
    pub scenario: Arc<Scenario>,
    /// The seed that drives what is not fixed here: latencies, losses, elections.
    pub seed: u64,
    /// From when on what was decided anew; the steps and operations are those that came of it.
    pub forks: Vec<Fork>,
    /// The families that the seed, or the last fork, turned on, with their strength from 1 to 4.
    pub families: BTreeMap<Family, u8>,
    /// Every fault, in order of time.
    pub steps: Vec<Step>,
    /// Every operation, in order of time.
    pub operations: Vec<Operation>,
    /// The processes that are made whole when the faults stop; always a majority of the voters.
    pub healed: BTreeSet<u16>,
}

impl Plan {
    /// Draws the plan of a scenario for a seed, with the forks that the scenario has; a seed that the scenario is pinned to
    /// is the caller's to pass.
    pub fn draw(scenario: &Arc<Scenario>, seed: u64) -> Self {
        let Drawn { families, steps, operations, healing } =
            Drawn::new(scenario, Seed::new(seed), Redraw::Plain, Duration::ZERO);
        let healed = healed(scenario, &steps, healing);
        let trunk =
            Self { scenario: Arc::clone(scenario), seed, forks: Vec::new(), families, steps, operations, healed };
        scenario.forks.iter().fold(trunk, |plan, fork| plan.forked(*fork))
    }
}

/// What one seed draws.
struct Drawn {
    families: BTreeMap<Family, u8>,
    steps: Vec<Step>,
    operations: Vec<Operation>,
    healing: Dice,
}

impl Drawn {
    /// Draws the faults and operations from some instant on, beside all that the scenario gives.
    ///
    /// What is given comes first among equal times, then what is drawn, in order of family and client.
    fn new(scenario: &Scenario, seed: Seed, redraw: Redraw, from: Duration) -> Self {
        let dice = |purpose: &str, number| Dice::new(seed.derive("plan", number), purpose);
        let weights = match redraw {
            Redraw::Plain => None,
            Redraw::Even => Some(Weights::even(scenario)),
            Redraw::Swarm => Some(Weights::draw(scenario, dice("weights", 0))),
        };
        let leaning = Leaning { from, weights: weights.as_ref() };
        let families = swarm::families(scenario, leaning, dice);
        let mut steps = scenario.steps.clone();
        steps.extend(leaning.weights.map(|weights| weights.slow(scenario, from)).unwrap_or_default());
        for (family, strength) in &families {
            steps.extend(swarm::schedule(scenario, *family, *strength, leaning, dice));
        }
        steps.sort_by_key(|step| step.at);

        let mut operations = scenario.operations.clone();
        if let Some(workload) = &scenario.workload {
            for client in 1..=workload.clients {
                let dice = dice("client", client.into());
                operations.extend(workload::operations(scenario, workload, client, leaning, dice));
            }
        }
        if let Some(operator) = &scenario.operator {
            operations.extend(operator::operations(scenario, *operator, leaning, dice("operator", 0)));
        }
        operations.sort_by_key(|operation| operation.at);
        Self { families, steps, operations, healing: dice("healing", 0) }
    }
}

/// Chooses whom to make whole: whom the scenario names, or everyone who can be, or for half of the seeds of a swarm only
/// a majority of the voters, because a cluster must not need the rest. Where the quorum changes, nobody knows beforehand
/// which of them will be a majority.
fn healed(scenario: &Scenario, steps: &[Step], mut dice: Dice) -> BTreeSet<u16> {
    if let Some(healed) = &scenario.healed {
        return healed.iter().copied().collect();
    }
    let mut gone = scenario.gone();
    gone.extend(steps.iter().filter_map(|step| step.fault.loses()));
    let whole = |processes: std::ops::RangeInclusive<u16>| processes.filter(|process| !gone.contains(process));
    let voters = scenario.cluster.voters;
    let learners = whole(voters + 1..=scenario.cluster.participants());
    let mut survivors: Vec<u16> = whole(1..=voters).collect();
    let majority = usize::from(voters) / 2 + 1;
    assert!(survivors.len() >= majority, "only {survivors:?} of {voters} voters survive");
    if scenario.swarm.is_some() && !scenario.changes_quorum() && dice.chance(1, 2) {
        dice.shuffle(&mut survivors);
        let count = dice.number(majority as u64, survivors.len() as u64);
        survivors.truncate(count as usize);
    }
    survivors.into_iter().chain(learners).collect()
}

/// Returns whom a drawn fault may name at a time: processes that have been started by then, and no observers, or hardly any
/// fault would hit anybody else.
fn present(scenario: &Scenario, at: Duration) -> Vec<Target> {
    let started = |process: &u16| scenario.present_from(*process).is_some_and(|from| from <= at);
    (1..=scenario.cluster.participants()).filter(started).map(Target::Process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::arbitrary::scenarios;
    use crate::scenario::{Swarm, Workload, minority, secs};
    use proptest::prelude::*;

    fn swarm(voters: u16, learners: u16) -> Arc<Scenario> {
        let scenario = Scenario::build("a-swarm").about("Anything may happen.").voters(voters).learners(learners);
        let scenario = scenario.swarm(Swarm::default()).workload(Workload::default());
        Arc::new(scenario.finish().expect("the scenario makes sense"))
    }

    /// The steps of a plan that the seed drew, by family.
    fn drawn(scenario: &Scenario, plan: &Plan, family: Family) -> Vec<Step> {
        let strength = plan.families[&family];
        let dice = |purpose: &str, number| Dice::new(Seed::new(plan.seed).derive("plan", number), purpose);
        swarm::schedule(scenario, family, strength, Leaning { from: Duration::ZERO, weights: None }, dice)
    }

    proptest! {
        #[test]
        fn equal_seeds_make_equal_plans(scenario in scenarios(), seed: u64) {
            let scenario = Arc::new(scenario);
            prop_assert_eq!(Plan::draw(&scenario, seed), Plan::draw(&scenario, seed));
        }

        #[test]
        fn everything_happens_in_order_and_within_the_chaos(scenario in scenarios(), seed: u64) {
            let given = scenario.steps.len();
            let plan = Plan::draw(&Arc::new(scenario), seed);
            let chaos = plan.scenario.chaos;
            prop_assert!(plan.steps.is_sorted_by_key(|step| step.at));
            prop_assert!(plan.operations.is_sorted_by_key(|operation| operation.at));
            prop_assert!(plan.steps.iter().all(|step| step.at <= chaos));
            prop_assert!(plan.operations.iter().all(|operation| operation.at <= chaos));
            let overdue = |step: &&Step| step.lasts.is_some_and(|lasts| step.at + lasts > chaos);
            prop_assert!(plan.steps.iter().filter(overdue).count() <= given, "only given steps may outlast the chaos");
        }

        #[test]
        fn lost_disks_leave_a_majority_that_is_made_whole(scenario in scenarios(), seed: u64) {
            let plan = Plan::draw(&Arc::new(scenario), seed);
            let cluster = &plan.scenario.cluster;
            let drawn: Vec<u16> = plan.steps.iter().filter_map(|step| step.fault.loses()).collect();
            let mut gone = plan.scenario.gone();
            gone.extend(&drawn);
            let voters = |processes: &BTreeSet<u16>| processes.iter().filter(|it| **it <= cluster.voters).count();
            prop_assert!(voters(&gone) <= minority(cluster.voters));
            prop_assert!(voters(&plan.healed) * 2 > usize::from(cluster.voters));
            prop_assert!(plan.healed.is_disjoint(&gone));
        }

        #[test]
        fn no_disk_is_lost_twice_by_chance(seed: u64, voters in 1_u16..=7, learners in 0_u16..=8) {
            let plan = Plan::draw(&swarm(voters, learners), seed);
            let lost: Vec<u16> = plan.steps.iter().filter_map(|step| step.fault.loses()).collect();
            prop_assert_eq!(lost.iter().collect::<BTreeSet<_>>().len(), lost.len());
        }

        #[test]
        fn leaving_a_family_out_moves_no_other(scenario in scenarios(), seed: u64, leaver in 0_usize..10) {
            let mut fewer = scenario.clone();
            let Some(swarm) = &mut fewer.swarm else { return Ok(()) };
            if swarm.families.len() < 2 {
                return Ok(());
            }
            swarm.families.remove(leaver % swarm.families.len());
            let (all, fewer) = (Arc::new(scenario), Arc::new(fewer));
            let (before, after) = (Plan::draw(&all, seed), Plan::draw(&fewer, seed));
            for family in after.families.keys().filter(|family| before.families.contains_key(family)) {
                prop_assert_eq!(before.families[family], after.families[family]);
                let kept = drawn(&fewer, &after, *family);
                prop_assert_eq!(&drawn(&all, &before, *family), &kept);
                prop_assert!(kept.iter().all(|step| before.steps.contains(step) && after.steps.contains(step)));
            }
            prop_assert_eq!(before.operations, after.operations);
        }

        #[test]
        fn every_plan_passes_the_checks_of_a_scenario(seed: u64, voters in 1_u16..=7, learners in 0_u16..=8) {
            let saved = Plan::draw(&swarm(voters, learners), seed).to_scenario("a-plan", "What a seed drew.");
            let read = Scenario::from_toml(&saved.to_toml(), "a-plan.toml");
            prop_assert_eq!(read.map(|read| read.steps), Ok(saved.steps));
        }
    }

    #[test]
    fn a_few_dozen_seeds_draw_every_family_and_every_kind_of_fault() {
        let scenario = swarm(5, 2);
        let mut families = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        for seed in 0..60 {
            let plan = Plan::draw(&scenario, seed);
            assert!(!plan.families.is_empty(), "seed {seed} turned nothing on");
            families.extend(plan.families.keys().copied());
            kinds.extend(plan.steps.iter().map(|step| step.fault.kind()));
        }
        assert_eq!(families.len(), Family::ALL.len());
        let never_drawn: BTreeSet<_> =
            crate::scenario::Fault::KINDS.into_iter().filter(|kind| !kinds.contains(kind)).collect();
        let of_no_usual_family =
            ["forget", "heal-network", "start", "upgrade", "mute", "mute-pool", "deafen-pool", "score"];
        assert_eq!(never_drawn, BTreeSet::from(of_no_usual_family));
    }

    #[test]
    fn half_of_the_seeds_heal_only_a_majority() {
        let scenario = swarm(5, 2);
        let whole = |seed| Plan::draw(&scenario, seed).healed.len() == 7;
        let count = (0..100).filter(|seed| whole(*seed)).count();
        assert!((20..=70).contains(&count), "{count} of 100 seeds heal everyone");
    }

    #[test]
    fn without_a_swarm_everyone_who_can_be_is_healed() {
        let scenario = Scenario::build("somebody-never-comes").about("It never comes.").learners(2).absent([4, 5]);
        let scenario = scenario.at(secs(3)).fault(crate::scenario::Fault::Start(Target::Process(5)));
        let scenario = scenario.fault(crate::scenario::Fault::Wipe(Target::Process(2)));
        let plan = Plan::draw(&Arc::new(scenario.finish().expect("it makes sense")), 1);
        assert_eq!(plan.healed, BTreeSet::from([1, 3, 5]));
    }

    /// Golden plan: a change here silently changes what every recorded seed stands for.
    #[test]
    fn the_plan_of_a_known_seed_never_moves() {
        let plan = Plan::draw(&swarm(3, 1), 1);
        let shown = plan.to_scenario("golden", "The plan of seed 1.").to_toml();
        let fingerprint = xxhash_rust::xxh3::xxh3_64(shown.as_bytes());
        assert_eq!((plan.steps.len(), plan.operations.len(), fingerprint), (77, 364, 8_524_424_876_167_879_606));
    }
}
