//! `delian ring`: where keys live, what a change moves, and how evenly it all lies, for a list of nodes.
//!
//! Every answer comes from the ring that ships, built of a file; nothing is asked of a running federation.

mod arguments;
mod input;
mod locate;
mod replicas;
mod diff;
mod balance;

pub(crate) use self::arguments::{EXAMPLES, RingArguments};

use delian_core::ring::Ring;
use delian_sim::report::human::{grouped, plural};
use serde_json::{Value, json};

use self::arguments::RingCommand;
use crate::answer::{Answer, Problem};

pub(crate) fn run(arguments: &RingArguments) -> Result<Answer, Problem> {
    match &arguments.command {
        RingCommand::Locate(arguments) => locate::run(arguments),
        RingCommand::Replicas(arguments) => replicas::run(arguments),
        RingCommand::Diff(arguments) => diff::run(arguments),
        RingCommand::Balance(arguments) => balance::run(arguments),
    }
}

/// Describes a ring in a line.
fn described(ring: &Ring) -> String {
    let (nodes, points) = (plural(ring.len() as u64, "node"), grouped(ring.point_count() as u64));
    format!("{nodes}, {points} points, fingerprint {:016x}", ring.fingerprint())
}

fn document(ring: &Ring) -> Value {
    json!({
        "nodes": ring.len(),
        "points": ring.point_count(),
        "points_per_weight": ring.points_per_unit().get(),
        "weight": weight(ring.weight_of_all()),
        "fingerprint": format!("{:016x}", ring.fingerprint()),
    })
}

/// Returns thousandths as a number of units.
fn weight(thousandths: u64) -> f64 {
    thousandths as f64 / 1000.0
}
