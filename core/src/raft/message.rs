//! What Raft nodes say to each other, and the entries they agree on.
//!
//! Every message carries the sender's term. An [`Entry`] does not carry its index: a message says after which position
//! its entries come, and the log knows the rest, so an index can never disagree with its place.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::chunks::{Ranges, SnapshotIdentity};
use super::configuration::Configuration;
use super::record::Snapshot;
use crate::codec;
use crate::ids::{Blob, FeatureLevel, Incarnation, LogIndex, Position, ReplicationSession, Round, Term};
use crate::projection::Names;

/// The greatest term or index that a node believes: at one per nanosecond it takes 146 years.
///
/// The numbers saturate, so at the end of their range the next term is the same term, in which a node could vote twice,
/// and the next entry takes the place of the last. Far below that end every number has a successor.
pub(super) const REACH_MAX: u64 = 1 << 62;

/// One Raft message: the sender's term and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The sender's term; for a pre-vote and its grant, the term that the election would have.
    pub term: Term,
    /// For a message that asks something of a member: which memory of it the sender's configuration admitted. A node
    /// with another one answers that it is a stranger, and nothing else.
    pub to: Option<Incarnation>,
    /// What is said.
    pub body: Body,
}

/// What a Raft message says; the comments name the section of the Raft dissertation (Ongaro 2014).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Body {
    /// Asks whether a vote would be granted, without disturbing anyone (section 9.6).
    PreVote {
        /// The last entry of the asker's log.
        last: Position,
    },
    /// Answers a pre-vote.
    PreVoteAnswer(Ballot),
    /// Asks for a vote (section 3.4).
    Vote {
        /// The last entry of the candidate's log.
        last: Position,
        /// Why the candidate stands.
        candidacy: Candidacy,
    },
    /// Answers a vote; sent only when the vote is on disk.
    VoteAnswer(Ballot),
    /// Carries entries (section 3.5).
    Append(Append),
    /// Answers an append or a snapshot; a match is reported only when it is on disk.
    AppendAnswer {
        /// The session of what it answers.
        session: ReplicationSession,
        /// The answer.
        appended: Appended,
    },
    /// Keeps followers from standing for election; the commit index is one the receiver's log is known to reach.
    Heartbeat {
        /// The lesser of the leader's commit index and the receiver's matched index.
        commit: LogIndex,
        /// Which round of heartbeats it belongs to; the answer repeats it (section 6.4).
        round: Round,
    },
    /// Answers a heartbeat: when it was sent, its sender knew of no newer term.
    HeartbeatAnswer {
        /// The round of the heartbeat.
        round: Round,
        /// The highest feature level that the sender speaks, said over and over for a node may be up- or downgraded.
        level: FeatureLevel,
    },
    /// Tells a follower how far it may commit, between heartbeats; it needs no answer.
    Commit {
        /// As in a heartbeat.
        commit: LogIndex,
    },
    /// Replaces the log of a follower that fell behind the leader's own (section 5).
    Snapshot {
        /// The session, as in an append.
        session: ReplicationSession,
        /// The snapshot.
        snapshot: Arc<Snapshot>,
    },
    /// Tells the sender of an old term which term it is; the message's term is all it says.
    Outdated,
    /// Says that the node does not have the memory that the sender's configuration admitted: its disk was lost.
    Stranger {
        /// The memory that it has.
        incarnation: Incarnation,
    },
    /// Carries a part of a snapshot; from [`FeatureLevel::CHUNKS`] on.
    Chunk {
        /// The session, as in an append.
        session: ReplicationSession,
        /// Which snapshot it is a part of.
        identity: SnapshotIdentity,
        /// The place of the part's first byte.
        offset: u64,
        /// The part.
        bytes: Blob,
    },
    /// Answers a chunk as long as the snapshot is not whole; then an append answer follows.
    ChunkAnswer {
        /// The session of the chunk.
        session: ReplicationSession,
        /// The snapshot that the follower collects.
        identity: SnapshotIdentity,
        /// What it has of it: what lies between is missing.
        held: Ranges,
    },
    /// Asks a voter to stand for election at once, in the leader's place (section 3.10).
    TimeoutNow {
        /// Up to where the receiver is known to hold the leader's log.
        reaches: LogIndex,
    },
}

/// Why a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Candidacy {
    /// It missed the leader for an election timeout: nobody votes for it who still presumes a leader.
    Silence,
    /// The leader of the term before asked it to: whoever presumes that leader votes all the same.
    Transfer,
}

/// Entries from a leader; without any it probes whether `prev` matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Append {
    /// Which stretch of replication it belongs to; the answer repeats it.
    pub session: ReplicationSession,
    /// The entry before the first one carried.
    pub prev: Position,
    /// The entries, in order.
    pub entries: Entries,
    /// The leader's commit index.
    pub commit: LogIndex,
}

/// The answer to a vote or a pre-vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ballot {
    /// The vote is given.
    Granted,
    /// It is not: another candidate has it, or the asker's log is older.
    Refused,
}

