//! Nothing happens but elections.

use super::super::cluster::model::{Budgets, Disk, Goal, Heal, Model, Network, Symmetry, Tier, UNBOUNDED};
use super::{base, counts, reduced};

/// Returns the models.
pub(super) fn models() -> Vec<Model> {
    let quiet = Budgets { terms: 2, elections: UNBOUNDED, ..Budgets::NONE };
    vec![
        Model {
            name: "elections-3",
            sentence: "Three nodes stand for two terms after two silences, over links that hold one message and lose any.",
            budgets: Budgets { terms: 2, elections: 2, ..Budgets::NONE },
            goals: &[Goal::Leader, Goal::SecondLeader],
            symmetry: reduced(counts(115_984, 542_946, 26)),
            pinned: Some(counts(19_364, 90_603, 26)),
            ..base()
        },
        Model {
            name: "elections-3-crash",
            sentence: "Three nodes with slow disks stand for three terms, and one crash loses any writes on their way.",
            network: Network::Delay { deviations: 2 },
            disk: Disk::Slow,
            budgets: Budgets { terms: 3, crashes: 1, ..quiet },
            goals: &[Goal::Leader, Goal::SecondLeader, Goal::Recovered],
            pinned: Some(counts(985_978, 1_333_227, 77)),
            ..base()
        },
        Model {
            name: "elections-4",
            sentence: "Four nodes stand for two terms after two silences: half of an even number is no majority.",
            voters: 4,
            budgets: Budgets { terms: 2, elections: 2, ..Budgets::NONE },
            goals: &[Goal::Leader, Goal::SecondLeader],
            symmetry: Symmetry::Reduced { from: None },
            pinned: Some(counts(363_988, 2_487_680, 39)),
            ..base()
        },
        Model {
            name: "elections-4-crash",
            sentence: "The same, while one of the four may crash.",
            voters: 4,
            budgets: Budgets { terms: 2, elections: 2, crashes: 1, ..Budgets::NONE },
            goals: &[Goal::Leader, Goal::SecondLeader, Goal::Recovered],
            symmetry: Symmetry::Reduced { from: None },
            tier: Tier::Deep,
            pinned: Some(counts(4_589_823, 32_801_500, 42)),
            ..base()
        },
        Model {
            name: "elections-3-set",
            sentence: "Three nodes stand for one term after two silences, over a network that delivers anything anytime.",
            network: Network::Set,
            budgets: Budgets { terms: 1, elections: 2, ..Budgets::NONE },
            heal: Heal::Skipped,
            symmetry: reduced(counts(379_675, 7_087_929, 24)),
            pinned: Some(counts(63_307, 1_181_652, 24)),
            ..base()
        },
    ]
}
