//! Are equal seeds equal runs? A sample of a campaign runs again in fresh processes and must agree.
//!
//! A fresh process has other addresses, another seed of its hasher and other threads than the one before, so whatever
//! of that leaks into a run shows up as another fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use delian_sim::fleet::{Campaign, Ran};
use delian_sim::outcome::Violation;
use delian_sim::plan::Plan;
use delian_sim::run::{digest_embedder, run_traced};
use delian_sim::scenario::Scenario;
use delian_sim::trace::Tracer;
use delian_sim::trace_diff::{Comparison, came_apart, first_difference};

use crate::answer::Problem;

/// Of how many runs of a scenario one is repeated.
const ONE_IN: u64 = 20;

/// The most runs of one scenario that are repeated, which keeps a campaign of any length to seconds of repetition.
const RUNS_MAX: u64 = 40;

/// How many runs one fresh process repeats: enough to make its start cheap, few enough to keep all cores busy.
const RUNS_PER_PROCESS: usize = 10;

/// How many fresh processes trace a run that came apart until one differs again: what leaks into a run may be as little
/// as one bit, and agree by chance.
const TRACES_MAX: usize = 10;

/// The runs of a campaign that are to be repeated, with their fingerprints.
pub(crate) struct Sample {
    first_seed: u64,
    stride: u64,
    /// By the scenario's place and the seed.
    fingerprints: Mutex<BTreeMap<(usize, u64), u64>>,
}

/// What to run again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    scenario: &'a Scenario,
    seeds: &'a [u64],
    wanted: Wanted,
}

/// What is wanted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Fingerprint,
    Trace,
}

/// A run that did not repeat itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The scenario's place.
    pub(crate) scenario: usize,
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
}

/// Runs again and returns what was printed.
pub(crate) type Rerun<'a> = &'a (dyn Fn(Request<'_>) -> Result<String, Problem> + Sync);

impl Sample {
    pub(crate) fn of(campaign: Campaign) -> Self {
        let stride = ONE_IN.max(campaign.seeds.div_ceil(RUNS_MAX));
        Self { first_seed: campaign.first_seed, stride, fingerprints: Mutex::default() }
    }

    /// Takes a run into the sample, if it is one of those.
    pub(crate) fn offer(&self, ran: Ran, scenario: &Scenario) {
        // A pinned seed is the only one of its scenario.
        if scenario.seed.is_some() || (ran.seed - self.first_seed).is_multiple_of(self.stride) {
            lock(&self.fingerprints).insert((ran.scenario, ran.seed), ran.fingerprint);
        }
    }

    /// Returns how many runs are to be repeated.
    pub(crate) fn count(&self) -> usize {
        lock(&self.fingerprints).len()
    }

    /// Repeats the sample with so many processes at a time, telling `watch` how many runs were repeated.
    ///
    /// # Errors
    /// If a run could not be repeated.
    pub(crate) fn repeat(
        &self,
        scenarios: &[Arc<Scenario>],
        jobs: usize,
        rerun: Rerun<'_>,
        watch: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Finding>, Problem> {
        let expected = lock(&self.fingerprints).clone();
        let batches = Mutex::new(batches(&expected));
        let differing = Mutex::new(BTreeMap::new());
        let problem = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some((number, seeds)) = { lock(&batches).pop() } {
                        let request =
                            Request { scenario: &scenarios[number], seeds: &seeds, wanted: Wanted::Fingerprint };
                        match rerun(request).and_then(|text| fingerprints(&text, &seeds)) {
                            Ok(fresh) => {
                                let runs = seeds.iter().map(|seed| (number, *seed)).zip(fresh);
                                lock(&differing).extend(runs.filter(|(run, fresh)| expected[run] != *fresh));
                                watch(seeds.len());
                            }
                            Err(found) => {
                                lock(&batches).clear();
                                lock(&problem).get_or_insert(found);
                            }
                        }
                    }
                });
            }
        });
        if let Some(problem) = problem.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(problem);
        }
        let differing = differing.into_inner().unwrap_or_else(PoisonError::into_inner);
        findings(&differing, &expected, scenarios, rerun)
    }
}

