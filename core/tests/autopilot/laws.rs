//! Laws over random clusters. What is best or harmful is found by looking at all sets of voters.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use delian_core::node::autopilot::{Advice, QuorumChange, Standing};
use delian_core::topology::Condition;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

use super::cluster::{Cluster, LONG, Machine};

#[test]
fn under_constant_health_the_autopilot_comes_to_rest_within_two_steps_per_node() {
    let kinds = RefCell::new(BTreeMap::new());
    for_all((target(), machines()), |(target, machines)| {
        let limit = 2 * machines.len();
        let mut cluster = Cluster::new(target, machines);
        let mut steps = Vec::new();
        let mut idle = 0;
        while idle < LONG {
            let Some(advice) = cluster.advise() else {
                idle += 1;
                continue;
            };
            idle = 0;
            judge(&cluster, &advice);
            cluster.apply(&advice.change);
            *kinds.borrow_mut().entry(kind(&advice)).or_insert(0) += 1;
            steps.push(advice);
            assert!(steps.len() <= limit, "more than {limit} steps: {steps:#?} to {cluster:?}");
        }
        assert_eq!(cluster.autopilot.next_review(), None, "{cluster:?} waits for something");
    });
    let kinds = kinds.into_inner();
    assert_eq!(kinds.len(), 11, "some advice was never given: {kinds:?}");
}

#[test]
fn no_advice_harms_while_health_comes_and_goes() {
    let advised = RefCell::new(0);
    for_all((target(), machines(), proptest::collection::vec(news(), 0..60)), |(target, machines, news)| {
        let mut cluster = Cluster::new(target, machines);
        for (at, ticks, other) in news {
            let count = cluster.machines.len();
            let machine = &mut cluster.machines[at.index(count)];
            if machine.node != cluster.leader {
                *machine = Machine { node: machine.node, standing: machine.standing, place: machine.place, ..other };
            }
            for _ in 0..ticks {
                if let Some(advice) = cluster.advise() {
                    judge(&cluster, &advice);
                    cluster.apply(&advice.change);
                    *advised.borrow_mut() += 1;
                }
            }
        }
    });
    assert!(advised.into_inner() > 1000, "hardly any advice was given");
}

#[test]
fn healthy_clusters_end_with_the_best_spread_there_is() {
    let (best_of_all, held_back) = (RefCell::new(0), RefCell::new(0));
    for_all((target(), healthy_machines()), |(target, machines)| {
        let mut cluster = Cluster::new(target, machines);
        cluster.follow();
        let voters = chosen(&cluster, &cluster.all(Standing::Voter));
        assert!(voters.len() <= target, "{} voters are above {target}: {cluster:?}", voters.len());
        let choices = subsets(&cluster.machines, target);
        let best = choices.iter().map(|choice| spread(choice)).min();
        if voters.len() == target {
            assert_eq!(Some(spread(&voters)), best, "{cluster:?}");
            *best_of_all.borrow_mut() += 1;
        } else if cluster.machines.len() > voters.len() {
            // Seats stay vacant only if every larger set of voters that the members allow does harm.
            for size in voters.len() + 1..=target {
                for choice in subsets(&cluster.machines, size) {
                    let keeps_all = voters.iter().all(|voter| choice.contains(voter));
                    let harms = survives(&voters).iter().zip(survives(&choice)).any(|(old, new)| *old && !new);
                    assert!(!keeps_all || harms, "{choice:?} would do no harm to {cluster:?}");
                }
            }
            *held_back.borrow_mut() += 1;
        }
    });
    assert!(best_of_all.into_inner() > 100 && held_back.into_inner() > 0, "the law was hardly put to the test");
}

#[test]
fn equal_knowledge_makes_equal_advice() {
    for_all((target(), machines()), |(target, machines)| {
        let mut one = Cluster::new(target, machines);
        let mut other = one.clone();
        for _ in 0..LONG {
            let advice = one.advise();
            assert_eq!(advice, other.advise());
            assert_eq!(one.autopilot, other.autopilot);
            if let Some(advice) = advice {
                one.apply(&advice.change);
                other.apply(&advice.change);
            }
        }
    });
}

