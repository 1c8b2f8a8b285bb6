//! Delian's nodes, driven through the border that every driver has.
//!
//! Limits are the defaults, but for the log, which is never compacted: no peer's is. A disk acknowledges once a node
//! has read all that waits for it, as a driver does that syncs once for several writes. Events that come with every
//! command are left out, for nobody looks at them; no peer tells any.

use std::sync::Arc;

use delian_core::raft::Recovered;
use delian_core::topology::Command;
use delian_core::{Config, Effect, Input, Message, Node, NodeId, Outbox, RequestId, RoleName, Seed, Time, WriteId};
use raft_work::{Cluster, Rest, Way, payload};

/// The place of the node that leads.
const LEADER: usize = 0;

/// More than any log here grows to.
const LOG_BYTES_MAX: u64 = 1 << 40;

pub(crate) struct InOneProcess {
    now: Time,
    nodes: Vec<Node>,
    around: Vec<Around>,
    outbox: Outbox,
    commands: u64,
    messages: u64,
}

/// What the world holds for one node.
#[derive(Default)]
struct Around {
    inbox: Vec<(NodeId, Message)>,
    /// The last write that is not acknowledged.
    written: Option<WriteId>,
    applied: u64,
}

impl Cluster for InOneProcess {
    type Answer = (NodeId, Message);
    type Nodes = Vec<Node>;
    const REST: Rest = Rest::Everywhere;

    fn elect(voters: u8) -> Self {
        let ids: Vec<NodeId> = (1..=u64::from(voters)).map(NodeId::new).collect();
        let mut cluster = Self {
            now: Time::ZERO,
            nodes: Vec::with_capacity(ids.len()),
            around: ids.iter().map(|_| Around::default()).collect(),
            outbox: Outbox::without_routine(),
            commands: 0,
            messages: 0,
        };
        for id in &ids {
            let voters = ids.iter().copied().collect();
            let config = Config { voters, log_bytes_max: LOG_BYTES_MAX, ..Config::default() };
            let settings = Arc::new(config.check().expect("the configuration makes sense"));
            let (seed, recovered) = (Seed::new(id.get()), Recovered::founding());
            let node = Node::start(cluster.now, *id, settings, seed, recovered, &mut cluster.outbox);
            cluster.nodes.push(node);
            cluster.carry_out(cluster.nodes.len() - 1);
        }
        cluster.settle();
        if cluster.nodes[LEADER].status().role != RoleName::Leader {
            cluster.now = cluster.nodes[LEADER].next_wake().expect("a follower stands for election some day").at;
            cluster.step(LEADER, Input::Wake);
            cluster.settle();
        }
        assert_eq!(cluster.nodes[LEADER].status().role, RoleName::Leader, "nobody else stood");
        cluster
    }

    fn commit(&mut self, commands: u32, _: Way) {
        let first = self.commands;
        self.commands += u64::from(commands);
        self.feed((first..self.commands).map(|number| (RequestId::new(number), Command::custom(&payload(number)))));
        self.settle();
    }

    fn applied(&self) -> Vec<u64> {
        self.around.iter().map(|around| around.applied).collect()
    }

    fn messages(&self) -> u64 {
        self.messages
    }

    fn heartbeat(&mut self) {
        self.let_heartbeat_fall_due();
        self.settle();
    }

    fn heartbeat_answer(&mut self) -> Option<Self::Answer> {
        self.let_heartbeat_fall_due();
        self.turn(LEADER + 1);
        let answer = self.around[LEADER].inbox.last().cloned();
        self.settle();
        answer
    }

    fn take(&mut self, (from, message): Self::Answer) {
        self.step(LEADER, Input::Receive(from, message));
    }

    fn into_nodes(self) -> Self::Nodes {
        self.nodes
    }
}

impl InOneProcess {
    /// Hands commands to the leader: the only place that knows in what form they go in.
    fn feed(&mut self, commands: impl Iterator<Item = (RequestId, Command)>) {
        let mut commands = commands.peekable();
        let first = commands.next().expect("a client hands over something");
        let input = match commands.peek() {
            None => Input::Command(first.0, first.1),
            Some(_) => Input::Commands(std::iter::once(first).chain(commands).collect()),
        };
        self.step(LEADER, input);
    }

    fn let_heartbeat_fall_due(&mut self) {
        self.now = self.now + Config::default().heartbeat_interval;
        self.step(LEADER, Input::Wake);
    }

    /// Goes around until no node has anything left to do.
    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for place in 0..self.nodes.len() {
                busy |= self.turn(place);
            }
        }
    }

    /// Hands a node all its messages, then acknowledges its writes. Returns whether there were any.
    fn turn(&mut self, place: usize) -> bool {
        let mut inbox = std::mem::take(&mut self.around[place].inbox);
        let mut busy = !inbox.is_empty();
        for (from, message) in inbox.drain(..) {
            self.step(place, Input::Receive(from, message));
        }
        // A node sends nothing to itself, so the emptied inbox takes its place back, with its room.
        self.around[place].inbox = inbox;
        while let Some(write) = self.around[place].written.take() {
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
                    self.messages += 1;
                    let place = usize::try_from(to.get() - 1).expect("voters are few");
                    self.around[place].inbox.extend(std::iter::once_with(|| (own, message)));
                }
                Effect::Persist(write, _) => self.around[place].written = Some(write),
                Effect::Reply(request, outcome) => {
                    outcome.unwrap_or_else(|rejected| panic!("{request} was rejected: {rejected}"));
                }
                Effect::Apply(..) => self.around[place].applied += 1,
                Effect::Read(..) | Effect::Transferred(..) | Effect::SendPacket(..) | Effect::Deliver(..) => {
                    panic!("nobody asks for it")
                }
                Effect::Capture(_) | Effect::Restore(_) => panic!("no log is compacted"),
                Effect::Emit(_) => {}
            }
        }
    }
}
