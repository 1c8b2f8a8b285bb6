//! Many runs: all scenarios over many seeds, on all cores.
//!
//! Workers take the next (scenario, seed) from a shared counter, so no core idles while work is left. The report does
//! not depend on who ran what: a [`Suite`] is equal whatever the order in which outcomes come in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::guide::{Explored, Guide};
use crate::plan::Fork;
use crate::report::{Report, Suite};
use crate::story::Story;

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
    /// What is looked at beside the run that each seed draws by itself.
    pub guide: Guide,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are done.
    pub done: u64,
    /// Runs in all.
    pub total: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Nanoseconds of virtual time so far.
    pub virtual_nanos: u64,
    /// What has just ended: the run of a seed, and the last that was looked at beside it.
    pub latest: Vec<Ran>,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The place of its scenario in the list.
    pub scenario: usize,
    /// Its seed.
    pub seed: u64,
    /// Where it forked.
    pub forks: Vec<Fork>,
    /// How many events its world processed.
    pub events: u64,
    /// The fingerprint of everything that happened in it.
    pub fingerprint: u64,
}

impl Campaign {
    /// Runs all scenarios, telling `watch` after each run.
    pub fn run(self, scenarios: &[Story], watch: &(dyn Fn(Progress) + Sync)) -> Report {
        let next = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let suites: Vec<Mutex<Suite>> = scenarios.iter().map(|scenario| Mutex::new(Suite::new(scenario))).collect();
        let progress = Mutex::new(Progress { total: self.total(scenarios), ..Progress::default() });
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some((number, seed)) = self.work(scenarios, place) else { return };
                        let explored = scenarios[number].explore(seed, self.guide);
                        let failed = explored.fails();
                        let virtual_time = crate::random::nanos(explored.trunk.virtual_time);
                        if failed && self.stop == Stop::AtFirstFailure {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        let latest = latest(number, &explored);
                        lock(&suites[number]).add_explored(explored);
                        let mut progress = lock(&progress);
                        progress.done += 1;
                        progress.failed += u64::from(failed);
                        progress.virtual_nanos += virtual_time;
                        progress.latest = latest;
                        watch(progress.clone());
                    }
                });
            }
        });
        Report::new(
            suites.into_iter().map(|suite| suite.into_inner().unwrap_or_else(PoisonError::into_inner)).collect(),
        )
    }

    /// Returns how many runs there are.
    fn total(self, scenarios: &[Story]) -> u64 {
        scenarios.iter().fold(0, |total, scenario| total.saturating_add(scenario.seeds(self.seeds)))
    }

    /// Returns the run at a place in the order seed by seed across all scenarios, so that early seeds of all of them
    /// come first. A scenario that wants fewer seeds than others takes part in the first rounds alone; one that is pinned
    /// to a seed, in the first.
    fn work(self, scenarios: &[Story], place: u64) -> Option<(usize, u64)> {
        let (mut left, mut round) = (place, 0);
        loop {
            let taking_part = scenarios.iter().enumerate().filter(|(_, it)| it.seeds(self.seeds) > round);
            let columns = taking_part.clone().count() as u64;
            // Until somebody drops out, all rounds are alike.
            let until = taking_part.clone().map(|(_, scenario)| scenario.seeds(self.seeds)).min()?;
            let runs = columns.saturating_mul(until - round);
            if left < runs {
                let (number, scenario) = taking_part.clone().nth((left % columns) as usize)?;
                let seed = self.first_seed.saturating_add(round + left / columns);
                return Some((number, scenario.seed().unwrap_or(seed)));
            }
            (left, round) = (left - runs, until);
        }
    }
}

/// Names the run of a seed and the last branch, which takes up what the others left.
fn latest(scenario: usize, explored: &Explored) -> Vec<Ran> {
    let Explored { trunk, branches } = explored;
    let seed = trunk.seed;
    let own = Ran { scenario, seed, forks: Vec::new(), events: trunk.events, fingerprint: trunk.fingerprint };
    let last = branches.last().map(|branch| Ran {
        scenario,
        seed,
        forks: branch.forks.clone(),
        events: branch.events,
        fingerprint: branch.fingerprint,
    });
    std::iter::once(own).chain(last).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::{Scenario, secs};

    fn scenario(name: &str, seed: Option<u64>) -> Story {
        let builder = Scenario::build(name).about("Nothing goes wrong.").voters(1).chaos(secs(1));
        let builder = seed.map_or(builder.clone(), |seed| builder.seed(seed));
        Story::from(Arc::new(builder.finish().expect("the scenario is well-formed")))
    }

    #[test]
    fn runs_go_seed_by_seed_and_a_pinned_scenario_runs_once() {
        let scenarios = [scenario("a", None), scenario("b", Some(7)), scenario("c", None)];
        let campaign = Campaign { first_seed: 3, seeds: 3, jobs: 1, stop: Stop::AtEnd, guide: Guide::None };
        let order: Vec<_> = (0..).map_while(|place| campaign.work(&scenarios, place)).collect();
        assert_eq!(order, [(0, 3), (1, 7), (2, 3), (0, 4), (2, 4), (0, 5), (2, 5)]);
        assert_eq!(campaign.total(&scenarios), 7);
    }

    #[test]
    fn a_scenario_that_wants_few_seeds_takes_part_in_the_first_rounds_alone() {
        let text = "about = \"It is quiet.\"\n[pool]\n[run]\nseeds_max = 2\n";
        let large = Story::from_toml(text, "large.toml").expect("it makes sense");
        let scenarios = [large, scenario("b", Some(7)), scenario("c", None)];
        let campaign = Campaign { first_seed: 3, seeds: 4, jobs: 1, stop: Stop::AtEnd, guide: Guide::None };
        let order: Vec<_> = (0..).map_while(|place| campaign.work(&scenarios, place)).collect();
        assert_eq!(order, [(0, 3), (1, 7), (2, 3), (0, 4), (2, 4), (2, 5), (2, 6)]);
        assert_eq!(campaign.total(&scenarios), 7);
    }

    #[test]
    fn as_many_seeds_as_there_are_need_no_list() {
        let endless = Campaign { first_seed: 0, seeds: u64::MAX, jobs: 1, stop: Stop::AtEnd, guide: Guide::None };
        assert_eq!(endless.work(&[scenario("a", None)], 1 << 40), Some((0, 1 << 40)));
        let nothing = Campaign { seeds: 0, ..endless };
        assert_eq!((nothing.work(&[scenario("a", None)], 0), nothing.total(&[])), (None, 0));
        assert_eq!(endless.work(&[scenario("b", Some(7))], 1), None);
    }
}
