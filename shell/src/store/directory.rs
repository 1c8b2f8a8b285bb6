//! The directory of a node: one database, whose it is, and a lock.
//!
//! ```text
//!  delian.redb         the store
//!  owner.json          that there is one, and whose: without it a deleted database would look like a first start
//!  delian.lock         held for as long as a process uses the directory
//!  delian.redb.new     a store that is being made; it counts for nothing
//!  *.aside-1           what was set aside; nothing is ever deleted
//! ```
//!
//! A store is made under another name, flushed, and only then called what it is; the marker comes last. So a crash on the
//! way leaves either nothing that counts or a store that is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;

use super::lock::Lock;
use super::reading::Place;
use super::redb::{Opening, RedbStore};
use super::{Owner, Store, StoreError};
use crate::host::{Host, ThisHost};

pub(super) const DATABASE: &str = "delian.redb";
pub(super) const MARKER: &str = "owner.json";
pub(super) const LOCK: &str = "delian.lock";

/// What a file is called until it is whole.
const UNFINISHED: &str = "new";

/// How many times a directory may be set aside: whoever does it this often should look at the disk.
const ASIDE_MAX: u32 = 1000;

/// How large a marker may be; ours have some hundred bytes at most.
const MARKER_BYTES_MAX: u64 = 64 << 10;

/// A directory that this process holds.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    lock: Lock,
}

/// What is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Nothing that counts: a first start.
    Nothing,
    /// A store, whole or not.
    Store,
    /// No store, but the marker says that there was one.
    Lost,
}

impl Directory {
    /// Makes the directory if it is not there, and takes its lock.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Held`] if another process has it, and otherwise why it cannot be used.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        fs::create_dir_all(&path).map_err(refused("cannot make the directory", &path))?;
        let lock = Lock::take(&path.join(LOCK))?;
        Ok(Self { path, lock })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is in it.
    ///
    /// # Errors
    ///
    /// Returns why that cannot be told.
    pub fn holds(&self) -> Result<Holding, StoreError> {
        held_in(&self.path)
    }

    /// Returns whose store is or was in it, as far as that can be read; none if there never was one.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the marker, or with the store if a crash came before its marker.
    pub fn owner(&self) -> Result<Option<Owner>, StoreError> {
        if let Some(marked) = read_marker(&self.path)? {
            return Ok(Some(marked));
        }
        let database = self.path.join(DATABASE);
        if !exists(&database)? {
            return Ok(None);
        }
        let options = OpenOptions::new().read(true).write(true).open(&database);
        let file = options.map_err(refused("cannot open", &database))?;
        let place = database.display().to_string();
        let store = RedbStore::over(backend(file, &database)?, place, Opening::Any)?;
        Ok(Some(store.owner().clone()))
    }

    /// Makes a store, where nothing was.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Exists`] if there is one, [`StoreError::Damaged`] if there was one that is gone, and otherwise
    /// why the disk refuses.
    pub fn create(self, owner: &Owner) -> Result<RedbStore, StoreError> {
        self.create_on(&ThisHost, owner)
    }

    /// Makes a store on the disk of a host, as [`Directory::create`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Directory::create`].
    pub fn create_on(self, host: &impl Host, owner: &Owner) -> Result<RedbStore, StoreError> {
        let database = self.path.join(DATABASE);
        match self.holds()? {
            Holding::Nothing => {}
            Holding::Store => return Err(StoreError::Exists { place: database.display().to_string() }),
            Holding::Lost => return Err(lost(&self.path)),
        }
        let unfinished = self.path.join(format!("{DATABASE}.{UNFINISHED}"));
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&unfinished);
        let file = options.map_err(refused("cannot make", &unfinished))?;
        let disk = host.disk(backend(file, &unfinished)?);
        drop(RedbStore::over(disk, unfinished.display().to_string(), Opening::Create(owner.clone()))?);
        let flushed = File::open(&unfinished).and_then(|file| file.sync_all());
        flushed.map_err(refused("cannot flush", &unfinished))?;
        fs::rename(&unfinished, &database).map_err(refused("cannot name", &database))?;
        flush_directory(&self.path)?;
        self.reopen_on(host, owner)
    }

    /// Opens the store that is there.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Absent`] if there never was one, and otherwise what is wrong with it.
    pub fn reopen(self, owner: &Owner) -> Result<RedbStore, StoreError> {
        self.reopen_on(&ThisHost, owner)
    }

    /// Opens the store that is there on the disk of a host, as [`Directory::reopen`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Directory::reopen`].
    pub fn reopen_on(self, host: &impl Host, owner: &Owner) -> Result<RedbStore, StoreError> {
        let database = self.path.join(DATABASE);
        match self.holds()? {
            Holding::Store => {}
            Holding::Nothing => return Err(StoreError::Absent { place: self.path.display().to_string() }),
            Holding::Lost => return Err(lost(&self.path)),
        }
        let marked = read_marker(&self.path)?;
        let options = OpenOptions::new().read(true).write(true).open(&database);
        let file = options.map_err(refused("cannot open", &database))?;
        let place = database.display().to_string();
        let disk = host.disk(backend(file, &database)?);
        let store = RedbStore::over(disk, place, Opening::Expect(owner.clone()))?;
        match marked {
            Some(marked) => agree(&self.path, &marked, owner)?,
            // The store was made, and a crash came before its marker.
            None => write_marker(&self.path, owner)?,
        }
        Ok(store.holding(self.lock))
    }

    /// Gives what is there another name, so that the node may begin as a blank one, and returns the store's new name. Of a
    /// store that is gone the marker is all there is.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Absent`] if there is nothing to set aside, and otherwise why the disk refuses.
    pub fn set_aside(&self) -> Result<PathBuf, StoreError> {
        if self.holds()? == Holding::Nothing {
            return Err(StoreError::Absent { place: self.path.display().to_string() });
        }
        let free = |number: &u32| {
            [DATABASE, MARKER].iter().try_fold(true, |free, name| {
                let taken = exists(&self.path.join(aside(name, *number)))?;
                Ok::<_, StoreError>(free && !taken)
            })
        };
        for number in 1..=ASIDE_MAX {
            if !free(&number)? {
                continue;
            }
            let mut named = None;
            // The store goes first: a crash in between leaves a marker without one, which is no first start either.
            for name in [DATABASE, MARKER] {
                let (from, to) = (self.path.join(name), self.path.join(aside(name, number)));
                if exists(&from)? {
                    fs::rename(&from, &to).map_err(refused("cannot set aside", &from))?;
                    flush_directory(&self.path)?;
                    named = named.or(Some(to));
                }
            }
            return named.ok_or_else(|| StoreError::Absent { place: self.path.display().to_string() });
        }
        let source = IoError::new(ErrorKind::AlreadyExists, format!("{ASIDE_MAX} stores are set aside there already"));
        Err(StoreError::Io { doing: format!("cannot set aside what is in {}", self.path.display()), source })
    }
}

