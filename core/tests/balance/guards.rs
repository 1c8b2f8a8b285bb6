//! Panic, ejection, slow start, nearness, subsets: what stands around any policy.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use delian_core::balance::{
    Among, Answer, BalancerConfig, Candidate, Cause, ConsistentHash, Event, Health, Liveness, Outcome, OutlierConfig,
    Proximity, Random, Ratio, Region, Request, RoundRobin, Session, SessionAffinity, Weighted, WeightedRandom, Why,
};
use delian_core::ring::{Member, Place, PointsPerUnit, Ring, Weight};
use delian_core::{NodeId, Time};

use crate::{World, claim, power_of_two, stream};

fn random() -> Random {
    Random::new(&mut stream(1))
}

#[test]
fn below_half_of_the_members_everyone_is_asked_and_at_half_nobody_dead() {
    let mut world = World::of(10, random(), BalancerConfig::default());
    for node in 0..5 {
        world.balancer.set_liveness(world.now, NodeId::new(node), Liveness::Dead, &mut world.events);
    }
    world.balancer.assert_invariants();
    assert!(world.tally(10, 1000, &Request::default())[..5].iter().all(|count| *count == 0));
    world.balancer.set_liveness(world.now, NodeId::new(5), Liveness::Dead, &mut world.events);
    assert_eq!(world.events, [Event::PanicBegan { eligible: 4, members: 10 }]);
    assert_eq!(world.pick().among, Among::Everyone);
    assert!(world.tally(10, 1000, &Request::default()).iter().all(|count| *count > 50));
    world.balancer.set_liveness(world.now, NodeId::new(5), Liveness::Alive, &mut world.events);
    assert_eq!(world.events[1..], [Event::PanicEnded]);
    assert_eq!(world.pick().among, Among::Eligible);
}

#[test]
fn without_panic_nobody_is_picked_of_the_dead() {
    let mut world =
        World::of(3, power_of_two(), BalancerConfig { panic_below: Ratio::NONE, ..BalancerConfig::default() });
    for node in 0..3 {
        world.balancer.set_liveness(world.now, NodeId::new(node), Liveness::Dead, &mut world.events);
    }
    let refusal = world.pick_for(&Request::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "power-of-two-choices finds nobody among 3 members: 3 ineligible");
}

#[test]
fn an_outlier_is_left_alone_and_warms_up_when_it_comes_back() {
    let mut world = World::of(20, RoundRobin::new(&mut stream(1)), BalancerConfig::default());
    while !world.events.iter().any(|event| matches!(event, Event::Ejected { .. })) {
        let choice = world.pick();
        let outcome = if choice.node == NodeId::new(7) { Outcome::Failure } else { Outcome::Success };
        world.finish(choice, 10, outcome);
    }
    let until = world.now + Duration::from_secs(30);
    let (node, cause) = (NodeId::new(7), Cause::FailuresInARow(5));
    assert_eq!(world.events, [Event::Ejected { node, cause, until }]);
    world.balancer.assert_invariants();
    assert_eq!(world.tally(20, 2000, &Request::default())[7], 0);
    world.sleep(30);
    assert_eq!(world.events[1..], [Event::Restored(node)]);
    let counts = world.tally(20, 2000, &Request::default());
    assert!((1..40).contains(&counts[7]), "{counts:?}");
    world.sleep(30);
    assert_eq!(world.tally(20, 2000, &Request::default())[7], 100);
}

#[test]
fn never_more_than_a_tenth_is_ejected_though_all_fail_and_members_leave() {
    let mut world = World::of(50, random(), BalancerConfig::default());
    for round in 0..4_000u64 {
        let choice = world.pick();
        world.finish(choice, 10, Outcome::Failure);
        if round % 100 == 99 {
            world.balancer.leave(world.now, choice.node, &mut world.events).unwrap();
            world.sleep(7);
        }
        let members = world.balancer.roster().len();
        assert!(world.balancer.ejected() * 10 <= members, "{} of {members}", world.balancer.ejected());
    }
    let count = |wanted: fn(&Event) -> bool| world.events.iter().filter(|event| wanted(event)).count();
    assert!(count(|event| matches!(event, Event::Ejected { .. })) > 5);
    assert!(count(|event| matches!(event, Event::Spared { .. })) > 5);
    assert!(count(|event| matches!(event, Event::Restored(_))) > 5);
}

