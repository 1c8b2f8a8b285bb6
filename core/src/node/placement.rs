//! Where keys live as the node's topology says: the ring of its members, and what has to move before one of them goes.
//!
//! The ring is a pure function of who is registered and of the settings, so all nodes of one epoch hold the same one. It
//! says of which epoch it is: the last one that changed who is registered. How nodes fare moves no key; whoever may not be
//! asked is walked past ([`Node::eligible`]).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::Node;
use crate::config::{ConfigError, wrong};
use crate::ids::{Bytes, Epoch, NodeId};
use crate::io::{Event, Outbox};
use crate::ring::{Eligible, Plan, PointsPerUnit, REPLICAS_MAX, Ring, RingError, Rule, Shortage, Weight};
use crate::topology::{Condition, Member, Topology};

/// How the keys are laid on the registered nodes; the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RingConfig {
    /// How many points a unit of weight brings.
    pub points_per_unit: PointsPerUnit,
    /// What a node weighs.
    pub weigh: Weigh,
    /// How many copies there are of each key.
    pub copies: usize,
    /// How they are kept apart.
    pub rule: Rule,
}

impl Default for RingConfig {
    /// One copy on nodes of equal weight.
    fn default() -> Self {
        Self { points_per_unit: PointsPerUnit::default(), weigh: Weigh::Alike, copies: 1, rule: Rule::Nodes }
    }
}

impl RingConfig {
    pub(crate) fn check(self) -> Result<Self, ConfigError> {
        let copies = self.copies;
        if !(1..=REPLICAS_MAX).contains(&copies) {
            let problem = alloc::format!("asks for {copies} copies, but there are between 1 and {REPLICAS_MAX}");
            return wrong("ring", problem);
        }
        Ok(self)
    }
}

/// What a node weighs beside the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Weigh {
    /// As much as any other.
    Alike,
    /// As much as it has storage: a unit for so many bytes.
    ByStorage {
        /// How many bytes are a unit; zero counts as one.
        unit: Bytes,
    },
    /// What it says itself, in thousandths of a unit, under this tag; a unit if it says nothing that is a weight.
    ByTag(String),
}

impl Weigh {
    fn of(&self, member: &Member) -> Weight {
        match self {
            Self::Alike => Weight::UNIT,
            Self::ByStorage { unit } => {
                let thousandths = u128::from(member.registration.total.get()) * 1000 / u128::from(unit.get().max(1));
                let most = u128::from(Weight::MAX.thousandths());
                Weight::of_thousandths(thousandths.clamp(1, most) as u32).unwrap_or_default()
            }
            Self::ByTag(tag) => {
                let said = member.registration.tags.get(tag).and_then(|value| value.parse().ok());
                said.and_then(|thousandths| Weight::of_thousandths(thousandths).ok()).unwrap_or_default()
            }
        }
    }
}

/// Under which name each member is in a ring.
type Names = BTreeMap<NodeId, Arc<str>>;

/// The ring of a running node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Placement {
    ring: Arc<Ring>,
    /// Nothing, if the ring could not follow: then it lacks more than what changes next.
    names: Option<Names>,
    /// The last epoch that changed who is registered, and that was taken in, whether there is a ring of it or not.
    seen: Epoch,
}

/// What has to go from a node, as a question that is answered without the node that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainQuestion {
    ring: Arc<Ring>,
    leaver: String,
    /// Who gets nothing: the leaver and all others that leave.
    gone: BTreeSet<Arc<str>>,
    copies: usize,
    rule: Rule,
}

impl DrainQuestion {
    /// Returns the ring that the plan begins with.
    pub const fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Returns the plan, in time proportional to the points of the ring.
    ///
    /// # Errors
    ///
    /// Returns [`NoPlan::Short`] if the copies cannot lie as they should.
    pub fn answer(&self) -> Result<Plan, NoPlan> {
        let stayers = self.ring.members().filter(|member| !self.gone.contains(&member.name));
        let mut without = Ring::clone(&self.ring);
        without.follow(stayers).expect("some of the members of a ring form a ring");
        Plan::between(&self.ring, &without, self.copies, self.rule)
            .map(|plan| plan.of_giver(&self.leaver))
            .map_err(NoPlan::Short)
    }
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// The node is not configured to hold a ring.
    NoRing,
    /// Nobody of this identity is in the ring.
    Unknown(NodeId),
    /// The copies cannot lie as they should.
    Short(Shortage),
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRing => f.write_str("this node holds no ring: configure `ring`"),
            Self::Unknown(node) => write!(f, "{node} is in no ring: register it first"),
            Self::Short(shortage) => write!(f, "{shortage}"),
        }
    }
}

