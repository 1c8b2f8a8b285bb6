//! How long each way of choosing runs takes to find what is wrong with a core: what `cargo xtask bench guide` measures.
//!
//! ```sh
//! guide SCENARIO way=both hunts=9 budget_ms=3000
//! ```
//!
//! A hunt goes from seed to seed until a run breaks an invariant or its CPU time is spent; each has seeds of its own. It
//! prints one line of `name=number` words. One thread does all the work.
#![expect(clippy::print_stdout, reason = "what it measured is read from its output")]

use std::sync::Arc;
use std::time::Duration;

use cpu_time::ProcessTime;
use delian_sim::guide::{Guide, explore};
use delian_sim::plan::{Fork, Redraw};
use delian_sim::run::{digest_embedder, run};
use delian_sim::scenario::Scenario;

/// How far apart the first seeds of two hunts are.
const SEEDS: u64 = 1_000_000;

/// How runs are chosen.
#[derive(Clone, Copy)]
enum Way {
    /// All families of faults on, all choices as likely as each other, and nothing beside it.
    Even,
    /// As `delian sim` does.
    Guided(Guide),
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().expect("the first argument is a scenario");
    let word = |name: &str| {
        let value = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("{name}=… is missing"))
    };
    let number = |name| word(name).parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number"));
    let way = match word("way") {
        "even" => Way::Even,
        guide => {
            let known = Guide::NAMES.iter().find(|(name, _)| *name == guide);
            Way::Guided(known.expect("the way is even, none, swarm, fork or both").1)
        }
    };
    let scenario = Arc::new(Scenario::load(path.as_ref()).expect("the scenario makes sense"));
    let (hunts, budget) = (number("hunts"), Duration::from_millis(number("budget_ms")));
    let even = [Fork { at: Duration::ZERO, redraw: Redraw::Even, number: 0 }];
    let evenly = Arc::new(scenario.forked(&even).expect("every scenario can be drawn anew from its start"));

    let start = ProcessTime::now();
    let (mut finds, mut seeds) = (0, 0);
    for hunt in 0..hunts {
        let begun = ProcessTime::now();
        let mut seed = hunt * SEEDS;
        while begun.elapsed() < budget {
            let fails = match way {
                Way::Even => run(&evenly, seed).violation.is_some(),
                Way::Guided(guide) => explore(&scenario, seed, guide, &digest_embedder()).fails(),
            };
            seed += 1;
            seeds += 1;
            if fails {
                finds += 1;
                break;
            }
        }
    }
    println!("cpu_ns={} hunts={hunts} finds={finds} seeds={seeds}", start.elapsed().as_nanos());
}