/// Returns what is in a directory.
pub(super) fn held_in(path: &Path) -> Result<Holding, StoreError> {
    Ok(if exists(&path.join(DATABASE))? {
        Holding::Store
    } else if exists(&path.join(MARKER))? {
        Holding::Lost
    } else {
        Holding::Nothing
    })
}

/// Says that a store is gone.
pub(super) fn lost(path: &Path) -> StoreError {
    let why = format!("the file is gone, and {MARKER} beside it says that there was one");
    Place(path.join(DATABASE).display().to_string()).damaged(why)
}

/// Returns whom the marker names; none if there is no marker.
pub(super) fn read_marker(path: &Path) -> Result<Option<Owner>, StoreError> {
    let path = path.join(MARKER);
    let damaged = |why: String| Place(path.display().to_string()).damaged(why);
    match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(refused("cannot read", &path)(source)),
        Ok(about) if about.len() > MARKER_BYTES_MAX => return Err(damaged(format!("it has {} bytes", about.len()))),
        Ok(_) => {}
    }
    let bytes = fs::read(&path).map_err(refused("cannot read", &path))?;
    let mend = "if the database beside it is whole, move this file away and it is written anew";
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(format!("{error}; {mend}")))
}

/// Requires that the marker names the owner of the database.
pub(super) fn agree(path: &Path, marked: &Owner, owner: &Owner) -> Result<(), StoreError> {
    if marked == owner {
        return Ok(());
    }
    let why = format!(
        "it names {} of {:?}, but the database belongs to {} of {:?}",
        marked.id, marked.cluster, owner.id, owner.cluster
    );
    Err(Place(path.join(MARKER).display().to_string()).damaged(why))
}

fn write_marker(path: &Path, owner: &Owner) -> Result<(), StoreError> {
    let (marker, unfinished) = (path.join(MARKER), path.join(format!("{MARKER}.{UNFINISHED}")));
    let mut text = serde_json::to_vec_pretty(owner).map_err(IoError::from).map_err(refused("cannot write", &marker))?;
    text.push(b'\n');
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    written.map_err(refused("cannot write", &unfinished))?;
    fs::rename(&unfinished, &marker).map_err(refused("cannot name", &marker))?;
    flush_directory(path)
}

/// Has the names in a directory survive a loss of power.
fn flush_directory(path: &Path) -> Result<(), StoreError> {
    // Elsewhere a directory cannot be opened, and its file system keeps names by itself.
    if cfg!(unix) {
        File::open(path).and_then(|directory| directory.sync_all()).map_err(refused("cannot flush", path))?;
    }
    Ok(())
}

fn backend(file: File, path: &Path) -> Result<FileBackend, StoreError> {
    FileBackend::new(file).map_err(Place(path.display().to_string()).refused("cannot open the file"))
}

fn aside(name: &str, number: u32) -> String {
    format!("{name}.aside-{number}")
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(refused("cannot look for", path))
}

pub(super) fn refused(doing: &str, path: &Path) -> impl FnOnce(IoError) -> StoreError {
    let doing = format!("{doing} {}", path.display());
    move |source| StoreError::Io { doing, source }
}
