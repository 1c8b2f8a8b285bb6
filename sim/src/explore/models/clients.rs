//! Clients that are answered late, twice or by another.

use super::super::cluster::model::{Asking, Budgets, Goal, Model, Network, UNBOUNDED};
use super::{SNAPSHOTS, compacting, counts, led, linked, reduced};

/// Returns the models.
pub(super) fn models() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 1, ..Budgets::NONE };
    let answered = &[Goal::SecondLeader, Goal::Committed, Goal::Answered];
    vec![
        Model {
            name: "forwards",
            sentence: "A command is given to any node, which forwards it to the leader that it follows.",
            asking: Asking::Anywhere,
            budgets: steady,
            goals: answered,
            pinned: Some(counts(93_014, 145_702, 38)),
            ..led()
        },
        Model {
            name: "forwards-links",
            sentence: "The same, over links that hold one message, lose any and double one.",
            asking: Asking::Anywhere,
            budgets: Budgets { terms: 2, elections: 1, commands: 1, duplicates: 1, ..Budgets::NONE },
            goals: answered,
            symmetry: reduced(counts(584_146, 3_236_424, 27)),
            pinned: Some(counts(292_740, 1_620_768, 27)),
            ..linked()
        },
        Model {
            name: "sessions",
            sentence: "A command is asked for twice within a session, at any nodes, while leaders change.",
            asking: Asking::Retrying,
            network: Network::Delay { deviations: 1 },
            budgets: Budgets { commands: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered, Goal::Repeated],
            pinned: Some(counts(41_593, 59_866, 40)),
            ..led()
        },
        Model {
            name: "sessions-links",
            sentence: "The same, while the leader hands over, over links that hold one message and lose any.",
            asking: Asking::Retrying,
            deadlines: &[],
            budgets: Budgets { terms: 2, commands: 2, transfers: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Answered, Goal::Repeated],
            symmetry: reduced(counts(1_539_478, 5_776_830, 30)),
            pinned: Some(counts(783_120, 2_931_369, 30)),
            ..linked()
        },
        Model {
            name: "sessions-snapshots",
            sentence: "A command is asked for twice, while entries are compacted away, so that sessions travel in snapshots.",
            asking: Asking::Retrying,
            network: Network::Delay { deviations: 1 },
            config: compacting,
            deadlines: SNAPSHOTS,
            budgets: Budgets { commands: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered, Goal::Repeated, Goal::Installed],
            pinned: Some(counts(45_229, 64_574, 44)),
            ..led()
        },
    ]
}
