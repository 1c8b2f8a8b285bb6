//! The laws of all policies, over random histories of members, health, requests and time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use delian_core::NodeId;
use delian_core::balance::{
    Among, Answer, BalancerConfig, Candidate, Capabilities, CapabilityAware, Choice, Claim, ConsistentHash, Health,
    LeastConnections, Liveness, Nearest, NoCandidate, Outcome, Proximity, Random, Ratio, Region, Request,
    ResourceAware, ResourceAwareConfig, RoundRobin, Session, SessionAffinity, Strategy as Policy, Weighted,
    WeightedRandom,
};
use delian_core::ring::{Bound, Member, Place, PointsPerUnit, Ring, Weight};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

use crate::{World, claim, power_of_two, stream};

const NODES: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    Join(Candidate),
    Alter(Candidate),
    Leave(u64),
    Liveness(u64, Liveness),
    Sleep(Duration),
    Say(u64, u64, i64),
    Pick(Wish),
    Finish(usize, Outcome),
}

#[derive(Clone, Debug)]
struct Wish {
    required: Vec<u32>,
    wished: Vec<u32>,
    excluded: Vec<u64>,
    load_max: Option<u32>,
    region: Option<u16>,
    session: Option<u64>,
}

fn candidate() -> impl Strategy<Value = Candidate> {
    (0..NODES, 1..=1_000_000u32, vec(0..3u32, 0..3), 0..3u16, 0..4usize, 0..50u64).prop_map(
        |(node, weight, capabilities, region, level, millis)| Candidate {
            node: NodeId::new(node),
            weight: Weight::of_thousandths(weight).expect("within the range that was drawn from"),
            capabilities: set(&capabilities),
            region: Region(region),
            proximity: Proximity::ALL[level],
            distance: Duration::from_millis(millis),
        },
    )
}

fn set(numbers: &[u32]) -> Capabilities {
    Capabilities::of(numbers.iter().copied()).expect("all numbers are below three")
}

fn wish() -> impl Strategy<Value = Wish> {
    let sets = (vec(0..3u32, 0..2), vec(0..3u32, 0..3), vec(0..NODES, 0..4));
    let options = (
        proptest::option::weighted(0.3, 0..100u32),
        proptest::option::weighted(0.3, 0..4u16),
        proptest::option::weighted(0.5, 0..4u64),
    );
    (sets, options).prop_map(|((required, wished, excluded), (load_max, region, session))| Wish {
        required,
        wished,
        excluded,
        load_max,
        region,
        session,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Abandoned)];
    prop_oneof![
        4 => candidate().prop_map(Step::Join),
        1 => candidate().prop_map(Step::Alter),
        1 => (0..NODES).prop_map(Step::Leave),
        5 => (0..NODES, prop_oneof![1 => Just(Liveness::Alive), 3 => Just(Liveness::Dead)])
            .prop_map(|(node, liveness)| Step::Liveness(node, liveness)),
        2 => (0..40_000u64).prop_map(|millis| Step::Sleep(Duration::from_millis(millis))),
        3 => (0..NODES, 0..20u64, 0..=100i64).prop_map(|(node, number, cpu)| Step::Say(node, number, cpu)),
        9 => wish().prop_map(Step::Pick),
        6 => (0..8usize, outcome).prop_map(|(back, outcome)| Step::Finish(back, outcome)),
    ]
}

/// What a history came to, and everything that was picked.
#[derive(Debug, Default, PartialEq)]
struct Story {
    picks: Vec<Result<Choice, NoCandidate>>,
    panics: usize,
}

