//! Who decides, and what a majority of them has reached.
//!
//! A quorum is a majority of the *logged* voters, never of those that happen to be reachable. An empty configuration
//! has no quorum at all.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{LogIndex, NodeId};

/// Who decides (voters) and who only listens (learners).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// The nodes of which a majority elects and commits.
    pub voters: BTreeSet<NodeId>,
    /// The nodes that receive the log without a voice.
    pub learners: BTreeSet<NodeId>,
}

impl Configuration {
    /// Returns every member, voters and learners, in order of id.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + '_ {
        // Voters and learners are disjoint, and the order is part of the protocol's determinism.
        let mut all: Vec<NodeId> = self.voters.iter().chain(&self.learners).copied().collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// Returns whether a majority of the voters is among `nodes`.
    pub fn is_quorum(&self, nodes: &BTreeSet<NodeId>) -> bool {
        let agreeing = self.voters.iter().filter(|voter| nodes.contains(voter)).count();
        agreeing > self.voters.len() / 2
    }

    /// Returns the greatest index that a majority of the voters has reached, given each voter's; zero without voters.
    pub fn majority_index(&self, reached: impl Fn(NodeId) -> LogIndex) -> LogIndex {
        // Quadratic, without an allocation: at most 7 voters, on the path of every answered append.
        let agreed = |index| self.voters.iter().filter(|voter| reached(**voter) >= index).count();
        let candidates = self.voters.iter().map(|voter| reached(*voter));
        candidates.filter(|index| agreed(*index) > self.voters.len() / 2).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(count: u64) -> Configuration {
        Configuration { voters: (1..=count).map(NodeId::new).collect(), learners: BTreeSet::new() }
    }

    fn majority(reached: &[u64]) -> u64 {
        let index = |node: NodeId| LogIndex::new(reached[node.get() as usize - 1]);
        voters(reached.len() as u64).majority_index(index).get()
    }

    #[test]
    fn an_even_cluster_needs_more_than_half() {
        assert_eq!(majority(&[9, 9, 1, 1]), 1);
        assert_eq!(majority(&[9, 9, 5, 1]), 5);
    }

    #[test]
    fn the_majority_index_is_the_median_from_below() {
        assert_eq!(majority(&[4]), 4);
        assert_eq!(majority(&[1, 5, 3]), 3);
        assert_eq!(majority(&[7, 2, 9, 4, 4]), 4);
    }

    #[test]
    fn nobody_is_no_quorum() {
        assert_eq!(Configuration::default().majority_index(|_| LogIndex::new(9)), LogIndex::ZERO);
        assert!(!Configuration::default().is_quorum(&BTreeSet::new()));
    }

    #[test]
    fn a_learner_does_not_count() {
        let mut configuration = voters(3);
        configuration.learners.insert(NodeId::new(4));
        let reachable = [NodeId::new(1), NodeId::new(4)].into_iter().collect();
        assert!(!configuration.is_quorum(&reachable));
        assert_eq!(configuration.members().count(), 4);
    }
}
