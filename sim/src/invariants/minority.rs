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

/// A message of before the cut may complete an older entry; one created after it has no way to a quorum and back.
pub(super) fn on_commit(
    id: NodeId,
    last: Position,
    created: Option<Time>,
    view: &impl View,
) -> Result<(), Breach> {
    let (Some(since), Some(created)) = (view.without_quorum_since(id), created) else { return Ok(()) };
    if created <= since {
        return Ok(());
    }
    Err(MinorityCommitsNothing::breach(vec![
        format!("{id} has been without a quorum since {since}"),
        format!("it committed {last}, which was created at {created}"),
    ]))
}
