//! Three voters and two learners in one pool, all registered, on a network and disks that do all at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::health::{HealthConfig, Sample};
use delian_core::node::{PoolsConfig, RingConfig, Tier};
use delian_core::raft::Recovered;
use delian_core::ring::{PointsPerUnit, Rule};
use delian_core::swim::{self, Carrier, PoolConfig};
use delian_core::topology::{Command, Condition, Coordinates, Registration};
use delian_core::{
    Bytes, Config, Effect, Event, Input, Message, Node, NodeId, Outbox, Rejected, RequestId, RoleName, Seed,
};
use delian_core::{Time, WallTime};

/// Nodes 1 to 3 vote, 4 and 5 learn; all are registered and in one pool. They hear each other at once, disks are fast, and
/// nothing is lost but what is cut.
pub(crate) struct Federation {
    pub(crate) now: Time,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) queue: VecDeque<(u64, Input)>,
    pub(crate) events: Vec<(Time, u64, Event)>,
    /// Whose heartbeats get lost.
    pub(crate) mute: BTreeSet<u64>,
    /// Who neither hears nor is heard.
    pub(crate) cut: BTreeSet<u64>,
    /// What clients were told that was no success.
    pub(crate) refused: Vec<Rejected>,
}

pub(crate) fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

pub(crate) fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 7400))
}

pub(crate) fn number_at(address: SocketAddr) -> u64 {
    let SocketAddr::V4(address) = address else { panic!("{address} is none of theirs") };
    u64::from(address.ip().octets()[3])
}