/// Parts the sample by scenario, then into batches for one process each.
fn batches(expected: &BTreeMap<(usize, u64), u64>) -> Vec<(usize, Vec<u64>)> {
    let mut seeds_of: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (number, seed) in expected.keys() {
        seeds_of.entry(*number).or_default().push(*seed);
    }
    let parts = |(number, seeds): (usize, Vec<u64>)| {
        seeds.chunks(RUNS_PER_PROCESS).map(|part| (number, part.to_vec())).collect::<Vec<_>>()
    };
    seeds_of.into_iter().flat_map(parts).collect()
}

/// Reads one line for each seed, in order.
fn fingerprints(text: &str, seeds: &[u64]) -> Result<Vec<u64>, Problem> {
    let line = |(line, seed): (&str, &u64)| {
        let (named, fingerprint) = line.split_once(' ')?;
        (named.parse() == Ok(*seed)).then(|| u64::from_str_radix(fingerprint, 16).ok())?
    };
    let read: Option<Vec<u64>> = text.lines().zip(seeds).map(line).collect();
    read.filter(|read| read.len() == seeds.len() && text.lines().count() == seeds.len())
        .ok_or_else(|| Problem::new(format!("a fresh process answered for seeds {seeds:?} with:\n{text}")))
}

/// Looks for the first differing event of the first run of each scenario that came apart: they have one cause.
fn findings(
    differing: &BTreeMap<(usize, u64), u64>,
    expected: &BTreeMap<(usize, u64), u64>,
    scenarios: &[Arc<Scenario>],
    rerun: Rerun<'_>,
) -> Result<Vec<Finding>, Problem> {
    let mut compared = BTreeSet::new();
    let mut findings = Vec::new();
    for (run, fresh) in differing {
        let (number, seed) = *run;
        let comparison =
            if compared.insert(number) { compare(&scenarios[number], seed, rerun)? } else { Comparison::Skipped };
        let violation = came_apart(expected[run], *fresh, comparison);
        findings.push(Finding { scenario: number, seed, violation });
    }
    Ok(findings)
}

fn compare(scenario: &Arc<Scenario>, seed: u64, rerun: Rerun<'_>) -> Result<Comparison, Problem> {
    let plan = Arc::new(Plan::draw(scenario, seed));
    let (_, here) = run_traced(&plan, &digest_embedder(), Tracer::All(Vec::new()));
    for _ in 0..TRACES_MAX {
        let fresh = rerun(Request { scenario, seeds: &[seed], wanted: Wanted::Trace })?;
        if let Some(difference) = first_difference(&here, fresh.lines()) {
            return Ok(Comparison::Differ(difference));
        }
    }
    Ok(Comparison::Equal)
}

