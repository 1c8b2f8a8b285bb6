//! The oracle finds nothing in worlds that are right, and has judged what it is for.

use delian_core::swim::{Fallback, Input, Roster};
use delian_sim::pool::{Facts, Links, Ordering};

use crate::worlds::{Pool, acquainted, begin, crash, ease, go_on, joining, node, settings, trouble};

fn finish(mut world: Pool) -> Facts {
    match world.finish() {
        Ok(facts) => facts,
        Err(breach) => panic!("{}: {}", breach.invariant, breach.facts),
    }
}

fn go(world: &mut Pool, seconds: u64) {
    if let Err(breach) = go_on(world, seconds) {
        panic!("at {:?}: {}: {}", breach.at, breach.invariant, breach.facts);
    }
}

#[test]
fn a_crash_is_noticed_and_all_is_well_again() {
    for seed in 0..20 {
        let members = 3 + seed as u32 % 7;
        let mut world = acquainted(members, Links::local(10_000), seed, seed, Fallback::Stream);
        go(&mut world, 10);
        crash(&mut world, 1);
        go(&mut world, 600);
        let facts = finish(world);
        assert_eq!((facts.detections.len(), facts.detections[0].observers), (1, members - 1), "seed {seed}");
        assert_eq!((facts.false_deaths_of_any, facts.settled.len()), (0, 2), "seed {seed}");
        assert!(facts.judged["calm-is-quiet"] > 0 && facts.judged["who-crashed-is-buried"] > 0);
    }
}

#[test]
fn many_join_through_one() {
    for (members, seconds) in [(9, 60), (64, 60)] {
        let mut world = joining(members, Links::local(10_000), 5, 5, Ordering::Wheel);
        go(&mut world, seconds);
        let facts = finish(world);
        assert_eq!(facts.joins, u64::from(members * (members - 1)));
        assert_eq!((facts.deaths, facts.settled.len()), (0, 1));
    }
}

#[test]
fn a_partition_heals() {
    for seed in 0..20 {
        let members = 3 + seed as u32 % 7;
        let mut world = acquainted(members, Links::local(10_000), seed, seed, Fallback::Stream);
        go(&mut world, 5);
        (0..members / 2).for_each(|place| trouble(&mut world, place, |path| path.side = 1));
        go(&mut world, 90);
        (0..members / 2).for_each(|place| ease(&mut world, place));
        go(&mut world, 400);
        let facts = finish(world);
        assert!(facts.false_deaths_of_any > 0 && facts.false_deaths_at_healthy == 0, "seed {seed}: {facts:?}");
        assert_eq!(facts.settled.len(), 2, "seed {seed}");
    }
}

#[test]
fn a_leave_is_told_as_one_and_a_restart_is_welcome() {
    for seed in 0..20 {
        let members = 3 + seed as u32 % 7;
        let mut world = acquainted(members, Links::local(10_000), seed, seed, Fallback::Stream);
        go(&mut world, 5);
        let now = world.now();
        world.watcher.truth().asked_to_leave(now, 2);
        world.ask(2, |member, now, directory, sink| member.feed(now, Input::Leave, directory, sink));
        go(&mut world, 30);
        crash(&mut world, 1);
        go(&mut world, 2);
        let settings = settings(Fallback::Stream);
        begin(&mut world, &settings, 1, node(seed, 1), Roster::new(), &[0]);
        begin(&mut world, &settings, 2, node(seed, 2), Roster::new(), &[0]);
        go(&mut world, 400);
        let facts = finish(world);
        assert!(facts.leaves >= u64::from(members) - 1, "seed {seed}: {facts:?}");
        assert!(facts.settled.len() >= 2, "seed {seed}: {facts:?}");
    }
}

#[test]
fn of_two_processes_with_one_identity_one_stays() {
    for seed in 0..20 {
        let members = 4 + seed as u32 % 5;
        let mut world = acquainted(members, Links::local(10_000), seed, seed, Fallback::Stream);
        go(&mut world, 5);
        crash(&mut world, 3);
        go(&mut world, 30);
        begin(&mut world, &settings(Fallback::Stream), 3, node(seed, 1), Roster::new(), &[0]);
        go(&mut world, 600);
        let facts = finish(world);
        assert_eq!(facts.yields, 1, "seed {seed}: {facts:?}");
    }
}

#[test]
fn a_slow_member_among_many_harms_few() {
    let mut world = acquainted(64, Links::local(0), 3, 3, Fallback::Stream);
    go(&mut world, 5);
    for _ in 0..10 {
        trouble(&mut world, 9, |path| path.blocked = true);
        go(&mut world, 8);
        ease(&mut world, 9);
        go(&mut world, 1);
    }
    go(&mut world, 400);
    let facts = finish(world);
    assert!(facts.suspicions > 0, "{facts:?}");
}
