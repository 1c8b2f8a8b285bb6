//! A cluster that does at once what it is told, without messages, logs or elections.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::config::AutopilotSettings;
use delian_core::node::autopilot::{Advice, Autopilot, Prospect, Standing};
use delian_core::raft::QuorumChange;
use delian_core::topology::{Cause, Command, Condition, Coordinates, Registration};
use delian_core::{Bytes, Config, Incarnation, NodeId, Time, Topology, WallTime};

/// A tick that is a fraction of all spans, and more ticks than fill the longest one.
pub(crate) const TICK: Duration = Duration::from_secs(5);
pub(crate) const LONG: usize = 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) node: u64,
    pub(crate) standing: Standing,
    /// Region, datacenter and rack of a registered node.
    pub(crate) place: Option<[u8; 3]>,
    pub(crate) condition: Condition,
    pub(crate) answers: bool,
    pub(crate) lag: u64,
    pub(crate) forgot: bool,
    pub(crate) says_hello: bool,
}

impl Machine {
    pub(crate) fn new(node: u64, standing: Standing, place: Option<[u8; 3]>) -> Self {
        Self {
            node,
            standing,
            place,
            condition: Condition::Healthy,
            answers: true,
            lag: 0,
            forgot: false,
            says_hello: true,
        }
    }

    pub(crate) fn is_fit(&self) -> bool {
        let lags = self.standing != Standing::Outside && self.lag > 1000;
        let is_well = self.place.is_none() || matches!(self.condition, Condition::Healthy | Condition::Degraded);
        self.answers && !self.forgot && !lags && is_well
    }

    fn registration(&self) -> Option<Registration> {
        let [region, datacenter, rack] = self.place?.map(|part| char::from(b'a' + part).to_string());
        Some(Registration {
            node: NodeId::new(self.node),
            name: self.node.to_string(),
            address: "10.0.0.1".to_string(),
            port: 7000,
            rack,
            datacenter,
            region,
            coordinates: Coordinates::new(0, 0),
            total: Bytes::new(2),
            free: Bytes::new(1),
            tags: [].into(),
            registered_at: WallTime::from_unix_millis(0),
        })
    }
}

/// All nodes in order of id, and the autopilot of their leader.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) machines: Vec<Machine>,
    pub(crate) leader: u64,
    pub(crate) settings: AutopilotSettings,
    pub(crate) autopilot: Autopilot,
    /// Since when each member was seen to be fit, or not, at every look.
    steady: BTreeMap<u64, (bool, Time)>,
}

impl Cluster {
    pub(crate) fn new(voters_target: usize, machines: Vec<Machine>) -> Self {
        let leader = machines.iter().find(|machine| machine.standing == Standing::Voter).map_or(0, |voter| voter.node);
        let settings = AutopilotSettings {
            voters_target,
            settle: Duration::from_secs(10),
            dead_after: Duration::from_mins(1),
            lag_max: 1_000,
        };
        Self { now: Time::ZERO, machines, leader, settings, autopilot: Autopilot::default(), steady: BTreeMap::new() }
    }

    pub(crate) fn at(&mut self, node: u64) -> &mut Machine {
        self.machines.iter_mut().find(|machine| machine.node == node).expect("the machine exists")
    }

    pub(crate) fn is(&self, node: u64, standing: Standing) -> bool {
        self.machines.iter().any(|machine| machine.node == node && machine.standing == standing)
    }

    pub(crate) fn all(&self, standing: Standing) -> Vec<u64> {
        let machines = self.machines.iter().filter(|machine| machine.standing == standing);
        machines.map(|machine| machine.node).collect()
    }

    pub(crate) fn topology(&self) -> Topology {
        let settings = Config::default().check().expect("the defaults make sense");
        let mut topology = Topology::new(settings.topology());
        for machine in &self.machines {
            let Some(registration) = machine.registration() else { continue };
            let node = registration.node;
            let born = topology.apply(&Command::Register(Box::new(registration))).expect("the registration is fine");
            let condition =
                Command::SetCondition { node, epoch: born.epoch, condition: machine.condition, cause: Cause::Asked };
            topology.apply(&condition).expect("the node is registered");
        }
        topology
    }

