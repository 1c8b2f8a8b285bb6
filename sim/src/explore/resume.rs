//! A search from a checkpoint: the states that wait are made again by replaying the paths to them.
//!
//! Depth-first over the tree of parents, so that every edge on the way to a waiting state is stepped once, however many
//! paths share it. The children of a state lie side by side and in the order of their parents, so one cursor per level
//! finds them without a list of children, and one state per level is held.

use std::io::Read;

use crate::invariants::Breach;

use super::checkpoint::{self, CheckpointError, Saved};
use super::frontier::Frontier;
use super::path::{Path, follow};
use super::search::Search;
use super::trail::Trail;
use super::visited::{Key, Visited};
use super::{ACTIONS_MAX, System};

impl<'a, S: System> Search<'a, S> {
    /// Reads a search that [`save`](Search::save) wrote and goes on where it was. It ends as it would have ended without
    /// the interruption.
    ///
    /// # Errors
    ///
    /// If the bytes are damaged, of another format or of another model. A breach that only [`Double`](super::Double) saw
    /// is not found again by its path, and counts as another model.
    pub fn resume(system: &'a S, model: u64, from: impl Read) -> Result<Self, CheckpointError> {
        let saved = checkpoint::read(model, from)?;
        let mut search = Self::new(system, saved.seed);
        if saved.witnesses.len() != search.witnesses.len() {
            return Err(CheckpointError::Corrupt("it has other goals"));
        }
        let starts = consistent(&saved)?;
        search.found = found_again(system, saved.found)?;
        search.frontier =
            Replay::new(system, saved.seed, saved.counts.expanded, &saved.visited, &saved.trail, starts).frontier()?;
        search.counts = saved.counts;
        search.levels = saved.levels;
        search.witnesses = saved.witnesses;
        search.visited = saved.visited;
        search.trail = saved.trail;
        search.find_level();
        Ok(search)
    }
}

/// Sees that the numbers agree with each other, so that nothing later has to. Returns where each level begins, and where
/// the last one ends.
fn consistent(saved: &Saved) -> Result<Vec<u64>, CheckpointError> {
    let states = saved.trail.len();
    let mut starts = vec![0_u64];
    for level in &saved.levels {
        let end = starts[starts.len() - 1].checked_add(*level).filter(|end| *level > 0 && *end <= states);
        starts.push(end.ok_or(CheckpointError::Corrupt("its levels are not those of its states"))?);
    }
    let (expanded, place) = (saved.counts.expanded, saved.counts.place);
    let is_whole = starts[starts.len() - 1] == states && states < u64::from(u32::MAX) + 1;
    if !is_whole || expanded > states || place > ACTIONS_MAX || (states > 0 && starts[1] != 1) {
        return Err(CheckpointError::Corrupt("its counts do not agree"));
    }
    if saved.witnesses.iter().flatten().any(|witness| u64::from(*witness) >= states) {
        return Err(CheckpointError::Corrupt("a goal was reached by a state that it does not hold"));
    }
    let mut before = (0, 0);
    for (level, bounds) in starts.windows(2).enumerate().skip(1) {
        for index in bounds[0]..bounds[1] {
            let pointer = saved.trail.get(index as u32);
            let parent = u64::from(pointer.0);
            let is_above = (starts[level - 1]..bounds[0]).contains(&parent);
            let is_done = (parent, usize::from(pointer.1)) < (expanded, place);
            if !is_above || !is_done || (index > 1 && pointer <= before) {
                return Err(CheckpointError::Corrupt("a state was met from one that was not expanded then"));
            }
            before = pointer;
        }
    }
    Ok(starts)
}

/// Replays the paths to what was broken.
fn found_again<S: System>(system: &S, paths: Vec<Path>) -> Result<Vec<(Path, Breach)>, CheckpointError> {
    let replayed = paths.into_iter().map(|path| match follow(system, &path.0).ok().and_then(|walk| walk.breach) {
        Some(breach) => Ok((path, breach)),
        None => Err(CheckpointError::Strayed { path }),
    });
    replayed.collect()
}

