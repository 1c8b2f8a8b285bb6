//! Who belongs, where, and in which condition: the state that committed commands build.
//!
//! A [`Topology`] is a pure function of its settings and the commands applied to it, so replicas that apply the same log
//! hold equal topologies with equal bytes and fingerprints. Every accepted command begins one [`Epoch`]; a refused one
//! changes nothing. Whoever is behind asks for the [`Delta`] since its epoch, or for the whole if the answer was
//! forgotten. The module refuses to know who may propose, when a silent node is dead, and what a log is.
//!
//! In reading order: `registration` and `refusal`, `command`, `apply`, then `delta`, `consistency` and `canonical`; and
//! `placement`, which derives the ring.

mod apply;
mod canonical;
mod command;
mod consistency;
mod delta;
#[cfg(test)]
pub(crate) mod fixtures;
mod placement;
mod refusal;
mod registration;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use canonical::DecodeError;
pub use command::{Cause, Change, Changed, Command, Condition, Drain};
pub use consistency::Inconsistency;
pub use delta::{Delta, DeltaError, DeltaUnavailable};
pub use refusal::{Field, Refusal};
pub use registration::{Coordinates, Microdegrees, Registration};

use crate::config::TopologySettings;
use crate::ids::{Epoch, NodeId};

/// The committed topology of a federation at one epoch.
///
/// It keeps the limits it was made with, so that no caller can judge one command by two sets of limits. Limits are equal
/// on all replicas and are not part of the canonical bytes.
///
/// ```
/// use delian_core::topology::{Command, Coordinates, Registration};
/// use delian_core::{Bytes, Config, Epoch, NodeId, Topology, WallTime};
///
/// let settings = Config::default().check()?;
/// let mut topology = Topology::new(settings.topology());
/// let change = topology.apply(&Command::Register(Box::new(Registration {
///     node: NodeId::new(7),
///     name: "ada".to_string(),
///     address: "ada.example.net".to_string(),
///     port: 7000,
///     rack: "r1".to_string(),
///     datacenter: "zrh1".to_string(),
///     region: "eu-central".to_string(),
///     coordinates: Coordinates::new(47_376_900, 8_541_700),
///     total: Bytes::new(4_000_000_000_000),
///     free: Bytes::new(3_000_000_000_000),
///     tags: [("disk".to_string(), "nvme".to_string())].into(),
///     registered_at: WallTime::from_unix_millis(1_700_000_000_000),
/// })))?;
/// assert_eq!(change.epoch, Epoch::new(1));
/// assert_eq!(topology.by_name("ada").map(|member| member.node()), Some(NodeId::new(7)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topology {
    settings: TopologySettings,
    epoch: Epoch,
    members: BTreeMap<NodeId, Member>,
    /// The latest removals in the order of their epochs, at most `removals_kept`.
    removals: VecDeque<Removal>,
    /// The epoch of the latest removal that `removals` has dropped: a delta from before it would miss that removal.
    forgotten: Epoch,
    /// Index: the holder of each name.
    names: BTreeMap<String, NodeId>,
    /// Index: the member that changed last in each epoch. Without it a delta would scan all members for each asker.
    changes: BTreeMap<Epoch, NodeId>,
    /// The last epoch that changed who is registered, or where and with what.
    registered_at: Epoch,
}

/// One registered node, as the topology holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// What the node states about itself.
    pub registration: Registration,
    /// The epoch of the latest `Register`: it names this life of the node.
    pub registered: Epoch,
    /// The epoch of the latest change of any kind; never before `registered`.
    pub changed: Epoch,
    /// How the node fares.
    pub condition: Condition,
    /// The epoch that put it into this condition; never before `registered` nor after `changed`.
    pub since: Epoch,
    /// What spoke for the condition when it was last recorded.
    pub cause: Cause,
    /// How far it has handed over what it holds, while it is leaving.
    pub drain: Option<Drain>,
}

impl Member {
    /// Returns the identity of the node.
    pub const fn node(&self) -> NodeId {
        self.registration.node
    }

    /// Returns the first moment of a life.
    fn born(registration: Registration, epoch: Epoch) -> Self {
        let (condition, cause, drain) = (Condition::Healthy, Cause::Asked, None);
        Self { registration, registered: epoch, changed: epoch, condition, since: epoch, cause, drain }
    }

    /// Returns the same life after an epoch that set its condition.
    fn in_condition(self, condition: Condition, cause: Cause, epoch: Epoch) -> Self {
        let since = if condition == self.condition { self.since } else { epoch };
        let drain = (condition == Condition::Leaving).then(|| self.drain.unwrap_or_default());
        Self { changed: epoch, condition, since, cause, drain, ..self }
    }
}

/// The end of a life: which node was removed, and in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Removal {
    /// The node.
    pub node: NodeId,
    /// The epoch that its removal began.
    pub epoch: Epoch,
}

impl Topology {
    /// Returns the empty topology of epoch zero.
    pub fn new(settings: &TopologySettings) -> Self {
        Self {
            settings: settings.clone(),
            epoch: Epoch::ZERO,
            members: BTreeMap::new(),
            removals: VecDeque::new(),
            forgotten: Epoch::ZERO,
            names: BTreeMap::new(),
            changes: BTreeMap::new(),
            registered_at: Epoch::ZERO,
        }
    }

