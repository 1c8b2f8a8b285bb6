//! raft-io with its own log in memory.
//!
//! Followers learn of a commit with the next append, so the cluster is at rest when the leader has applied: a lenient
//! measure. Its batches hold what is under way here.

use raft_io::{Action, Event, Message, NodeId, RaftConfig, RaftNode};
use raft_work::{Cluster, Rest, Way, payload};

/// The place of the node that leads.
const LEADER: usize = 0;

/// How many ticks lie between two heartbeats.
const HEARTBEAT_TICKS: u32 = 3;

pub(crate) struct InOneProcess {
    nodes: Vec<RaftNode>,
    inboxes: Vec<Vec<Message>>,
    applied: Vec<u64>,
    commands: u64,
    messages: u64,
}

impl Cluster for InOneProcess {
    type Answer = Message;
    type Nodes = Vec<RaftNode>;
    const REST: Rest = Rest::AtTheLeader;

    fn elect(voters: u8) -> Self {
        let ids: Vec<NodeId> = (1..=NodeId::from(voters)).collect();
        let node = |id: &NodeId| {
            let peers = ids.iter().copied().filter(|peer| peer != id);
            let config = RaftConfig::new(*id, peers).with_max_batch(1024).with_heartbeat_interval(HEARTBEAT_TICKS);
            RaftNode::new(config.with_election_timeout(10 * HEARTBEAT_TICKS, 20 * HEARTBEAT_TICKS))
        };
        let mut cluster = Self {
            nodes: ids.iter().map(node).collect(),
            inboxes: ids.iter().map(|_| Vec::new()).collect(),
            applied: ids.iter().map(|_| 0).collect(),
            commands: 0,
            messages: 0,
        };
        while !cluster.nodes[LEADER].is_leader() {
            cluster.step(LEADER, Event::Tick);
            cluster.settle();
        }
        cluster
    }

    fn commit(&mut self, commands: u32, _: Way) {
        let first = self.commands;
        self.commands += u64::from(commands);
        for number in first..self.commands {
            self.step(LEADER, Event::Propose(payload(number).to_vec()));
        }
        self.settle();
    }

    fn applied(&self) -> Vec<u64> {
        self.applied.clone()
    }

    fn messages(&self) -> u64 {
        self.messages
    }

    fn heartbeat(&mut self) {
        self.let_heartbeat_fall_due();
        self.settle();
    }

    fn heartbeat_answer(&mut self) -> Option<Self::Answer> {
        // The first round tells followers of the last commit; the second finds everybody up to date.
        self.heartbeat();
        self.let_heartbeat_fall_due();
        self.turn(LEADER + 1);
        let answer = self.inboxes[LEADER].last().cloned();
        self.settle();
        answer
    }

    fn take(&mut self, answer: Self::Answer) {
        self.step(LEADER, Event::Message(answer));
    }

    fn into_nodes(self) -> Self::Nodes {
        self.nodes
    }
}

impl InOneProcess {
    fn let_heartbeat_fall_due(&mut self) {
        for _ in 0..HEARTBEAT_TICKS {
            self.step(LEADER, Event::Tick);
        }
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

    /// Hands a node all its messages. Returns whether there were any.
    fn turn(&mut self, place: usize) -> bool {
        let mut inbox = std::mem::take(&mut self.inboxes[place]);
        let busy = !inbox.is_empty();
        for message in inbox.drain(..) {
            self.step(place, Event::Message(message));
        }
        self.inboxes[place] = inbox;
        busy
    }

    fn step(&mut self, place: usize, event: Event) {
        for action in self.nodes[place].step(event).expect("memory does not fail") {
            match action {
                Action::Send { to, message } => {
                    self.messages += 1;
                    self.inboxes[usize::try_from(to - 1).expect("voters are few")].push(message);
                }
                Action::Apply { command, .. } => self.applied[place] += u64::from(!command.is_empty()),
                _ => {}
            }
        }
    }
}
