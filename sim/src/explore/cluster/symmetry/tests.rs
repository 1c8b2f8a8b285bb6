//! Renamed states, made in earnest: that they go on alike, and that a reduced search misses none and counts none twice.

use std::cell::{Cell as Shared, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::super::model::{Asking, Budgets, Model, Network, Symmetry, UNBOUNDED};
use super::super::network::{Flight, Item};
use super::super::scene::Scene;
use super::super::{Action, Cluster, State};
use super::{Group, Renamed, Renaming};
use crate::explore::shipped::Shipped;
use crate::explore::{OnBreach, Options, Outcome, Report, System, explore, models, under_two_seeds};
use crate::invariants::Breach;

fn named(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("it is shipped")
}

fn told_apart(model: &Model) -> Model {
    Model { symmetry: Symmetry::Unreduced, pinned: None, ..model.clone() }
}

/// A model over links with bounds of its own, under the name of the one it is made from.
fn links(name: &str, budgets: Budgets) -> Model {
    let network = Network::Fifo { cap: 1 };
    Model { network, budgets, symmetry: Symmetry::Reduced { from: None }, pinned: None, ..named(name) }
}

/// Small models of every kind of state that names occur in.
fn small() -> Vec<Model> {
    let one = Budgets { terms: 2, elections: 1, ..Budgets::NONE };
    vec![
        links("elections-3", one),
        links("elections-4", one),
        links("elections-3-crash", Budgets { terms: 1, crashes: 1, ..one }),
        Model { network: Network::Fifo { cap: 2 }, ..links("elections-3", Budgets { terms: 1, ..one }) },
        Model { network: Network::Set, ..links("elections-3", Budgets { terms: 1, ..one }) },
        Model { learners: 1, ..links("replication-links", Budgets { heartbeats: 1, ..one }) },
        links("replication-links", Budgets { heartbeats: 1, commands: 1, terms: 1, ..one }),
        links("replication-disks", Budgets { commands: 1, crashes: 1, terms: 1, ..Budgets::NONE }),
        links("snapshots", Budgets { commands: 2, heartbeats: 1, ..Budgets::NONE }),
        links("reads-links", Budgets { terms: 1, reads: 1, heartbeats: 1, ..Budgets::NONE }),
        Model { asking: Asking::Anywhere, ..links("forwards", Budgets { commands: 1, ..one }) },
        links("sessions", Budgets { commands: 2, ..Budgets::NONE }),
        links("transfer", Budgets { terms: 2, transfers: 1, ..Budgets::NONE }),
        links("leases", Budgets { reads: 1, heartbeats: 1, terms: 2, ..Budgets::NONE }),
        links("wipes", Budgets { wipes: 1, heartbeats: 2, ..Budgets::NONE }),
    ]
}

/// Returns a state under other names.
fn renamed(cluster: &Cluster, group: &Group, state: &State, renaming: &Renaming) -> State {
    let cells = (0..cluster.model().size()).map(|number| {
        let cell = state.scene.cell(renaming.former(number));
        Arc::new(cell.renamed(renaming, group.seed))
    });
    let ghost = Arc::new(state.scene.ghost().renamed(renaming, group.seed));
    let mut items: Vec<Item> = state.flight.items().to_vec();
    for item in &mut items {
        match item {
            Item::Letter(letter) => *letter = Arc::new(letter.renamed(renaming, group.seed)),
            Item::Flush(number) => *number = renaming.number(*number),
        }
    }
    let mut flight = Flight::default();
    // A link is filled in its order, whatever lies between.
    for item in items {
        flight.send(group.network, item);
    }
    let scene = Arc::new(Scene::new(group.seed, cells.collect(), ghost));
    State { scene, flight, promised: state.promised_under(renaming), ..state.clone() }
}

/// Returns what comes of each action, as fingerprints without order.
fn successors(cluster: &Cluster, state: &State) -> Vec<Result<u128, &'static str>> {
    let mut actions = Vec::new();
    cluster.actions(state, &mut actions);
    let after = |action: &Action| {
        let mut next = state.clone();
        cluster.step(&mut next, *action).map(|()| next.hash(0)).map_err(|breach| breach.invariant)
    };
    let mut all: Vec<_> = actions.iter().map(after).collect();
    all.sort_unstable();
    all
}

