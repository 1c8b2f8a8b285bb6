//! What happened, for whoever watches: nothing in the core depends on it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::health::{Doubt, HeartbeatError};
use crate::ids::{Boot, Epoch, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Round};
use crate::ids::{SessionId, Term, WriteId};
use crate::io::Rejected;
use crate::node::autopilot::Advice;
use crate::node::{Operation, Tier};
use crate::observe::{Followed, Refused};
use crate::projection::Names;
use crate::raft::Configuration;
use crate::ring::RingError;
use crate::swim;
use crate::topology::{Changed, Condition, Refusal};

/// Something an operator would log. Feeds logs, metrics, traces and assertions alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The node started, with this hard state's boot and the log it found on disk.
    Started {
        /// The run of the node.
        boot: Boot,
        /// The last entry found.
        last: Position,
    },
    /// The node asks whether it could win an election.
    PreVoteStarted {
        /// The term the election would have.
        term: Term,
    },
    /// The node stands for election.
    ElectionStarted {
        /// The term it stands in.
        term: Term,
    },
    /// The node won an election.
    BecameLeader {
        /// The term it leads.
        term: Term,
    },
    /// The node learned who leads.
    FollowsLeader {
        /// The leader's term.
        term: Term,
        /// The leader.
        leader: NodeId,
    },
    /// The node gave up leading.
    SteppedDown {
        /// The term it led.
        term: Term,
        /// Why.
        reason: StepDown,
    },
    /// Entries up to here are committed, as far as this node knows.
    Committed {
        /// The last of them.
        last: Position,
    },
    /// Entries after this index were replaced by those of a newer leader.
    Truncated {
        /// The last index kept.
        after: LogIndex,
    },
    /// A committed entry said who decides.
    QuorumChanged {
        /// The entry.
        position: Position,
        /// Who decides.
        configuration: Arc<Configuration>,
    },
    /// A member says that it does not have the memory that was admitted: its disk was lost.
    MemoryLost {
        /// The member.
        node: NodeId,
        /// The memory it has instead.
        incarnation: Incarnation,
    },
    /// The autopilot of the leader proposed a change of who decides.
    AutopilotProposed {
        /// The change and the reason.
        advice: Box<Advice>,
    },
    /// All members speak a higher feature level, and from here on it is in force.
    LevelRaised {
        /// The entry, or the last one of the snapshot, that said so.
        position: Position,
        /// The level.
        level: FeatureLevel,
    },
    /// The topology changed.
    Changed {
        /// The entry that changed it.
        position: Position,
        /// The new epoch.
        epoch: Epoch,
        /// What changed.
        what: Changed,
    },
    /// A committed command was refused by the topology, on every node alike.
    Refused {
        /// The entry.
        position: Position,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// A session was opened.
    SessionOpened {
        /// The entry, whose index names the session.
        position: Position,
    },
    /// A session is over; its later commands are refused.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Why.
        why: SessionEnd,
    },
    /// A committed command of a session was one that had its outcome already; it took no second effect.
    Repeated {
        /// The entry.
        position: Position,
        /// Which command.
        operation: Operation,
    },
    /// A committed request of a session was refused without a look at the topology, on every node alike.
    SessionRefused {
        /// The entry.
        position: Position,
        /// Why.
        rejected: Box<Rejected>,
    },
    /// A command was turned away before it cost a place in the log.
    TurnedAway {
        /// Why.
        rejected: Box<Rejected>,
    },
    /// The node replaced a part of its log by a snapshot.
    Compacted {
        /// The last entry that the snapshot includes.
        last: Position,
        /// The snapshot's size.
        bytes: u64,
    },
    /// The leader sent a snapshot to a peer that fell behind its log.
    SnapshotSent {
        /// The peer.
        to: NodeId,
        /// The last entry that the snapshot includes.
        last: Position,
    },
    /// A peer refused the leader's snapshot; the leader finds out anew what the peer needs.
    SnapshotRefused {
        /// The peer.
        by: NodeId,
        /// The last entry that the snapshot includes.
        last: Position,
    },
    /// The node replaced its state by a leader's snapshot.
    SnapshotInstalled {
        /// The last entry that the snapshot includes.
        last: Position,
        /// The topology's epoch there.
        epoch: Epoch,
    },
    /// The leader takes no proposals until another voter took over or the hand-over ends.
    TransferBegan {
        /// The leader's term.
        term: Term,
        /// Who is to take over.
        target: NodeId,
    },
    /// The leader told a voter to stand for election at once.
    ToldToStand {
        /// The leader's term.
        term: Term,
        /// The voter.
        target: NodeId,
    },
    /// Nobody took over in time, or the target lost its voice: the leader takes proposals again.
    TransferAborted {
        /// The leader's term.
        term: Term,
        /// Who was to take over.
        target: NodeId,
    },
    /// A follower dropped its leader, as it was asked to.
    LeaderForgotten {
        /// The leader's term.
        term: Term,
        /// The leader.
        leader: NodeId,
    },
    /// A follower was asked to drop its leader, but keeps it, for the leader's lease may count on it.
    LeaderKept {
        /// The leader's term.
        term: Term,
        /// The leader.
        leader: NodeId,
    },
    /// A peer said what it cannot mean; the message was ignored.
    PeerContradicted {
        /// The peer.
        peer: NodeId,
        /// What it said.
        claim: Contradiction,
    },
    /// Something happened in one of the node's pools.
    Pool {
        /// Which pool.
        tier: Tier,
        /// What happened.
        event: Box<swim::Event>,
    },
    /// The node learned, by the log or by word of its pools, who leads a term above all it knew a leader of.
    LeaderChanged {
        /// The term.
        term: Term,
        /// The leader.
        leader: NodeId,
    },
    /// It was agreed that a node has failed: once for each time that it falls silent or out of reach.
    NodeFailed {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that failed.
        epoch: Epoch,
        /// In which way.
        condition: Condition,
    },
    /// It was agreed that a node which had failed is back.
    NodeRecovered {
        /// The node.
        node: NodeId,
        /// The registration epoch of its life.
        epoch: Epoch,
    },
    /// A heartbeat changed nothing.
    HeartbeatRejected {
        /// Who sent it.
        from: NodeId,
        /// Why.
        why: HeartbeatError,
    },
    /// Other nodes are registered, so keys live elsewhere.
    RingChanged {
        /// The epoch of the topology that the ring follows.
        epoch: Epoch,
        /// How many members it has.
        members: usize,
    },
    /// The registered nodes form no ring, so the one before stays.
    RingStays {
        /// The epoch of the topology that it follows.
        epoch: Epoch,
        /// Why.
        why: Box<RingError>,
    },
    /// The node began or ceased to lay the silence of many to its own account.
    SelfSuspicion {
        /// Which of these.
        doubt: Doubt,
        /// How many nodes it watches.
        watched: usize,
        /// How many of them are overdue.
        overdue: usize,
    },
    /// A node outside of the log adopted a later topology.
    TopologyFollowed(Followed),
    /// What a member told of the topology, or announced, is wrong by what the node knows, and was refused.
    TopologyRefused(Box<Refused>),
    /// The node stopped for good.
    Halted(Halt),
}

