//! The developer commands of Delian, one file or folder per command.
//!
//! `cargo xtask ci` proves a tree, `cargo xtask bugs` proves the provers, `cargo xtask bench` prints speeds,
//! `cargo xtask madsim` tells scenarios to whole shells in a simulated world, `cargo xtask browser` looks at the dashboard, `cargo xtask tla` asks TLC for a second opinion. Exit codes are the
//! same everywhere: 0 for yes, 1 for a finding, 2 for a question that could not be asked.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is the job of a developer command")]

mod bench;
mod browser;
mod bugs;
mod ci;
mod fuzz;
mod madsim;
mod process;
mod tla;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of Delian.
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every gate in order and stops at the first that fails
    Ci(ci::Arguments),
    /// Plants each bug of tests/bugs in a copy of the tree and asks whether its invariant or its test catches it
    Bugs(bugs::Arguments),
    /// Looks at the dashboard in a real browser; skipped where Chromium, its driver or Python is missing
    Browser(browser::Arguments),
    /// Measures one area and prints its ratios
    Bench(bench::Arguments),
    /// Tells scenarios to whole shells in a simulated world, one process for each seed
    Madsim(madsim::Arguments),
    /// Lets schemathesis ask a node's API for what its description promises, and for what it does not
    FuzzApi,
    /// Lets TLC judge runs of the simulator by a specification of Raft; skipped where Java or its jar is missing
    Tla(tla::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Bugs(arguments) => bugs::run(&arguments),
        Command::Browser(arguments) => browser::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Madsim(arguments) => madsim::run(&arguments),
        Command::FuzzApi => fuzz::run(),
        Command::Tla(arguments) => tla::run(&arguments),
    };
    match outcome {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

/// What a command found out, when it could find out anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// All gates passed, all bugs were caught.
    Yes,
    /// A gate failed, a bug survived.
    No,
}

/// Why a command could not answer; already worded for people.
type Problem = String;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn every_command_is_one_that_can_be_parsed() {
        Arguments::command().debug_assert();
    }
}
