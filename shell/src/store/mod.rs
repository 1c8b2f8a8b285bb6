//! What a node keeps, and on what.
//!
//! A store performs writes in order and forgets none that it acknowledged. It folds no differently than
//! [`Recovered::fold`] does. What it cannot read it never passes over: a node whose store is damaged does not start, for
//! with an empty vote it could vote twice in one term.
//!
//! # What is promised on which disks
//!
//! | the disk … | the store … |
//! |---|---|
//! | loses its power at any moment, also while a store is repaired, and of what was not flushed keeps any part | has all that was acknowledged; the batch that was being written is there as a whole or not at all |
//! | is full, or refuses a flush | refuses that write and all after it; what was acknowledged is there |
//! | flips a bit, blanks sectors or shortens the file | is refused, and says what does not fit, or was not touched where it is in use |
//! | loses one write or one sector that it had flushed | likewise |
//! | puts one write at another place of the file | likewise, but for the first limit |
//! | reads a bit wrong, or what was there before, as the store is opened | likewise |
//! | reads a bit wrong while the store is open, or a page as it was in an older state | finds what became of it when it is opened next, by the records' own checksums and by one over all of them |
//!
//! A refusal is [`StoreError::Damaged`] or [`StoreError::Version`]: there is no panic, no entry that nobody wrote, and no
//! log that is shorter than it should be.
//!
//! **Limits.** What is whole and old cannot be told from what is whole and new by one file, so these bring an older state
//! back, in full and without a word:
//!
//! 1. the last header lands on the pages of the state that it announces, and the node is killed before the next write;
//! 2. flushes lie: the disk says that all is kept, keeps nothing from some moment on, and then the power is lost;
//! 3. the file is replaced by an older copy of itself.
//!
//! Then the node does not know of votes that it gave and of entries that it vouched for. It could vote twice in one term,
//! and a command that clients were told of could be lost. So a node whose disk may have lied, or was brought back from a
//! copy, must not be started from it: start it with `--rejoin`, which sets the store aside, and the node comes back as a
//! learner with an empty memory that nobody counts on.
//!
//! `tests/crashes`, `tests/lies`, `tests/rot` and `tests/faults` beside this file show each line and each limit;
//! `DELIAN_STORE_SEEDS=1000` has the first two tell a thousand histories each.

mod memory;
mod redb;
mod layout;
mod seal;
mod slots;
mod reading;
mod directory;
mod lock;
mod overlay;
mod survey;
mod lines;
#[cfg(any(test, madsim))]
pub mod disk;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
#[cfg(madsim)]
use std::time::Duration;

use delian_core::NodeId;
use delian_core::raft::{Record, Recovered};
use serde::{Deserialize, Serialize};

pub use self::redb::{Opening, RedbStore};
pub use directory::{Directory, Holding};
pub use layout::FORMAT;
pub use memory::MemoryStore;
pub use survey::{Care, Repair, Survey};

/// Whose a store is: written when it is made, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The node's identity.
    pub id: NodeId,
    /// The label of its cluster.
    pub cluster: String,
}

/// Where a node keeps what it must not forget. Calls block until the disk has done its work; the driver calls from a
/// thread that may.
pub trait Store: Send + 'static {
    /// Returns whose it is.
    fn owner(&self) -> &Owner;

    /// Reads back what was written.
    ///
    /// # Errors
    ///
    /// Returns what is wrong if any of it cannot be read whole.
    fn recover(&mut self) -> Result<Recovered, StoreError>;

    /// Writes records in this order and returns when all of them are on the disk for good: many share one flush.
    ///
    /// # Errors
    ///
    /// Returns why the disk refused; then none of them counts as written, the node stops, and every later write is
    /// refused. Whoever reads the store back finds all of them or none, as after a loss of power.
    fn write(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Returns how long the disk is still at work on what was written last, and nothing once that is kept. A simulated
    /// disk takes no time of the one thread that everything runs on, so whoever writes waits for it.
    #[cfg(madsim)]
    fn is_busy_for(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// What is wrong with a store.
#[derive(Debug)]
pub enum StoreError {
    /// The operating system or the disk refused.
    Io {
        /// What was to be done.
        doing: String,
        /// Why it was not.
        source: std::io::Error,
    },
    /// Another process holds it.
    Held {
        /// Where.
        place: String,
        /// The number of the process that wrote the lock, as far as it can be read.
        process: Option<u32>,
    },
    /// There is a store already, where one was to be made.
    Exists {
        /// Where.
        place: String,
    },
    /// There is none, and never was.
    Absent {
        /// Where.
        place: String,
    },
    /// What it holds is damaged or was written by something else.
    Damaged {
        /// Where.
        place: String,
        /// What does not fit.
        why: String,
    },
    /// Another version of the format wrote it.
    Version {
        /// Which one.
        found: u32,
        /// Which one is read here.
        known: u32,
    },
    /// It belongs to another node or cluster.
    Foreign {
        /// Whose it is.
        found: Box<Owner>,
        /// Who asks.
        asked: Box<Owner>,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Held { place, process } => {
                let process = process.map_or_else(String::new, |process| format!(" (process {process})"));
                write!(f, "{place} is held by another process{process}: stop that one, or use another directory")
            }
            Self::Exists { place } => write!(f, "{place} holds a store already: open it, or use another directory"),
            Self::Absent { place } => write!(f, "there is no store in {place}: name the directory of a node"),
            Self::Damaged { place, why } => write!(
                f,
                "{place} is damaged ({why}): keep it for inspection and start with --rejoin, which sets it aside and comes \
                 back as a learner"
            ),
            Self::Version { found, known } => write!(
                f,
                "the store has format {found}, and no later one than {known} is read here: start the release that wrote \
                 it, or a later one"
            ),
            Self::Foreign { found, asked } => write!(
                f,
                "the store belongs to {} of {:?}, not to {} of {:?}: use another directory",
                found.id, found.cluster, asked.id, asked.cluster
            ),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Held { .. }
            | Self::Exists { .. }
            | Self::Absent { .. }
            | Self::Damaged { .. }
            | Self::Version { .. }
            | Self::Foreign { .. } => None,
        }
    }
}