pub(crate) fn registration(number: u64) -> Registration {
    Registration {
        node: id(number),
        name: format!("m{number}"),
        address: format!("10.0.0.{number}"),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "zrh1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(600),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }
}

pub(crate) fn sample(skew: u64) -> Sample {
    let taken_at = WallTime::from_unix_millis(skew);
    Sample {
        free: Bytes::new(600),
        total: Bytes::new(1000),
        score: 1000,
        active_requests: 1,
        latency_micros: 500,
        taken_at,
    }
}

impl Federation {
    /// Starts everyone, lets them find a leader and register, and beat for a while. Wall clocks differ by `skew` from node
    /// to node.
    pub(crate) fn begin(skew: u64) -> Self {
        let (nodes, queue) = (BTreeMap::new(), VecDeque::new());
        let (mute, cut) = (BTreeSet::new(), BTreeSet::new());
        let mut federation = Self { now: Time::ZERO, nodes, queue, events: Vec::new(), mute, cut, refused: Vec::new() };
        for number in 1..=5 {
            let pools = PoolsConfig {
                name: format!("m{number}"),
                local: (PoolConfig::local("eu"), address(number)),
                wide: None,
            };
            let config = Config {
                voters: (1..=3).map(id).collect(),
                learners: [4, 5].map(id).into(),
                pools: Some(pools),
                health: Some(HealthConfig::default()),
                ring: Some(RingConfig {
                    points_per_unit: PointsPerUnit::new(8).expect("eight are allowed"),
                    copies: 2,
                    rule: Rule::Nodes,
                    ..RingConfig::default()
                }),
                ..Config::default()
            };
            let settings = Arc::new(config.check().expect("a test configures what makes sense"));
            let mut out = Outbox::new();
            let founding = Recovered::founding();
            let node = Node::start(Time::ZERO, id(number), settings, Seed::new(number), founding, &mut out);
            federation.nodes.insert(number, node);
            federation.carry_out(number, &mut out);
            let join = swim::Input::Join(vec![address(1)]);
            federation.queue.push_back((number, Input::Pool(Tier::Local, Box::new(join))));
            federation.queue.push_back((number, Input::Observed(sample(number.wrapping_mul(skew)))));
        }
        federation.run_for(10);
        let leader = federation.leader();
        for number in 1..=5 {
            let command = Command::Register(Box::new(registration(number)));
            federation.feed(leader, Input::Command(RequestId::new(number), command));
        }
        federation.run_for(20);
        federation.events.clear();
        federation
    }

    pub(crate) fn run_for(&mut self, secs: u64) {
        let until = self.now + Duration::from_secs(secs);
        loop {
            while let Some((number, input)) = self.queue.pop_front() {
                self.feed(number, input);
            }
            let wakes = self.nodes.iter().filter_map(|(number, node)| Some((node.next_wake()?.at, *number)));
            let Some((at, number)) = wakes.min().filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.max(at);
            self.feed(number, Input::Wake);
        }
        self.now = until;
    }

    pub(crate) fn feed(&mut self, number: u64, input: Input) {
        let mut out = Outbox::new();
        let node = self.nodes.get_mut(&number).expect("who is fed runs");
        node.step(self.now, input, &mut out);
        node.assert_invariants();
        self.carry_out(number, &mut out);
    }

    pub(crate) fn carry_out(&mut self, number: u64, out: &mut Outbox) {
        for effect in out.drain() {
            match effect {
                Effect::Send(to, message) => {
                    let muted = matches!(message, Message::Heartbeat(_)) && self.mute.contains(&number);
                    if !muted && !self.cut.contains(&number) && !self.cut.contains(&to.get()) {
                        self.queue.push_back((to.get(), Input::Receive(id(number), message)));
                    }
                }
                Effect::SendPacket(tier, parcel) => {
                    let to = number_at(parcel.to);
                    if !self.cut.contains(&number) && !self.cut.contains(&to) {
                        let input = swim::Input::Receive(address(number), Carrier::Datagram, parcel.packet);
                        self.queue.push_back((to, Input::Pool(tier, Box::new(input))));
                    }
                }
                Effect::Persist(write, _) => self.queue.push_back((number, Input::Persisted(write))),
                Effect::Emit(event) => self.events.push((self.now, number, event)),
                Effect::Reply(_, outcome) => self.refused.extend(outcome.err()),
                Effect::Deliver(..)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::Apply(..)
                | Effect::Capture(_)
                | Effect::Restore(_) => {}
            }
        }
    }

    /// Asks the leader for something.
    pub(crate) fn command(&mut self, command: Command) {
        let leader = self.leader();
        self.feed(leader, Input::Command(RequestId::new(self.now.as_nanos()), command));
        self.run_for(1);
    }

    pub(crate) fn leader(&self) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader;
        let leader = self.nodes.values().filter(leads).max_by_key(|node| node.status().term);
        leader.expect("someone leads by then").status().id.get()
    }

    /// Returns the condition of a node by the topology of each, which must be the same but for those that are cut.
    pub(crate) fn condition(&self, of: u64) -> Option<Condition> {
        let held = self.nodes.iter().filter(|(number, _)| !self.cut.contains(number));
        let conditions: BTreeSet<_> =
            held.map(|(_, node)| node.topology().get(id(of)).map(|member| member.condition)).collect();
        assert_eq!(conditions.len(), 1, "they disagree on n{of}: {conditions:?}");
        conditions.into_iter().next().flatten()
    }

    /// Takes out who was told when, in seconds since `since`, that a node had failed or was back.
    pub(crate) fn verdicts(&mut self, since: Time) -> Vec<(u64, u64, bool)> {
        let all = std::mem::take(&mut self.events).into_iter();
        let verdict = |(at, number, event): (Time, u64, Event)| {
            let failed = matches!(event, Event::NodeFailed { .. });
            (failed || matches!(event, Event::NodeRecovered { .. }))
                .then(|| (at.since(since).as_secs(), number, failed))
        };
        all.filter_map(verdict).collect()
    }

    /// Returns who else leads.
    pub(crate) fn leader_but(&self, first: u64) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader && node.status().id != id(first);
        self.nodes.values().find(leads).expect("another one leads").status().id.get()
    }
}
