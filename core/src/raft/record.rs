//! What a node keeps on disk, and what a disk gives back.
//!
//! Records are written in order and folded in order; [`Recovered`] is that fold. Every store keeps to it, so what a
//! restart sees never depends on which store was used.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use super::message::{Entries, Entry};
use crate::ids::{Blob, Boot, LogIndex, NodeId, Position, Term};

/// The state machine as of one position, with the configuration as of the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last entry that the snapshot includes.
    pub last: Position,
    /// The configuration in force there.
    pub configuration: Configuration,
    /// The state machine's bytes.
    pub state: Blob,
}

/// What a node must never forget (Raft, figure 2), and its count of starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term it has seen.
    pub term: Term,
    /// The candidate that has its vote in this term.
    pub voted_for: Option<NodeId>,
    /// How many times it has started.
    pub boot: Boot,
}

/// One write to the disk. A disk performs the writes of a node in order and forgets none that it acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// Replaces term, vote and boot, all at once: apart they could disagree after a crash.
    HardState(HardState),
    /// Replaces everything after `after` by these entries.
    Append {
        /// The index before the first entry written.
        after: LogIndex,
        /// The entries, at least one.
        entries: Entries,
    },
    /// Keeps the node's own snapshot, and forgets the entries up to `dropped`, which it covers.
    Compact {
        /// The snapshot.
        snapshot: Arc<Snapshot>,
        /// The last entry forgotten, at most the snapshot's.
        dropped: Position,
    },
    /// Keeps a leader's snapshot and forgets the whole log.
    Install(Arc<Snapshot>),
}

/// What a disk gives back at start: the fold of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recovered {
    /// The last hard state written.
    pub hard_state: HardState,
    /// The last snapshot written.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The last entry forgotten: the entries come after it.
    pub dropped: Position,
    /// The entries after `dropped`, in order.
    pub entries: Vec<Entry>,
}

impl Recovered {
    /// Folds one record in, as every store does on replay.
    ///
    /// An append that does not meet the log is kept out: no disk that performed a node's writes in order holds one. If it
    /// held acknowledged entries, a leader soon counts on them, and the node halts.
    pub fn fold(&mut self, record: Record) {
        match record {
            Record::HardState(hard_state) => self.hard_state = hard_state,
            Record::Append { after, entries } => {
                let keep = after.distance_from(self.dropped.index) as usize;
                if after >= self.dropped.index && keep <= self.entries.len() {
                    self.entries.truncate(keep);
                    self.entries.extend(entries.iter().cloned());
                }
            }
            Record::Compact { snapshot, dropped } => {
                let forget = dropped.index.distance_from(self.dropped.index) as usize;
                self.entries.drain(..forget.min(self.entries.len()));
                self.dropped = dropped;
                self.snapshot = Some(snapshot);
            }
            Record::Install(snapshot) => {
                self.entries.clear();
                self.dropped = snapshot.last;
                self.snapshot = Some(snapshot);
            }
        }
    }
}
