//! `cargo xtask madsim`: scenarios on whole shells in a simulated world, one process for each seed.
//!
//! It builds `delian-worlds` with `--cfg madsim` into a profile folder of its own, so that the ordinary build stays warm,
//! asks it which scenarios it can tell, and runs it once for every seed: a second run in one process would not repeat what
//! a first one did. The first seed of each scenario runs twice, and must come to the same fingerprint.
//!
//! Nothing is green because nothing ran: a build that lost the flag does not compile, and a filter that fits no scenario
//! that can be told is no answer.

mod fleet;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Answer, Problem, process};
use fleet::{Outcome, Task};

/// The flag by which all code knows that its world is simulated. As `build.rustflags` it would give way to any flags of a
/// target. Warnings are errors, for no lint sees what only this build compiles.
const FLAGS: &str = "target.'cfg(all())'.rustflags=['--cfg','madsim','-Dwarnings']";

/// Tells the build that the flag was asked for: without the flag it then does not compile.
const GUARD: &str = "DELIAN_MADSIM";

/// What `cargo xtask madsim` accepts.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask madsim                                    every scenario that can be told, 3 seeds each
  cargo xtask madsim --scenario crash --seeds 200       those with `crash` in their name
  cargo xtask madsim --scenario a-bridge --first 17 --seeds 1   one run again, as a failure says it
  cargo xtask madsim --list                             which scenarios can be told, and why not the others
  DELIAN_TRACE=1 cargo xtask madsim --scenario a-bridge --seeds 1   with every event on stderr")]
pub(crate) struct Arguments {
    /// How many seeds of each scenario run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Only scenarios with this in their name
    #[arg(long, value_name = "FILTER")]
    scenario: Option<String>,
    /// Says which scenarios can be told, and why not the others, and runs none
    #[arg(long)]
    list: bool,
    /// Says it as one JSON document
    #[arg(long)]
    json: bool,
    /// Builds the program that runs one seed, says where it is, and runs none
    #[arg(long, conflicts_with_all = ["seeds", "first", "scenario", "list", "json"])]
    program: bool,
}

/// A scenario as the program sees it.
#[derive(Clone, Debug)]
struct Candidate {
    name: String,
    path: PathBuf,
    /// Why it cannot be told; none if it can.
    obstacles: Vec<String>,
    /// Families of random faults that are left out.
    without: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let root = process::root();
    let program = build(&root, None)?;
    if arguments.program {
        table::program(&std::path::absolute(&program).map_err(|error| error.to_string())?);
        return Ok(Answer::Yes);
    }
    let fits =
        |candidate: &Candidate| arguments.scenario.as_ref().is_none_or(|it| candidate.name.contains(it.as_str()));
    let candidates: Vec<Candidate> = candidates(&root, &program)?.into_iter().filter(fits).collect();
    let told: Vec<&Candidate> = candidates.iter().filter(|it| it.obstacles.is_empty()).collect();
    if arguments.list {
        table::list(&candidates, arguments.json);
        return Ok(Answer::Yes);
    }
    if told.is_empty() {
        return Err(format!("no scenario can be told that fits: {} do, see --list for the reasons", candidates.len()));
    }
    let outcomes = fleet::run(&program, &tasks(&told, arguments));
    if outcomes.len() != told.len() * (arguments.seeds as usize + 1) {
        return Err(format!(
            "only {} runs of {} came back",
            outcomes.len(),
            told.len() * (arguments.seeds as usize + 1)
        ));
    }
    let rows = table::rows(&told, &outcomes);
    table::tell(&rows, &candidates, arguments.json);
    let is_well = rows.iter().all(|row| row.failures.is_empty());
    Ok(if is_well { Answer::Yes } else { Answer::No })
}

