//! `cargo xtask bench AREA`: speeds, as ratios measured side by side in one run.
//!
//! Speeds are told in CPU time, so other work on the machine stretches nothing; but `shell` waits for disks, in real time. Whoever is compared does the same work in
//! the same run, turn by turn, and the median of several turns counts. Nothing here fails because a number is low.

mod circumstances;
mod explore;
mod guide;
mod health;
mod measured;
mod peers;
mod programs;
mod raft;
mod ring;
mod shell;
mod sim;
mod spread;
mod swim;
mod table;

use std::path::Path;

use clap::Subcommand;
use serde_json::Value;

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
    Sim(Options),
    /// Transitions per CPU-second of the model explorer, beside stateright and the cost of a copy and a hash
    Explore(Options),
    /// Committed commands per CPU-second and memory of the Raft node, beside other Rafts at the same work
    Raft(Options),
    /// What it costs one leader to watch thousands of nodes, beside the obvious design
    Health(Options),
    /// Lookups, changes and memory of the ring and picks of the balancers, beside other rings and plain designs
    Ring(Options),
    /// Writes, failovers and rest of three real nodes, beside etcd on the same disk
    Shell(Options),
    /// How soon and how rightly members of a pool notice deaths, and at what cost, beside foca in the same world
    Swim(swim::Options),
    /// How soon each way of choosing runs finds planted bugs, in equal CPU time
    Guide(guide::Options),
}

/// What every area accepts.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Prints one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Measures Delian alone
    #[arg(long)]
    no_peers: bool,
    /// Writes the report that the repository keeps
    #[arg(long, conflicts_with = "no_peers")]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    match &arguments.area {
        Area::Sim(options) => sim::run(options),
        Area::Explore(options) => explore::run(options),
        Area::Raft(options) => raft::run(options),
        Area::Health(options) => health::run(options),
        Area::Ring(options) => ring::run(options),
        Area::Shell(options) => shell::run(options),
        Area::Swim(options) => swim::run(options),
        Area::Guide(options) => guide::run(options),
    }
}

/// Prints a report, and writes it below `root` at `baseline` if that is asked for.
fn publish(options: &Options, root: &Path, baseline: &str, markdown: &str, json: &Value) -> Result<(), Problem> {
    let json = serde_json::to_string_pretty(json).expect("names and numbers have a JSON form");
    if options.write {
        let baseline = root.join(baseline);
        let write = |extension: &str, text: &str| {
            let path = baseline.with_extension(extension);
            std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .and_then(|()| std::fs::write(&path, text))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))
        };
        write("md", markdown)?;
        write("json", &format!("{json}\n"))?;
    }
    if options.json {
        println!("{json}");
    } else {
        print!("{markdown}");
    }
    Ok(())
}
