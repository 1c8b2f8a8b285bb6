//! Points that hash to one token.
//!
//! One of them owns what lies before the token, the others wait. A few are chance, in the number that chance foretells;
//! two names that collide in all their points are not, for the hash has 32 bits of state.

use std::collections::BTreeMap;

use delian_core::ring::{Ring, Slot};

use super::CIRCLE;

/// The collisions of a ring.
#[derive(Clone, Debug, PartialEq)]
pub struct Collisions {
    /// How many tokens have several points.
    pub tokens: u64,
    /// How many points own nothing, for another one at their token does.
    pub waiting: u64,
    /// How many pairs of points share a token.
    pub pairs: u64,
    /// How many pairs chance foretells: `m(m-1)/2^33` of `m` points.
    pub foretold: f64,
    /// The two members that share the most tokens, and how many; of several such the first by name.
    pub worst: Option<(Slot, Slot, u64)>,
}

impl Collisions {
    /// Counts those of a ring.
    pub fn of(ring: &Ring) -> Self {
        let points: Vec<_> = ring.points().collect();
        let mut found = Self { tokens: 0, waiting: 0, pairs: 0, foretold: foretold(points.len() as u64), worst: None };
        let mut shared: BTreeMap<(Slot, Slot), u64> = BTreeMap::new();
        for group in points.chunk_by(|(one, _), (other, _)| one == other).filter(|group| group.len() > 1) {
            let count = group.len() as u64;
            found.tokens += 1;
            found.waiting += count - 1;
            found.pairs += count * (count - 1) / 2;
            let mut members: Vec<Slot> = group.iter().map(|(_, slot)| *slot).collect();
            members.sort_unstable();
            members.dedup();
            for (place, one) in members.iter().enumerate() {
                for other in &members[place + 1..] {
                    *shared.entry((*one, *other)).or_default() += 1;
                }
            }
        }
        let most = shared.into_iter().min_by_key(|(pair, count)| (u64::MAX - count, *pair));
        found.worst = most.map(|((one, other), count)| (one, other, count));
        found
    }
}

fn foretold(points: u64) -> f64 {
    points as f64 * points.saturating_sub(1) as f64 / (2.0 * CIRCLE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::NodeList;

    /// Two names that `XXH32` hashes to one number.
    const TWINS: &str = "f9413bb5-1ee1-4214-a257-7c7316240c5a\nfe72dbaf-e64f-4599-a2f3-7ce487addcb1\nada\n";

    #[test]
    fn twins_share_all_their_tokens() {
        let ring = NodeList::from_text(TWINS, "twins").unwrap().ring;
        let found = Collisions::of(&ring);
        assert_eq!((found.tokens, found.waiting, found.pairs), (150, 150, 150));
        let (one, other, count) = found.worst.unwrap();
        assert_eq!((&**ring.name(one), &**ring.name(other), count), (&TWINS[..36], &TWINS[37..73], 150));
    }

    #[test]
    fn a_single_node_collides_with_nobody() {
        let found = Collisions::of(&NodeList::from_text("ada", "one").unwrap().ring);
        assert_eq!((found.tokens, found.pairs, found.worst), (0, 0, None));
    }
}
