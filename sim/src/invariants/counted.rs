//! A leader's count of uncommitted bytes is true, or its limit on them would drift until it took everything or nothing.

use delian_core::raft::{Entry, Role};
use delian_core::{LogIndex, NodeId};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct CountedBytes;

impl Invariant for CountedBytes {
    const NAME: &'static str = "uncommitted-bytes-are-counted";
    const SENTENCE: &'static str =
        "What a leader counts as uncommitted is the cost of what its log holds beyond its commit.";
}

pub(super) fn on_sample(id: NodeId, view: &impl View) -> Result<(), Breach> {
    let Some(raft) = view.node(id).map(delian_core::Node::raft) else { return Ok(()) };
    let Role::Leader(leadership) = raft.role() else { return Ok(()) };
    let beyond = raft.commit().next().get()..=raft.log().last().index.get();
    let cost: u64 = beyond.filter_map(|index| raft.log().entry(LogIndex::new(index))).map(Entry::cost).sum();
    if leadership.uncommitted_bytes() == cost {
        return Ok(());
    }
    Err(CountedBytes::breach(vec![
        format!("{id} counts {} uncommitted bytes", leadership.uncommitted_bytes()),
        format!("its log from {} to {} costs {cost}", raft.commit(), raft.log().last()),
    ]))
}
