//! Doubts about what a search rests on: that fingerprints tell states apart, and that steps are deterministic.

use std::cell::Cell;
use std::fmt;

use crate::invariants::{Breach, Invariant};

use super::{Options, Report, System, explore};

/// Searches under two hash seeds and returns the first report if the second one says the same.
///
/// A fingerprint that merges states merges others under another seed, and then the counts differ. Memory is not compared:
/// it depends on how the seed spreads the fingerprints by a little. A search that the limit on memory stops may therefore
/// differ in its last state; one that is to be compared should be bounded by states.
///
/// # Errors
///
/// With both reports, if they differ.
pub fn under_two_seeds<S: System>(
    system: &S,
    seeds: [u64; 2],
    options: &Options,
) -> Result<Report<S::Action>, SeedsDisagree<S::Action>> {
    let [first, second] = seeds.map(|seed| explore(system, seed, options));
    let other = Report { memory_bytes: first.memory_bytes, ..second };
    if first == other { Ok(first) } else { Err(SeedsDisagree { seeds, reports: Box::new([first, other]) }) }
}

/// Two searches of one system that came to different ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedsDisagree<A> {
    /// The hash seeds.
    pub seeds: [u64; 2],
    /// What came of the search under each, but for the memory, which is that of the first.
    pub reports: Box<[Report<A>; 2]>,
}

impl<A> fmt::Display for SeedsDisagree<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([a, b], [first, second]) = (self.seeds, &*self.reports);
        write!(
            f,
            "{} states and {} transitions under hash seed {a}, {} and {} under {b}: the fingerprint merges states",
            first.unique, first.generated, second.unique, second.generated
        )
    }
}

impl<A: fmt::Debug> std::error::Error for SeedsDisagree<A> {}

/// A step that is taken again on an equal state comes to the same end.
struct StepsAreDeterministic;

impl Invariant for StepsAreDeterministic {
    const NAME: &'static str = "explored-steps-are-deterministic";
    const SENTENCE: &'static str = "the same action, taken again in an equal state, leads to the same state";
}

/// One step in this many is doubted by default: enough to meet each kind of step often, for a hundredth of the time.
const DOUBTED_ONE_IN: u32 = 100;

/// A system that takes one step in so many twice and compares.
///
/// Which steps are doubted depends on how many were taken before, so a breach is found again by the same search and not
/// by its path alone.
#[derive(Clone, Debug)]
pub struct Double<'a, S> {
    system: &'a S,
    one_in: u32,
    taken: Cell<u32>,
}

impl<'a, S: System> Double<'a, S> {
    /// Doubts one step in a hundred.
    pub const fn new(system: &'a S) -> Self {
        Self::one_in(system, DOUBTED_ONE_IN)
    }

    /// Doubts one step in so many, and every step if that is one or less.
    pub const fn one_in(system: &'a S, one_in: u32) -> Self {
        Self { system, one_in, taken: Cell::new(0) }
    }

    fn is_doubted(&self) -> bool {
        let taken = self.taken.get() + 1;
        let is_due = taken >= self.one_in;
        self.taken.set(if is_due { 0 } else { taken });
        is_due
    }

    /// Takes a step twice, each time on a state of its own, and leaves the second state. The first time it is taken anew,
    /// so what is recalled is doubted, too.
    fn step_twice(
        &self,
        state: &mut S::State,
        action: S::Action,
        recall: Option<&mut S::Recall>,
    ) -> Result<(), Breach> {
        let (mut enabled, mut again) = (Vec::new(), Vec::new());
        self.system.actions(state, &mut enabled);
        self.system.actions(state, &mut again);
        let mut copy = state.clone();
        let first = self.system.step(&mut copy, action);
        let second = match recall {
            Some(recall) => self.system.step_recalling(recall, state, action),
            None => self.system.step(state, action),
        };
        let facts = vec![format!("the action {action:?}")];
        if enabled != again {
            let fact = "the actions of the state before it were listed twice, and differently".to_owned();
            return Err(StepsAreDeterministic::breach([facts, vec![fact]].concat()));
        }
        if first != second {
            let told = |result: &Result<(), Breach>| match result {
                Ok(()) => "broke nothing".to_owned(),
                Err(breach) => format!("broke {}: {}", breach.invariant, breach.facts.join("; ")),
            };
            let fact = format!("{} the first time and {} the second", told(&first), told(&second));
            return Err(StepsAreDeterministic::breach([facts, vec![fact]].concat()));
        }
        let [one, other] = [&copy, &*state].map(|state| self.system.fingerprint(state, 0));
        if first.is_ok() && one != other {
            let fact = format!("fingerprint {one:032x} the first time and {other:032x} the second");
            return Err(StepsAreDeterministic::breach([facts, vec![fact]].concat()));
        }
        second
    }
}

impl<S: System> System for Double<'_, S> {
    type State = S::State;
    type Action = S::Action;
    type Recall = S::Recall;

    fn initial(&self) -> S::State {
        self.system.initial()
    }

    fn actions(&self, state: &S::State, into: &mut Vec<S::Action>) {
        self.system.actions(state, into);
    }

    fn step(&self, state: &mut S::State, action: S::Action) -> Result<(), Breach> {
        if self.is_doubted() { self.step_twice(state, action, None) } else { self.system.step(state, action) }
    }

    fn step_recalling(&self, recall: &mut S::Recall, state: &mut S::State, action: S::Action) -> Result<(), Breach> {
        if self.is_doubted() {
            self.step_twice(state, action, Some(recall))
        } else {
            self.system.step_recalling(recall, state, action)
        }
    }

    fn recalled_bytes(&self, recall: &S::Recall) -> u64 {
        self.system.recalled_bytes(recall)
    }

    fn fingerprint(&self, state: &S::State, seed: u64) -> u128 {
        self.system.fingerprint(state, seed)
    }

    fn check(&self, state: &S::State) -> Result<(), Breach> {
        self.system.check(state)
    }

    fn check_recalling(&self, recall: &mut S::Recall, state: &S::State) -> Result<(), Breach> {
        self.system.check_recalling(recall, state)
    }

    fn goals(&self) -> &[&'static str] {
        self.system.goals()
    }

    fn reached(&self, state: &S::State) -> u64 {
        self.system.reached(state)
    }
}
