//! `cargo xtask bugs`: a proof that the invariants can fail.
//!
//! Each bug of `tests/bugs` is a patch that breaks the node in one way, and a description that names the invariant meant
//! to notice. A copy of the tree is patched, built and simulated; the bug is caught when that invariant trips. The same
//! copy must be green before any patch, or a red run would prove nothing. The caller's own files are never touched.

mod catalogue;
mod scratch;
mod table;
mod verdict;

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
pub(crate) struct Arguments {
    /// Which bugs to plant [default: all]
    names: Vec<String>,
    /// Judges by exhaustive exploration instead of simulation; refused as long as there is no explorer
    #[arg(long, action = ArgAction::SetTrue)]
    explore: bool,
    /// Prints one JSON document instead of the table
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
    /// Lists the bugs and plants none
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "explore")]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let root = process::root();
    let bugs = catalogue::select(scratch::catalogue(&root)?, &arguments.names)?;
    if arguments.list {
        return list(&bugs, arguments);
    }
    let checks = bugs.iter().map(|bug| sim_check(bug, arguments.explore)).collect::<Result<Vec<_>, Problem>>()?;

    let scratch = Scratch::prepare(&root)?;
    for bug in &bugs {
        scratch.would_plant(bug)?;
    }
    require_green(&scratch, &checks)?;
    let mut rows = Vec::new();
    for (bug, check) in bugs.iter().zip(checks) {
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

/// The simulation that judges `bug`.
fn sim_check(bug: &Bug, explore: bool) -> Result<&SimCheck, Problem> {
    match &bug.check {
        Check::Sim(_) if explore => {
            Err(format!("--explore: the check of bug `{}` is a simulation, and there is no explorer yet", bug.name))
        }
        Check::Sim(check) => Ok(check),
        Check::Explore { model } => {
            Err(format!("bug `{}` wants to be explored in model `{model}`, and there is no explorer yet", bug.name))
        }
    }
}

/// Runs every scenario that will judge a bug on the tree as it is.
fn require_green(scratch: &Scratch, checks: &[&SimCheck]) -> Result<(), Problem> {
    eprintln!("building the tree without a bug");
    scratch.build("the tree without a bug")?;
    for check in catalogue::widest(checks) {
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
