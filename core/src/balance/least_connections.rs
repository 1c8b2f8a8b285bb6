//! Whoever has the fewest unanswered requests of this node, for its weight.
//!
//! It counts what this node itself sent, for what nodes report is always of before. It looks at all who may be asked;
//! [`PowerOfTwoChoices`](super::PowerOfTwoChoices) comes close by looking at two.

use alloc::vec::Vec;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::dice::Dice;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::rng::Stream;
use crate::time::Time;

/// Takes whoever has the fewest requests in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeastConnections {
    /// By slot.
    in_flight: Vec<u32>,
    dice: Dice,
}

impl LeastConnections {
    /// Returns the policy; ties are settled by the randomness of `stream`.
    pub fn new(stream: &mut Stream) -> Self {
        Self { in_flight: Vec::new(), dice: Dice::new(stream) }
    }
}

impl Strategy for LeastConnections {
    fn name(&self) -> &'static str {
        "least-connections"
    }

    fn follow(&mut self, _: Time, roster: &Roster, change: Change) {
        self.in_flight.resize(roster.slot_count(), 0);
        match change {
            Change::Joined(slot) | Change::Left(slot) => self.in_flight[slot.index()] = 0,
            Change::Altered(_) => {}
        }
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let mut fewest: Option<(Slot, u32, u32)> = None;
        let mut equals = 0;
        for slot in context.eligible.slots().iter().copied().filter(|slot| context.admits_eligible(*slot)) {
            let in_flight = self.in_flight.get(slot.index()).copied().unwrap_or(0);
            let weight = context.roster.candidate(slot).weight.thousandths();
            let order = fewest.map_or(core::cmp::Ordering::Less, |(_, other, weight_of_other)| {
                // The one that is about to be sent counts, or weights would mean nothing among idle nodes.
                let (own, others) = (u64::from(in_flight) + 1, u64::from(other) + 1);
                (own * u64::from(weight_of_other)).cmp(&(others * u64::from(weight)))
            });
            equals = if order.is_lt() { 1 } else { equals + u64::from(order.is_eq()) };
            // The k-th of equals replaces the one before it with a chance of 1/k, so each is taken as often.
            if order.is_lt() || order.is_eq() && self.dice.below(equals) == 0 {
                fewest = Some((slot, in_flight, weight));
            }
        }
        let (slot, in_flight, _) = fewest.ok_or_else(|| context.no_candidate(self.name()))?;
        Ok(context.choice(slot, Why::FewestInFlight(in_flight)))
    }

    fn report(&mut self, _: Time, node: Slot, health: &Health) {
        let Some(in_flight) = self.in_flight.get_mut(node.index()) else { return };
        match health {
            Health::Started => *in_flight = in_flight.saturating_add(1),
            Health::Finished(_) => *in_flight = in_flight.saturating_sub(1),
            Health::Load(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, chi_squared, finished, stream};
    use crate::balance::{Candidate, Outcome};
    use crate::ids::NodeId;
    use crate::ring::Weight;

    fn send(field: &Field, policy: &mut LeastConnections) -> Slot {
        let slot = field.pick(policy).unwrap().seat.slot;
        policy.report(field.now, slot, &Health::Started);
        slot
    }

    #[test]
    fn requests_that_are_never_answered_spread_evenly() {
        let field = Field::of(10);
        let mut policy = LeastConnections::new(&mut stream());
        field.introduce(&mut policy);
        for _ in 0..100 {
            send(&field, &mut policy);
        }
        assert_eq!(policy.in_flight, [10; 10]);
        policy.report(field.now, Slot::new(3), &finished(1, Outcome::Abandoned));
        assert_eq!(send(&field, &mut policy), Slot::new(3));
    }

    #[test]
    fn whoever_weighs_more_carries_more() {
        let mut field = Field::default();
        for (node, thousandths) in [(0, 1000), (1, 3000)] {
            let weight = Weight::of_thousandths(thousandths).unwrap();
            field.join(Candidate { weight, ..Candidate::new(NodeId::new(node)) });
        }
        let mut policy = LeastConnections::new(&mut stream());
        field.introduce(&mut policy);
        for _ in 0..400 {
            send(&field, &mut policy);
        }
        assert_eq!(policy.in_flight, [100, 300]);
    }

    #[test]
    fn equals_are_taken_as_often() {
        let field = Field::of(8);
        let mut policy = LeastConnections::new(&mut stream());
        field.introduce(&mut policy);
        let counts = field.tally(&mut policy, 20_000);
        assert!(chi_squared(&counts, &[1; 8]) < 36, "{counts:?}");
    }

    #[test]
    fn an_answer_too_many_does_not_count_below_zero() {
        let field = Field::of(1);
        let mut policy = LeastConnections::new(&mut stream());
        field.introduce(&mut policy);
        policy.report(field.now, Slot::new(0), &finished(1, Outcome::Success));
        policy.report(field.now, Slot::new(99), &finished(1, Outcome::Success));
        assert_eq!(policy.in_flight, [0]);
    }
}
