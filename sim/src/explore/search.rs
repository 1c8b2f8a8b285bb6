//! The loop: take the state that waits longest, take each of its actions, keep what is new.

use std::mem;
use std::ops::ControlFlow;

use crate::invariants::Breach;

use super::frontier::Frontier;
use super::limits::{Limit, Limits, OnBreach, Options, Progress};
use super::path::{self, Path};
use super::report::{CounterExample, Goal, Outcome, Report};
use super::trail::Trail;
use super::visited::{Key, Visited};
use super::{ACTIONS_MAX, GOALS_MAX, System};

/// How many successors are made before the first of them is looked up, so that their look-ups wait for memory together.
const BATCH: usize = 16;
/// How many states that nobody needs are kept, to be copied into.
const SPARE_MAX: usize = 2 * BATCH;
/// The most states that have an index. One number less than there are, so that a checkpoint can say "none".
const INDICES_MAX: u64 = u32::MAX as u64;

/// A breadth-first search that can be interrupted between any two transitions and gone on with.
pub struct Search<'a, S: System> {
    pub(super) system: &'a S,
    pub(super) seed: u64,
    pub(super) counts: Counts,
    /// How many states were met at each distance from the initial one.
    pub(super) levels: Vec<u64>,
    pub(super) visited: Visited,
    pub(super) trail: Trail,
    pub(super) frontier: Frontier<S::State>,
    /// For each goal the first state that shows it.
    pub(super) witnesses: Vec<Option<u32>>,
    pub(super) found: Vec<(Path, Breach)>,
    pub(super) indices_max: u64,
    /// The level of the state that is expanded next, and the index behind that level's last state.
    level: usize,
    level_end: u64,
    actions: Vec<S::Action>,
    batch: Vec<(Key, S::State)>,
    spare: Vec<S::State>,
    recall: S::Recall,
}

/// Where a search is and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) generated: u64,
    pub(super) terminals: u64,
    /// How many states are done: the index of the one that is expanded next.
    pub(super) expanded: u64,
    /// How many of that state's actions are done.
    pub(super) place: usize,
    pub(super) frontier_peak: u64,
    pub(super) memory_peak: u64,
}

impl<'a, S: System> Search<'a, S> {
    /// Returns a search that has not met a state yet.
    ///
    /// # Panics
    ///
    /// If the system names more than [`GOALS_MAX`] goals.
    pub fn new(system: &'a S, seed: u64) -> Self {
        let goals = system.goals().len();
        assert!(goals <= GOALS_MAX, "{goals} goals, and {GOALS_MAX} bits for them");
        Self {
            system,
            seed,
            counts: Counts::default(),
            levels: Vec::new(),
            visited: Visited::new(),
            trail: Trail::default(),
            frontier: Frontier::new(),
            witnesses: vec![None; goals],
            found: Vec::new(),
            indices_max: INDICES_MAX,
            level: 0,
            level_end: 1,
            actions: Vec::new(),
            batch: Vec::new(),
            spare: Vec::new(),
            recall: S::Recall::default(),
        }
    }

