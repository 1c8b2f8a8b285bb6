//! Whoever can do what is required, and most of what is wished: around any policy.
//!
//! What a request requires is a filter that every policy keeps to. What it wishes is a preference: among those who have
//! most of the wished capabilities that anyone admitted has, the inner policy picks.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Strategy;
use super::capabilities::Capabilities;
use super::choice::{Choice, NoCandidate};
use super::context::Context;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::time::Time;

/// Narrows the pick of another policy to those who have most of what is wished.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CapabilityAware<S> {
    inner: S,
    /// By slot.
    held: Vec<Option<Capabilities>>,
    /// How many members have exactly these.
    kinds: BTreeMap<Capabilities, usize>,
}

impl<S: Strategy> CapabilityAware<S> {
    /// Returns the policy around another one.
    pub const fn new(inner: S) -> Self {
        Self { inner, held: Vec::new(), kinds: BTreeMap::new() }
    }

    /// Returns the policy inside, such as to give it another ring.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    fn set(&mut self, slot: Slot, held: Option<Capabilities>) {
        let before = core::mem::replace(&mut self.held[slot.index()], held);
        if let Some(held) = held {
            *self.kinds.entry(held).or_default() += 1;
        }
        if let Some(before) = before
            && let Some(count) = self.kinds.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.kinds.remove(&before);
            }
        }
    }
}

impl<S: Strategy> Strategy for CapabilityAware<S> {
    fn name(&self) -> &'static str {
        "capability-aware"
    }

    fn follow(&mut self, now: Time, roster: &Roster, change: Change) {
        self.held.resize(roster.slot_count(), None);
        match change {
            Change::Joined(slot) | Change::Altered(slot) => {
                self.set(slot, Some(roster.candidate(slot).capabilities));
            }
            Change::Left(slot) => self.set(slot, None),
        }
        self.inner.follow(now, roster, change);
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let (required, wished) = (context.request.required, context.request.wished);
        // A bit for each count of wished capabilities that some member has; 64 of them is the count above the word.
        let mut counts = 0u128;
        for kind in self.kinds.keys().filter(|kind| kind.contains(required)) {
            counts |= 1 << kind.shared_with(wished);
        }
        while counts > 1 {
            let most = counts.ilog2();
            if let Ok(choice) = self.inner.select(&context.wishing(most)) {
                return Ok(choice);
            }
            counts &= !(1 << most);
        }
        self.inner.select(context).map_err(|refusal| NoCandidate { policy: self.name(), ..refusal })
    }

    fn report(&mut self, now: Time, node: Slot, health: &Health) {
        self.inner.report(now, node, health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, stream};
    use crate::balance::{Candidate, Filtered, Random, Request};
    use crate::ids::NodeId;

    fn field() -> (Field, CapabilityAware<Random>) {
        let mut field = Field::default();
        for (numbers, node) in [&[1][..], &[1, 2], &[1, 2, 3], &[2, 3], &[1, 2, 3]].into_iter().zip(0..) {
            let capabilities = Capabilities::of(numbers.iter().copied()).unwrap();
            field.join(Candidate { capabilities, ..Candidate::new(NodeId::new(node)) });
        }
        let mut policy = CapabilityAware::new(Random::new(&mut stream()));
        field.introduce(&mut policy);
        (field, policy)
    }

    fn request(required: &[u32], wished: &[u32]) -> Request<'static> {
        let [required, wished] = [required, wished].map(|set| Capabilities::of(set.iter().copied()).unwrap());
        Request { required, wished, ..Request::default() }
    }

    fn who(field: &Field, policy: &mut CapabilityAware<Random>, request: &Request<'_>) -> Vec<u64> {
        let mut nodes: Vec<u64> =
            (0..100).map(|_| policy.select(&field.context_of(request)).unwrap().node.get()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    #[test]
    fn what_is_required_filters_and_what_is_wished_prefers() {
        let (mut field, mut policy) = field();
        assert_eq!(who(&field, &mut policy, &request(&[2], &[])), [1, 2, 3, 4]);
        assert_eq!(who(&field, &mut policy, &request(&[1], &[2, 3])), [2, 4]);
        assert_eq!(who(&field, &mut policy, &request(&[], &[2, 3, 9])), [2, 3, 4]);
        field.eligible.exclude(Slot::new(2));
        field.eligible.exclude(Slot::new(4));
        assert_eq!(who(&field, &mut policy, &request(&[1], &[2, 3])), [1]);
        let refusal = policy.select(&field.context_of(&request(&[1, 3], &[2]))).unwrap_err();
        let filtered = Filtered { ineligible: 2, incapable: 3, ..Filtered::default() };
        assert_eq!(refusal, NoCandidate { policy: "capability-aware", members: 5, filtered });
    }

    #[test]
    fn kinds_follow_the_members() {
        let (mut field, mut policy) = field();
        assert_eq!(policy.kinds.len(), 4);
        for node in 0..5 {
            let slot = field.roster.leave(NodeId::new(node)).unwrap();
            policy.follow(field.now, &field.roster, Change::Left(slot));
        }
        assert!(policy.kinds.is_empty());
    }
}
