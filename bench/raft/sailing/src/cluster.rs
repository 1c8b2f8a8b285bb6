//! sailing-proto with stores in memory, whose writes are done at once.
//!
//! Its batches are made by handing over all commands before appends are flushed, as its own driver does. A follower
//! that answered before a majority had hears of the commit only with the next append.

use std::time::Duration;

use bytes::Bytes;
use raft_work::{Cluster, Rest, Way, payload};
use sailing_proto::{Config, Endpoint, Instant, Message, Outgoing, StateMachine};

use crate::stores::{Log, Stable};

/// The place of the node that leads.
const LEADER: usize = 0;

const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct InOneProcess {
    now: Instant,
    nodes: Vec<Node>,
    inboxes: Vec<Vec<(u64, Message<u64>)>>,
    commands: u64,
    messages: u64,
}

pub(crate) struct Node {
    endpoint: Endpoint<u64, Counter>,
    log: Log,
    stable: Stable,
}

/// Counts what was applied.
#[derive(Default)]
pub(crate) struct Counter {
    applied: u64,
}

impl StateMachine for Counter {
    type Command = Bytes;
    type Response = ();
    type Snapshot = Bytes;
    type Error = std::convert::Infallible;

    fn apply(&mut self, _: sailing_proto::Index, _: Bytes) -> Result<(), Self::Error> {
        self.applied += 1;
        Ok(())
    }

    fn snapshot(&self) -> Result<Bytes, Self::Error> {
        Ok(Bytes::copy_from_slice(&self.applied.to_le_bytes()))
    }

    fn restore(&mut self, _: Bytes) -> Result<(), Self::Error> {
        unreachable!("no log is compacted")
    }
}

impl Cluster for InOneProcess {
    type Answer = (u64, Message<u64>);
    type Nodes = Vec<Node>;
    const REST: Rest = Rest::WithTheNext;

    fn elect(voters: u8) -> Self {
        let now = Instant::from_origin(Duration::ZERO);
        let ids: Vec<u64> = (1..=u64::from(voters)).collect();
        let node = |id: &u64| {
            let config = Config::try_new(*id, ids.clone(), ELECTION_TIMEOUT, HEARTBEAT_INTERVAL);
            let config = config.expect("the configuration makes sense").with_snapshot_threshold(usize::MAX);
            let endpoint = Endpoint::new(config, now, *id, Counter::default());
            Node { endpoint, log: Log::default(), stable: Stable::default() }
        };
        let mut cluster = Self {
            now,
            nodes: ids.iter().map(node).collect(),
            inboxes: ids.iter().map(|_| Vec::new()).collect(),
            commands: 0,
            messages: 0,
        };
        cluster.let_time_pass_until_due();
        cluster.settle();
        assert_eq!(cluster.nodes[LEADER].endpoint.leader(), Some(1), "nobody else stood");
        cluster
    }

    fn commit(&mut self, commands: u32, _: Way) {
        let first = self.commands;
        self.commands += u64::from(commands);
        let Node { endpoint, log, stable } = &mut self.nodes[LEADER];
        for number in first..self.commands {
            let command = Bytes::copy_from_slice(&payload(number));
            endpoint.propose(self.now, log, stable, &command).expect("a leader takes what it is given");
        }
        self.settle();
    }

    fn applied(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.endpoint.state_machine().applied).collect()
    }

    fn messages(&self) -> u64 {
        self.messages
    }

    fn heartbeat(&mut self) {
        self.let_time_pass_until_due();
        self.settle();
    }

    fn heartbeat_answer(&mut self) -> Option<Self::Answer> {
        self.let_time_pass_until_due();
        self.turn(LEADER);
        self.turn(LEADER + 1);
        let answer = self.inboxes[LEADER].last().cloned();
        self.settle();
        answer.filter(|(_, message)| matches!(message, Message::HeartbeatResponse(_)))
    }

    fn take(&mut self, (from, message): Self::Answer) {
        let Node { endpoint, log, stable } = &mut self.nodes[LEADER];
        endpoint.handle_message(self.now, log, stable, from, message);
        while endpoint.poll_message().is_some() {}
    }

    fn into_nodes(self) -> Self::Nodes {
        self.nodes
    }
}

impl InOneProcess {
    /// Lets the first node's next deadline come: an election, or a heartbeat.
    fn let_time_pass_until_due(&mut self) {
        let Node { endpoint, log, stable } = &mut self.nodes[LEADER];
        self.now = endpoint.poll_timeout().expect("a voter waits for something");
        endpoint.handle_timeout(self.now, log, stable);
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

    /// Hands a node all its messages, then sends what follows. Returns whether there was anything.
    fn turn(&mut self, place: usize) -> bool {
        let Node { endpoint, log, stable } = &mut self.nodes[place];
        let mut inbox = std::mem::take(&mut self.inboxes[place]);
        let mut busy = !inbox.is_empty();
        for (from, message) in inbox.drain(..) {
            endpoint.handle_message(self.now, log, stable, from, message);
        }
        self.inboxes[place] = inbox;
        endpoint.flush_appends(self.now, log, stable);
        while endpoint.handle_storage(self.now, log, stable).is_more_pending() {}
        while let Some(outgoing) = endpoint.poll_message() {
            busy = true;
            self.messages += 1;
            let (to, message): (u64, _) = Outgoing::into_parts(outgoing);
            self.inboxes[usize::try_from(to - 1).expect("voters are few")].push((endpoint.id(), message));
        }
        while endpoint.poll_event().is_some() {}
        busy
    }
}
