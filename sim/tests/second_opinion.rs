//! Another model checker explores the same clusters and must count the same: the search is right, or both are wrong alike.
//!
//! Stateright knows nothing of our search, our visited set or our parents. It is given the system alone, with states told
//! apart by a fingerprint under another hash seed, on one thread and breadth-first, for its other modes lose states.

mod opinion;

use delian_sim::explore::cluster::Cluster;
use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::{Options, explore, models};
use stateright::{Checker, Model as _};

use crate::opinion::Opinion;

fn model(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("the model is listed")
}

/// Counts a model both ways.
fn agree_on(name: &str) {
    let ours = explore(&Cluster::new(model(name), 0), 0, &Options::default());
    assert!(ours.is_green(), "{name}: {:?}", ours.breaches);
    for opinion in [Opinion::new(model(name)), Opinion::recalling(model(name))] {
        let theirs = opinion.checker().threads(1).spawn_bfs().join();
        assert_eq!(theirs.unique_state_count() as u64, ours.unique, "{name}: different states");
        // It counts the initial state as generated, too.
        assert_eq!(theirs.state_count() as u64, ours.generated + 1, "{name}: transitions");
        theirs.assert_properties();
    }
}

#[test]
fn sessions_count_the_same() {
    agree_on("sessions");
}

#[test]
fn replication_with_slow_disks_counts_the_same() {
    agree_on("replication-disks");
}

#[test]
fn snapshots_count_the_same() {
    agree_on("snapshots");
}

#[test]
fn hand_overs_count_the_same() {
    agree_on("transfer");
}