/// Returns every run, the first seed of each scenario twice.
fn tasks(told: &[&Candidate], arguments: &Arguments) -> Vec<Task> {
    let seeds = arguments.first..arguments.first.saturating_add(arguments.seeds);
    let seeds_of = || std::iter::once(arguments.first).chain(seeds.clone());
    let of = |scenario: usize, it: &Candidate| {
        let path = it.path.clone();
        seeds_of().map(move |seed| Task { scenario, path: path.clone(), seed })
    };
    told.iter().enumerate().flat_map(|(scenario, it)| of(scenario, it).collect::<Vec<_>>()).collect()
}

/// Builds the program of the tree at `root`, into `target` if it is given, and returns where it is.
///
/// # Errors
/// When it does not build.
pub(crate) fn build(root: &Path, target: Option<&Path>) -> Result<PathBuf, Problem> {
    let mut command = process::cargo(root);
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    command.env(GUARD, "1").args(["--config", FLAGS, "build", "--quiet", "--profile", "madsim"]);
    if !process::succeeds(command.args(["--package", "delian-worlds"]))? {
        return Err("the simulated world cannot be built".to_owned());
    }
    let target = target.map_or_else(|| process::target(root), Path::to_path_buf);
    Ok(target.join("madsim").join(format!("delian-worlds{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a scenario with the seeds from 1 to so many, and says of each which invariant did not hold, if any.
pub(crate) fn broken(program: &Path, scenario: &Path, seeds: u64) -> Vec<(u64, Option<String>)> {
    let task = |seed| Task { scenario: 0, path: scenario.to_path_buf(), seed };
    let outcomes = fleet::run(program, &(1..=seeds).map(task).collect::<Vec<_>>());
    outcomes.into_iter().map(|outcome| (outcome.task.seed, outcome.broken())).collect()
}

/// Asks the program of every scenario whether it can be told.
fn candidates(root: &Path, program: &Path) -> Result<Vec<Candidate>, Problem> {
    let mut paths = Vec::new();
    scenarios(&root.join("scenarios"), &mut paths)?;
    let said = process::listen(Command::new(program).current_dir(root).args(&paths))?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).trim().to_owned());
    }
    let lines = String::from_utf8_lossy(&said.stdout).into_owned();
    let found: Vec<Candidate> = lines.lines().filter_map(candidate).collect();
    if found.len() == paths.len() {
        Ok(found)
    } else {
        Err(format!("{} of {} scenarios are known", found.len(), paths.len()))
    }
}

fn candidate(line: &str) -> Option<Candidate> {
    let said: Value = serde_json::from_str(line).ok()?;
    let words = |key: &str| -> Option<Vec<String>> {
        said[key].as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
    };
    Some(Candidate {
        name: said["scenario"].as_str()?.to_owned(),
        path: PathBuf::from(said["path"].as_str()?),
        obstacles: words("obstacles")?,
        without: words("without")?,
    })
}

/// Finds every scenario below a folder, in order of path.
fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            scenarios(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

/// Finds the outcomes of one scenario, in order of seed.
fn of(scenario: usize, outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(move |outcome| outcome.task.scenario == scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seed_of_each_scenario_runs_twice() {
        let named = |name: &str| Candidate {
            name: name.to_owned(),
            path: PathBuf::from(name),
            obstacles: Vec::new(),
            without: Vec::new(),
        };
        let (a, b) = (named("a"), named("b"));
        let arguments = Arguments { seeds: 2, first: 7, scenario: None, list: false, json: false, program: false };
        let tasks = tasks(&[&a, &b], &arguments);
        let seeds: Vec<(usize, u64)> = tasks.iter().map(|task| (task.scenario, task.seed)).collect();
        assert_eq!(seeds, [(0, 7), (0, 7), (0, 8), (1, 7), (1, 7), (1, 8)]);
    }

    #[test]
    fn what_the_program_says_of_a_scenario_is_understood() {
        let line = r#"{"scenario":"x","path":"a/x.toml","obstacles":["so"],"without":["degrade"]}"#;
        let found = candidate(line).expect("it is right");
        assert_eq!((found.name.as_str(), found.obstacles.len(), found.without.len()), ("x", 1, 1));
        assert!(candidate("nonsense").is_none());
    }
}