impl core::error::Error for NoPlan {}

impl Placement {
    pub(super) fn new(config: &RingConfig) -> Self {
        Self { ring: Arc::new(Ring::new(config.points_per_unit)), names: Some(BTreeMap::new()), seen: Epoch::ZERO }
    }

    /// Follows who is registered. Readers of the ring before keep theirs.
    fn follow(&mut self, topology: &Topology, config: &RingConfig, out: &mut Outbox) {
        let changed_at = topology.registered_at();
        if self.seen == changed_at {
            return;
        }
        let touched = topology.touched_since(self.seen).map(Iterator::collect);
        self.seen = changed_at;
        let ring = Arc::make_mut(&mut self.ring);
        let followed = match self.names.take().zip(touched) {
            Some((names, touched)) => amend(ring, names, touched, topology, config),
            None => follow_all(ring, topology, config),
        };
        let epoch = self.ring.epoch();
        match followed {
            Ok(names) => {
                self.names = Some(names);
                out.emit(Event::RingChanged { epoch, members: self.ring.len() });
            }
            Err(why) => out.emit(Event::RingStays { epoch, why: why.into() }),
        }
    }
}

/// Has a ring follow those alone who may have changed.
fn amend(
    ring: &mut Ring,
    mut names: Names,
    touched: BTreeSet<NodeId>,
    topology: &Topology,
    config: &RingConfig,
) -> Result<Names, RingError> {
    let mut leavers: BTreeSet<Arc<str>> = touched.iter().filter_map(|node| names.remove(node)).collect();
    let mut members = Vec::new();
    for member in touched.into_iter().filter_map(|node| topology.get(node)) {
        let in_ring = member.in_ring(config.weigh.of(member));
        leavers.remove(&in_ring.name);
        names.insert(member.node(), Arc::clone(&in_ring.name));
        members.push(in_ring);
    }
    ring.amend(&leavers.into_iter().collect::<Vec<_>>(), &members)?;
    ring.set_epoch(topology.registered_at());
    Ok(names)
}

/// Has a ring follow everybody who is registered.
fn follow_all(ring: &mut Ring, topology: &Topology, config: &RingConfig) -> Result<Names, RingError> {
    topology.update_ring(ring, |member| config.weigh.of(member))?;
    let name = |member: &Member| Some(Arc::clone(ring.name(ring.slot(&member.registration.name)?)));
    Ok(topology.members().filter_map(|member| Some((member.node(), name(member)?))).collect())
}

impl Node {
    pub(super) fn tend_ring(&mut self, out: &mut Outbox) {
        let Some(mut placement) = self.placement.take() else { return };
        if let Some(config) = &self.settings.ring {
            placement.follow(self.topology(), config, out);
        }
        self.placement = Some(placement);
    }

    /// Returns the ring of the registered nodes; nothing if the node is not configured to hold one.
    pub fn ring(&self) -> Option<&Arc<Ring>> {
        self.placement.as_ref().map(|placement| &placement.ring)
    }

    /// Returns who of the ring may be asked for new work, as far as was agreed on.
    pub fn eligible(&self) -> Option<Eligible> {
        let ring = self.ring()?;
        let condition = |name: &str| self.topology().by_name(name).map(|member| member.condition);
        Some(Eligible::of(ring, |slot| condition(ring.name(slot)).is_some_and(Condition::is_routable)))
    }

    /// Returns what has to go from a node to others before it can go itself: clockwise, and the same on every node of one
    /// epoch. Others that are leaving too get nothing of it.
    ///
    /// Whoever moves the data does the steps in order and reports [`Plan::moved_after`] in a
    /// [`Command::DrainProgress`](crate::topology::Command::DrainProgress). A change of the members, which
    /// [`Event::RingChanged`] tells, may make another plan.
    ///
    /// # Errors
    ///
    /// Returns why there is no plan.
    pub fn drain_plan(&self, node: NodeId) -> Result<Plan, NoPlan> {
        self.drain_question(node)?.answer()
    }

