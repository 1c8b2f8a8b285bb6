//! Reading a database back, and what is said of one that cannot be.
//!
//! Everything is read through its checksum, entries must follow each other without a gap from what was dropped to where
//! the log is said to end, and what lies where nothing belongs, or was replaced by something else, is damage too. Nothing
//! is passed over and nothing is filled in. A panic of the database's own is an answer like any other: damaged.

use std::any::Any;
use std::io::{Error as IoError, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use delian_core::raft::{HardState, RECORD_VERSION, Record, Recovered, Snapshot};
use delian_core::{LogIndex, Position};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::layout::{
    Extent, FORMAT, FORMAT_OF_SUMS, KEY_EXTENT, KEY_FORMAT, KEY_HARD_STATE, KEY_OWNER, KEY_SNAPSHOT, KEY_SUMS, LOG,
    META, SNAPSHOT, SnapshotHead, Sums, Unreadable, chunk_from_bytes, entry_from_bytes, format_from_bytes,
    hard_state_from_bytes, owner_from_bytes,
};
use super::{Owner, StoreError};

/// Where a store is, for what is said of it.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) String);

/// All that a store holds, and how many bytes it takes.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) recovered: Recovered,
    /// The bytes of the snapshot's record.
    pub(super) snapshot_bytes: u64,
    /// In how many chunks they lie.
    pub(super) snapshot_chunks: u64,
    /// The bytes of all entries' records.
    pub(super) entry_bytes: u64,
    /// The checksums of all of it.
    pub(super) sums: Sums,
}

impl Place {
    /// Says that something does not fit.
    pub(super) fn damaged(&self, why: impl Into<String>) -> StoreError {
        StoreError::Damaged { place: self.0.clone(), why: why.into() }
    }

    /// Says what the database said. What the operating system refuses is not damage; what is not there to be read is.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else a database says of its file is that it is damaged"
    )]
    pub(super) fn refused<E: Into<redb::Error>>(&self, doing: &'static str) -> impl FnOnce(E) -> StoreError {
        move |error| {
            let error = error.into();
            if is_held(&error) {
                return StoreError::Held { place: self.0.clone(), process: None };
            }
            let source = match error {
                redb::Error::Io(source) => source,
                redb::Error::ValueTooLarge(_) => IoError::new(ErrorKind::FileTooLarge, error.to_string()),
                _ => return self.damaged(format!("{doing}: {error}")),
            };
            if speaks_of_content(&source) {
                return self.damaged(format!("{doing}: {source}"));
            }
            StoreError::Io { doing: format!("{doing} in {}", self.0), source }
        }
    }

    /// Runs what calls the database; if that panics, the store is damaged.
    pub(super) fn guarded<T>(&self, run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Whatever a panic leaves half done is inside of the database, which is not asked again.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(self.damaged(said(&*panic))))
    }
}

/// Returns whether an error says that another process has the file.
fn is_held(error: &redb::Error) -> bool {
    matches!(error, redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch | redb::Error::WouldBlock)
}

/// Returns whether an error is about bytes, not about permissions, space or the device.
fn speaks_of_content(error: &IoError) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the database cannot make sense of it: {}", words.unwrap_or("it gave no reason"))
}