/// Judges advice by its outcome alone.
fn judge(before: &Cluster, advice: &Advice) {
    let old = chosen(before, &before.all(Standing::Voter));
    let heard = old.iter().filter(|voter| voter.answers && !voter.forgot).count();
    assert!(2 * heard > old.len(), "{advice:?} cannot be agreed on by {before:?}");
    let mut after = before.clone();
    after.apply(&advice.change);
    let new = chosen(&after, &after.all(Standing::Voter));
    if names(&old) == names(&new) {
        return;
    }
    let fit = |voters: &[Machine]| voters.iter().filter(|voter| voter.is_fit()).count();
    assert!(2 * fit(&new) > new.len(), "{advice:?} leaves no fit majority of {before:?}");
    assert!(fit(&new) >= fit(&old).min(old.len() / 2 + 1), "{advice:?} leaves too few fit voters of {before:?}");
    let harms = survives(&old).iter().zip(survives(&new)).any(|(old, new)| *old && !new);
    assert!(!harms, "{advice:?} lets one failure kill a majority of {before:?}");
    let is_settled = |node| before.steady(node).is_some_and(|(fit, span)| fit && span >= before.settings.settle);
    let learners = chosen(before, &before.all(Standing::Learner));
    let settled: Vec<Machine> = learners.into_iter().filter(|learner| is_settled(learner.node)).collect();
    let (stays, joins): (Vec<Machine>, Vec<Machine>) =
        new.iter().cloned().partition(|voter| before.is(voter.node, Standing::Voter));
    assert!(joins.iter().all(|joiner| is_settled(joiner.node)), "{advice:?} is hasty in {before:?}");
    for joiners in subsets(&settled, joins.len()) {
        let alternative = [stays.clone(), joiners].concat();
        assert!(spread(&new) <= spread(&alternative), "{advice:?} is worse than {alternative:?} in {before:?}");
    }
    if old.len() <= before.settings.voters_target {
        for leaver in old.iter().filter(|voter| !names(&new).contains(&voter.node)) {
            let is_better = new.len() == old.len() && spread(&new) < spread(&old);
            assert!(may_go(before, leaver) || is_better, "{advice:?} unseats {leaver:?} of {before:?}");
        }
    }
    let leader = old.iter().any(|voter| voter.node == before.leader && voter.is_fit());
    assert!(!leader || after.is(before.leader, Standing::Voter), "{advice:?} unseats the fit leader of {before:?}");
}

/// Says whether the voter may lose its seat whoever takes it.
fn may_go(cluster: &Cluster, voter: &Machine) -> bool {
    let is_leaving = voter.place.is_some() && voter.condition == Condition::Leaving;
    let is_dead = cluster.steady(voter.node).is_some_and(|(fit, span)| !fit && span >= cluster.settings.dead_after);
    voter.forgot || is_leaving || is_dead
}

fn chosen(cluster: &Cluster, nodes: &[u64]) -> Vec<Machine> {
    cluster.machines.iter().filter(|machine| nodes.contains(&machine.node)).cloned().collect()
}

fn names(machines: &[Machine]) -> BTreeSet<u64> {
    machines.iter().map(|machine| machine.node).collect()
}

fn domains(machines: &[Machine], depth: usize) -> Vec<Option<Vec<u8>>> {
    machines.iter().map(|machine| machine.place.map(|place| place[..depth].to_vec())).collect()
}

/// How many voters each failure costs, the dearest first: regions, then datacenters, then racks.
fn spread(voters: &[Machine]) -> Vec<Vec<usize>> {
    let count = |depth| {
        let all = domains(voters, depth);
        let distinct: BTreeSet<_> = all.iter().collect();
        let mut counts: Vec<usize> =
            distinct.iter().map(|domain| all.iter().filter(|other| *other == *domain).count()).collect();
        counts.sort_unstable();
        counts.reverse();
        counts
    };
    (1..=3).map(count).collect()
}

/// Whether a fit majority is left, for each depth, whichever one domain of it fails.
fn survives(voters: &[Machine]) -> Vec<bool> {
    let left = |depth: usize, failed: &Option<Vec<u8>>| {
        let standing = voters.iter().zip(domains(voters, depth)).filter(|(_, domain)| domain != failed);
        standing.filter(|(voter, _)| voter.is_fit()).count()
    };
    (1..=3).map(|depth| domains(voters, depth).iter().all(|failed| 2 * left(depth, failed) > voters.len())).collect()
}

