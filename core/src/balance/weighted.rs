//! Everyone in turn, as often as the weight says, and as evenly as that allows.
//!
//! Smooth weighted round robin, as nginx has it: each pick gives everyone credit by weight, takes whoever has most, and
//! takes from that one what all were given. With the same members over a whole cycle (as many picks as the weights add
//! up to, divided by what they have in common) everyone is taken exactly as often as the weight says, and between two
//! turns of a heavy one the light ones get theirs. It looks at all who may be asked: whoever has many members takes
//! [`WeightedRandom`](super::WeightedRandom).

use alloc::vec::Vec;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::time::Time;

/// Takes members in turn by weight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Weighted {
    /// By slot: how much each is owed.
    credits: Vec<i64>,
}

impl Weighted {
    /// Returns the policy with nobody owed anything.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Strategy for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }

    fn follow(&mut self, _: Time, roster: &Roster, change: Change) {
        self.credits.resize(roster.slot_count(), 0);
        match change {
            Change::Joined(slot) | Change::Left(slot) => self.credits[slot.index()] = 0,
            Change::Altered(_) => {}
        }
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        self.credits.resize(context.roster.slot_count(), 0);
        let mut given = 0i64;
        let mut most: Option<(i64, Slot)> = None;
        for slot in context.eligible.slots().iter().copied().filter(|slot| context.admits_eligible(*slot)) {
            let weight = i64::from(context.roster.candidate(slot).weight.thousandths());
            let credit = &mut self.credits[slot.index()];
            *credit = credit.saturating_add(weight);
            given += weight;
            // The set is in no order, so ties go by slot.
            let is_more = most.is_none_or(|(credit_of_most, best)| {
                *credit > credit_of_most || *credit == credit_of_most && slot < best
            });
            if is_more {
                most = Some((*credit, slot));
            }
        }
        let (_, slot) = most.ok_or_else(|| context.no_candidate(self.name()))?;
        let credit = &mut self.credits[slot.index()];
        *credit = credit.saturating_sub(given);
        Ok(context.choice(slot, Why::Turn))
    }

    fn report(&mut self, _: Time, _: Slot, _: &Health) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Candidate;
    use crate::balance::fixtures::Field;
    use crate::ids::NodeId;
    use crate::ring::Weight;

    fn field(weights: &[u32]) -> (Field, Weighted) {
        let mut field = Field::default();
        for (weight, node) in weights.iter().zip(0..) {
            let weight = Weight::of_thousandths(*weight).unwrap();
            field.join(Candidate { weight, ..Candidate::new(NodeId::new(node)) });
        }
        let mut policy = Weighted::new();
        field.introduce(&mut policy);
        (field, policy)
    }

    #[test]
    fn the_order_is_the_smooth_one() {
        let (field, mut policy) = field(&[5000, 1000, 1000]);
        let picked: Vec<usize> = (0..7).map(|_| field.pick(&mut policy).unwrap().seat.slot.index()).collect();
        assert_eq!(picked, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_cycle_is_exact() {
        for weights in [&[1, 2, 3, 4][..], &[7, 7, 7], &[1, 1000, 13], &[999_983, 17, 3]] {
            let (field, mut policy) = field(weights);
            let cycle: u32 = weights.iter().sum();
            for _ in 0..2 {
                let counts = field.tally(&mut policy, cycle as usize);
                assert!(counts.iter().zip(weights).all(|(count, weight)| *count == u64::from(*weight)), "{counts:?}");
            }
        }
    }

    #[test]
    fn a_newcomer_in_a_slot_is_owed_nothing() {
        let (mut field, mut policy) = field(&[1000, 1000]);
        field.pick(&mut policy).unwrap();
        let slot = field.roster.leave(NodeId::new(0)).unwrap();
        policy.follow(field.now, &field.roster, Change::Left(slot));
        assert_eq!(policy.credits[slot.index()], 0);
    }
}