/// Reads of one transaction.
pub(super) struct Reading<'a> {
    place: &'a Place,
    transaction: &'a ReadTransaction,
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(place: &'a Place, transaction: &'a ReadTransaction) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META).map_err(place.refused("cannot read what it is"))?;
        Ok(Self { place, transaction, meta })
    }

    /// Returns the version of the format, if it can be read here.
    pub(super) fn format(&self) -> Result<u32, StoreError> {
        let found = self.meta(KEY_FORMAT, format_from_bytes)?;
        if (1..=FORMAT).contains(&found) { Ok(found) } else { Err(StoreError::Version { found, known: FORMAT }) }
    }

    pub(super) fn owner(&self) -> Result<Owner, StoreError> {
        self.meta(KEY_OWNER, owner_from_bytes)
    }

    pub(super) fn extent(&self) -> Result<Extent, StoreError> {
        self.meta(KEY_EXTENT, Extent::from_bytes)
    }

    pub(super) fn sums(&self) -> Result<Sums, StoreError> {
        self.meta(KEY_SUMS, Sums::from_bytes)
    }

    /// Reads everything, and requires that there is nothing else.
    pub(super) fn contents(&self) -> Result<Contents, StoreError> {
        let mut sums = Sums::default();
        let extent = self.extent()?;
        let hard_state = self.hard_state(&mut sums)?;
        let head = self.meta(KEY_SNAPSHOT, SnapshotHead::from_bytes)?;
        let snapshot = self.snapshot(head, &mut sums)?;
        let dropped = snapshot.as_ref().map_or(Position::ZERO, |(_, dropped)| *dropped);
        if dropped != extent.dropped {
            let why = format!("the log is dropped up to {}, but the snapshot says {dropped}", extent.dropped);
            return Err(self.place.damaged(why));
        }
        let (entries, entry_bytes) = self.entries(extent, &mut sums)?;
        if self.format()? >= FORMAT_OF_SUMS {
            self.require(sums)?;
        }
        let snapshot = snapshot.map(|(snapshot, _)| snapshot);
        let recovered = Recovered { hard_state, snapshot, dropped, entries };
        Ok(Contents { recovered, snapshot_bytes: head.bytes, snapshot_chunks: head.chunks, entry_bytes, sums })
    }

    /// Requires that these are the checksums of what was written last.
    fn require(&self, found: Sums) -> Result<(), StoreError> {
        let kept = self.sums()?;
        let differs = [
            ("the hard state is", kept.hard_state != found.hard_state),
            ("the snapshot is", kept.snapshot != found.snapshot),
            ("the entries are", kept.entries != found.entries),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(self.place.damaged(format!("{what} not what was written last"))),
            None => Ok(()),
        }
    }

    fn hard_state(&self, sums: &mut Sums) -> Result<HardState, StoreError> {
        let guard = self.bytes(KEY_HARD_STATE)?;
        sums.hard_state = Sums::of(guard.value());
        hard_state_from_bytes(guard.value()).map_err(|why| self.unreadable("the hard state", why))
    }

    fn snapshot(&self, head: SnapshotHead, sums: &mut Sums) -> Result<Option<(SharedSnapshot, Position)>, StoreError> {
        let doing = "cannot read the snapshot";
        let table = self.transaction.open_table(SNAPSHOT).map_err(self.place.refused(doing))?;
        let mut whole = Vec::new();
        let mut chunks = 0;
        for row in table.iter().map_err(self.place.refused(doing))? {
            let (number, bytes) = row.map_err(self.place.refused(doing))?;
            if number.value() != chunks {
                return Err(self.place.damaged(format!("chunk {chunks} of the snapshot is missing")));
            }
            let part = chunk_from_bytes(chunks, bytes.value())
                .map_err(|why| self.place.damaged(format!("chunk {chunks} of the snapshot: {why}")))?;
            whole.extend_from_slice(part);
            chunks += 1;
        }
        let found = SnapshotHead { bytes: whole.len() as u64, chunks };
        if found != head {
            let SnapshotHead { bytes, chunks } = head;
            let why =
                format!("the snapshot has {} bytes in {} chunks, not {bytes} in {chunks}", found.bytes, found.chunks);
            return Err(self.place.damaged(why));
        }
        if whole.is_empty() {
            return Ok(None);
        }
        sums.snapshot = Sums::of(&whole);
        match Record::from_bytes(&whole) {
            Ok(Record::Compact { snapshot, dropped }) => Ok(Some((snapshot, dropped))),
            Ok(Record::HardState(_) | Record::Append { .. } | Record::Install(_)) => {
                Err(self.place.damaged("the snapshot is another record"))
            }
            Err(error) => Err(self.unreadable("the snapshot", error.into())),
        }
    }

    fn entries(&self, extent: Extent, sums: &mut Sums) -> Result<(Vec<delian_core::raft::Entry>, u64), StoreError> {
        let doing = "cannot read the log";
        let table = self.transaction.open_table(LOG).map_err(self.place.refused(doing))?;
        let kept = extent.last.distance_from(extent.dropped.index);
        let found = table.len().map_err(self.place.refused(doing))?;
        if found != kept {
            let why = format!(
                "the log has {found} entries, but from {} to {} there are {kept}",
                extent.dropped.index, extent.last
            );
            return Err(self.place.damaged(why));
        }
        let mut entries = Vec::new();
        let mut entry_bytes = 0;
        let mut last = extent.dropped.index;
        for row in table.iter().map_err(self.place.refused(doing))? {
            let (index, bytes) = row.map_err(self.place.refused(doing))?;
            let index = LogIndex::new(index.value());
            if index.previous() != last || index == last {
                return Err(self.place.damaged(format!("{last} is followed by {index}")));
            }
            let entry = entry_from_bytes(index, bytes.value())
                .map_err(|why| self.unreadable(&format!("the entry {index}"), why))?;
            sums.add(bytes.value());
            entry_bytes += bytes.value().len() as u64;
            entries.push(entry);
            last = index;
        }
        if last != extent.last {
            return Err(self.place.damaged(format!("the log ends at {last}, not at {}", extent.last)));
        }
        Ok((entries, entry_bytes))
    }

    fn meta<T>(&self, key: &'static str, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, StoreError> {
        let guard = self.bytes(key)?;
        read(guard.value()).map_err(|why| self.place.damaged(format!("the {key}: {why}")))
    }

    fn bytes(&self, key: &'static str) -> Result<redb::AccessGuard<'_, &'static [u8]>, StoreError> {
        let found = self.meta.get(key).map_err(self.place.refused("cannot read what it is"))?;
        found.ok_or_else(|| self.place.damaged(format!("the {key} is missing")))
    }

    fn unreadable(&self, what: &str, why: Unreadable) -> StoreError {
        match why {
            Unreadable::Version(found) => {
                StoreError::Version { found: u32::from(found), known: u32::from(RECORD_VERSION) }
            }
            Unreadable::Unfit(why) => self.place.damaged(format!("{what}: {why}")),
        }
    }
}

type SharedSnapshot = std::sync::Arc<Snapshot>;
