//! What lies where in the database of a node.
//!
//! Three tables. `meta` has what there is once: the format, the owner, the hard state, how far the log goes, how large
//! the snapshot is, and the checksums of all that there is. `log` has an entry at each index, and `snapshot` the snapshot
//! in parts. Hard state, entries and snapshot are in the form of the core's [`Record`], the rest is sealed, so each has a
//! version and a checksum of its own.
//!
//! An entry is an append of one, so its bytes say where it belongs. The snapshot is a compaction, which says what was
//! dropped.

use std::io::{Error as IoError, ErrorKind};

use delian_core::raft::{Entries, Entry, HardState, Record, RecordError};
use delian_core::{LogIndex, Position, Term};
use redb::TableDefinition;
use xxhash_rust::xxh3::xxh3_64;

use super::seal::{Kind, SEAL_BYTES, seal, unseal};
use super::{Owner, StoreError};

/// The version of what lies where. A store of a later one is refused; an earlier one is still read, and brought to this one
/// when a node opens it.
pub const FORMAT: u32 = 2;

/// The first version that keeps the checksums of all that there is.
pub(super) const FORMAT_OF_SUMS: u32 = 2;

/// How much a store may keep in memory of what it has on disk. A node reads its store once and then only writes, so more
/// would hold what nobody asks for; less would write a batch of large entries in more than one go.
pub(super) const CACHE_BYTES: usize = 4 << 20;

/// How many bytes of a snapshot lie together: with what is added to them they just fit 64 KiB, which is how the database
/// rounds.
pub(super) const CHUNK_BYTES: usize = (64 << 10) - CHUNK_FRONT_BYTES - SEAL_BYTES - 128;

/// The number of a chunk, before its bytes.
const CHUNK_FRONT_BYTES: usize = 8;

pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const LOG: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("log");
pub(super) const SNAPSHOT: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("snapshot");

pub(super) const KEY_FORMAT: &str = "format";
pub(super) const KEY_OWNER: &str = "owner";
pub(super) const KEY_HARD_STATE: &str = "hard state";
pub(super) const KEY_EXTENT: &str = "extent";
pub(super) const KEY_SNAPSHOT: &str = "snapshot";
pub(super) const KEY_SUMS: &str = "checksum of all";

/// How far the log goes: without it a log that lost its end would look whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The last entry forgotten.
    pub(super) dropped: Position,
    /// The last entry kept; the last one forgotten if none is kept.
    pub(super) last: LogIndex,
}

impl Extent {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let Self { dropped, last } = self;
        let numbers = [dropped.term.get(), dropped.index.get(), last.get()];
        seal(Kind::Extent, &numbers.map(u64::to_le_bytes).each_ref().map(<[u8; 8]>::as_slice))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let [term, dropped, last] = numbers(unseal(Kind::Extent, bytes)?)?;
        if last < dropped {
            return Err(format!("the log ends at i{last}, before i{dropped}, up to where it was dropped"));
        }
        let dropped = Position::new(Term::new(term), LogIndex::new(dropped));
        Ok(Self { dropped, last: LogIndex::new(last) })
    }
}

/// How large the snapshot is; without bytes there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SnapshotHead {
    pub(super) bytes: u64,
    pub(super) chunks: u64,
}

impl SnapshotHead {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.bytes, self.chunks];
        seal(Kind::SnapshotHead, &numbers.map(u64::to_le_bytes).each_ref().map(<[u8; 8]>::as_slice))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let [bytes, chunks] = numbers(unseal(Kind::SnapshotHead, bytes)?)?;
        Ok(Self { bytes, chunks })
    }
}

/// Which records there are, by their checksums. Each record is whole by its own, and so is one that another has replaced:
/// without these, a page that a disk brings back from an older state would fit, once it was built upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Of the hard state.
    pub(super) hard_state: u64,
    /// Of the snapshot's record; 0 if there is none.
    pub(super) snapshot: u64,
    /// Of all entries, added up: what comes and goes changes it without a look at the rest.
    pub(super) entries: u64,
}

