//! A leader replicates, and is replaced.

use delian_core::Config;

use super::super::cluster::model::{Budgets, Disk, Goal, Model, Network, Tier, UNBOUNDED};
use super::{SNAPSHOTS, compacting, counts, led, linked, reduced};

/// Returns the models.
// Long on purpose: one row for each model, to be read beside each other.
pub(super) fn models() -> Vec<Model> {
    let steady = Budgets { terms: 3, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 2, ..Budgets::NONE };
    let replicated = &[Goal::SecondLeader, Goal::Committed, Goal::Answered, Goal::Truncated];
    let mut models = vec![
        Model {
            name: "replication",
            sentence: "Three nodes, three terms and two commands, with two deviations from the order of delivery.",
            budgets: steady,
            goals: replicated,
            pinned: Some(counts(441_118, 668_375, 57)),
            ..led()
        },
        Model {
            name: "replication-links",
            sentence: "A leader takes a command and is replaced, over links that hold one message, lose any and double one.",
            network: Network::Fifo { cap: 1 },
            budgets: Budgets { terms: 2, elections: 1, heartbeats: 1, commands: 1, duplicates: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Answered],
            symmetry: reduced(counts(1_883_510, 12_933_866, 31)),
            pinned: Some(counts(941_890, 6_467_745, 31)),
            ..led()
        },
        Model {
            name: "replication-crash",
            sentence: "With slow disks, one crash loses any writes on their way; a flush takes its turn like a message.",
            disk: Disk::Slow,
            budgets: Budgets { crashes: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Answered, Goal::Recovered],
            pinned: Some(counts(6_780_276, 9_880_448, 81)),
            ..led()
        },
        Model {
            name: "replication-disks",
            sentence: "Flushes happen whenever they like, and a crash of any node keeps any prefix of its writes.",
            network: Network::Fifo { cap: 1 },
            disk: Disk::Slow,
            budgets: Budgets { terms: 1, heartbeats: 1, commands: 1, crashes: 1, ..Budgets::NONE },
            goals: &[Goal::Committed, Goal::Answered, Goal::Recovered],
            symmetry: reduced(counts(75_340, 427_648, 20)),
            pinned: Some(counts(37_917, 215_374, 20)),
            ..led()
        },
        Model {
            name: "figure-8",
            sentence: "Entries travel one by one through four terms, so that one of an old term may reach a majority alone.",
            config: one_by_one,
            budgets: Budgets { terms: 4, commands: 1, ..steady },
            goals: replicated,
            pinned: Some(counts(563_181, 852_088, 64)),
            ..led()
        },
        Model {
            name: "figure-8-links",
            sentence: "Entries travel one by one through three terms after two silences, over links that lose any.",
            config: one_by_one,
            budgets: Budgets { terms: 3, elections: 2, commands: 1, ..Budgets::NONE },
            goals: replicated,
            symmetry: reduced(counts(1_137_030, 5_693_456, 38)),
            pinned: Some(counts(568_575, 2_846_992, 38)),
            ..linked()
        },
        Model {
            name: "replication-deep",
            sentence: "Replication with three deviations.",
            network: Network::Delay { deviations: 3 },
            budgets: steady,
            goals: replicated,
            tier: Tier::Deep,
            pinned: Some(counts(4_922_225, 7_667_133, 64)),
            ..led()
        },
    ];
    models.extend(snapshots());
    models
}

/// The same, where followers need snapshots.
fn snapshots() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 2, ..Budgets::NONE };
    vec![
        Model {
            name: "snapshots",
            sentence: "Every other entry is compacted away, so that whoever fell behind needs a snapshot.",
            config: compacting,
            deadlines: SNAPSHOTS,
            budgets: steady,
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Installed],
            pinned: Some(counts(102_956, 157_194, 46)),
            ..led()
        },
        Model {
            name: "snapshots-links",
            sentence: "The same for one command and one silence, over links that hold one message and lose any.",
            config: compacting,
            deadlines: SNAPSHOTS,
            budgets: Budgets { terms: 2, elections: 1, heartbeats: 1, commands: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Installed],
            symmetry: reduced(counts(469_912, 2_509_340, 33)),
            pinned: Some(counts(235_023, 1_255_024, 33)),
            ..linked()
        },
        Model {
            name: "snapshots-deep",
            sentence: "With three commands and three deviations, a snapshot may come late.",
            config: compacting,
            network: Network::Delay { deviations: 3 },
            deadlines: SNAPSHOTS,
            budgets: Budgets { commands: 3, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Installed],
            tier: Tier::Deep,
            pinned: Some(counts(2_260_482, 3_499_295, 58)),
            ..led()
        },
    ]
}

/// Each append carries a single entry, and several are out at once.
fn one_by_one(config: &mut Config) {
    config.append_bytes_max = 1;
}
