//! Small models, searched by a search that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use delian_core::raft::Role;
use delian_core::{LogIndex, NodeId, Term};

use super::abstract_raft::{Around, abs_next, abs_restart};
use super::model::{Budgets, Counts, Disk, Forget, Model, Network};
use super::{Cluster, Recall, State};
use crate::explore::{Double, OnBreach, Options, System, models};
use crate::invariants::Breach;

/// What an exploration found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    unique: u64,
    generated: u64,
    depth: u32,
    goals: u64,
    breach: Option<Breach>,
    abstracts: BTreeSet<Vec<Abstract>>,
}

/// A node without what projections touch: term, vote, part, log, commit.
type Abstract = (Term, Option<NodeId>, &'static str, Vec<Term>, LogIndex);

fn abstraction(state: &State) -> Vec<Abstract> {
    let of = |node: &delian_core::Node| {
        let raft = node.raft();
        let part = match raft.role() {
            Role::Follower => "follower",
            Role::PreCandidate(_) => "pre-candidate",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        };
        let log = (1..=raft.log().last().index.get()).filter_map(|index| raft.log().term_at(LogIndex::new(index)));
        (raft.term(), raft.voted_for(), part, log.collect(), raft.commit())
    };
    state.nodes().map(of).collect()
}

fn explore(model: Model, seed: u64, visit: impl FnMut(&Cluster, &State, &State)) -> Found {
    explore_by(model, seed, |cluster, state| cluster.fingerprint(state, seed), visit)
}

/// Explores with states told apart by what `key` makes of them.
fn explore_by<K: Ord>(
    model: Model,
    seed: u64,
    key: impl Fn(&Cluster, &State) -> K,
    mut visit: impl FnMut(&Cluster, &State, &State),
) -> Found {
    let cluster = Cluster::new(model, seed);
    let first = cluster.initial();
    cluster.check(&first).expect("the beginning is sound");
    let mut found = Found { unique: 1, ..Found::default() };
    let mut visited = BTreeSet::from([key(&cluster, &first)]);
    let mut waiting = VecDeque::from([(0, first)]);
    let mut actions = Vec::new();
    while let Some((depth, state)) = waiting.pop_front() {
        found.depth = depth;
        found.goals |= cluster.reached(&state);
        found.abstracts.insert(abstraction(&state));
        actions.clear();
        cluster.actions(&state, &mut actions);
        for action in &actions {
            found.generated += 1;
            let mut next = state.clone();
            let judged = cluster.step(&mut next, *action).and_then(|()| cluster.check(&next));
            if let Err(breach) = judged {
                found.breach.get_or_insert(breach);
                continue;
            }
            visit(&cluster, &state, &next);
            if visited.insert(key(&cluster, &next)) {
                found.unique += 1;
                waiting.push_back((depth + 1, next));
            }
        }
    }
    found
}

fn named(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("it is shipped")
}

fn small(name: &str, change: impl FnOnce(&mut Budgets)) -> Model {
    let mut model = Model { network: Network::Delay { deviations: 1 }, ..named(name) };
    change(&mut model.budgets);
    model
}

#[test]
fn a_pinned_model_counts_what_it_is_pinned_to_under_any_hash_seed() {
    let model = named("sessions");
    let (pinned, goals) = (model.pinned, model.goals.len());
    let found = explore(model.clone(), 0, |_, _, _| {});
    assert_eq!(found.breach, None);
    assert_eq!(pinned, Some(Counts { unique: found.unique, generated: found.generated, depth: found.depth }));
    assert_eq!(found.goals, (1 << goals) - 1, "it shows all of its goals");
    assert_eq!(explore(model, 7, |_, _, _| {}), found);
}

#[test]
fn names_are_told_apart_and_every_model_of_the_default_set_is_pinned() {
    let models = models::all();
    let names: BTreeSet<&str> = models.iter().map(|model| model.name).collect();
    assert_eq!(names.len(), models.len());
    for model in &models {
        assert!(model.pinned.is_some() || model.tier == super::model::Tier::Deep, "{} is not pinned", model.name);
        assert!(!model.sentence.is_empty() && !model.goals.is_empty(), "{} says too little", model.name);
    }
}

#[test]
fn what_is_forgotten_changes_no_verdict_and_no_abstract_state() {
    let bounded = |budgets: &mut Budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1);
    let slow = Model { disk: Disk::Slow, ..small("replication", bounded) };
    for model in [small("replication", bounded), slow, small("elections-3-crash", |_| {})] {
        let all = explore(Model { forget: Forget::ALL, ..model.clone() }, 0, |_, _, _| {});
        let none = explore(Model { forget: &[], ..model.clone() }, 0, |_, _, _| {});
        assert_eq!(all.breach, none.breach, "{}", model.name);
        assert_eq!(all.abstracts, none.abstracts, "{}", model.name);
        assert!(all.unique <= none.unique, "{}: {} and {}", model.name, all.unique, none.unique);
    }
}

