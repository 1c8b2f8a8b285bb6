//! What a node keeps on disk, and what a disk gives back.
//!
//! Records are written in order and folded in order; [`Recovered`] is that fold. Every store keeps to it, so what a
//! restart sees never depends on which store was used.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::configuration::Configuration;
use super::message::{Entries, Entry};
use crate::ids::{Blob, Boot, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Term};
use crate::projection::Names;

/// The state machine as of one position, with the configuration as of the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last entry that the snapshot includes.
    pub last: Position,
    /// The configuration in force there.
    pub configuration: Configuration,
    /// The feature level in force there.
    pub level: FeatureLevel,
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
    /// Which memory of the node this is; none on a disk that was never written.
    pub incarnation: Option<Incarnation>,
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

impl Snapshot {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        // The state machine's bytes are left as they are.
        self.configuration.map_ids(names);
    }
}

impl HardState {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.voted_for = self.voted_for.map(names);
    }
}

/// The version byte that starts every record on disk.
pub const RECORD_VERSION: u8 = 1;

/// The bytes of the checksum that ends every record.
const CHECKSUM_BYTES: usize = 8;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The checksum does not fit the bytes: the record is torn or damaged.
    Damaged,
    /// Another version of the format wrote it.
    Version(u8),
    /// The checksum fits, but the bytes are no record.
    Malformed,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => write!(f, "the record's checksum does not fit its bytes"),
            Self::Version(version) => write!(f, "record version {version} is not {RECORD_VERSION}, the one read here"),
            Self::Malformed => write!(f, "the bytes are no record"),
        }
    }
}

impl core::error::Error for RecordError {}

impl Record {
    /// Returns the record as a store keeps it: a version byte, its postcard form, and 8 bytes of xxh3 over both.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = alloc::vec![RECORD_VERSION];
        let mut bytes =
            postcard::to_extend(self, start).expect("a vector grows as needed and every record has a postcard form");
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a record back from exactly its bytes.
    ///
    /// # Errors
    ///
    /// Returns why the bytes are no record; a torn or damaged one never passes for whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(RecordError::Damaged)?;
        if xxh3_64(content) != u64::from_le_bytes(*checksum) {
            return Err(RecordError::Damaged);
        }
        let (version, record) = content.split_first().ok_or(RecordError::Damaged)?;
        if *version != RECORD_VERSION {
            return Err(RecordError::Version(*version));
        }
        match postcard::take_from_bytes(record) {
            Ok((record, [])) => Ok(record),
            Ok((_, _)) | Err(_) => Err(RecordError::Malformed),
        }
    }

    /// Renames the nodes that it names; see [`crate::Node::map_ids`].
    pub fn map_ids(&mut self, names: Names<'_>) {
        match self {
            Self::HardState(hard_state) => hard_state.map_ids(names),
            Self::Append { after: _, entries } => entries.map_ids(names),
            Self::Compact { snapshot, dropped: _ } | Self::Install(snapshot) => {
                Arc::make_mut(snapshot).map_ids(names);
            }
        }
    }
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
    /// Returns what a member of a new federation starts with, once: before its first start its disk holds nothing, and
    /// only whoever founds the federation knows that it is not a disk that was lost.
    pub fn founding() -> Self {
        let hard_state = HardState { incarnation: Some(Incarnation::FOUNDING), ..HardState::default() };
        Self { hard_state, ..Self::default() }
    }

    /// Renames the nodes that it names; see [`crate::Node::map_ids`].
    pub fn map_ids(&mut self, names: Names<'_>) {
        let Self { hard_state, snapshot, dropped: _, entries } = self;
        hard_state.map_ids(names);
        if let Some(snapshot) = snapshot {
            Arc::make_mut(snapshot).map_ids(names);
        }
        for entry in entries {
            entry.payload.map_ids(names);
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Entries, Payload};

    fn append() -> Record {
        let entry = Entry { term: Term::new(3), payload: Payload::Command(Blob::from([7, 8].as_slice())) };
        Record::Append { after: LogIndex::new(300), entries: Entries::one(entry) }
    }

    #[test]
    fn a_torn_or_damaged_record_never_passes_for_whole() {
        let bytes = append().to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Ok(append()));
        for cut in 0..bytes.len() {
            assert_eq!(Record::from_bytes(&bytes[..cut]), Err(RecordError::Damaged), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::from_bytes(&damaged), Err(RecordError::Damaged), "bit {bit} flipped");
        }
    }

    /// If these bytes change, the disks of the last release become unreadable: raise `RECORD_VERSION` and keep reading
    /// the old format.
    #[test]
    fn the_bytes_of_records_never_move() {
        let hard_state = HardState {
            term: Term::new(3),
            voted_for: Some(NodeId::new(2)),
            boot: Boot::new(1),
            incarnation: Some(Incarnation::new(9)),
        };
        let golden = |record: Record| record.to_bytes().split_last_chunk::<CHECKSUM_BYTES>().map(|(c, _)| c.to_vec());
        assert_eq!(golden(Record::HardState(hard_state)), Some(alloc::vec![1, 0, 3, 1, 2, 1, 1, 9]));
        assert_eq!(golden(append()), Some(alloc::vec![1, 1, 0xac, 2, 1, 3, 1, 2, 7, 8]));
    }
}
