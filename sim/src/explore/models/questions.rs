//! What is asked of leaders beside commands.

use delian_core::projection::Deadline;

use super::super::cluster::model::{Budgets, Forget, Goal, Model, Network, UNBOUNDED};
use super::{counts, led, linked, reduced};

/// What may be due where leaders hand over, or give that up.
const TRANSFERS: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::TransferAbort];

/// What may be due where leaders look whether a quorum answers.
const CHECKS: &[Deadline] = &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::QuorumCheck];

/// Returns the models.
// Long on purpose: one row for each model, to be read beside each other.
pub(super) fn models() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 1, ..Budgets::NONE };
    vec![
        Model {
            name: "transfer",
            sentence: "A leader hands over while it takes a command, or gives that up.",
            deadlines: TRANSFERS,
            budgets: Budgets { transfers: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Transferred],
            pinned: Some(counts(88_383, 140_186, 36)),
            ..led()
        },
        Model {
            name: "transfer-links",
            sentence: "The same, over links that hold one message and lose any.",
            deadlines: TRANSFERS,
            budgets: Budgets { terms: 2, heartbeats: 1, commands: 1, transfers: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Transferred],
            symmetry: reduced(counts(509_028, 2_718_488, 26)),
            pinned: Some(counts(254_590, 1_359_633, 26)),
            ..linked()
        },
        Model {
            name: "reads",
            sentence: "A read at any node beside a command, while leaders change; rounds of heartbeats are told apart.",
            network: Network::Delay { deviations: 1 },
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { reads: 2, heartbeats: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Read],
            pinned: Some(counts(541_557, 800_209, 53)),
            ..led()
        },
        Model {
            name: "reads-terms",
            sentence: "Two reads through three terms, so that whoever took one in may lead again before it is answered.",
            network: Network::Delay { deviations: 1 },
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { terms: 3, elections: 2, reads: 2, heartbeats: 2, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Read],
            pinned: Some(counts(652_777, 966_563, 60)),
            ..led()
        },
        Model {
            name: "reads-links",
            sentence: "A read after a round of heartbeats, while leaders change, over links that hold one message and lose any.",
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { terms: 2, elections: 1, reads: 1, heartbeats: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Read],
            symmetry: reduced(counts(1_360_952, 6_482_466, 28)),
            pinned: Some(counts(680_538, 3_241_527, 28)),
            ..linked()
        },
        Model {
            name: "reads-first",
            sentence: "A read and a command while leaders change, over links that hold one message and lose any.",
            deadlines: &[Deadline::Election, Deadline::Presumption],
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { terms: 2, elections: 1, reads: 1, commands: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Read],
            symmetry: reduced(counts(2_760_160, 13_569_528, 32)),
            pinned: Some(counts(1_380_184, 6_785_276, 32)),
            ..linked()
        },
        Model {
            name: "quorum-check",
            sentence: "A leader that does not hear from a quorum steps down by itself.",
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            deadlines: CHECKS,
            budgets: Budgets { checks: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::QuorumLost],
            pinned: Some(counts(323_487, 524_177, 43)),
            ..led()
        },
        Model {
            name: "quorum-check-links",
            sentence: "The same, over links that hold one message and lose any.",
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            deadlines: CHECKS,
            budgets: Budgets { terms: 2, elections: 1, checks: 2, commands: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::QuorumLost],
            symmetry: reduced(counts(228_803, 1_055_020, 27)),
            pinned: Some(counts(114_517, 527_933, 27)),
            ..linked()
        },
    ]
}