#[test]
fn a_low_success_rate_ejects_at_the_next_comparison() {
    let mut world = World::of(20, Weighted::new(), BalancerConfig::default());
    for turn in 0..20 * 200 {
        let choice = world.pick();
        // Equal weights make rounds of twenty picks, so this is every second request to node 3.
        let fails = choice.node == NodeId::new(3) && turn / 20 % 2 == 0;
        world.finish(choice, 10, if fails { Outcome::Failure } else { Outcome::Success });
    }
    assert_eq!(world.events, []);
    world.sleep(10);
    let [Event::Ejected { node, cause: Cause::SuccessRate { rate, least }, .. }] = world.events[..] else {
        panic!("{:?}", world.events)
    };
    assert_eq!((node, rate), (NodeId::new(3), Ratio::HALF));
    assert!(least > Ratio::HALF);
}

#[test]
fn a_newcomer_ramps_up_in_a_line_around_any_policy() {
    let mut world = World::of(9, random(), BalancerConfig::default());
    world.join(Candidate::new(NodeId::new(9)));
    // 20,000 picks each: a tenth, a half and all of a tenth of them.
    for (sleep, expected) in [(0, 200), (13, 1_000), (17, 2_000)] {
        world.sleep(sleep);
        let counts = world.tally(10, 20_000, &Request::default());
        assert!(counts[9].abs_diff(expected) < 150, "{counts:?} after {:?}", world.now);
    }
}

#[test]
fn a_node_that_was_dead_ramps_up_again() {
    let mut world = World::of(10, random(), BalancerConfig::default());
    for liveness in [Liveness::Dead, Liveness::Alive] {
        world.balancer.set_liveness(world.now, NodeId::new(4), liveness, &mut world.events);
    }
    assert!(world.tally(10, 10_000, &Request::default())[4] < 200);
}

#[test]
fn where_all_are_new_nobody_starves() {
    let mut world = World::new(random(), BalancerConfig::default());
    (0..10).for_each(|node| world.join(Candidate::new(NodeId::new(node))));
    let counts = world.tally(10, 10_000, &Request::default());
    assert!(counts.iter().all(|count| count.abs_diff(1000) < 150), "{counts:?}");
}

#[test]
fn where_all_are_new_weights_count_as_ever() {
    let mut world = World::new(WeightedRandom::new(&mut stream(1)), BalancerConfig::default());
    let heavy = Weight::of_thousandths(9000).unwrap();
    world.join(Candidate { weight: heavy, ..Candidate::new(NodeId::new(0)) });
    world.join(Candidate::new(NodeId::new(1)));
    for _ in 0..3 {
        let counts = world.tally(2, 10_000, &Request::default());
        assert!(counts[0].abs_diff(9_000) < 150, "{counts:?} after {:?}", world.now);
        world.sleep(10);
    }
}

#[test]
fn a_key_stays_with_its_owner_however_cold_that_is() {
    let members = (0..10).map(|node| Member::new(&format!("node-{node}"), Place::new("eu", "zrh", "r")));
    let ring = Ring::build(PointsPerUnit::default(), members).unwrap();
    let mut policy = ConsistentHash::new();
    policy.set_ring(Arc::new(ring), &(0..10).map(NodeId::new).collect::<Vec<_>>());
    let mut world = World::new(policy, BalancerConfig::default());
    (0..10).for_each(|node| world.join(Candidate::new(NodeId::new(node))));
    let request = Request { key: b"a key", ..Request::default() };
    let owner = world.pick_for(&request).unwrap().node;
    assert_eq!(world.tally(10, 1000, &request)[owner.get() as usize], 1000);
    world.sleep(60);
    for (liveness, keeps) in [(Liveness::Dead, 0), (Liveness::Alive, 1000)] {
        world.balancer.set_liveness(world.now, owner, liveness, &mut world.events);
        assert_eq!(world.tally(10, 1000, &request)[owner.get() as usize], keeps, "{liveness:?}");
    }
}

