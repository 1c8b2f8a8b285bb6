//! The rate of false suspicions is the one that the closed form gives.

use delian_core::swim::Fallback;
use delian_sim::pool::{FalseSuspicion, Links};

use crate::worlds::{acquainted, at};

/// Returns how many suspicions members began on their own account, of how many probes, in a calm world that loses so many
/// of a million datagrams.
fn suspicions(members: u32, seconds: u64, loss_ppm: u32) -> (u64, u64) {
    let mut world = acquainted(members, Links::local(loss_ppm), 7, 7, Fallback::None);
    world.run_until(at(seconds));
    assert_eq!(world.watcher.breach(), None);
    (world.watcher.facts().first_accusations, world.watcher.facts().probes)
}

#[test]
fn the_closed_form_predicts_how_often_members_that_are_well_are_suspected() {
    for (loss_ppm, seconds) in [(10_000, 1_000), (30_000, 2_000), (50_000, 2_000)] {
        let (suspicions, probes) = suspicions(128, seconds, loss_ppm);
        let chance = FalseSuspicion::with(f64::from(loss_ppm) / 1e6, 3);
        let expected = chance.per_probe() * probes as f64;
        println!("loss {loss_ppm} ppm: {suspicions} suspicions in {probes} probes, {expected:.1} expected");
        assert!(probes > 100 * seconds, "{probes} probes");
        assert!(chance.explains(suspicions, probes), "{suspicions} suspicions in {probes} probes, not {expected:.1}");
    }
}

#[test]
fn a_world_that_loses_nothing_is_not_explained() {
    let (suspicions, probes) = suspicions(128, 500, 0);
    assert_eq!(suspicions, 0);
    assert!(!FalseSuspicion::with(0.05, 3).explains(suspicions, probes));
}
