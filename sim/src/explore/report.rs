//! What came of a search.

use crate::invariants::Breach;

use super::limits::Limit;
use super::path::Path;

/// What came of a search; equal for equal systems, however often the search was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<A> {
    /// Why the search ended.
    pub outcome: Outcome,
    /// How many different states were met, the initial one included.
    pub unique: u64,
    /// How many transitions were taken, those that broke a property included.
    pub generated: u64,
    /// How far the farthest state is from the initial one: the longest of all shortest paths.
    pub depth: u64,
    /// How many expanded states enable no action.
    pub terminals: u64,
    /// How many states were met at each distance from the initial one. The last level is not whole if the search ended
    /// early.
    pub levels: Vec<u64>,
    /// What became of each goal.
    pub goals: Vec<Goal>,
    /// What is broken, in the order in which it was found, no property twice.
    pub breaches: Vec<CounterExample<A>>,
    /// How many states waited when most did, the one that is being expanded included.
    pub frontier_peak: u64,
    /// How many bytes were held when most were, as [`Limits`](super::Limits) counts them.
    pub memory_bytes: u64,
}

impl<A> Report<A> {
    /// Returns the same without the actions, which differ from system to system; paths say enough.
    pub fn of_any(self) -> Report<()> {
        let breaches = self.breaches.into_iter();
        Report {
            outcome: self.outcome,
            unique: self.unique,
            generated: self.generated,
            depth: self.depth,
            terminals: self.terminals,
            levels: self.levels,
            goals: self.goals,
            breaches: breaches
                .map(|found| CounterExample { breach: found.breach, path: found.path, actions: Vec::new() })
                .collect(),
            frontier_peak: self.frontier_peak,
            memory_bytes: self.memory_bytes,
        }
    }

    /// Returns the goals that no state showed. If there are any after a complete search, the model is vacuous.
    pub fn unreached(&self) -> impl Iterator<Item = &'static str> {
        self.goals.iter().filter(|goal| goal.witness.is_none()).map(|goal| goal.name)
    }

    /// Says whether all states were met, nothing is broken and every goal was reached.
    pub fn is_green(&self) -> bool {
        self.outcome == Outcome::Complete && self.breaches.is_empty() && self.unreached().next().is_none()
    }
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every reachable state was met and expanded.
    Complete,
    /// A property is broken and the search was to stop there.
    Broken,
    /// A limit was reached.
    StoppedAt(Limit),
    /// Whoever was told of the progress wanted it to pause.
    Paused,
}

/// A broken property and the shortest way to break it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterExample<A> {
    /// What is broken.
    pub breach: Breach,
    /// The places of the actions, which replay it.
    pub path: Path,
    /// The actions themselves, from the initial state on.
    pub actions: Vec<A>,
}

/// Something that a state should show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Its name.
    pub name: &'static str,
    /// The shortest way to a state that shows it, if one does.
    pub witness: Option<Path>,
}
