//! All nodes and the history: what a step may change, but for the messages that it sends.

use std::hash::Hasher;
use std::sync::{Arc, OnceLock};

use super::cell::Cell;
use super::ghost::Ghost;
use super::symmetry::{Group, Least};
use crate::explore::hash::Hash128;

/// The nodes of a cluster and what has happened to it; shared by all states that differ in neither.
#[derive(Debug)]
pub(super) struct Scene {
    cells: Vec<Arc<Cell>>,
    ghost: Arc<Ghost>,
    /// Whether nothing waits for any disk.
    is_settled: bool,
    hash: u128,
    record: u128,
    least: OnceLock<Least>,
}

impl Scene {
    pub(super) fn new(seed: u64, cells: Vec<Arc<Cell>>, ghost: Arc<Ghost>) -> Self {
        let hash = over(seed, &cells, ghost.hash());
        let record = over(seed, &cells, ghost.record());
        let is_settled = cells.iter().all(|cell| cell.waiting.is_empty());
        Self { cells, ghost, is_settled, hash, record, least: OnceLock::new() }
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

    /// Returns the least hash that it has under any renaming, and the renamings that lead to it.
    pub(super) fn least(&self, group: &Group) -> &Least {
        self.least.get_or_init(|| {
            let cells: Vec<&[u128]> = self.cells.iter().map(|cell| group.hashes_of(&**cell)).collect();
            let history = group.hashes_of(&*self.ghost);
            group.least(|place, renaming| {
                let mut hasher = Hash128::new(group.seed());
                for number in 0..cells.len() {
                    hasher.write_u128(cells[usize::from(renaming.former(number as u8))][place]);
                }
                hasher.write_u128(history[place]);
                hasher.finish_128()
            })
        })
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
