//! Many runs: all scenarios over many seeds, on all cores.
//!
//! Workers take the next (scenario, seed) from a shared counter, so no core idles while work is left. The report does
//! not depend on who ran what: a [`Suite`] is equal whatever the order in which outcomes come in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::report::{Report, Suite};
use crate::run::run;
use crate::scenario::Scenario;

/// Which seeds of each scenario to run, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds; a scenario that is pinned to one runs only that.
    pub seeds: u64,
    /// How many worker threads, at least one.
    pub jobs: usize,
    /// Whether to begin nothing new once a run has failed.
    pub stop: Stop,
}

/// When a campaign ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// When all is run.
    AtEnd,
    /// When a run fails.
    AtFirstFailure,
}

/// What a campaign tells while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are done.
    pub done: u64,
    /// Runs in all.
    pub total: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Nanoseconds of virtual time so far.
    pub virtual_nanos: u64,
    /// The run that has just ended.
    pub latest: Option<Ran>,
}

/// A run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The place of its scenario in the list.
    pub scenario: usize,
    /// Its seed.
    pub seed: u64,
    /// The fingerprint of everything that happened in it.
    pub fingerprint: u64,
}

impl Campaign {
    /// Runs all scenarios, telling `watch` after each run.
    pub fn run(self, scenarios: &[Arc<Scenario>], watch: &(dyn Fn(Progress) + Sync)) -> Report {
        let work: Vec<(usize, u64)> = self.work(scenarios);
        let next = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let suites: Vec<Mutex<Suite>> = scenarios.iter().map(|scenario| Mutex::new(Suite::new(scenario))).collect();
        let progress = Mutex::new(Progress { total: work.len() as u64, ..Progress::default() });
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some((number, seed)) = work.get(place as usize).copied() else { return };
                        let outcome = run(&scenarios[number], seed);
                        let failed = outcome.violation.is_some();
                        let virtual_time = crate::random::nanos(outcome.virtual_time);
                        if failed && self.stop == Stop::AtFirstFailure {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        let latest = Some(Ran { scenario: number, seed, fingerprint: outcome.fingerprint });
                        lock(&suites[number]).add(outcome);
                        let mut progress = lock(&progress);
                        progress.done += 1;
                        progress.failed += u64::from(failed);
                        progress.virtual_nanos += virtual_time;
                        progress.latest = latest;
                        watch(*progress);
                    }
                });
            }
        });
        Report::new(
            suites.into_iter().map(|suite| suite.into_inner().unwrap_or_else(PoisonError::into_inner)).collect(),
        )
    }

    /// Lists the runs seed by seed across all scenarios, so that early seeds of all of them come first.
    fn work(self, scenarios: &[Arc<Scenario>]) -> Vec<(usize, u64)> {
        let mut work = Vec::new();
        for offset in 0..self.seeds {
            for (number, scenario) in scenarios.iter().enumerate() {
                match scenario.seed {
                    None => work.push((number, self.first_seed + offset)),
                    Some(pinned) if offset == 0 => work.push((number, pinned)),
                    Some(_) => {}
                }
            }
        }
        work
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
