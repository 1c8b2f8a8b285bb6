//! The machine that a node runs on: its clocks, and the files that stores are kept in.

use std::fmt;
use std::sync::Arc;

pub use redb::StorageBackend;
pub use redb::backends::FileBackend;

use crate::clock::{Clock, SystemClock};

/// What a node takes from the machine that it runs on. Whoever tests nodes may bend it.
pub trait Host: fmt::Debug + Send + Sync {
    /// What lies between a store and its file.
    type Disk: StorageBackend;

    /// Returns the clocks of a node.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Returns what a store is to read and write instead of this file, or the file itself.
    fn disk(&self, file: FileBackend) -> Self::Disk;
}

/// The machine as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThisHost;

impl Host for ThisHost {
    type Disk = FileBackend;

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock::new())
    }

    fn disk(&self, file: FileBackend) -> FileBackend {
        file
    }
}
