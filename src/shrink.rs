//! `delian shrink`: the smallest story that still breaks the same invariant, as a file that replays.

use std::fs;
use std::path::Path;

use delian_sim::outcome::Violation;
use delian_sim::report::human::{grouped, plural};
use delian_sim::report::{Report, Suite};
use delian_sim::story::{Script, Story};

use crate::answer::{Answer, Problem};
use crate::cli::ShrinkArguments;
use crate::load;
use crate::progress::Bar;
use crate::screen::{self, Screen};

pub(crate) fn run(arguments: &ShrinkArguments) -> Result<Answer, Problem> {
    let (scenario, seed) = load::run(&arguments.run)?;
    let out = arguments.out.as_path();
    let script = scenario.script(seed);
    check_out(out, &script, arguments.force)?;

    let bar = Bar::of_search();
    let shrunk = script.shrink(&|stage| bar.tell_search(stage));
    drop(bar);
    let Some((small, violation, attempts)) = shrunk else {
        return Err(Problem::new(format!(
            "seed {seed} of {} breaks nothing, so there is nothing to shrink",
            scenario.path()
        )));
    };
    let from = if script.forks().is_empty() { "" } else { "a fork of " };
    let about = format!("{} (Shrunk from {from}seed {seed} of {}.)", violation.sentence, scenario.name());
    let text = small.to_toml(&name_of(out), &about);
    let proof = prove(&text, out, &violation)?;
    fs::write(out, &text).map_err(|error| unwritable(out, &error.to_string()))?;

    let screen = Screen::of_output();
    let mut story = sizes(&script, &small, attempts);
    story.push_str(&proof.failures_to_terminal(screen.width(), screen.color));
    let heading = screen.strong(&format!("The whole story, in {}", out.display()));
    screen::say(&format!("{story}\n{heading}\n{}", indented(&text)))?;
    Ok(Answer::Yes)
}

/// Finds out before the long search whether its result can be saved.
fn check_out(out: &Path, script: &Script, force: bool) -> Result<(), Problem> {
    if !force && out.exists() {
        return Err(Problem::new(format!(
            "{} exists: choose another file, or overwrite it with --force",
            out.display()
        )));
    }
    if out.extension().is_none_or(|extension| extension != "toml") {
        return Err(Problem::new(format!("{} does not end in .toml, so no folder would list it", out.display())));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(unwritable(out, "there is no such folder"));
    }
    let text = script.to_toml(&name_of(out), script.title().about);
    Story::from_toml(&text, &out.display().to_string())?;
    Ok(())
}

/// Reads the text back as the file it will be, and runs it, before any file is touched.
///
/// # Errors
/// If it does not break the invariant that it was shrunk for.
pub(crate) fn prove(text: &str, out: &Path, violation: &Violation) -> Result<Report, Problem> {
    let scenario = Story::from_toml(text, &out.display().to_string())?;
    let seed = scenario.seed().expect("a plan that becomes a scenario pins its seed");
    let outcome = scenario.script(seed).run();
    let broken = outcome.violation.as_ref().map(|violation| violation.invariant);
    if broken != Some(violation.invariant) {
        let broken = broken.unwrap_or("nothing");
        let message = format!("{} should break {}, but breaks {broken}", out.display(), violation.invariant);
        return Err(Problem::new(message));
    }
    let mut suite = Suite::new(&scenario);
    suite.add(outcome);
    Ok(Report::new(vec![suite]))
}

fn sizes(before: &Script, after: &Script, attempts: u64) -> String {
    let row = |((what, before), (_, after)): ((&str, u64), (&str, u64))| {
        format!("  {what:10}  {:>6}  {:>6}\n", grouped(before), grouped(after))
    };
    [
        format!(
            "Shrunk in {}, loaded from its file and run again: it breaks the same invariant.\n\n",
            plural(attempts, "run")
        ),
        format!("  {:10}  {:>6}  {:>6}\n", "", "before", "after"),
        before.sizes().into_iter().zip(after.sizes()).map(row).collect::<String>(),
    ]
    .concat()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") }).collect()
}

fn name_of(out: &Path) -> String {
    out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn unwritable(out: &Path, why: &str) -> Problem {
    Problem::new(format!("cannot write {}: {why}", out.display()))
}
