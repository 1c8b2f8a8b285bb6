//! Laws of what moves: no more than a change asks for, and the difference says exactly what.

use std::collections::{BTreeMap, BTreeSet};

use delian_core::ring::{
    Member, Move, Plan, REPLICAS_MAX, Ring, Rule, Shortage, Slot, Token, Weight, diff, diff_replicas,
};
use proptest::prelude::*;

use crate::model::RULES;
use crate::names::{edges, member, points_per_unit, ring, step, weight};

/// The names at a token: as many replicas as there are, up to `copies`.
fn holders(ring: &Ring, token: Token, copies: usize, rule: Rule) -> Vec<String> {
    let mut slots = vec![Slot::new(0); copies.min(rule.copies_max(ring, None))];
    ring.replicas_at(token, rule, None, &mut slots).expect("as many as there are");
    slots.into_iter().map(|slot| ring.name(slot).to_string()).collect()
}

/// Says what a difference must be: at each token that matters, whoever holds a copy in both rings, where these differ.
fn assert_exact(old: &Ring, new: &Ring, copies: usize, rule: Rule, moves: &[Move]) -> Result<(), TestCaseError> {
    for token in edges(&[old, new]) {
        let (before, after) = (holders(old, token, copies, rule), holders(new, token, copies, rule));
        for replica in 0..copies {
            let said: Vec<_> = moves.iter().filter(|it| it.replica == replica && it.range.contains(token)).collect();
            let named = |ring: &Ring, slot: Option<Slot>| slot.map(|slot| ring.name(slot).to_string());
            let said: Vec<_> = said.iter().map(|it| (named(old, it.from), named(new, it.to))).collect();
            let differ = before.get(replica) != after.get(replica);
            let expected = differ.then(|| (before.get(replica).cloned(), after.get(replica).cloned()));
            prop_assert_eq!(said, Vec::from_iter(expected), "replica {} at {}", replica, token);
        }
    }
    // No two neighbours could be one.
    for one in moves {
        let next = moves.iter().find(|it| it.replica == one.replica && it.range.after == one.range.through);
        prop_assert!(next.is_none_or(|next| next == one || (next.from, next.to) != (one.from, one.to)), "{one:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_difference_of_two_rings_is_exact(old in ring(), new in ring()) {
        assert_exact(&old, &new, 1, Rule::Nodes, &diff(&old, &new))?;
    }

    #[test]
    fn the_difference_of_replicas_is_exact_under_every_rule(
        old in ring(), steps in proptest::collection::vec(step(), 0..3), copies in 0..5_usize, rule in 0..RULES.len(),
    ) {
        let mut new = old.clone();
        for step in steps {
            step.take(&mut new);
        }
        let moves = diff_replicas(&old, &new, copies, RULES[rule]).unwrap();
        assert_exact(&old, &new, copies, RULES[rule], &moves)?;
    }

    #[test]
    fn a_plan_gives_each_copy_that_somebody_gives_up_to_one_who_had_none(
        old in ring(), steps in proptest::collection::vec(step(), 0..3), copies in 0..5_usize, rule in 0..RULES.len(),
    ) {
        let mut new = old.clone();
        for step in steps {
            step.take(&mut new);
        }
        let plan = Plan::between(&old, &new, copies, RULES[rule]).unwrap();
        for token in edges(&[&old, &new]) {
            let set = |ring| holders(ring, token, copies, RULES[rule]).into_iter().collect::<BTreeSet<_>>();
            let (before, after) = (set(&old), set(&new));
            let here: Vec<_> = plan.steps().iter().filter(|step| step.range.contains(token)).collect();
            let named = |all: Vec<Option<std::sync::Arc<str>>>| -> Vec<String> {
                all.into_iter().flatten().map(|name| name.to_string()).collect()
            };
            let mut givers = named(here.iter().map(|step| step.from.clone()).collect());
            let mut takers = named(here.iter().map(|step| step.to.clone()).collect());
            givers.sort();
            takers.sort();
            prop_assert_eq!(&givers, &before.difference(&after).cloned().collect::<Vec<_>>(), "at {}", token);
            prop_assert_eq!(&takers, &after.difference(&before).cloned().collect::<Vec<_>>(), "at {}", token);
            prop_assert_eq!(here.len(), givers.len().max(takers.len()));
        }
        let progress: Vec<u16> = (0..=plan.steps().len()).map(|done| plan.moved_after(done)).collect();
        prop_assert!(progress.is_sorted() && progress.iter().filter(|moved| **moved == 1000).count() == 1);
    }

    #[test]
    fn a_ring_does_not_differ_from_itself(ring in ring()) {
        prop_assert_eq!(diff(&ring, &ring.clone()), []);
        prop_assert_eq!(diff_replicas(&ring, &ring, 3, Rule::Nodes).unwrap(), []);
    }

    #[test]
    fn what_moves_when_one_joins_moves_to_the_newcomer(old in ring(), newcomer in member()) {
        let mut new = old.clone();
        if let Ok(slot) = new.join(&newcomer) {
            let moves = diff(&old, &new);
            prop_assert!(moves.iter().all(|it| it.to == Some(slot)));
            let gained: u64 = moves.iter().map(|it| it.range.tokens()).sum();
            prop_assert_eq!(gained, new.shares()[slot.index()]);
            prop_assert!(moves.len() <= new.points_per_unit().points(newcomer.weight) as usize * old.len().max(1));
            // And back again when it leaves.
            let back = diff(&new, &old);
            prop_assert_eq!(back.len(), moves.len());
            prop_assert!(back.iter().zip(&moves).all(|(b, m)| (b.range, b.from, b.to) == (m.range, m.to, m.from)));
        }
    }

    #[test]
    fn a_newcomer_enters_a_preference_list_and_displaces_at_most_its_last_node(
        old in ring(), newcomer in member(), copies in 1..5_usize,
    ) {
        let mut new = old.clone();
        if new.join(&newcomer).is_ok() {
            for token in edges(&[&old, &new]) {
                let before = holders(&old, token, copies, Rule::Nodes);
                let mut after = holders(&new, token, copies, Rule::Nodes);
                if after != before {
                    after.retain(|name| **name != *newcomer.name);
                    prop_assert!(before.starts_with(&after), "{before:?} became {after:?}");
                }
            }
        }
    }

    #[test]
    fn another_weight_moves_keys_to_or_from_that_member_alone(
        points_per_unit in points_per_unit(),
        members in proptest::collection::btree_map("[a-e]", weight(), 1..5),
        now in weight(),
    ) {
        let place = delian_core::ring::Place::new("eu", "zrh1", "r1");
        let as_member = |(name, weight): (&String, &Weight)| Member { weight: *weight, ..Member::new(name, place.clone()) };
        let old = Ring::build(points_per_unit, members.iter().map(as_member)).unwrap();
        let (name, was) = members.first_key_value().unwrap();
        let mut new = old.clone();
        let slot = new.reweigh(name, now).unwrap();
        for it in diff(&old, &new) {
            prop_assert_eq!(if now > *was { it.to } else { it.from }, Some(slot));
        }
    }
}

#[test]
fn everything_comes_from_nowhere_into_a_ring_of_nobody() {
    let place = delian_core::ring::Place::new("eu", "zrh1", "r1");
    let empty = Ring::new(delian_core::ring::PointsPerUnit::default());
    let mut one = empty.clone();
    one.join(&Member::new("ada", place.clone())).unwrap();
    let whole = delian_core::ring::TokenRange::WHOLE;
    let ada = Some(Slot::new(0));
    assert_eq!(diff(&empty, &one), [Move { replica: 0, range: whole, from: None, to: ada }]);
    assert_eq!(diff(&one, &empty), [Move { replica: 0, range: whole, from: ada, to: None }]);
    assert_eq!(diff(&empty, &empty), []);
    let mut two = one.clone();
    two.join(&Member::new("bob", place)).unwrap();
    let moves = diff_replicas(&one, &two, 3, Rule::Nodes).unwrap();
    let mut covered = BTreeMap::new();
    for it in &moves {
        *covered.entry((it.replica, it.from.is_none())).or_insert(0) += it.range.tokens();
    }
    // A second copy of everything comes from nowhere; a third has no place.
    assert_eq!(covered.get(&(1, true)), Some(&(1 << 32)));
    assert!(moves.iter().all(|it| it.replica < 2));
}

#[test]
fn a_join_among_a_hundred_moves_at_most_as_many_ranges_as_it_has_points() {
    let place = delian_core::ring::Place::new("eu", "zrh1", "r1");
    let members = (0..100).map(|node| Member::new(&format!("node-{node}"), place.clone()));
    let old = Ring::build(delian_core::ring::PointsPerUnit::default(), members).unwrap();
    let mut new = old.clone();
    let slot = new.join(&Member::new("node-100", place)).unwrap();
    let moves = diff(&old, &new);
    assert!((100..=150).contains(&moves.len()), "{} ranges", moves.len());
    let tokens: u64 = moves.iter().map(|it| it.range.tokens()).sum();
    let ideal = (1u64 << 32) / 101;
    assert!((ideal * 3 / 4..ideal * 5 / 4).contains(&tokens), "{tokens} tokens moved, {ideal} would be even");
    assert!(moves.iter().all(|it| it.to == Some(slot)));
}

#[test]
fn more_copies_than_the_limit_have_no_difference() {
    let ring = Ring::new(delian_core::ring::PointsPerUnit::default());
    let wanted = REPLICAS_MAX + 1;
    assert_eq!(diff_replicas(&ring, &ring, wanted, Rule::Nodes), Err(Shortage::TooMany { wanted }));
    assert_eq!(diff_replicas(&ring, &ring, REPLICAS_MAX, Rule::Nodes), Ok(vec![]));
}
