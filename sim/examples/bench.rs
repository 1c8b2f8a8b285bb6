//! How fast a world and plain traffic run: what `cargo xtask bench sim` measures of Delian.
//!
//! ```sh
//! bench traffic nodes=5 seconds=60 passes=200   # the queue and the network model alone
//! bench swarm seeds=200                         # five voters under any mix of faults
//! bench calm seeds=200                          # five voters without faults, which are busy all the time
//! ```
//!
//! Each prints one line of `name=number` words. One thread does all the work, and every invariant judges every cluster.
#![expect(clippy::print_stdout, reason = "what it measured is read from its output")]

#[path = "../../bench/work.rs"]
mod work;

use std::sync::Arc;
use std::time::Duration;

use cpu_time::ProcessTime;
use delian_sim::run::run;
use delian_sim::scenario::{Latency, LinkQuality, Scenario, Shape, Workload, secs};
use delian_sim::traffic::{self, Traffic};

use crate::work::{INTERVAL, LATENCY, LOSS_PERMILLE, PAYLOAD_BYTES, Tally, Work, number};

/// Any mix of faults, as every run of all scenarios has it.
const SWARM: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/swarm/five-voters-survive-any-mix-of-faults.toml");

const _: () = assert!(traffic::PAYLOAD_BYTES == PAYLOAD_BYTES, "everyone carries equal heartbeats");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("traffic") => traffic(Work::read(&arguments)),
        Some("swarm") => clusters(number(&arguments, "seeds"), Scenario::load(SWARM.as_ref()).expect("it is tested")),
        Some("calm") => clusters(number(&arguments, "seeds"), calm()),
        _ => panic!("the first argument is traffic, swarm or calm"),
    }
}

fn traffic(work: Work) {
    let latency = Latency { least: LATENCY.0, most: LATENCY.1, shape: Shape::Uniform };
    let quality = LinkQuality { latency, loss: LOSS_PERMILLE, duplicate: 0, reorder: 0, replay: 0, rate: None };
    let traffic = Traffic { processes: work.nodes.into(), interval: INTERVAL, lasts: secs(work.seconds), quality };
    work.measure(|seed| {
        let traffic::Tally { sent, delivered, travelled, lost: _ } = traffic.run(seed);
        Tally { sent, delivered, travelled }
    });
}

/// Five voters with default timings and the usual clients, left alone for a minute.
fn calm() -> Scenario {
    let scenario = Scenario::build("calm").about("Nothing goes wrong.").voters(5).workload(Workload::default());
    scenario.finish().expect("the scenario makes sense")
}

/// Draws a plan for each seed, runs it, and prints how much happened in how much CPU time.
fn clusters(seeds: u64, scenario: Scenario) {
    let scenario = Arc::new(scenario);
    let start = ProcessTime::now();
    let (mut simulated, mut events, mut inputs, mut messages, mut commits) = (Duration::ZERO, 0, 0, 0, 0);
    for seed in 0..seeds {
        let outcome = run(&scenario, seed);
        assert!(outcome.violation.is_none(), "seed {seed} failed: {:?}", outcome.violation);
        simulated += outcome.virtual_time;
        events += outcome.events;
        inputs += outcome.inputs;
        messages += outcome.counts.get("messages");
        commits += outcome.counts.get("commits");
    }
    println!(
        "cpu_ns={} simulated_ns={} events={events} inputs={inputs} messages={messages} commits={commits}",
        start.elapsed().as_nanos(),
        simulated.as_nanos()
    );
}
