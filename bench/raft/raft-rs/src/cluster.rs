//! raft-rs with its own storage in memory and the settings that make it fastest.
//!
//! Left to its defaults it sends one entry per message. A node takes all its messages before it is asked what follows,
//! so that it answers for several at once.

use raft::eraftpb::{ConfState, Entry, EntryType, Message, MessageType};
use raft::storage::MemStorage;
use raft::{Config, LightReady, RawNode, StateRole};
use raft_work::{Cluster, Rest, Way, payload};
use slog::{Discard, Logger, o};

/// The place of the node that leads.
const LEADER: usize = 0;

/// How many ticks lie between two heartbeats.
const HEARTBEAT_TICKS: usize = 3;

pub(crate) struct InOneProcess {
    nodes: Vec<RawNode<MemStorage>>,
    inboxes: Vec<Vec<Message>>,
    applied: Vec<u64>,
    commands: u64,
    messages: u64,
}

impl Cluster for InOneProcess {
    type Answer = Message;
    type Nodes = Vec<RawNode<MemStorage>>;
    const REST: Rest = Rest::Everywhere;

    fn elect(voters: u8) -> Self {
        let logger = Logger::root(Discard, o!());
        let ids: Vec<u64> = (1..=u64::from(voters)).collect();
        let node = |id: &u64| {
            let config = Config {
                id: *id,
                election_tick: 10 * HEARTBEAT_TICKS,
                heartbeat_tick: HEARTBEAT_TICKS,
                max_size_per_msg: 1024 * 1024,
                batch_append: true,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state(ConfState::from((ids.clone(), Vec::new())));
            RawNode::new(&config, storage, &logger).expect("the configuration makes sense")
        };
        let mut cluster = Self {
            nodes: ids.iter().map(node).collect(),
            inboxes: ids.iter().map(|_| Vec::new()).collect(),
            applied: ids.iter().map(|_| 0).collect(),
            commands: 0,
            messages: 0,
        };
        cluster.nodes[LEADER].campaign().expect("nobody leads");
        cluster.settle();
        assert_eq!(cluster.nodes[LEADER].raft.state, StateRole::Leader, "nobody else stood");
        cluster
    }

    fn commit(&mut self, commands: u32, way: Way) {
        let first = self.commands;
        self.commands += u64::from(commands);
        let payloads = (first..self.commands).map(|number| payload(number).to_vec());
        let leader = &mut self.nodes[LEADER];
        match way {
            Way::Separately => payloads
                .for_each(|payload| leader.propose(Vec::new(), payload).expect("a leader takes what it is given")),
            Way::Together => {
                let entry = |payload: Vec<u8>| Entry { data: payload.into(), ..Entry::default() };
                let mut message = Message { from: leader.raft.id, ..Message::default() };
                message.set_msg_type(MessageType::MsgPropose);
                message.set_entries(payloads.map(entry).collect::<Vec<_>>().into());
                leader.step(message).expect("a leader takes what it is given");
            }
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
        self.let_heartbeat_fall_due();
        self.turn(LEADER);
        self.turn(LEADER + 1);
        let answer = self.inboxes[LEADER].last().cloned();
        self.settle();
        answer.filter(|answer| answer.get_msg_type() == MessageType::MsgHeartbeatResponse)
    }

    fn take(&mut self, answer: Self::Answer) {
        self.nodes[LEADER].step(answer).expect("the follower is known");
    }

    fn into_nodes(self) -> Self::Nodes {
        self.nodes
    }
}

impl InOneProcess {
    fn let_heartbeat_fall_due(&mut self) {
        for _ in 0..HEARTBEAT_TICKS {
            self.nodes[LEADER].tick();
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

    /// Hands a node all its messages, then does what it is ready for. Returns whether there was anything.
    fn turn(&mut self, place: usize) -> bool {
        let mut inbox = std::mem::take(&mut self.inboxes[place]);
        for message in inbox.drain(..) {
            self.nodes[place].step(message).expect("peers are known");
        }
        self.inboxes[place] = inbox;
        if !self.nodes[place].has_ready() {
            return false;
        }
        let mut ready = self.nodes[place].ready();
        self.send(ready.take_messages());
        self.apply(place, &ready.take_committed_entries());
        let storage = self.nodes[place].raft.raft_log.store.clone();
        storage.wl().append(ready.entries()).expect("entries follow each other");
        if let Some(hard_state) = ready.hs() {
            storage.wl().set_hardstate(hard_state.clone());
        }
        self.send(ready.take_persisted_messages());
        let light: LightReady = self.nodes[place].advance(ready);
        self.follow_up(place, light);
        true
    }

    fn follow_up(&mut self, place: usize, mut light: LightReady) {
        if let Some(commit) = light.commit_index() {
            self.nodes[place].store().wl().mut_hard_state().set_commit(commit);
        }
        self.send(light.take_messages());
        self.apply(place, &light.take_committed_entries());
        self.nodes[place].advance_apply();
    }

    fn send(&mut self, messages: Vec<Message>) {
        self.messages += messages.len() as u64;
        for message in messages {
            let place = usize::try_from(message.to - 1).expect("voters are few");
            self.inboxes[place].push(message);
        }
    }

    fn apply(&mut self, place: usize, entries: &[Entry]) {
        let commands = entries.iter().filter(|entry| !entry.data.is_empty());
        self.applied[place] += commands.filter(|entry| entry.get_entry_type() == EntryType::EntryNormal).count() as u64;
    }
}