    /// Searches on, until it is complete or something ends it, and tells what is known then. What ended it stays where it
    /// was: with higher limits, or after a breach, it may be called again.
    ///
    /// # Panics
    ///
    /// If a state enables more than [`ACTIONS_MAX`] actions.
    pub fn run(
        &mut self,
        options: &Options,
        progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Report<S::Action> {
        let outcome = self.advance(options, progress).err().unwrap_or(Outcome::Complete);
        self.report(outcome)
    }

    /// Returns how many transitions were taken so far.
    pub const fn generated(&self) -> u64 {
        self.counts.generated
    }

    /// Returns how many bytes are held, with this weight of a waiting state.
    pub fn memory(&self, limits: &Limits) -> u64 {
        let states = self.visited.bytes() + self.trail.bytes() + self.frontier.len() * Self::state_bytes(limits);
        states + self.recalled()
    }

    /// Returns how many of these bytes hold what the system keeps of steps that were taken.
    pub fn recalled(&self) -> u64 {
        self.system.recalled_bytes(&self.recall)
    }

    /// Errs with what ended it early.
    fn advance(
        &mut self,
        options: &Options,
        progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<(), Outcome> {
        if self.trail.len() == 0 {
            let initial = self.system.initial();
            let key = Key::spread(self.system.fingerprint(&initial, self.seed));
            self.make_room(key, &options.limits, 1)?;
            self.admit(initial, key, (0, 0), 0, options)?;
        }
        while let Some(state) = self.frontier.pop() {
            if let Err(outcome) = self.expand(&state, options) {
                self.frontier.put_back(state);
                return Err(outcome);
            }
            self.recycle(state);
            self.counts.expanded += 1;
            self.counts.place = 0;
            if self.counts.expanded == self.level_end {
                self.level += 1;
                self.level_end = self.trail.len();
            }
            if self.counts.expanded.is_multiple_of(options.progress_every.max(1))
                && progress(&self.progress(&options.limits)).is_break()
            {
                return Err(Outcome::Paused);
            }
        }
        Ok(())
    }

    /// Takes what is left of a state's actions.
    fn expand(&mut self, state: &S::State, options: &Options) -> Result<(), Outcome> {
        let mut actions = mem::take(&mut self.actions);
        actions.clear();
        self.system.actions(state, &mut actions);
        assert!(actions.len() <= ACTIONS_MAX, "a state enables {} actions, the limit is {ACTIONS_MAX}", actions.len());
        if actions.is_empty() {
            self.counts.terminals += 1;
        }
        let mut ended = Ok(());
        while ended.is_ok() && self.counts.place < actions.len() {
            let end = actions.len().min(self.counts.place + BATCH);
            ended = self.take(state, &actions[self.counts.place..end], options);
        }
        self.actions = actions;
        ended
    }

    /// Takes these actions, or those up to one that breaks a property.
    fn take(&mut self, state: &S::State, actions: &[S::Action], options: &Options) -> Result<(), Outcome> {
        let mut batch = mem::take(&mut self.batch);
        let broken = self.successors(state, actions, &mut batch);
        self.visited.touch(batch.iter().map(|(key, _)| *key));
        let parent = self.counts.expanded as u32;
        for (key, next) in batch.drain(..) {
            if self.visited.contains(key) {
                self.recycle(next);
                self.count();
                continue;
            }
            // The state that is being expanded waits too, and so does the new one.
            self.make_room(key, &options.limits, 2)?;
            let pointer = (parent, self.counts.place as u16);
            self.count();
            self.admit(next, key, pointer, self.level + 1, options)?;
        }
        self.batch = batch;
        let Some(breach) = broken else { return Ok(()) };
        let mut places = self.trail.path(parent);
        places.push(self.counts.place as u16);
        self.count();
        self.note(breach, Path(places), options.on_breach)
    }

    /// Steps copies of a state, up to the first action that breaks a property, which it returns.
    fn successors(
        &mut self,
        state: &S::State,
        actions: &[S::Action],
        into: &mut Vec<(Key, S::State)>,
    ) -> Option<Breach> {
        for action in actions {
            let mut next = match self.spare.pop() {
                Some(mut spare) => {
                    spare.clone_from(state);
                    spare
                }
                None => state.clone(),
            };
            if let Err(breach) = self.system.step_recalling(&mut self.recall, &mut next, *action) {
                self.recycle(next);
                return Some(breach);
            }
            into.push((Key::spread(self.system.fingerprint(&next, self.seed)), next));
        }
        None
    }

    /// Sees that one more state fits, with so many waiting beside those in the queue.
    fn make_room(&mut self, key: Key, limits: &Limits, waiting: u64) -> Result<(), Outcome> {
        let states = self.trail.len();
        if states >= self.indices_max {
            return Err(Outcome::StoppedAt(Limit::Indices));
        }
        if states >= limits.states_max {
            return Err(Outcome::StoppedAt(Limit::States(limits.states_max)));
        }
        let memory =
            self.memory(limits) + self.visited.growth(key) + self.trail.growth() + waiting * Self::state_bytes(limits);
        if memory > limits.memory_max {
            return Err(Outcome::StoppedAt(Limit::Memory(limits.memory_max)));
        }
        self.counts.memory_peak = self.counts.memory_peak.max(memory);
        self.counts.frontier_peak = self.counts.frontier_peak.max(self.frontier.len() + waiting);
        Ok(())
    }

    /// Takes in a state that is new.
    fn admit(
        &mut self,
        state: S::State,
        key: Key,
        (parent, place): (u32, u16),
        level: usize,
        options: &Options,
    ) -> Result<(), Outcome> {
        let index = self.trail.len() as u32;
        self.visited.insert(key);
        self.trail.push(parent, place);
        if self.levels.len() == level {
            self.levels.push(0);
        }
        self.levels[level] += 1;
        let reached = self.system.reached(&state);
        for (goal, witness) in self.witnesses.iter_mut().enumerate() {
            if reached >> goal & 1 == 1 {
                witness.get_or_insert(index);
            }
        }
        let judged = self.system.check_recalling(&mut self.recall, &state);
        self.frontier.push(state);
        match judged {
            Ok(()) => Ok(()),
            Err(breach) => self.note(breach, Path(self.trail.path(index)), options.on_breach),
        }
    }

    /// Keeps a breach if it is the first of its property. Errs if the search is to stop for it.
    fn note(&mut self, breach: Breach, path: Path, on_breach: OnBreach) -> Result<(), Outcome> {
        if self.found.iter().any(|(_, known)| known.invariant == breach.invariant) {
            return Ok(());
        }
        self.found.push((path, breach));
        match on_breach {
            OnBreach::Stop => Err(Outcome::Broken),
            OnBreach::GoOn => Ok(()),
        }
    }

    const fn count(&mut self) {
        self.counts.generated += 1;
        self.counts.place += 1;
    }

    fn recycle(&mut self, state: S::State) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(state);
        }
    }

