//! `cargo xtask bench AREA`: speeds, as ratios measured side by side in one run.
//!
//! Speeds are told in CPU time, so other work on the machine stretches nothing. Whoever is compared does the same work in
//! the same run, turn by turn, and the median of several turns counts. Nothing here fails because a number is low.

mod programs;
mod sim;
mod table;

use clap::Subcommand;

use crate::{Answer, Problem};

/// What `cargo xtask bench` accepts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    area: Area,
}

#[derive(Subcommand)]
enum Area {
    /// Simulated seconds and messages per CPU-second, beside other simulators at the same work
    Sim(sim::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    match &arguments.area {
        Area::Sim(arguments) => sim::run(arguments),
    }
}
