//! A store that survives a loss of power: one redb database.
//!
//! Each batch of records is one transaction with two commits and one flush for all of them, so after a crash a batch is
//! there as a whole or not at all. With one commit, a bit that rots could bring the state before an acknowledged write
//! back without a word; with two, and a look at which of the last two states is the newer one, it is found. On opening,
//! every page in use is checked, and on reading back, every record.
//!
//! A store that refused a write refuses all after it: what its file holds then is known again once it is opened anew.

use std::io::Error as IoError;
use std::sync::Arc;

use delian_core::LogIndex;
use delian_core::raft::{Entries, HardState, Record, Recovered, Snapshot};
use redb::{Builder, Database, Durability, ReadableDatabase, StorageBackend, Table, WriteTransaction};

use super::layout::{
    CACHE_BYTES, CHUNK_BYTES, Extent, FORMAT, FORMAT_OF_SUMS, KEY_EXTENT, KEY_FORMAT, KEY_HARD_STATE, KEY_OWNER,
    KEY_SNAPSHOT, KEY_SUMS, LOG, META, SNAPSHOT, SnapshotHead, Sums, Unreadable, chunk_to_bytes, entry_from_bytes,
    entry_to_bytes, format_to_bytes, hard_state_to_bytes, index_after, owner_to_bytes,
};
use super::lock::Lock;
use super::reading::{Place, Reading};
use super::slots::prefer_the_newer;
use super::{Owner, Store, StoreError};

/// What is expected of what a store is opened on.
#[derive(Clone, Debug)]
pub enum Opening {
    /// Nothing was written there, and a store of this owner is to be made.
    Create(Owner),
    /// There is a store of this owner.
    Expect(Owner),
    /// There is a store, whosever it is.
    Any,
}

/// Records in one redb database.
#[derive(Debug)]
pub struct RedbStore {
    /// None once it is being closed.
    database: Option<Database>,
    place: Place,
    owner: Owner,
    extent: Extent,
    sums: Sums,
    state: State,
    /// Let go after the database.
    lock: Option<Lock>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Writes,
    Refused,
}

impl RedbStore {
    /// Makes or opens a store on whatever holds bytes; `place` is what it is called where it is spoken of.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Exists`] if something is there where nothing was expected, and otherwise what is wrong with
    /// it: it is damaged, foreign or of another version, or the disk refuses. What is there is not made anew.
    pub fn over(backend: impl StorageBackend, place: impl Into<String>, opening: Opening) -> Result<Self, StoreError> {
        let place = Place(place.into());
        place.guarded(|| {
            let bytes = backend.len().map_err(place.refused("cannot measure it"))?;
            match opening {
                Opening::Create(_) if bytes > 0 => Err(StoreError::Exists { place: place.0.clone() }),
                Opening::Create(owner) => Self::create(backend, place.clone(), owner),
                // The database would take an empty file for a new one.
                Opening::Expect(_) | Opening::Any if bytes == 0 => Err(place.damaged("it is empty")),
                Opening::Expect(owner) => Self::open(backend, place.clone(), Some(&owner)),
                Opening::Any => Self::open(backend, place.clone(), None),
            }
        })
    }

    fn create(backend: impl StorageBackend, place: Place, owner: Owner) -> Result<Self, StoreError> {
        let owner_bytes = owner_to_bytes(&owner)?;
        let doing = "cannot make the database";
        let database = builder().create_with_backend(backend).map_err(place.refused(doing))?;
        let transaction = begin(&database, &place)?;
        let sums;
        {
            let mut meta = transaction.open_table(META).map_err(place.refused(doing))?;
            let hard_state = hard_state_to_bytes(HardState::default());
            sums = Sums { hard_state: Sums::of(&hard_state), ..Sums::default() };
            let once = [
                (KEY_FORMAT, format_to_bytes(FORMAT)),
                (KEY_OWNER, owner_bytes),
                (KEY_HARD_STATE, hard_state),
                (KEY_EXTENT, Extent::default().to_bytes()),
                (KEY_SNAPSHOT, SnapshotHead::default().to_bytes()),
                (KEY_SUMS, sums.to_bytes()),
            ];
            for (key, bytes) in once {
                meta.insert(key, bytes.as_slice()).map_err(place.refused(doing))?;
            }
            transaction.open_table(LOG).map_err(place.refused(doing))?;
            transaction.open_table(SNAPSHOT).map_err(place.refused(doing))?;
        }
        transaction.commit().map_err(place.refused(doing))?;
        let (extent, state) = (Extent::default(), State::Writes);
        Ok(Self { database: Some(database), place, owner, extent, sums, state, lock: None })
    }

