//! What a leader takes for matched is on that peer's disk.
//!
//! A leader commits by what it takes for matched, so this sees a wrong match before it costs a committed entry.

use delian_core::raft::{Progress, Role};
use delian_core::{NodeId, Position};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct MatchedIsOnDisk;

impl Invariant for MatchedIsOnDisk {
    const NAME: &'static str = "matched-is-on-the-peers-disk";
    const SENTENCE: &'static str = "Up to where a leader takes a peer's log for its own, that peer's disk holds it.";
}

pub(super) fn on_sample(id: NodeId, view: &impl View) -> Result<(), Breach> {
    let Some(raft) = view.node(id).map(delian_core::Node::raft) else { return Ok(()) };
    let Role::Leader(leadership) = raft.role() else { return Ok(()) };
    for (peer, Progress { incarnation, matched, .. }) in leadership.progress().iter() {
        // What the leader has forgotten is committed, and others judge that.
        let Some(position) = raft.log().term_at(*matched).map(|term| Position::new(term, *matched)) else { continue };
        let disk = view.memory(peer, *incarnation);
        // A newer leader may have replaced it since, unknown to this one.
        let is_newer = disk.is_some_and(|disk| disk.hard_state.term > raft.term());
        if position == Position::ZERO || is_newer || disk.is_some_and(|disk| super::holds(disk, position)) {
            continue;
        }
        return Err(MatchedIsOnDisk::breach(vec![
            format!("{id}, which leads {}, takes {peer} for matched up to {position}", raft.term()),
            format!("the disk of {peer} does not hold {position}"),
        ]));
    }
    Ok(())
}
