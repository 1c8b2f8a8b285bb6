//! Laws of bounded loads.

use delian_core::ring::{Bound, CapacityFactor, Eligible, Loads, Overload, Ring, Slot, Token};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::Model;
use crate::names::ring;

fn bound(thousandths: u32, walk_max: u32) -> Bound {
    Bound { factor: CapacityFactor::of_thousandths(thousandths).expect("a factor"), walk_max }
}

/// The members of the points that a key meets, round the whole circle.
fn walk(ring: &Ring, key: u64) -> Vec<Slot> {
    let model = Model::of(ring);
    let names = model.walk(Token::of(&key.to_le_bytes()));
    names.into_iter().map(|name| ring.slot(name).expect("a member")).collect()
}

/// The capacity as the paper has it, in whole numbers that are wide enough.
fn capacity(ring: &Ring, slot: Slot, bound: Bound, loads: &Loads, all: u64) -> u128 {
    let share = u128::from(bound.factor.thousandths())
        * u128::from(ring.weight(slot).thousandths())
        * (u128::from(loads.all()) + 1);
    share.div_ceil(1000 * u128::from(all))
}

proptest! {
    #[test]
    fn nobody_gets_more_than_its_capacity_and_everything_finds_a_place(
        ring in ring(), keys in vec(0..50_u64, 0..200), factor in 1000..3000_u32,
    ) {
        let bound = bound(factor, u32::MAX);
        let mut loads = Loads::none(&ring);
        for key in keys.iter().filter(|_| !ring.is_empty()) {
            let all = ring.weight_of_all();
            let walk = walk(&ring, *key);
            let has_room = |slot: &Slot| u128::from(loads.of(*slot)) < capacity(&ring, *slot, bound, &loads, all);
            let expected = walk.into_iter().find(has_room);
            let owner = ring.owner_bounded(&key.to_le_bytes(), bound, &loads, None);
            prop_assert_eq!(owner.ok(), expected);
            let owner = owner.unwrap();
            let most = capacity(&ring, owner, bound, &loads, all);
            loads.add(owner, 1);
            prop_assert!(u128::from(loads.of(owner)) <= most);
        }
        let sum: u64 = ring.slots().map(|slot| loads.of(slot)).sum();
        prop_assert_eq!((sum, loads.all()), (if ring.is_empty() { 0 } else { keys.len() as u64 }, sum));
    }

    #[test]
    fn load_is_shared_out_among_those_that_are_eligible(
        ring in ring(), bits in any::<u16>(), keys in vec(any::<u64>(), 0..100),
    ) {
        let eligible = Eligible::of(&ring, |slot| bits >> (slot.get() % 16) & 1 == 1);
        let mut loads = Loads::none(&ring);
        for key in keys {
            match ring.owner_bounded(&key.to_le_bytes(), bound(1250, u32::MAX), &loads, Some(&eligible)) {
                Ok(owner) => {
                    prop_assert!(eligible.contains(owner));
                    loads.add(owner, 1);
                }
                Err(overload) => prop_assert_eq!((overload, eligible.is_empty()), (Overload::Nobody, true)),
            }
        }
        let bound = bound(1250, 1);
        for slot in eligible.slots() {
            prop_assert!(u128::from(loads.of(slot)) <= capacity(&ring, slot, bound, &loads, eligible.weight()));
        }
    }

    #[test]
    fn without_load_the_owner_is_the_owner(ring in ring(), key in any::<u64>()) {
        let found = ring.owner_bounded(&key.to_le_bytes(), Bound::default(), &Loads::none(&ring), None);
        prop_assert_eq!(found.ok(), ring.owner(&key.to_le_bytes()));
        prop_assert!(found.is_ok() || found == Err(Overload::Nobody));
    }

    #[test]
    fn a_walk_ends_at_its_limit_with_the_least_loaded_that_it_met(
        ring in ring(), key in any::<u64>(), walk_max in 0..6_u32,
    ) {
        let mut loads = Loads::none(&ring);
        for slot in ring.slots() {
            loads.add(slot, 1_000_000_000 + u64::from(slot.get()) * 7 % 5);
        }
        let walk = walk(&ring, key);
        let met: Vec<Slot> = walk.into_iter().cycle().take(walk_max as usize).collect();
        match ring.owner_bounded(&key.to_le_bytes(), bound(1000, walk_max), &loads, None) {
            Ok(owner) => prop_assert!(met.contains(&owner)),
            Err(Overload::Nobody) => prop_assert!(ring.is_empty()),
            Err(Overload::WalkEnded { walked, least }) => {
                prop_assert_eq!(walked, walk_max);
                let relative = |slot: Slot| (u128::from(loads.of(slot)) << 40) / u128::from(ring.weight(slot).thousandths());
                prop_assert_eq!(least.map(relative), met.into_iter().map(relative).min());
            }
        }
    }
}

#[test]
fn loads_neither_overflow_nor_fall_below_zero() {
    let members =
        ["ada", "bob"].map(|name| delian_core::ring::Member::new(name, delian_core::ring::Place::new("eu", "a", "1")));
    let ring = Ring::build(delian_core::ring::PointsPerUnit::default(), members).unwrap();
    let (ada, bob) = (Slot::new(0), Slot::new(1));
    let mut loads = Loads::none(&ring);
    loads.add(ada, u64::MAX);
    loads.add(bob, u64::MAX);
    assert_eq!((loads.of(ada), loads.of(bob), loads.all()), (u64::MAX, 0, u64::MAX));
    assert_eq!(ring.owner_bounded(b"key", Bound::default(), &loads, None), Ok(bob));
    loads.remove(ada, 5);
    loads.remove(bob, 5);
    assert_eq!((loads.of(ada), loads.of(bob), loads.all()), (u64::MAX - 5, 0, u64::MAX - 5));
}
