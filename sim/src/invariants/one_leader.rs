//! Election safety (Raft, section 5.2).

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::{NodeId, Term};

use super::{Breach, Invariant};

/// Who led each term.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct OneLeaderPerTerm {
    leaders: BTreeMap<Term, NodeId>,
}

impl Invariant for OneLeaderPerTerm {
    const NAME: &'static str = "one-leader-per-term";
    const SENTENCE: &'static str = "No term has two leaders.";
}

impl OneLeaderPerTerm {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.leaders.values_mut().for_each(|leader| *leader = names(*leader));
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.leaders.hash(hasher);
    }

    /// Returns who led each term.
    pub(super) fn leaders(&self) -> impl Iterator<Item = (Term, NodeId)> + '_ {
        self.leaders.iter().map(|(term, leader)| (*term, *leader))
    }

    pub(super) fn on_leader(self: &mut Arc<Self>, id: NodeId, term: Term) -> Result<(), Breach> {
        let first = *Arc::make_mut(self).leaders.entry(term).or_insert(id);
        if first == id {
            return Ok(());
        }
        Err(Self::breach(vec![format!("{first} became leader of {term}"), format!("{id} became leader of {term} too")]))
    }
}
