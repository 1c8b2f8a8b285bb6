//! A run as a module of TLA+: what `cargo xtask tla` lets TLC judge.
//!
//! ```sh
//! tla_trace SCENARIO seed=1 steps=1000
//! ```
//!
//! It prints the module `TraceData`.
#![expect(clippy::print_stdout, reason = "the module is read from its output")]

use std::sync::Arc;

use delian_sim::abstract_trace::trace_data;
use delian_sim::scenario::Scenario;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().expect("the first argument is a scenario");
    let number = |name: &str| {
        let value = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
        let value = value.unwrap_or_else(|| panic!("{name}=… is missing"));
        value.parse::<u64>().unwrap_or_else(|_| panic!("{name}={value} is no number"))
    };
    let scenario = Arc::new(Scenario::load(path.as_ref()).expect("the scenario makes sense"));
    print!("{}", trace_data(&scenario, number("seed"), number("steps") as usize));
}
