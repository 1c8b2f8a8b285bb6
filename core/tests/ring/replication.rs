//! Laws of replicas, against a model that counts domains with sets.

use std::collections::BTreeSet;

use delian_core::ring::{
    Eligible, Level, Member, Place, PointsPerUnit, REPLICAS_MAX, Ring, Rule, Shortage, Slot, Token,
};
use proptest::prelude::*;

use crate::model::{Model, RULES};
use crate::names::{edges, ring};

/// Makes those eligible whose bit is set, by one way or by the other.
fn eligible(ring: &Ring, bits: u16) -> Eligible {
    let admitted = |slot: Slot| bits >> (slot.get() % 16) & 1 == 1;
    let mut excluded = Eligible::all(ring);
    ring.slots().filter(|slot| !admitted(*slot)).for_each(|slot| excluded.exclude(ring, slot));
    assert_eq!(excluded, Eligible::of(ring, admitted));
    excluded
}

/// A dozen of them: the model takes its time.
fn sample(tokens: Vec<Token>, seed: u16) -> impl Iterator<Item = Token> {
    let step = tokens.len() / 12 + 1;
    tokens.into_iter().skip(usize::from(seed) % step).step_by(step)
}

fn names<'a>(ring: &'a Ring, eligible: &Eligible) -> BTreeSet<&'a str> {
    eligible.slots().map(|slot| &**ring.name(slot)).collect()
}

proptest! {
    #[test]
    fn replicas_are_those_of_the_model(ring in ring(), bits in any::<u16>(), copies in 0..6_usize) {
        let model = Model::of(&ring);
        let (all, some) = (Eligible::all(&ring), eligible(&ring, bits));
        for rule in RULES {
            for among in [None, Some(&all), Some(&some)] {
                let of = names(&ring, among.unwrap_or(&all));
                for token in sample(edges(&[&ring]), bits) {
                    let mut found = vec![Slot::new(u32::MAX); copies];
                    let answer = ring.replicas_at(token, rule, among, &mut found);
                    let untouched = found.iter().all(|slot| *slot == Slot::new(u32::MAX));
                    prop_assert!(answer.is_ok() || untouched, "a refusal wrote something");
                    let found = answer.ok().map(|()| found.iter().map(|slot| &**ring.name(*slot)).collect::<Vec<_>>());
                    prop_assert_eq!(found, model.replicas(token, copies, rule, &of), "{:?} at {}", rule, token);
                }
            }
        }
    }

    #[test]
    fn replicas_are_apart_as_far_as_their_rule_says(ring in ring(), token in any::<u32>(), copies in 1..6_usize) {
        let model = Model::of(&ring);
        let everyone: Vec<&str> = model.members.iter().map(|member| &*member.name).collect();
        for rule in RULES {
            let mut slots = vec![Slot::new(0); copies];
            if ring.replicas_at(Token::new(token), rule, None, &mut slots).is_err() {
                prop_assert!(copies > rule.copies_max(&ring, None));
                continue;
            }
            let found: Vec<&str> = slots.iter().map(|slot| &**ring.name(*slot)).collect();
            prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), copies);
            if rule == Rule::Nodes {
                prop_assert_eq!(Some(found[0]), model.owner(Token::new(token)));
            }
            for level in Level::ALL {
                let (used, there) = (model.domains(&found, level).len(), model.domains(&everyone, level).len());
                match rule {
                    Rule::Apart(apart) if apart == level => prop_assert_eq!(used, copies),
                    Rule::Spread(narrowest) if level <= narrowest => prop_assert_eq!(used, there.min(copies)),
                    Rule::Nodes | Rule::Apart(_) | Rule::Spread(_) => {}
                }
            }
        }
    }

    #[test]
    fn an_ineligible_node_is_walked_past_and_its_keys_come_back_unmoved(
        ring in ring(), bits in any::<u16>(), key in any::<u64>(),
    ) {
        let mut some = eligible(&ring, bits);
        let key = key.to_le_bytes();
        let walk: Vec<Slot> =
            Model::of(&ring).walk(Token::of(&key)).into_iter().map(|name| ring.slot(name).unwrap()).collect();
        let expected = walk.into_iter().find(|slot| some.contains(*slot));
        prop_assert_eq!(ring.owner_among(&key, &some), expected);
        ring.slots().for_each(|slot| some.admit(&ring, slot));
        prop_assert_eq!(&some, &Eligible::all(&ring));
        prop_assert_eq!(ring.owner_among(&key, &some), ring.owner(&key));
    }

    #[test]
    fn eligibility_follows_members_by_name(old in ring(), new in ring(), bits in any::<u16>()) {
        let before = eligible(&old, bits);
        let after = before.carried(&old, &new, |_| false);
        let expected: BTreeSet<&str> = names(&old, &before).into_iter().filter(|name| new.slot(name).is_some()).collect();
        prop_assert_eq!(names(&new, &after), expected);
        let weight: u64 = after.slots().map(|slot| u64::from(new.weight(slot).thousandths())).sum();
        prop_assert_eq!((after.weight(), after.len()), (weight, after.slots().count()));
    }
}

