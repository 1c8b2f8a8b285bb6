//! `cargo xtask bugs`: a proof that the invariants can fail.
//!
//! Each bug of `tests/bugs` is a patch that breaks the code in one way, and a description that names the invariant meant
//! to notice. A copy of the tree is patched, built and simulated; the bug is caught when that invariant trips. What no
//! world shows is judged by tests in place of a simulation, and caught when the named one fails; what is wrong with the
//! shell alone is judged by whole shells in the world of `cargo xtask madsim`. The same copy must be
//! green before any patch, or a red run would prove nothing. The caller's own files are never touched. With `--explore`
//! a small model is explored in place of the simulation.

mod catalogue;
mod scratch;
mod table;
mod verdict;
mod libtest;
mod processes;
mod shells;
mod explore;

use std::collections::BTreeSet;
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
    /// Judges by exhaustive exploration instead of simulations and tests
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
    let judged = checked(&bugs, &arguments.names)?;

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

/// The bugs that a simulation or tests judge, each with those; others are left out unless they are named.
fn checked<'a>(bugs: &'a [Bug], names: &[String]) -> Result<Vec<(&'a Bug, &'a Check)>, Problem> {
    let mut judged = Vec::new();
    for bug in bugs {
        match &bug.check {
            Some(check) => judged.push((bug, check)),
            None if names.contains(&bug.name) => {
                return Err(format!("bug `{}` is judged by exploration alone; add --explore", bug.name));
            }
            None => {}
        }
    }
    Ok(judged)
}

/// The bugs that a simulation judges, each with that; others are left out unless they are named.
fn simulated<'a>(bugs: &'a [Bug], names: &[String]) -> Result<Vec<(&'a Bug, &'a SimCheck)>, Problem> {
    let mut judged = Vec::new();
    for (bug, check) in checked(bugs, names)? {
        match check {
            Check::Sim(check) => judged.push((bug, check)),
            Check::Test(suite) if names.contains(&bug.name) => {
                return Err(format!("bug `{}` is judged by {suite}, and by no simulation", bug.name));
            }
            Check::Shells(_) if names.contains(&bug.name) => {
                return Err(format!("bug `{}` is judged by whole shells, and by no simulation", bug.name));
            }
            Check::Processes(_) if names.contains(&bug.name) => {
                return Err(format!("bug `{}` is judged by real processes, and by no simulation", bug.name));
            }
            Check::Test(_) | Check::Shells(_) | Check::Processes(_) => {}
        }
    }
    Ok(judged)
}

/// Runs every scenario and test that will judge a bug on the tree as it is.
fn require_green(scratch: &Scratch, judged: &[(&Bug, &Check)]) -> Result<(), Problem> {
    let sims = judged.iter().filter_map(|(_, check)| match check {
        Check::Sim(check) => Some(check),
        Check::Test(_) | Check::Shells(_) | Check::Processes(_) => None,
    });
    let told = judged.iter().filter_map(|(_, check)| match check {
        Check::Shells(check) => Some(check),
        Check::Sim(_) | Check::Test(_) | Check::Processes(_) => None,
    });
    let tales = judged.iter().filter_map(|(_, check)| match check {
        Check::Processes(tale) => Some(tale),
        Check::Sim(_) | Check::Test(_) | Check::Shells(_) => None,
    });
    let suites = judged.iter().filter_map(|(bug, check)| match check {
        Check::Sim(_) | Check::Shells(_) | Check::Processes(_) => None,
        Check::Test(suite) => Some((*bug, suite)),
    });
    require_green_sims(scratch, &catalogue::widest(sims))?;
    for check in catalogue::widest(told) {
        eprintln!("telling {} to whole shells without a bug", check.scenario);
        scratch.build_shells("the tree without a bug")?;
        shells::green(&scratch.tell_shells(&check)?).map_err(|failure| already_red(&check.scenario, &failure))?;
    }
    for tale in tales.collect::<BTreeSet<_>>() {
        eprintln!("telling {} to real processes without a bug", tale.scenario);
        scratch.build("the tree without a bug")?;
        let told = processes::told(&scratch.tell_processes(tale)?)?;
        shells::green(&told).map_err(|failure| already_red(&tale.scenario, &failure))?;
    }
    for (suite, tests) in catalogue::suites(suites) {
        eprintln!("testing {suite} without a bug");
        scratch.build_suite("the tree without a bug", suite)?;
        let outcomes = scratch.test(suite, &Vec::from_iter(tests))?;
        libtest::green(&outcomes).map_err(|failure| already_red(&suite.to_string(), &failure))?;
    }
    Ok(())
}

fn require_green_sims(scratch: &Scratch, checks: &[SimCheck]) -> Result<(), Problem> {
    if checks.is_empty() {
        return Ok(());
    }
    eprintln!("building the tree without a bug");
    scratch.build("the tree without a bug")?;
    for check in checks {
        eprintln!("simulating {} without a bug", check.scenario);
        let document = Document::parse(&scratch.simulate(check)?)?;
        verdict::green(&document).map_err(|failure| already_red(&check.scenario, &failure))?;
    }
    Ok(())
}

fn already_red(what: &str, failure: &str) -> Problem {
    format!("without any bug, {what} already fails: {failure}\nmend that first, else a catch means nothing")
}

fn plant_and_judge(scratch: &Scratch, bug: &Bug, check: &Check) -> Result<Row, Problem> {
    eprintln!("planting {}", bug.name);
    scratch.plant(bug)?;
    let what = format!("bug `{}`", bug.name);
    match check {
        Check::Sim(_) | Check::Processes(_) => scratch.build(&what)?,
        Check::Shells(_) => scratch.build_shells(&what)?,
        Check::Test(suite) => scratch.build_suite(&what, suite)?,
    }
    let watch = Stopwatch::start();
    let Verdict { caught, found_by, seeds } = match check {
        Check::Sim(check) => verdict::judge(bug, &Document::parse(&scratch.simulate(check)?)?),
        Check::Shells(check) => shells::judge(bug, &scratch.tell_shells(check)?),
        Check::Processes(tale) => shells::judge(bug, &processes::told(&scratch.tell_processes(tale)?)?),
        Check::Test(suite) => libtest::judge(bug, &scratch.test(suite, &bug.signs())?),
    };
    let seconds = (watch.elapsed().as_secs_f64() * 10.0).round() / 10.0;
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
