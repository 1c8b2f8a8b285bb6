//! Nodes with a network, disks, embedders and clocks that move only by hand.
//!
//! After every step each node asserts its invariants, every message survives its own bytes, and two promises are checked
//! against all that was seen before: one leader per term, and one entry per committed index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use delian_core::raft::{Entry, HardState, Record, Recovered};
use delian_core::{
    Blob, Config, Effect, FeatureLevel, Input, LogIndex, Message, Node, NodeId, Outbox, Seed, Settings, Term, Time,
};
use delian_core::{RequestId, WakeReason, WriteId};

use crate::words;

/// The most steps that settling may take; a protocol that needs more for these little clusters never rests.
const STEPS_MAX: usize = 20_000;
/// The most wakes after which a node must want the awaited one.
const WAKES_MAX: usize = 100;

pub(crate) struct World {
    config: Config,
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    pub(crate) network: Vec<Packet>,
    /// Links over which nothing gets, as sender and receiver.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    /// What the story has to tell since it was last asked.
    said: Vec<String>,
    leaders: BTreeMap<Term, NodeId>,
    committed: BTreeMap<LogIndex, Entry>,
    requests: u64,
}

/// A message in flight.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
    /// Whether it waits until the story releases it.
    pub(crate) held: bool,
}

pub(crate) struct Machine {
    /// Nothing while the machine is down.
    pub(crate) node: Option<Node>,
    pub(crate) settings: Arc<Settings>,
    clock: Time,
    pub(crate) disk: Disk,
    /// How often its disk was lost.
    pub(crate) lives: u64,
    embedder: Embedder,
}

pub(crate) struct Disk {
    /// What a crash leaves.
    pub(crate) kept: Recovered,
    /// What was written and not yet acknowledged.
    pub(crate) waiting: VecDeque<(WriteId, Record)>,
    pub(crate) held: bool,
}

/// An application that remembers the commands it was handed.
#[derive(Default)]
struct Embedder {
    texts: Vec<String>,
    captures: VecDeque<(LogIndex, Blob)>,
    slow: bool,
}

impl World {
    pub(crate) fn new(config: Config, spares: u64) -> Result<Self, String> {
        let settings = Arc::new(config.clone().check().map_err(|error| error.to_string())?);
        let machine = |id, kept| (id, Machine::new(Arc::clone(&settings), kept));
        let founders = config.voters.iter().chain(&config.learners).map(|id| machine(*id, Recovered::founding()));
        let mut machines: BTreeMap<NodeId, Machine> = founders.collect();
        let first = machines.len() as u64 + 1;
        machines.extend((first..first + spares).map(|id| machine(NodeId::new(id), Recovered::default())));
        Ok(Self {
            config,
            machines,
            network: Vec::new(),
            cut: BTreeSet::new(),
            said: Vec::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            requests: 0,
        })
    }

    pub(crate) fn take_said(&mut self) -> String {
        self.said.drain(..).map(|line| line + "\n").collect()
    }

    pub(crate) fn say(&mut self, line: String) {
        self.said.push(line);
    }

    pub(crate) fn machine(&mut self, id: NodeId) -> Result<&mut Machine, String> {
        self.machines.get_mut(&id).ok_or_else(|| format!("there is no {id}"))
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<&Node, String> {
        let machine = self.machines.get(&id).ok_or_else(|| format!("there is no {id}"))?;
        machine.node.as_ref().ok_or_else(|| format!("{id} is down"))
    }

    /// Gives a node, from its next start on, a release that speaks no more than a level.
    pub(crate) fn set_level(&mut self, id: NodeId, level: u64) -> Result<(), String> {
        let config = Config { feature_level_max: FeatureLevel::new(level), ..self.config.clone() };
        self.machine(id)?.settings = Arc::new(config.check().map_err(|error| error.to_string())?);
        Ok(())
    }

    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), String> {
        let mut out = Outbox::new();
        let machine = self.machine(id)?;
        if machine.node.is_some() {
            return Err(format!("{id} is up"));
        }
        machine.embedder = Embedder::default();
        let settings = Arc::clone(&machine.settings);
        let recovered = machine.disk.kept.clone();
        // A disk that was lost takes its seed with it.
        let seed = Seed::new(1 + machine.lives).derive("node", id.get());
        machine.node = Some(Node::start(machine.clock, id, settings, seed, recovered, &mut out));
        self.carry_out(id, &mut out);
        self.acknowledge_automatically(id);
        Ok(())
    }

    /// Stops a node; its disk keeps what it acknowledged and the first `keep` of the writes on their way.
    pub(crate) fn crash(&mut self, id: NodeId, keep: usize) -> Result<(), String> {
        let machine = self.machine(id)?;
        machine.node.take().ok_or_else(|| format!("{id} is down"))?;
        for (_, record) in machine.disk.waiting.drain(..).take(keep) {
            machine.disk.kept.fold(record);
        }
        Ok(())
    }