    /// Returns the limits that it was made with.
    pub const fn settings(&self) -> &TopologySettings {
        &self.settings
    }

    /// Returns how many commands were accepted so far.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the last epoch that changed who is registered or how a node fares: others were the embedder's.
    pub(crate) fn members_changed_at(&self) -> Epoch {
        let changed = self.changes.last_key_value().map_or(Epoch::ZERO, |(epoch, _)| *epoch);
        self.removals.back().map_or(self.forgotten, |removal| removal.epoch).max(changed)
    }

    /// Returns the last epoch that changed who is registered, or where and with what.
    pub const fn registered_at(&self) -> Epoch {
        self.registered_at
    }

    /// Returns how many nodes are registered.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Says whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the member with this identity.
    pub fn get(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// Returns the member that holds this name.
    pub fn by_name(&self, name: &str) -> Option<&Member> {
        self.names.get(name).and_then(|node| self.members.get(node))
    }

    /// Iterates over all members in the order of their identities.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Iterates over the members in a region in the order of their identities.
    pub fn in_region(&self, region: &str) -> impl Iterator<Item = &Member> {
        self.members().filter(move |member| member.registration.region == region)
    }

    /// Iterates over the members in a datacenter of a region in the order of their identities.
    pub fn in_datacenter(&self, region: &str, datacenter: &str) -> impl Iterator<Item = &Member> {
        self.in_region(region).filter(move |member| member.registration.datacenter == datacenter)
    }

    /// Iterates over the members in a rack of a datacenter of a region in the order of their identities.
    ///
    /// Racks of the same name in two datacenters are two racks: they do not fail together.
    pub fn in_rack(&self, region: &str, datacenter: &str, rack: &str) -> impl Iterator<Item = &Member> {
        self.in_datacenter(region, datacenter).filter(move |member| member.registration.rack == rack)
    }

    /// Asserts everything that holds in every epoch, in time proportional to the topology: for tests and simulation.
    ///
    /// # Panics
    ///
    /// Panics if a bug broke an invariant: then the topology differs from what its own bytes decode to, since
    /// [`Topology::from_bytes`] checks all of them and builds the indices anew.
    pub fn assert_invariants(&self) {
        let decoded = Self::from_bytes(&self.to_bytes(), &self.settings);
        assert_eq!(decoded.as_ref(), Ok(self), "the topology of {} broke an invariant", self.epoch);
    }

    /// Adds a member whose identity and name are free, and keeps the indices.
    fn put(&mut self, member: Member) {
        let node = member.node();
        self.registered_at = self.registered_at.max(member.registered);
        self.names.insert(member.registration.name.clone(), node);
        self.changes.insert(member.changed, node);
        self.members.insert(node, member);
    }

    /// Takes a member out, and keeps the indices.
    fn take(&mut self, node: NodeId) -> Option<Member> {
        let member = self.members.remove(&node)?;
        self.names.remove(&member.registration.name);
        self.changes.remove(&member.changed);
        Some(member)
    }

    /// Takes a member out, if it is still there, and remembers that it went.
    fn remove(&mut self, removal: Removal) {
        self.take(removal.node);
        self.registered_at = self.registered_at.max(removal.epoch);
        self.removals.push_back(removal);
        if self.removals.len() > self.settings.removals_kept
            && let Some(dropped) = self.removals.pop_front()
        {
            self.forgotten = dropped.epoch;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::fixtures::{register, registration, settings, topology_of};
    use super::*;

    fn register_at(node: u64, place: [&str; 3]) -> Command {
        let mut placed = registration(node, &node.to_string());
        [placed.region, placed.datacenter, placed.rack] = place.map(str::to_string);
        Command::Register(Box::new(placed))
    }

    fn nodes<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<u64> {
        members.map(|member| member.node().get()).collect()
    }

    #[test]
    fn a_new_topology_is_empty_at_epoch_zero() {
        let topology = Topology::new(&settings());
        assert!(topology.is_empty() && topology.epoch() == Epoch::ZERO);
        assert_eq!(topology.by_name("ada"), None);
        topology.assert_invariants();
    }

    #[test]
    fn racks_of_the_same_name_in_two_datacenters_are_two_racks() {
        let topology = topology_of(&[
            register_at(4, ["eu", "a", "r1"]),
            register_at(2, ["eu", "b", "r1"]),
            register_at(3, ["us", "a", "r1"]),
            register_at(1, ["eu", "a", "r1"]),
        ]);
        assert_eq!(nodes(topology.in_rack("eu", "a", "r1")), [1, 4]);
        assert_eq!(nodes(topology.in_rack("eu", "a", "r2")), []);
        assert_eq!(nodes(topology.in_datacenter("us", "a")), [3]);
        assert_eq!(nodes(topology.in_region("eu")), [1, 2, 4]);
        assert_eq!(nodes(topology.members()), [1, 2, 3, 4]);
    }

    #[test]
    fn a_name_is_found_while_its_holder_is_registered() {
        let mut topology = topology_of(&[register(1, "ada")]);
        assert_eq!(topology.by_name("ada"), topology.get(NodeId::new(1)));
        topology.apply(&Command::Deregister(NodeId::new(1))).unwrap();
        assert_eq!(topology.by_name("ada"), None);
        assert_eq!(topology.len(), 0);
    }
}