/// Visits states breadth-first, up to so many.
fn visit(cluster: &Cluster, states_max: usize, mut each: impl FnMut(&State)) {
    let mut waiting = VecDeque::from([cluster.initial()]);
    let mut known = std::collections::BTreeSet::new();
    let mut actions = Vec::new();
    while let Some(state) = waiting.pop_front() {
        each(&state);
        actions.clear();
        cluster.actions(&state, &mut actions);
        for action in &actions {
            let mut next = state.clone();
            if cluster.step(&mut next, *action).is_ok()
                && known.len() < states_max
                && known.insert(cluster.fingerprint(&next, 0))
            {
                waiting.push_back(next);
            }
        }
    }
}

/// Counts the states whose successors under other names are not the successors under other names.
fn asymmetries(model: &Model, states_max: usize) -> (usize, usize) {
    let cluster = Cluster::new(told_apart(model), 0);
    let group = Group::new(model, 0);
    let (mut states, mut broken) = (0, 0);
    visit(&cluster, states_max, |state| {
        states += 1;
        let mut actions = Vec::new();
        cluster.actions(state, &mut actions);
        for renaming in &group.renamings {
            let after = |action: &Action| {
                let mut next = state.clone();
                let stepped = cluster.step(&mut next, *action).map_err(|breach| breach.invariant);
                stepped.map(|()| renamed(&cluster, &group, &next, renaming).hash(0))
            };
            let mut expected: Vec<_> = actions.iter().map(after).collect();
            expected.sort_unstable();
            broken += usize::from(successors(&cluster, &renamed(&cluster, &group, state, renaming)) != expected);
        }
    });
    (states, broken)
}

#[test]
fn renamed_nodes_go_on_alike_in_every_reduced_model() {
    for model in small() {
        let (states, broken) = asymmetries(&model, 300);
        assert!(states > 100, "{}: {states} states", model.name);
        assert_eq!(broken, 0, "{} of {states} states of {}", broken, model.name);
    }
}

#[test]
fn in_one_queue_the_order_of_names_decides() {
    let model = Model { network: Network::Delay { deviations: 2 }, ..named("elections-3") };
    let (states, broken) = asymmetries(&model, 300);
    assert!(broken > states / 10, "{broken} of {states} states");
}

#[test]
fn a_state_has_its_fingerprint_under_all_names_and_its_hash_under_its_own() {
    for model in small() {
        let cluster = Cluster::new(model, 0);
        let group = cluster.group.as_ref().expect("it is reduced");
        visit(&cluster, 300, |state| {
            let fingerprint = cluster.fingerprint(state, 3);
            for (place, renaming) in group.renamings.iter().enumerate() {
                let other = renamed(&cluster, group, state, renaming);
                assert_eq!(cluster.fingerprint(&other, 3), fingerprint);
                let scene = other.scene.hash();
                assert_eq!(other.hash(3), state.hash_under(group, place, scene, 3));
            }
        });
    }
}

/// A model that tells names apart, which notes how many of its states are of each orbit, and how large that is.
struct Orbits<'a> {
    whole: &'a Cluster,
    group: Group,
    /// By the fingerprint of each.
    met: RefCell<BTreeMap<u128, (usize, usize)>>,
    judged: Shared<u64>,
}