impl Event {
    /// Returns whether it comes with every command that is committed, so that a log of it would be as long as the log:
    /// [`Event::Committed`], and the [`Event::Changed`] that says what an `Apply` says too. See
    /// [`crate::Outbox::without_routine`].
    pub const fn is_routine(&self) -> bool {
        matches!(self, Self::Committed { .. } | Self::Changed { what: Changed::Custom, .. })
    }
}

/// Why a leader stopped leading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepDown {
    /// It saw a newer term.
    NewerTerm(Term),
    /// For an election timeout it did not hear from a quorum of the logged voters (section 6.2).
    QuorumLost,
    /// It has no voice in the committed configuration.
    Removed,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// Its client closed it.
    Closed,
    /// Nothing was heard of its client for too many log entries.
    Silent,
    /// It was the one that was silent longest when one more was opened than there may be.
    Crowded,
}

/// What a peer said that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contradiction {
    /// It claims a match beyond the leader's log.
    MatchBeyondLog {
        /// The index claimed.
        matched: LogIndex,
        /// The leader's last.
        last: LogIndex,
    },
    /// It answers a round of heartbeats that the leader has not begun.
    RoundNotBegun {
        /// The round it names.
        round: Round,
        /// The last round begun.
        begun: Round,
    },
    /// Its bytes decode but its terms fall along the log, or exceed the message's.
    TermsOutOfOrder,
    /// Its snapshot does not decode.
    SnapshotMalformed,
    /// The chunks of its snapshot are not what was announced: one of them was damaged.
    SnapshotDamaged,
    /// Its snapshot is above the limit.
    SnapshotTooLarge {
        /// The bytes it announces.
        bytes: u64,
        /// The most that the node takes.
        max: u64,
    },
    /// A chunk of its snapshot is empty or lies outside of the snapshot.
    ChunkOutside,
    /// It speaks in a form of a feature level that this node does not know.
    LevelUnknown(FeatureLevel),
    /// Its term or index is beyond what any history of real elections and entries reaches.
    OutOfReach,
}

