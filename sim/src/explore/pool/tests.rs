//! Small pools.

use std::collections::BTreeSet;

use super::model::{Budgets, Model};
use super::{Pool, models};
use crate::explore::shipped::{Counts, Tier};
use crate::explore::{Double, Options, explore, under_two_seeds};

fn named(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("it is shipped")
}

#[test]
fn a_pinned_pool_counts_what_it_is_pinned_to_under_any_hash_seed() {
    for name in ["pool-grave", "pool-suspicion-links"] {
        let model = named(name);
        let pinned = model.pinned;
        let report = under_two_seeds(&Pool::new(model, 0), [0, 7], &Options::default()).expect("equal counts");
        assert!(report.is_green(), "{name}: {:?}", report.breaches);
        let Ok(depth) = u32::try_from(report.depth) else { panic!("{name} is {} deep", report.depth) };
        assert_eq!(pinned, Some(Counts { unique: report.unique, generated: report.generated, depth }), "{name}");
    }
}

#[test]
fn names_are_told_apart_and_every_pool_of_the_default_set_is_pinned() {
    let models = models::all();
    let names: BTreeSet<&str> = models.iter().map(|model| model.name).collect();
    assert_eq!(names.len(), models.len());
    for model in &models {
        assert!(model.pinned.is_some() || model.tier == Tier::Deep, "{} is not pinned", model.name);
        assert!(!model.sentence.is_empty() && !model.goals.is_empty(), "{} says too little", model.name);
    }
}

#[test]
fn steps_of_a_pool_are_deterministic_and_what_is_recalled_is_what_comes_of_them() {
    let small = Model { budgets: Budgets { probes: 2, ..Budgets::NONE }, pinned: None, ..named("pool-suspicion") };
    let pool = Pool::new(small, 0);
    let doubted = explore(&Double::one_in(&pool, 3), 0, &Options::default());
    assert!(doubted.breaches.is_empty(), "{:?}", doubted.breaches);
    assert_eq!(doubted.unique, explore(&pool, 0, &Options::default()).unique);
}
