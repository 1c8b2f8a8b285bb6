//! Everyone in turn.

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::rng::Stream;
use crate::time::Time;

/// Takes members in the order of their slots, beginning anywhere: many balancers that begin together do not go in step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoundRobin {
    next: usize,
    /// What says where the first turn begins, until then.
    begin: Option<u64>,
}

impl RoundRobin {
    /// Returns the policy, which begins where `stream` says.
    pub fn new(stream: &mut Stream) -> Self {
        Self { next: 0, begin: Some(stream.next_u64()) }
    }
}

impl Strategy for RoundRobin {
    fn name(&self) -> &'static str {
        "round-robin"
    }

    fn follow(&mut self, _: Time, _: &Roster, _: Change) {}

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        if let Some(begin) = self.begin.take() {
            self.next = (begin % context.roster.slot_count().max(1) as u64) as usize;
        }
        let mut turns = context.eligible.around(self.next);
        let slot =
            turns.find(|slot| context.admits_eligible(*slot)).ok_or_else(|| context.no_candidate(self.name()))?;
        self.next = slot.index() + 1;
        Ok(context.choice(slot, Why::Turn))
    }

    fn report(&mut self, _: Time, _: Slot, _: &Health) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Request;
    use crate::balance::fixtures::{Field, stream};
    use crate::ids::NodeId;

    #[test]
    fn everyone_gets_as_many_turns_and_nobody_two_in_a_row() {
        let field = Field::of(7);
        let mut policy = RoundRobin::new(&mut stream());
        assert_eq!(field.tally(&mut policy, 700), [100; 7]);
        let mut last = None;
        for _ in 0..20 {
            let node = field.pick(&mut policy).unwrap().node;
            assert_ne!(last.replace(node), Some(node));
        }
    }

    #[test]
    fn turns_skip_those_who_may_not_be_asked() {
        let mut field = Field::of(200);
        for slot in 3..190 {
            field.eligible.exclude(Slot::new(slot));
        }
        let request = Request { excluded: &[NodeId::new(1), NodeId::new(195)], ..Request::default() };
        let mut policy = RoundRobin::new(&mut stream());
        let mut counts = [0; 200];
        for _ in 0..110 {
            counts[policy.select(&field.context_of(&request)).unwrap().seat.slot.index()] += 1;
        }
        assert!(
            (0..200)
                .all(|slot| counts[slot] == if [0, 2].contains(&slot) || slot >= 190 && slot != 195 { 10 } else { 0 })
        );
    }
}
