//! Laws of the quorum, against a sorted vector.

use std::collections::{BTreeMap, BTreeSet};

use delian_core::raft::Configuration;
use delian_core::{LogIndex, NodeId};
use proptest::prelude::*;

fn configuration(reached: &BTreeMap<NodeId, LogIndex>, learners: &BTreeSet<NodeId>) -> Configuration {
    Configuration::founding(reached.keys().copied().collect(), learners.clone())
}

/// The index that a majority has reached is, among `n` sorted indices, the one before which fewer than half lie.
fn median_from_below(reached: &BTreeMap<NodeId, LogIndex>) -> LogIndex {
    let mut sorted: Vec<_> = reached.values().copied().collect();
    sorted.sort_unstable();
    if sorted.is_empty() { LogIndex::ZERO } else { sorted[(sorted.len() - 1) / 2] }
}

fn reached() -> impl Strategy<Value = BTreeMap<NodeId, LogIndex>> {
    let index = prop_oneof![0..6_u64, any::<u64>()];
    proptest::collection::btree_map((1..20_u64).prop_map(NodeId::new), index.prop_map(LogIndex::new), 0..9)
}

fn some_nodes() -> impl Strategy<Value = BTreeSet<NodeId>> {
    proptest::collection::btree_set((1..30_u64).prop_map(NodeId::new), 0..20)
}

proptest! {
    #[test]
    fn the_majority_index_is_the_median_from_below(reached in reached(), others in some_nodes()) {
        let learners = others.into_iter().filter(|node| !reached.contains_key(node)).collect();
        let configuration = configuration(&reached, &learners);
        let found = configuration.majority_index(|node| reached.get(&node).copied().unwrap_or(LogIndex::new(u64::MAX)));
        prop_assert_eq!(found, median_from_below(&reached));
    }

    #[test]
    fn a_quorum_is_more_than_half_of_the_voters_whoever_else_agrees(reached in reached(), nodes in some_nodes()) {
        let configuration = configuration(&reached, &BTreeSet::new());
        let agreeing = configuration.voters.intersection(&nodes).count();
        prop_assert_eq!(configuration.is_quorum(&nodes), agreeing * 2 > configuration.voters.len());
    }

    #[test]
    fn two_quorums_share_a_voter(reached in reached(), one in some_nodes(), other in some_nodes()) {
        let configuration = configuration(&reached, &BTreeSet::new());
        if configuration.is_quorum(&one) && configuration.is_quorum(&other) {
            prop_assert!(configuration.voters.iter().any(|voter| one.contains(voter) && other.contains(voter)));
        }
    }
}
