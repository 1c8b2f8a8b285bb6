//! What Raft nodes say to each other, and the entries they agree on.
//!
//! Every message carries the sender's term. An [`Entry`] does not carry its index: a message says after which position
//! its entries come, and the log knows the rest, so an index can never disagree with its place.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Snapshot;
use crate::codec;
use crate::ids::{Blob, LogIndex, Position, Term};

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
    },
    /// Answers a vote; sent only when the vote is on disk.
    VoteAnswer(Ballot),
    /// Carries entries that come after `prev` (section 3.5); without entries it probes whether `prev` matches.
    Append {
        /// The entry before the first one carried.
        prev: Position,
        /// The entries, in order.
        entries: Entries,
        /// The leader's commit index.
        commit: LogIndex,
    },
    /// Answers an append or a snapshot; a match is reported only when it is on disk.
    AppendAnswer(Appended),
    /// Keeps followers from standing for election; the commit index is one the receiver's log is known to reach.
    Heartbeat {
        /// The lesser of the leader's commit index and the receiver's matched index.
        commit: LogIndex,
    },
    /// Answers a heartbeat.
    HeartbeatAnswer,
    /// Tells a follower how far it may commit, between heartbeats; it needs no answer.
    Commit {
        /// As in a heartbeat.
        commit: LogIndex,
    },
    /// Replaces the log of a follower that fell behind the leader's own (section 5).
    Snapshot(Arc<Snapshot>),
    /// Tells the sender of an old term which term it is; the message's term is all it says.
    Outdated,
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
}

impl Message {
    /// Returns whether a real history could have brought about the numbers that a receiver would adopt.
    pub(super) fn is_within_reach(&self) -> bool {
        let index = match &self.body {
            Body::Snapshot(snapshot) => snapshot.last.index,
            // Other indices are compared with the own log, or take the place after one of its entries.
            Body::PreVote { .. }
            | Body::PreVoteAnswer(_)
            | Body::Vote { .. }
            | Body::VoteAnswer(_)
            | Body::Append { .. }
            | Body::AppendAnswer(_)
            | Body::Heartbeat { .. }
            | Body::HeartbeatAnswer
            | Body::Commit { .. }
            | Body::Outdated => LogIndex::ZERO,
        };
        self.term.get().max(index.get()) <= REACH_MAX
    }
}

impl Entry {
    /// Returns what the entry counts against byte limits: its payload and 32 bytes of frame.
    pub fn cost(&self) -> u64 {
        let payload = match &self.payload {
            Payload::Noop => 0,
            Payload::Command(bytes) => bytes.len() as u64,
        };
        payload + 32
    }
}

/// Entries in order, shared between the messages and writes that carry them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entries(Arc<[Entry]>);

impl Entries {
    /// Returns no entries.
    pub fn none() -> Self {
        Self(Arc::from([].as_slice()))
    }
}

impl<T: Into<Arc<[Entry]>>> From<T> for Entries {
    fn from(entries: T) -> Self {
        Self(entries.into())
    }
}

impl core::ops::Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.0
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries: Vec<Entry> = codec::grow_vec(deserializer)?;
        Ok(Self::from(entries))
    }
}
