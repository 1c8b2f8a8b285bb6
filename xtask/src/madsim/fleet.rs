//! Many runs, each a process of its own, as many at a time as there are cores.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::process;

/// One run to be made.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Which scenario, by its place among those that are told.
    pub(super) scenario: usize,
    pub(super) path: PathBuf,
    pub(super) seed: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) task: Task,
    /// What the program said of it, or how it ended instead.
    pub(super) said: Result<Value, String>,
    pub(super) cpu_seconds: f64,
}

impl Outcome {
    /// Returns the invariant that did not hold, if any; a run that said nothing has panicked.
    pub(super) fn broken(&self) -> Option<String> {
        match &self.said {
            Ok(said) if said["verdict"] == "green" => None,
            Ok(said) => Some(said["breach"]["invariant"].as_str().unwrap_or("unknown").to_owned()),
            Err(_) => Some("no-panic".to_owned()),
        }
    }
}

/// Makes all runs, and returns what came of them in the order of the tasks.
pub(super) fn run(program: &Path, tasks: &[Task]) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some((number, task)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    tasks.get(number).map(|task| (number, task))
                } {
                    let outcome = one(program, task);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn one(program: &Path, task: &Task) -> Outcome {
    let mut command = Command::new(program);
    command.arg(&task.path).arg("--seed").arg(task.seed.to_string());
    let (said, cpu_seconds) = match process::listen_and_measure(&mut command) {
        Ok((output, cpu_seconds)) => (understood(&output), cpu_seconds),
        Err(problem) => (Err(problem), 0.0),
    };
    Outcome { task: task.clone(), said, cpu_seconds }
}

/// Reads the verdict; a program that panicked has said none.
fn understood(output: &std::process::Output) -> Result<Value, String> {
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().find_map(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = complaint.lines().rev().take(6).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!("it said no verdict and ended with {}: {}", output.status, last.join(" / "))
    })
}
