//! The quorum changes.

use delian_core::NodeId;
use delian_core::raft::QuorumChange;

use super::super::cluster::model::{Budgets, Forget, Goal, Model, Network, Tier, UNBOUNDED};
use super::{counts, led, linked};

/// Returns the models.
// Long on purpose: one row for each model, to be read beside each other.
pub(super) fn models() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, changes: 2, ..Budgets::NONE };
    let changed = &[Goal::SecondLeader, Goal::Reconfigured];
    let node = NodeId::new;
    vec![
        Model {
            name: "changes-one-step",
            sentence: "A learner gets a voice and a voter loses its own, one after the other, in any order.",
            learners: 1,
            budgets: steady,
            changes: vec![QuorumChange::Promote(node(4)), QuorumChange::Demote(node(3))],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(624_489, 968_294, 71)),
            ..led()
        },
        Model {
            name: "changes-one-step-links",
            sentence: "One of the two, before or after the leader hands over, over links that hold one message and lose any.",
            learners: 1,
            deadlines: &[],
            budgets: Budgets { terms: 2, transfers: 1, changes: 1, ..Budgets::NONE },
            changes: vec![QuorumChange::Promote(node(4)), QuorumChange::Demote(node(3))],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(1_069_673, 6_257_482, 27)),
            ..linked()
        },
        Model {
            name: "changes-joint",
            sentence: "The leader and another voter are replaced at once through a joint configuration.",
            learners: 2,
            budgets: Budgets { changes: 1, ..steady },
            changes: vec![QuorumChange::Replace { voters: [node(3), node(4), node(5)].into() }],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(384_926, 566_780, 81)),
            ..led()
        },
        Model {
            name: "changes-joint-command",
            sentence: "The same beside a command, with one deviation from the order of delivery.",
            learners: 2,
            network: Network::Delay { deviations: 1 },
            budgets: Budgets { changes: 1, commands: 1, ..steady },
            changes: vec![QuorumChange::Replace { voters: [node(3), node(4), node(5)].into() }],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(63_524, 94_695, 92)),
            ..led()
        },
        Model {
            name: "changes-joint-links",
            sentence: "The leader gives way to a learner through a joint configuration, or hands over, over links that lose any.",
            learners: 1,
            deadlines: &[],
            budgets: Budgets { terms: 2, transfers: 1, changes: 1, ..Budgets::NONE },
            changes: vec![QuorumChange::Replace { voters: [node(2), node(3), node(4)].into() }],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(1_744_074, 11_308_887, 30)),
            ..linked()
        },
        Model {
            name: "changes-of-four",
            sentence: "Four voters get a fifth and lose one, in any order, through three terms and two silences.",
            voters: 4,
            learners: 1,
            budgets: Budgets { terms: 3, elections: 2, heartbeats: 0, ..steady },
            changes: vec![QuorumChange::Promote(node(5)), QuorumChange::Demote(node(4))],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            tier: Tier::Deep,
            ..led()
        },
    ]
}
