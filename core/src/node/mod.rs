//! One node of the federation: the only place where the machines meet.
//!
//! A [`Node`] takes in one [`Input`] at a time and puts everything that follows into an [`Outbox`]. It is infallible by
//! construction: bad bytes die at the edge, bad numbers before the start, and a refused command is an answer. It is
//! `Clone + Eq + Hash`, so a simulator can fork it and a model checker can tell whether it has been here before.

pub mod autopilot;
mod sessions;
mod commands;
mod quorum;
mod reads;
mod status;

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::sessions::{Operation, SessionRequest, Sessions};
pub use self::status::{RoleName, Status};

use self::autopilot::Autopilot;
use self::commands::{Asked, Commands};
use self::sessions::Admission;
use crate::config::Settings;
use crate::ids::{Blob, LogIndex, NodeId, Position, RequestId};
use crate::io::{Applied, Contradiction, Effect, Event, Halt, Input, Outbox, Rejected, SessionEnd, Wake};
use crate::raft::{self, Entry, Offered, Payload, Raft, Recovered, Snapshot};
use crate::rng::Seed;
use crate::time::Time;
use crate::topology::{Changed, Command, Refusal, Topology};
use crate::wire::Message;

/// One node: what it agreed on, what it waits for, what it promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    settings: Arc<Settings>,
    raft: Raft,
    topology: Topology,
    sessions: Sessions,
    commands: Commands,
    embedder: Embedder,
    autopilot: Autopilot,
}

/// What the node knows of the embedder's part of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Embedder {
    /// Whether a `Custom` command ever took effect: until then the embedder's state is empty and nobody asks for it.
    has_state: bool,
    /// The snapshot that waits for the embedder's state: its index, and the rest of the state there.
    capturing: Option<(LogIndex, StateBytes)>,
}

/// The state machine's bytes in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct StateBytes {
    topology: Blob,
    sessions: Blob,
    /// Nothing if no `Custom` command ever took effect.
    embedder: Option<Blob>,
}

impl Node {
    /// Starts a node. First start and restart are one path; `recovered` is empty on the first.
    ///
    /// `now` is the present instant of this process run, `seed` may be the same at every start.
    ///
    /// # Panics
    ///
    /// Panics if `out` still holds effects of another step.
    pub fn start(
        now: Time,
        id: NodeId,
        settings: Arc<Settings>,
        seed: Seed,
        recovered: Recovered,
        out: &mut Outbox,
    ) -> Self {
        assert!(out.is_empty(), "the effects of the last step were not carried out");
        let state = recovered.snapshot.as_ref().map(|snapshot| decode_state(snapshot, &settings));
        let raft = Raft::start(now, id, Arc::clone(&settings), seed, recovered, out);
        let mut node = Self {
            topology: Topology::new(&settings.topology),
            sessions: Sessions::new(&settings.sessions),
            commands: Commands::new(raft.incarnation(), raft.boot(), raft.term()),
            raft,
            embedder: Embedder::default(),
            autopilot: Autopilot::default(),
            settings,
        };
        match state {
            Some(Some(state)) if node.raft.halted().is_none() => node.restore(state, out),
            Some(None) => node.raft.halt(Halt::RecoveryContradicted("the snapshot's state does not decode"), out),
            Some(Some(_)) | None => {}
        }
        node.raft.save_hard_state(out);
        node
    }