impl Sums {
    /// Returns the checksum of a record's bytes.
    pub(super) fn of(bytes: &[u8]) -> u64 {
        xxh3_64(bytes)
    }

    /// Takes in an entry that is written.
    pub(super) fn add(&mut self, entry: &[u8]) {
        self.entries = self.entries.wrapping_add(Self::of(entry));
    }

    /// Takes in an entry that is removed.
    pub(super) fn remove(&mut self, entry: &[u8]) {
        self.entries = self.entries.wrapping_sub(Self::of(entry));
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.hard_state, self.snapshot, self.entries];
        seal(Kind::Sums, &numbers.map(u64::to_le_bytes).each_ref().map(<[u8; 8]>::as_slice))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let [hard_state, snapshot, entries] = numbers(unseal(Kind::Sums, bytes)?)?;
        Ok(Self { hard_state, snapshot, entries })
    }
}

/// Returns a part of a snapshot as it is kept under its number.
pub(super) fn chunk_to_bytes(number: u64, part: &[u8]) -> Vec<u8> {
    seal(Kind::SnapshotChunk, &[&number.to_le_bytes(), part])
}

/// Returns the part of a snapshot that is kept under a number.
pub(super) fn chunk_from_bytes(number: u64, bytes: &[u8]) -> Result<&[u8], String> {
    match unseal(Kind::SnapshotChunk, bytes)?.split_first_chunk() {
        Some((found, part)) if u64::from_le_bytes(*found) == number => Ok(part),
        Some((found, _)) => Err(format!("it is chunk {}", u64::from_le_bytes(*found))),
        None => Err("it has no number".to_owned()),
    }
}

pub(super) fn format_to_bytes(format: u32) -> Vec<u8> {
    seal(Kind::Format, &[&format.to_le_bytes()])
}

pub(super) fn format_from_bytes(bytes: &[u8]) -> Result<u32, String> {
    let content = unseal(Kind::Format, bytes)?;
    content.try_into().map(u32::from_le_bytes).map_err(|_| format!("{} bytes are no format", content.len()))
}

/// Returns an owner as it is kept, or why a label cannot be.
pub(super) fn owner_to_bytes(owner: &Owner) -> Result<Vec<u8>, StoreError> {
    let text = serde_json::to_vec(owner)
        .map_err(|error| StoreError::Io { doing: "cannot write down the owner".to_owned(), source: error.into() })?;
    Ok(seal(Kind::Owner, &[&text]))
}

pub(super) fn owner_from_bytes(bytes: &[u8]) -> Result<Owner, String> {
    serde_json::from_slice(unseal(Kind::Owner, bytes)?).map_err(|error| error.to_string())
}

pub(super) fn hard_state_to_bytes(hard_state: HardState) -> Vec<u8> {
    Record::HardState(hard_state).to_bytes()
}

pub(super) fn hard_state_from_bytes(bytes: &[u8]) -> Result<HardState, Unreadable> {
    match Record::from_bytes(bytes)? {
        Record::HardState(hard_state) => Ok(hard_state),
        Record::Append { .. } | Record::Compact { .. } | Record::Install(_) => {
            Err(Unreadable::Unfit("it is another record".to_owned()))
        }
    }
}

/// Returns an entry as it is kept at an index.
pub(super) fn entry_to_bytes(index: LogIndex, entry: &Entry) -> Vec<u8> {
    // Cloning an entry shares what it carries, so its bytes are written once here and once into the database's page.
    Record::Append { after: index.previous(), entries: Entries::one(entry.clone()) }.to_bytes()
}

/// Returns the entry that is kept at an index.
pub(super) fn entry_from_bytes(index: LogIndex, bytes: &[u8]) -> Result<Entry, Unreadable> {
    match Record::from_bytes(bytes)? {
        Record::Append { after, entries } => match &*entries {
            [entry] if after.next() == index => Ok(entry.clone()),
            entries => Err(Unreadable::Unfit(format!("it has {} entries that come after {after}", entries.len()))),
        },
        Record::HardState(_) | Record::Compact { .. } | Record::Install(_) => {
            Err(Unreadable::Unfit("it is another record".to_owned()))
        }
    }
}

