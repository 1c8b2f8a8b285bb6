//! A store as whoever only looks at it sees it: whose it is, what it holds, and whether it is whole.
//!
//! Nothing is changed: the database is opened over a layer in memory, where a store that was not closed is repaired as its
//! node would repair it. A directory that a node uses is refused, for what it holds changes meanwhile.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use delian_core::raft::Recovered;
use redb::ReadableDatabase;

use super::directory::{DATABASE, Holding, LOCK, agree, held_in, lost, read_marker, refused};
use super::lock::Lock;
use super::overlay::Overlay;
use super::reading::{Place, Reading};
use super::redb::builder;
use super::slots::prefer_the_newer;
use super::{Owner, StoreError};

/// How closely a store is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// All records are read, each through its checksum.
    Records,
    /// The checksums of all pages in use and the database's account of them are checked as well.
    Pages,
}

/// What a store needs before it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it was closed.
    Nothing,
    /// Its account of pages is to be made anew, as the node does at its next start: it was not closed.
    AtNextStart,
}

/// What was found in a store.
#[derive(Debug)]
pub struct Survey {
    /// The file that was read.
    pub place: PathBuf,
    /// How closely it was looked at.
    pub care: Care,
    /// Whose it is.
    pub owner: Owner,
    /// The version of its format.
    pub format: u32,
    /// How large the file is.
    pub file_bytes: u64,
    /// What it needs.
    pub repair: Repair,
    /// How many bytes its snapshot takes.
    pub snapshot_bytes: u64,
    /// In how many chunks these lie.
    pub snapshot_chunks: u64,
    /// How many bytes its entries take.
    pub entry_bytes: u64,
    /// What a node would start with.
    pub recovered: Recovered,
}

impl Survey {
    /// Looks at the store in a directory, or at a database that was set aside.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Held`] if a node uses it, [`StoreError::Absent`] if there is none, [`StoreError::Damaged`]
    /// with the first thing that does not fit, and otherwise why it cannot be read.
    pub fn of(path: &Path, care: Care) -> Result<Self, StoreError> {
        let (file, directory) = found_at(path)?;
        let _lock = directory.map(|directory| Lock::look(&directory.join(LOCK))).transpose()?.flatten();
        let marked = directory.map(read_marker).transpose()?.flatten();
        let place = Place(file.display().to_string());
        let survey = place.guarded(|| Self::read(&file, &place, care))?;
        if let (Some(directory), Some(marked)) = (directory, marked) {
            agree(directory, &marked, &survey.owner)?;
        }
        Ok(survey)
    }

    fn read(path: &Path, place: &Place, care: Care) -> Result<Self, StoreError> {
        let overlay = File::open(path).and_then(Overlay::over).map_err(refused("cannot open", path))?;
        let file_bytes = redb::StorageBackend::len(&overlay).map_err(refused("cannot measure", path))?;
        if file_bytes == 0 {
            return Err(place.damaged("it is empty"));
        }
        prefer_the_newer(&overlay).map_err(place.refused("cannot open the database"))?;
        let repaired = Arc::new(AtomicBool::new(false));
        let noticed = Arc::clone(&repaired);
        let mut builder = builder();
        builder.set_repair_callback(move |_| noticed.store(true, Ordering::Relaxed));
        let opened = builder.create_with_backend(overlay);
        let mut database = opened.map_err(place.refused("cannot open the database"))?;
        let repair = if repaired.load(Ordering::Relaxed) { Repair::AtNextStart } else { Repair::Nothing };
        if care == Care::Pages {
            let whole = database.check_integrity().map_err(place.refused("cannot check the database"))?;
            if !whole {
                return Err(place.damaged("the database's account of its pages does not fit them"));
            }
        }
        let transaction = database.begin_read().map_err(place.refused("cannot read"))?;
        let reading = Reading::new(place, &transaction)?;
        let (format, owner, contents) = (reading.format()?, reading.owner()?, reading.contents()?);
        Ok(Self {
            place: path.to_owned(),
            care,
            owner,
            format,
            file_bytes,
            repair,
            snapshot_bytes: contents.snapshot_bytes,
            snapshot_chunks: contents.snapshot_chunks,
            entry_bytes: contents.entry_bytes,
            recovered: contents.recovered,
        })
    }
}

/// Returns the database that is meant, and the directory of a node that it is in, if it is in use there.
fn found_at(path: &Path) -> Result<(PathBuf, Option<&Path>), StoreError> {
    if path.is_dir() {
        return match held_in(path)? {
            Holding::Store => Ok((path.join(DATABASE), Some(path))),
            Holding::Lost => Err(lost(path)),
            Holding::Nothing => Err(StoreError::Absent { place: path.display().to_string() }),
        };
    }
    if !path.try_exists().map_err(refused("cannot look for", path))? {
        return Err(StoreError::Absent { place: path.display().to_string() });
    }
    // What was set aside belongs to nobody, even while a node uses the directory that it is in.
    let directory = path.parent().filter(|_| path.file_name().is_some_and(|name| name == DATABASE));
    Ok((path.to_owned(), directory))
}
