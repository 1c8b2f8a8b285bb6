//! Laws that hold for every coordinate and every sample.

use std::time::Duration;

use delian_core::swim::coordinate::{Coordinate, Locator, Permille, ROUND_TRIP_MAX};
use delian_core::{Seed, Stream};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reference::{Mended, Raw};

/// Makes a coordinate the way a receiver gets it: from bytes.
pub(crate) fn coordinate(raw: Raw) -> Coordinate {
    through_bytes(&raw)
}

/// Looks into a coordinate.
pub(crate) fn raw_of(coordinate: Coordinate) -> Raw {
    through_bytes(&coordinate)
}

fn through_bytes<T: Serialize, U: DeserializeOwned>(value: &T) -> U {
    let bytes = postcard::to_allocvec(value).expect("numbers have a form on the wire");
    postcard::from_bytes(&bytes).expect("both have the same form")
}

fn any_raw() -> impl Strategy<Value = Raw> {
    let units = || prop_oneof![-400_000..400_000_i32, any::<i32>(), Just(i32::MIN), Just(i32::MAX)];
    let height = prop_oneof![0..400_000_u32, any::<u32>(), Just(u32::MAX)];
    ([units(), units(), units()], height, prop_oneof![0..1001_u16, any::<u16>()])
}

fn plausible_raw() -> impl Strategy<Value = Raw> {
    let units = || -312_500..=312_500_i32;
    ([units(), units(), units()], 1..=312_500_u32, 0..=1000_u16)
}

/// Peers within some 100 ms of the origin.
fn near_raw() -> impl Strategy<Value = Raw> {
    let units = || -6_000..6_000_i32;
    ([units(), units(), units()], 1..1_000_u32, 0..=1000_u16)
}

fn any_round_trip() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..12_000_000_000_u64).prop_map(Duration::from_nanos),
        (0..2_000_u64).prop_map(Duration::from_nanos),
        any::<u64>().prop_map(Duration::from_secs),
        Just(Duration::MAX),
    ]
}

proptest! {
    #[test]
    fn a_point_follows_the_rule_in_floats(samples in proptest::collection::vec((near_raw(), 1_000..300_000_u64), 1..100)) {
        let (mut locator, mut dumb) = (Locator::new(), Mended::new());
        let mut stream = Stream::new(Seed::new(1), "locator");
        for (peer, micros) in samples {
            // Next to a peer the direction hangs on the last digit, so the two may part there.
            if dumb.across(peer) < 5.0 {
                break;
            }
            locator.observe(coordinate(peer), Duration::from_micros(micros), &mut stream);
            dumb.observe(peer, micros as f64 / 1000.0);
            let (position, height, error) = raw_of(locator.coordinate());
            for (units, dumb) in position.into_iter().zip(dumb.position) {
                let found = f64::from(units) * 0.016;
                prop_assert!((found - dumb).abs() < 0.1, "{found} ms is not {dumb} ms");
            }
            let height = f64::from(height) * 0.016;
            prop_assert!((height - dumb.height).abs() < 0.1, "height {height} ms is not {} ms", dumb.height);
            prop_assert!((f64::from(error) - 1000.0 * dumb.error).abs() < 3.0, "error {error} is not {}", dumb.error);
        }
    }

    #[test]
    fn no_sample_makes_a_point_implausible(
        samples in proptest::collection::vec((prop_oneof![any_raw(), plausible_raw()], any_round_trip()), 0..200),
    ) {
        let mut locator = Locator::new();
        let mut stream = Stream::new(Seed::new(1), "locator");
        for (peer, round_trip) in samples {
            let before = locator.clone();
            let peer = coordinate(peer);
            locator.observe(peer, round_trip, &mut stream);
            prop_assert!(locator.coordinate().is_plausible(), "{locator:?}");
            if !peer.is_plausible() || round_trip.is_zero() || round_trip > ROUND_TRIP_MAX {
                prop_assert_eq!(&locator, &before);
            }
        }
    }

    #[test]
    fn a_distance_is_the_same_from_both_ends_whatever_they_claim(one in any_raw(), other in any_raw()) {
        let (one, other) = (coordinate(one), coordinate(other));
        prop_assert_eq!(one.distance(&other), other.distance(&one));
    }

    #[test]
    fn a_distance_is_the_way_through_space_and_both_heights(one in plausible_raw(), other in plausible_raw()) {
        let square = |axis: usize| (f64::from(one.0[axis]) - f64::from(other.0[axis])).powi(2);
        let units = (square(0) + square(1) + square(2)).sqrt() + f64::from(one.1) + f64::from(other.1);
        let found = coordinate(one).distance(&coordinate(other)).as_nanos() as f64;
        prop_assert!((found - units * 16_000.0).abs() < 100.0, "{found} ns is not {units} units");
    }

    #[test]
    fn a_coordinate_survives_its_bytes(raw in any_raw()) {
        prop_assert_eq!(raw_of(coordinate(raw)), raw);
    }

    #[test]
    fn a_plausible_coordinate_takes_14_bytes_at_most(raw in plausible_raw()) {
        prop_assert!(coordinate(raw).is_plausible());
        prop_assert!(postcard::to_allocvec(&coordinate(raw)).unwrap().len() <= 14);
    }
}

