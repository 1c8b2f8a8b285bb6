//! Another model checker explores the same clusters and must count the same: the search is right, or both are wrong alike.
//!
//! Stateright knows nothing of our search, our visited set or our parents. It is given the system alone, with states told
//! apart by a fingerprint under another hash seed, on one thread and breadth-first, for its other modes lose states.

use std::fmt;
use std::hash::{Hash, Hasher};

use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::cluster::{Action, Cluster, State};
use delian_sim::explore::{Options, System, explore, models};
use stateright::{Checker, Model as _, Property};

/// A seed that the command does not use.
const OTHER_SEED: u64 = 0x00dd_5eed;

/// A state as the other checker sees it.
#[derive(Clone)]
struct Seen {
    state: State,
    fingerprint: u128,
    /// The property that the step here broke; behind it nothing is explored.
    broken: Option<&'static str>,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        (self.fingerprint, self.broken) == (other.fingerprint, other.broken)
    }
}

impl Hash for Seen {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.fingerprint, self.broken).hash(hasher);
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.fingerprint)
    }
}

struct Opinion(Cluster);

impl Opinion {
    fn seen(&self, state: State, broken: Option<&'static str>) -> Seen {
        let fingerprint = self.0.fingerprint(&state, OTHER_SEED);
        Seen { state, fingerprint, broken }
    }
}

impl stateright::Model for Opinion {
    type State = Seen;
    type Action = Action;

    fn init_states(&self) -> Vec<Seen> {
        vec![self.seen(self.0.initial(), None)]
    }

    fn actions(&self, seen: &Seen, actions: &mut Vec<Action>) {
        if seen.broken.is_none() {
            self.0.actions(&seen.state, actions);
        }
    }

    fn next_state(&self, seen: &Seen, action: Action) -> Option<Seen> {
        let mut state = seen.state.clone();
        let stepped = self.0.step(&mut state, action).and_then(|()| self.0.check(&state));
        Some(self.seen(state, stepped.err().map(|breach| breach.invariant)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every property holds", |_, seen: &Seen| seen.broken.is_none())]
    }
}

fn model(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("the model is listed")
}

/// Counts a model both ways.
fn agree_on(name: &str) {
    let ours = explore(&Cluster::new(model(name), 0), 0, &Options::default());
    assert!(ours.is_green(), "{name}: {:?}", ours.breaches);
    let theirs = Opinion(Cluster::new(model(name), OTHER_SEED)).checker().threads(1).spawn_bfs().join();
    assert_eq!(theirs.unique_state_count() as u64, ours.unique, "{name}: different states");
    // It counts the initial state as generated, too.
    assert_eq!(theirs.state_count() as u64, ours.generated + 1, "{name}: transitions");
    theirs.assert_properties();
}

#[test]
fn elections_count_the_same() {
    agree_on("elections-3-queue");
}

#[test]
fn replication_with_slow_disks_counts_the_same() {
    agree_on("replication-disks");
}

#[test]
fn snapshots_count_the_same() {
    agree_on("snapshots");
}

#[test]
fn hand_overs_count_the_same() {
    agree_on("transfer");
}