    /// Takes in one thing that happened and asks `out` for everything that follows.
    ///
    /// # Panics
    ///
    /// Panics if `out` still holds effects of another step: a driver that forgets one fails at once.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Outbox) {
        assert!(out.is_empty(), "the effects of the last step were not carried out");
        if self.raft.halted().is_some() {
            return refuse_halted(&input, out);
        }
        match input {
            Input::Wake => {
                self.raft.wake(now, out);
                self.steer(now, out);
                self.commands.expire(now, out);
            }
            Input::Receive(from, Message::Raft(message)) => self.on_raft(now, from, message, out),
            Input::Receive(from, Message::Forward(forward)) => self.on_forward(now, from, forward, out),
            Input::Receive(_, Message::Answer(answer)) => self.commands.on_answer(answer, out),
            Input::Command(request, command) => self.on_commands(now, [(request, command)], out),
            Input::Commands(commands) => self.on_commands(now, commands, out),
            Input::OpenSession(request) => self.on_session(now, request, SessionRequest::Open, out),
            Input::SessionCommand(request, operation, command) => {
                self.on_session(now, request, SessionRequest::of(operation, &command), out);
            }
            Input::CloseSession(request, session) => {
                self.on_session(now, request, SessionRequest::Close(session), out);
            }
            Input::Quorum(request, change) => self.on_quorum_change(now, request, change, out),
            Input::Read(request, consistency) => self.on_read(request, consistency, out),
            Input::Transfer(request, target) => self.on_transfer(request, target, out),
            Input::ForgetLeader => {}
            Input::Receive(from, Message::Visitor { node, incarnation }) => {
                self.on_visitor(from, node, incarnation, out);
            }
            Input::Join(contact) => self.visit(contact, out),
            Input::Persisted(write) => self.raft.persisted(now, write, out),
            Input::PersistFailed(write) => self.raft.halt(Halt::DiskFailed(write), out),
            Input::Captured(index, state) => self.on_captured(index, state, out),
        }
        self.apply_committed(out);
        self.take_snapshot_if_due(out);
        self.raft.save_hard_state(out);
        if self.raft.halted().is_some() {
            self.commands.abandon(out);
        }
    }

    /// Returns when and why the node wants to be woken; nothing if only an input can move it.
    pub fn next_wake(&self) -> Option<Wake> {
        if self.raft.halted().is_some() {
            return None;
        }
        self.raft.next_wake().into_iter().chain(self.commands.next_wake()).min()
    }

    /// Returns the committed topology as far as this node has applied it.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns the open sessions as far as this node has applied the log.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns the consensus machine, to look at.
    pub const fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Returns the settings the node runs under.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how many commands wait for an outcome here.
    pub fn pending_commands(&self) -> usize {
        self.commands.len()
    }

    /// Asserts what must hold between any two steps, in time that does not grow with the topology.
    ///
    /// # Panics
    ///
    /// Panics if a machine is wrong; no peer, user or disk can bring that about.
    pub fn assert_invariants(&self) {
        self.raft.assert_invariants();
        let (waiting, bound) = (self.commands.len(), self.settings.bounds().pending_commands);
        assert!(waiting <= bound, "{waiting} commands wait, above the bound of {bound}");
    }

    fn on_raft(&mut self, now: Time, from: NodeId, message: raft::Message, out: &mut Outbox) {
        let Some(offered) = self.raft.receive(now, from, message, out) else { return };
        let Some(state) = decode_state(&offered.snapshot, &self.settings) else {
            let Offered { from, session, snapshot } = offered;
            let claim = Contradiction::SnapshotMalformed;
            return self.raft.refuse_snapshot(from, session, snapshot.last, claim, out);
        };
        self.install(offered, state, out);
    }

    fn install(&mut self, offered: Offered, state: State, out: &mut Outbox) {
        let last = offered.snapshot.last;
        self.raft.install(offered, out);
        // A snapshot that was being taken is older than the one just installed.
        self.embedder.capturing = None;
        self.restore(state, out);
        self.commands.skipped_to(last.index, out);
        out.emit(Event::SnapshotInstalled { last, epoch: self.topology.epoch() });
    }

    fn restore(&mut self, state: State, out: &mut Outbox) {
        self.topology = state.topology;
        self.sessions = state.sessions;
        let had_state = self.embedder.has_state;
        self.embedder.has_state = state.embedder.is_some();
        if had_state || self.embedder.has_state {
            out.push(Effect::Restore(state.embedder.unwrap_or_default()));
        }
    }

    fn apply_committed(&mut self, out: &mut Outbox) {
        while self.raft.halted().is_none()
            && let Some((position, entry)) = self.raft.next_committed()
        {
            let outcome = self.apply(position, &entry, out);
            self.commands.resolve(position, outcome, out);
        }
    }

    fn apply(&mut self, position: Position, entry: &Entry, out: &mut Outbox) -> Result<Applied, Rejected> {
        while let Some(session) = self.sessions.end_silent(position.index) {
            out.emit(Event::SessionEnded { session, why: SessionEnd::Silent });
        }
        match &entry.payload {
            Payload::Noop => Ok(self.unchanged(position)),
            Payload::Configuration(configuration) => {
                out.emit(Event::QuorumChanged { position, configuration: Arc::clone(configuration) });
                Ok(self.unchanged(position))
            }
            Payload::Level(level) => {
                self.raft.raise_level(position, *level, out);
                Ok(self.unchanged(position))
            }
            Payload::Command(bytes) => self.apply_command(position, bytes, out).map_err(Rejected::Refused),
            Payload::Session(bytes) => self.apply_session(position, bytes, out),
        }
    }

    fn unchanged(&self, position: Position) -> Applied {
        Applied { position, epoch: self.topology.epoch() }
    }

    fn apply_command(&mut self, position: Position, bytes: &[u8], out: &mut Outbox) -> Result<Applied, Refusal> {
        let outcome = Command::decode(bytes).and_then(|command| Ok((self.topology.apply(&command)?, command)));
        match outcome {
            Ok((change, command)) => {
                let applied = Applied { position, epoch: change.epoch };
                out.emit(Event::Changed { position, epoch: change.epoch, what: change.what });
                if let (Changed::Custom, Command::Custom(bytes)) = (change.what, command) {
                    self.embedder.has_state = true;
                    out.push(Effect::Apply(applied, bytes));
                }
                Ok(applied)
            }
            Err(refusal) => {
                out.emit(Event::Refused { position, refusal: refusal.clone().into() });
                Err(refusal)
            }
        }
    }

    fn apply_session(&mut self, position: Position, bytes: &[u8], out: &mut Outbox) -> Result<Applied, Rejected> {
        let refuse = |rejected: Rejected, out: &mut Outbox| {
            out.emit(Event::SessionRefused { position, rejected: rejected.clone().into() });
            Err(rejected)
        };
        match SessionRequest::decode(bytes) {
            Ok(SessionRequest::Open) => {
                if let Some(session) = self.sessions.open(position.index) {
                    out.emit(Event::SessionEnded { session, why: SessionEnd::Crowded });
                }
                out.emit(Event::SessionOpened { position });
                Ok(self.unchanged(position))
            }
            Ok(SessionRequest::Close(session)) if self.sessions.close(session) => {
                out.emit(Event::SessionEnded { session, why: SessionEnd::Closed });
                Ok(self.unchanged(position))
            }
            Ok(SessionRequest::Close(session)) => refuse(Rejected::SessionExpired(session), out),
            Ok(SessionRequest::Do { operation, command }) => match self.sessions.admit(position.index, &operation) {
                Admission::Execute => {
                    let outcome = self.apply_command(position, &command, out);
                    self.sessions.remember(&operation, outcome.clone());
                    outcome.map_err(Rejected::Refused)
                }
                Admission::Repeat(outcome) => {
                    out.emit(Event::Repeated { position, operation });
                    outcome
                }
                Admission::Refuse(rejected) => refuse(rejected, out),
            },
            Err(refusal) => refuse(Rejected::Refused(refusal), out),
        }
    }

    /// Begins a snapshot when the applied log has grown enough. With embedder state it waits for that state; the
    /// effects are ordered, so the embedder captures exactly what it has applied so far.
    fn take_snapshot_if_due(&mut self, out: &mut Outbox) {
        if self.raft.halted().is_some() || !self.raft.wants_snapshot() || self.embedder.capturing.is_some() {
            return;
        }
        let index = self.raft.applied();
        let state = StateBytes {
            topology: Blob::from(self.topology.to_bytes()),
            sessions: Blob::from(self.sessions.to_bytes()),
            embedder: None,
        };
        if self.embedder.has_state {
            self.embedder.capturing = Some((index, state));
            out.push(Effect::Capture(index));
        } else {
            self.raft.compact(index, encode_state(&state), out);
        }
    }

    fn on_captured(&mut self, index: LogIndex, embedder: Blob, out: &mut Outbox) {
        if let Some((_, state)) = self.embedder.capturing.take_if(|(expected, _)| *expected == index) {
            let state = StateBytes { embedder: Some(embedder), ..state };
            self.raft.compact(index, encode_state(&state), out);
        }
    }

    /// Checks what does not depend on the state, so that nonsense is refused before it costs a place in the log.
    fn check_form(&self, asked: &Asked) -> Result<(), Rejected> {
        match asked {
            Asked::Command(command) => self.check_command(command).map_err(Rejected::Refused),
            Asked::Session(SessionRequest::Do { operation, command }) => {
                operation.check_window(&self.settings.sessions)?;
                let command = Command::decode(command).map_err(Rejected::Refused)?;
                self.check_command(&command).map_err(Rejected::Refused)
            }
            Asked::Session(SessionRequest::Open | SessionRequest::Close(_)) => Ok(()),
        }
    }

    fn check_command(&self, command: &Command) -> Result<(), Refusal> {
        let limits = &self.settings.topology;
        match command {
            Command::Register(registration) => registration.validate(limits),
            Command::Custom(bytes) if bytes.len() > limits.custom_bytes_max => {
                Err(Refusal::CustomTooLarge { bytes: bytes.len(), max: limits.custom_bytes_max })
            }
            Command::Custom(_) | Command::Deregister(_) | Command::Evict { .. } | Command::SetCondition { .. } => {
                Ok(())
            }
        }
    }
}