/// A walk over all paths to states that wait.
struct Replay<'a, S: System> {
    system: &'a S,
    seed: u64,
    expanded: u64,
    visited: &'a Visited,
    trail: &'a Trail,
    /// Where each level begins, and where the last one ends.
    starts: Vec<u64>,
    /// For each level the first state that was not looked at.
    cursors: Vec<u64>,
    /// One bit per expanded state: whether a state that waits lies below it.
    leads_on: Vec<u64>,
    /// The states on the way to where the walk is, and behind them some that were.
    way: Vec<Stop<S>>,
    /// The length of that way.
    length: usize,
}

struct Stop<S: System> {
    index: u64,
    state: S::State,
    actions: Vec<S::Action>,
}

impl<'a, S: System> Replay<'a, S> {
    fn new(system: &'a S, seed: u64, expanded: u64, visited: &'a Visited, trail: &'a Trail, starts: Vec<u64>) -> Self {
        let mut leads_on = vec![0_u64; expanded.div_ceil(64) as usize];
        for index in (1..trail.len()).rev() {
            let needed = index >= expanded || leads_on[(index / 64) as usize] >> (index % 64) & 1 == 1;
            let parent = u64::from(trail.get(index as u32).0);
            if needed && parent < expanded {
                leads_on[(parent / 64) as usize] |= 1 << (parent % 64);
            }
        }
        let cursors = starts.clone();
        Self { system, seed, expanded, visited, trail, starts, cursors, leads_on, way: Vec::new(), length: 0 }
    }

    /// Returns the states that wait, in the order of their indices.
    fn frontier(mut self) -> Result<Frontier<S::State>, CheckpointError> {
        let (mut frontier, mut behind) = (Frontier::new(), Frontier::new());
        let waiting = self.trail.len() - self.expanded;
        if waiting == 0 {
            return Ok(frontier);
        }
        // States wait on two levels at most. The walk leaves those of each level in order, but takes the levels in turns.
        let deeper = self.starts.iter().copied().find(|start| *start > self.expanded).unwrap_or(self.trail.len());
        self.arrive(0)?;
        while self.length > 0 {
            if let Some(child) = self.next_child() {
                self.arrive(child)?;
                continue;
            }
            self.length -= 1;
            let stop = &self.way[self.length];
            if stop.index >= self.expanded {
                let queue = if stop.index < deeper { &mut frontier } else { &mut behind };
                queue.push(stop.state.clone());
            }
        }
        while let Some(state) = behind.pop() {
            frontier.push(state);
        }
        if frontier.len() == waiting { Ok(frontier) } else { Err(CheckpointError::Corrupt("a state has no way to it")) }
    }

    /// Returns the next state below the end of the way that waits or leads to one that does.
    fn next_child(&mut self) -> Option<u64> {
        let parent = self.way[self.length - 1].index;
        let end = *self.starts.get(self.length + 1)?;
        let cursor = &mut self.cursors[self.length];
        while *cursor < end {
            let child = *cursor;
            let from = u64::from(self.trail.get(child as u32).0);
            if from > parent {
                return None;
            }
            *cursor += 1;
            let leads_on = child >= self.expanded || self.leads_on[(child / 64) as usize] >> (child % 64) & 1 == 1;
            if from == parent && leads_on {
                return Some(child);
            }
        }
        None
    }

    /// Makes a state again, from the one at the end of the way, and appends it.
    fn arrive(&mut self, index: u64) -> Result<(), CheckpointError> {
        if self.way.len() == self.length {
            let (state, actions) = (self.system.initial(), Vec::new());
            self.way.push(Stop { index, state, actions });
        }
        let (way, rest) = self.way.split_at_mut(self.length);
        let stop = &mut rest[0];
        let strayed = || CheckpointError::Strayed { path: Path(self.trail.path(index as u32)) };
        if let Some(from) = way.last() {
            let place = usize::from(self.trail.get(index as u32).1);
            let action = *from.actions.get(place).ok_or_else(strayed)?;
            stop.state.clone_from(&from.state);
            self.system.step(&mut stop.state, action).map_err(|_| strayed())?;
        }
        if !self.visited.contains(Key::spread(self.system.fingerprint(&stop.state, self.seed))) {
            return Err(strayed());
        }
        stop.index = index;
        stop.actions.clear();
        self.system.actions(&stop.state, &mut stop.actions);
        self.length += 1;
        Ok(())
    }
}
