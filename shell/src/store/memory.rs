//! A store that lasts as long as the process: for tests, demonstrations and what need not survive.

use delian_core::raft::{Record, Recovered};

use super::{Owner, Store, StoreError};

/// Records in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    owner: Owner,
    recovered: Recovered,
}

impl MemoryStore {
    /// Returns a store with nothing in it but its owner.
    pub fn new(owner: Owner) -> Self {
        Self { owner, recovered: Recovered::default() }
    }
}

impl Store for MemoryStore {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(self.recovered.clone())
    }

    fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        for record in records {
            self.recovered.fold(record.clone());
        }
        Ok(())
    }
}
