//! A side without a quorum commits nothing that it created there.

use delian_core::{NodeId, Position, Time};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct MinorityCommitsNothing;

impl Invariant for MinorityCommitsNothing {
    const NAME: &'static str = "minority-commits-nothing";
    const SENTENCE: &'static str = "An entry created while its leader is cut off from a quorum does not commit there.";
}

/// A quorum need not be reachable at one moment: one voter may answer before it is cut off and another after. So what
/// counts is whom the leader could reach and hear, each at some moment since it created the entry.
pub(super) fn on_commit(id: NodeId, last: Position, created: Option<Time>, view: &impl View) -> Result<(), Breach> {
    let Some(created) = created else { return Ok(()) };
    let voters = view.configuration().voters.len();
    let reached = view.voters_reached_since(id, created);
    if reached > voters / 2 {
        return Ok(());
    }
    Err(MinorityCommitsNothing::breach(vec![
        format!("{last} was created at {created} and committed by {id}"),
        format!("since then {id} could exchange messages with {reached} of {voters} voters, itself included"),
    ]))
}
