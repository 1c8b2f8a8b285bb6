//! Names that make points collide, and histories of members with such names.

use std::collections::BTreeMap;

use delian_core::ring::{Member, Place, PointsPerUnit, Ring, Weight};
use proptest::prelude::*;
use proptest::sample::select;

/// Two names that `XXH32` hashes to one number, so that their points collide one and all.
pub(crate) const TWINS: [&str; 2] = ["f9413bb5-1ee1-4214-a257-7c7316240c5a", "fe72dbaf-e64f-4599-a2f3-7ce487addcb1"];

const PRIME_3: u32 = 0xc2b2_ae3d;
const PRIME_4: u32 = 0x27d4_eb2f;
const PRIME_5: u32 = 0x1656_67b1;

/// Returns different names of eight letters and digits whose points collide one and all.
///
/// `XXH32` takes in four bytes at a time, each time by a bijection of its 32 bits of state. So for any first half of a
/// name there is a second half that leads to a wanted state; where it consists of letters and digits, it is a name.
pub(crate) fn family(count: usize) -> Vec<String> {
    let digit = |number: u32| b"abcdefghijklmnopqrstuvwxyz0123456789"[number as usize % 36];
    let halves = (0..36u32.pow(4)).map(|number| [1, 36, 36 * 36, 36 * 36 * 36].map(|unit| digit(number / unit)));
    let names = halves.filter_map(|half| {
        let begun = PRIME_5.wrapping_add(u32::from_le_bytes(half).wrapping_mul(PRIME_3));
        let state = begun.rotate_left(17).wrapping_mul(PRIME_4);
        let other = 0x0bad_cafe_u32.wrapping_sub(state).wrapping_mul(inverse(PRIME_3)).to_le_bytes();
        let is_name = other.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_name.then(|| String::from_utf8([half, other].concat()).expect("letters and digits"))
    });
    names.take(count).collect()
}

/// Returns the number that gives one when multiplied with an odd one, by Newton's method.
fn inverse(odd: u32) -> u32 {
    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse))))
}

/// What may happen to a ring.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Join(Member),
    Leave(String),
    Reweigh(String, Weight),
    Relocate(String, Place),
}

impl Step {
    /// Takes the step, or leaves no trace.
    pub(crate) fn take(&self, ring: &mut Ring) -> bool {
        match self {
            Self::Join(member) => ring.join(member).is_ok(),
            Self::Leave(name) => ring.leave(name).is_ok(),
            Self::Reweigh(name, weight) => ring.reweigh(name, *weight).is_ok(),
            Self::Relocate(name, place) => ring.relocate(name, place).is_ok(),
        }
    }

    /// Takes the step among members that are to be followed, where whoever joins again comes as another.
    pub(crate) fn take_among(self, members: &mut BTreeMap<String, Member>) {
        match self {
            Self::Join(member) => {
                members.insert(member.name.to_string(), member);
            }
            Self::Leave(name) => {
                members.remove(&name);
            }
            Self::Reweigh(name, weight) => {
                members.entry(name).and_modify(|member| member.weight = weight);
            }
            Self::Relocate(name, place) => {
                members.entry(name).and_modify(|member| member.place = place);
            }
        }
    }
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    let mut names = family(4);
    names.extend(TWINS.map(str::to_owned));
    names.extend(["ada", "bob", "eve", "node-0", "node-1", "10.0.0.1:7000", "é", "a:1"].map(str::to_owned));
    select(names)
}

pub(crate) fn place() -> impl Strategy<Value = Place> {
    (0..3, 0..2, 0..3).prop_map(|(region, datacenter, rack)| {
        Place::new(&format!("region {region}"), &format!("datacenter {datacenter}"), &format!("rack {rack}"))
    })
}

pub(crate) fn weight() -> impl Strategy<Value = Weight> {
    select(vec![1, 200, 999, 1000, 1500, 4000]).prop_map(|number| Weight::of_thousandths(number).expect("a weight"))
}

pub(crate) fn member() -> impl Strategy<Value = Member> {
    (name(), weight(), place()).prop_map(|(name, weight, place)| Member { weight, ..Member::new(&name, place) })
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => member().prop_map(Step::Join),
        2 => name().prop_map(Step::Leave),
        1 => (name(), weight()).prop_map(|(name, weight)| Step::Reweigh(name, weight)),
        1 => (name(), place()).prop_map(|(name, place)| Step::Relocate(name, place)),
    ]
}

/// A step of the names above or of `node-0` to `node-319`, of which many rings hold most.
pub(crate) fn step_among_many() -> impl Strategy<Value = Step> {
    let name = || prop_oneof![1 => name(), 3 => (0..320).prop_map(|node| format!("node-{node}"))];
    prop_oneof![
        (name(), weight(), place())
            .prop_map(|(name, weight, place)| Step::Join(Member { weight, ..Member::new(&name, place) })),
        name().prop_map(Step::Leave),
        (name(), weight()).prop_map(|(name, weight)| Step::Reweigh(name, weight)),
        (name(), place()).prop_map(|(name, place)| Step::Relocate(name, place)),
    ]
}

/// Few points make long arcs, and many make the directory change its size on the way.
pub(crate) fn points_per_unit() -> impl Strategy<Value = PointsPerUnit> {
    select(vec![1, 2, 7, 60]).prop_map(|points| PointsPerUnit::new(points).expect("some points"))
}

/// A ring that some history led to.
pub(crate) fn ring() -> impl Strategy<Value = Ring> {
    (points_per_unit(), proptest::collection::vec(step(), 0..24)).prop_map(|(points_per_unit, steps)| {
        let mut ring = Ring::new(points_per_unit);
        for step in steps {
            step.take(&mut ring);
        }
        ring
    })
}

/// Tokens where something may go wrong: at points, beside them, and at both ends of the circle.
pub(crate) fn edges(rings: &[&Ring]) -> Vec<delian_core::ring::Token> {
    let points = rings.iter().flat_map(|ring| ring.points().map(|(token, _)| token.get()));
    let near = points.flat_map(|token| [token.wrapping_sub(1), token, token.wrapping_add(1)]);
    near.chain([0, 1, 1 << 31, u32::MAX - 1, u32::MAX]).map(delian_core::ring::Token::new).collect()
}

#[test]
fn a_family_has_one_hash_for_all_its_names_and_points() {
    let names = family(20);
    assert_eq!(names.len(), 20);
    for text in ["", ":0", ":77", ":149"] {
        let hash = |name: &String| xxhash_rust::xxh32::xxh32(format!("{name}{text}").as_bytes(), 0);
        assert!(names.iter().all(|name| hash(name) == hash(&names[0])), "{names:?}");
    }
}
