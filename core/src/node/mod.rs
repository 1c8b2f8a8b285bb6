//! One node of the federation: the only place where the machines meet.
//!
//! A [`Node`] takes in one [`Input`] at a time and puts everything that follows into an [`Outbox`]. It is infallible by
//! construction: bad bytes die at the edge, bad numbers before the start, and a refused command is an answer. It is
//! `Clone + Eq + Hash`, so a simulator can fork it and a model checker can tell whether it has been here before.

pub mod autopilot;
mod sessions;
mod commands;
mod proposals;
mod accepted;
mod apply;
mod quorum;
mod handover;
mod health;
pub mod witness;
mod registrations;
mod placement;
mod reads;
mod pools;
mod observe;
mod status;
mod why;
mod projection;

use alloc::boxed::Box;
use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::health::{HealthConfig, HealthSettings};
pub use self::placement::{DrainQuestion, NoPlan, RingConfig, Weigh};
pub use self::pools::{Notice, PoolsConfig, PoolsSettings, Tier};
pub use self::sessions::{Operation, SessionRequest, Sessions};
pub use self::status::{RingStatus, RoleName, Status};
pub use self::why::Why;

use self::autopilot::Autopilot;
use self::commands::{Asked, Commands};
use self::handover::Handover;
use self::health::Monitor;
use self::observe::Observe;
use self::placement::Placement;
use self::pools::Pools;
use self::reads::Reads;
use crate::config::Settings;
use crate::health::Health;
use crate::ids::{Blob, LogIndex, NodeId, RequestId};
use crate::io::{Contradiction, Effect, Event, Halt, Input, Outbox, Rejected, Wake, WakeReason};
use crate::raft::{self, Offered, Raft, Recovered, Snapshot};
use crate::rng::Seed;
use crate::time::Time;
use crate::topology::{Command, Refusal, Topology};
use crate::wire::Message;

