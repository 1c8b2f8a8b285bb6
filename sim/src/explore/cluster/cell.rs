//! One node with its disk, as a value that states share.

use std::hash::Hash;
use std::sync::Arc;

use delian_core::projection::{Deadline, Names};
use delian_core::raft::{Record, Recovered};
use delian_core::{Node, Seed, Time, WriteId};

use super::model::{Forget, Model, Network};
use super::symmetry::{Hashes, Renamed, Renaming};
use crate::explore::hash::Hash128;

/// The one instant at which everything happens.
pub(super) const NOW: Time = Time::from_millis(1_000_000_000);

/// An instant that has not come: where every deadline that is armed lies.
const AHEAD: Time = Time::from_millis(2_000_000_000);

/// The seed of every node: what it draws has no meaning here.
pub(super) const SEED: Seed = Seed::new(0);

/// A node that runs, what its disk holds, and the writes on their way there.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) node: Node,
    pub(super) disk: Arc<Recovered>,
    pub(super) waiting: Vec<(WriteId, Record)>,
    /// What was on the disks that were lost.
    pub(super) graves: Vec<Arc<Recovered>>,
    hash: u128,
    disk_hash: u128,
    renamed: Hashes,
}

impl Cell {
    pub(super) fn new(node: Node, disk: Arc<Recovered>) -> Self {
        let renamed = Hashes::default();
        Self { node, disk, waiting: Vec::new(), graves: Vec::new(), hash: 0, disk_hash: 0, renamed }
    }

    /// Returns the hash of the cell as it was when it was last settled.
    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }

    /// Does the oldest writes that wait. Returns the last of them.
    pub(super) fn flush(&mut self, count: usize) -> Option<WriteId> {
        let disk = Arc::make_mut(&mut self.disk);
        let mut last = None;
        for (write, record) in self.waiting.drain(..count) {
            disk.fold(record);
            last = Some(write);
        }
        // Hashed when the cell settles.
        self.disk_hash = 0;
        last
    }

    /// Replaces the disk by an empty one.
    pub(super) fn lose_disk(&mut self) {
        self.waiting.clear();
        self.graves.push(std::mem::take(&mut self.disk));
        self.disk_hash = 0;
    }

    /// Gives all that is forgotten its one form, and takes the hash.
    pub(super) fn settle(&mut self, model: &Model, seed: u64) {
        let node = &mut self.node;
        node.map_instants(canonical);
        node.forget_dead_instants();
        node.forget_chance(SEED);
        if !matches!(model.network, Network::Delay { .. }) {
            node.forget_order();
        }
        for forgotten in model.forget {
            match forgotten {
                Forget::WriteNumbers => {
                    let fall = node.forget_write_numbers();
                    self.waiting.iter_mut().for_each(|(write, _)| *write = WriteId::new(write.get() - fall));
                }
                Forget::Rounds => node.forget_rounds(),
                Forget::Hearing => node.forget_hearing(),
                Forget::Levels => node.forget_levels(),
            }
        }
        self.take_hash(seed);
    }

    fn take_hash(&mut self, seed: u64) {
        if self.disk_hash == 0 {
            self.disk_hash = Hash128::of(seed, &self.disk);
        }
        let mut hasher = Hash128::new(seed);
        self.node.hash_state(&mut hasher);
        (self.disk_hash, &self.waiting).hash(&mut hasher);
        self.graves.hash(&mut hasher);
        self.hash = hasher.finish_128();
    }
}

impl Renamed for Cell {
    fn hashes(&self) -> &Hashes {
        &self.renamed
    }

    fn own_hash(&self) -> u128 {
        self.hash
    }

    fn renamed(&self, renaming: &Renaming, seed: u64) -> Self {
        let mut this = self.clone();
        let names: Names<'_> = &|id| renaming.id(id);
        this.node.map_ids(names);
        this.waiting.iter_mut().for_each(|(_, record)| record.map_ids(names));
        for disk in this.graves.iter_mut().chain([&mut this.disk]) {
            Arc::make_mut(disk).map_ids(names);
        }
        this.disk_hash = 0;
        this.take_hash(seed);
        this
    }
}

/// What is armed lies ahead, wherever it was; what is over is over; what is never to come stays so. A lease is measured
/// from an instant of the past, which is the present until the lease has lapsed.
fn canonical(deadline: Deadline, at: Time) -> Time {
    if at == Time::NEVER || (deadline == Deadline::LeaseMeasured && at == NOW) {
        at
    } else if at > NOW {
        AHEAD
    } else {
        Time::ZERO
    }
}
