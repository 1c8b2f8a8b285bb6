//! The models that are explored: each a cluster, a network and bounds.
//!
//! Pre-vote doubles the messages of an election, and a node may ask for pre-votes again and again. On links, where every
//! interleaving is explored, models bound how many silences there are (`elections`); in a queue with few deviations they
//! are free, for all that they bring about is delivered in order.
//!
//! Whatever is explored in a queue is explored on links, too (`…-links`), for each hides what the other finds: in a queue
//! with few deviations most messages arrive, on links none overtakes another. A hand-over needs no pre-vote, so where two
//! leaders are enough and nothing depends on how the first one went, models on links have hand-overs in place of silences.

mod elections;
mod replication;
mod changes;
mod questions;
mod clients;
mod leases;
mod memories;

use delian_core::projection::Deadline;
use delian_core::{Config, Consistency};

use super::cluster::model::{Asking, Budgets, Counts, Disk, Forget, Goal, Heal, Model, Network, Start, Symmetry, Tier};

/// What may be due where nothing but elections is explored.
const ELECTIONS: &[Deadline] = &[Deadline::Election];

/// What may be due where leaders replicate.
const REPLICATION: &[Deadline] = &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat];

/// The same with snapshots that are sent again.
const SNAPSHOTS: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::SnapshotResend];

/// Returns all models, those of the default set first.
pub fn all() -> Vec<Model> {
    let mut all = elections::models();
    all.extend(replication::models());
    all.extend(changes::models());
    all.extend(questions::models());
    all.extend(clients::models());
    all.extend(leases::models());
    all.extend(memories::models());
    all.sort_by_key(|model| model.tier);
    all
}

/// The model that others are variations of: three voters under the default configuration, and nothing happens.
fn base() -> Model {
    Model {
        name: "",
        sentence: "",
        voters: 3,
        learners: 0,
        config: as_it_comes,
        network: Network::Fifo { cap: 1 },
        disk: Disk::Instant,
        start: Start::Founded,
        budgets: Budgets::NONE,
        asking: Asking::AtLeaders,
        reads: Consistency::Quorum,
        deadlines: ELECTIONS,
        changes: Vec::new(),
        forget: Forget::ALL,
        symmetry: Symmetry::Unreduced,
        heal: Heal::Required,
        goals: &[Goal::Leader],
        tier: Tier::Default,
        pinned: None,
    }
}

/// The same with a leader from the beginning on, over a queue.
fn led() -> Model {
    Model { network: Network::Delay { deviations: 2 }, start: Start::Led, deadlines: REPLICATION, ..base() }
}

/// The same over links, with silences that are counted.
fn linked() -> Model {
    Model { network: Network::Fifo { cap: 1 }, ..led() }
}

/// States that differ by names alone are one; told apart, there are so many.
const fn reduced(from: Counts) -> Symmetry {
    Symmetry::Reduced { from: Some(from) }
}

const fn counts(unique: u64, generated: u64, depth: u32) -> Counts {
    Counts { unique, generated, depth }
}

fn as_it_comes(_: &mut Config) {}

/// A snapshot is taken of every other entry, and nothing that it covers is kept.
fn compacting(config: &mut Config) {
    config.log_bytes_max = 64;
    config.trailing_entries = 0;
}
