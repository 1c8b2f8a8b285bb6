//! Who decides, and what a majority of them has reached.
//!
//! A quorum is a majority of the *logged* voters, never of those that happen to be reachable. While a joint configuration
//! is in force it takes a majority of the incoming voters and one of the outgoing (Ongaro 2014, section 4.3). An empty
//! configuration has no quorum at all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::change::VOTERS_MAX;
use crate::ids::{Incarnation, LogIndex, NodeId};
use crate::projection::{Names, rename_keys, rename_set};

/// Who decides (voters) and who only listens (learners).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// The nodes of which a majority elects and commits.
    pub voters: BTreeSet<NodeId>,
    /// The voters of the configuration that a joint one leaves; empty outside of a joint configuration.
    pub outgoing: BTreeSet<NodeId>,
    /// The nodes that receive the log without a voice.
    pub learners: BTreeSet<NodeId>,
    /// The outgoing voters that become learners when the joint configuration is left.
    pub learners_next: BTreeSet<NodeId>,
    /// Which memory of a member was admitted; one that is not listed has its founding one.
    pub incarnations: BTreeMap<NodeId, Incarnation>,
}

impl Configuration {
    /// Returns the configuration that a federation is founded with.
    pub fn founding(voters: BTreeSet<NodeId>, learners: BTreeSet<NodeId>) -> Self {
        Self { voters, learners, ..Self::default() }
    }

    /// Returns whether two sets of voters decide together.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Returns whether a node has a voice, in either set of a joint configuration.
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.outgoing.contains(&node)
    }

    /// Returns whether a node receives the log.
    pub fn is_member(&self, node: NodeId) -> bool {
        self.is_voter(node) || self.learners.contains(&node)
    }

    /// Returns every node with a voice, in order of id.
    pub fn all_voters(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.union(&self.outgoing).copied()
    }

    /// Returns every member, voters and learners, in order of id.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        // The order is part of the protocol's determinism.
        let all: BTreeSet<NodeId> = self.all_voters().chain(self.learners.iter().copied()).collect();
        all.into_iter()
    }

    /// Returns which memory of a member was admitted.
    pub fn incarnation(&self, node: NodeId) -> Incarnation {
        self.incarnations.get(&node).copied().unwrap_or(Incarnation::FOUNDING)
    }

    /// Returns whether a majority of the voters, of both sets if there are two, is among `nodes`.
    pub fn is_quorum(&self, nodes: &BTreeSet<NodeId>) -> bool {
        self.is_quorum_of(|voter| nodes.contains(&voter))
    }

    /// Returns whether a majority of the voters, of both sets if there are two, agrees.
    pub fn is_quorum_of(&self, agrees: impl Fn(NodeId) -> bool) -> bool {
        let majority = |voters: &BTreeSet<NodeId>| {
            let agreeing = voters.iter().filter(|voter| agrees(**voter)).count();
            agreeing > voters.len() / 2
        };
        majority(&self.voters) && (self.outgoing.is_empty() || majority(&self.outgoing))
    }

    /// Returns the greatest index that a majority of the voters, of both sets if there are two, has reached, given each
    /// voter's; zero without voters.
    pub fn majority_index(&self, reached: impl Fn(NodeId) -> LogIndex) -> LogIndex {
        let incoming = majority_index(&self.voters, &reached);
        if self.outgoing.is_empty() { incoming } else { incoming.min(majority_index(&self.outgoing, &reached)) }
    }

    /// Returns the configuration that follows a joint one.
    pub(super) fn left(&self) -> Self {
        let mut left = Self {
            voters: self.voters.clone(),
            outgoing: BTreeSet::new(),
            learners: self.learners.union(&self.learners_next).copied().collect(),
            learners_next: BTreeSet::new(),
            incarnations: self.incarnations.clone(),
        };
        left.forget_strangers();
        left
    }

    /// Renames the members.
    pub fn map_ids(&mut self, names: Names<'_>) {
        let Self { voters, outgoing, learners, learners_next, incarnations } = self;
        for set in [voters, outgoing, learners, learners_next] {
            rename_set(set, names);
        }
        rename_keys(incarnations, names);
    }

    /// Drops the incarnations of nodes that are no members.
    pub(super) fn forget_strangers(&mut self) {
        let members: BTreeSet<NodeId> = self.members().collect();
        self.incarnations.retain(|node, _| members.contains(node));
    }
}

fn majority_index(voters: &BTreeSet<NodeId>, reached: &impl Fn(NodeId) -> LogIndex) -> LogIndex {
    // On the path of answered appends: sorted in place, without an allocation.
    let mut sorted = [LogIndex::ZERO; VOTERS_MAX];
    let Some(sorted) = sorted.get_mut(..voters.len()) else {
        // Founding and recovered configurations may have more voters than a change would admit.
        let mut all: Vec<LogIndex> = voters.iter().map(|voter| reached(*voter)).collect();
        return median_from_below(&mut all);
    };
    for (place, voter) in sorted.iter_mut().zip(voters) {
        *place = reached(*voter);
    }
    median_from_below(sorted)
}

/// Returns the greatest index that more than half have reached; zero of none.
fn median_from_below(reached: &mut [LogIndex]) -> LogIndex {
    reached.sort_unstable();
    reached.len().checked_sub(1).map_or(LogIndex::ZERO, |last| reached[last / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(count: u64) -> Configuration {
        Configuration::founding((1..=count).map(NodeId::new).collect(), BTreeSet::new())
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
