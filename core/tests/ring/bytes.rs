//! The bytes of rings: one to one, golden, and safe against junk.

use delian_core::Epoch;
use delian_core::ring::{DecodeError, Limits, Member, Place, PointsPerUnit, Ring, RingError, Weight};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::names::{ring, step};

const LIMITS: Limits = Limits { members_max: 30, points_max: 4000 };

fn sample() -> Ring {
    let members = [("ada", 1000, "r1"), ("bob", 1500, "r2")].map(|(name, weight, rack)| Member {
        weight: Weight::of_thousandths(weight).expect("a weight"),
        ..Member::new(name, Place::new("eu", "zrh1", rack))
    });
    let mut ring = Ring::build(PointsPerUnit::default(), members).expect("different names");
    ring.set_epoch(Epoch::new(7));
    ring
}

proptest! {
    #[test]
    fn bytes_and_rings_are_one_to_one(one in ring(), other in ring(), epoch in any::<u64>()) {
        let mut one = one;
        one.set_epoch(Epoch::new(epoch));
        let bytes = one.to_bytes();
        prop_assert!(Ring::from_bytes(&bytes, LIMITS).as_ref() == Ok(&one));
        prop_assert_eq!(one == other, bytes == other.to_bytes());
    }

    #[test]
    fn fingerprints_are_equal_if_and_only_if_maps_are(one in ring(), steps in vec(step(), 0..2), epoch in any::<u64>()) {
        let mut other = one.clone();
        for step in steps {
            step.take(&mut other);
        }
        prop_assert_eq!(one == other, one.fingerprint() == other.fingerprint());
        other.set_epoch(Epoch::new(epoch));
        let mut same = one.clone();
        same.set_epoch(Epoch::new(epoch));
        prop_assert_eq!(same == other, one.fingerprint() == other.fingerprint());
    }

    #[test]
    fn junk_is_refused_and_never_panics(mut junk in vec(any::<u8>(), 0..120), versioned in any::<bool>()) {
        if versioned {
            junk.splice(0..0, [1, 1]);
        }
        prop_assert!(Ring::from_bytes(&junk, LIMITS).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused(
        ring in ring(), at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<bool>(),
    ) {
        let mut bytes = ring.to_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= flip;
        }
        match Ring::from_bytes(&bytes, LIMITS) {
            Err(_) => {}
            // The epoch is no part of the map, so another one makes another ring of the same fingerprint.
            Ok(read) => prop_assert!(read.epoch() != ring.epoch() && read.fingerprint() == ring.fingerprint()),
        }
    }
}

/// If these bytes or the fingerprint change, releases disagree on where keys live: raise the version or the algorithm.
#[test]
fn the_bytes_of_a_ring_never_move() {
    let bytes = sample().to_bytes();
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(hex, "01010796010203616461e807026575047a72683102723103626f62dc0b026575047a7268310272328f362dd6604e00e7");
    assert_eq!(format!("{:016x}", sample().fingerprint()), "e7004e60d62d368f");
}

#[test]
fn each_reason_to_refuse_bytes_has_its_error() {
    let read = |bytes: &[u8]| Ring::from_bytes(bytes, LIMITS).unwrap_err();
    let bytes = sample().to_bytes();
    assert_eq!(read(&[]), DecodeError::Malformed { bytes: 0 });
    assert_eq!(read(&[1]), DecodeError::Malformed { bytes: 1 });
    assert_eq!(read(&[2, 1, 0]), DecodeError::Version(2));
    assert_eq!(read(&[1, 9, 0]), DecodeError::Algorithm(9));
    for cut in 2..bytes.len() {
        assert_eq!(read(&bytes[..cut]), DecodeError::Malformed { bytes: cut });
    }
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&other), DecodeError::Fingerprint { .. }));
    let tight = |limits| Ring::from_bytes(&bytes, limits).unwrap_err();
    let members = DecodeError::TooManyMembers { members: 2, max: 1 };
    assert_eq!(tight(Limits { members_max: 1, ..LIMITS }), members);
    let points = DecodeError::TooManyPoints { points: 375, max: 374 };
    assert_eq!(tight(Limits { points_max: 374, ..LIMITS }), points);
    assert!(Ring::from_bytes(&bytes, Limits { members_max: 2, points_max: 375 }).is_ok());
}

/// Writes a form by hand: the epoch, the points per unit, and members by name and weight, all below 128.
fn forged(points_per_unit: u8, members: &[(&str, u8)]) -> Vec<u8> {
    let mut bytes = vec![1, 1, 0, points_per_unit, members.len() as u8];
    for (name, weight) in members {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend([*weight, 1, b'r', 1, b'd', 1, b'k']);
    }
    bytes.extend([0; 8]);
    bytes
}

#[test]
fn what_no_ring_has_is_refused_with_its_reason() {
    let read = |bytes: Vec<u8>| Ring::from_bytes(&bytes, LIMITS).unwrap_err();
    assert!(matches!(read(forged(0, &[])), DecodeError::PointsPerUnit(_)));
    assert!(matches!(read(forged(1, &[("ada", 0)])), DecodeError::Weight(_)));
    assert_eq!(read(forged(1, &[("", 1)])), DecodeError::Ring(RingError::NoName));
    assert_eq!(read(forged(1, &[("a", 1), ("a", 2)])), DecodeError::Ring(RingError::NameTaken("a".into())));
    assert!(matches!(read(forged(1, &[("a", 1)])), DecodeError::Fingerprint { stated: 0, .. }));
}

#[test]
fn members_out_of_order_are_not_canonical() {
    let place = Place::new("r", "d", "k");
    let weight = Weight::of_thousandths(1).unwrap();
    let member = |name| Member { weight, ..Member::new(name, place.clone()) };
    let ring = Ring::build(PointsPerUnit::new(1).unwrap(), ["a", "b"].map(member)).unwrap();
    let sign = |mut bytes: Vec<u8>| {
        let end = bytes.len() - 8;
        bytes[end..].copy_from_slice(&ring.fingerprint().to_le_bytes());
        bytes
    };
    let (sorted, swapped) = (sign(forged(1, &[("a", 1), ("b", 1)])), sign(forged(1, &[("b", 1), ("a", 1)])));
    assert!(Ring::from_bytes(&sorted, LIMITS).as_ref() == Ok(&ring));
    assert_eq!(Ring::from_bytes(&swapped, LIMITS), Err(DecodeError::Malformed { bytes: swapped.len() }));
}