#[test]
fn the_dead_take_no_room_from_outliers_and_want_of_room_is_told_once() {
    let mut world = World::of(10, random(), BalancerConfig::default());
    let seat = |world: &World<Random>, node: u64| world.balancer.seat(NodeId::new(node)).unwrap();
    let fail = |world: &mut World<Random>, node: u64, times: usize| {
        let failed = Health::Finished(Answer { latency: Duration::from_millis(10), outcome: Outcome::Failure });
        let seat = seat(world, node);
        (0..times).for_each(|_| world.balancer.report(world.now, seat, &failed, &mut world.events));
    };
    world.balancer.set_liveness(world.now, NodeId::new(5), Liveness::Dead, &mut world.events);
    fail(&mut world, 5, 9);
    assert_eq!(world.events, []);
    fail(&mut world, 6, 5);
    assert!(matches!(world.events[..], [Event::Ejected { node, .. }] if node == NodeId::new(6)), "{:?}", world.events);
    fail(&mut world, 7, 100);
    assert!(matches!(world.events[1..], [Event::Spared { node, .. }] if node == NodeId::new(7)), "{:?}", world.events);
}

#[test]
fn a_session_that_is_kept_elsewhere_is_not_said_to_be_in_the_region() {
    let mut world = World::new(SessionAffinity::new(random()), BalancerConfig::default());
    for node in 0..4 {
        world.join(Candidate { region: Region(node as u16 / 2), ..Candidate::new(NodeId::new(node)) });
    }
    let at_home = Request { session: Some(Session(1)), region: Some(Region(0)), ..Request::default() };
    let first = world.pick_for(&at_home).unwrap();
    assert_eq!(first.among, Among::Preferred);
    let abroad = Request { region: Some(Region(1)), ..at_home };
    let kept = world.pick_for(&abroad).unwrap();
    assert_eq!((kept.node, kept.why, kept.among), (first.node, Why::Kept, Among::Eligible));
}

/// Ten nodes in the same datacenter and region 1, ten elsewhere in region 2.
fn two_places(near: Option<Proximity>) -> World<Random> {
    let mut world = World::new(random(), BalancerConfig { near, ..BalancerConfig::default() });
    for node in 0..20 {
        let (proximity, region) = if node < 10 { (Proximity::Datacenter, 1) } else { (Proximity::Elsewhere, 2) };
        world.join(Candidate { proximity, region: Region(region), ..Candidate::new(NodeId::new(node)) });
    }
    world.sleep(60);
    world
}

fn share_of_first_ten(world: &mut World<Random>, request: &Request<'_>) -> usize {
    world.tally(20, 10_000, request)[..10].iter().sum()
}

#[test]
fn near_nodes_are_preferred_until_they_are_few() {
    let mut world = two_places(Some(Proximity::Datacenter));
    assert_eq!(share_of_first_ten(&mut world, &Request::default()), 10_000);
    assert_eq!(world.pick().among, Among::Near);
    for node in 0..5 {
        world.balancer.set_liveness(world.now, NodeId::new(node), Liveness::Dead, &mut world.events);
    }
    // Half of them bear 70 %, and of the others a third is near.
    let near = share_of_first_ten(&mut world, &Request::default());
    assert!(near.abs_diff(8_000) < 250, "{near}");
    for node in 5..10 {
        world.balancer.set_liveness(world.now, NodeId::new(node), Liveness::Dead, &mut world.events);
    }
    assert_eq!(share_of_first_ten(&mut world, &Request::default()), 0);
}

#[test]
fn the_region_that_a_request_prefers_goes_before_what_is_near() {
    let mut world = two_places(Some(Proximity::Datacenter));
    let prefer = |region| Request { region: Some(Region(region)), ..Request::default() };
    assert_eq!(share_of_first_ten(&mut world, &prefer(2)), 0);
    assert_eq!(share_of_first_ten(&mut world, &prefer(1)), 10_000);
    let elsewhere = share_of_first_ten(&mut world, &prefer(77));
    assert!(elsewhere.abs_diff(5_000) < 300, "{elsewhere}: a region without members is no region to prefer");
    // What nobody of the region can serve others do.
    let excluded: Vec<NodeId> = (10..20).map(NodeId::new).collect();
    let request = Request { excluded: &excluded, ..prefer(2) };
    assert_eq!(share_of_first_ten(&mut world, &request), 10_000);
}

#[test]
fn a_node_above_the_load_that_a_request_allows_is_not_asked() {
    let mut world = World::of(3, power_of_two(), BalancerConfig::default());
    world.say(0, claim(1, 71));
    world.say(1, claim(1, 70));
    let request = Request { load_max: Some(Ratio::of_percent(70)), ..Request::default() };
    let counts = world.tally(3, 1000, &request);
    assert!(counts[0] == 0 && counts[1] > 300 && counts[2] > 300, "{counts:?}");
    world.sleep(30);
    assert!(world.tally(3, 1000, &request)[0] > 100, "a report that is stale keeps nobody out");
}