/// Runs again in a fresh process of this very command.
///
/// # Errors
/// If the process cannot be started or does not do as it was told.
pub(crate) fn in_a_fresh_process(request: Request<'_>) -> Result<String, Problem> {
    let broken = |what: &str| Problem::new(format!("cannot repeat a run in a fresh process: {what}"));
    let own = env::current_exe().map_err(|error| broken(&format!("where is this command? {error}")))?;
    let mut command = Command::new(&own);
    command.arg("rerun");
    command.args(request.seeds.iter().map(|seed| format!("--seed={seed}")));
    if request.wanted == Wanted::Trace {
        command.arg("--trace");
    }
    command.arg("--").arg(&request.scenario.path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| broken(&format!("{}: {error}", own.display())))?;
    let mut input = child.stdin.take().expect("it was piped");
    // A child that reads to the end before it writes cannot block here. One that dies says why on standard error.
    let told = input.write_all(request.scenario.to_toml().as_bytes());
    drop(input);
    let output = child.wait_with_output().map_err(|error| broken(&error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim()));
    }
    told.map_err(|error| broken(&error.to_string()))?;
    String::from_utf8(output.stdout).map_err(|error| broken(&error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use delian_sim::fleet::Stop;
    use delian_sim::run;
    use delian_sim::scenario::secs;

    use super::*;

    const JOBS: usize = 2;

    fn scenarios() -> Vec<Arc<Scenario>> {
        let scenario = |name| Scenario::build(name).about("It is quiet.").chaos(secs(1)).finish();
        ["one", "two"].map(|name| Arc::new(scenario(name).expect("it makes sense"))).to_vec()
    }

    /// The sample of a campaign, with the fingerprints that this process came to.
    fn sample(scenarios: &[Arc<Scenario>], seeds: u64) -> Sample {
        let sample = Sample::of(Campaign { first_seed: 0, seeds, jobs: 1, stop: Stop::AtEnd });
        for (number, scenario) in scenarios.iter().enumerate() {
            for seed in 0..seeds {
                let fingerprint = run::run(scenario, seed).fingerprint;
                sample.offer(Ran { scenario: number, seed, fingerprint }, scenario);
            }
        }
        sample
    }

    /// Repeats runs in this process, and changes what is printed.
    fn in_this_process(request: Request<'_>, change: impl Fn(String) -> String) -> String {
        let scenario = Arc::new(request.scenario.clone());
        let mut text = String::new();
        for seed in request.seeds {
            let plan = Arc::new(Plan::draw(&scenario, *seed));
            let (outcome, lines) = run_traced(&plan, &digest_embedder(), Tracer::All(Vec::new()));
            match request.wanted {
                Wanted::Fingerprint => text.push_str(&change(format!("{seed} {:016x}\n", outcome.fingerprint))),
                Wanted::Trace => text.extend(lines.iter().map(|line| change(format!("{line}\n")))),
            }
        }
        text
    }

    #[test]
    fn one_in_twenty_runs_is_repeated_and_at_least_one() {
        let scenarios = scenarios();
        assert_eq!(sample(&scenarios, 1).count(), 2);
        assert_eq!(sample(&scenarios, 41).count(), 6);
        let long = Sample::of(Campaign { first_seed: 0, seeds: 1_000_000, jobs: 1, stop: Stop::AtEnd });
        assert_eq!(long.stride, 25_000);
    }

    #[test]
    fn runs_that_repeat_themselves_are_no_finding() {
        let scenarios = scenarios();
        let honest = |request: Request<'_>| Ok(in_this_process(request, |text| text));
        let found = sample(&scenarios, 41).repeat(&scenarios, JOBS, &honest, &|_| {});
        assert_eq!(found.expect("all runs were repeated"), []);
    }

    #[test]
    fn a_run_that_does_not_repeat_itself_is_told_with_its_first_differing_event() {
        let scenarios = scenarios();
        let change = |text: String| match text.strip_prefix("20 ") {
            Some(_) => "20 00000000000000ab\n".to_string(),
            None => text.replace("n2 ", "n9 "),
        };
        let lying = |request: Request<'_>| Ok(in_this_process(request, change));
        let found = sample(&scenarios, 41).repeat(&scenarios, JOBS, &lying, &|_| {}).expect("all were repeated");
        let runs: Vec<_> = found.iter().map(|finding| (finding.scenario, finding.seed)).collect();
        assert_eq!(runs, [(0, 20), (1, 20)]);
        let facts = &found[0].violation.facts;
        assert!(facts[0].ends_with("and 00000000000000ab in a fresh one"), "{facts:?}");
        assert!(facts[1].contains("in this process:") && facts[1].contains("n2 "), "{facts:?}");
        assert!(facts[2].contains("in a fresh process:") && facts[2].contains("n9 "), "{facts:?}");
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_a_problem() {
        let scenarios = scenarios();
        for nonsense in ["", "0\n", "1 00000000000000ab\n", "0 xyz\n", "0 ab\n0 ab\n"] {
            let broken = |_: Request<'_>| Ok(nonsense.to_string());
            let found = sample(&scenarios, 1).repeat(&scenarios, JOBS, &broken, &|_| {});
            assert!(found.is_err(), "{nonsense:?} was taken for an answer");
        }
    }
}