    /// Takes in one thing at one node, and whatever its automatic disk answers.
    pub(crate) fn step(&mut self, id: NodeId, input: Input) -> Result<(), String> {
        self.node(id)?;
        self.step_once(id, input);
        self.acknowledge_automatically(id);
        Ok(())
    }

    /// Acknowledges the first `count` writes that wait at a node.
    pub(crate) fn persist(&mut self, id: NodeId, count: usize) -> Result<(), String> {
        let disk = &mut self.machine(id)?.disk;
        let count = count.min(disk.waiting.len());
        let Some((last, _)) = count.checked_sub(1).and_then(|place| disk.waiting.get(place)).cloned() else {
            return Ok(());
        };
        for (_, record) in disk.waiting.drain(..count) {
            disk.kept.fold(record);
        }
        self.step(id, Input::Persisted(last))
    }

    pub(crate) fn command(&mut self, id: NodeId, command: delian_core::topology::Command) -> Result<(), String> {
        self.request(id, |request| Input::Command(request, command))
    }

    /// Steps a node with an input that carries the number of a new request.
    pub(crate) fn request(&mut self, id: NodeId, input: impl FnOnce(RequestId) -> Input) -> Result<(), String> {
        self.requests += 1;
        self.step(id, input(RequestId::new(self.requests)))
    }

    /// Wakes a node at the instants it asks for, until it was woken for `why`.
    pub(crate) fn fire(&mut self, id: NodeId, why: WakeReason) -> Result<(), String> {
        for _ in 0..WAKES_MAX {
            let wake = self.node(id)?.next_wake().ok_or_else(|| format!("{id} wants no wake"))?;
            let machine = self.machine(id)?;
            machine.clock = machine.clock.max(wake.at);
            self.step(id, Input::Wake)?;
            if wake.why == why {
                return Ok(());
            }
        }
        Err(format!("{id} does not want to be woken for {why:?}"))
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        for machine in self.machines.values_mut() {
            machine.clock = machine.clock + span;
        }
    }

    pub(crate) fn deliver(&mut self, packet: Packet) -> Result<(), String> {
        if self.machine(packet.to)?.node.is_some() {
            self.step(packet.to, Input::Receive(packet.from, packet.message))?;
        }
        Ok(())
    }