/// Plays a history and asserts of each pick what holds for every policy.
fn play<S: Policy + Clone + PartialEq + std::fmt::Debug>(policy: S, near: Option<Proximity>, steps: &[Step]) -> Story {
    let mut world = World::new(policy, BalancerConfig { near, ..BalancerConfig::default() });
    let (mut story, mut sent, mut dead) = (Story::default(), Vec::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Join(candidate) => _ = world.balancer.join(world.now, *candidate, &mut world.events),
            Step::Alter(candidate) => _ = world.balancer.alter(world.now, *candidate),
            Step::Leave(node) => {
                if world.balancer.leave(world.now, NodeId::new(*node), &mut world.events).is_ok() {
                    dead.remove(&NodeId::new(*node));
                }
            }
            Step::Liveness(node, liveness) => {
                let node = NodeId::new(*node);
                world.balancer.set_liveness(world.now, node, *liveness, &mut world.events);
                match liveness {
                    Liveness::Dead if world.balancer.seat(node).is_some() => _ = dead.insert(node),
                    Liveness::Dead => {}
                    Liveness::Alive => _ = dead.remove(&node),
                }
            }
            Step::Sleep(span) => {
                world.now = world.now + *span;
                world.balancer.wake(world.now, &mut world.events);
            }
            Step::Say(node, number, cpu) => {
                if world.balancer.seat(NodeId::new(*node)).is_some() {
                    world.say(*node, claim(*number, *cpu));
                }
            }
            Step::Pick(wish) => {
                let picked = pick(&mut world, &dead, wish);
                sent.extend(picked.ok());
                story.panics += usize::from(picked.is_ok_and(|choice| choice.among == Among::Everyone));
                story.picks.push(picked);
            }
            Step::Finish(back, outcome) => {
                if let Some(place) = sent.len().checked_sub(back + 1) {
                    let choice = sent.remove(place);
                    let health = Health::Finished(Answer { latency: Duration::from_millis(5), outcome: *outcome });
                    world.balancer.report(world.now, choice.seat, &health, &mut world.events);
                }
            }
        }
        world.balancer.assert_invariants();
        assert!(world.balancer.ejected() * 10 <= world.balancer.roster().len());
    }
    story
}

fn pick<S: Policy>(world: &mut World<S>, dead: &BTreeSet<NodeId>, wish: &Wish) -> Result<Choice, NoCandidate> {
    let excluded: Vec<NodeId> = wish.excluded.iter().copied().map(NodeId::new).collect();
    let request = Request {
        key: b"key",
        session: wish.session.map(Session),
        required: set(&wish.required),
        wished: set(&wish.wished),
        excluded: &excluded,
        load_max: wish.load_max.and_then(|percent| Ratio::of_millionths(percent * 10_000)),
        region: wish.region.map(Region),
    };
    let members = world.balancer.roster().len();
    let eligible = world.balancer.eligible().clone();
    let picked = world.pick_for(&request);
    match &picked {
        Ok(choice) => {
            let roster = world.balancer.roster();
            assert!(roster.holds(choice.seat), "{choice:?} is no member");
            let candidate = roster.candidate(choice.seat.slot);
            assert_eq!(candidate.node, choice.node);
            assert!(candidate.capabilities.contains(request.required), "{choice:?} lacks {:?}", request.required);
            assert!(!excluded.contains(&choice.node), "{choice:?} is excluded");
            if choice.among == Among::Everyone {
                assert!(eligible.len() * 2 < members, "panic with {} of {members}", eligible.len());
            } else {
                assert!(
                    eligible.contains(choice.seat.slot) && !dead.contains(&choice.node),
                    "{choice:?} is ineligible"
                );
            }
        }
        Err(refusal) => {
            assert_eq!(refusal.policy, world.balancer.policy().name());
            assert_eq!((refusal.members, refusal.filtered.sum()), (members, members), "{refusal:?}");
            assert_eq!(refusal.filtered.elsewhere, 0, "a preference keeps nobody out: {refusal:?}");
        }
    }
    picked
}

/// Returns a policy whose ring names two thirds of the nodes, and some that never come.
fn placed(mut policy: ConsistentHash) -> ConsistentHash {
    let nodes: Vec<NodeId> = (NODES / 3..NODES + 3).map(NodeId::new).collect();
    let members =
        nodes.iter().map(|node| Member::new(&format!("node-{:02}", node.get()), Place::new("eu", "zrh", "r")));
    let ring = Ring::build(PointsPerUnit::default(), members).expect("the names differ");
    policy.set_ring(Arc::new(ring), &nodes);
    policy
}

