//! Where things lie, for ever: a change here moves data in every federation.

use delian_core::ring::{Member, Place, PointsPerUnit, Ring, Token, Weight};

use crate::names::{TWINS, family};

fn anywhere() -> Place {
    Place::new("eu", "zrh1", "r1")
}

fn ring(names: &[&str]) -> Ring {
    Ring::build(PointsPerUnit::default(), names.iter().map(|name| Member::new(name, anywhere())))
        .expect("different names")
}

fn owner_at(ring: &Ring, token: u32) -> &str {
    ring.name(ring.owner_at(Token::new(token)).expect("a ring with members"))
}

#[test]
fn keys_lie_at_their_xxh32_hash() {
    assert_eq!(Token::of(b"").get(), 0x02cc_5d05);
    assert_eq!(Token::of(b"abc").get(), 0x32d1_53ff);
}

#[test]
fn points_lie_at_the_hash_of_node_and_number() {
    let ring = ring(&["node-0"]);
    let tokens: Vec<u32> = ring.points().map(|(token, _)| token.get()).collect();
    assert_eq!(tokens.len(), 150);
    assert!(tokens.is_sorted());
    for token in [0x5dd9_f162, 0xefa8_2bec, 0xaa5e_a399] {
        assert!(tokens.contains(&token), "no point at {token:08x}");
    }
}

#[test]
fn a_key_belongs_to_the_first_point_at_its_token_or_after_it() {
    let ring = ring(&["node-0", "node-1", "node-2"]);
    assert_eq!(owner_at(&ring, 0x5dd9_f162), "node-0");
    let points: Vec<(Token, _)> = ring.points().collect();
    for ((before, _), (token, owner)) in points.iter().zip(&points[1..]) {
        assert_eq!(ring.owner_at(*token), Some(*owner));
        assert_eq!(ring.owner_at(Token::new(before.get() + 1)), Some(*owner));
    }
    let (first, owner) = points[0];
    let (last, _) = points[points.len() - 1];
    for token in [0, first.get(), last.get() + 1, u32::MAX] {
        assert_eq!(ring.owner_at(Token::new(token)), Some(owner), "{token:08x}");
    }
}

#[test]
fn points_at_both_ends_of_the_circle_own_their_tokens() {
    // Found by trying numbers: the hashes of `w1634993348:0` and `w202937723:0`.
    let ring = ring(&["w1634993348", "w202937723"]);
    assert_eq!(owner_at(&ring, 0), "w1634993348");
    assert_eq!(owner_at(&ring, u32::MAX), "w202937723");
}

#[test]
fn two_points_at_one_token_are_both_kept() {
    for (token, one, other) in [(0x6869_101f, "node-593", "node-729"), (0x1270_28e9, "node-76", "node-1289")] {
        let both = ring(&[one, other]);
        assert_eq!(both.point_count(), 300);
        let winner = owner_at(&both, token).to_owned();
        let loser = if winner == one { other } else { one };
        for names in [[one, other], [other, one]] {
            let mut joined = ring(&names[..1]);
            joined.join(&Member::new(names[1], anywhere())).unwrap();
            assert!(joined == both, "{names:?}");
            joined.leave(&winner).unwrap();
            assert!(joined == ring(&[loser]), "{loser} lost a point with {winner}");
            assert_eq!(owner_at(&joined, token), loser);
        }
        let mut left = both.clone();
        left.leave(loser).unwrap();
        assert_eq!(owner_at(&left, token), winner);
        assert!(left == ring(&[&winner]));
    }
}

#[test]
fn who_is_first_at_a_token_never_moves() {
    assert_eq!(owner_at(&ring(&["node-593", "node-729"]), 0x6869_101f), "node-593");
    assert_eq!(owner_at(&ring(&["node-76", "node-1289"]), 0x1270_28e9), "node-1289");
}

#[test]
fn twins_share_their_150_tokens_about_evenly() {
    let both = ring(&TWINS);
    assert_eq!(both.point_count(), 300);
    let mut owned = [0; 2];
    for (token, _) in both.points().step_by(2) {
        owned[both.owner_at(token).unwrap().index()] += 1;
    }
    assert_eq!(owned, [74, 76]);
    for (leaver, other) in [(TWINS[0], TWINS[1]), (TWINS[1], TWINS[0])] {
        let mut left = both.clone();
        left.leave(leaver).unwrap();
        assert!(left == ring(&[other]), "{other} lost points with {leaver}");
    }
}

#[test]
fn a_family_of_namesakes_shares_its_tokens_and_loses_none() {
    let family = family(16);
    let names: Vec<&str> = family.iter().map(String::as_str).collect();
    let mut all = ring(&names);
    let shares = all.shares();
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    for (gone, name) in names.iter().enumerate() {
        all.leave(name).unwrap();
        assert!(all == ring(&names[gone + 1..]));
    }
}

#[test]
fn a_small_ring_never_moves() {
    let weights = [("ada", 1000), ("bob", 2500), ("eve", 40)];
    let members = weights.map(|(name, weight)| Member {
        weight: Weight::of_thousandths(weight).unwrap(),
        ..Member::new(name, anywhere())
    });
    let ring = Ring::build(PointsPerUnit::default(), members).unwrap();
    assert_eq!(ring.point_count(), 150 + 375 + 6);
    let owners: Vec<&str> = ["", "a", "b", "c", "key", "user:1", "user:2"]
        .map(|key| &**ring.name(ring.owner(key.as_bytes()).unwrap()))
        .into();
    assert_eq!(owners, ["ada", "bob", "eve", "bob", "bob", "eve", "bob"]);
    assert_eq!(ring.shares(), [1_268_521_086, 2_976_651_448, 49_794_762]);
}
