//! Whole shells on one simulated network: what `delian node` is made of, but for its HTTP API and its signals.
//!
//! A world is started, told to apply a fault or to submit an operation when each is due, watched through the journals of
//! its nodes, and stopped. What madsim distorts, and what follows from it:
//!
//! - Every datagram takes a millisecond more at each end than its link, and a socket takes at most 1,000 of them a second.
//! - Streams lose nothing: what a cut link holds up is tried again after pauses that double up to ten seconds, so agreement
//!   after healing may take `WorldKind::settles_later` longer than the scenario allows.
//! - A connection to whoever is cut off is refused at once instead of hanging, and one to a killed process ends at once.
//! - All links have one latency and one loss.
//! - A clock that drifts is the node's alone: what waits, waits by the clock of the world, so a fast clock is late by its
//!   drift.

mod clients;
mod clock;
mod disk;
mod faults;
mod gagged;
mod process;
mod record;
mod sessions;
mod settle;
mod targets;
mod world;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use delian_sim::plan::Plan;
use delian_sim::scenario::{Latency, Scenario};
use madsim::runtime::Runtime;

use crate::verdict::Verdict;

/// Tells a scenario with one seed. This must be the first and only run of the process.
pub fn run(scenario: &Arc<Scenario>, without: Vec<&'static str>, seed: u64) -> Verdict {
    let mut config = madsim::Config::default();
    let network = &scenario.network;
    config.net.send_latency = range(network.latency);
    config.net.packet_loss_rate = f64::from(network.loss) / 1e3;
    let plan = Plan::draw(scenario, seed);
    Runtime::with_seed_and_config(seed, config).block_on(world::live(plan, without))
}

/// Returns a latency as the network takes it: a range that is half open, and must not be empty to be drawn from.
fn range(latency: Latency) -> Range<Duration> {
    latency.least..latency.most.max(latency.least + Duration::from_nanos(1))
}
