//! `cargo xtask bench sim`: how fast clusters run, and how fast plain messages do here and in other simulators.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::bench::measured::Measured;
use crate::bench::programs::Simulator;
use crate::bench::table::{Report, Row};
use crate::bench::{Options, publish};
use crate::{Answer, Problem, process};

/// How often each row is measured; the median counts.
const TURNS: usize = 5;

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-sim";

/// Five voters with default timings and all invariants on.
const CLUSTERS: [(&str, &str); 2] = [("any mix of faults", "swarm seeds=300"), ("no faults", "calm seeds=100")];

/// Heartbeats of everyone to everyone, long enough each to take a good part of a second. The slow ones simulate less.
const TRAFFIC: [(u8, Simulator, &str); 7] = [
    (5, Simulator::Delian, "traffic nodes=5 seconds=60 passes=200"),
    (5, Simulator::Madsim, "nodes=5 seconds=60 passes=10"),
    (5, Simulator::Turmoil, "nodes=5 seconds=60 passes=1"),
    (25, Simulator::Delian, "traffic nodes=25 seconds=60 passes=7"),
    (25, Simulator::Madsim, "nodes=25 seconds=60 passes=1"),
    (25, Simulator::Turmoil, "nodes=25 seconds=5 passes=1"),
    (100, Simulator::Delian, "traffic nodes=100 seconds=60 passes=1"),
];

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    let mut programs = BTreeMap::new();
    for simulator in [Simulator::Delian, Simulator::Madsim, Simulator::Turmoil] {
        if simulator == Simulator::Delian || !options.no_peers {
            programs.insert(simulator, simulator.build(&root)?);
        }
    }
    if programs[&Simulator::Delian].is_none() {
        return Err("the example `bench` of delian-sim cannot be built".to_owned());
    }
    let report = measure(&programs)?;
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Measures every row in turn, several times over, so that whatever disturbs the machine disturbs all of them.
fn measure(programs: &BTreeMap<Simulator, Option<PathBuf>>) -> Result<Report, Problem> {
    let delian = |(what, arguments): (&'static str, &'static str)| Row::new(what, None, Simulator::Delian, arguments);
    let traffic = TRAFFIC.into_iter().filter(|(_, simulator, _)| programs.contains_key(simulator));
    let traffic = traffic.map(|(nodes, simulator, arguments)| Row::new("traffic", Some(nodes), simulator, arguments));
    let mut report = Report { turns: TURNS, clusters: CLUSTERS.map(delian).into(), traffic: traffic.collect() };
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS}");
        for row in report.clusters.iter_mut().chain(&mut report.traffic) {
            if let Some(program) = &programs[&row.simulator] {
                row.turns.push(Measured::of(program, row.arguments)?);
            }
        }
    }
    Ok(report)
}