/// Answers what a client asks of a node that has stopped.
fn refuse_halted(input: &Input, out: &mut Outbox) {
    let mut refuse = |request: &RequestId| out.push(Effect::Reply(*request, Err(Rejected::Halted)));
    match input {
        Input::Command(request, _)
        | Input::OpenSession(request)
        | Input::SessionCommand(request, ..)
        | Input::CloseSession(request, _)
        | Input::Quorum(request, _) => refuse(request),
        Input::Commands(commands) => commands.iter().for_each(|(request, _)| refuse(request)),
        Input::Read(request, _) => out.push(Effect::Read(*request, Err(Rejected::Halted))),
        Input::Transfer(request, _) => out.push(Effect::Transferred(*request, Err(Rejected::Halted))),
        Input::Wake
        | Input::Receive(..)
        | Input::ForgetLeader
        | Input::Join(_)
        | Input::Persisted(_)
        | Input::PersistFailed(_)
        | Input::Captured(..) => {}
    }
}

struct State {
    topology: Topology,
    sessions: Sessions,
    embedder: Option<Blob>,
}

fn encode_state(state: &StateBytes) -> Blob {
    Blob::from(postcard::to_allocvec(state).expect("a vector grows as needed and blobs have a postcard form"))
}

fn decode_state(snapshot: &Snapshot, settings: &Settings) -> Option<State> {
    let (StateBytes { topology, sessions, embedder }, rest) = postcard::take_from_bytes(&snapshot.state).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(State {
        topology: Topology::from_bytes(&topology, &settings.topology).ok()?,
        sessions: Sessions::from_bytes(&sessions, snapshot.last.index, &settings.sessions)?,
        embedder,
    })
}
