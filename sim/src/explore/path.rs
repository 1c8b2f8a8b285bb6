//! The way to a state as a list of numbers, which a person can keep in a file and replay.
//!
//! Each number is the place of an action among those that the state before it enables. As text, numbers are parted by
//! blanks and line ends, and what follows a `#` up to the end of its line is a comment.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::invariants::Breach;

use super::System;

/// The places of the actions from the initial state on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Path(
    /// One place per step.
    pub Vec<u16>,
);

impl Path {
    /// Returns the path as text with one step per line and its action as a comment.
    pub fn told<S: System>(&self, system: &S) -> String {
        let mut text = String::new();
        let actions = retrace(system, &self.0);
        for (at, place) in self.0.iter().enumerate() {
            let line = match actions.get(at) {
                Some(action) => writeln!(text, "{place} # {action:?}"),
                None => writeln!(text, "{place} # not enabled"),
            };
            line.expect("a string takes all that is written");
        }
        text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{place}")?;
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let mut places = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let numbers = line.split_once('#').map_or(line, |(numbers, _)| numbers);
            for word in numbers.split_whitespace() {
                let place = word.parse().map_err(|_| NotAPath { line: index + 1, word: word.to_owned() })?;
                places.push(place);
            }
        }
        Ok(Self(places))
    }
}

/// A word in a path that is no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAPath {
    /// The line, counted from 1.
    pub line: usize,
    /// The word.
    pub word: String,
}

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}` is not a number from 0 to {}", self.line, self.word, u16::MAX)
    }
}

impl std::error::Error for NotAPath {}

/// What lies at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk<T, A> {
    /// The state there.
    pub state: T,
    /// The actions on the way.
    pub actions: Vec<A>,
    /// What the last step broke, or what the state there breaks.
    pub breach: Option<Breach>,
}

/// Why a path could not be followed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowError {
    /// The state before a step does not enable what it asks for.
    NotEnabled {
        /// The step, counted from 1.
        step: usize,
        /// The place that it asks for.
        place: u16,
        /// How many actions are enabled.
        enabled: usize,
    },
    /// A step breaks a property and others follow it.
    BrokenBefore {
        /// The step, counted from 1.
        step: usize,
        /// What it breaks.
        breach: Breach,
    },
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnabled { step, place, enabled } => {
                write!(f, "step {step} takes the action at place {place}, but only {enabled} are enabled")
            }
            Self::BrokenBefore { step, breach } => write!(f, "step {step} already breaks `{}`", breach.invariant),
        }
    }
}

impl std::error::Error for FollowError {}

/// Replays a path from the initial state.
///
/// # Errors
///
/// If a step is not enabled, or one before the last breaks a property.
pub fn follow<S: System>(system: &S, places: &[u16]) -> Result<Walk<S::State, S::Action>, FollowError> {
    let mut walk = Walk { state: system.initial(), actions: Vec::new(), breach: None };
    let mut enabled = Vec::new();
    for (index, place) in places.iter().enumerate() {
        if let Some(breach) = walk.breach {
            return Err(FollowError::BrokenBefore { step: index, breach });
        }
        enabled.clear();
        system.actions(&walk.state, &mut enabled);
        let Some(action) = enabled.get(usize::from(*place)).copied() else {
            return Err(FollowError::NotEnabled { step: index + 1, place: *place, enabled: enabled.len() });
        };
        walk.actions.push(action);
        walk.breach = system.step(&mut walk.state, action).err();
    }
    if walk.breach.is_none() {
        walk.breach = system.check(&walk.state).err();
    }
    Ok(walk)
}

/// Returns the actions of a path, as far as they are enabled. Short of its end only if the system is not deterministic.
pub(super) fn retrace<S: System>(system: &S, places: &[u16]) -> Vec<S::Action> {
    let mut state = system.initial();
    let (mut actions, mut enabled) = (Vec::new(), Vec::new());
    for place in places {
        enabled.clear();
        system.actions(&state, &mut enabled);
        let Some(action) = enabled.get(usize::from(*place)).copied() else { break };
        actions.push(action);
        if system.step(&mut state, action).is_err() {
            break;
        }
    }
    actions
}
