//! A leader is elected by the disks of a majority of the voters, whatever the candidate counted.

use delian_core::{NodeId, Term};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct DurableVotes;

impl Invariant for DurableVotes {
    const NAME: &'static str = "election-has-a-durable-majority";
    const SENTENCE: &'static str =
        "When a node becomes leader, the disks of a majority of the voters hold their votes for it.";
}

/// A voter may have gone on to a newer term since it answered; its disk then holds the newer vote alone.
pub(super) fn on_leader(id: NodeId, term: Term, view: &impl View) -> Result<(), Breach> {
    let voters = &view.configuration().voters;
    let stands = |voter: &NodeId| {
        view.hard_state_on_disk(*voter)
            .is_some_and(|on_disk| on_disk.term > term || (on_disk.term == term && on_disk.voted_for == Some(id)))
    };
    let backing: Vec<NodeId> = voters.iter().copied().filter(stands).collect();
    if backing.len() > voters.len() / 2 {
        return Ok(());
    }
    let names: Vec<String> = backing.iter().map(NodeId::to_string).collect();
    Err(DurableVotes::breach(vec![
        format!("{id} became leader of {term}"),
        format!(
            "of {} voters the disks of {} may hold a vote for it: {}",
            voters.len(),
            backing.len(),
            names.join(", ")
        ),
    ]))
}
