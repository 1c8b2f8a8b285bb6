//! In which steps copies go from where one ring has them to where another one does.
//!
//! A range whose copies lie on other nodes in the new ring is taken over, copy by copy, by those who had none: a node that
//! only holds another copy than before receives nothing. The steps are in clockwise order and depend on the two rings
//! alone, so everyone who knows the topology knows the same plan, and its progress is a number of steps.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::diff::{fill, for_each_piece, renamed};
use super::replicas::{REPLICAS_MAX, Rule, Shortage};
use super::token::TokenRange;
use super::{Ring, Slot};
use crate::condition::Drain;

/// One copy of one range that goes from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The tokens whose copy goes.
    pub range: TokenRange,
    /// Who gives its copy up; none if there are more copies than before.
    pub from: Option<Arc<str>>,
    /// Who takes it over; none if there are fewer copies than before.
    pub to: Option<Arc<str>>,
}

/// The steps from one ring to another, clockwise from token zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Plan {
    steps: Vec<Step>,
    /// The sum of the tokens of all steps.
    tokens: u64,
}

impl Plan {
    /// Returns what has to go where for so many copies to lie as a rule asks.
    ///
    /// # Errors
    ///
    /// Returns [`Shortage::TooMany`] if there are more than [`REPLICAS_MAX`] copies.
    pub fn between(old: &Ring, new: &Ring, copies: usize, rule: Rule) -> Result<Self, Shortage> {
        if copies > REPLICAS_MAX {
            return Err(Shortage::TooMany { wanted: copies });
        }
        let (held_old, held_new) = (copies.min(rule.copies_max(old, None)), copies.min(rule.copies_max(new, None)));
        let (mut before, mut after) = ([Slot::new(0); REPLICAS_MAX], [Slot::new(0); REPLICAS_MAX]);
        let renamed = renamed(old, new);
        let mut plan = Self::default();
        for_each_piece(old, new, |range, first_old, first_new| {
            fill(old, first_old, rule, &mut before[..held_old]);
            fill(new, first_new, rule, &mut after[..held_new]);
            let (before, after) = (&before[..held_old], &after[..held_new]);
            let stays = |slot: Slot| renamed[slot.index()].is_some_and(|slot| after.contains(&slot));
            let is_new = |slot: Slot| !before.iter().any(|held| renamed[held.index()] == Some(slot));
            let mut givers = before.iter().filter(|slot| !stays(**slot)).map(|slot| old.name(*slot).clone());
            let mut takers = after.iter().filter(|slot| is_new(**slot)).map(|slot| new.name(*slot).clone());
            loop {
                let (from, to) = (givers.next(), takers.next());
                if from.is_none() && to.is_none() {
                    break;
                }
                plan.push(Step { range, from, to });
            }
        });
        Ok(plan)
    }

    /// Leaves out all steps but those in which this node gives up a copy.
    #[must_use]
    pub fn of_giver(mut self, name: &str) -> Self {
        self.steps.retain(|step| step.from.as_deref() == Some(name));
        self.tokens = self.steps.iter().map(|step| step.range.tokens()).sum();
        self
    }

    /// Returns the steps, clockwise from token zero.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how much has been moved when so many steps from the first one on are done, in per mille of all tokens:
    /// 1,000 when all are, and less before.
    pub fn moved_after(&self, done: usize) -> u16 {
        if done >= self.steps.len() {
            return Drain::WHOLE;
        }
        let moved: u128 = self.steps[..done].iter().map(|step| u128::from(step.range.tokens())).sum();
        // Below a whole by at least the tokens of one step, so rounding down keeps it below.
        (moved * u128::from(Drain::WHOLE) / u128::from(self.tokens)) as u16
    }

    /// Adds a step, or makes the one before longer if it goes on there.
    fn push(&mut self, step: Step) {
        self.tokens += step.range.tokens();
        let goes_on =
            |last: &&mut Step| last.range.through == step.range.after && last.from == step.from && last.to == step.to;
        // Of one piece there are a few steps at most, so the one to go on is near the end.
        let reach = self.steps.len().saturating_sub(REPLICAS_MAX);
        match self.steps[reach..].iter_mut().rev().find(goes_on) {
            Some(last) => last.range.through = step.range.through,
            None => self.steps.push(step),
        }
    }
}
