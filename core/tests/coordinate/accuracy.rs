//! How near the truth estimates come, in worlds whose truth is known.

use std::fmt::Write as _;

use delian_core::swim::coordinate::{Locator, Permille};
use delian_core::{Seed, Stream};

use crate::reference::Paper;
use crate::worlds::{Member, World, measure, misses, percentile};

/// How many members a world has here.
const MEMBERS: usize = 60;

/// After so many samples of each member at most so many percent may be missed: by half of the estimates, and by nine in
/// ten.
const BOUNDS: [(usize, f64, f64); 2] = [(100, 15.0, f64::INFINITY), (1000, 10.0, 20.0)];

fn converged(world: &World, samples: usize) -> Vec<Locator> {
    let mut members = vec![Locator::new(); world.members()];
    measure(&mut members, world, samples, &mut Stream::new(Seed::new(7), "samples"));
    members
}

fn share_a_data_center(one: usize, other: usize) -> bool {
    one % 3 == other % 3
}

/// Judges a world and tells how near the truth its members came.
fn require_accuracy(world: &World, bounds: [(usize, f64, f64); 2]) -> String {
    let mut report = format!("{}:", world.name);
    for (samples, half_max, most_max) in bounds {
        let misses = misses(&converged(world, samples), world, |_, _| true);
        let (half, most) = (percentile(&misses, 50), percentile(&misses, 90));
        write!(report, " after {samples} half within {half:.1} %, nine in ten within {most:.1} %;")
            .expect("into memory");
        assert!(half < half_max, "{}: half of the estimates miss by {half} % after {samples}", world.name);
        assert!(most < most_max, "{}: a tenth of the estimates miss by {most} % after {samples}", world.name);
    }
    report
}

#[test]
fn a_plane_and_a_globe_are_mapped_within_their_bounds() {
    println!("{}", require_accuracy(&World::plane(MEMBERS), BOUNDS));
    println!("{}", require_accuracy(&World::plane(MEMBERS).with_jitter(0.1), BOUNDS));
    println!("{}", require_accuracy(&World::globe(MEMBERS), BOUNDS));
    println!("{}", require_accuracy(&World::globe(MEMBERS).with_jitter(0.1), BOUNDS));
}

#[test]
fn data_centers_without_jitter_are_mapped_within_their_bounds() {
    println!("{}", require_accuracy(&World::data_centers(MEMBERS), BOUNDS));
    println!("{}", require_accuracy(&World::data_centers_in_line(MEMBERS), BOUNDS));
}

#[test]
fn jitter_between_data_centers_leaves_neighbours_neighbours() {
    let (mut within, mut between) = (Vec::new(), Vec::new());
    for world in [World::data_centers(MEMBERS), World::data_centers_in_line(MEMBERS)] {
        let world = world.with_jitter(0.1);
        let bounds = BOUNDS.map(|(samples, half_max, _)| (samples, half_max, f64::INFINITY));
        println!("{}", require_accuracy(&world, bounds));
        let members = converged(&world, 1000);
        let near = misses(&members, &world, share_a_data_center);
        let far = misses(&members, &world, |one, other| !share_a_data_center(one, other));
        println!("{}: {:.1} % within, {:.1} % between", world.name, percentile(&near, 50), percentile(&far, 50));
        within.push(percentile(&near, 50));
        between.push(percentile(&far, 50));
        // 100 % of 0.3 ms, between points that 8 ms of jitter push about.
        assert!(percentile(&near, 90) < 300.0, "{}: neighbours are {near:?} % off", world.name);
    }
    assert!(within.iter().all(|miss| *miss < 100.0), "half of the neighbours miss by {within:?} %");
    assert!(between.iter().all(|miss| *miss < 5.0), "half of the others miss by {between:?} %");
}

/// What the mends are for: with jitter, and with packets that come late.
#[test]
fn the_mended_rule_is_nearer_the_truth_than_the_paper() {
    let worlds = [World::plane(MEMBERS), World::globe(MEMBERS), World::data_centers(MEMBERS)];
    for world in worlds {
        let world = world.with_jitter(0.1).with_late_round_trips(20);
        let mut paper = vec![Paper::new(); MEMBERS];
        measure(&mut paper, &world, 1000, &mut Stream::new(Seed::new(7), "samples"));
        let paper = misses(&paper, &world, |_, _| true);
        let mended = misses(&converged(&world, 1000), &world, |_, _| true);
        for percent in [50, 90] {
            let (paper, mended) = (percentile(&paper, percent), percentile(&mended, percent));
            println!(
                "{}: {percent} % of the mended miss by up to {mended:.1} %, of the paper's {paper:.1} %",
                world.name
            );
            assert!(mended < paper, "{}: {percent} % miss by {mended} %, those of the paper by {paper} %", world.name);
        }
    }
}

#[test]
fn one_small_data_center_is_mapped_within_its_bounds() {
    println!("{}", require_accuracy(&World::new("one data center", MEMBERS, |_, _| 0.3).with_jitter(0.1), BOUNDS));
}

#[test]
fn members_know_when_no_space_holds_their_distances() {
    let members = converged(&World::impossible(MEMBERS), 1000);
    for member in &members {
        let error = member.coordinate().error();
        assert!(error > Permille::new(300), "a member takes its error for {error}");
        let furthest = members.iter().map(|peer| member.estimate(peer)).fold(0.0, f64::max);
        assert!(furthest < 120.0, "{furthest} ms where no round trip takes more than 80 ms");
    }
}