#[test]
fn a_report_that_was_overtaken_is_dropped_and_said_to_be() {
    let mut world = World::of(1, power_of_two(), BalancerConfig::default());
    world.say(0, claim(2, 90));
    world.say(0, claim(1, 10));
    assert_eq!(world.events, [Event::ReportDropped(NodeId::new(0))]);
    let request = Request { load_max: Some(Ratio::HALF), ..Request::default() };
    assert_eq!(world.pick_for(&request).unwrap_err().filtered.overloaded, 1);
}

#[test]
fn a_session_stays_with_a_node_that_is_far_or_cold() {
    let policy = SessionAffinity::new(random());
    let config = BalancerConfig { near: Some(Proximity::Rack), ..BalancerConfig::default() };
    let mut world = World::new(policy, config);
    let first = Candidate::new(NodeId::new(0));
    world.join(first);
    let request = Request { session: Some(Session(1)), ..Request::default() };
    world.pick_for(&request).unwrap();
    for node in 1..10 {
        world.join(Candidate { proximity: Proximity::Rack, ..Candidate::new(NodeId::new(node)) });
    }
    for _ in 0..100 {
        let choice = world.pick_for(&request).unwrap();
        assert_eq!((choice.node, choice.why), (first.node, Why::Kept));
    }
}

#[test]
fn a_subset_follows_its_candidates_one_by_one() {
    let subset = Some((NodeId::new(1000), NonZeroUsize::new(5).unwrap()));
    let mut world = World::of(100, random(), BalancerConfig { subset, ..BalancerConfig::default() });
    let used = |world: &World<Random>| -> BTreeSet<NodeId> {
        let roster = world.balancer.roster();
        roster.slots().map(|slot| roster.candidate(slot).node).collect()
    };
    let before = used(&world);
    assert_eq!(before.len(), 5);
    let spare = (0..100).map(NodeId::new).find(|node| !before.contains(node)).unwrap();
    // Whoever dies while it is spare is dead when it is used.
    world.balancer.set_liveness(world.now, spare, Liveness::Dead, &mut world.events);
    for node in (0..100).map(NodeId::new).filter(|node| *node != spare) {
        let before = used(&world);
        world.balancer.leave(world.now, node, &mut world.events).unwrap();
        world.balancer.assert_invariants();
        assert!(before.difference(&used(&world)).count() <= 1);
    }
    assert_eq!(used(&world), BTreeSet::from([spare]));
    assert!(world.balancer.eligible().is_empty());
}

#[test]
fn an_answer_for_a_node_that_left_is_not_its_successors() {
    let mut world = World::of(1, power_of_two(), BalancerConfig::default());
    let choice = world.pick();
    world.balancer.leave(world.now, choice.node, &mut world.events).unwrap();
    world.join(Candidate::new(NodeId::new(8)));
    let successor = world.pick();
    assert_eq!(successor.seat.slot, choice.seat.slot);
    world.finish(choice, 10, Outcome::Success);
    assert_eq!(world.balancer.policy().in_flight(successor.seat.slot), 1);
    world.finish(successor, 10, Outcome::Success);
    assert_eq!(world.balancer.policy().in_flight(successor.seat.slot), 0);
}

#[test]
fn the_next_wake_is_the_next_comparison_or_return() {
    let outliers = Some(OutlierConfig { interval: Duration::from_secs(40), ..OutlierConfig::default() });
    let mut world = World::new(random(), BalancerConfig { outliers, ..BalancerConfig::default() });
    assert_eq!(world.balancer.next_wake(), Time::from_millis(40_000));
    (0..10).for_each(|node| world.join(Candidate::new(NodeId::new(node))));
    while world.balancer.ejected() == 0 {
        let choice = world.pick();
        world.finish(choice, 10, Outcome::Failure);
    }
    assert_eq!(world.balancer.next_wake(), Time::from_millis(30_000));
    let quiet = World::new(random(), BalancerConfig { outliers: None, ..BalancerConfig::default() });
    assert_eq!(quiet.balancer.next_wake(), Time::NEVER);
}