/// One node: what it agreed on, what it waits for, what it promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    settings: Arc<Settings>,
    raft: Raft,
    topology: Topology,
    sessions: Sessions,
    commands: Commands,
    reads: Reads,
    handover: Option<Handover>,
    embedder: Embedder,
    autopilot: Autopilot,
    /// Boxed, for most of what is simulated and explored has none.
    pools: Option<Box<Pools>>,
    /// Boxed likewise.
    monitor: Option<Box<Monitor>>,
    /// Boxed likewise.
    placement: Option<Box<Placement>>,
    /// Boxed likewise; there is one if there are pools.
    observe: Option<Box<Observe>>,
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
    /// `now` is the present instant of this process run. `seed` may be the same at every start from a disk that was
    /// written before; for an empty one it must be new, drawn from what no other start was given: it names the new memory,
    /// and by that name the others tell it from one that was lost.
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
            reads: Reads::new(raft.incarnation(), raft.boot()),
            handover: None,
            raft,
            embedder: Embedder::default(),
            autopilot: Autopilot::default(),
            pools: None,
            monitor: settings.health.as_ref().map(|health| Box::new(Monitor::new(now, health))),
            placement: settings.ring.as_ref().map(|ring| Box::new(Placement::new(ring))),
            observe: None,
            settings,
        };
        match state {
            Some(Some(state)) if node.raft.halted().is_none() => node.restore(state, out),
            Some(None) => node.raft.halt(Halt::RecoveryContradicted("the snapshot's state does not decode"), out),
            Some(Some(_)) | None => {}
        }
        let settings = Arc::clone(&node.settings);
        node.start_pools(now, &settings, seed, out);
        node.tend_ring(out);
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
        let led = (self.raft.term(), self.raft.leader());
        match input {
            Input::Wake => {
                self.raft.wake(now, out);
                self.steer(now, out);
                self.commands.expire(now, out);
                self.reads.expire(now, out);
                if let Some(pools) = &mut self.pools {
                    pools.wake(now, out);
                }
            }
            Input::Receive(from, Message::Raft(message)) => self.on_raft(now, from, message, out),
            Input::Receive(from, Message::Forward(forward)) => self.on_forward(now, from, forward, out),
            Input::Receive(_, Message::Answer(answer)) => self.commands.on_answer(answer, out),
            Input::Receive(from, Message::ReadIndex(asked)) => self.on_read_index(now, from, &asked, out),
            Input::Receive(_, Message::ReadIndexAnswer(answer)) => self.on_read_index_answer(answer, out),
            Input::Command(request, command) => self.on_command(now, request, command, out),
            Input::Commands(commands) => self.on_commands(now, commands, out),
            Input::OpenSession(request) => self.on_session(now, request, SessionRequest::Open, out),
            Input::SessionCommand(request, operation, command) => {
                self.on_session(now, request, SessionRequest::of(operation, &command), out);
            }
            Input::CloseSession(request, session) => {
                self.on_session(now, request, SessionRequest::Close(session), out);
            }
            Input::Quorum(request, change) => self.on_quorum_change(now, request, change, out),
            Input::Read(request, consistency) => self.on_read(now, request, consistency, out),
            Input::Transfer(request, target) => self.on_transfer(now, request, target, out),
            Input::ForgetLeader => self.raft.forget_leader(out),
            Input::Receive(from, Message::Visitor { node, incarnation }) => {
                self.on_visitor(from, node, incarnation, out);
            }
            Input::Join(contact) => self.visit(contact, out),
            Input::Persisted(write) => self.raft.persisted(now, write, out),
            Input::PersistFailed(write) => self.raft.halt(Halt::DiskFailed(write), out),
            Input::Captured(index, state) => self.on_captured(index, state, out),
            Input::Pool(tier, input) => self.on_pool(now, tier, *input, out),
            Input::Observed(sample) => self.on_observed(now, sample, out),
            Input::Receive(from, Message::Heartbeat(heartbeat)) => self.on_heartbeat(now, from, &heartbeat, out),
            Input::Receive(from, Message::Pull(pull)) => self.on_pull(now, from, &pull, out),
            Input::Receive(from, Message::PullAnswer(answer)) => self.on_pull_answer(now, from, *answer, out),
        }
        self.apply_committed(out);
        if (self.raft.term(), self.raft.leader()) != led {
            self.hurry_forwards(now);
        }
        self.settle_reads(out);
        self.settle_handover(now, out);
        self.join_roles(now, out);
        self.tend_observation(now, out);
        self.tend_health(now, out);
        self.tend_ring(out);
        self.take_snapshot_if_due(out);
        self.raft.save_hard_state(out);
        if self.raft.halted().is_some() {
            self.commands.abandon(out);
            self.abandon_questions(out);
        }
    }

    /// Returns when and why the node wants to be woken; nothing if only an input can move it.
    pub fn next_wake(&self) -> Option<Wake> {
        if self.raft.halted().is_some() {
            return None;
        }
        let questions = [self.reads.next_wake(), self.handover_wake()].into_iter().flatten();
        let pools = self.pools.as_ref().map(|pools| Wake { at: pools.next_wake(), why: WakeReason::Pool });
        let health =
            self.monitor.as_ref().map(|monitor| Wake { at: monitor.next_wake(&self.raft), why: WakeReason::Health });
        let observe = self.observe.as_ref().map(|observe| Wake { at: observe.next_wake(), why: WakeReason::Observe });
        let raft = self.raft.next_wake().into_iter().chain(self.commands.next_wake());
        raft.chain(questions).chain(pools).chain(health).chain(observe).min()
    }

    /// Returns the committed topology as far as this node has applied it; outside of the log, as far as it followed it.
    pub fn topology(&self) -> &Topology {
        self.observe.as_ref().map_or(&self.topology, |observe| observe.observer.topology(&self.topology))
    }

    /// Returns the open sessions as far as this node has applied the log.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns what the node knows of the health of all, to look at; nothing if it is not configured to watch.
    pub fn health(&self) -> Option<&Health> {
        self.monitor.as_ref().map(|monitor| monitor.health())
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
        self.assert_reads();
        if let Some(pools) = &self.pools {
            pools.assert_invariants();
        }
        if let Some(observe) = &self.observe {
            observe.observer.assert_invariants(&self.topology);
        }
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

    /// Checks what does not depend on the state, so that nonsense is refused before it costs a place in the log. Returns who
    /// is to be registered, if that is what is asked for.
    fn check_form(&self, asked: &Asked) -> Result<Option<NodeId>, Rejected> {
        match asked {
            Asked::Command(command) => self.check_command(command).map_err(Rejected::Refused),
            Asked::Session(SessionRequest::Do { operation, command }) => {
                operation.check_window(&self.settings.sessions)?;
                let command = Command::decode(command).map_err(Rejected::Refused)?;
                self.check_command(&command).map_err(Rejected::Refused)
            }
            Asked::Session(SessionRequest::Open | SessionRequest::Close(_)) => Ok(None),
        }
    }

    fn check_command(&self, command: &Command) -> Result<Option<NodeId>, Refusal> {
        let limits = &self.settings.topology;
        match command {
            Command::Register(registration) => registration.validate(limits).map(|()| Some(registration.node)),
            Command::Custom(bytes) if bytes.len() > limits.custom_bytes_max => {
                Err(Refusal::CustomTooLarge { bytes: bytes.len(), max: limits.custom_bytes_max })
            }
            Command::Custom(_)
            | Command::Deregister(_)
            | Command::Evict { .. }
            | Command::SetCondition { .. }
            | Command::Drain { .. }
            | Command::DrainProgress { .. } => Ok(None),
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
        | Input::Captured(..)
        | Input::Pool(..)
        | Input::Observed(_) => {}
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
