//! The bytes between nodes.
//!
//! A frame is one version byte and one postcard-encoded [`Message`]. Decoding checks the version, never panics and never
//! reserves memory that the input does not back. Bytes after the message are ignored: a newer release may have appended
//! what an older one does without. A kind of message that is not known is an error of its own; nobody sends one before
//! the members have agreed on the feature level that brings it, except for pulls: those who are outside of the log agree on
//! nothing, so they ask, and whoever cannot read that is one of those who did not answer. Who sent a frame is not in it: the edge
//! authenticates the sender and hands its id to the core, so that nobody can speak for another.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::health::Heartbeat;
use crate::ids::{Blob, Boot, Incarnation, LogIndex, NodeId, Term};
use crate::io::{Applied, Rejected};
use crate::observe::{Pull, PullAnswer};
use crate::projection::Names;
use crate::raft;

/// The version byte that starts every frame.
pub const WIRE_VERSION: u8 = 1;

/// The most bytes in a frame: a snapshot of the largest topology fits several times over.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The consensus protocol.
    Raft(raft::Message),
    /// Hands a client's command to the leader of one term.
    Forward(Forward),
    /// Tells the forwarding node what became of its command.
    Answer(Answer),
    /// Says that the sender, or the node that the sender hands on, is in no configuration and asks to join.
    Visitor {
        /// The node.
        node: NodeId,
        /// Its memory.
        incarnation: Incarnation,
    },
    /// Asks the leader of one term from where on its followers may read.
    ReadIndex(ReadIndex),
    /// Tells the asking node from where on it may read.
    ReadIndexAnswer(ReadIndexAnswer),
    /// Says how the sender fares, to a voter.
    Heartbeat(Heartbeat),
    /// Asks for a newer topology, from outside of the log.
    Pull(Pull),
    /// Answers a pull.
    PullAnswer(Box<PullAnswer>),
}

/// A command on its way to the leader.
///
/// It is addressed to the leader of one term, who accepts each number once: a copy that arrives twice, or long after,
/// takes no second effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Forward {
    /// The term whose leader may accept it.
    pub term: Term,
    /// The memory of that leader: another one does not know what this one accepted.
    pub to: Incarnation,
    /// Which forward it is.
    pub ticket: Ticket,
    /// What is asked for.
    pub request: Request,
}

/// What a client asks the leader for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Request {
    /// An encoded command.
    Command(Blob),
    /// A change of who decides.
    Quorum(raft::QuorumChange),
    /// An encoded [`crate::SessionRequest`].
    Session(Blob),
}

/// Names one forward, or one read, of one run of one memory of a node: a node that lost its disk counts its runs anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// The memory of the forwarding node.
    pub incarnation: Incarnation,
    /// The run of the forwarding node.
    pub boot: Boot,
    /// The number of the forward or read in that run, rising from 1.
    pub number: u64,
}

/// The outcome of a forwarded command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// The forward it answers.
    pub ticket: Ticket,
    /// What became of it.
    pub outcome: Result<Applied, Rejected>,
}

/// A read on its way to the leader.
///
/// The leader takes a copy in like another read and answers it anew: every answer is right for the ticket whenever it
/// arrives, for its index was confirmed after the ticket was made, and the asking node makes no ticket twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadIndex {
    /// The term whose leader may answer it.
    pub term: Term,
    /// Which read it is.
    pub ticket: Ticket,
}

/// The outcome of a read at the leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadIndexAnswer {
    /// The read it answers.
    pub ticket: Ticket,
    /// The index that the asking node must have applied; a later state is as good.
    pub outcome: Result<LogIndex, Rejected>,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// There are no bytes.
    Empty,
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    TooLong(usize),
    /// Another version of the protocol wrote it.
    Version(u8),
    /// The bytes after the version are no message.
    Malformed,
    /// The message, or a part of it, is of a kind that is not known here: a newer release wrote it.
    UnknownKind,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the frame is empty"),
            Self::TooLong(bytes) => write!(f, "a frame of {bytes} bytes is above the limit of {FRAME_BYTES_MAX}"),
            Self::Version(version) => write!(f, "wire version {version} is not {WIRE_VERSION}, the one spoken here"),
            Self::Malformed => write!(f, "the bytes are no message"),
            Self::UnknownKind => write!(f, "the message is of a kind that is not known here"),
        }
    }
}

impl core::error::Error for DecodeError {}

impl Message {
    /// Renames the nodes that it names; see [`crate::Node::map_ids`].
    pub fn map_ids(&mut self, names: Names<'_>) {
        match self {
            Self::Raft(message) => message.map_ids(names),
            Self::Answer(Answer { outcome: Err(rejected), .. })
            | Self::ReadIndexAnswer(ReadIndexAnswer { outcome: Err(rejected), .. }) => rejected.map_ids(names),
            Self::Visitor { node, incarnation: _ } => *node = names(*node),
            Self::Heartbeat(heartbeat) => heartbeat.node = names(heartbeat.node),
            Self::Forward(_)
            | Self::Answer(_)
            | Self::ReadIndex(_)
            | Self::ReadIndexAnswer(_)
            | Self::Pull(_)
            | Self::PullAnswer(_) => {}
        }
    }

    /// Returns the frame that carries the message.
    pub fn encode(&self) -> Vec<u8> {
        let start = alloc::vec![WIRE_VERSION];
        postcard::to_extend(self, start).expect("a vector grows as needed and every message has a postcard form")
    }

    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// Returns why the bytes are no frame; see [`DecodeError`].
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(DecodeError::TooLong(frame.len()));
        }
        let (version, bytes) = frame.split_first().ok_or(DecodeError::Empty)?;
        if *version != WIRE_VERSION {
            return Err(DecodeError::Version(*version));
        }
        match postcard::take_from_bytes(bytes) {
            Ok((message, _)) => Ok(message),
            // Of all that a message is made of, only an enum's unknown variant is refused by serde and not by postcard.
            Err(postcard::Error::SerdeDeCustom) => Err(DecodeError::UnknownKind),
            Err(_) => Err(DecodeError::Malformed),
        }
    }
}
