//! The world under madsim: a program of its own, because all that it stands on is built for a simulated world.
//!
//! The program is `delian-worlds`, which `cargo xtask madsim` builds from the checkout that this command is used in; it runs
//! one seed and says what that came to.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use delian_sim::scenario::Scenario;
use delian_sim::worlds::{Facts, WorldKind};
use serde::Deserialize;

use crate::answer::Problem;
use crate::screen;

/// How much of what a program complained of is told.
const COMPLAINT_LINES: usize = 6;

/// The program that runs one seed.
pub(super) struct Program(PathBuf);

/// What the program says of a run.
#[derive(Deserialize)]
struct Said {
    facts: Facts,
    fingerprint: String,
    /// What this world lacks of the scenario.
    without: Vec<String>,
}

impl Program {
    /// Builds the program, which takes minutes the first time and nothing later.
    ///
    /// # Errors
    ///
    /// That there is no checkout here, or what the build complains of.
    pub(super) fn build() -> Result<Self, Problem> {
        let here = env::current_dir().map_err(|error| Problem::new(format!("there is no folder here: {error}")))?;
        let checkout = here.ancestors().find(|folder| is_checkout(folder)).ok_or_else(|| {
            Problem::new(format!(
                "the world {} is built from the sources, and {} is in no checkout of them: run this in one",
                WorldKind::Madsim,
                here.display()
            ))
        })?;
        screen::complain("building the simulated world: minutes the first time, seconds later");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .current_dir(checkout)
            .args(["xtask", "madsim", "--program"])
            .stderr(Stdio::inherit())
            .output();
        let built = built.map_err(|error| Problem::new(format!("cannot start cargo: {error}")))?;
        let said = String::from_utf8_lossy(&built.stdout);
        match said.lines().next_back() {
            Some(path) if built.status.success() => Ok(Self(PathBuf::from(path))),
            _ => Err(Problem::new("the simulated world was not built: see what cargo says above")),
        }
    }

    /// Returns what runs with these seeds came to; the first is run twice, and must be the same twice.
    pub(super) fn runs(&self, scenario: &Scenario, seeds: &[u64]) -> Vec<Facts> {
        let mut runs: Vec<Facts> = Vec::new();
        for (place, seed) in seeds.iter().enumerate() {
            let run = self.run(scenario, *seed);
            let again = (place == 0).then(|| self.run(scenario, *seed));
            runs.push(told(run, again));
        }
        runs
    }

    fn run(&self, scenario: &Scenario, seed: u64) -> Result<Said, String> {
        let mut command = Command::new(&self.0);
        command.arg(&scenario.path).arg("--seed").arg(seed.to_string()).stdin(Stdio::null());
        let ended = command.output().map_err(|error| format!("cannot start {}: {error}", self.0.display()))?;
        heard(&ended).map_err(|why| format!("seed {seed} ended with {} and {why}", ended.status))
    }
}

/// Reads what the program said, which agrees with how it ended: 0 if nothing was broken, and otherwise 1.
fn heard(ended: &Output) -> Result<Said, String> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let Some(line) = said.lines().find(|line| line.starts_with('{')) else {
        let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
        let lines: Vec<&str> = complaint.lines().collect();
        let last = &lines[lines.len().saturating_sub(COMPLAINT_LINES)..];
        return Err(format!("said nothing: {}", last.join(" / ")));
    };
    let said: Said = serde_json::from_str(line).map_err(|error| format!("said what is not understood: {error}"))?;
    let right = i32::from(!said.facts.holds());
    if ended.status.code() == Some(right) { Ok(said) } else { Err("said otherwise".to_string()) }
}

fn is_checkout(folder: &Path) -> bool {
    ["worlds", "xtask"].iter().all(|member| folder.join(member).join("Cargo.toml").is_file())
}

/// Returns the facts of a run, broken if it was not the same again.
fn told(run: Result<Said, String>, again: Option<Result<Said, String>>) -> Facts {
    let run = match run {
        Ok(said) => said,
        Err(why) => return broken(why),
    };
    let mut facts = run.facts;
    if !run.without.is_empty() {
        facts.broken.push(format!("this world lacks {} and must be left out: see `[worlds]`", run.without.join(", ")));
    }
    match again {
        Some(Ok(again)) if again.fingerprint != run.fingerprint => {
            let (one, other) = (run.fingerprint, again.fingerprint);
            facts.broken.push(format!("repeats-itself: one seed came to {one}, and then to {other}"));
        }
        Some(Err(why)) => facts.broken.push(why),
        Some(Ok(_)) | None => {}
    }
    facts
}

fn broken(why: String) -> Facts {
    let mut facts = Facts::new(WorldKind::Madsim);
    facts.broken.push(why);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fingerprint: &str, without: &[&str]) -> Said {
        let without = without.iter().map(|it| (*it).to_string()).collect();
        Said { facts: Facts::new(WorldKind::Madsim), fingerprint: fingerprint.to_string(), without }
    }

    #[test]
    fn a_run_that_is_another_the_second_time_is_broken() {
        assert!(told(Ok(said("1f", &[])), Some(Ok(said("1f", &[])))).holds());
        assert!(told(Ok(said("1f", &[])), None).holds());
        let differs = told(Ok(said("1f", &[])), Some(Ok(said("2f", &[]))));
        assert_eq!(differs.broken, ["repeats-itself: one seed came to 1f, and then to 2f"]);
        assert!(!told(Err("gone".to_string()), None).holds());
        assert!(!told(Ok(said("1f", &[])), Some(Err("gone".to_string()))).holds());
    }

    #[test]
    fn a_world_that_lacks_something_of_a_shared_scenario_says_so() {
        assert!(told(Ok(said("1f", &["degrade"])), None).broken[0].contains("lacks degrade"));
    }
}
