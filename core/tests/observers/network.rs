//! A small deterministic network of whole nodes: three voters, and observers outside of the log.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::health::HealthConfig;
use delian_core::node::{PoolsConfig, Tier};
use delian_core::observe::{Followed, Refused};
use delian_core::raft::Recovered;
use delian_core::swim::{self, PoolConfig};
use delian_core::topology::{Command, Coordinates, Registration};
use delian_core::{
    Blob, Bytes, Config, Effect, Epoch, Event, Input, Message, Node, NodeId, Outbox, RequestId, RoleName, Seed, Stream,
    Time, WallTime,
};

/// How many removals a topology remembers here.
pub(crate) const REMOVALS_KEPT: usize = 32;

/// One that forges what it answers to observers.
pub(crate) type Liar = (u64, fn(&mut Message));

/// Nodes 1 to 3 vote; the others are outside of the log. Messages and packets take 1 to 20 ms, and one of a hundred is lost.
pub(crate) struct Network {
    pub(crate) now: Time,
    pub(crate) nodes: BTreeMap<u64, Node>,
    /// What happens when, in the order in which it was sent where that is equal.
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    inputs: BTreeMap<u64, (u64, Input)>,
    /// When each node wants to be woken; an entry at which the node wants nothing is passed over.
    wakes: BinaryHeap<Reverse<(Time, u64)>>,
    sent: u64,
    /// How many commands have no outcome yet.
    pub(crate) open: u64,
    random: Stream,
    pub(crate) followed: Vec<(Time, u64, Followed)>,
    pub(crate) refused: Vec<(u64, Refused)>,
    pub(crate) delivered: Vec<(u64, Blob)>,
    /// Who neither hears nor is heard.
    pub(crate) cut: BTreeSet<u64>,
    pub(crate) liar: Option<Liar>,
    pub(crate) lost: u64,
    pub(crate) counts: BTreeMap<u64, Counts>,
}

/// What a node sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) packets: u64,
    pub(crate) pulls: u64,
    pub(crate) answers: u64,
    pub(crate) wholes: u64,
    pub(crate) heartbeats: u64,
}

pub(crate) fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

pub(crate) fn address(tier: Tier, number: u64) -> SocketAddr {
    let port = match tier {
        Tier::Local => 7400,
        Tier::Wide => 7500,
    };
    SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], port))
}

fn number_at(address: SocketAddr) -> u64 {
    let SocketAddr::V4(address) = address else { panic!("{address} is none of theirs") };
    let [_, _, high, low] = address.ip().octets();
    u64::from(high) << 8 | u64::from(low)
}