/// Plays the history once for each policy and returns what each came to.
fn play_all(near: Option<Proximity>, steps: &[Step]) -> Vec<Story> {
    let mut seed = stream(1);
    let seed = &mut seed;
    let soft = ResourceAware::new(ResourceAwareConfig::stable(), seed).expect("sound");
    vec![
        play(Random::new(seed), near, steps),
        play(WeightedRandom::new(seed), near, steps),
        play(RoundRobin::new(seed), near, steps),
        play(Weighted::new(), near, steps),
        play(LeastConnections::new(seed), near, steps),
        play(power_of_two(), near, steps),
        play(Nearest::new(seed), near, steps),
        play(ResourceAware::new(ResourceAwareConfig::default(), seed).expect("sound"), near, steps),
        play(soft, near, steps),
        play(placed(ConsistentHash::new()), near, steps),
        play(placed(ConsistentHash::bounded(Bound::default())), near, steps),
        play(CapabilityAware::new(power_of_two()), near, steps),
        play(
            SessionAffinity::with_limits(CapabilityAware::new(Random::new(seed)), 2, Duration::from_mins(1)),
            near,
            steps,
        ),
    ]
}

fn for_all(check: impl Fn(Option<Proximity>, &[Step])) {
    let cases = Cases { cases: 150, failure_persistence: None, ..Cases::default() };
    let mut runner = TestRunner::new_with_rng(cases, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let near = prop_oneof![Just(None), Just(Some(Proximity::Datacenter))];
    let run = runner.run(&(near, vec(step(), 0..120)), |(near, steps)| {
        check(near, &steps);
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn nobody_is_picked_who_may_not_be_and_a_refusal_accounts_for_everyone() {
    let counts = std::cell::RefCell::new((0, 0, 0));
    for_all(|near, steps| {
        let stories = play_all(near, steps);
        let mut counts = counts.borrow_mut();
        for story in &stories {
            counts.0 += story.picks.iter().filter(|picked| picked.is_ok()).count();
            counts.1 += story.picks.iter().filter(|picked| picked.is_err()).count();
            counts.2 += story.panics;
        }
    });
    let (picked, refused, panics) = counts.into_inner();
    assert!(
        picked > 10_000 && refused > 1_000 && panics > 500,
        "{picked} picked, {refused} refused, {panics} in panic"
    );
}

#[test]
fn equal_seeds_make_equal_picks() {
    for_all(|near, steps| {
        let [once, again] = [(); 2].map(|()| play(power_of_two(), near, steps));
        assert_eq!(once, again);
        let resource = || ResourceAware::new(ResourceAwareConfig::default(), &mut stream(3)).unwrap();
        assert_eq!(play(resource(), near, steps), play(resource(), near, steps));
    });
}

#[test]
fn another_seed_makes_other_picks() {
    let picks = |seed| {
        let mut world = World::of(100, Random::new(&mut stream(seed)), BalancerConfig::default());
        (0..20).map(|_| world.pick().node).collect::<Vec<_>>()
    };
    assert_eq!(picks(1), picks(1));
    assert_ne!(picks(1), picks(2));
}

#[test]
fn the_clock_of_a_sender_changes_no_pick() {
    let tale = |skew: u64| {
        let policy = ResourceAware::new(ResourceAwareConfig::default(), &mut stream(1)).unwrap();
        let mut world = World::of(5, policy, BalancerConfig::default());
        let mut picks = Vec::new();
        for round in 0..100u64 {
            let taken_at = delian_core::WallTime::from_unix_millis(skew.wrapping_mul(round));
            world.say(round % 3, Claim { taken_at, ..claim(round, (round % 100).cast_signed()) });
            world.now = world.now + Duration::from_secs(round % 7);
            picks.extend((0..10).map(|_| world.pick().node));
        }
        picks
    };
    let honest = tale(1000);
    for skew in [0, 1, u64::MAX / 3, u64::MAX] {
        assert_eq!(tale(skew), honest, "skewed by {skew}");
    }
}

#[test]
fn an_empty_balancer_says_so_for_every_policy() {
    let wish = Wish { required: vec![], wished: vec![], excluded: vec![], load_max: None, region: None, session: None };
    for story in play_all(None, &[Step::Pick(wish)]) {
        let [Err(refusal)] = story.picks[..] else { panic!("{story:?}") };
        assert_eq!(refusal.to_string(), format!("{} finds nobody among 0 members", refusal.policy));
    }
}
