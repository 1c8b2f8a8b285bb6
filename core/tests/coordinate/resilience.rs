//! What moves points that settled, and what must not.

use std::time::Duration;

use delian_core::swim::coordinate::{Coordinate, Locator, ROUND_TRIP_MAX};
use delian_core::{Seed, Stream};

use crate::laws::{coordinate, raw_of};
use crate::worlds::{World, another, measure, misses, percentile};

const MEMBERS: usize = 20;

fn settled(world: &World, stream: &mut Stream) -> Vec<Locator> {
    let mut members = vec![Locator::new(); world.members()];
    measure(&mut members, world, 1000, stream);
    members
}

/// How far two coordinates lie apart, in milliseconds; two units of it are heights.
fn moved(before: Coordinate, after: Coordinate) -> f64 {
    before.distance(&after).as_secs_f64() * 1000.0
}

/// Where the middle of the cloud lies, in milliseconds.
fn middle(members: &[Locator]) -> [f64; 3] {
    std::array::from_fn(|axis| {
        let units: i32 = members.iter().map(|member| raw_of(member.coordinate()).0[axis]).sum();
        f64::from(units) * 0.016 / members.len() as f64
    })
}

fn length(parts: [f64; 3]) -> f64 {
    parts.iter().map(|part| part * part).sum::<f64>().sqrt()
}

#[test]
fn a_member_that_moves_is_found_where_it_went() {
    let mut stream = Stream::new(Seed::new(3), "samples");
    let mut world = World::plane(MEMBERS).with_jitter(0.1);
    let mut members = settled(&world, &mut stream);
    let to_all: Vec<f64> = (0..MEMBERS).map(|other| world.round_trip(1, other.max(2)) + 60.0).collect();
    world.move_member(0, |other| to_all[other]);
    let before = percentile(&misses(&members, &world, |_, other| other == 0), 50);
    measure(&mut members, &world, 100, &mut stream);
    let after = percentile(&misses(&members, &world, |_, other| other == 0), 50);
    println!("half of the estimates to it missed by {before:.1} %, after 100 samples by {after:.1} %");
    assert!(before > 30.0, "it hardly moved: {before} %");
    assert!(after < 10.0, "half of the estimates to it miss by {after} %");
}

/// Lets one member lie whenever it is asked, which is as often as others are.
/// Returns by how many percent half of the estimates among the honest miss, without the liar and beside it.
fn honest_misses_beside(lie: impl Fn(Coordinate, Duration) -> (Coordinate, Duration)) -> (f64, f64) {
    let mut stream = Stream::new(Seed::new(5), "samples");
    let world = World::plane(MEMBERS).with_jitter(0.1);
    let mut members = settled(&world, &mut stream);
    let before = percentile(&misses(&members, &world, |_, other| other > 0), 50);
    for _ in 0..1000 {
        for one in 1..MEMBERS {
            let other = another(one, MEMBERS, &mut stream);
            let (peer, round_trip) = (members[other].coordinate(), world.measure(one, other, &mut stream));
            let (peer, round_trip) = if other == 0 { lie(peer, round_trip) } else { (peer, round_trip) };
            members[one].observe(peer, round_trip, &mut stream);
        }
    }
    (before, percentile(&misses(&members, &world, |_, other| other > 0), 50))
}

#[test]
fn a_liar_about_its_place_moves_the_honest_little() {
    let (before, after) = honest_misses_beside(|_, round_trip| (coordinate(([312_500; 3], 1, 0)), round_trip));
    println!("half of the honest missed by {before:.1} %, beside a liar by {after:.1} %");
    assert!(after < 15.0, "half of the honest miss by {after} % beside a liar, by {before} % without");
}

#[test]
fn a_liar_that_delays_its_answers_moves_the_honest_little() {
    let (before, after) = honest_misses_beside(|peer, _| (peer, ROUND_TRIP_MAX));
    println!("half of the honest missed by {before:.1} %, beside a liar by {after:.1} %");
    assert!(after < 15.0, "half of the honest miss by {after} % beside a liar, by {before} % without");
}

#[test]
fn an_implausible_liar_moves_nobody() {
    let mut stream = Stream::new(Seed::new(5), "samples");
    for member in settled(&World::plane(MEMBERS), &mut stream) {
        let mut after = member.clone();
        after.observe(coordinate(([i32::MIN; 3], 1, 0)), Duration::from_millis(20), &mut stream);
        after.observe(Coordinate::ORIGIN, ROUND_TRIP_MAX + Duration::from_nanos(1), &mut stream);
        after.observe(Coordinate::ORIGIN, Duration::ZERO, &mut stream);
        assert_eq!(after, member);
    }
}

#[test]
fn no_single_sample_moves_a_settled_member_by_more_than_its_usual_miss() {
    let mut stream = Stream::new(Seed::new(5), "samples");
    let members = settled(&World::plane(MEMBERS).with_jitter(0.1), &mut stream);
    let mut furthest: f64 = 0.0;
    for member in members {
        let before = member.coordinate();
        let lies = [([312_500; 3], 312_500, 0), ([-312_500; 3], 1, 0), ([0; 3], 1, 0)];
        for (lie, millis) in lies.into_iter().flat_map(|lie| [1, 100, 10_000].map(|millis| (lie, millis))) {
            let mut after = member.clone();
            after.observe(coordinate(lie), Duration::from_millis(millis), &mut stream);
            // Both heights are part of the distance from a point to itself.
            furthest = furthest.max(moved(before, after.coordinate()) - moved(before, before));
        }
    }
    println!("a lie moved a settled member by up to {furthest:.2} ms");
    assert!(furthest > 0.1, "the lies were refused");
    // A jitter of 10 % of up to 150 ms is usually missed by some 4 ms.
    assert!(furthest < 3.0, "a lie moved a settled member by {furthest} ms");
}

#[test]
fn the_cloud_stays_where_it_is_over_100_000_samples_of_each_member() {
    let mut stream = Stream::new(Seed::new(9), "samples");
    let world = World::plane(MEMBERS).with_jitter(0.1).with_late_round_trips(10);
    let mut members = settled(&world, &mut stream);
    let began = length(middle(&members));
    let mut furthest: f64 = 0.0;
    for _ in 0..100 {
        measure(&mut members, &world, 1000, &mut stream);
        furthest = furthest.max(length(middle(&members)));
    }
    println!("the middle began {began:.1} ms from the origin and was at most {furthest:.1} ms from it");
    assert!(furthest < began + 2.0, "the middle went from {began} to {furthest} ms from the origin");
    let half = percentile(&misses(&members, &world, |_, _| true), 50);
    assert!(half < 5.0, "half of the estimates miss by {half} %");
}

#[test]
fn a_cloud_that_began_elsewhere_falls_to_the_origin() {
    let mut stream = Stream::new(Seed::new(9), "samples");
    let world = World::plane(MEMBERS).with_jitter(0.1);
    let mut members = vec![Locator::new(); MEMBERS];
    let beacon = coordinate(([30_000; 3], 1, 0));
    for member in &mut members {
        for _ in 0..50 {
            member.observe(beacon, Duration::from_millis(50), &mut stream);
        }
    }
    let began = length(middle(&members));
    measure(&mut members, &world, 100_000, &mut stream);
    let ended = length(middle(&members));
    println!("the middle went from {began:.1} ms to {ended:.1} ms from the origin");
    assert!(began > 300.0, "it began at {began} ms");
    assert!(ended < began / 2.0, "it ended at {ended} ms");
}
