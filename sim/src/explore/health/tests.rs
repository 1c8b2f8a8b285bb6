//! Small watches.

use std::collections::BTreeSet;

use super::model::{Budgets, Model};
use super::{Orchestrator, models};
use crate::explore::shipped::{Counts, Tier};
use crate::explore::{Double, Options, explore, under_two_seeds};

fn named(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("it is shipped")
}

#[test]
fn a_pinned_watch_counts_what_it_is_pinned_to_under_any_hash_seed() {
    let model = named("orchestrator-leave");
    let pinned = model.pinned;
    let report = under_two_seeds(&Orchestrator::new(model, 0), [0, 7], &Options::default()).expect("equal counts");
    assert!(report.is_green(), "{:?}", report.breaches);
    let Ok(depth) = u32::try_from(report.depth) else { panic!("it is {} deep", report.depth) };
    assert_eq!(pinned, Some(Counts { unique: report.unique, generated: report.generated, depth }));
}

#[test]
fn names_are_told_apart_and_every_watch_of_the_default_set_is_pinned() {
    let models = models::all();
    let names: BTreeSet<&str> = models.iter().map(|model| model.name).collect();
    assert_eq!(names.len(), models.len());
    for model in &models {
        assert!(model.pinned.is_some() || model.tier == Tier::Deep, "{} is not pinned", model.name);
        assert!(!model.sentence.is_empty() && !model.goals.is_empty(), "{} says too little", model.name);
    }
}

#[test]
fn steps_of_a_watch_are_deterministic() {
    let budgets = Budgets { ticks: 3, beats: 1, elections: 1, ..Budgets::NONE };
    let small = Model { budgets, goals: &[], pinned: None, ..named("orchestrator-silence") };
    let watch = Orchestrator::new(small, 0);
    let doubted = explore(&Double::one_in(&watch, 3), 0, &Options::default());
    assert!(doubted.breaches.is_empty(), "{:?}", doubted.breaches);
    assert_eq!(doubted.unique, explore(&watch, 0, &Options::default()).unique);
}
