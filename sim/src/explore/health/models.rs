//! The watches that are explored: each a few voters and nodes, and bounds.

use delian_core::health::HealthConfig;

use super::model::{Budgets, Goal, Model};
use crate::explore::shipped::{Counts, Heal, Tier};

/// Returns all models, those of the default set first.
// Long on purpose: one row for each model, to be read beside each other.
pub fn all() -> Vec<Model> {
    let mut all = vec![
        Model {
            name: "orchestrator-silence",
            sentence: "A node falls silent, fails, recovers or is evicted, and registers again, while the lead changes.",
            budgets: Budgets { ticks: 4, beats: 1, elections: 1, registrations: 1, ..Budgets::NONE },
            goals: &[
                Goal::Silent,
                Goal::Recovered,
                Goal::Evicted,
                Goal::Returned,
                Goal::EvictionVoid,
                Goal::FindingVoid,
                Goal::TookOver,
                Goal::FoundEarlier,
                Goal::FoundInVain,
            ],
            pinned: Some(counts(88_304, 469_361, 27)),
            ..base()
        },
        Model {
            name: "orchestrator-reach",
            sentence: "Failure detectors say of a node what they like, late news of earlier lives included, and it registers again.",
            budgets: Budgets { ticks: 2, words: 2, elections: 1, registrations: 1, ..Budgets::NONE },
            goals: &[Goal::Unreachable, Goal::Recovered, Goal::Evicted, Goal::Returned, Goal::EvictionVoid],
            pinned: Some(counts(292_563, 1_113_788, 30)),
            ..base()
        },
        Model {
            name: "orchestrator-leave",
            sentence: "A node is to leave, stays after all or says goodbye, while it falls silent and the lead changes.",
            budgets: Budgets { ticks: 3, elections: 1, drains: 2, farewells: 1, ..Budgets::NONE },
            goals: &[Goal::Silent, Goal::LeaveEnded, Goal::LeaveKept, Goal::EvictionVoid, Goal::FindingVoid],
            pinned: Some(counts(90_680, 364_664, 20)),
            ..base()
        },
        Model {
            name: "orchestrator-scores",
            sentence: "A node falls silent level by level or says that it fares badly, and its heartbeats overtake each other, before one voter that may sleep.",
            voters: 1,
            config: two_levels,
            budgets: Budgets { ticks: 3, pauses: 1, beats: 2, complaints: 1, ..Budgets::NONE },
            goals: &[Goal::Degraded, Goal::Silent, Goal::Recovered],
            pinned: Some(counts(5_560, 21_295, 33)),
            ..base()
        },
        Model {
            name: "orchestrator-deep",
            sentence: "Silence, death notices, sleep, a change of the lead and another registration, all at once.",
            budgets: Budgets {
                ticks: 3,
                pauses: 1,
                beats: 1,
                words: 1,
                elections: 1,
                registrations: 1,
                ..Budgets::NONE
            },
            goals: &[
                Goal::Silent,
                Goal::Unreachable,
                Goal::Recovered,
                Goal::Evicted,
                Goal::TookOver,
                Goal::EvictionVoid,
            ],
            tier: Tier::Deep,
            ..base()
        },
    ];
    all.sort_by_key(|model| model.tier);
    all
}

/// The model that others are variations of: two voters watch one node, and nothing happens.
fn base() -> Model {
    Model {
        name: "",
        sentence: "",
        voters: 2,
        nodes: 1,
        config: as_it_comes,
        tail_max: 2,
        budgets: Budgets::NONE,
        heal: Heal::Required,
        goals: &[],
        tier: Tier::Default,
        pinned: None,
    }
}

const fn counts(unique: u64, generated: u64, depth: u32) -> Counts {
    Counts { unique, generated, depth }
}

fn as_it_comes(_: &mut HealthConfig) {}

/// A silence is a failure at the second level, one tick after the first.
fn two_levels(config: &mut HealthConfig) {
    config.silence_levels = 2;
}
