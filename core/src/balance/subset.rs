//! The few members that one balancer uses of many, so that not everyone is connected with everyone.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998; for subsets gRPC's proposal A68): each member has a score that follows
//! from the balancer and the member alone, and the highest ones are used. So balancers spread over the members, and one
//! member that comes or goes changes at most one that is used.

use alloc::collections::BTreeMap;
use core::num::NonZeroUsize;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::roster::{Candidate, MEMBERS_MAX, RosterError};
use crate::ids::NodeId;

/// All candidates, those who are used apart from the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subset {
    /// Whose subset it is.
    owner: NodeId,
    size: NonZeroUsize,
    used: BTreeMap<Rank, Candidate>,
    spare: BTreeMap<Rank, Candidate>,
}

/// The highest score first; equal ones by id.
type Rank = (u64, NodeId);

/// What a change of the candidates changes among those who are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Swap {
    /// Who is not used any more.
    pub leaves: Option<NodeId>,
    /// Who is used from here on.
    pub enters: Option<Candidate>,
}

impl Subset {
    /// Returns the subset of `owner`, who uses so many members.
    pub const fn new(owner: NodeId, size: NonZeroUsize) -> Self {
        Self { owner, size, used: BTreeMap::new(), spare: BTreeMap::new() }
    }

    /// Takes in a candidate.
    ///
    /// # Errors
    ///
    /// Refuses one that is there already, and one more than [`MEMBERS_MAX`].
    pub fn join(&mut self, candidate: Candidate) -> Result<Swap, RosterError> {
        let rank = self.rank(candidate.node);
        if self.used.contains_key(&rank) || self.spare.contains_key(&rank) {
            return Err(RosterError::Taken(candidate.node));
        }
        if self.used.len() + self.spare.len() == MEMBERS_MAX {
            return Err(RosterError::Full);
        }
        if self.used.len() < self.size.get() {
            self.used.insert(rank, candidate);
            return Ok(Swap { leaves: None, enters: Some(candidate) });
        }
        let (last, _) = self.used.last_key_value().expect("at least one is used, for the size is not zero");
        if rank > *last {
            self.spare.insert(rank, candidate);
            return Ok(Swap::default());
        }
        let (last, displaced) = self.used.pop_last().expect("the last was just seen");
        self.spare.insert(last, displaced);
        self.used.insert(rank, candidate);
        Ok(Swap { leaves: Some(displaced.node), enters: Some(candidate) })
    }

    /// Lets a candidate go.
    ///
    /// # Errors
    ///
    /// Refuses one that is not there.
    pub fn leave(&mut self, node: NodeId) -> Result<Swap, RosterError> {
        let rank = self.rank(node);
        if self.used.remove(&rank).is_none() {
            return match self.spare.remove(&rank) {
                Some(_) => Ok(Swap::default()),
                None => Err(RosterError::Stranger(node)),
            };
        }
        let successor = self.spare.pop_first();
        if let Some((rank, candidate)) = successor {
            self.used.insert(rank, candidate);
        }
        Ok(Swap { leaves: Some(node), enters: successor.map(|(_, candidate)| candidate) })
    }

    /// Replaces what is known of a candidate; says whether it is used.
    ///
    /// # Errors
    ///
    /// Refuses one that is not there.
    pub fn alter(&mut self, candidate: Candidate) -> Result<bool, RosterError> {
        let rank = self.rank(candidate.node);
        if let Some(held) = self.used.get_mut(&rank) {
            *held = candidate;
            return Ok(true);
        }
        let held = self.spare.get_mut(&rank).ok_or(RosterError::Stranger(candidate.node))?;
        *held = candidate;
        Ok(false)
    }

    /// Iterates over those who are used, the highest score first.
    pub fn used(&self) -> impl Iterator<Item = NodeId> {
        self.used.keys().map(|(_, node)| *node)
    }

    /// Says whether a candidate is there and not used.
    pub fn is_spare(&self, node: NodeId) -> bool {
        self.spare.contains_key(&self.rank(node))
    }

    fn rank(&self, node: NodeId) -> Rank {
        (!xxh3_64_with_seed(&node.get().to_le_bytes(), self.owner.get()), node)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;
    use crate::balance::fixtures::chi_squared;
    use crate::rng::{Seed, Stream};

    fn candidate(node: u64) -> Candidate {
        Candidate::new(NodeId::new(node))
    }

    fn subset(owner: u64, size: usize, nodes: impl Iterator<Item = u64>) -> Subset {
        let mut subset = Subset::new(NodeId::new(owner), NonZeroUsize::new(size).unwrap());
        for node in nodes {
            subset.join(candidate(node)).unwrap();
        }
        subset
    }

    #[test]
    fn it_depends_on_who_is_there_and_not_on_the_way_there() {
        let forward = subset(1, 10, 0..100);
        let mut backward = subset(1, 10, (0..200).rev());
        for node in 100..200 {
            backward.leave(NodeId::new(node)).unwrap();
        }
        assert_eq!(forward, backward);
    }

    #[test]
    fn one_member_changes_at_most_one_that_is_used() {
        let mut stream = Stream::new(Seed::new(1), "subset");
        let mut subset = subset(1, 10, 0..50);
        let mut members: BTreeSet<u64> = (0..50).collect();
        let mut swaps = 0;
        for _ in 0..2000 {
            let before: BTreeSet<NodeId> = subset.used().collect();
            let node = stream.below(100);
            let swap = if members.insert(node) {
                subset.join(candidate(node)).unwrap()
            } else {
                members.remove(&node);
                subset.leave(NodeId::new(node)).unwrap()
            };
            let after: BTreeSet<NodeId> = subset.used().collect();
            let gone: Vec<NodeId> = before.difference(&after).copied().collect();
            let come: Vec<NodeId> = after.difference(&before).copied().collect();
            assert_eq!(gone, swap.leaves.into_iter().collect::<Vec<_>>());
            assert_eq!(come, swap.enters.map(|candidate| candidate.node).into_iter().collect::<Vec<_>>());
            assert_eq!(after.len(), members.len().min(10));
            swaps += usize::from(swap != Swap::default());
        }
        assert!(swaps > 100);
    }

    #[test]
    fn many_owners_spread_over_all_members() {
        let mut counts = [0; 20];
        for owner in 0..2000 {
            for node in subset(owner, 5, 0..20).used() {
                counts[node.get() as usize] += 1;
            }
        }
        assert!(chi_squared(&counts, &[1; 20]) < 52, "{counts:?}");
    }

    #[test]
    fn nobody_comes_twice_or_goes_unheard_of() {
        let mut subset = subset(1, 1, 0..2);
        for node in 0..2 {
            assert_eq!(subset.join(candidate(node)), Err(RosterError::Taken(NodeId::new(node))));
        }
        assert_eq!(subset.leave(NodeId::new(9)), Err(RosterError::Stranger(NodeId::new(9))));
        assert_eq!(subset.alter(candidate(9)), Err(RosterError::Stranger(NodeId::new(9))));
        let used: Vec<bool> = (0..2).map(|node| subset.alter(candidate(node)).unwrap()).collect();
        assert_eq!(used.iter().filter(|used| **used).count(), 1);
    }
}
