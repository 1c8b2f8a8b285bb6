//! What observers ask, and what they are told.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Blob, Epoch};
use crate::topology::{Delta, Topology};

/// What tells the topology of an epoch from a damaged one; see [`Topology::fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Wraps a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the fingerprint of a topology, in time proportional to it.
    pub fn of(topology: &Topology) -> Self {
        Self(topology.fingerprint())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Asks a member for a newer topology than the asker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pull {
    /// Which question it is; the answer repeats it.
    pub number: u64,
    /// The epoch that the asker holds, verified or not.
    pub have: Epoch,
    /// What the asker wants.
    pub form: Form,
}

/// In which form a newer topology is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Form {
    /// What changed since; the whole if that is forgotten.
    Delta,
    /// The whole, for something that was pulled did not fit.
    Whole,
}

/// Answers a pull.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PullAnswer {
    /// Which question it answers.
    pub number: u64,
    /// The answer.
    pub news: News,
}

/// What a member knows beyond what the asker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum News {
    /// What changed.
    Delta {
        /// It begins at the epoch that the asker holds.
        delta: Box<Delta>,
        /// The fingerprint of the epoch to which it leads.
        fingerprint: Fingerprint,
    },
    /// The whole topology.
    Whole {
        /// Its canonical bytes. At the greatest limits of a configuration that is far below what a frame holds.
        bytes: Blob,
        /// Its fingerprint.
        fingerprint: Fingerprint,
    },
    /// Nothing: the member holds this epoch itself, which is not above the asker's.
    Nothing {
        /// The epoch.
        epoch: Epoch,
        /// Its fingerprint.
        fingerprint: Fingerprint,
    },
    /// The member answered too much of late: ask another one, or later.
    Busy,
}