/// Two regions; the first has two datacenters of two racks each, the second has one rack.
fn federation() -> Ring {
    let places = [("eu", "a", "1"), ("eu", "a", "2"), ("eu", "b", "1"), ("eu", "b", "2"), ("us", "a", "1")];
    let members = (0..30).map(|node| {
        let (region, datacenter, rack) = places[node % 5];
        Member::new(&format!("node-{node}"), Place::new(region, datacenter, rack))
    });
    Ring::build(PointsPerUnit::default(), members).expect("different names")
}

#[test]
fn each_shortage_says_what_there_is_too_little_of() {
    let ring = federation();
    let find = |rule, wanted| ring.replicas_at(Token::new(7), rule, None, &mut vec![Slot::new(0); wanted]);
    assert_eq!(find(Rule::Nodes, 30), Ok(()));
    assert_eq!(find(Rule::Nodes, 31), Err(Shortage::Nodes { wanted: 31, eligible: 30 }));
    assert_eq!(find(Rule::Spread(Level::Rack), 31), Err(Shortage::Nodes { wanted: 31, eligible: 30 }));
    for (level, domains) in [(Level::Region, 2), (Level::Datacenter, 3), (Level::Rack, 5)] {
        assert_eq!(find(Rule::Apart(level), domains), Ok(()));
        let wanted = domains + 1;
        assert_eq!(find(Rule::Apart(level), wanted), Err(Shortage::Domains { level, wanted, eligible: domains }));
        assert_eq!(find(Rule::Spread(level), wanted), Ok(()));
    }
    let wanted = REPLICAS_MAX + 1;
    assert_eq!(find(Rule::Nodes, wanted), Err(Shortage::TooMany { wanted }));
    assert_eq!(ring.replicas::<0>(b"key", Rule::Nodes), Ok([]));
    let nobody = Ring::new(PointsPerUnit::default());
    assert_eq!(nobody.replicas::<1>(b"key", Rule::Nodes), Err(Shortage::Nodes { wanted: 1, eligible: 0 }));
    assert_eq!(nobody.replicas::<0>(b"key", Rule::Nodes), Ok([]));
    assert_eq!((nobody.owner(b"key"), nobody.owner_among(b"key", &Eligible::all(&nobody))), (None, None));
}

#[test]
fn as_many_replicas_as_the_limit_are_found() {
    let members = (0..100).map(|node| Member::new(&format!("node-{node}"), Place::new("eu", "a", "1")));
    let ring = Ring::build(PointsPerUnit::default(), members).unwrap();
    let replicas: [Slot; REPLICAS_MAX] = ring.replicas(b"key", Rule::Spread(Level::Rack)).unwrap();
    assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), REPLICAS_MAX);
}

#[test]
fn domains_without_an_eligible_node_do_not_count() {
    let ring = federation();
    let european = Eligible::of(&ring, |slot| &*ring.place(slot).region == "eu");
    assert_eq!(Level::ALL.map(|level| european.domains(level)), [1, 2, 4]);
    let find = |rule, wanted| ring.replicas_at(Token::new(7), rule, Some(&european), &mut vec![Slot::new(0); wanted]);
    let level = Level::Region;
    assert_eq!(find(Rule::Apart(level), 2), Err(Shortage::Domains { level, wanted: 2, eligible: 1 }));
    assert_eq!(find(Rule::Apart(Level::Rack), 4), Ok(()));
    assert_eq!(find(Rule::Nodes, 25), Err(Shortage::Nodes { wanted: 25, eligible: 24 }));
    let none = Eligible::none(&ring);
    let refused = ring.replicas_at(Token::new(7), Rule::Nodes, Some(&none), &mut [Slot::new(0)]);
    assert_eq!(refused, Err(Shortage::Nodes { wanted: 1, eligible: 0 }));
    assert_eq!(ring.owner_among(b"key", &none), None);
}

#[test]
fn the_only_eligible_node_owns_every_key() {
    let ring = federation();
    let only = ring.slot("node-17").unwrap();
    let eligible = Eligible::of(&ring, |slot| slot == only);
    for key in 0..100u32 {
        assert_eq!(ring.owner_among(&key.to_le_bytes(), &eligible), Some(only));
    }
}

#[test]
#[should_panic(expected = "these members are not those of the ring of 29 members")]
fn eligibility_for_other_members_is_refused() {
    let ring = federation();
    let eligible = Eligible::all(&ring);
    let mut fewer = ring.clone();
    fewer.leave("node-3").unwrap();
    fewer.owner_among(b"key", &eligible);
}
