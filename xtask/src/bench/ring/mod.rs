//! `cargo xtask bench ring`: how fast keys find their nodes and requests theirs, beside other rings and plain designs.
//!
//! One process measures all contenders of a cell, slice by slice, each right after the limit; every turn is a process of
//! its own, so that the medians of several turns also tell what depends on where memory lies.

mod asked;
mod cells;
mod table;

use std::path::Path;

use crate::bench::circumstances;
use crate::bench::measured::Measured;
use crate::bench::ring::cells::{PEERS, Work};
use crate::bench::ring::table::{Circumstances, Report};
use crate::bench::{Options, peers, publish};
use crate::{Answer, Problem, process};

/// How often each cell is measured; the median counts.
const TURNS: usize = 3;

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-ring";

/// The package of `bench/` that has the rings and picks of all, and its programs.
const PACKAGE: &str = "rings-and-picks";
const SPEED: &str = "rings-and-picks";
const MEMORY: &str = "memory-of-rings";

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    peers::require(&root, PACKAGE)?;
    let (speed, memory) = (peers::program(&root, SPEED), peers::program(&root, MEMORY));
    let mut cells = cells::all();
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS}");
        for cell in &mut cells {
            let is_memory = cell.work == Work::Memory;
            // Memory does not vary from turn to turn.
            if turn == 1 || !is_memory {
                let program = if is_memory { &memory } else { &speed };
                cell.turns.push(Measured::of(program, &cell.words(!options.no_peers))?);
            }
        }
    }
    let report = Report { turns: TURNS, circumstances: here(&root)?, cells };
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Asks the machine, the compiler and the lock file.
fn here(root: &Path) -> Result<Circumstances, Problem> {
    let peers = PEERS.iter().map(|peer| Ok((peer.package, circumstances::peer(root, peer.package)?)));
    Ok(Circumstances {
        machine: circumstances::machine(),
        compiler: circumstances::compiler()?,
        peers: peers.collect::<Result<_, Problem>>()?,
    })
}
