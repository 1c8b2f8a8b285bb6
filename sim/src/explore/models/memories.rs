//! Disks are lost.

use super::super::cluster::model::{Asking, Budgets, Forget, Goal, Model, Network, UNBOUNDED};
use super::{base, counts, led, linked, reduced};

/// Returns the models.
pub(super) fn models() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: 2, wipes: 1, ..Budgets::NONE };
    let rejoined = &[Goal::SecondLeader, Goal::Reconfigured, Goal::Rejoined];
    vec![
        Model {
            name: "wipes",
            sentence: "A node loses its disk, comes back as a stranger and is admitted again as a learner.",
            forget: &[Forget::WriteNumbers, Forget::Levels],
            budgets: steady,
            goals: rejoined,
            pinned: Some(counts(88_026, 144_173, 40)),
            ..led()
        },
        Model {
            name: "wipes-links",
            sentence: "The same after one silence, over links that hold one message and lose any.",
            forget: &[Forget::WriteNumbers, Forget::Levels],
            budgets: Budgets { elections: 1, ..steady },
            goals: rejoined,
            symmetry: reduced(counts(990_152, 5_160_894, 32)),
            pinned: Some(counts(495_173, 2_580_999, 32)),
            ..linked()
        },
        Model {
            name: "wipes-forwards",
            sentence: "A node loses its disk beside a command that any node may forward.",
            forget: &[Forget::WriteNumbers, Forget::Levels],
            asking: Asking::Anywhere,
            budgets: Budgets { commands: 1, heartbeats: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered],
            pinned: Some(counts(365_144, 618_336, 35)),
            ..led()
        },
        Model {
            name: "wipes-elections",
            sentence: "A node loses its disk before or after anyone led, and stands for nothing by itself.",
            network: Network::Delay { deviations: 2 },
            forget: &[Forget::WriteNumbers, Forget::Levels],
            budgets: Budgets { heartbeats: 0, ..steady },
            goals: &[Goal::Leader, Goal::SecondLeader],
            pinned: Some(counts(78_196, 114_427, 40)),
            ..base()
        },
    ]
}
