//! `cargo xtask bugs`: a proof that the invariants can fail.
//!
//! Each bug of `tests/bugs` is a patch that breaks the node in one way, and a description that names the invariant meant
//! to notice. A copy of the tree is patched, built and simulated; the bug is caught when that invariant trips. The same
//! copy must be green before any patch, or a red run would prove nothing. The caller's own files are never touched. With
//! `--explore` a small model is explored in place of the simulation.

mod catalogue;
mod scratch;
mod table;
mod verdict;
mod explore;

use std::path::Path;

use clap::ArgAction;
use serde::Serialize;

use crate::process::Stopwatch;
use crate::{Answer, Problem, process};
use catalogue::{Bug, Check, SimCheck};
use scratch::Scratch;
use table::Row;
use verdict::{Document, Verdict};

/// What `cargo xtask bugs` accepts.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Arguments {
    /// Which bugs to plant [default: all]
    names: Vec<String>,
    /// Judges by exhaustive exploration instead of simulation
    #[arg(long, action = ArgAction::SetTrue)]
    explore: bool,
    /// Writes the table of --explore that the repository keeps; with names, their rows of it
    #[arg(long, action = ArgAction::SetTrue, requires = "explore")]
    write: bool,
    /// Prints one JSON document instead of the table
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
    /// Lists the bugs and plants none
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "explore")]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let root = process::root();
    let all = scratch::catalogue(&root)?;
    if arguments.explore {
        return explore::run(arguments, &root, &all);
    }
    let bugs = catalogue::select(all, &arguments.names)?;
    if arguments.list {
        return list(&bugs, arguments);
    }
    let judged = simulated(&bugs, &arguments.names)?;

    let scratch = Scratch::prepare(&root)?;
    for (bug, _) in &judged {
        scratch.would_plant(bug)?;
    }
    require_green(&scratch, &judged)?;
    let mut rows = Vec::new();
    for (bug, check) in judged {
        let row = plant_and_judge(&scratch, bug, check)?;
        eprintln!("{}", table::line(&row));
        rows.push(row);
    }

    if arguments.json {
        println!("{}", json(&rows)?);
    } else {
        print!("{}", table::whole(&rows));
    }
    Ok(if rows.iter().all(|row| row.caught) { Answer::Yes } else { Answer::No })
}

/// Plants bugs one after the other, builds an example of the simulator with each, and hands over the bug's name, the
/// program and the scenario by which a simulation catches the bug.
///
/// # Errors
/// When a bug is unknown or no simulation judges it, when its patch does not apply or build, or as `visit` has it.
pub(crate) fn with_each(
    names: &[String],
    example: &str,
    mut visit: impl FnMut(&str, &Path, &Path) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let root = process::root();
    let bugs = catalogue::select(scratch::catalogue(&root)?, names)?;
    let judged = simulated(&bugs, names)?;
    let scratch = Scratch::prepare(&root)?;
    for (bug, _) in &judged {
        scratch.would_plant(bug)?;
    }
    for (bug, check) in judged {
        eprintln!("building with {}", bug.name);
        scratch.plant(bug)?;
        let visited = scratch
            .build_example(&format!("bug `{}`", bug.name), example)
            .and_then(|program| visit(&bug.name, &program, &scratch.file(&check.scenario)));
        scratch.restore()?;
        visited?;
    }
    Ok(())
}

fn list(bugs: &[Bug], arguments: &Arguments) -> Result<Answer, Problem> {
    if arguments.json {
        println!("{}", json(&bugs)?);
    } else {
        for bug in bugs {
            println!("{}\n    {}\n    must trip: {}\n    source: {}", bug.name, bug.wrong, bug.invariant, bug.source);
        }
    }
    Ok(Answer::Yes)
}

fn json(document: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(document).map_err(|error| format!("cannot write JSON: {error}"))
}

/// The bugs that a simulation judges, each with that; others are left out unless they are named.
fn simulated<'a>(bugs: &'a [Bug], names: &[String]) -> Result<Vec<(&'a Bug, &'a SimCheck)>, Problem> {
    let mut judged = Vec::new();
    for bug in bugs {
        match &bug.check {
            Some(Check::Sim(check)) => judged.push((bug, check)),
            None if names.contains(&bug.name) => {
                return Err(format!("bug `{}` is judged by exploration alone; add --explore", bug.name));
            }
            None => {}
        }
    }
    Ok(judged)
}

/// Runs every scenario that will judge a bug on the tree as it is.
fn require_green(scratch: &Scratch, judged: &[(&Bug, &SimCheck)]) -> Result<(), Problem> {
    eprintln!("building the tree without a bug");
    scratch.build("the tree without a bug")?;
    for check in catalogue::widest(judged.iter().map(|(_, check)| *check)) {
        eprintln!("simulating {} without a bug", check.scenario);
        let document = Document::parse(&scratch.simulate(&check)?)?;
        verdict::green(&document).map_err(|failure| {
            format!(
                "without any bug, {} already fails: {failure}\nmend that first, else a catch means nothing",
                check.scenario
            )
        })?;
    }
    Ok(())
}

fn plant_and_judge(scratch: &Scratch, bug: &Bug, check: &SimCheck) -> Result<Row, Problem> {
    eprintln!("planting {}", bug.name);
    scratch.plant(bug)?;
    scratch.build(&format!("bug `{}`", bug.name))?;
    let watch = Stopwatch::start();
    let text = scratch.simulate(check)?;
    let seconds = (watch.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let Verdict { caught, found_by, seeds } = verdict::judge(bug, &Document::parse(&text)?);
    scratch.restore()?;
    Ok(Row {
        name: bug.name.clone(),
        source: bug.source.clone(),
        expected: bug.invariant.clone(),
        caught,
        found_by,
        seeds,
        seconds,
    })
}
