//! A commit is backed by the disks of a majority of the voters, whatever the nodes say.

use delian_core::{NodeId, Position};

use super::ledger::Ledger;
use super::{Breach, Invariant, View, lost_memory};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct DurableMajority;

impl Invariant for DurableMajority {
    const NAME: &'static str = "commit-has-a-durable-majority";
    const SENTENCE: &'static str = "When an entry is first committed, the disks of a majority of the voters of the configuration in force hold it, of both sets if that is joint.";
}

/// Judged by the configuration in force in the leader's log, which is the last one there, committed or not.
pub(super) fn on_commit(id: NodeId, last: Position, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    let (_, configuration) = ledger.in_force(id, view);
    let holds = |voter| view.disk_holds(voter, configuration.incarnation(voter), last);
    if configuration.is_quorum_of(holds) {
        return Ok(());
    }
    let now_holds = |voter| view.disk(voter).is_some_and(|disk| super::holds(disk, last));
    lost_memory::judge(configuration, holds, now_holds, &format!("{id} committed {last}"))?;
    let holders: Vec<String> =
        configuration.all_voters().filter(|voter| holds(*voter)).map(|it| it.to_string()).collect();
    Err(DurableMajority::breach(vec![
        format!("{id} committed {last}"),
        format!("{} decide; of their disks those of {} hold it", super::voters(configuration), holders.join(", ")),
    ]))
}
