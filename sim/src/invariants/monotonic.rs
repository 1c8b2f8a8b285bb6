//! Terms, commit and epoch never go back on a node.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::raft::Body;
use delian_core::{Epoch, Incarnation, LogIndex, Message, Node, NodeId, Term};

use super::{Breach, Invariant, View};

/// How far each node was seen.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct NothingGoesBack {
    seen: BTreeMap<NodeId, Seen>,
    /// The greatest term that each memory of a node ever spoke for: this outlives a crash, because others may have acted
    /// on it, but not the disk.
    spoken: BTreeMap<(NodeId, Incarnation), Term>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    term: Term,
    commit: LogIndex,
    applied: LogIndex,
    epoch: Epoch,
}

impl Invariant for NothingGoesBack {
    const NAME: &'static str = "nothing-goes-back";
    const SENTENCE: &'static str =
        "On a node that runs, term, commit and epoch never fall; below a term it spoke for it never restarts.";
}

impl NothingGoesBack {
    /// Forgets what was not on disk: a restart may come back with an older commit index, and catches up.
    pub(super) fn on_start(self: &mut Arc<Self>, id: NodeId, view: &impl View) -> Result<(), Breach> {
        Arc::make_mut(self).seen.remove(&id);
        self.on_step(id, view)
    }

    /// Notes the term of a message, unless it asks or answers for a term that the sender is not in yet.
    pub(super) fn on_send(self: &mut Arc<Self>, id: NodeId, message: &Message, view: &impl View) {
        let (Message::Raft(message), Some(node)) = (message, view.node(id)) else { return };
        if !matches!(message.body, Body::PreVote { .. } | Body::PreVoteAnswer(_)) {
            let memory = (id, node.raft().incarnation());
            if self.spoken.get(&memory).is_none_or(|spoken| *spoken < message.term) {
                Arc::make_mut(self).spoken.insert(memory, message.term);
            }
        }
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.seen = self.seen.iter().map(|(id, seen)| (names(*id), *seen)).collect();
        let spoken = self.spoken.iter();
        self.spoken = spoken.map(|((id, incarnation), term)| ((names(*id), *incarnation), *term)).collect();
    }

    /// What was spoken for decides about restarts to come; what was seen is what the nodes still show.
    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.spoken.hash(hasher);
    }

    pub(super) fn on_step(self: &mut Arc<Self>, id: NodeId, view: &impl View) -> Result<(), Breach> {
        let Some(node) = view.node(id) else { return Ok(()) };
        let now = Seen::of(node);
        let before = self.seen.get(&id).copied();
        if before != Some(now) {
            Arc::make_mut(self).seen.insert(id, now);
        }
        let before = before.unwrap_or_default();
        let spoken = self.spoken.get(&(id, node.raft().incarnation())).copied().unwrap_or_default();
        if now.term < spoken {
            return Err(Self::breach(vec![format!("{id} spoke for {spoken}"), format!("it is in {}", now.term)]));
        }
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
