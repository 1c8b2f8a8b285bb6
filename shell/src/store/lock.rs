//! A file that one process at a time may hold.
//!
//! The operating system lets go of it when the process ends, however it ends, so a crash leaves nothing behind that a
//! person would have to remove. The file stays, with the number of the process that held it last.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::StoreError;

/// How many bytes of a lock file are read: more than any number of a process has.
const NUMBER_BYTES_MAX: u64 = 16;

/// A held lock. It is let go with this.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock for this process alone, and writes its number down.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let refused = |source| StoreError::Io { doing: format!("cannot lock {}", path.display()), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(refused)?;
        acquired(file.try_lock(), &mut file, path)?;
        file.set_len(0).map_err(refused)?;
        file.rewind().map_err(refused)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(refused)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock beside others who only look; none is needed where nobody ever took one. The file is not changed.
    pub(super) fn look(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { doing: format!("cannot lock {}", path.display()), source }),
        };
        acquired(file.try_lock_shared(), &mut file, path)?;
        Ok(Some(Self { _file: file }))
    }
}

fn acquired(outcome: Result<(), TryLockError>, file: &mut File, path: &Path) -> Result<(), StoreError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut number = String::new();
            // Who cannot be named is still there.
            let read = file.take(NUMBER_BYTES_MAX).read_to_string(&mut number);
            let process = read.ok().and_then(|_| number.trim().parse().ok());
            Err(StoreError::Held { place: path.display().to_string(), process })
        }
        Err(TryLockError::Error(source)) => {
            Err(StoreError::Io { doing: format!("cannot lock {}", path.display()), source })
        }
    }
}
