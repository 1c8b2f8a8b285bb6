//! A commit is backed by the disks of a majority of the logged voters, whatever the nodes say.

use delian_core::{NodeId, Position};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct DurableMajority;

impl Invariant for DurableMajority {
    const NAME: &'static str = "commit-has-a-durable-majority";
    const SENTENCE: &'static str =
        "When an entry is first committed, the disks of a majority of the logged voters hold it.";
}

pub(super) fn on_commit(id: NodeId, last: Position, view: &impl View) -> Result<(), Breach> {
    let voters = &view.configuration().voters;
    let holders: Vec<NodeId> = voters.iter().copied().filter(|voter| view.disk_holds(*voter, last)).collect();
    if holders.len() > voters.len() / 2 {
        return Ok(());
    }
    let names: Vec<String> = holders.iter().map(NodeId::to_string).collect();
    Err(DurableMajority::breach(vec![
        format!("{id} committed {last}"),
        format!("of {} logged voters the disks of {} hold it: {}", voters.len(), holders.len(), names.join(", ")),
    ]))
}
