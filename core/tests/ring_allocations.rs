//! Finding where a key lives allocates nothing: owners, batches, copies under each rule, and bounded loads.
//!
//! The whole process allocates through a counting allocator, so this file holds a single test: nothing else may run
//! beside it.

use std::alloc::System;

use delian_core::ring::{Bound, Eligible, Level, Loads, Member, Place, PointsPerUnit, Ring, Rule, Slot, Token};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RULES: [Rule; 4] =
    [Rule::Nodes, Rule::Apart(Level::Rack), Rule::Spread(Level::Rack), Rule::Spread(Level::Region)];

#[test]
fn lookups_allocate_nothing() {
    let place = |node: u64| Place::new("eu", "zrh1", &format!("r{}", node % 7));
    let members = (0..1_000).map(|node| Member::new(&format!("node-{node}"), place(node)));
    let ring = Ring::build(PointsPerUnit::default(), members).expect("names differ and are short");
    let mut healthy = Eligible::all(&ring);
    healthy.exclude(&ring, Slot::new(3));
    let loads = Loads::none(&ring);
    let keys: Vec<[u8; 8]> = (0..4_096u64).map(u64::to_le_bytes).collect();
    let mut owners = vec![None; keys.len()];

    let region = Region::new(COUNTING);
    ring.owners(&keys, &mut owners);
    let mut alike = 0;
    for (key, owner) in keys.iter().zip(&owners) {
        alike += usize::from(ring.owner(key) == *owner && ring.owner_among(key, &healthy).is_some());
        alike += usize::from(ring.owner_bounded(key, Bound::default(), &loads, Some(&healthy)).is_ok());
        for rule in RULES {
            let three: [Slot; 3] = ring.replicas(key, rule).expect("there are seven racks");
            let mut among = [Slot::new(0); 3];
            ring.replicas_at(Token::of(key), rule, Some(&healthy), &mut among).expect("there are seven racks");
            alike += usize::from(three.len() == among.len());
        }
        alike += usize::from(ring.replicas::<9>(key, Rule::Apart(Level::Rack)).is_err());
    }
    let change = region.change();
    assert_eq!(alike, keys.len() * (2 + RULES.len() + 1));
    assert_eq!(change.allocations + change.reallocations, 0, "{alike} lookups made the ring allocate");
}
