//! `cargo xtask bugs --explore`: a proof that the models can fail.
//!
//! Each bug that models are said to kill is planted, and each of them explored; the bug is killed when the named invariant
//! is the one that breaks, or the named goal stays out of reach. Searches are exact, so equal trees give equal rows. Every
//! bug of the catalogue says what the explorer makes of it, but for those that tests judge, which break what no model
//! has; and a model that kills nothing is told.

mod document;
mod table;

use std::fs;
use std::path::Path;

use super::Arguments;
use super::catalogue::{self, Bug, Explore, Kill};
use super::scratch::Scratch;
use crate::process::Stopwatch;
use crate::{Answer, Problem};
use document::{Document, Verdict};
use table::{Outcome, Report, Row, Unseen, Why};

/// Where the repository keeps the table, from the root and without extension.
const BASELINE: &str = "reports/baseline/bugs-explore";

/// Plants what is asked for of all bugs.
pub(super) fn run(arguments: &Arguments, root: &Path, all: &[Bug]) -> Result<Answer, Problem> {
    let bugs = catalogue::select(all.to_vec(), &arguments.names)?;
    if let Some(bug) = bugs.iter().find(|bug| arguments.names.contains(&bug.name) && is_unmodelled(bug)) {
        return Err(format!("bug `{}` is judged by a test alone; leave --explore out", bug.name));
    }
    let sorted = sort(&bugs)?;
    // The table that is kept tells of all bugs: who waits for minutes should not learn at their end that one is silent.
    let kept = if arguments.write { Some(sort(all)?) } else { None };
    let scratch = Scratch::prepare(root)?;
    for bug in bugs.iter().filter(|bug| !is_unmodelled(bug)) {
        scratch.would_plant(bug)?;
    }
    eprintln!("building the tree without a bug");
    scratch.build("the tree without a bug")?;
    let models = Document::models(&scratch.models()?)?;
    for (bug, kill) in &sorted.kills {
        document::known(bug, kill, &models)?;
    }
    require_green(&scratch, &sorted.kills)?;

    let mut rows = Vec::new();
    for bugs in sorted.kills.chunk_by(|(one, _), (other, _)| one.name == other.name) {
        rows.extend(plant_and_explore(&scratch, bugs)?);
    }

    // Of a few bugs nothing follows about the models that kill others.
    let idle = if arguments.names.is_empty() { table::idle(&models, &rows) } else { Vec::new() };
    let report = Report { bugs: rows, unseen: sorted.unseen, idle };
    if let Some(all) = kept {
        write(root, &report, all, &models)?;
    }
    if arguments.json {
        println!("{}", super::json(&report)?);
    } else {
        print!("{}", table::whole(&report));
    }
    Ok(if report.bugs.iter().all(|row| row.outcome == Outcome::Killed) { Answer::Yes } else { Answer::No })
}

/// Bugs by what the explorer makes of them.
struct Sorted<'a> {
    /// Each bug with each model that is said to kill it; those of one bug in a row.
    kills: Vec<(&'a Bug, &'a Kill)>,
    unseen: Vec<Unseen>,
}

/// Whether no model is asked about a bug, because a test judges it.
fn is_unmodelled(bug: &Bug) -> bool {
    bug.explore.is_none() && bug.is_of_no_model()
}

/// # Errors
/// When a bug does not say what the explorer makes of it.
fn sort(bugs: &[Bug]) -> Result<Sorted<'_>, Problem> {
    let mut sorted = Sorted { kills: Vec::new(), unseen: Vec::new() };
    for bug in bugs {
        let unseen = |why, reason: &str| Unseen { name: bug.name.clone(), why, reason: reason.to_owned() };
        match &bug.explore {
            Some(Explore::Kills(kills)) => sorted.kills.extend(kills.iter().map(|kill| (bug, kill))),
            Some(Explore::Equivalent(reason)) => sorted.unseen.push(unseen(Why::Equivalent, reason)),
            Some(Explore::OutOfScope(reason)) => sorted.unseen.push(unseen(Why::OutOfScope, reason)),
            None if bug.is_of_no_model() => {}
            None => {
                return Err(format!(
                    "bug `{0}` does not say what the explorer makes of it; give {1} a section `explore` with the \
                     `model` that kills it, or with the reason why it is `equivalent` or `out_of_scope`",
                    bug.name,
                    bug.patch.with_extension("toml").display()
                ));
            }
        }
    }
    Ok(sorted)
}

