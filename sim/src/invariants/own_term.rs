//! Only entries of the leader's own term are committed by counting (Raft, section 5.4.2, figure 8).

use delian_core::{NodeId, Position};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct OwnTermOnly;

impl Invariant for OwnTermOnly {
    const NAME: &'static str = "commit-by-own-term";
    const SENTENCE: &'static str = "A leader commits an entry of an older term only together with one of its own.";
}

/// The first commit of an entry is always its leader's decision, so the last of what it commits is of its term.
pub(super) fn on_commit(id: NodeId, last: Position, view: &impl View) -> Result<(), Breach> {
    let Some(node) = view.node(id) else { return Ok(()) };
    if node.raft().term() == last.term {
        return Ok(());
    }
    Err(OwnTermOnly::breach(vec![
        format!("{id} leads {}", node.raft().term()),
        format!("it committed {last}, which an older leader created, by counting"),
    ]))
}
