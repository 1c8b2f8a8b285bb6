//! A leader is elected by the disks of a majority of the voters, whatever the candidate counted.

use delian_core::raft::Recovered;
use delian_core::{NodeId, Term};

use super::ledger::Ledger;
use super::{Breach, Invariant, View, lost_memory};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct DurableVotes;

impl Invariant for DurableVotes {
    const NAME: &'static str = "election-has-a-durable-majority";
    const SENTENCE: &'static str = "When a node becomes leader, the disks of a majority of the voters of the configuration in its log hold their votes for it, of both sets if that is joint.";
}

/// A voter may have gone on to a newer term since it answered; its disk then holds the newer vote alone.
pub(super) fn on_leader(id: NodeId, term: Term, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    let (_, configuration) = ledger.in_force(id, view);
    let backs = |disk: &Recovered| {
        let on_disk = disk.hard_state;
        on_disk.term > term || (on_disk.term == term && on_disk.voted_for == Some(id))
    };
    let stands = |voter| view.memory(voter, configuration.incarnation(voter)).is_some_and(backs);
    if configuration.is_quorum_of(stands) {
        return Ok(());
    }
    let stands_now = |voter| view.disk(voter).is_some_and(backs);
    lost_memory::judge(configuration, stands, stands_now, &format!("{id} became leader of {term}"))?;
    let backing: Vec<String> =
        configuration.all_voters().filter(|voter| stands(*voter)).map(|it| it.to_string()).collect();
    Err(DurableVotes::breach(vec![
        format!("{id} became leader of {term}"),
        format!(
            "{} decide; of their disks those of {} may hold a vote for it",
            super::voters(configuration),
            backing.join(", ")
        ),
    ]))
}
