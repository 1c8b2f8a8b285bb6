//! On its steady path the core allocates nothing: no message, write, reply or event needs memory of its own.
//!
//! Counted is every call of the allocator or of its reallocation that the nodes of a cluster make from the moment on at
//! which a client holds its commands: proposing, sending, writing, answering, committing and applying on all nodes, and
//! rounds of heartbeats. Not counted are the bytes of a command, which its client makes in one allocation, and the rooms
//! of this driver, which have grown before. What remains is the growth of queues that hold more than ever before: the
//! log of each node doubles its room as it grows, so thousands of commands cause a few allocations.
//!
//! The whole process allocates through a counting allocator, so this file holds a single test: nothing else may run
//! beside it.

use std::alloc::System;
use std::sync::Arc;

use delian_core::raft::Recovered;
use delian_core::topology::Command;
use delian_core::{Config, Effect, Input, Message, Node, NodeId, Outbox, RequestId, Seed, Time, WriteId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VOTERS: u64 = 3;
const COMMANDS: u64 = 4_096;
const ROUNDS: usize = 1_000;

/// How often three logs double their room while they grow from 4,096 entries to twice as many and a few.
const GROWTHS_MAX: usize = 2 * VOTERS as usize;

/// The most allocations of one append of many commands: the list of its entries and that of its clients, and one for
/// what its messages and writes share.
const PER_BATCH_MAX: usize = 3;

#[test]
fn commands_and_heartbeats_on_the_steady_path_allocate_nothing() {
    let mut cluster = Cluster::elect();
    cluster.warm_up();

    let commands = cluster.commands(COMMANDS);
    let alone =
        allocations(|| commands.into_iter().for_each(|(id, command)| cluster.commit(Input::Command(id, command))));
    assert!(alone <= GROWTHS_MAX, "{COMMANDS} commands, one at a time, made the nodes allocate {alone} times");

    let beats = allocations(|| (0..ROUNDS).for_each(|_| cluster.heartbeat()));
    assert_eq!(beats, 0, "{ROUNDS} rounds of heartbeats made the nodes allocate");

    let commands = cluster.commands(256);
    let together = allocations(|| cluster.commit(Input::Commands(commands)));
    assert!(together <= PER_BATCH_MAX + GROWTHS_MAX, "256 commands together made the nodes allocate {together} times");

    let all = 2 * COMMANDS + 2 * 256;
    assert_eq!(cluster.applied, [all; VOTERS as usize], "each node applied every command");
    assert_eq!(cluster.replies, all, "each client heard of its command");
    assert!(cluster.heartbeats >= ROUNDS as u64 * 2 * (VOTERS - 1), "heartbeats and answers went out");
}

fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(COUNTING);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

/// Nodes in one process; a network and disks that do all at once.
struct Cluster {
    now: Time,
    nodes: Vec<Node>,
    inboxes: Vec<Vec<(NodeId, Message)>>,
    written: Vec<Option<WriteId>>,
    outbox: Outbox,
    applied: [u64; VOTERS as usize],
    commands: u64,
    replies: u64,
    heartbeats: u64,
}

impl Cluster {
    fn elect() -> Self {
        let mut cluster = Self {
            now: Time::ZERO,
            nodes: Vec::new(),
            inboxes: (0..VOTERS).map(|_| Vec::with_capacity(16)).collect(),
            written: (0..VOTERS).map(|_| None).collect(),
            outbox: Outbox::new(),
            applied: [0; VOTERS as usize],
            commands: 0,
            replies: 0,
            heartbeats: 0,
        };
        for id in (1..=VOTERS).map(NodeId::new) {
            let config = Config { voters: (1..=VOTERS).map(NodeId::new).collect(), ..Config::default() };
            let settings = Arc::new(config.check().expect("the configuration makes sense"));
            let (seed, recovered) = (Seed::new(id.get()), Recovered::founding());
            cluster.nodes.push(Node::start(cluster.now, id, settings, seed, recovered, &mut cluster.outbox));
            cluster.carry_out(cluster.nodes.len() - 1);
        }
        cluster.settle();
        cluster.now = cluster.nodes[0].next_wake().expect("a follower stands for election some day").at;
        cluster.step(0, Input::Wake);
        cluster.settle();
        assert!(cluster.nodes[0].raft().is_leader(), "nobody else stood");
        cluster
    }

    /// Lets the driver's rooms and the nodes' queues grow to what the work takes.
    fn warm_up(&mut self) {
        let commands = self.commands(COMMANDS);
        for (id, command) in commands {
            self.commit(Input::Command(id, command));
        }
        let commands = self.commands(256);
        self.commit(Input::Commands(commands));
        self.heartbeat();
        self.heartbeats = 0;
    }

    fn commands(&mut self, count: u64) -> Vec<(RequestId, Command)> {
        let first = self.commands;
        self.commands += count;
        (first..self.commands).map(|id| (RequestId::new(id), Command::custom(&id.to_le_bytes()))).collect()
    }

    fn commit(&mut self, input: Input) {
        self.step(0, input);
        self.settle();
    }

    fn heartbeat(&mut self) {
        self.now = self.now + Config::default().heartbeat_interval;
        self.step(0, Input::Wake);
        self.settle();
    }

    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for place in 0..self.nodes.len() {
                busy |= self.turn(place);
            }
        }
    }

    /// Hands a node its messages and acknowledges its writes. Returns whether there were any.
    fn turn(&mut self, place: usize) -> bool {
        let mut inbox = std::mem::take(&mut self.inboxes[place]);
        let mut busy = !inbox.is_empty();
        for (from, message) in inbox.drain(..) {
            self.step(place, Input::Receive(from, message));
        }
        self.inboxes[place] = inbox;
        while let Some(write) = self.written[place].take() {
            busy = true;
            self.step(place, Input::Persisted(write));
        }
        busy
    }

    fn step(&mut self, place: usize, input: Input) {
        self.nodes[place].step(self.now, input, &mut self.outbox);
        self.carry_out(place);
    }

    fn carry_out(&mut self, place: usize) {
        let own = self.nodes[place].raft().id();
        for effect in self.outbox.drain() {
            match effect {
                Effect::Send(to, message) => {
                    self.heartbeats += u64::from(is_heartbeat(&message));
                    self.inboxes[to.get() as usize - 1].push((own, message));
                }
                Effect::Persist(write, _) => self.written[place] = Some(write),
                Effect::Reply(_, outcome) => {
                    outcome.expect("a leader at rest takes every command");
                    self.replies += 1;
                }
                Effect::Apply(..) => self.applied[place] += 1,
                Effect::Capture(_) | Effect::Restore(_) => panic!("no log here is long enough to be compacted"),
                Effect::Read(..) | Effect::Transferred(..) | Effect::SendPacket(..) | Effect::Deliver(..) => {
                    panic!("nobody asks for it")
                }
                Effect::Emit(_) => {}
            }
        }
    }
}

fn is_heartbeat(message: &Message) -> bool {
    use delian_core::raft::Body;
    let Message::Raft(message) = message else { return false };
    matches!(message.body, Body::Heartbeat { .. } | Body::HeartbeatAnswer { .. })
}