fn subsets(machines: &[Machine], size: usize) -> Vec<Vec<Machine>> {
    match machines.split_first() {
        _ if size == 0 => vec![Vec::new()],
        None => Vec::new(),
        Some((first, rest)) => {
            let with = subsets(rest, size - 1).into_iter().map(|others| [vec![first.clone()], others].concat());
            with.chain(subsets(rest, size)).collect()
        }
    }
}

fn kind(advice: &Advice) -> (&'static str, String) {
    let change = match &advice.change {
        QuorumChange::AddLearner { .. } => "add",
        QuorumChange::Promote(_) => "promote",
        QuorumChange::Demote(_) => "demote",
        QuorumChange::Remove(_) => "remove",
        QuorumChange::Replace { .. } => "replace",
    };
    let reason = format!("{:?}", advice.reason);
    (change, reason.split([' ', '(']).next().unwrap_or_default().to_owned())
}

fn target() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(3_usize), 2 => Just(5_usize), 1 => Just(7_usize)]
}

fn place() -> impl Strategy<Value = Option<[u8; 3]>> {
    let parts = prop_oneof![[0..4_u8, 0..2_u8, 0..3_u8], [0..2_u8, 0..2_u8, 0..2_u8], [0..1_u8, 0..2_u8, 0..4_u8]];
    prop_oneof![9 => parts.prop_map(Some), 1 => Just(None)]
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![3 => Just(Standing::Voter), 1 => Just(Standing::Learner), 2 => Just(Standing::Outside)]
}

fn condition() -> impl Strategy<Value = Condition> {
    let ill = prop_oneof![Just(Condition::Silent), Just(Condition::Leaving), Just(Condition::Unreachable)];
    prop_oneof![8 => Just(Condition::Healthy), 1 => Just(Condition::Degraded), 2 => ill]
}

fn machine() -> impl Strategy<Value = Machine> {
    let lag = prop_oneof![6 => Just(0_u64), 1 => Just(1000_u64), 1 => Just(1001_u64)];
    let often = || prop::bool::weighted(0.85);
    (standing(), place(), condition(), often(), lag, prop::bool::weighted(0.1), often()).prop_map(
        |(standing, place, condition, answers, lag, forgot, says_hello)| Machine {
            condition,
            answers,
            lag,
            forgot: forgot && standing != Standing::Outside,
            says_hello,
            ..Machine::new(0, standing, place)
        },
    )
}

/// The first machine leads; the others are numbered behind it.
fn numbered(mut machines: Vec<Machine>) -> Vec<Machine> {
    for (node, machine) in (1..).zip(&mut machines) {
        machine.node = node;
    }
    let leader = &mut machines[0];
    *leader = Machine { condition: leader.condition, ..Machine::new(1, Standing::Voter, leader.place) };
    machines
}

fn machines() -> impl Strategy<Value = Vec<Machine>> {
    proptest::collection::vec(machine(), 1..11).prop_map(numbered)
}

fn healthy_machines() -> impl Strategy<Value = Vec<Machine>> {
    let healthy = (standing(), place()).prop_map(|(standing, place)| {
        // An outsider has to be registered to be admitted.
        Machine::new(0, standing, place.or((standing == Standing::Outside).then_some([0, 0, 0])))
    });
    proptest::collection::vec(healthy, 1..11).prop_map(|machines| {
        let mut machines = numbered(machines);
        machines[0].condition = Condition::Healthy;
        machines
    })
}

fn news() -> impl Strategy<Value = (prop::sample::Index, usize, Machine)> {
    (any::<prop::sample::Index>(), 0..15_usize, machine())
}

/// Checks a law on random values, the same ones at every run.
fn for_all<T: std::fmt::Debug>(values: impl Strategy<Value = T>, law: impl Fn(T)) {
    let cases = Cases { cases: 1000, failure_persistence: None, ..Cases::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let checked = TestRunner::new_with_rng(cases, random).run(&values, |value| {
        law(value);
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}
