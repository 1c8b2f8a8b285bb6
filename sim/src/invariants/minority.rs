//! A side without a quorum commits nothing that it created there.

use delian_core::{NodeId, Position, Time};

use super::ledger::Ledger;
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
pub(super) fn on_commit(
    id: NodeId,
    last: Position,
    created: Option<Time>,
    ledger: &Ledger,
    view: &impl View,
) -> Result<(), Breach> {
    let Some(created) = created else { return Ok(()) };
    let (_, configuration) = ledger.in_force(id, view);
    let reached = |voter| view.reached_since(id, voter, created);
    if configuration.is_quorum_of(reached) {
        return Ok(());
    }
    let names: Vec<String> = configuration.all_voters().filter(|it| reached(*it)).map(|it| it.to_string()).collect();
    Err(MinorityCommitsNothing::breach(vec![
        format!("{last} was created at {created} and committed by {id}"),
        format!("since then {id} could exchange messages with {} alone", names.join(", ")),
        format!("{} decide", super::voters(configuration)),
    ]))
}