impl System for Orbits<'_> {
    type State = State;
    type Action = Action;
    type Recall = super::super::Recall;

    fn initial(&self) -> State {
        self.whole.initial()
    }

    fn actions(&self, state: &State, into: &mut Vec<Action>) {
        self.whole.actions(state, into);
    }

    fn step(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        self.whole.step(state, action)
    }

    fn step_recalling(&self, recall: &mut Self::Recall, state: &mut State, action: Action) -> Result<(), Breach> {
        self.whole.step_recalling(recall, state, action)
    }

    fn fingerprint(&self, state: &State, seed: u64) -> u128 {
        self.whole.fingerprint(state, seed)
    }

    fn check_recalling(&self, recall: &mut Self::Recall, state: &State) -> Result<(), Breach> {
        self.judged.set(self.judged.get() + 1);
        let fingerprint = self.group.fingerprint(state, 0);
        let size = || {
            let scene = state.scene.least(&self.group);
            let hash = |place: &u8| state.hash_under(&self.group, usize::from(*place), scene.hash, 0);
            let ties = scene.by.iter().filter(|place| hash(place) == fingerprint).count();
            self.group.renamings.len() / ties
        };
        self.met.borrow_mut().entry(fingerprint).or_insert_with(|| (0, size())).0 += 1;
        self.whole.check_recalling(recall, state)
    }

    fn goals(&self) -> &[&'static str] {
        self.whole.goals()
    }

    fn reached(&self, state: &State) -> u64 {
        self.whole.reached(state)
    }
}

/// Requires that a reduced search and a whole one tell the same, and that the one meets each orbit of the other once.
fn compare(model: &Model) -> (Report<Action>, Report<Action>) {
    let options = Options { on_breach: OnBreach::GoOn, ..Options::default() };
    let reduced = explore(&Cluster::new(model.clone(), 0), 0, &options);
    let cluster = Cluster::new(told_apart(model), 0);
    let orbits =
        Orbits { whole: &cluster, group: Group::new(model, 0), met: RefCell::default(), judged: Shared::new(0) };
    let whole = explore(&orbits, 0, &options);
    let name = model.name;
    assert_eq!((reduced.outcome, whole.outcome), (Outcome::Complete, Outcome::Complete), "{name}");
    assert_eq!(orbits.judged.get(), whole.unique, "{name}");
    let orbits = orbits.met.into_inner();
    assert_eq!(reduced.unique, orbits.len() as u64, "{name}");
    if matches!(model.start, super::super::model::Start::Founded) {
        // Nobody differs at the beginning, so whatever happens may happen under all names.
        assert!(orbits.values().all(|(met, size)| met == size), "{name}");
        assert_eq!(orbits.values().map(|(_, size)| *size as u64).sum::<u64>(), whole.unique, "{name}");
    } else {
        assert!(orbits.values().all(|(met, size)| met <= size), "{name}");
    }
    assert_eq!(reduced.depth, whole.depth, "{name}");
    assert_eq!(reduced.unreached().collect::<Vec<_>>(), whole.unreached().collect::<Vec<_>>(), "{name}");
    let steps = |goal: &crate::explore::Goal| goal.witness.as_ref().map(|path| path.0.len());
    assert!(reduced.goals.iter().map(steps).eq(whole.goals.iter().map(steps)), "{name}");
    let broken = |report: &Report<Action>| {
        report.breaches.iter().map(|found| (found.breach.invariant, found.actions.len())).collect::<Vec<_>>()
    };
    assert_eq!(broken(&reduced), broken(&whole), "{name}");
    (reduced, whole)
}

#[test]
fn a_reduced_search_meets_each_orbit_of_the_whole_space_once() {
    for model in small() {
        let (reduced, whole) = compare(&model);
        assert!(reduced.unique < whole.unique && reduced.generated < whole.generated, "{}", model.name);
    }
}