/// Explores every model that will judge a bug on the tree as it is.
fn require_green(scratch: &Scratch, kills: &[(&Bug, &Kill)]) -> Result<(), Problem> {
    for (model, max_states) in document::widest(kills.iter().map(|(_, kill)| *kill)) {
        eprintln!("exploring {model} without a bug");
        let document = Document::parse(&scratch.explore(&model, max_states)?)?;
        document::green(&document).map_err(|failure| {
            format!(
                "without any bug, model {model} already fails: {failure}\nmend that first, else a kill means nothing"
            )
        })?;
    }
    Ok(())
}

/// Plants a bug, and explores every model that is said to kill it.
fn plant_and_explore(scratch: &Scratch, kills: &[(&Bug, &Kill)]) -> Result<Vec<Row>, Problem> {
    let (bug, _) = kills.first().expect("somebody is said to kill it");
    eprintln!("planting {}", bug.name);
    scratch.plant(bug)?;
    scratch.build(&format!("bug `{}`", bug.name))?;
    let rows = kills.iter().map(|(bug, kill)| explore(scratch, bug, kill)).collect();
    scratch.restore()?;
    rows
}

fn explore(scratch: &Scratch, bug: &Bug, kill: &Kill) -> Result<Row, Problem> {
    let watch = Stopwatch::start();
    let text = scratch.explore(&kill.model, kill.max_states)?;
    let seconds = (watch.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let Verdict { outcome, found_by, states, depth } = document::judge(kill, &Document::parse(&text)?);
    let row = Row {
        name: bug.name.clone(),
        model: kill.model.clone(),
        expected: kill.sign.clone(),
        outcome,
        found_by,
        states,
        depth,
        seconds: Some(seconds),
    };
    eprintln!("{}", table::line(&row));
    Ok(row)
}

/// Brings the table of the repository up to date with these rows; of other bugs it keeps what it has.
fn write(root: &Path, report: &Report, all: Sorted<'_>, models: &[String]) -> Result<(), Problem> {
    let path = |extension| root.join(BASELINE).with_extension(extension);
    let about = |path: &Path, error: &dyn std::fmt::Display| format!("cannot write {}: {error}", path.display());
    let earlier = match fs::read(path("json")) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            Some(read.map_err(|error| about(&path("json"), &format!("{error}; remove it to begin anew")))?)
        }
        Err(_) => None,
    };
    let names: Vec<&str> = all.kills.iter().map(|(bug, _)| bug.name.as_str()).collect();
    let kept = Report { unseen: all.unseen, ..report.clone() }.kept(earlier, &names, models);
    for (extension, text) in [("md", table::markdown(&kept)), ("json", super::json(&kept)? + "\n")] {
        fs::write(path(extension), text).map_err(|error| about(&path(extension), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::scratch;
    use super::*;
    use crate::process;

    #[test]
    fn every_bug_of_the_catalogue_says_what_the_explorer_makes_of_it() {
        let bugs = scratch::catalogue(&process::root()).expect("a readable catalogue");
        let sorted = sort(&bugs).expect("each says something");
        let killed = sorted.kills.iter().map(|(bug, _)| &bug.name);
        let names: BTreeSet<&String> = killed.chain(sorted.unseen.iter().map(|unseen| &unseen.name)).collect();
        let modelled = bugs.iter().filter(|bug| !is_unmodelled(bug));
        assert_eq!(names, modelled.map(|bug| &bug.name).collect());
    }

    #[test]
    fn a_bug_that_a_test_judges_need_not_say_anything() {
        let text = r#"
            name = "lost_point"
            source = "a router, 2026"
            wrong = "A point that collides is lost."
            invariant = "goldens::both_are_kept"
            check = { kind = "test", package = "core", suite = "ring" }
        "#;
        let bug = catalogue::parse("tests/bugs/lost_point.patch".into(), text).expect("a valid description");
        let sorted = sort(std::slice::from_ref(&bug)).expect("nothing is asked of it");
        assert!(is_unmodelled(&bug) && sorted.kills.is_empty() && sorted.unseen.is_empty());
    }

    #[test]
    fn a_bug_that_says_nothing_of_the_explorer_is_named_with_its_file() {
        let text = r#"
            name = "early_vote"
            source = "a database, 2018"
            wrong = "A vote leaves before it is on disk."
            invariant = "one_leader_per_term"
            check = { kind = "sim", scenario = "x.toml", seeds = 50 }
        "#;
        let bug = catalogue::parse("tests/bugs/early_vote.patch".into(), text).expect("a valid description");
        let problem = sort(&[bug]).map(|sorted| sorted.kills.len()).expect_err("it says nothing");
        assert!(problem.contains("`early_vote`") && problem.contains("tests/bugs/early_vote.toml"), "{problem}");
    }
}