/// Why a record of the core cannot be read back.
pub(super) enum Unreadable {
    /// A later release wrote it.
    Version(u8),
    /// It does not fit.
    Unfit(String),
}

impl From<RecordError> for Unreadable {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Version(version) => Self::Version(version),
            RecordError::Damaged | RecordError::Malformed => Self::Unfit(error.to_string()),
        }
    }
}

/// Returns the index of an entry that comes so many places after another, or why there is none.
pub(super) fn index_after(after: LogIndex, places: usize) -> Result<LogIndex, StoreError> {
    let index = u64::try_from(places).ok().and_then(|places| after.get().checked_add(places));
    index.map(LogIndex::new).ok_or_else(|| StoreError::Io {
        doing: format!("cannot write {places} entries after {after}"),
        source: IoError::new(ErrorKind::InvalidInput, "indexes end before that"),
    })
}

fn numbers<const N: usize>(content: &[u8]) -> Result<[u64; N], String> {
    let (numbers, []) = content.as_chunks::<8>() else {
        return Err(format!("{} bytes are not {N} numbers", content.len()));
    };
    let numbers: &[[u8; 8]; N] =
        numbers.try_into().map_err(|_| format!("{} bytes are not {N} numbers", content.len()))?;
    Ok(numbers.map(u64::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> &[u8] {
        &bytes[..bytes.len() - 8]
    }

    /// If these bytes change, the stores of the last release become unreadable: raise `FORMAT` and keep reading the old
    /// one.
    #[test]
    fn the_bytes_of_what_is_kept_once_never_move() {
        let extent = Extent { dropped: Position::new(Term::new(2), LogIndex::new(258)), last: LogIndex::new(300) };
        let bytes = extent.to_bytes();
        let golden = [1, 3, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(content(&bytes), golden);
        assert_eq!(Extent::from_bytes(&bytes), Ok(extent));

        let head = SnapshotHead { bytes: 9, chunks: 1 };
        assert_eq!(content(&head.to_bytes()), [1, 4, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(SnapshotHead::from_bytes(&head.to_bytes()), Ok(head));

        assert_eq!(content(&chunk_to_bytes(3, b"x")), [1, 5, 3, 0, 0, 0, 0, 0, 0, 0, b'x']);
        let sums = Sums { hard_state: 1, snapshot: 2, entries: 258 };
        let golden = [1, 6, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(content(&sums.to_bytes()), golden);
        assert_eq!(Sums::from_bytes(&sums.to_bytes()), Ok(sums));

        assert_eq!(content(&format_to_bytes(1)), [1, 1, 1, 0, 0, 0]);
        let owner = Owner { id: delian_core::NodeId::new(7), cluster: "a".to_owned() };
        let bytes = owner_to_bytes(&owner).unwrap();
        assert_eq!(content(&bytes), b"\x01\x02{\"id\":7,\"cluster\":\"a\"}");
        assert_eq!(owner_from_bytes(&bytes), Ok(owner));
    }

    #[test]
    fn a_chunk_under_the_number_of_another_does_not_fit() {
        let bytes = chunk_to_bytes(3, b"x");
        assert_eq!(chunk_from_bytes(3, &bytes), Ok(b"x".as_slice()));
        assert_eq!(chunk_from_bytes(4, &bytes), Err("it is chunk 3".to_owned()));
    }

    #[test]
    fn an_entry_at_the_place_of_another_does_not_fit() {
        let entry = Entry { term: Term::new(3), payload: delian_core::raft::Payload::Noop };
        let bytes = entry_to_bytes(LogIndex::new(5), &entry);
        assert!(matches!(entry_from_bytes(LogIndex::new(5), &bytes), Ok(found) if found == entry));
        assert!(matches!(entry_from_bytes(LogIndex::new(6), &bytes), Err(Unreadable::Unfit(_))));
    }
}
