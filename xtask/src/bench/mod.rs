//! `cargo xtask bench AREA`: speeds, as ratios measured side by side in one run.
//!
//! An area is a program that measures and prints; this command only builds it without debug assertions and runs it.

use clap::ValueEnum;

use crate::{Answer, Problem, process};

/// What `cargo xtask bench` accepts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    area: Area,
    /// Passed on to the measuring program
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Area {
    /// Simulated seconds and messages per CPU-second
    Sim,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let (package, example) = program(arguments.area);
    let mut cargo = process::cargo(&process::root());
    cargo.args(["run", "--quiet", "--release", "--package", package, "--example", example, "--"]);
    let measured = process::succeeds(cargo.args(&arguments.rest))?;
    Ok(if measured { Answer::Yes } else { Answer::No })
}

/// The package and the example that measure `area`.
fn program(area: Area) -> (&'static str, &'static str) {
    match area {
        Area::Sim => ("delian-sim", "bench"),
    }
}