pub(crate) fn registration(number: u64) -> Command {
    Command::Register(Box::new(Registration {
        node: id(number),
        name: format!("m{number}"),
        address: format!("m{number}.example.net"),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "zrh1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(600),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }))
}

pub(crate) fn config(number: u64) -> Config {
    let local = (PoolConfig::local("eu"), address(Tier::Local, number));
    // Tests register a few nodes over and over.
    let health = HealthConfig { registration_burst: 10_000, ..HealthConfig::default() };
    Config {
        voters: if number <= 3 { (1..=3).map(id).collect() } else { BTreeSet::new() },
        pools: Some(PoolsConfig { name: format!("m{number}"), local, wide: None }),
        health: Some(health),
        removals_kept: REMOVALS_KEPT,
        ..Config::default()
    }
}

impl Network {
    /// Starts all of them and lets them find each other and a leader.
    pub(crate) fn begin(seed: u64, observers: u64) -> Self {
        let contacts = |number| vec![(Tier::Local, 1 + number % 3)];
        let mut network = Self::begin_with(seed, 3 + observers, config, contacts);
        network.run_for(Duration::from_secs(20));
        let reach = |node: &Node| node.pool(Tier::Local).map_or(0, |(swim, _)| swim.known_alive());
        let fewest = network.nodes.values().map(reach).min();
        assert_eq!(fewest, Some(3 + observers as usize), "not all of them know each other");
        network
    }

    /// Starts so many nodes, each configured in its way, and lets each join its pools by its contacts.
    pub(crate) fn begin_with(
        seed: u64,
        count: u64,
        config: impl Fn(u64) -> Config,
        contacts: impl Fn(u64) -> Vec<(Tier, u64)>,
    ) -> Self {
        let mut network = Self {
            now: Time::ZERO,
            nodes: BTreeMap::new(),
            queue: BinaryHeap::new(),
            inputs: BTreeMap::new(),
            wakes: BinaryHeap::new(),
            sent: 0,
            open: 0,
            random: Stream::new(Seed::new(seed), "network"),
            followed: Vec::new(),
            refused: Vec::new(),
            delivered: Vec::new(),
            cut: BTreeSet::new(),
            liar: None,
            lost: 0,
            counts: BTreeMap::new(),
        };
        for number in 1..=count {
            network.start(number, config(number), seed);
            for (tier, contact) in contacts(number) {
                let join = swim::Input::Join(vec![address(tier, contact)]);
                network.feed(number, Input::Pool(tier, Box::new(join)));
            }
        }
        network
    }

    fn start(&mut self, number: u64, config: Config, seed: u64) {
        let settings = Arc::new(config.check().expect("a test configures what makes sense"));
        let mut out = Outbox::new();
        let seed = Seed::new(seed).derive("node", number);
        let node = Node::start(self.now, id(number), settings, seed, Recovered::founding(), &mut out);
        self.nodes.insert(number, node);
        self.carry_out(number, &mut out);
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            let arrival = self.queue.peek().map(|Reverse((at, sent))| (*at, 0, *sent));
            let wake = self.wakes.peek().map(|Reverse((at, number))| (*at, 1, *number));
            let Some((at, kind, which)) = [arrival, wake].into_iter().flatten().min() else { break };
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            if kind == 0 {
                self.queue.pop();
                let (number, input) = self.inputs.remove(&which).expect("it was put in");
                self.feed(number, input);
            } else {
                self.wakes.pop();
                if self.nodes[&which].next_wake().is_some_and(|wake| wake.at <= self.now) {
                    self.feed(which, Input::Wake);
                }
            }
        }
        self.now = until;
    }

    pub(crate) fn feed(&mut self, number: u64, input: Input) {
        let mut out = Outbox::new();
        let node = self.nodes.get_mut(&number).expect("who is fed runs");
        let before = node.topology().epoch();
        node.step(self.now, input, &mut out);
        assert!(node.topology().epoch() >= before, "n{number} went back from {before}");
        self.carry_out(number, &mut out);
    }

    fn carry_out(&mut self, number: u64, out: &mut Outbox) {
        for effect in out.drain() {
            match effect {
                Effect::Send(to, mut message) => {
                    self.count(number, &message);
                    if let Some((liar, forge)) = self.liar.filter(|(liar, _)| *liar == number) {
                        assert_eq!(liar, number);
                        forge(&mut message);
                    }
                    self.send(number, to.get(), Input::Receive(id(number), message));
                }
                Effect::SendPacket(tier, parcel) => {
                    self.counts.entry(number).or_default().packets += 1;
                    let input = swim::Input::Receive(address(tier, number), parcel.carrier, parcel.packet);
                    self.send(number, number_at(parcel.to), Input::Pool(tier, Box::new(input)));
                }
                Effect::Persist(write, _) => self.put(self.now, number, Input::Persisted(write)),
                Effect::Emit(Event::TopologyFollowed(followed)) => self.followed.push((self.now, number, followed)),
                Effect::Emit(Event::TopologyRefused(refused)) => self.refused.push((number, *refused)),
                Effect::Deliver(_, broadcast) => self.delivered.push((number, broadcast.payload.clone())),
                Effect::Reply(_, outcome) => {
                    assert!(outcome.is_ok(), "{outcome:?}");
                    self.open -= 1;
                }
                Effect::Emit(_)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::Apply(..)
                | Effect::Capture(_)
                | Effect::Restore(_) => {}
            }
        }
        if let Some(wake) = self.nodes.get(&number).and_then(Node::next_wake) {
            self.wakes.push(Reverse((wake.at, number)));
        }
    }

    fn count(&mut self, number: u64, message: &Message) {
        let counts = self.counts.entry(number).or_default();
        counts.messages += 1;
        counts.pulls += u64::from(matches!(message, Message::Pull(_)));
        counts.heartbeats += u64::from(matches!(message, Message::Heartbeat(_)));
        if let Message::PullAnswer(answer) = message {
            counts.answers += 1;
            counts.wholes += u64::from(matches!(answer.news, delian_core::observe::News::Whole { .. }));
        }
    }

    fn send(&mut self, from: u64, to: u64, input: Input) {
        let is_lost = self.random.below(100) == 0;
        let delay = self.random.span(Duration::from_millis(1), Duration::from_millis(20));
        if is_lost || self.cut.contains(&from) || self.cut.contains(&to) || !self.nodes.contains_key(&to) {
            self.lost += 1;
        } else {
            self.put(self.now + delay, to, input);
        }
    }

    fn put(&mut self, at: Time, to: u64, input: Input) {
        self.sent += 1;
        self.queue.push(Reverse((at, self.sent)));
        self.inputs.insert(self.sent, (to, input));
    }

    pub(crate) fn leader(&self) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader;
        let leader = self.nodes.values().filter(leads).max_by_key(|node| node.status().term);
        leader.expect("someone leads by then").status().id.get()
    }

    pub(crate) fn ask(&mut self, command: Command) {
        self.sent += 1;
        self.open += 1;
        let (leader, request) = (self.leader(), RequestId::new(self.sent));
        self.feed(leader, Input::Command(request, command));
    }

    /// The epoch that is committed, as the leader knows.
    pub(crate) fn committed(&self) -> Epoch {
        self.nodes[&self.leader()].topology().epoch()
    }

    /// How many nodes do not hold the committed epoch.
    pub(crate) fn behind(&self) -> usize {
        let committed = self.committed();
        self.nodes.values().filter(|node| node.topology().epoch() < committed).count()
    }

    /// Lets every command take effect and all observers arrive, and requires that all hold the same.
    pub(crate) fn settle(&mut self, most: Duration) -> Duration {
        let began = self.now;
        while self.open > 0 || self.behind() > 0 {
            assert!(self.now < began + most, "{} are open, {} are behind", self.open, self.behind());
            self.run_for(Duration::from_millis(10));
        }
        let leader = self.nodes[&self.leader()].topology();
        assert!(self.nodes.values().all(|node| node.topology() == leader), "two hold different things at one epoch");
        self.now.since(began)
    }
}

/// How many members a view holds reachable.
trait KnownAlive {
    fn known_alive(&self) -> usize;
}

impl KnownAlive for swim::Swim {
    fn known_alive(&self) -> usize {
        swim::Members::reachable(self.members())
    }
}
