//! What nodes agree on about each other's health: heartbeats, the failure detector and the log together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::health::{HealthConfig, Heartbeat, HeartbeatError, Sample};
use delian_core::node::{PoolsConfig, Tier};
use delian_core::raft::Recovered;
use delian_core::swim::{self, Carrier, PoolConfig};
use delian_core::topology::{Cause, Command, Condition, Coordinates, Registration};
use delian_core::{
    Bytes, Config, Effect, Epoch, Event, Input, Message, Node, NodeId, Outbox, RequestId, RoleName, Seed,
};
use delian_core::{Time, WallTime};

/// Nodes 1 to 3 vote, 4 and 5 learn; all are registered and in one pool. They hear each other at once, disks are fast, and
/// nothing is lost but what is cut.
struct Federation {
    now: Time,
    nodes: BTreeMap<u64, Node>,
    queue: VecDeque<(u64, Input)>,
    events: Vec<(Time, u64, Event)>,
    /// Whose heartbeats get lost.
    mute: BTreeSet<u64>,
    /// Who neither hears nor is heard.
    cut: BTreeSet<u64>,
}

fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 7400))
}

fn number_at(address: SocketAddr) -> u64 {
    let SocketAddr::V4(address) = address else { panic!("{address} is none of theirs") };
    u64::from(address.ip().octets()[3])
}

fn registration(number: u64) -> Registration {
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

fn sample(skew: u64) -> Sample {
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
    fn begin(skew: u64) -> Self {
        let (nodes, queue) = (BTreeMap::new(), VecDeque::new());
        let (mute, cut) = (BTreeSet::new(), BTreeSet::new());
        let mut federation = Self { now: Time::ZERO, nodes, queue, events: Vec::new(), mute, cut };
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

    fn run_for(&mut self, secs: u64) {
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

    fn feed(&mut self, number: u64, input: Input) {
        let mut out = Outbox::new();
        let node = self.nodes.get_mut(&number).expect("who is fed runs");
        node.step(self.now, input, &mut out);
        node.assert_invariants();
        self.carry_out(number, &mut out);
    }

    fn carry_out(&mut self, number: u64, out: &mut Outbox) {
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
                Effect::Reply(_, outcome) => assert!(outcome.is_ok(), "{outcome:?}"),
                Effect::Deliver(..)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::Apply(..)
                | Effect::Capture(_)
                | Effect::Restore(_) => {}
            }
        }
    }

    fn leader(&self) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader;
        let leader = self.nodes.values().filter(leads).max_by_key(|node| node.status().term);
        leader.expect("someone leads by then").status().id.get()
    }

    /// Returns the condition of a node by the topology of each, which must be the same but for those that are cut.
    fn condition(&self, of: u64) -> Option<Condition> {
        let held = self.nodes.iter().filter(|(number, _)| !self.cut.contains(number));
        let conditions: BTreeSet<_> =
            held.map(|(_, node)| node.topology().get(id(of)).map(|member| member.condition)).collect();
        assert_eq!(conditions.len(), 1, "they disagree on n{of}: {conditions:?}");
        conditions.into_iter().next().flatten()
    }

    /// Takes out who was told when, in seconds since `since`, that a node had failed or was back.
    fn verdicts(&mut self, since: Time) -> Vec<(u64, u64, bool)> {
        let all = std::mem::take(&mut self.events).into_iter();
        let verdict = |(at, number, event): (Time, u64, Event)| {
            let failed = matches!(event, Event::NodeFailed { .. });
            (failed || matches!(event, Event::NodeRecovered { .. }))
                .then(|| (at.since(since).as_secs(), number, failed))
        };
        all.filter_map(verdict).collect()
    }
}

#[test]
fn a_node_whose_heartbeats_get_lost_is_degraded_then_failed_once_at_every_node_and_comes_back() {
    let mut federation = Federation::begin(0);
    let began = federation.now;
    federation.mute.insert(4);
    let mut conditions = Vec::new();
    for _ in 0..100 {
        federation.run_for(1);
        let condition = federation.condition(4);
        if conditions.last() != Some(&condition) {
            conditions.push(condition);
        }
    }
    assert_eq!(conditions, [Condition::Healthy, Condition::Degraded, Condition::Silent].map(Some));
    let failed = federation.verdicts(began);
    assert_eq!(failed.iter().map(|(_, number, failed)| (*number, *failed)).collect::<BTreeSet<_>>().len(), 5);
    // The last heartbeat that was heard came up to nine seconds before they began to get lost.
    assert!(failed.len() == 5 && failed.iter().all(|(at, _, failed)| *failed && (61..80).contains(at)), "{failed:?}");
    federation.mute.clear();
    federation.run_for(10);
    assert_eq!(federation.condition(4), Some(Condition::Healthy));
    let back = federation.verdicts(began);
    assert!(back.len() == 5 && back.iter().all(|(_, _, failed)| !failed), "{back:?}");
    // However long it is mute, who is reached is not removed.
    federation.mute.insert(4);
    federation.run_for(3600);
    assert_eq!(federation.condition(4), Some(Condition::Silent));
}

