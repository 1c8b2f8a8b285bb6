//! The whole border between the core and the world: what goes in, what comes out.
//!
//! A driver feeds one [`Input`] to [`crate::Node::step`] and carries out every [`Effect`] it finds in the [`Outbox`].
//! Effects may run in any order, except that `Persist` is first in, first out, and `Apply`, `Capture` and `Restore` reach
//! the embedder in the order given. Nothing else crosses.

mod event;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::{Drain, Vec};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use event::{Contradiction, Event, Halt, SessionEnd, StepDown};

use crate::health::Sample;
use crate::ids::{Blob, Epoch, LogIndex, NodeId, Position, RequestId, Sequence, SessionId, Term, WriteId};
use crate::node::{Operation, Tier};
use crate::projection::Names;
use crate::raft::{QuorumChange, QuorumRefusal, Record};
use crate::swim::{self, Broadcast, Carrier, Packet};
use crate::time::Time;
use crate::topology::{Command, Refusal};
use crate::wire::Message;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Time has passed; early, late and spurious wakes do nothing.
    Wake,
    /// An authenticated peer sent a message.
    Receive(NodeId, Message),
    /// A local client asks for a change.
    Command(RequestId, Command),
    /// Local clients ask for changes, which share what it costs to reach the peers and the disk.
    Commands(Vec<(RequestId, Command)>),
    /// A local operator wants this node, which is in no configuration, to join the log of that one.
    Join(NodeId),
    /// A local client opens a session; the index at which that is applied is its [`SessionId`].
    OpenSession(RequestId),
    /// A local client asks for a change that takes effect once, however often it is asked for.
    SessionCommand(RequestId, Operation, Command),
    /// A local client lets its session go, with all that is remembered for it.
    CloseSession(RequestId, SessionId),
    /// A local operator asks for a change of who decides.
    Quorum(RequestId, QuorumChange),
    /// A local client asks from where on the node's state is recent enough to be read; answered by [`Effect::Read`].
    Read(RequestId, Consistency),
    /// A local operator asks this leader to hand over to another voter; answered by [`Effect::Transferred`].
    Transfer(RequestId, NodeId),
    /// A local operator knows that the leader is gone: the node lets others stand for election at once.
    ForgetLeader,
    /// This write and all before it are on disk.
    Persisted(WriteId),
    /// The disk refused this write; the node stops, for it can promise nothing any more.
    PersistFailed(WriteId),
    /// The embedder's state as of the `Capture` of this index.
    Captured(LogIndex, Blob),
    /// Something happened in one of the node's pools: a packet came, or an operator asks for something. What concerns the
    /// deadlines of pools is a [`Input::Wake`] like any other. Ignored by a node that is in no such pool.
    Pool(Tier, Box<swim::Input>),
    /// The embedder measured how its node fares: the node's heartbeats say so from here on, and begin with the first. What
    /// cannot be true is an event and is not said. Ignored by a node that watches nobody's health.
    Observed(Sample),
}

/// One thing that must follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send a message; it may get lost, doubled, delayed or overtaken.
    Send(NodeId, Message),
    /// Write a record, after all records before it; then answer `Persisted`.
    Persist(WriteId, Record),
    /// Tell a local client what became of its command.
    Reply(RequestId, Result<Applied, Rejected>),
    /// Tell a local client that the node's state may be read, in the same step and before the next; or why not.
    Read(RequestId, Result<ReadAt, Rejected>),
    /// Tell a local operator in which term another node took over, as far as it is known here; or why none did.
    Transferred(RequestId, Result<Term, Rejected>),
    /// Hand a committed `Custom` command to the embedder.
    Apply(Applied, Blob),
    /// Ask the embedder for its state as of the last `Apply`; answer with `Captured` and this index. Until then the log
    /// is not compacted, so an embedder that never answers lets it grow.
    Capture(LogIndex),
    /// Give the embedder a state that replaces its own; empty if it never had any.
    Restore(Blob),
    /// Send a packet of a pool; it may get lost, doubled, delayed or overtaken.
    SendPacket(Tier, Box<Parcel>),
    /// Hand a broadcast of a pool's member to the embedder, as that one's embedder gave it. What nodes say to each other in
    /// this way is not among them.
    Deliver(Tier, Arc<Broadcast>),
    /// Tell whoever watches; nothing depends on it.
    Emit(Event),
}