#[test]
fn a_shipped_model_counts_its_orbits() {
    for name in ["elections-3", "replication-disks"] {
        let model = named(name);
        let (reduced, whole) = compare(&model);
        let Symmetry::Reduced { from: Some(from) } = model.symmetry else { panic!("{name} is not reduced") };
        assert_eq!((from.unique, from.generated), (whole.unique, whole.generated), "{name}");
        assert_eq!(model.pinned.map(|counts| counts.unique), Some(reduced.unique), "{name}");
    }
}

#[test]
fn what_is_broken_is_found_as_soon_under_any_name() {
    // A clock that drifts further than any may.
    let model =
        links("leases", Budgets { reads: 1, heartbeats: 1, terms: 2, elections: 1, drifts: 1, ..Budgets::NONE });
    let cluster = Cluster::new(model.clone(), 0);
    let reduced = explore(&cluster, 0, &Options::default());
    let whole = explore(&Cluster::new(told_apart(&model), 0), 0, &Options::default());
    let [found] = &reduced.breaches[..] else { panic!("{:?}", reduced.breaches) };
    let [expected] = &whole.breaches[..] else { panic!("{:?}", whole.breaches) };
    assert_eq!((found.breach.invariant, found.actions.len()), (expected.breach.invariant, expected.actions.len()));
    assert!(reduced.unique < whole.unique);
    // The path is one of states as they are.
    let walk = crate::explore::follow(&cluster, &found.path.0).expect("it can be walked");
    assert_eq!(walk.breach.as_ref(), Some(&found.breach));
    assert_eq!(cluster.story(&found.path).len(), found.actions.len());
}

#[test]
fn a_reduced_search_counts_the_same_under_any_hash_seed() {
    for model in small().into_iter().filter(|model| model.network != Network::Fifo { cap: 1 }) {
        for seed in [0, 5] {
            let cluster = Cluster::new(model.clone(), seed);
            under_two_seeds(&cluster, [0, 7], &Options::default()).expect("counts depend on no seed");
        }
    }
}

#[test]
fn models_are_reduced_where_no_identity_decides_and_nowhere_else() {
    for model in models::all() {
        let (name, decides) = (model.name, model.names_decide());
        let is_reduced = matches!(model.symmetry, Symmetry::Reduced { .. });
        assert_eq!(is_reduced, decides.is_none(), "{name}: {}", decides.unwrap_or("it could be reduced"));
    }
}

#[test]
#[should_panic(expected = "the one queue keeps the order")]
fn a_model_in_which_names_decide_is_not_reduced() {
    Cluster::new(Model { symmetry: Symmetry::Reduced { from: None }, ..named("replication") }, 0);
}

#[test]
fn what_names_decide_is_known() {
    let model = named("elections-3");
    let decides = |change: fn(&mut Model)| {
        let mut changed = model.clone();
        change(&mut changed);
        changed.names_decide()
    };
    assert_eq!(decides(|_| {}), None);
    assert_eq!(decides(|model| model.budgets.wipes = 1), None);
    assert!(decides(|model| model.budgets.wipes = UNBOUNDED).is_some());
    assert!(decides(|model| model.network = Network::Delay { deviations: 0 }).is_some());
    assert!(decides(|model| model.changes = named("changes-joint").changes).is_some());
    assert!(decides(|model| model.config = |config| config.autopilot_voters = Some(3)).is_some());
}

#[test]
fn a_group_has_every_way_to_rename_voters_and_learners_and_no_other() {
    let group = |voters, learners| Group::new(&Model { voters, learners, ..named("elections-3") }, 0);
    for (voters, learners, order) in [(1, 0, 1), (3, 0, 6), (4, 0, 24), (3, 2, 12)] {
        let group = group(voters, learners);
        assert_eq!(group.renamings.len(), order);
        assert!((0..voters + learners).all(|number| group.renamings[0].number(number) == number));
        for renaming in &group.renamings {
            assert!((0..voters).all(|number| renaming.number(number) < voters));
            assert!((0..voters + learners).all(|number| renaming.former(renaming.number(number)) == number));
        }
    }
}