    fn state_bytes(limits: &Limits) -> u64 {
        limits.state_bytes.unwrap_or(size_of::<S::State>() as u64)
    }

    fn progress(&self, limits: &Limits) -> Progress {
        Progress {
            states: self.trail.len(),
            generated: self.counts.generated,
            depth: self.level as u64,
            frontier: self.frontier.len(),
            memory: self.memory(limits),
        }
    }

    fn report(&self, outcome: Outcome) -> Report<S::Action> {
        let goals = self.system.goals().iter().zip(&self.witnesses);
        let breaches = self.found.iter().map(|(path, breach)| CounterExample {
            breach: breach.clone(),
            path: path.clone(),
            actions: path::retrace(self.system, &path.0),
        });
        Report {
            outcome,
            unique: self.trail.len(),
            generated: self.counts.generated,
            depth: self.levels.len().saturating_sub(1) as u64,
            terminals: self.counts.terminals,
            levels: self.levels.clone(),
            goals: goals
                .map(|(name, witness)| Goal { name, witness: witness.map(|index| Path(self.trail.path(index))) })
                .collect(),
            breaches: breaches.collect(),
            frontier_peak: self.counts.frontier_peak,
            memory_bytes: self.counts.memory_peak,
        }
    }

    /// Finds the level of the state that is expanded next, in a search that was put together from its parts.
    pub(super) fn find_level(&mut self) {
        (self.level, self.level_end) = (0, 1);
        while self.level_end <= self.counts.expanded && self.level + 1 < self.levels.len() {
            self.level += 1;
            self.level_end += self.levels[self.level];
        }
    }
}
