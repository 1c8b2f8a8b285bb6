//! Tells one scenario with one seed to whole shells in a simulated world, or says of scenarios whether that can be done.
//!
//! It says one JSON document on a line of its own for each, and ends with 0 for yes, 1 for a finding, 2 for a question
//! that could not be asked and 3 for a run that does not end. `cargo xtask madsim` builds it with `--cfg madsim` and runs
//! it once for every seed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
#[cfg(madsim)]
use std::thread;

use clap::Parser;
use delian_sim::story::Story;
use delian_worlds::ability;
use serde_json::json;

/// How long a run may take: most take a tenth of a second. One that takes longer goes round without an end.
#[cfg(madsim)]
const WALL_MAX: std::time::Duration = std::time::Duration::from_mins(5);

/// One seed of one scenario on whole shells in a simulated world.
#[derive(Parser)]
#[command(name = "delian-worlds", version)]
struct Arguments {
    /// Files of scenarios
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// The seed; without it, each scenario is looked at and not told
    #[arg(long, requires = "scenarios")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match (arguments.seed, arguments.scenarios.as_slice()) {
        (None, scenarios) => look(scenarios),
        (Some(seed), [scenario]) => tell(scenario, seed),
        (Some(_), _) => complain("one seed is one process: name one scenario"),
    }
}

/// Says of scenarios what stands in the way of telling them here.
fn look(paths: &[PathBuf]) -> ExitCode {
    for path in paths {
        let story = match Story::load(path) {
            Ok(story) => story,
            Err(error) => return complain(&error.to_string()),
        };
        let (obstacles, without) = match &story {
            Story::Pool(_) => (vec!["it is of a pool alone, and not of whole nodes".to_owned()], Vec::new()),
            Story::Cluster(scenario) => match (ability::obstacles(scenario), ability::adapted(scenario)) {
                (obstacles, Some((_, without))) => (obstacles, without),
                (mut obstacles, None) => {
                    obstacles.push("no random fault of its swarm can strike here".to_owned());
                    (obstacles, Vec::new())
                }
            },
        };
        say(&json!({ "scenario": story.name(), "path": path, "obstacles": obstacles, "without": without }));
    }
    ExitCode::SUCCESS
}

#[cfg(madsim)]
fn tell(path: &Path, seed: u64) -> ExitCode {
    let scenario = match Story::load(path) {
        Ok(Story::Cluster(scenario)) => scenario,
        Ok(Story::Pool(_)) => return complain("it is of a pool alone, and not of whole nodes"),
        Err(error) => return complain(&error.to_string()),
    };
    let obstacles = ability::obstacles(&scenario);
    if !obstacles.is_empty() {
        return complain(&obstacles.join("; "));
    }
    let Some((scenario, without)) = ability::adapted(&scenario) else {
        return complain("no random fault of its swarm can strike here");
    };
    thread::spawn(move || {
        thread::sleep(WALL_MAX);
        complain(&format!("seed {seed} did not end within {WALL_MAX:?} of real time"));
        std::process::exit(3);
    });
    let verdict = delian_worlds::shells::run(&scenario, without, seed);
    say(&verdict.to_json());
    if verdict.breach.is_none() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

#[cfg(not(madsim))]
fn tell(_path: &Path, _seed: u64) -> ExitCode {
    complain("this build has no simulated world: use `cargo xtask madsim`")
}

#[expect(clippy::print_stdout, reason = "saying it is the job of this program")]
fn say(document: &serde_json::Value) {
    println!("{document}");
}

#[expect(clippy::print_stderr, reason = "saying it is the job of this program")]
fn complain(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::from(2)
}
