//! Trace.
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let scenario = Arc::new(delian_sim::scenario::Scenario::load(args[1].as_ref()).unwrap());
    let plan = Arc::new(delian_sim::plan::Plan::draw(&scenario, args[2].parse().unwrap()));
    let (_, lines) = delian_sim::run::run_traced(
        &plan,
        &delian_sim::run::digest_embedder(),
        delian_sim::trace::Tracer::All(Vec::new()),
    );
    for line in lines {
        println!("{line}");
    }
}
