//! Whoever owns the key on the ring, or the next one clockwise who may be asked.
//!
//! The ring is made of the committed members, whoever may be asked; who may not is walked past, so its keys come back
//! unmoved, and a member of the ring that is no candidate here is walked past likewise. It never falls back to anyone
//! whom the circle does not name: without a ring, or with nobody on it who may be asked, there is no candidate.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::ids::NodeId;
use crate::ring::{self, Ring};
use crate::time::Time;

/// Takes the owner of the request's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsistentHash {
    ring: Option<Arc<Ring>>,
    /// Where each node is on the ring.
    places: BTreeMap<NodeId, ring::Slot>,
    /// By place on the ring: the candidate's slot, if it is one.
    slots: Vec<Option<Slot>>,
    /// By slot: who is there.
    nodes: Vec<Option<NodeId>>,
}

impl ConsistentHash {
    /// Returns the policy without a ring: it picks nobody until it has one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes by another ring from here on. `nodes` says who the members of the ring are, by their slots in it; one that
    /// is not on the ring is picked for no key.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many nodes as members.
    pub fn set_ring(&mut self, ring: Arc<Ring>, nodes: &[NodeId]) {
        assert_eq!(nodes.len(), ring.len(), "each member of the ring has one node");
        self.places = nodes.iter().copied().zip(ring.slots()).collect();
        self.slots = alloc::vec![None; ring.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(place) = node.and_then(|node| self.places.get(&node)) {
                self.slots[place.index()] = Some(Slot::new(index));
            }
        }
        self.ring = Some(ring);
    }

    /// Returns the ring.
    pub const fn ring(&self) -> Option<&Arc<Ring>> {
        self.ring.as_ref()
    }

    /// Returns the first candidate clockwise, and how many points were walked past.
    fn walk(&self, context: &Context<'_>) -> Option<(Slot, usize)> {
        let ring = self.ring.as_ref()?;
        let admitted = |place: ring::Slot| self.slots[place.index()].filter(|slot| context.admits(*slot));
        let mut passed = 0;
        let place = ring.owner_where(context.request.key, |place| {
            if admitted(place).is_some() {
                return true;
            }
            passed += 1;
            // Before a walk goes all around in vain, each member is looked at once instead of each of its points.
            passed == ring.len() && !ring.slots().any(|place| admitted(place).is_some())
        })?;
        admitted(place).map(|slot| (slot, passed))
    }
}

