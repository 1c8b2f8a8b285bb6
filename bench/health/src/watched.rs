//! One node that leads alone and watches thousands, as a driver would run it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use delian_core::health::{HealthConfig, Heartbeat, Sample};
use delian_core::raft::Recovered;
use delian_core::topology::{Cause, Command, Condition, Coordinates, Registration};
use delian_core::{
    Bytes, Config, Effect, Epoch, Event, Input, Message, Node, NodeId, Outbox, RequestId, Seed, Time, Topology,
    WallTime,
};

/// The pause between two heartbeats of a node.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(10);

/// How many registrations go into the log together.
const BATCH: usize = 1000;

/// A leader, and thousands that beat.
pub(crate) struct Watched {
    node: Node,
    out: Outbox,
    now: Time,
    nodes: u64,
    rounds: u64,
    rejected: u64,
}

impl Watched {
    pub(crate) fn by_one_leader(nodes: u64) -> Self {
        let me = NodeId::new(nodes + 1);
        // Nodes beat every ten seconds here, so a silence begins a little later than by default.
        let health = HealthConfig {
            beat_interval: BEAT_EVERY,
            silence_after: Duration::from_secs(31),
            ..HealthConfig::default()
        };
        let config = Config {
            voters: [me].into(),
            health: Some(health),
            registrations_max: 1 << 20,
            uncommitted_bytes_max: 1 << 30,
            ..Config::default()
        };
        let settings = Arc::new(config.check().expect("the configuration makes sense"));
        let mut out = Outbox::new();
        let node = Node::start(Time::ZERO, me, settings, Seed::new(1), Recovered::founding(), &mut out);
        let mut watched = Self { node, out, now: Time::ZERO, nodes, rounds: 0, rejected: 0 };
        watched.carry_out();
        watched.run_wakes(Time::from_millis(10_000));
        assert!(watched.node.raft().is_leader(), "nobody else stands");
        let commands: Vec<(RequestId, Command)> =
            (1..=nodes).map(|node| (RequestId::new(node), register(node))).collect();
        for batch in commands.chunks(BATCH) {
            watched.feed(Input::Commands(batch.to_vec()));
        }
        assert_eq!(watched.node.topology().len() as u64, nodes);
        watched
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Takes in heartbeats, evenly spread over time.
    pub(crate) fn run(&mut self, frames: &[(u64, Vec<u8>)]) {
        let pause = BEAT_EVERY / u32::try_from(self.nodes).expect("there are thousands");
        for (node, frame) in frames {
            let next = self.now + pause;
            self.run_wakes(next);
            self.now = next;
            let message = Message::decode(frame).expect("a heartbeat is read back");
            self.feed(Input::Receive(NodeId::new(*node), message));
        }
        self.rounds += frames.len() as u64 / self.nodes;
    }

    /// Wakes the node though nothing is due.
    pub(crate) fn look(&mut self) {
        self.feed(Input::Wake);
    }

    /// Returns how long the step took in which a node was found to be silent, in nanoseconds.
    pub(crate) fn time_of_a_silence(&mut self, silent: u64) -> u128 {
        // All others beat at once, and then it is due.
        let sequence = self.rounds + 1000 + silent;
        for node in (1..=self.nodes).filter(|node| *node != silent + 1) {
            self.feed(Input::Receive(NodeId::new(node), heartbeat(node, node, sequence)));
        }
        let due = self.now + Duration::from_secs(9);
        self.run_wakes(due);
        self.now = due;
        let start = ThreadTime::now();
        self.look();
        start.elapsed().as_nanos()
    }

    fn run_wakes(&mut self, until: Time) {
        while let Some(wake) = self.node.next_wake().filter(|wake| wake.at <= until) {
            self.now = self.now.max(wake.at);
            self.feed(Input::Wake);
        }
    }

    fn feed(&mut self, input: Input) {
        self.node.step(self.now, input, &mut self.out);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut persisted = None;
        for effect in self.out.drain() {
            if let Effect::Persist(write, _) = effect {
                persisted = Some(write);
            } else if let Effect::Emit(Event::HeartbeatRejected { .. }) = effect {
                self.rejected += 1;
            }
        }
        if let Some(write) = persisted {
            self.feed(Input::Persisted(write));
        }
    }
}

fn heartbeat(node: u64, epoch: u64, sequence: u64) -> Message {
    let sample = Sample {
        free: Bytes::new(600 << 30),
        total: Bytes::new(1000 << 30),
        score: 1000,
        active_requests: 17,
        latency_micros: 850,
        taken_at: WallTime::from_unix_millis(1_700_000_000_000),
    };
    Message::Heartbeat(Heartbeat { node: NodeId::new(node), epoch: Epoch::new(epoch), sequence, sample })
}

/// Returns the frames of some rounds, in which each node beats once, with whose they are.
pub(crate) fn rounds(nodes: u64, sequences: std::ops::Range<u64>) -> Vec<(u64, Vec<u8>)> {
    // The life of each began with its registration, and registrations were the first commands.
    let round = |sequence| (1..=nodes).map(move |node| (node, heartbeat(node, node, sequence).encode()));
    sequences.flat_map(round).collect()
}

fn register(node: u64) -> Command {
    Command::Register(Box::new(Registration {
        node: NodeId::new(node),
        name: format!("node-{node}.eu-central.example.net"),
        address: format!("10.{}.{}.{}", node >> 16 & 255, node >> 8 & 255, node & 255),
        port: 7000,
        rack: format!("r{}", node % 40),
        datacenter: format!("zrh{}", node % 3),
        region: "eu-central".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000 << 30),
        free: Bytes::new(600 << 30),
        tags: BTreeMap::from([("disk".to_string(), "nvme".to_string())]),
        registered_at: WallTime::from_unix_millis(1_700_000_000_000),
    }))
}

/// Returns a topology, and what it became by so many changes, each of another node.
pub(crate) fn topologies(nodes: u64, gap: u64) -> (Topology, Topology) {
    let settings = Config::default().check().expect("the defaults make sense");
    let mut old = Topology::new(settings.topology());
    for node in 1..=nodes {
        old.apply(&register(node)).expect("it fits");
    }
    let mut new = old.clone();
    for node in (1..=gap).map(|number| number * (nodes / gap)) {
        let (node, epoch, cause) = (NodeId::new(node), Epoch::new(node), Cause::Silence { level: 1 });
        let change = Command::SetCondition { node, epoch, condition: Condition::Degraded, cause };
        new.apply(&change).expect("it is registered");
    }
    (old, new)
}