/// Why a node stopped for good: going on could break a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Halt {
    /// The disk refused a write.
    DiskFailed(WriteId),
    /// The disk acknowledged a write that was never issued.
    DiskContradicted(WriteId),
    /// What the disk gave back at start cannot have been written by this node.
    RecoveryContradicted(&'static str),
    /// Beside the leader of its term, itself or another, a second one exists.
    SecondLeader(NodeId, Term),
    /// A leader wants to replace an entry that is committed.
    CommittedEntryDenied(NodeId, Position),
    /// A leader knows of a commit that this node acknowledged and does not have.
    AcknowledgedEntryLost {
        /// The leader.
        leader: NodeId,
        /// The index it says is committed here.
        commit: LogIndex,
        /// The last index of this node's log.
        last: LogIndex,
    },
    /// The federation agreed on a feature level that this node does not speak: it needs a newer release.
    LevelUnknown {
        /// The level in force.
        level: FeatureLevel,
        /// The highest that the node speaks.
        max: FeatureLevel,
    },
}

impl Halt {
    pub(crate) fn map_ids(&mut self, names: Names<'_>) {
        match self {
            Self::SecondLeader(leader, _)
            | Self::CommittedEntryDenied(leader, _)
            | Self::AcknowledgedEntryLost { leader, commit: _, last: _ } => *leader = names(*leader),
            Self::DiskFailed(_)
            | Self::DiskContradicted(_)
            | Self::RecoveryContradicted(_)
            | Self::LevelUnknown { .. } => {}
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFailed(write) => write!(f, "the disk refused write {write}"),
            Self::DiskContradicted(write) => write!(f, "the disk acknowledged write {write}, which was never issued"),
            Self::RecoveryContradicted(what) => write!(f, "the disk gave back what was never written: {what}"),
            Self::SecondLeader(peer, term) => write!(f, "{peer} leads {term}, which has another leader"),
            Self::CommittedEntryDenied(peer, position) => write!(f, "{peer} denies the committed entry {position}"),
            Self::AcknowledgedEntryLost { leader, commit, last } => {
                write!(f, "{leader} counts on {commit} here, but the log ends at {last}: acknowledged entries are lost")
            }
            Self::LevelUnknown { level, max } => {
                write!(f, "feature level {level} is in force, but this node speaks at most {max}: upgrade it")
            }
        }
    }
}
