//! Pictures of paths that a reader can follow.

use super::{Kind, Picture, Reach, Row};
use crate::explore::cluster::Cluster;
use crate::explore::cluster::model::{Model, UNBOUNDED};
use crate::explore::jumps::{Jumps, Stage, look};
use crate::explore::path::FollowError;
use crate::explore::shipped::Shipped;
use crate::explore::{Limits, System, models};

fn model(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("there is such a model")
}

fn cluster(name: &str) -> Cluster {
    Cluster::new(model(name), 0)
}

fn picture(cluster: &Cluster, places: &[u16]) -> Picture {
    cluster.picture(places).expect("the path can be followed")
}

fn place_of(picture: &Picture, what: &str) -> u16 {
    let found = picture.actions.iter().find(|action| action.what.starts_with(what));
    found.unwrap_or_else(|| panic!("nothing of {what} in {:?}", picture.actions)).place
}

fn row<'a>(picture: &'a Picture, node: usize, name: &str) -> &'a Row {
    picture.nodes[node].rows.iter().find(|row| row.name == name).expect("every node has each row")
}

fn jumps(cluster: &Cluster) -> Jumps {
    let limits = Limits { states_max: 200_000, ..Limits::default() };
    let mut last = Jumps::none(cluster, &limits);
    look(cluster, 0, limits, &mut |jumps| {
        last = jumps;
        std::ops::ControlFlow::Continue(())
    });
    last
}

#[test]
fn the_beginning_has_no_differences() {
    for model in models::all() {
        let cluster = Cluster::new(model, 0);
        let begun = picture(&cluster, &[]);
        assert!(begun.nodes.iter().all(|node| !node.rows.iter().any(Row::is_changed) && !node.has_other_changes));
        assert!(begun.flight.iter().all(|flying| !flying.is_new) && begun.landed.is_empty());
        assert!(!begun.actions.is_empty() && begun.breach.is_none());
        assert_eq!((begun.path.as_str(), begun.steps.len()), ("", 0));
    }
}

#[test]
fn a_step_marks_what_it_changed_and_nothing_else() {
    let cluster = cluster("replication-disks");
    let place = place_of(&picture(&cluster, &[]), "n1 is given command");
    let told = picture(&cluster, &[place]);
    assert_eq!(told.steps[0].place, place);
    let log = row(&told, 0, "log");
    assert_eq!(log.parts.iter().map(|part| part.is_new).collect::<Vec<_>>(), [false, true]);
    assert_eq!(log.parts[1].text, "i2 t1 command 1");
    assert_eq!([log.parts[0].reach, log.parts[1].reach], [Some(Reach::Committed), Some(Reach::InMemory)]);
    assert!(row(&told, 0, "waits for disk").is_changed());
    assert!(told.nodes[1..].iter().all(|node| !node.rows.iter().any(Row::is_changed)));
    assert!(told.flight.iter().all(|flying| flying.is_new) && !told.flight.is_empty());
    let commands = told.budgets.iter().find(|row| row.name == "commands").expect("the model has commands");
    assert_eq!((commands.parts[0].text.as_str(), &commands.gone), ("0 of 1", &vec!["1 of 1".to_owned()]));
}

#[test]
fn a_choice_has_the_place_and_the_words_of_its_action() {
    let cluster = cluster("elections-3");
    let first = place_of(&picture(&cluster, &[]), "n1 misses its leader");
    let asked = picture(&cluster, &[first]);
    let mut actions = Vec::new();
    let mut state = cluster.initial();
    cluster.actions(&state, &mut actions);
    cluster.step(&mut state, actions[usize::from(first)]).expect("nothing breaks");
    actions.clear();
    cluster.actions(&state, &mut actions);
    assert_eq!(asked.actions.len(), actions.len());
    for (choice, action) in asked.actions.iter().zip(&actions) {
        assert_eq!(choice.what, cluster.tell(&state, *action));
    }
    let lost = asked.actions.iter().find(|choice| choice.what.starts_with("lost:")).expect("links lose");
    assert_eq!((lost.kind, lost.item), (Kind::Network, Some(0)));
}

#[test]
fn a_path_that_is_not_enabled_is_refused() {
    let refused = cluster("elections-3").picture(&[0, 999]).expect_err("there are fewer");
    assert!(matches!(refused, FollowError::NotEnabled { step: 2, place: 999, .. }), "{refused}");
}

#[test]
fn a_jump_leads_to_what_it_names() {
    let cluster = cluster("elections-3");
    let jumps = jumps(&cluster);
    assert_eq!((jumps.stage, jumps.states), (Stage::Complete, cluster.model().pinned.expect("it is pinned").unique));
    for goal in &jumps.goals {
        let there = picture(&cluster, goal.path.as_ref().expect("every goal is met"));
        let met = there.goals.iter().find(|met| met.name == goal.name).expect("goals have equal names");
        assert!(met.is_met && met.is_new, "{met:?}");
    }
    assert!(jumps.violations.is_empty());
}

/// Commands are numbered, so a model that gives clients commands without end trips over the first: a panic like any.
#[test]
fn a_violation_is_pictured_and_nothing_follows_it() {
    let mut model = model("replication-disks");
    model.budgets.commands = UNBOUNDED;
    let cluster = Cluster::new(model, 0);
    let mut path = vec![place_of(&picture(&cluster, &[]), "n1 sends heartbeats")];
    path.push(place_of(&picture(&cluster, &path), "n1 is given command"));
    let there = picture(&cluster, &path);
    let breach = there.breach.as_ref().expect("it is broken");
    assert_eq!((breach.invariant, breach.within_step), ("no-panic", true));
    assert!(there.actions.is_empty() && there.story.starts_with("   1  n1 sends heartbeats\n"), "{}", there.story);
    path.push(0);
    let refused = cluster.picture(&path).expect_err("nothing follows");
    assert!(matches!(refused, FollowError::BrokenBefore { .. }), "{refused}");
    let jumps = jumps(&cluster);
    assert_eq!((jumps.stage, jumps.violations[0].name), (Stage::Broken, breach.invariant));
}