    /// Returns all that [`Node::drain_plan`] is made of, so that a driver can make a plan elsewhere: in a large federation
    /// that takes longer than a node may be held up.
    ///
    /// # Errors
    ///
    /// Returns why there is no plan.
    pub fn drain_question(&self, node: NodeId) -> Result<DrainQuestion, NoPlan> {
        let (ring, config) = self.ring().zip(self.settings.ring.as_ref()).ok_or(NoPlan::NoRing)?;
        let name_of = |node| self.topology().get(node).map(|member| &member.registration.name);
        let leaver = name_of(node).filter(|name| ring.slot(name).is_some()).ok_or(NoPlan::Unknown(node))?;
        let is_leaving =
            |name: &str| self.topology().by_name(name).is_none_or(|member| member.condition == Condition::Leaving);
        let gone = ring.slots().map(|slot| ring.name(slot)).filter(|name| ***name == **leaver || is_leaving(name));
        let gone = gone.cloned().collect();
        Ok(DrainQuestion {
            ring: Arc::clone(ring),
            leaver: leaver.clone(),
            gone,
            copies: config.copies,
            rule: config.rule,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::ring::NAME_BYTES_MAX;
    use crate::topology::Command;
    use crate::topology::fixtures::register;

    /// So few removals are remembered that some are forgotten between two looks.
    fn nobody() -> Topology {
        let settings = crate::Config::default().check().expect("the defaults are acceptable");
        Topology::new(&crate::config::TopologySettings {
            removals_kept: 4,
            text_bytes_max: 2 * NAME_BYTES_MAX,
            ..settings.topology().clone()
        })
    }

    fn registered(node: u64, name: u64, rack: u64) -> Command {
        let Command::Register(mut registration) = register(node, &format!("m{name}")) else { unreachable!() };
        registration.rack = format!("r{rack}");
        Command::Register(registration)
    }

    fn command() -> impl Strategy<Value = Command> {
        prop_oneof![
            // Names go from one to another, so that some are refused and others exchanged.
            4 => (1u64..90, 1u64..90, 0u64..3).prop_map(|(node, name, rack)| registered(node, name, rack)),
            1 => (1u64..90).prop_map(|node| Command::Deregister(NodeId::new(node))),
        ]
    }

    fn assert_is_of(placement: &Placement, topology: &Topology) {
        let mut built = Ring::new(PointsPerUnit::default());
        topology.update_ring(&mut built, |_| Weight::UNIT).expect("so few form a ring");
        assert!(*placement.ring == built, "a ring that is amended is another than one that is built");
        let names = placement.names.as_ref().expect("so few form a ring");
        assert!(names.iter().all(|(node, name)| topology.get(*node).is_some_and(|it| *it.registration.name == **name)));
        assert_eq!(names.len(), topology.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn a_ring_that_looks_at_changes_alone_is_that_of_all(
            turns in proptest::collection::vec(proptest::collection::vec(command(), 1..8), 1..12),
        ) {
            let (mut topology, config, mut out) = (nobody(), RingConfig::default(), Outbox::new());
            for node in 1..=80 {
                topology.apply(&registered(node, node, 0)).unwrap();
            }
            let mut placement = Placement::new(&config);
            for commands in turns {
                placement.follow(&topology, &config, &mut out);
                assert_is_of(&placement, &topology);
                for command in commands {
                    // Names that are held, and strangers, are refused.
                    let _ = topology.apply(&command);
                }
            }
        }
    }

    #[test]
    fn two_that_exchange_their_names_exchange_their_places() {
        let (mut topology, config, mut out) = (nobody(), RingConfig::default(), Outbox::new());
        for node in 1..=80 {
            topology.apply(&registered(node, node, node % 2)).unwrap();
        }
        let mut placement = Placement::new(&config);
        placement.follow(&topology, &config, &mut out);
        for (node, name) in [(1, 99), (2, 1), (1, 2)] {
            topology.apply(&registered(node, name, node % 2)).unwrap();
        }
        placement.follow(&topology, &config, &mut out);
        assert_is_of(&placement, &topology);
    }

    #[test]
    fn a_ring_that_could_not_follow_catches_up_when_it_can() {
        let long = |node: u64, bytes: usize| {
            let Command::Register(mut registration) = registered(node, node, 0) else { unreachable!() };
            registration.name = "n".repeat(bytes);
            Command::Register(registration)
        };
        let (mut topology, config, mut out) = (nobody(), RingConfig::default(), Outbox::new());
        let mut placement = Placement::new(&config);
        for command in [registered(1, 1, 0), long(2, NAME_BYTES_MAX + 1), registered(3, 3, 0)] {
            topology.apply(&command).unwrap();
            placement.follow(&topology, &config, &mut out);
        }
        assert_eq!((placement.ring.len(), &placement.names), (1, &None), "the second has a name that is too long");
        topology.apply(&long(2, NAME_BYTES_MAX)).unwrap();
        placement.follow(&topology, &config, &mut out);
        assert_is_of(&placement, &topology);
        assert_eq!(placement.ring.len(), 3);
    }
}
