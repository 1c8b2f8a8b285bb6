//! All nodes and the history: what a step may change, but for the messages that it sends.

use std::hash::Hasher;
use std::sync::Arc;

use super::cell::Cell;
use super::ghost::Ghost;
use super::hash::Hash128;

/// The nodes of a cluster and what has happened to it; shared by all states that differ in neither.
#[derive(Debug)]
pub(super) struct Scene {
    cells: Vec<Arc<Cell>>,
    ghost: Arc<Ghost>,
    /// Whether nothing waits for any disk.
    is_settled: bool,
    hash: u128,
    record: u128,
}

impl Scene {
    pub(super) fn new(seed: u64, cells: Vec<Arc<Cell>>, ghost: Arc<Ghost>) -> Self {
        let hash = over(seed, &cells, ghost.hash());
        let record = over(seed, &cells, ghost.record());
        Self { is_settled: cells.iter().all(|cell| cell.waiting.is_empty()), cells, ghost, hash, record }
    }

    pub(super) fn cells(&self) -> &[Arc<Cell>] {
        &self.cells
    }

    pub(super) fn cell(&self, number: u8) -> &Arc<Cell> {
        &self.cells[usize::from(number)]
    }

    pub(super) const fn ghost(&self) -> &Arc<Ghost> {
        &self.ghost
    }

    /// Returns whether nothing waits for any disk.
    pub(super) const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Returns the hash of what decides about what may come.
    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }

    /// Returns the hash of all, with the parts of the history that are a mere record.
    pub(super) const fn record(&self) -> u128 {
        self.record
    }
}

fn over(seed: u64, cells: &[Arc<Cell>], history: u128) -> u128 {
    let mut hasher = Hash128::new(seed);
    for cell in cells {
        hasher.write_u128(cell.hash());
    }
    hasher.write_u128(history);
    hasher.finish_128()
}
