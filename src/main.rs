//! The `delian` command: parses, runs one subcommand, and turns its answer into an exit code.
//!
//! Exit codes are the same everywhere: 0 for yes, 1 for a finding, 2 for a question that could not be asked.

mod answer;
mod cli;
mod draws;
mod faults;
mod demo;
mod node;
mod status;
mod members;
mod topology;
mod why;
mod transfer;
mod cert;
mod sim;
#[cfg(unix)]
mod worlds;
mod replay;
mod shrink;
mod hunt;
mod check;
mod balance;
mod explore;
mod retell;
mod ring;
mod store;
mod scenarios;
mod invariants;
mod completions;
mod man;
mod rerun;
mod client;
mod table;
mod repeat;
mod load;
mod progress;
mod screen;
mod stopwatch;

use std::process::ExitCode;

use clap::Parser;

use crate::answer::Answer;
use crate::cli::{Arguments, Command};

fn main() -> ExitCode {
    let answer = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Node(arguments) => node::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Members(arguments) => members::run(&arguments),
        Command::Topology(arguments) => topology::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Transfer(arguments) => transfer::run(&arguments),
        Command::Cert(arguments) => cert::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Shrink(arguments) => shrink::run(&arguments),
        Command::Hunt(arguments) => hunt::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Balance(arguments) => balance::run(&arguments),
        Command::Ring(arguments) => ring::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::Scenarios(arguments) => scenarios::run(&arguments),
        Command::Invariants => invariants::run(),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Rerun(arguments) => rerun::run(&arguments),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(problem) => {
            screen::complain(&problem.to_string());
            ExitCode::from(2)
        }
    }
}
