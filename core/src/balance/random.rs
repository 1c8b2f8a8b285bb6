//! Everyone with the same chance: what any other policy has to be better than.

use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::dice::Dice;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use super::{Strategy, sample};
use crate::rng::Stream;
use crate::time::Time;

/// Draws uniformly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Random {
    dice: Dice,
}

impl Random {
    /// Returns the policy with the randomness of `stream`.
    pub fn new(stream: &mut Stream) -> Self {
        Self { dice: Dice::new(stream) }
    }
}

impl Strategy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn follow(&mut self, _: Time, _: &Roster, _: Change) {}

    #[inline]
    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let slot = sample::one(context, &mut self.dice).ok_or_else(|| context.no_candidate(self.name()))?;
        Ok(context.choice(slot, Why::Drawn))
    }

    fn report(&mut self, _: Time, _: Slot, _: &Health) {}
}