#[test]
fn a_node_that_nobody_reaches_is_unreachable_within_seconds_and_removed_after_ten_minutes() {
    let mut federation = Federation::begin(0);
    federation.cut.insert(4);
    federation.run_for(25);
    assert_eq!(federation.condition(4), Some(Condition::Unreachable));
    federation.run_for(560);
    assert_eq!(federation.condition(4), Some(Condition::Unreachable));
    federation.run_for(40);
    assert_eq!(federation.condition(4), None);
    // Its heartbeats change nothing: only a new registration brings it back.
    federation.events.clear();
    federation.cut.clear();
    federation.run_for(60);
    assert_eq!(federation.condition(4), None);
    let command = Command::Register(Box::new(registration(4)));
    let leader = federation.leader();
    federation.feed(leader, Input::Command(RequestId::new(99), command));
    federation.run_for(60);
    assert_eq!(federation.condition(4), Some(Condition::Healthy));
}

/// H6: a leader that is new has not watched long enough to blame anybody.
#[test]
fn a_leader_that_takes_over_fails_nobody_sooner_than_seventy_seconds_later() {
    let mut federation = Federation::begin(0);
    federation.mute.insert(4);
    federation.run_for(60);
    let first = federation.leader();
    federation.cut.insert(first);
    federation.run_for(10);
    let (second, took_over) = (federation.leader_but(first), federation.now);
    federation.events.retain(|(_, _, event)| matches!(event, Event::NodeFailed { node, .. } if *node == id(4)));
    federation.run_for(55);
    assert_eq!(federation.verdicts(took_over), [], "n{second} blames n4 for what n{first} saw");
    federation.run_for(30);
    assert_eq!(federation.condition(4), Some(Condition::Silent));
}

impl Federation {
    fn leader_but(&self, first: u64) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader && node.status().id != id(first);
        self.nodes.values().find(leads).expect("another one leads").status().id.get()
    }
}

#[test]
fn a_heartbeat_counts_only_from_its_own_node_in_its_registered_life() {
    let mut federation = Federation::begin(0);
    let leader = federation.leader();
    let registered = federation.nodes[&leader].topology().get(id(4)).expect("it is registered").registered;
    let beat = |epoch| Heartbeat { node: id(4), epoch, sequence: u64::MAX, sample: sample(0) };
    let rejected = |federation: &mut Federation| -> Vec<Event> {
        let all = std::mem::take(&mut federation.events).into_iter().map(|(_, _, event)| event);
        all.filter(|event| matches!(event, Event::HeartbeatRejected { .. })).collect()
    };
    federation.feed(leader, Input::Receive(id(5), Message::Heartbeat(beat(registered))));
    let why = HeartbeatError::Foreign(id(4));
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(5), why }]);
    let seen = federation.nodes[&leader].health().and_then(|health| health.explain(federation.now, id(4)));
    assert!(seen.is_some_and(|all| all.seen.sequence < u64::MAX), "n5 spoke for n4");
    federation.feed(leader, Input::Receive(id(4), Message::Heartbeat(beat(Epoch::new(77)))));
    let why = HeartbeatError::OtherLife { node: id(4), named: Epoch::new(77), registered };
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(4), why }]);
    let stranger = Heartbeat { node: id(9), ..beat(registered) };
    federation.feed(leader, Input::Receive(id(9), Message::Heartbeat(stranger)));
    let why = HeartbeatError::Unknown(id(9));
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(9), why }]);
    federation.feed(4, Input::Observed(Sample { score: 2000, ..sample(0) }));
    let why = HeartbeatError::ScoreTooHigh { node: id(4), score: 2000 };
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(4), why }]);
}

#[test]
fn who_is_asked_to_leave_is_found_to_be_nothing_else() {
    let mut federation = Federation::begin(0);
    let leader = federation.leader();
    let epoch = federation.nodes[&leader].topology().get(id(4)).expect("it is registered").registered;
    let drain = Command::SetCondition { node: id(4), epoch, condition: Condition::Leaving, cause: Cause::Asked };
    federation.feed(leader, Input::Command(RequestId::new(50), drain));
    federation.mute.insert(4);
    federation.run_for(300);
    assert_eq!(federation.condition(4), Some(Condition::Leaving));
}

/// H2: what wall clocks show is data, and changes no event of any node.
#[test]
fn wall_clocks_that_differ_by_centuries_change_nothing_that_happens() {
    let story = |skew: u64| {
        let mut federation = Federation::begin(skew);
        federation.mute.insert(4);
        federation.run_for(100);
        federation.mute.clear();
        federation.run_for(30);
        federation.events
    };
    let first = story(0);
    assert!(first.iter().any(|(_, _, event)| matches!(event, Event::NodeRecovered { .. })), "nothing to compare");
    assert_eq!(first, story(u64::MAX / 7));
}