/// A packet of a pool and its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parcel {
    /// Where it goes.
    pub to: SocketAddr,
    /// How it travels.
    pub carrier: Carrier,
    /// The packet.
    pub packet: Packet,
}

/// A command that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Applied {
    /// Its place in the log; for a repeated command of a session, the place where it took effect.
    pub position: Position,
    /// The topology epoch that it made.
    pub epoch: Epoch,
}

/// How recent what a client reads must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consistency {
    /// Whatever the node has applied, which may be old; answered at once, by any node.
    Local,
    /// Every command committed before the question, if no clock drifts more than `clock_drift_max_ppm` says: the leader
    /// answers without a round of messages while a quorum promised it not to vote (Ongaro 2014, section 6.4.1).
    Lease,
    /// Every command committed before the question: a quorum confirms the leader first (Ongaro 2014, section 6.4).
    Quorum,
}

/// From where a client may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadAt {
    /// Every command that was committed when the question came in has this index or a lower one; with
    /// [`Consistency::Local`] it is merely what the node had applied.
    pub index: LogIndex,
    /// What the node's state reflects, `index` or more.
    pub applied: LogIndex,
    /// The epoch of the topology there.
    pub epoch: Epoch,
}

/// A command that took no effect, or none that is known; or a question that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rejected {
    /// The node that was asked is not the leader; it may know who is.
    NotLeader(Option<NodeId>),
    /// Too much waits already; try again later.
    Busy,
    /// The topology refuses the command.
    Refused(Refusal),
    /// The change of the quorum makes no sense, or not at this moment.
    QuorumRefused(QuorumRefusal),
    /// Another leader's entry took its place in the log: it has no effect and never will.
    Superseded,
    /// Its fate is not known: it may take effect, or may have, or may not.
    Unknown,
    /// The node has stopped for good.
    Halted,
    /// The question was not settled in time; nothing depends on it, so it may be asked again.
    TimedOut,
    /// The leader is handing over to this node and takes no commands meanwhile; none of this one's effects took place.
    Transferring(NodeId),
    /// Reads under a lease need a bound on clock drift, which this node's configuration does not give.
    LeaseDisabled,
    /// The node cannot hand over to this one, which is the leader itself or no voter.
    TransferRefused(NodeId),
    /// The session was closed, was silent for too long or never was: this attempt has no effect, and what an earlier one
    /// came to is forgotten.
    SessionExpired(SessionId),
    /// The client said before that it does not wait for this outcome: this attempt has no effect, and what an earlier one
    /// came to is forgotten.
    Forgotten {
        /// The command.
        sequence: Sequence,
        /// The lowest one that the client still waits for.
        awaited_from: Sequence,
    },
    /// The command is not among those that a session may wait for at a time.
    OutsideWindow {
        /// The command.
        sequence: Sequence,
        /// The lowest one that the client says it waits for.
        awaited_from: Sequence,
        /// How many there may be from that one on.
        window: u64,
    },
    /// The node registers too often, and this time is not counted.
    TooOften {
        /// The node.
        node: NodeId,
        /// After how long it may register.
        again_in: Duration,
    },
}

