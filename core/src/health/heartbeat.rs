//! What a node says of itself every few seconds, and why it is not believed.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Bytes, Epoch, NodeId};
use crate::time::WallTime;

/// A whole, in thousandths.
pub(super) const PERMILLE: u16 = 1000;

/// How well a node fares, in thousandths of as well as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u16);

impl Score {
    /// As well as can be.
    pub const BEST: Self = Self(PERMILLE);

    /// Returns a score of so many thousandths; none if that is more than the whole.
    pub const fn new(permille: u16) -> Option<Self> {
        if permille <= PERMILLE { Some(Self(permille)) } else { None }
    }

    /// Returns the thousandths.
    pub const fn permille(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}‰", self.0)
    }
}

/// What an embedder measured of its node: nothing in it is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// The space that is free.
    pub free: Bytes,
    /// The space that there is.
    pub total: Bytes,
    /// How well the node fares by its own account, in thousandths.
    pub score: u16,
    /// How many requests it works on.
    pub active_requests: u32,
    /// The average latency of a request of late, in microseconds.
    pub latency_micros: u32,
    /// What the wall clock showed: for people to read, and nothing is decided by it.
    pub taken_at: WallTime,
}

/// What a node says of itself, as it comes from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who says it.
    pub node: NodeId,
    /// Its registration epoch: in which of its lives.
    pub epoch: Epoch,
    /// Higher than that of every heartbeat of this life before, whatever restarts lie between.
    pub sequence: u64,
    /// What it says.
    pub sample: Sample,
}

/// What a node said of itself that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The space that is free.
    pub free: Bytes,
    /// The space that there is.
    pub total: Bytes,
    /// How well it fares by its own account.
    pub score: Score,
    /// How many requests it works on.
    pub active_requests: u32,
    /// The average latency of a request of late, in microseconds.
    pub latency_micros: u32,
    /// What its wall clock showed.
    pub taken_at: WallTime,
}

/// Why a heartbeat changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeartbeatError {
    /// The node is not registered, or not yet where this is told.
    Unknown(NodeId),
    /// It is of another node than the one that sent it.
    Foreign(NodeId),
    /// It is of another life than the registered one.
    OtherLife {
        /// The node.
        node: NodeId,
        /// The epoch that the heartbeat names.
        named: Epoch,
        /// The epoch in which the node registered last.
        registered: Epoch,
    },
    /// One that is as new or newer came before.
    Old {
        /// The node.
        node: NodeId,
        /// Its number.
        sequence: u64,
        /// The highest number that was accepted.
        accepted: u64,
    },
    /// More space is free than there is.
    MoreFreeThanTotal {
        /// The node.
        node: NodeId,
        /// The space that is free, it says.
        free: Bytes,
        /// The space that there is, it says.
        total: Bytes,
    },
    /// The score is more than the whole.
    ScoreTooHigh {
        /// The node.
        node: NodeId,
        /// The score, in thousandths.
        score: u16,
    },
}

impl fmt::Display for HeartbeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(node) => write!(f, "{node} is not registered: it must register before it beats"),
            Self::Foreign(node) => write!(f, "it is of {node}, and nobody speaks for another"),
            Self::OtherLife { node, named, registered } => {
                write!(f, "{node} beats for epoch {named}, but registered last in epoch {registered}")
            }
            Self::Old { node, sequence, accepted } => {
                write!(f, "heartbeat {sequence} of {node} comes behind {accepted}, which was accepted already")
            }
            Self::MoreFreeThanTotal { node, free, total } => {
                write!(f, "{node} says that {free} of {total} are free: no more can be free than there is")
            }
            Self::ScoreTooHigh { node, score } => {
                write!(f, "{node} gives itself {score} thousandths, but {PERMILLE} are the most")
            }
        }
    }
}

impl core::error::Error for HeartbeatError {}

impl Sample {
    /// Takes what was measured of a node if it can be true.
    ///
    /// # Errors
    ///
    /// Returns what cannot.
    pub fn check(&self, node: NodeId) -> Result<Report, HeartbeatError> {
        let Self { free, total, active_requests, latency_micros, taken_at, score: _ } = *self;
        if free > total {
            return Err(HeartbeatError::MoreFreeThanTotal { node, free, total });
        }
        let score = Score::new(self.score).ok_or(HeartbeatError::ScoreTooHigh { node, score: self.score })?;
        Ok(Report { free, total, score, active_requests, latency_micros, taken_at })
    }
}