    pub(crate) fn prospects(&self) -> Vec<Prospect> {
        let prospect = |machine: &Machine| Prospect {
            node: NodeId::new(machine.node),
            standing: machine.standing,
            incarnation: machine.says_hello.then_some(Incarnation::new(machine.node)),
            answers: machine.answers,
            lag: machine.lag,
            forgot: machine.forgot,
        };
        self.machines.iter().map(prospect).collect()
    }

    /// Asks the autopilot once and lets a tick pass.
    pub(crate) fn advise(&mut self) -> Option<Advice> {
        let (prospects, topology) = (self.prospects(), self.topology());
        for machine in &self.machines {
            let seen = (machine.is_fit(), self.now);
            let (was_fit, since) = *self.steady.get(&machine.node).unwrap_or(&seen);
            if machine.standing == Standing::Outside {
                self.steady.remove(&machine.node);
            } else {
                self.steady.insert(machine.node, if was_fit == seen.0 { (was_fit, since) } else { seen });
            }
        }
        let advice = self.autopilot.advise(self.now, &self.settings, NodeId::new(self.leader), &prospects, &topology);
        self.now = self.now + TICK;
        advice
    }

    /// Says for how long the member was fit, or not, at the last look.
    pub(crate) fn steady(&self, node: u64) -> Option<(bool, Duration)> {
        let last = Time::from_nanos(self.now.as_nanos() - u64::try_from(TICK.as_nanos()).expect("a tick is short"));
        self.steady.get(&node).map(|(fit, since)| (*fit, last.since(*since)))
    }

    /// Follows all advice until none comes for a long time, and returns it as text.
    pub(crate) fn follow(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        let mut idle = 0;
        while idle < LONG {
            assert!(told.len() < 100, "the autopilot does not come to rest: {told:?}");
            match self.advise() {
                Some(advice) => {
                    self.apply(&advice.change);
                    told.push(advice.reason.to_string());
                    idle = 0;
                }
                None => idle += 1,
            }
        }
        told
    }

    /// Lets ticks pass without following the advice, and returns it.
    pub(crate) fn wait(&mut self, ticks: usize) -> Vec<QuorumChange> {
        (0..ticks).filter_map(|_| self.advise()).map(|advice| advice.change).collect()
    }

    pub(crate) fn apply(&mut self, change: &QuorumChange) {
        let mut turn = |node: &NodeId, from: Standing, to: Standing| {
            let machine = self.at(node.get());
            assert_eq!(machine.standing, from, "{change:?} of a node that stands elsewhere");
            machine.standing = to;
            // What an outsider forgot binds nobody, and it joins in a new life.
            machine.forgot &= to != Standing::Outside;
        };
        match change {
            QuorumChange::AddLearner { node, incarnation } => {
                assert_eq!(incarnation.get(), node.get(), "the incarnation is that of the hello");
                turn(node, Standing::Outside, Standing::Learner);
            }
            QuorumChange::Promote(node) => turn(node, Standing::Learner, Standing::Voter),
            QuorumChange::Demote(node) => turn(node, Standing::Voter, Standing::Learner),
            QuorumChange::Remove(node) => turn(node, Standing::Learner, Standing::Outside),
            QuorumChange::Readmit { node, .. } => panic!("the leader readmits {node}, without advice"),
            QuorumChange::Replace { voters } => {
                let present: BTreeSet<NodeId> = self.all(Standing::Voter).into_iter().map(NodeId::new).collect();
                assert!(present.symmetric_difference(voters).count() > 1, "{change:?} is a simple change");
                for node in voters.difference(&present) {
                    self.at(node.get()).standing = Standing::Voter;
                }
                for node in present.difference(voters) {
                    self.at(node.get()).standing = Standing::Learner;
                }
            }
        }
    }
}
