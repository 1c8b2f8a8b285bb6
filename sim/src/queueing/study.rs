//! Many runs: policies in settings over seeds, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::column::Column;
use super::estimate::Estimate;
use super::policy::Policy;
use super::run::Run;
use super::settings::Settings;
use super::world::simulate;

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    /// The policies, each once.
    pub policies: Vec<Policy>,
    /// The settings, each once.
    pub columns: Vec<Column>,
    /// How many seeds, numbered from 0; at least one.
    pub seeds: u64,
    /// What all runs have in common.
    pub settings: Settings,
}

/// What a study came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// What was run.
    pub study: Study,
    /// Each policy in each setting, policy by policy.
    cells: Vec<Cell>,
}

/// One policy in one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The policy.
    pub policy: Policy,
    /// The setting.
    pub column: Column,
    /// What came of each seed, in order.
    pub runs: Vec<Run>,
    /// The mean time in the system, in service times.
    pub mean: Estimate,
    /// The time that 99 of 100 requests stay below, in service times.
    pub p99: Estimate,
}

impl Study {
    /// Runs all on so many threads, telling `watch` after each run how many are done of how many. What comes of it does
    /// not depend on the threads.
    pub fn run(self, jobs: usize, watch: &(dyn Fn(usize, usize) + Sync)) -> Findings {
        let seeds = self.seeds.max(1);
        let cells: Vec<(Policy, Column)> =
            self.policies.iter().flat_map(|policy| self.columns.iter().map(|column| (*policy, *column))).collect();
        let total = cells.len() * seeds as usize;
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(total)));
        thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        if place >= total {
                            return;
                        }
                        // Seed by seed, so that the dear policies do not all come last.
                        let (policy, column) = cells[place % cells.len()];
                        let run = simulate(policy, column, &self.settings, (place / cells.len()) as u64);
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push((place, run));
                        watch(done.len(), total);
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(place, _)| *place);
        let mut runs: Vec<Vec<Run>> = cells.iter().map(|_| Vec::new()).collect();
        for (place, run) in done {
            runs[place % cells.len()].push(run);
        }
        let cells =
            cells.into_iter().zip(runs).map(|((policy, column), runs)| Cell::new(policy, column, runs, &self.settings));
        let cells = cells.collect();
        Findings { study: self, cells }
    }
}

impl Findings {
    /// Returns all cells, policy by policy.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns a policy in a setting, if both were run.
    pub fn cell(&self, policy: &str, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.policy.name == policy && cell.column.name == column)
    }
}

impl Cell {
    fn new(policy: Policy, column: Column, runs: Vec<Run>, settings: &Settings) -> Self {
        let times = |of: fn(&Run) -> std::time::Duration| {
            let numbers = runs.iter().map(|run| of(run).as_secs_f64() / settings.service.as_secs_f64());
            Estimate::of(&numbers.collect::<Vec<_>>())
        };
        let (mean, p99) = (times(|run| run.mean), times(|run| run.p99));
        Self { policy, column, runs, mean, p99 }
    }

    /// Returns whether one more seed could have had this mean: it is within the 95 % prediction interval.
    pub fn could_be_of_one_seed(&self, mean: f64) -> bool {
        let widened = self.mean.half_width * (self.runs.len() as f64 + 1.0).sqrt();
        self.mean.half_width.is_finite() && (self.mean.mean - mean).abs() <= widened
    }

    /// Returns the share of requests that went to sick servers.
    pub fn sick_share(&self) -> f64 {
        self.share(|run| run.sent_to_sick)
    }

    /// Returns the share of requests that failed or timed out.
    pub fn failed_share(&self) -> f64 {
        self.share(|run| run.failed)
    }

    /// Returns how many requests waited at the end, as a part of those that were sent: much where queues grow for ever.
    pub fn unanswered_share(&self) -> f64 {
        self.share(|run| run.unanswered)
    }

    fn share(&self, of: fn(&Run) -> u64) -> f64 {
        let sum = |of: fn(&Run) -> u64| self.runs.iter().map(of).sum::<u64>() as f64;
        sum(of) / sum(|run| run.sent).max(1.0)
    }
}
