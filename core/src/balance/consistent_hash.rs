//! Whoever owns the key on the ring, or the next one clockwise who may be asked.
//!
//! The ring is made of the committed members, whoever may be asked; who may not is walked past, so its keys come back
//! unmoved, and a member of the ring that is no candidate here is walked past likewise. It never falls back to anyone
//! whom the circle does not name: without a ring, or with nobody on it who may be asked, there is no candidate.
//!
//! With a [`Bound`] it also walks past whoever has `⌈c·w·(L+1)/W⌉` requests of this node in flight, where `L` and `W` are
//! the requests and the weight on the ring of all who may be asked (see [`crate::ring::bounded`]). A walk that meets its
//! limit takes the least loaded that it met, so the bound refuses nobody. Bounds are off unless they are asked for, as in
//! `HAProxy` and Envoy: a key that overflows meets a node without its cache or its session, and that is worth it only
//! where one slow or hot node costs more. They count what this node itself sent, for what nodes report is of before; so
//! each balancer bounds its own part of the load.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::health::Health;
use super::roster::{Change, Roster, Slot};
use crate::ids::NodeId;
use crate::ring::{self, Bound, Ring, Weight};
use crate::time::Time;

/// Takes the owner of the request's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsistentHash {
    ring: Option<Arc<Ring>>,
    bound: Option<Bound>,
    /// Where each node is on the ring.
    places: BTreeMap<NodeId, ring::Slot>,
    /// By place on the ring: the candidate's slot, if it is one.
    slots: Vec<Option<Slot>>,
    /// By slot: who is there.
    nodes: Vec<Option<Seated>>,
}

/// A candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Seated {
    node: NodeId,
    /// What it weighs on the ring, if it is there.
    weight: Option<Weight>,
    /// How many requests of this node it has not answered.
    in_flight: u32,
}

impl ConsistentHash {
    /// Returns the policy without a ring: it picks nobody until it has one. No load makes it pass by an owner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the policy, likewise without a ring, that walks past whoever bears all that a bound allows;
    /// [`Bound::default`] allows a quarter more than is fair.
    pub fn bounded(bound: Bound) -> Self {
        Self { bound: Some(bound), ..Self::default() }
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
        for (index, seated) in self.nodes.iter_mut().enumerate() {
            let Some(seated) = seated else { continue };
            let place = self.places.get(&seated.node).copied();
            seated.weight = place.map(|place| ring.weight(place));
            if let Some(place) = place {
                self.slots[place.index()] = Some(Slot::new(index));
            }
        }
        self.ring = Some(ring);
    }

    /// Returns the ring.
    pub const fn ring(&self) -> Option<&Arc<Ring>> {
        self.ring.as_ref()
    }

    /// Returns how many requests of this node a member has not answered.
    pub fn in_flight(&self, slot: Slot) -> u32 {
        self.seated(slot).map_or(0, |seated| seated.in_flight)
    }

    fn seated(&self, slot: Slot) -> Option<&Seated> {
        self.nodes.get(slot.index())?.as_ref()
    }

    /// Returns the first candidate clockwise, and why it is that one.
    fn walk(&self, context: &Context<'_>) -> Option<(Slot, Why)> {
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
        let first = admitted(place)?;
        let why = if passed == 0 { Why::Owner } else { Why::NextOwner };
        // Nobody's capacity is below one, so whoever is idle needs no sum over all.
        match self.bound {
            Some(bound) if self.in_flight(first) > 0 => Some(self.walk_bounded(context, ring, bound, (first, why))),
            Some(_) | None => Some((first, why)),
        }
    }

    /// Returns the first candidate clockwise that may take one more, given the first one of all.
    fn walk_bounded(&self, context: &Context<'_>, ring: &Ring, bound: Bound, first: (Slot, Why)) -> (Slot, Why) {
        // A sum over all who may be asked, as each pick of `LeastConnections` takes: the request itself may leave some
        // out, so no sum that is kept along would be the one that counts.
        let (mut load, mut all) = (0, 0);
        let asked = context.eligible.slots().iter().filter(|slot| context.admits_eligible(**slot));
        for Seated { weight, in_flight, .. } in asked.filter_map(|slot| self.seated(*slot)) {
            if let Some(weight) = weight {
                load += u64::from(*in_flight);
                all += u64::from(weight.thousandths());
            }
        }
        let has_room = |slot: Slot| {
            let seated = self.seated(slot).and_then(|seated| Some((seated.in_flight, seated.weight?)));
            seated.is_some_and(|(own, weight)| u64::from(own) < bound.factor.capacity(weight, load, all))
        };
        let (mut found, mut walked, mut full, mut least) = (None, 0, 0, first.0);
        ring.owner_where(context.request.key, |place| {
            walked += 1;
            if let Some(slot) = self.slots[place.index()].filter(|slot| context.admits(*slot)) {
                if has_room(slot) {
                    found = Some(slot);
                } else {
                    full += 1;
                    least = if self.bears_less(slot, least) { slot } else { least };
                }
            }
            found.is_some() || walked >= bound.walk_max
        });
        match found {
            Some(_) if full == 0 => first,
            Some(slot) => (slot, Why::NextWithRoom { full }),
            None => (least, Why::LeastOfFull(self.in_flight(least))),
        }
    }