#[test]
fn a_coordinate_within_131_ms_of_the_origin_takes_9_bytes_once_its_member_is_sure() {
    let settled = coordinate(([8_191, -8_192, 8_191], 16_383, 127));
    assert_eq!(postcard::to_allocvec(&settled).unwrap().len(), 9);
}

/// Golden: members of other releases read these bytes.
#[test]
fn the_bytes_of_a_coordinate_never_move() {
    let coordinate = coordinate(([100, -2_000, 0], 300, 45));
    assert_eq!(postcard::to_allocvec(&coordinate).unwrap(), [200, 1, 159, 31, 0, 172, 2, 45]);
    assert_eq!(postcard::to_allocvec(&Coordinate::ORIGIN).unwrap(), [0, 0, 0, 1, 232, 7]);
}

#[test]
fn the_edge_of_what_is_plausible_is_sharp() {
    assert!(Coordinate::ORIGIN.is_plausible());
    assert!(coordinate(([312_500, -312_500, 0], 312_500, 1000)).is_plausible());
    let beyond = [
        ([312_501, 0, 0], 1, 0),
        ([0, 0, -312_501], 1, 0),
        ([i32::MIN, 0, 0], 1, 0),
        ([0; 3], 0, 0),
        ([0; 3], 312_501, 0),
        ([0; 3], 1, 1001),
    ];
    for raw in beyond {
        assert!(!coordinate(raw).is_plausible(), "{raw:?}");
    }
}

#[test]
fn a_new_member_lies_at_the_origin_and_is_sure_of_nothing() {
    assert_eq!(Locator::new().coordinate(), Coordinate::ORIGIN);
    assert_eq!(Coordinate::ORIGIN.error(), Permille::WHOLE);
}

#[test]
fn members_at_one_point_part_in_the_direction_that_their_stream_draws() {
    let part = |seed| {
        let (mut member, mut stream) = (Locator::new(), Stream::new(Seed::new(seed), "locator"));
        member.observe(Coordinate::ORIGIN, Duration::from_millis(80), &mut stream);
        member.coordinate()
    };
    assert!(Coordinate::ORIGIN.distance(&part(1)) > Duration::from_millis(10));
    assert_eq!(part(1), part(1));
    assert_ne!(part(1), part(2));
}

#[test]
fn no_direction_is_drawn_between_points_that_lie_apart() {
    let stream = Stream::new(Seed::new(1), "locator");
    let mut drawn = stream.clone();
    Locator::new().observe(coordinate(([5_000, 0, 0], 1, 500)), Duration::from_millis(80), &mut drawn);
    assert_eq!(drawn, stream);
}

#[test]
fn a_locator_is_small_enough_for_a_hundred_thousand_of_them() {
    assert!(size_of::<Locator>() <= 24, "{} bytes", size_of::<Locator>());
}
