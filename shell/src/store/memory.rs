//! A store that lasts as long as the process: for tests, demonstrations and what need not survive.

use std::sync::{Arc, Mutex, PoisonError};

use delian_core::raft::{Record, Recovered};

use super::{Owner, Store, StoreError};

/// Records in memory. Copies of this value are the same store, so that a node can be started again on what it kept.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    owner: Owner,
    kept: Arc<Mutex<Recovered>>,
}

impl MemoryStore {
    /// Returns a store with nothing in it but its owner.
    pub fn new(owner: Owner) -> Self {
        Self { owner, kept: Arc::default() }
    }
}

impl Store for MemoryStore {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            kept.fold(record.clone());
        }
        Ok(())
    }
}