    /// Says whether one member bears less for its weight than another.
    fn bears_less(&self, one: Slot, other: Slot) -> bool {
        let figures = |slot: Slot| {
            let seated = self.seated(slot);
            let weight = seated.and_then(|seated| seated.weight).map_or(0, Weight::thousandths);
            (seated.map_or(0, |seated| u64::from(seated.in_flight)), u64::from(weight))
        };
        let ((own, weight), (others, weight_of_other)) = (figures(one), figures(other));
        own * weight_of_other < others * weight
    }
}

impl Strategy for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent-hash"
    }

    fn follow(&mut self, _: Time, roster: &Roster, change: Change) {
        self.nodes.resize(roster.slot_count(), None);
        let (Change::Joined(slot) | Change::Altered(slot) | Change::Left(slot)) = change;
        let before = self.nodes[slot.index()].take();
        if let Some(place) = before.and_then(|seated| self.places.get(&seated.node)) {
            self.slots[place.index()] = None;
        }
        let (Change::Joined(_) | Change::Altered(_)) = change else { return };
        let node = roster.candidate(slot).node;
        let place = self.places.get(&node).copied();
        if let Some(place) = place {
            self.slots[place.index()] = Some(slot);
        }
        let weight = place.zip(self.ring.as_ref()).map(|(place, ring)| ring.weight(place));
        let in_flight = match change {
            Change::Altered(_) => before.map_or(0, |seated| seated.in_flight),
            Change::Joined(_) | Change::Left(_) => 0,
        };
        self.nodes[slot.index()] = Some(Seated { node, weight, in_flight });
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let (slot, why) = self.walk(context).ok_or_else(|| {
            let mut refusal = context.no_candidate(self.name());
            refusal.filtered.unplaced = refusal.members - refusal.filtered.sum();
            refusal
        })?;
        Ok(context.choice(slot, why))
    }

    fn report(&mut self, _: Time, node: Slot, health: &Health) {
        let Some(Some(seated)) = self.nodes.get_mut(node.index()) else { return };
        match health {
            Health::Started => seated.in_flight = seated.in_flight.saturating_add(1),
            Health::Finished(_) => seated.in_flight = seated.in_flight.saturating_sub(1),
            Health::Load(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::balance::fixtures::{Field, finished};
    use crate::balance::{Candidate, Filtered, Outcome, Request};
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

    /// Picks for a key and sends the request.
    fn send(field: &Field, policy: &mut ConsistentHash, key: &[u8]) -> Choice {
        let choice = pick(field, policy, key);
        policy.report(field.now, choice.seat.slot, &Health::Started);
        choice
    }

    #[test]
    fn without_a_bound_no_load_moves_a_key() {
        let field = Field::of(5);
        let mut policy = policy(&field, &ring_of(5));
        let owner = send(&field, &mut policy, b"hot");
        assert!((0..1000).all(|_| send(&field, &mut policy, b"hot") == owner));
        assert_eq!(policy.in_flight(owner.seat.slot), 1001);
    }

    #[test]
    fn a_hot_key_overflows_to_the_next_ones_and_returns_when_the_load_falls() {
        let field = Field::of(5);
        let ring = ring_of(5);
        let mut policy = ConsistentHash { bound: Some(Bound::default()), ..policy(&field, &ring) };
        let sent: Vec<Choice> = (0..100).map(|_| send(&field, &mut policy, b"hot")).collect();
        assert_eq!((sent[0].why, sent[1].why), (Why::Owner, Why::NextWithRoom { full: 1 }));
        // Nobody has more than a quarter above the mean of twenty.
        let in_flight: Vec<u32> = (0..5).map(|slot| policy.in_flight(Slot::new(slot))).collect();
        assert!(in_flight.iter().all(|count| *count <= 25), "{in_flight:?}");
        assert_eq!(in_flight.iter().sum::<u32>(), 100);
        for choice in sent.iter().skip(1) {
            policy.report(field.now, choice.seat.slot, &finished(1, Outcome::Success));
        }
        let again = pick(&field, &mut policy, b"hot");
        assert_eq!((again.why, policy.in_flight(sent[0].seat.slot)), (Why::NextWithRoom { full: 1 }, 1));
        policy.report(field.now, sent[0].seat.slot, &finished(1, Outcome::Success));
        assert_eq!(pick(&field, &mut policy, b"hot"), sent[0]);
    }

    #[test]
    fn a_walk_that_meets_its_limit_takes_the_least_loaded_that_it_met() {
        let field = Field::of(20);
        let bound = Bound { walk_max: 1, ..Bound::default() };
        let mut policy = ConsistentHash { bound: Some(bound), ..policy(&field, &ring_of(20)) };
        let owner = send(&field, &mut policy, b"hot");
        let full = pick(&field, &mut policy, b"hot");
        assert_eq!((full.node, full.why), (owner.node, Why::LeastOfFull(1)));
    }

    #[test]
    fn whoever_leaves_takes_its_requests_along_and_whoever_alters_keeps_them() {
        let mut field = Field::of(3);
        let mut policy = ConsistentHash { bound: Some(Bound::default()), ..policy(&field, &ring_of(3)) };
        let slot = send(&field, &mut policy, b"key").seat.slot;
        policy.follow(field.now, &field.roster, Change::Altered(slot));
        assert_eq!(policy.in_flight(slot), 1);
        let node = field.roster.candidate(slot).node;
        field.roster.leave(node).unwrap();
        field.eligible.exclude(slot);
        policy.follow(field.now, &field.roster, Change::Left(slot));
        policy.report(field.now, slot, &finished(1, Outcome::Success));
        field.join(Candidate::new(node));
        policy.follow(field.now, &field.roster, Change::Joined(slot));
        assert_eq!(policy.in_flight(slot), 0);
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