#[test]
fn what_is_recalled_is_what_comes_of_a_step_taken_anew() {
    let bounded = |budgets: &mut Budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1);
    let slow = Model { disk: Disk::Slow, ..small("replication", bounded) };
    for model in [small("replication", bounded), slow, small("snapshots", |_| {}), small("transfer", |_| {})] {
        let cluster = Cluster::new(model, 3);
        let options = Options { on_breach: OnBreach::GoOn, ..Options::default() };
        let recalled = crate::explore::explore(&cluster, 3, &options);
        // Every step is taken both ways and compared.
        let compared = crate::explore::explore(&Double::one_in(&cluster, 1), 3, &options);
        assert!(compared.breaches.is_empty(), "{:?}", compared.breaches);
        assert_eq!(compared, recalled);
        let anew = explore(cluster.model().clone(), 3, |_, _, _| {});
        assert_eq!((anew.unique, anew.generated), (recalled.unique, recalled.generated), "{}", cluster.model().name);
    }
}

#[test]
fn a_quiet_state_heals_as_soon_whatever_was_kept_of_others() {
    let recall = &mut Recall::default();
    let model = small("replication", |budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1));
    let mut judged = 0;
    explore(model, 0, |cluster, _, after| {
        judged += u32::from(after.is_quiet());
        assert_eq!(cluster.check_recalling(recall, after), cluster.check(after));
    });
    assert!(judged > 100, "{judged} quiet states");
}

#[test]
fn a_restart_that_loses_what_is_on_disk_is_none_of_abstract_raft() {
    let model = small("replication", |budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1));
    let (mut kept, mut lost) = (0, 0);
    explore(model, 0, |_, before, after| {
        for (one, other) in before.scene.cells().iter().zip(after.scene.cells()) {
            let (old, new) = (one.node.raft(), other.node.raft());
            let is_quiet = matches!(new.role(), Role::Follower) && new.commit() == LogIndex::ZERO;
            let went_on = (old.log().last(), old.voted_for()) != (new.log().last(), new.voted_for());
            kept += u32::from(is_quiet && abs_restart(new, new, &other.disk).is_ok());
            // The node as it was before a step stands for one that came back without what the step wrote.
            if went_on {
                assert!(abs_restart(new, old, &other.disk).is_err(), "{old:?} came back from {:?}", other.disk);
                lost += 1;
            }
        }
    });
    assert!(lost > 100, "{kept} and {lost}");
}

#[test]
fn what_of_the_history_decides_nothing_may_be_forgotten() {
    let bounded = |budgets: &mut Budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1);
    let changes = Model { network: Network::Delay { deviations: 0 }, ..named("changes-one-step") };
    for model in [small("replication", bounded), small("sessions", bounded), changes] {
        let (name, some) = (model.name, explore(model.clone(), 0, |_, _, _| {}));
        let all =
            explore_by(model, 0, |cluster, state| (cluster.fingerprint(state, 0), state.scene.record()), |_, _, _| {});
        assert_eq!((&some.breach, &some.abstracts), (&all.breach, &all.abstracts), "{name}");
        assert!(some.unique <= all.unique, "{name}: {} and {}", some.unique, all.unique);
    }
}

#[test]
fn no_step_of_abstract_raft_is_another_one_backwards() {
    let model = small("replication", |budgets| (budgets.terms, budgets.heartbeats, budgets.commands) = (2, 1, 1));
    let mut judged = BTreeMap::new();
    explore(model, 0, |_, before, after| {
        let ledger = before.scene.ghost().consensus().ledger();
        for (number, (one, other)) in before.nodes().zip(after.nodes()).enumerate() {
            let (old, new) = (one.raft(), other.raft());
            let other = |id: NodeId| after.nodes().nth(id.get() as usize - 1).map(delian_core::Node::raft);
            let around = Around { other: &other, graves: &|_| &[], committed: ledger };
            let went_on = (new.term(), new.commit()) != (old.term(), old.commit());
            if went_on {
                assert!(abs_next(&around, new, old).is_err(), "node {number} went back from {new:?} to {old:?}");
                let disk = &before.scene.cell(number as u8).disk;
                assert!(abs_restart(old, new, disk).is_err(), "node {number} learned something in a crash");
            }
            if let Ok(rule) = abs_next(&around, old, new) {
                *judged.entry(rule).or_insert(0) += 1;
            }
        }
    });
    let rules: Vec<&str> = judged.into_keys().collect();
    // Whoever comes to lead proposes its first entry in the same step, which is named after that.
    assert_eq!(rules, ["Accept", "Commit", "Follow", "Learn", "Propose", "Stutter", "Timeout", "Vote"]);
}
