//! Smoke.
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seeds: u64 = args.get(1).and_then(|s| s.parse().ok()).unwrap_or(10);
    let path = args.get(2).map_or("scenarios", String::as_str);
    let scenarios: Vec<_> = delian_sim::scenario::Scenario::load_all(&[path.into()])
        .unwrap_or_else(|errors| {
            for e in errors {
                eprintln!("{e}");
            }
            std::process::exit(2)
        })
        .into_iter()
        .map(Arc::new)
        .collect();
    let campaign = delian_sim::fleet::Campaign { first_seed: 0, seeds, jobs: 2, stop: delian_sim::fleet::Stop::AtEnd };
    let report = campaign.run(&scenarios, &|_| {});
    println!("{}", report.to_terminal(110, delian_sim::report::Color::Off));
}
