//! Explored clusters as stateright's plain `Model`: the same states, actions, steps and judgements under another search.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use delian_sim::explore::System;
use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::cluster::{Action, Cluster, Recall, State};
use delian_sim::invariants::Breach;
use stateright::Property;

/// A seed that the command does not use.
const OTHER_SEED: u64 = 0x00dd_5eed;

/// A state as the other checker sees it.
#[derive(Clone)]
pub(crate) struct Seen {
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

/// A cluster to be explored by the other checker.
pub(crate) struct Opinion {
    cluster: Cluster,
    recall: Option<Mutex<Recall>>,
}

impl Opinion {
    /// Takes every step anew.
    pub(crate) fn new(model: Model) -> Self {
        Self { cluster: Cluster::new(model, OTHER_SEED), recall: None }
    }

    /// Takes steps as our own search does, with what it keeps of others.
    pub(crate) fn recalling(model: Model) -> Self {
        Self { recall: Some(Mutex::default()), ..Self::new(model) }
    }

    fn seen(&self, state: State, broken: Option<&'static str>) -> Seen {
        let fingerprint = self.cluster.fingerprint(&state, OTHER_SEED);
        Seen { state, fingerprint, broken }
    }

    fn step(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        match &self.recall {
            None => self.cluster.step(state, action),
            Some(recall) => {
                let mut recall = recall.lock().unwrap_or_else(PoisonError::into_inner);
                self.cluster.step_recalling(&mut recall, state, action)
            }
        }
    }

    fn is_sound(&self, seen: &Seen) -> bool {
        let judged = match &self.recall {
            None => self.cluster.check(&seen.state),
            Some(recall) => {
                let mut recall = recall.lock().unwrap_or_else(PoisonError::into_inner);
                self.cluster.check_recalling(&mut recall, &seen.state)
            }
        };
        seen.broken.is_none() && judged.is_ok()
    }
}

impl stateright::Model for Opinion {
    type State = Seen;
    type Action = Action;

    fn init_states(&self) -> Vec<Seen> {
        vec![self.seen(self.cluster.initial(), None)]
    }

    fn actions(&self, seen: &Seen, actions: &mut Vec<Action>) {
        if seen.broken.is_none() {
            self.cluster.actions(&seen.state, actions);
        }
    }

    fn next_state(&self, seen: &Seen, action: Action) -> Option<Seen> {
        let mut state = seen.state.clone();
        let stepped = self.step(&mut state, action);
        Some(self.seen(state, stepped.err().map(|breach| breach.invariant)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every property holds", |opinion: &Self, seen: &Seen| opinion.is_sound(seen))]
    }
}