    fn open(backend: impl StorageBackend, place: Place, asked: Option<&Owner>) -> Result<Self, StoreError> {
        let doing = "cannot open the database";
        prefer_the_newer(&backend).map_err(place.refused(doing))?;
        let database =
            builder().set_check_integrity_on_open(true).create_with_backend(backend).map_err(place.refused(doing))?;
        let transaction = database.begin_read().map_err(place.refused(doing))?;
        let reading = Reading::new(&place, &transaction)?;
        let format = reading.format()?;
        let (owner, extent) = (reading.owner()?, reading.extent()?);
        if let Some(asked) = asked.filter(|asked| **asked != owner) {
            return Err(StoreError::Foreign { found: Box::new(owner), asked: Box::new(asked.clone()) });
        }
        let sums = if format < FORMAT_OF_SUMS { reading.contents()?.sums } else { reading.sums()? };
        drop(reading);
        drop(transaction);
        if format < FORMAT {
            bring_up(&database, &place, sums)?;
        }
        Ok(Self { database: Some(database), place, owner, extent, sums, state: State::Writes, lock: None })
    }

    /// Has the store keep a lock for as long as it is open.
    pub(super) fn holding(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    fn commit(&self, records: &[Record]) -> Result<(Extent, Sums), StoreError> {
        let place = &self.place;
        let transaction = begin(self.database(), place)?;
        let mut batch = Batch::open(&transaction, place, (self.extent, self.sums))?;
        for record in records {
            batch.fold(record)?;
        }
        let after = batch.finish()?;
        transaction.commit().map_err(place.refused("cannot commit"))?;
        Ok(after)
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is taken only as the store is dropped")
    }
}

impl Store for RedbStore {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.place.guarded(|| {
            let transaction = self.database().begin_read().map_err(self.place.refused("cannot read"))?;
            Ok(Reading::new(&self.place, &transaction)?.contents()?.recovered)
        })
    }

    fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if self.state == State::Refused {
            let doing = format!("cannot write to {}", self.place.0);
            return Err(StoreError::Io { doing, source: IoError::other("an earlier write was refused") });
        }
        if records.is_empty() {
            return Ok(());
        }
        match self.place.guarded(|| self.commit(records)) {
            Ok(after) => {
                (self.extent, self.sums) = after;
                Ok(())
            }
            Err(error) => {
                self.state = State::Refused;
                Err(error)
            }
        }
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        let database = self.database.take();
        // All that was acknowledged is on the disk, so a refusal at this point takes nothing away.
        drop(self.place.guarded(|| {
            drop(database);
            Ok(())
        }));
    }
}

/// Returns how databases are opened here.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Brings a database of an earlier format to this one.
fn bring_up(database: &Database, place: &Place, sums: Sums) -> Result<(), StoreError> {
    let doing = "cannot bring it to this format";
    let transaction = begin(database, place)?;
    {
        let mut meta = transaction.open_table(META).map_err(place.refused(doing))?;
        for (key, bytes) in [(KEY_FORMAT, format_to_bytes(FORMAT)), (KEY_SUMS, sums.to_bytes())] {
            meta.insert(key, bytes.as_slice()).map_err(place.refused(doing))?;
        }
    }
    transaction.commit().map_err(place.refused(doing))
}

fn begin(database: &Database, place: &Place) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write().map_err(place.refused("cannot begin to write"))?;
    transaction.set_two_phase_commit(true);
    transaction.set_durability(Durability::Immediate).map_err(place.refused("cannot begin to write"))?;
    Ok(transaction)
}

/// The records of one transaction, folded as [`Recovered::fold`] does. What a later record of the batch replaces anyway
/// is not written.
struct Batch<'a> {
    place: &'a Place,
    transaction: &'a WriteTransaction,
    log: Table<'a, u64, &'static [u8]>,
    before: (Extent, Sums),
    extent: Extent,
    sums: Sums,
    hard_state: Option<HardState>,
    snapshot: Option<&'a Arc<Snapshot>>,
}

impl<'a> Batch<'a> {
    fn open(transaction: &'a WriteTransaction, place: &'a Place, before: (Extent, Sums)) -> Result<Self, StoreError> {
        let log = transaction.open_table(LOG).map_err(place.refused("cannot write the log"))?;
        let (extent, sums) = before;
        Ok(Self { place, transaction, log, before, extent, sums, hard_state: None, snapshot: None })
    }

    fn fold(&mut self, record: &'a Record) -> Result<(), StoreError> {
        match record {
            Record::HardState(hard_state) => self.hard_state = Some(*hard_state),
            Record::Append { after, entries } => {
                if (self.extent.dropped.index..=self.extent.last).contains(after) {
                    self.append(*after, entries)?;
                }
            }
            Record::Compact { snapshot, dropped } => {
                let (from, to) = (self.extent.dropped.index, dropped.index);
                if to >= from {
                    self.forget(from, to.min(self.extent.last))?;
                    self.extent.last = self.extent.last.max(to);
                } else {
                    self.move_down(from.distance_from(to))?;
                }
                self.extent.dropped = *dropped;
                self.snapshot = Some(snapshot);
            }
            Record::Install(snapshot) => {
                self.forget(self.extent.dropped.index, self.extent.last)?;
                self.extent = Extent { dropped: snapshot.last, last: snapshot.last.index };
                self.snapshot = Some(snapshot);
            }
        }
        Ok(())
    }