/// The answer to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Appended {
    /// The follower's log equals the leader's up to this index, on disk.
    Matched(LogIndex),
    /// The follower has no entry at `prev`, or one of another term.
    Conflict {
        /// The index that the refused append named, so that a late answer is told from a fresh one.
        refused: LogIndex,
        /// The follower's latest entry that may match: none after it up to `refused` has a term the leader's could have.
        hint: Position,
    },
    /// The follower cannot take the snapshot of this position.
    SnapshotRefused(Position),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that created it.
    pub term: Term,
    /// What it carries.
    pub payload: Payload,
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: the first entry of a leader's term, which lets it commit what earlier terms left (section 3.6.2).
    Noop,
    /// A command of the state machine above, which Raft does not read.
    Command(Blob),
    /// Who decides from here on; in force as soon as it is in the log (section 4.1).
    Configuration(Arc<Configuration>),
    /// What a client asks within its session; Raft does not read it either.
    Session(Blob),
    /// The feature level that all members speak; in force once it is applied.
    Level(FeatureLevel),
}

impl Message {
    /// Returns whether a real history could have brought about the numbers that a receiver would adopt.
    pub(super) fn is_within_reach(&self) -> bool {
        let index = match &self.body {
            Body::Snapshot { snapshot, .. } => snapshot.last.index,
            Body::Chunk { identity, .. } => identity.last.index,
            // Other indices are compared with the own log, or take the place after one of its entries.
            Body::PreVote { .. }
            | Body::PreVoteAnswer(_)
            | Body::Vote { .. }
            | Body::VoteAnswer(_)
            | Body::Append(_)
            | Body::AppendAnswer { .. }
            | Body::Heartbeat { .. }
            | Body::HeartbeatAnswer { .. }
            | Body::Commit { .. }
            | Body::Outdated
            | Body::Stranger { .. }
            | Body::ChunkAnswer { .. }
            | Body::TimeoutNow { .. } => LogIndex::ZERO,
        };
        self.term.get().max(index.get()) <= REACH_MAX
    }

    /// Renames the nodes that the message names; a chunk of a snapshot is left as it is.
    pub fn map_ids(&mut self, names: Names<'_>) {
        match &mut self.body {
            Body::Append(append) => append.entries.map_ids(names),
            Body::Snapshot { snapshot, .. } => Arc::make_mut(snapshot).map_ids(names),
            Body::PreVote { .. }
            | Body::PreVoteAnswer(_)
            | Body::Vote { .. }
            | Body::VoteAnswer(_)
            | Body::AppendAnswer { .. }
            | Body::Heartbeat { .. }
            | Body::HeartbeatAnswer { .. }
            | Body::Commit { .. }
            | Body::Outdated
            | Body::Stranger { .. }
            | Body::Chunk { .. }
            | Body::ChunkAnswer { .. }
            | Body::TimeoutNow { .. } => {}
        }
    }
}

impl Entry {
    /// Returns what the entry counts against byte limits; see [`Payload::cost`].
    pub fn cost(&self) -> u64 {
        self.payload.cost()
    }
}

impl Payload {
    /// Returns what an entry with it counts against byte limits: its bytes and 32 of frame.
    pub fn cost(&self) -> u64 {
        let bytes = match self {
            // A configuration is small, and the next one waits until it is committed.
            Self::Noop | Self::Configuration(_) | Self::Level(_) => 0,
            Self::Command(bytes) | Self::Session(bytes) => bytes.len() as u64,
        };
        bytes + 32
    }

    /// Renames the nodes that it names; encoded commands are left as they are.
    pub fn map_ids(&mut self, names: Names<'_>) {
        match self {
            Self::Configuration(configuration) => Arc::make_mut(configuration).map_ids(names),
            Self::Noop | Self::Command(_) | Self::Session(_) | Self::Level(_) => {}
        }
    }
}

/// Entries in order, shared between the messages and writes that carry them; a single one needs no memory of its own.
#[derive(Clone, Debug)]
pub struct Entries(Held);

#[derive(Clone, Debug)]
enum Held {
    Nothing,
    One(Entry),
    /// A vector behind the pointer: it is taken over as it was gathered.
    Many(Arc<Vec<Entry>>),
}

impl Entries {
    /// Returns no entries.
    pub const fn none() -> Self {
        Self(Held::Nothing)
    }

    /// Returns a single entry.
    pub const fn one(entry: Entry) -> Self {
        Self(Held::One(entry))
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        match &mut self.0 {
            Held::Nothing => {}
            Held::One(entry) => entry.payload.map_ids(names),
            Held::Many(entries) => {
                for entry in Arc::make_mut(entries) {
                    entry.payload.map_ids(names);
                }
            }
        }
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(mut entries: Vec<Entry>) -> Self {
        match entries.len() {
            0 => Self::none(),
            1 => entries.pop().map_or_else(Self::none, Self::one),
            _ => Self(Held::Many(Arc::new(entries))),
        }
    }
}

impl<const N: usize> From<[Entry; N]> for Entries {
    fn from(entries: [Entry; N]) -> Self {
        Self::from(Vec::from(entries))
    }
}

impl From<&[Entry]> for Entries {
    fn from(entries: &[Entry]) -> Self {
        match entries {
            [] => Self::none(),
            [entry] => Self::one(entry.clone()),
            entries => Self(Held::Many(Arc::new(entries.into()))),
        }
    }
}

impl core::ops::Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match &self.0 {
            Held::Nothing => &[],
            Held::One(entry) => core::slice::from_ref(entry),
            Held::Many(entries) => entries,
        }
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Entries {}

impl core::hash::Hash for Entries {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries: Vec<Entry> = codec::grow_vec(deserializer)?;
        Ok(Self::from(entries))
    }
}