impl Strategy for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent-hash"
    }

    fn follow(&mut self, _: Time, roster: &Roster, change: Change) {
        self.nodes.resize(roster.slot_count(), None);
        let (Change::Joined(slot) | Change::Altered(slot) | Change::Left(slot)) = change;
        let after = match change {
            Change::Joined(_) | Change::Altered(_) => Some(roster.candidate(slot).node),
            Change::Left(_) => None,
        };
        let before = core::mem::replace(&mut self.nodes[slot.index()], after);
        for (node, held) in [(before, None), (after, Some(slot))] {
            if let Some(place) = node.and_then(|node| self.places.get(&node)) {
                self.slots[place.index()] = held;
            }
        }
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let (slot, passed) = self.walk(context).ok_or_else(|| {
            let mut refusal = context.no_candidate(self.name());
            refusal.filtered.unplaced = refusal.members - refusal.filtered.sum();
            refusal
        })?;
        Ok(context.choice(slot, if passed == 0 { Why::Owner } else { Why::NextOwner }))
    }

    fn report(&mut self, _: Time, _: Slot, _: &Health) {}
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::balance::fixtures::Field;
    use crate::balance::{Candidate, Filtered, Request};
    use crate::ring::{Eligible, Member, Place, PointsPerUnit};

    /// A ring of so many nodes, and who they are by their slots in it.
    fn ring_of(count: u64) -> (Arc<Ring>, Vec<NodeId>) {
        let members = (0..count).map(|node| Member::new(&format!("node-{node:03}"), Place::new("eu", "zrh", "r1")));
        let ring = Ring::build(PointsPerUnit::default(), members).unwrap();
        (Arc::new(ring), (0..count).map(NodeId::new).collect())
    }

    fn policy(field: &Field, ring: &(Arc<Ring>, Vec<NodeId>)) -> ConsistentHash {
        let mut policy = ConsistentHash::new();
        field.introduce(&mut policy);
        policy.set_ring(ring.0.clone(), &ring.1);
        policy
    }

    fn pick(field: &Field, policy: &mut ConsistentHash, key: &[u8]) -> Choice {
        policy.select(&field.context_of(&Request { key, ..Request::default() })).unwrap()
    }

    #[test]
    fn the_owner_is_picked_and_keys_come_back_to_it_unmoved() {
        let mut field = Field::of(20);
        let ring = ring_of(20);
        let mut policy = policy(&field, &ring);
        let keys: Vec<_> = (0..500).map(|key| format!("key-{key}")).collect();
        let owners = |field: &Field, policy: &mut ConsistentHash| -> Vec<Choice> {
            keys.iter().map(|key| pick(field, policy, key.as_bytes())).collect()
        };
        let before = owners(&field, &mut policy);
        for (key, choice) in keys.iter().zip(&before) {
            let owner = ring.0.owner(key.as_bytes()).unwrap();
            assert_eq!((choice.node, choice.why), (ring.1[owner.index()], Why::Owner));
        }
        let gone = before[0].seat.slot;
        field.eligible.exclude(gone);
        let mut among = Eligible::all(&ring.0);
        among.exclude(&ring.0, ring.0.owner(keys[0].as_bytes()).unwrap());
        for ((choice, was), key) in owners(&field, &mut policy).iter().zip(&before).zip(&keys) {
            let next = ring.0.owner_among(key.as_bytes(), &among).unwrap();
            assert_eq!(choice.node, ring.1[next.index()]);
            assert_eq!(choice.why == Why::NextOwner, was.seat.slot == gone);
            assert!(was.seat.slot == gone || was.node == choice.node, "{choice:?} was {was:?}");
        }
        field.eligible.admit(gone);
        assert_eq!(owners(&field, &mut policy), before);
    }

    #[test]
    fn a_member_of_the_ring_that_is_no_candidate_sends_its_keys_to_many() {
        let field = Field::of(10);
        let mut policy = policy(&field, &ring_of(20));
        let mut counts = [0; 10];
        for key in 0..20_000u32 {
            counts[pick(&field, &mut policy, &key.to_le_bytes()).seat.slot.index()] += 1;
        }
        // Twice the share of each, as uneven as a ring is: nobody gets the keys of all strangers.
        assert!(counts.iter().all(|count| (1_000..3_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn candidates_come_before_or_after_the_ring_that_names_them() {
        let mut field = Field::of(0);
        let ring = ring_of(3);
        let mut policy = policy(&field, &ring);
        for node in [2, 0, 1] {
            let slot = field.join(Candidate::new(NodeId::new(node)));
            policy.follow(field.now, &field.roster, Change::Joined(slot));
        }
        let mut late = super::tests::policy(&field, &ring);
        for key in 0..100u32 {
            let choice = pick(&field, &mut policy, &key.to_le_bytes());
            assert_eq!(choice, pick(&field, &mut late, &key.to_le_bytes()));
            assert_eq!(choice.node, ring.1[ring.0.owner(&key.to_le_bytes()).unwrap().index()]);
        }
        let slot = field.roster.leave(NodeId::new(1)).unwrap();
        field.eligible.exclude(slot);
        policy.follow(field.now, &field.roster, Change::Left(slot));
        assert!((0..100u32).all(|key| pick(&field, &mut policy, &key.to_le_bytes()).node != NodeId::new(1)));
    }

    #[test]
    fn without_a_ring_or_anyone_on_it_there_is_nobody_and_no_first_one() {
        let mut field = Field::of(5);
        let mut policy = ConsistentHash::new();
        field.introduce(&mut policy);
        let refusal = field.pick(&mut policy).unwrap_err();
        assert_eq!(refusal.to_string(), "consistent-hash finds nobody among 5 members: 5 unplaced");
        let (ring, nodes) = ring_of(5);
        policy.set_ring(ring, &nodes);
        for slot in 0..5 {
            field.eligible.exclude(Slot::new(slot));
        }
        let filtered = Filtered { ineligible: 5, ..Filtered::default() };
        assert_eq!(field.pick(&mut policy).unwrap_err().filtered, filtered);
    }
}