    fn append(&mut self, after: LogIndex, entries: &Entries) -> Result<(), StoreError> {
        let last = index_after(after, entries.len())?;
        // What lies in the way of the new entries is overwritten; what lies behind them goes.
        self.forget(last, self.extent.last)?;
        let mut index = after;
        for entry in entries.iter() {
            index = index.next();
            let bytes = entry_to_bytes(index, entry);
            let doing = "cannot write an entry";
            let replaced = self.log.insert(index.get(), bytes.as_slice()).map_err(self.place.refused(doing))?;
            if let Some(replaced) = replaced {
                self.sums.remove(replaced.value());
            }
            self.sums.add(&bytes);
        }
        self.extent.last = last;
        Ok(())
    }

    /// Removes the entries after one index up to another.
    fn forget(&mut self, after: LogIndex, through: LogIndex) -> Result<(), StoreError> {
        if after >= through {
            return Ok(());
        }
        let range = after.next().get()..=through.get();
        let sums = &mut self.sums;
        let goes = |_, entry: &[u8]| {
            sums.remove(entry);
            false
        };
        self.log.retain_in(range, goes).map_err(self.place.refused("cannot remove entries"))
    }

    /// Moves all entries towards the begin. No node asks for it: it is what the fold makes of a snapshot that goes back
    /// behind what was dropped.
    fn move_down(&mut self, places: u64) -> Result<(), StoreError> {
        let doing = "cannot move an entry";
        let mut index = self.extent.dropped.index;
        while index < self.extent.last {
            index = index.next();
            let removed = self.log.remove(index.get()).map_err(self.place.refused(doing))?;
            if let Some(removed) = &removed {
                self.sums.remove(removed.value());
            }
            let entry = removed.as_ref().map(|bytes| entry_from_bytes(index, bytes.value()));
            let entry = match entry {
                Some(Ok(entry)) => entry,
                Some(Err(Unreadable::Unfit(why))) => {
                    return Err(self.place.damaged(format!("the entry {index}: {why}")));
                }
                Some(Err(Unreadable::Version(version))) => {
                    return Err(self.place.damaged(format!("the entry {index} is of version {version}")));
                }
                None => return Err(self.place.damaged(format!("the entry {index} is missing"))),
            };
            drop(removed);
            let to = LogIndex::new(index.get() - places);
            let bytes = entry_to_bytes(to, &entry);
            self.log.insert(to.get(), bytes.as_slice()).map_err(self.place.refused(doing))?;
            self.sums.add(&bytes);
        }
        self.extent.last = LogIndex::new(self.extent.last.get() - places);
        Ok(())
    }

    fn finish(self) -> Result<(Extent, Sums), StoreError> {
        let Self { place, transaction, log, before, extent, mut sums, hard_state, snapshot } = self;
        drop(log);
        let mut once = Vec::new();
        if let Some(snapshot) = snapshot {
            let record = Record::Compact { snapshot: Arc::clone(snapshot), dropped: extent.dropped }.to_bytes();
            sums.snapshot = Sums::of(&record);
            once.push((KEY_SNAPSHOT, write_snapshot(transaction, place, &record)?.to_bytes()));
        }
        if let Some(hard_state) = hard_state {
            let record = hard_state_to_bytes(hard_state);
            sums.hard_state = Sums::of(&record);
            once.push((KEY_HARD_STATE, record));
        }
        if extent != before.0 {
            once.push((KEY_EXTENT, extent.to_bytes()));
        }
        if sums != before.1 {
            once.push((KEY_SUMS, sums.to_bytes()));
        }
        if !once.is_empty() {
            let doing = "cannot write what there is once";
            let mut meta = transaction.open_table(META).map_err(place.refused(doing))?;
            for (key, bytes) in once {
                meta.insert(key, bytes.as_slice()).map_err(place.refused(doing))?;
            }
        }
        Ok((extent, sums))
    }
}

fn write_snapshot(transaction: &WriteTransaction, place: &Place, bytes: &[u8]) -> Result<SnapshotHead, StoreError> {
    let doing = "cannot write the snapshot";
    let mut table = transaction.open_table(SNAPSHOT).map_err(place.refused(doing))?;
    let mut chunks = 0;
    for part in bytes.chunks(CHUNK_BYTES) {
        let sealed = chunk_to_bytes(chunks, part);
        table.insert(chunks, sealed.as_slice()).map_err(place.refused(doing))?;
        chunks += 1;
    }
    table.retain_in(chunks.., |_, _| false).map_err(place.refused(doing))?;
    Ok(SnapshotHead { bytes: bytes.len() as u64, chunks })
}
