//! Terms, commit and epoch never go back on a node.

use std::collections::BTreeMap;

use delian_core::{Epoch, LogIndex, Node, NodeId, Term};

use super::{Breach, Invariant, View};

/// How far each node was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct NothingGoesBack {
    seen: BTreeMap<NodeId, Seen>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    term: Term,
    commit: LogIndex,
    applied: LogIndex,
    epoch: Epoch,
}

impl Invariant for NothingGoesBack {
    const NAME: &'static str = "nothing-goes-back";
    const SENTENCE: &'static str = "On a node that runs, the term, the commit index and the epoch never fall.";
}

impl NothingGoesBack {
    /// Forgets what was not on disk: a restart may come back with an older commit index, and catches up.
    pub(super) fn on_start(&mut self, id: NodeId, view: &impl View) -> Result<(), Breach> {
        self.seen.remove(&id);
        self.on_step(id, view)
    }

    pub(super) fn on_step(&mut self, id: NodeId, view: &impl View) -> Result<(), Breach> {
        let Some(node) = view.node(id) else { return Ok(()) };
        let now = Seen::of(node);
        let before = self.seen.insert(id, now).unwrap_or_default();
        if now.term >= before.term
            && now.commit >= before.commit
            && now.applied >= before.applied
            && now.epoch >= before.epoch
        {
            return Ok(());
        }
        Err(Self::breach(vec![format!("{id} was at {before:?}"), format!("it went to {now:?}")]))
    }
}

impl Seen {
    fn of(node: &Node) -> Self {
        let raft = node.raft();
        Self { term: raft.term(), commit: raft.commit(), applied: raft.applied(), epoch: node.topology().epoch() }
    }
}
