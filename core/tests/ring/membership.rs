//! Laws of members: a ring is a function of the set of them, whatever way led there.

use delian_core::ring::{
    Level, Member, NAME_BYTES_MAX, Place, PointsPerUnit, Ring, RingError, Rule, Slot, Token, Weight,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Model;
use crate::names::{TWINS, edges, member, points_per_unit, ring, step, step_among_many};

proptest! {
    #[test]
    fn any_history_leads_to_the_ring_that_is_built_of_its_members(
        points_per_unit in points_per_unit(), steps in vec(step(), 0..40),
    ) {
        let mut ring = Ring::new(points_per_unit);
        for step in steps {
            let before = ring.clone();
            if !step.take(&mut ring) {
                prop_assert!(ring == before, "a refused change left a trace");
            }
            let built = Ring::build(points_per_unit, ring.members()).unwrap();
            prop_assert!(ring == built);
            prop_assert_eq!(ring.to_bytes(), built.to_bytes());
            ring.assert_invariants();
        }
    }

    #[test]
    fn points_are_those_of_the_model(ring in ring()) {
        let points: Vec<(u32, String)> =
            ring.points().map(|(token, slot)| (token.get(), ring.name(slot).to_string())).collect();
        let model: Vec<(u32, String)> = Model::of(&ring).points.into_iter().map(|(token, _, name)| (token, name)).collect();
        prop_assert_eq!(points, model);
    }

    #[test]
    fn owners_are_those_of_the_model(ring in ring(), others in vec(any::<u32>(), 20)) {
        let model = Model::of(&ring);
        for token in edges(&[&ring]).into_iter().chain(others.into_iter().map(Token::new)) {
            let owner = ring.owner_at(token).map(|slot| &**ring.name(slot));
            prop_assert_eq!(owner, model.owner(token), "at {}", token);
        }
    }

    #[test]
    fn a_batch_has_the_owners_of_its_keys(ring in ring(), keys in vec(vec(any::<u8>(), 0..40), 0..70)) {
        let mut owners = vec![None; keys.len()];
        ring.owners(&keys, &mut owners);
        let alone: Vec<_> = keys.iter().map(|key| ring.owner(key)).collect();
        prop_assert_eq!(owners, alone);
    }

    #[test]
    fn following_a_set_of_members_leads_to_its_ring(mut ring in ring(), members in vec(member(), 0..20)) {
        let built = Ring::build(ring.points_per_unit(), members.clone());
        let before = ring.clone();
        match (ring.follow(members), built) {
            (Ok(()), Ok(built)) => prop_assert!(ring == built),
            (Err(RingError::NameTaken(_)), Err(RingError::NameTaken(_))) => prop_assert!(ring == before),
            (followed, built) => prop_assert!(false, "{followed:?}, but {built:?}"),
        }
    }

    /// Of more than a hundred members at most three differ: so few are followed one by one, and not by a build.
    #[test]
    fn following_a_few_changes_among_many_members_leads_to_their_ring(
        points_per_unit in select(vec![1, 2, 7]), others in 110..300usize, some in vec(member(), 0..14),
        steps in vec(vec(step_among_many(), 1..=3), 1..=4),
    ) {
        let points_per_unit = PointsPerUnit::new(points_per_unit).unwrap();
        let by_name = |member: Member| (member.name.to_string(), member);
        let mut members: BTreeMap<String, Member> = nodes(0..others).chain(some).map(by_name).collect();
        let mut ring = Ring::build(points_per_unit, members.values().cloned()).unwrap();
        for changes in steps {
            for change in changes {
                change.take_among(&mut members);
            }
            ring.follow(members.values().rev().cloned()).unwrap();
            let built = Ring::build(points_per_unit, members.values().cloned()).unwrap();
            prop_assert!(ring == built);
            prop_assert_eq!(ring.to_bytes(), built.to_bytes());
        }
    }

    #[test]
    fn arcs_cover_the_circle_once(ring in ring()) {
        let arcs: Vec<_> = ring.arcs().collect();
        let total: u64 = arcs.iter().map(|(range, _)| range.tokens()).sum();
        prop_assert_eq!(total, if ring.is_empty() { 0 } else { 1 << 32 });
        for token in edges(&[&ring]) {
            let holders: Vec<_> = arcs.iter().filter(|(range, _)| range.contains(token)).map(|(_, slot)| *slot).collect();
            prop_assert_eq!(holders, Vec::from_iter(ring.owner_at(token)));
        }
        prop_assert_eq!(ring.shares().iter().sum::<u64>(), total);
    }
}

fn anywhere() -> Place {
    Place::new("eu", "zrh1", "r1")
}

fn nodes(range: std::ops::Range<usize>) -> impl Iterator<Item = Member> {
    range.map(|node| Member::new(&format!("node-{node}"), anywhere()))
}

#[test]
fn transient_members_leave_no_trace() {
    let ring = Ring::build(PointsPerUnit::default(), nodes(0..200)).unwrap();
    let mut visited = ring.clone();
    for visitor in nodes(200..1200) {
        visited.join(&visitor).unwrap();
        visited.leave(&visitor.name).unwrap();
        assert_eq!(visited.leave(&visitor.name), Err(RingError::Stranger(visitor.name.clone())));
    }
    assert!(visited == ring);
}

#[test]
fn a_thousand_members_in_two_orders_are_one_ring_collisions_included() {
    let mut members: Vec<Member> = nodes(0..1000).chain(TWINS.map(|name| Member::new(name, anywhere()))).collect();
    let built = Ring::build(PointsPerUnit::default(), members.clone()).unwrap();
    let tokens: Vec<Token> = built.points().map(|(token, _)| token).collect();
    assert!(tokens.windows(2).filter(|pair| pair[0] == pair[1]).count() > 150, "nothing collides");
    let mut grown = Ring::build(PointsPerUnit::default(), members.split_off(800)).unwrap();
    for member in members.iter().rev() {
        grown.join(member).unwrap();
    }
    assert!(grown == built);
    for member in &members {
        grown.leave(&member.name).unwrap();
    }
    members.reverse();
    for member in &members {
        grown.join(member).unwrap();
    }
    assert!(grown == built);
}

/// All 400,000 points collide in pairs: whoever hashes both members for each of these pairs hashes 80 billion times.
#[test]
fn heavy_twins_settle_each_of_their_tokens_without_hashing_all_points_for_each() {
    let points_per_unit = PointsPerUnit::new(1000).unwrap();
    let heavy = Weight::of_thousandths(200_000).unwrap();
    let twins = TWINS.map(|name| Member { weight: heavy, ..Member::new(name, anywhere()) });
    let ring = Ring::build(points_per_unit, nodes(0..3).chain(twins.clone())).unwrap();
    let points = ring.points().map(|(token, slot)| (token.get(), &**ring.name(slot)));
    let model = Model::of(&ring);
    assert!(points.eq(model.points.iter().map(|(token, _, name)| (*token, name.as_str()))));

    let mut changed = Ring::build(points_per_unit, nodes(0..3)).unwrap();
    for twin in &twins {
        changed.join(twin).unwrap();
    }
    assert!(changed == ring);
    changed.reweigh(TWINS[0], Weight::UNIT).unwrap();
    changed.reweigh(TWINS[0], heavy).unwrap();
    assert!(changed == ring);
}

/// Whoever renumbers the domains of all members for each that comes does so 600,000 times, 60 billion numbers in all.
#[test]
fn two_hundred_thousand_members_with_a_rack_each_are_numbered_at_once() {
    let members = 200_000u32;
    let place = |node: u32| {
        let falling = format!("{:06}", members - node);
        Place::new(&falling, &falling, &falling)
    };
    let far_apart = (0..members).map(|node| Member::new(&format!("node-{node:06}"), place(node)));
    let ring = Ring::build(PointsPerUnit::new(1).unwrap(), far_apart).unwrap();
    assert!(ring.slots().zip(0..).all(|(slot, node)| *ring.place(slot) == place(node)));
    let replicas: [_; 3] = ring.replicas(b"a key", Rule::Apart(Level::Region)).unwrap();
    assert!(replicas[0] != replicas[1] && replicas[1] != replicas[2] && replicas[2] != replicas[0]);
}

#[test]
fn a_weight_touches_only_the_tail_of_its_points() {
    let mut ring = Ring::build(PointsPerUnit::default(), nodes(0..3)).unwrap();
    let before: Vec<_> = ring.points().collect();
    let heavier = Weight::of_thousandths(1200).unwrap();
    let slot = ring.reweigh("node-1", heavier).unwrap();
    let after: Vec<_> = ring.points().collect();
    assert_eq!(after.len(), before.len() + 30);
    assert!(before.iter().all(|point| after.contains(point)));
    assert_eq!((ring.weight(slot), ring.weight_of_all()), (heavier, 3200));
    ring.reweigh("node-1", Weight::UNIT).unwrap();
    assert_eq!(ring.points().collect::<Vec<_>>(), before);
}

#[test]
fn what_cannot_be_a_member_is_refused_with_its_reason() {
    let points_per_unit = PointsPerUnit::MAX;
    let mut ring = Ring::build(points_per_unit, nodes(0..2)).unwrap();
    let refused = |ring: &mut Ring, member: Member| {
        let before = ring.clone();
        let error = ring.join(&member).unwrap_err();
        assert!(*ring == before);
        assert_eq!(Ring::build(points_per_unit, before.members().chain([member])).err(), Some(error.clone()));
        error
    };
    assert_eq!(refused(&mut ring, Member::new("", anywhere())), RingError::NoName);
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    assert_eq!(refused(&mut ring, Member::new(&long, anywhere())), RingError::NameTooLong { bytes: 256 });
    assert_eq!(refused(&mut ring, Member::new("node-1", anywhere())), RingError::NameTaken("node-1".into()));
    assert_eq!(ring.reweigh("ada", Weight::UNIT), Err(RingError::Stranger("ada".into())));
    assert_eq!(ring.relocate("ada", &anywhere()), Err(RingError::Stranger("ada".into())));
    ring.join(&Member::new(&"n".repeat(NAME_BYTES_MAX), anywhere())).unwrap();
}

#[test]
fn more_points_than_the_limit_are_refused_before_any_is_placed() {
    let heavy = |name| Member { weight: Weight::MAX, ..Member::new(name, anywhere()) };
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let built = Ring::build(PointsPerUnit::MAX, names.map(heavy));
    assert_eq!(built, Err(RingError::TooManyPoints { points: 70_000_000 }));
    let mut ring = Ring::build(PointsPerUnit::MAX, nodes(0..1)).unwrap();
    assert_eq!(ring.follow(names.map(heavy)), Err(RingError::TooManyPoints { points: 70_000_000 }));
    assert_eq!(ring.len(), 1);
}

#[test]
fn readers_keep_the_ring_that_they_hold_while_a_writer_changes_it() {
    let mut current = Arc::new(Ring::build(PointsPerUnit::default(), nodes(0..20)).unwrap());
    let held = Arc::clone(&current);
    let reader = std::thread::spawn({
        let held = Arc::clone(&held);
        move || (0..2000u32).map(|key| held.owner(&key.to_le_bytes()).unwrap()).collect::<Vec<_>>()
    });
    for newcomer in nodes(20..40) {
        Arc::make_mut(&mut current).join(&newcomer).unwrap();
    }
    let owners = reader.join().unwrap();
    assert_eq!((held.len(), current.len()), (20, 40));
    assert!((0..2000u32).zip(owners).all(|(key, owner)| held.owner(&key.to_le_bytes()) == Some(owner)));
}

#[test]
fn a_ring_that_shrinks_and_grows_past_a_doubling_is_packed_alike() {
    let mut ring = Ring::new(PointsPerUnit::default());
    for newcomer in nodes(0..120) {
        ring.join(&newcomer).unwrap();
        ring.assert_invariants();
    }
    for leaver in nodes(0..120) {
        ring.leave(&leaver.name).unwrap();
        ring.assert_invariants();
    }
    assert!(ring == Ring::new(PointsPerUnit::default()));
}

/// Where the number of a slot takes one more bit all words are packed anew, and beyond 65,536 it takes more than half of
/// a word.
#[test]
fn a_ring_that_grows_and_shrinks_across_65_536_members_is_that_of_its_members() {
    let points = PointsPerUnit::new(2).expect("two are enough here");
    let name = |node: usize| format!("node-{node:05}");
    let place = Place::new("eu", "zrh1", "r1");
    let of = |count: usize| {
        Ring::build(points, (0..count).map(|node| Member::new(&name(node), place.clone()))).expect("names differ")
    };
    let mut ring = of(65_535);
    for count in 65_535..65_538 {
        ring.join(&Member::new(&name(count), place.clone())).expect("it is new");
    }
    assert!(ring == of(65_538), "joins and a fresh build differ");
    // A walk that is too dumb to be wrong.
    let all: Vec<(Token, Slot)> = ring.points().collect();
    for key in 0..200u32 {
        let token = Token::of(&key.to_le_bytes());
        let at_or_after = all.iter().find(|(point, _)| *point >= token).or(all.first());
        assert_eq!(ring.owner_at(token), at_or_after.map(|(_, slot)| *slot));
    }
    for count in (65_535..65_538).rev() {
        ring.leave(&name(count)).expect("it is there");
    }
    assert!(ring == of(65_535), "leaves and a fresh build differ");
}
