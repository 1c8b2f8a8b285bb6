//! Laws of the bound that keys on a ring overflow at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use delian_core::NodeId;
use delian_core::balance::{
    Answer, BalancerConfig, Choice, ConsistentHash, Health, Liveness, Outcome, Ratio, Request, Why,
};
use delian_core::ring::{Bound, CapacityFactor, Member, Place, PointsPerUnit, Ring, Weight};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::World;

const NODES: u64 = 8;

#[derive(Clone, Debug)]
enum Step {
    /// A request for a key, not to these.
    Send(u8, Vec<u64>),
    /// The end of one that is under way.
    Finish(usize),
    Liveness(u64, Liveness),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6u8, vec(0..NODES, 0..2)).prop_map(|(key, excluded)| Step::Send(key, excluded)),
        4 => any::<usize>().prop_map(Step::Finish),
        1 => (0..NODES, prop_oneof![Just(Liveness::Alive), Just(Liveness::Dead)])
            .prop_map(|(node, liveness)| Step::Liveness(node, liveness)),
    ]
}

/// Nodes of different weights, all on the ring but the last one, who are warm and never in panic.
fn world(bound: Bound) -> World<ConsistentHash> {
    let members = (0..NODES - 1).map(|node| Member {
        weight: weight(node),
        ..Member::new(&format!("node-{node}"), Place::new("eu", "zrh", "r"))
    });
    let ring = Ring::build(PointsPerUnit::default(), members).expect("the names differ");
    let mut policy = ConsistentHash::bounded(bound);
    policy.set_ring(Arc::new(ring), &(0..NODES - 1).map(NodeId::new).collect::<Vec<_>>());
    let config = BalancerConfig { panic_below: Ratio::NONE, outliers: None, ..BalancerConfig::default() };
    World::of(NODES, policy, config)
}

fn weight(node: u64) -> Weight {
    Weight::of_thousandths([500, 1000, 3000][node as usize % 3]).expect("a weight")
}

/// What each node of a balancer has in flight, counted beside it.
#[derive(Default)]
struct Counted(BTreeMap<u64, u64>);

impl Counted {
    fn of(&self, node: u64) -> u64 {
        self.0.get(&node).copied().unwrap_or(0)
    }

    /// The capacity as the paper has it, among those who may be asked.
    fn capacity(&self, node: u64, asked: &[u64], factor: CapacityFactor) -> u64 {
        let load: u64 = asked.iter().map(|node| self.of(*node)).sum();
        let all: u64 = asked.iter().map(|node| u64::from(weight(*node).thousandths())).sum();
        let share = u64::from(factor.thousandths()) * u64::from(weight(node).thousandths()) * (load + 1);
        share.div_ceil(all * 1000)
    }
}

fn finish(world: &mut World<ConsistentHash>, choice: Choice) {
    let answer = Answer { latency: Duration::from_millis(1), outcome: Outcome::Success };
    world.balancer.report(world.now, choice.seat, &Health::Finished(answer), &mut world.events);
}

fn play(bound: Bound, steps: &[Step]) -> (usize, usize) {
    let (mut world, mut counted, mut sent) = (world(bound), Counted::default(), Vec::<Choice>::new());
    let (mut overflowed, mut ended) = (0, 0);
    for step in steps {
        match step {
            Step::Liveness(node, liveness) => {
                world.balancer.set_liveness(world.now, NodeId::new(*node), *liveness, &mut world.events);
                world.sleep(60);
            }
            Step::Finish(which) => {
                if !sent.is_empty() {
                    let choice = sent.swap_remove(which % sent.len());
                    finish(&mut world, choice);
                    *counted.0.get_mut(&choice.node.get()).expect("it was sent there") -= 1;
                }
            }
            Step::Send(key, excluded) => {
                let nodes: Vec<NodeId> = excluded.iter().copied().map(NodeId::new).collect();
                let is_asked = |node: &u64| {
                    let member = world.balancer.seat(NodeId::new(*node)).expect("all are members");
                    world.balancer.eligible().contains(member.slot) && !excluded.contains(node)
                };
                let asked: Vec<u64> = (0..NODES - 1).filter(is_asked).collect();
                let picked = world.pick_for(&Request { key: &[*key], excluded: &nodes, ..Request::default() });
                let Ok(choice) = picked else {
                    assert!(asked.is_empty(), "{picked:?}");
                    continue;
                };
                let (node, mine) = (choice.node.get(), counted.of(choice.node.get()));
                assert!(asked.contains(&node), "{node} may not be asked");
                if let Why::LeastOfFull(in_flight) = choice.why {
                    ended += 1;
                    assert_eq!(u64::from(in_flight), mine);
                } else {
                    overflowed += usize::from(matches!(choice.why, Why::NextWithRoom { .. }));
                    let most = counted.capacity(node, &asked, bound.factor);
                    assert!(mine < most, "{node} has {mine} of {most} already: {choice:?}");
                }
                *counted.0.entry(node).or_default() += 1;
                sent.push(choice);
            }
        }
    }
    (overflowed, ended)
}

proptest! {
    #[test]
    fn nobody_gets_more_than_its_bound_while_the_walk_may_go_on(
        factor in 1000..2500u32, steps in vec(step(), 0..150),
    ) {
        let factor = CapacityFactor::of_thousandths(factor).expect("a factor");
        let (_, ended) = play(Bound { factor, walk_max: u32::MAX }, &steps);
        // All capacities together are above the load, so a walk round the whole circle finds room.
        prop_assert_eq!(ended, 0);
    }

    #[test]
    fn a_walk_that_ends_early_refuses_nobody(walk_max in 1..4u32, steps in vec(step(), 0..150)) {
        play(Bound { walk_max, ..Bound::default() }, &steps);
    }

    #[test]
    fn keys_return_to_their_owners_when_nothing_is_under_way(keys in vec(0..6u8, 1..60)) {
        let mut world = world(Bound::default());
        let pick = |world: &mut World<ConsistentHash>, key: u8| {
            world.pick_for(&Request { key: &[key], ..Request::default() }).expect("someone may be asked")
        };
        // A pick counts as sent, so each owner is asked for while nothing else is under way.
        let alone = |world: &mut World<ConsistentHash>| -> Vec<Choice> {
            let served = |key| {
                let choice = pick(world, key);
                finish(world, choice);
                choice
            };
            (0..6).map(served).collect()
        };
        let owners = alone(&mut world);
        prop_assert!(owners.iter().all(|choice| choice.why == Why::Owner));
        let sent: Vec<Choice> = keys.into_iter().map(|key| pick(&mut world, key)).collect();
        for choice in sent {
            finish(&mut world, choice);
        }
        prop_assert_eq!(alone(&mut world), owners);
    }
}

#[test]
fn few_hot_keys_do_overflow_and_short_walks_do_end() {
    let steps: Vec<Step> = (0..200).map(|number| Step::Send(number % 2, Vec::new())).collect();
    let (overflowed, ended) = play(Bound { walk_max: u32::MAX, ..Bound::default() }, &steps);
    assert!(overflowed > 100 && ended == 0, "{overflowed} overflowed");
    let (_, ended) = play(Bound { walk_max: 1, ..Bound::default() }, &steps);
    assert!(ended > 100, "{ended} walks ended");
}
