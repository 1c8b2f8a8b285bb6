//! Everyone with a chance in proportion to the weight: what [`Weighted`](super::Weighted) evens out, in the same time for
//! any number of members.

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::dice::Dice;
use super::eligible::Eligible;
use super::health::Health;
use super::lottery::Lottery;
use super::roster::{Change, Roster, Slot};
use crate::rng::Stream;
use crate::time::Time;

/// Draws in proportion to the weights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightedRandom {
    members: Eligible,
    lottery: Lottery,
    /// Whether the members are others than those that the table was built for.
    is_dated: bool,
    dice: Dice,
}

impl WeightedRandom {
    /// Returns the policy with the randomness of `stream`.
    pub fn new(stream: &mut Stream) -> Self {
        let dice = Dice::new(stream);
        Self { members: Eligible::default(), lottery: Lottery::default(), is_dated: false, dice }
    }

    #[cold]
    fn rebuild(&mut self, roster: &Roster) {
        let slots = (0..roster.slot_count()).map(Slot::new);
        let members = &self.members;
        self.lottery.rebuild(
            slots.map(|slot| if members.contains(slot) { roster.candidate(slot).weight.thousandths() } else { 0 }),
        );
        self.is_dated = false;
    }
}

impl Strategy for WeightedRandom {
    fn name(&self) -> &'static str {
        "weighted-random"
    }

    fn follow(&mut self, _: Time, _: &Roster, change: Change) {
        match change {
            Change::Joined(slot) => _ = self.members.admit(slot),
            Change::Left(slot) => _ = self.members.exclude(slot),
            Change::Altered(_) => {}
        }
        self.is_dated = true;
    }

    #[inline]
    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        if self.is_dated {
            self.rebuild(context.roster);
        }
        let drawn = self.lottery.draw(context, &mut self.dice, |_| true);
        let slot = drawn.ok_or_else(|| context.no_candidate(self.name()))?;
        Ok(context.choice(slot, Why::DrawnByScore(self.lottery.weight(slot))))
    }

    fn report(&mut self, _: Time, _: Slot, _: &Health) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Candidate;
    use crate::balance::fixtures::{Field, chi_squared, stream};
    use crate::ids::NodeId;
    use crate::ring::Weight;

    #[test]
    fn shares_follow_the_weights_of_those_who_are_members() {
        let mut field = Field::of(4);
        let mut policy = WeightedRandom::new(&mut stream());
        field.introduce(&mut policy);
        assert!(chi_squared(&field.tally(&mut policy, 10_000), &[1; 4]) < 30);
        let heavy = Candidate { weight: Weight::of_thousandths(5000).unwrap(), ..Candidate::new(NodeId::new(1)) };
        let seat = field.roster.alter(heavy).unwrap();
        policy.follow(field.now, &field.roster, Change::Altered(seat.slot));
        let counts = field.tally(&mut policy, 10_000);
        assert!(chi_squared(&counts, &[1, 5, 1, 1]) < 30, "{counts:?}");
    }
}