    /// Delivers everything that is not held until nothing is in flight.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            let Some(place) = self.network.iter().position(|packet| !packet.held) else { return Ok(()) };
            let packet = self.network.remove(place);
            self.deliver(packet)?;
        }
        Err(format!("after {STEPS_MAX} messages there are still more"))
    }

    /// Lets time pass as it does where nothing is slow.
    pub(crate) fn run(&mut self, span: Duration) -> Result<(), String> {
        let tick = Duration::from_millis(100);
        let ids: Vec<_> = self.machines.keys().copied().collect();
        let mut left = span;
        while left > Duration::ZERO {
            self.advance(tick);
            left = left.saturating_sub(tick);
            for id in &ids {
                if self
                    .node(*id)
                    .is_ok_and(|node| node.next_wake().is_some_and(|wake| wake.at <= self.machines[id].clock))
                {
                    self.step(*id, Input::Wake)?;
                }
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Hands the oldest waiting capture of an embedder over, or none if it was not asked.
    pub(crate) fn hand_over_capture(&mut self, id: NodeId) -> Result<(), String> {
        let (index, state) = self
            .machine(id)?
            .embedder
            .captures
            .pop_front()
            .ok_or_else(|| format!("{id} was not asked for its state"))?;
        self.step(id, Input::Captured(index, state))
    }

    pub(crate) fn slow_embedder(&mut self, id: NodeId) -> Result<(), String> {
        self.machine(id)?.embedder.slow = true;
        Ok(())
    }

    fn step_once(&mut self, id: NodeId, input: Input) {
        let mut out = Outbox::new();
        let Some(machine) = self.machines.get_mut(&id) else { return };
        let clock = machine.clock;
        let Some(node) = machine.node.as_mut() else { return };
        let commit_before = node.raft().commit();
        node.step(clock, input, &mut out);
        node.assert_invariants();
        let node = node.clone();
        self.check_promises(&node, commit_before);
        self.carry_out(id, &mut out);
        self.check_disk(&node);
        if let Some(machine) = self.machines.get_mut(&id)
            && !machine.embedder.slow
            && let Some((index, state)) = machine.embedder.captures.pop_front()
        {
            self.step_once(id, Input::Captured(index, state));
        }
    }

    fn check_promises(&mut self, node: &Node, commit_before: LogIndex) {
        let raft = node.raft();
        if raft.is_leader() {
            let leader = *self.leaders.entry(raft.term()).or_insert(raft.id());
            assert_eq!(leader, raft.id(), "two nodes lead {}", raft.term());
        }
        for place in commit_before.next().get()..=raft.commit().get() {
            let index = LogIndex::new(place);
            let Some(entry) = raft.log().entry(index) else { continue };
            let agreed = self.committed.entry(index).or_insert_with(|| entry.clone());
            assert_eq!(agreed, entry, "{} commits another entry at {index} than was committed before", raft.id());
        }
    }

    /// What the disk will hold once it has written everything is what the node has in memory.
    fn check_disk(&self, node: &Node) {
        let raft = node.raft();
        let Some(machine) = self.machines.get(&raft.id()).filter(|_| raft.halted().is_none()) else { return };
        let mut held = machine.disk.kept.clone();
        machine.disk.waiting.iter().for_each(|(_, record)| held.fold(record.clone()));
        let log = raft.log();
        let hard_state = HardState {
            term: raft.term(),
            voted_for: raft.voted_for(),
            boot: raft.boot(),
            incarnation: Some(raft.incarnation()),
        };
        assert_eq!(held.hard_state, hard_state, "{} keeps another hard state than it has", raft.id());
        assert_eq!(held.snapshot.as_ref(), log.snapshot(), "{} keeps another snapshot than it has", raft.id());
        assert_eq!(held.dropped, log.dropped(), "{} keeps another part of its log than it has", raft.id());
        let places = log.dropped().index.get() + 1..=log.last().index.get();
        let entries: Vec<_> = places.filter_map(|place| log.entry(LogIndex::new(place)).cloned()).collect();
        assert_eq!(held.entries, entries, "{} keeps another log than it has", raft.id());
    }

    fn carry_out(&mut self, id: NodeId, out: &mut Outbox) {
        for effect in out.drain() {
            match effect {
                Effect::Send(to, message) => {
                    assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(&message), "the wire changed a message");
                    if !self.cut.contains(&(id, to)) {
                        self.network.push(Packet { from: id, to, message, held: false });
                    }
                }
                Effect::Reply(request, outcome) => {
                    self.say(format!("{id} answers {request}: {}", words::outcome(&outcome)));
                }
                Effect::Read(request, outcome) => {
                    self.say(format!("{id} answers {request}: {}", words::read_outcome(&outcome)));
                }
                Effect::Transferred(request, outcome) => {
                    self.say(format!("{id} answers {request}: {}", words::transferred(&outcome)));
                }
                Effect::Emit(event) => self.say(format!("{id} {}", words::event(&event))),
                Effect::Persist(write, record) => {
                    if let Some(machine) = self.machines.get_mut(&id) {
                        machine.disk.waiting.push_back((write, record));
                    }
                }
                Effect::SendPacket(..) | Effect::Deliver(..) => unreachable!("nodes of stories are in no pool"),
                Effect::Apply(..) | Effect::Capture(_) | Effect::Restore(_) => self.tell_embedder(id, &effect),
            }
        }
    }

    fn tell_embedder(&mut self, id: NodeId, effect: &Effect) {
        let Some(Machine { embedder, .. }) = self.machines.get_mut(&id) else { return };
        let line = match effect {
            Effect::Apply(_, text) => {
                embedder.texts.push(words::text_of(text));
                format!("{id} hands over {}", words::text_of(text))
            }
            Effect::Capture(index) => {
                embedder.captures.push_back((*index, Blob::from(embedder.texts.join(" ").as_bytes())));
                format!("{id} asks for the state at {index}")
            }
            Effect::Restore(state) => {
                let text = String::from_utf8_lossy(state).into_owned();
                embedder.texts = text.split_whitespace().map(str::to_string).collect();
                format!("{id} restores [{text}]")
            }
            Effect::Send(..)
            | Effect::Persist(..)
            | Effect::Reply(..)
            | Effect::Read(..)
            | Effect::Transferred(..)
            | Effect::SendPacket(..)
            | Effect::Deliver(..)
            | Effect::Emit(_) => return,
        };
        self.say(line);
    }

    fn acknowledge_automatically(&mut self, id: NodeId) {
        while let Some(machine) = self.machines.get_mut(&id)
            && !machine.disk.held
            && let Some((last, _)) = machine.disk.waiting.back().cloned()
        {
            for (_, record) in machine.disk.waiting.drain(..) {
                machine.disk.kept.fold(record);
            }
            self.step_once(id, Input::Persisted(last));
        }
    }
}

impl Machine {
    fn new(settings: Arc<Settings>, kept: Recovered) -> Self {
        let disk = Disk { kept, waiting: VecDeque::new(), held: false };
        Self { node: None, settings, clock: Time::ZERO, disk, lives: 0, embedder: Embedder::default() }
    }

    pub(crate) fn embedder_texts(&self) -> String {
        self.embedder.texts.join(" ")
    }
}
