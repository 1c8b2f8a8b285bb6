//! Configurations follow each other so that no two of them decide apart (Ongaro 2014, chapter 4).
//!
//! One voter more or less, or a joint configuration, are ways to keep this; what is judged here is what they are for:
//! whatever makes a majority under the one has a voter in common with whatever makes one under the other.

use delian_core::raft::{Configuration, Payload, Record};
use delian_core::{NodeId, Position, Term};

use super::ledger::Ledger;
use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct SharedQuorum;

impl Invariant for SharedQuorum {
    const NAME: &'static str = "configurations-share-a-quorum";
    const SENTENCE: &'static str = "A leader appends a configuration only when the one before it is committed, and every majority that decides has a voter in common with every majority of the committed configuration.";
}

/// Judges each configuration that a leader appends.
pub(super) fn on_write(id: NodeId, record: &Record, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    let Record::Append { after, entries } = record else { return Ok(()) };
    let leads = |term| view.node(id).is_some_and(|node| node.raft().is_leader() && node.raft().term() == term);
    for (offset, entry) in entries.iter().enumerate() {
        let Payload::Configuration(next) = &entry.payload else { continue };
        if !leads(entry.term) {
            continue;
        }
        let position = Position::new(entry.term, after.advanced_by(offset).next());
        let (at, before) = ledger.configuration(ledger.before(position));
        if !ledger.is_committed(at) {
            return Err(SharedQuorum::breach(vec![
                format!("{id} appended a configuration at {position}"),
                format!("the one before it, of {at}, is not committed"),
            ]));
        }
        judge((at, before), (position, next), &format!("{id} appended the configuration of {position}"))?;
    }
    Ok(())
}

/// Judges who elected a leader, unless its term was over before it was known to have begun.
pub(super) fn on_leader(id: NodeId, term: Term, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    if ledger.tip().term >= term {
        return Ok(());
    }
    judge(ledger.committed_configuration(), ledger.in_force(id, view), &format!("{id} became leader of {term}"))
}

/// Judges who committed, by the configuration that was committed before.
pub(super) fn on_commit(id: NodeId, before: Position, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    judge(ledger.configuration(before), ledger.in_force(id, view), &format!("{id} committed more than {before}"))
}

fn judge(
    (at, committed): (Position, &Configuration),
    (position, deciding): (Position, &Configuration),
    what: &str,
) -> Result<(), Breach> {
    if at == position || share_a_quorum(committed, deciding) {
        return Ok(());
    }
    Err(SharedQuorum::breach(vec![
        what.to_string(),
        format!("by the configuration of {position}, {} decide", super::voters(deciding)),
        format!("by that of {at}, which is committed, {} do", super::voters(committed)),
    ]))
}

/// Returns whether no two majorities, one of each configuration, are strangers to each other.
fn share_a_quorum(one: &Configuration, other: &Configuration) -> bool {
    // Whoever votes in one of them alone stands on its side; the others are tried on either.
    let contested: Vec<NodeId> = one.all_voters().filter(|voter| other.is_voter(*voter)).collect();
    let sides_with_one =
        |voter, sides: u32| contested.iter().position(|it| *it == voter).map(|at| sides >> at & 1 == 1);
    let apart = |sides: u32| {
        one.is_quorum_of(|voter| sides_with_one(voter, sides).unwrap_or(true))
            && other.is_quorum_of(|voter| !sides_with_one(voter, sides).unwrap_or(false))
    };
    !(0..1_u32 << contested.len()).any(apart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use delian_core::raft::QuorumChange;

    fn of(voters: &[u64], learners: &[u64]) -> Configuration {
        let ids = |numbers: &[u64]| numbers.iter().copied().map(NodeId::new).collect();
        Configuration::founding(ids(voters), ids(learners))
    }

    #[test]
    fn one_voter_at_a_time_shares_a_quorum_and_two_do_not() {
        assert!(share_a_quorum(&of(&[1, 2, 3], &[]), &of(&[1, 2, 3, 4], &[])));
        assert!(share_a_quorum(&of(&[1, 2, 3], &[]), &of(&[1, 2], &[])));
        assert!(!share_a_quorum(&of(&[1, 2, 3], &[]), &of(&[1, 2, 3, 4, 5], &[])));
        assert!(!share_a_quorum(&of(&[1], &[]), &of(&[2], &[])));
    }

    #[test]
    fn a_joint_configuration_shares_a_quorum_with_both_of_its_sides() {
        let before = of(&[1, 2, 3], &[4, 5, 6]);
        let joint = before.changed(&QuorumChange::Replace { voters: [4, 5, 6].map(NodeId::new).into() });
        let joint = joint.expect("they are learners");
        assert!(share_a_quorum(&before, &joint));
        assert!(share_a_quorum(&joint, &of(&[4, 5, 6], &[])));
        assert!(!share_a_quorum(&before, &of(&[4, 5, 6], &[])));
    }
}