impl Rejected {
    /// Renames the nodes that it names, but for those that a command or a change of the quorum is about.
    pub(crate) fn map_ids(&mut self, names: Names<'_>) {
        match self {
            Self::NotLeader(leader) => *leader = leader.map(names),
            Self::Transferring(target) | Self::TransferRefused(target) => *target = names(*target),
            Self::Refused(_)
            | Self::QuorumRefused(_)
            | Self::Busy
            | Self::Superseded
            | Self::Unknown
            | Self::Halted
            | Self::TimedOut
            | Self::LeaseDisabled
            | Self::SessionExpired(_)
            | Self::Forgotten { .. }
            | Self::OutsideWindow { .. }
            | Self::TooOften { .. } => {}
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => write!(f, "not the leader: ask {leader}"),
            Self::NotLeader(None) => write!(f, "no leader is known: try again later"),
            Self::Busy => write!(f, "too much waits here: try again later"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::QuorumRefused(refusal) => write!(f, "refused: {refusal}"),
            Self::Superseded => write!(f, "another leader's entry took its place: try again"),
            Self::Unknown => write!(f, "the outcome is unknown: read before trying again"),
            Self::Halted => write!(f, "this node has stopped: ask another"),
            Self::TimedOut => write!(f, "not settled in time: try again"),
            Self::Transferring(target) => write!(f, "the leader is handing over to {target}: try again later"),
            Self::LeaseDisabled => {
                write!(f, "no lease without clock_drift_max_ppm: set it on every node or ask for a quorum")
            }
            Self::TransferRefused(target) => write!(f, "{target} is not another voter: name one"),
            Self::SessionExpired(session) => write!(f, "session {session} is not open: open another"),
            Self::Forgotten { sequence, awaited_from } => {
                write!(f, "the outcome of {sequence} is forgotten: the client waited for none before {awaited_from}")
            }
            Self::OutsideWindow { sequence, awaited_from, window } => {
                write!(f, "{sequence} is not among the {window} from {awaited_from} on: wait for earlier outcomes")
            }
            Self::TooOften { node, again_in } => write!(f, "{node} registers too often: try again in {again_in:?}"),
        }
    }
}

impl core::error::Error for Rejected {}

/// When and why a node wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wake {
    /// The instant from which on a wake does something.
    pub at: Time,
    /// What it will do.
    pub why: WakeReason,
}

/// What is due at a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WakeReason {
    /// A follower stands for election.
    Election,
    /// A leader sends heartbeats.
    Heartbeat,
    /// A leader checks that a quorum still answers.
    QuorumCheck,
    /// A command's outcome becomes unknown.
    CommandTimeout,
    /// A read that was not confirmed ends.
    ReadTimeout,
    /// A leader that could not hand over in time takes commands again.
    TransferTimeout,
    /// A member of a pool probes, gossips, or gives someone up.
    Pool,
    /// The node beats, or somebody has been silent for long enough to be looked at.
    Health,
    /// A leader announces the topology, or who is outside of the log asks for it.
    Observe,
}

/// The ordered list into which a node puts its effects; the caller owns and drains it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outbox {
    effects: Vec<Effect>,
    /// Whether events that come with every command are left out.
    without_routine: bool,
}

impl Outbox {
    /// Returns an empty outbox that takes every effect.
    pub const fn new() -> Self {
        Self { effects: Vec::new(), without_routine: false }
    }

    /// Returns an empty outbox that leaves out the events for which [`Event::is_routine`] holds, and nothing else: for a
    /// driver that would throw them away. `cargo xtask bench raft` drives nodes with it, and is 5 to 12 % faster for it.
    pub const fn without_routine() -> Self {
        Self { effects: Vec::new(), without_routine: true }
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> Drain<'_, Effect> {
        self.effects.drain(..)
    }

    /// Returns whether all effects were taken out.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Returns the events among the effects so far.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.effects.iter().filter_map(|effect| if let Effect::Emit(event) = effect { Some(event) } else { None })
    }

    #[inline]
    pub(crate) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Puts in an effect that is made in its place: what [`Outbox::push`] takes lies on the stack first, for the list
    /// may have to grow, and copying it from there at once makes the processor wait for its own writes.
    #[inline]
    pub(crate) fn push_with(&mut self, make: impl FnOnce() -> Effect) {
        self.effects.extend(core::iter::once_with(make));
    }

    #[inline]
    pub(crate) fn emit(&mut self, event: Event) {
        debug_assert!(!event.is_routine(), "emit_routine is there to leave it out");
        self.effects.push(Effect::Emit(event));
    }

    /// Emits what comes with every command, unless nobody watches that.
    #[inline]
    pub(crate) fn emit_routine(&mut self, make: impl FnOnce() -> Event) {
        if !self.without_routine {
            self.push_with(|| Effect::Emit(make()));
        }
    }
}
