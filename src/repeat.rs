//! Are equal seeds equal runs? A sample of a campaign runs again in fresh processes and must agree.
//!
//! A fresh process has other addresses, another seed of its hasher and other threads than the one before, so whatever
//! of that leaks into a run shows up as another fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use delian_sim::fleet::{Campaign, Ran};
use delian_sim::outcome::Violation;
use delian_sim::plan::Fork;
use delian_sim::story::Story;
use delian_sim::trace::{Line, Tracer};
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
    /// By the scenario's place and the run.
    fingerprints: Mutex<BTreeMap<(usize, Run), u64>>,
}

/// A run of a scenario: of a seed as it is, or of a fork up to where it was left.
///
/// A fork was run from a copy of a world, and is repeated from its start: both must come to the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) branch: Option<Branch>,
}

/// How a run left that of its seed, and how many events it had behind it when it was left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Branch {
    pub(crate) events: u64,
    pub(crate) forks: Vec<Fork>,
}

impl Run {
    fn of(ran: &Ran) -> Self {
        let branch = || Branch { events: ran.events, forks: ran.forks.clone() };
        Self { seed: ran.seed, branch: (!ran.forks.is_empty()).then(branch) }
    }

    fn forks(&self) -> &[Fork] {
        self.branch.as_ref().map_or(&[], |branch| &branch.forks)
    }

    /// Runs it from its start.
    ///
    /// # Errors
    /// If the scenario cannot be forked like that.
    pub(crate) fn repeat(&self, scenario: &Story, tracer: Tracer) -> Result<(u64, Vec<Line>), Problem> {
        let scenario = scenario.forked(self.forks())?;
        let events = self.branch.as_ref().map_or(u64::MAX, |branch| branch.events);
        Ok(scenario.script(self.seed).run_until(tracer, events))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        if let Some(Branch { events, forks }) = &self.branch {
            let forks: Vec<String> = forks.iter().map(Fork::to_string).collect();
            write!(f, "@{events}@{}", forks.join(","))?;
        }
        Ok(())
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} names no run");
        let parts: Vec<&str> = text.split('@').collect();
        let (seed, branch) = match parts[..] {
            [seed] => (seed, None),
            [seed, events, forks] => {
                let events = events.parse().map_err(|_| wrong())?;
                let forks = forks.split(',').map(str::parse).collect::<Result<_, _>>()?;
                (seed, Some(Branch { events, forks }))
            }
            _ => return Err(wrong()),
        };
        Ok(Self { seed: seed.parse().map_err(|_| wrong())?, branch })
    }
}

/// What to run again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    scenario: &'a Story,
    runs: &'a [Run],
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
    pub(crate) forks: Vec<Fork>,
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
    pub(crate) fn offer(&self, ran: &Ran, scenario: &Story) {
        // A pinned seed is the only one of its scenario.
        if scenario.seed().is_some() || (ran.seed - self.first_seed).is_multiple_of(self.stride) {
            lock(&self.fingerprints).insert((ran.scenario, Run::of(ran)), ran.fingerprint);
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
        scenarios: &[Story],
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
                    while let Some((number, runs)) = { lock(&batches).pop() } {
                        let request =
                            Request { scenario: &scenarios[number], runs: &runs, wanted: Wanted::Fingerprint };
                        match rerun(request).and_then(|text| fingerprints(&text, &runs)) {
                            Ok(fresh) => {
                                let count = runs.len();
                                let runs = runs.into_iter().map(|run| (number, run)).zip(fresh);
                                lock(&differing).extend(runs.filter(|(run, fresh)| expected[run] != *fresh));
                                watch(count);
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
fn batches(expected: &BTreeMap<(usize, Run), u64>) -> Vec<(usize, Vec<Run>)> {
    let mut runs_of: BTreeMap<usize, Vec<Run>> = BTreeMap::new();
    for (number, run) in expected.keys() {
        runs_of.entry(*number).or_default().push(run.clone());
    }
    let parts = |(number, runs): (usize, Vec<Run>)| {
        runs.chunks(RUNS_PER_PROCESS).map(|part| (number, part.to_vec())).collect::<Vec<_>>()
    };
    runs_of.into_iter().flat_map(parts).collect()
}

/// Reads one line for each run, in order.
fn fingerprints(text: &str, runs: &[Run]) -> Result<Vec<u64>, Problem> {
    let line = |(line, run): (&str, &Run)| {
        let (named, fingerprint) = line.split_once(' ')?;
        (named.parse().as_ref() == Ok(run)).then(|| u64::from_str_radix(fingerprint, 16).ok())?
    };
    let read: Option<Vec<u64>> = text.lines().zip(runs).map(line).collect();
    read.filter(|read| read.len() == runs.len() && text.lines().count() == runs.len()).ok_or_else(|| {
        let runs: Vec<String> = runs.iter().map(Run::to_string).collect();
        Problem::new(format!("a fresh process answered for seeds {} with:\n{text}", runs.join(" ")))
    })
}

/// Looks for the first differing event of the first run of each scenario that came apart: they have one cause.
fn findings(
    differing: &BTreeMap<(usize, Run), u64>,
    expected: &BTreeMap<(usize, Run), u64>,
    scenarios: &[Story],
    rerun: Rerun<'_>,
) -> Result<Vec<Finding>, Problem> {
    let mut compared = BTreeSet::new();
    let mut findings = Vec::new();
    for (place, fresh) in differing {
        let (number, run) = place;
        let comparison =
            if compared.insert(number) { compare(&scenarios[*number], run, rerun)? } else { Comparison::Skipped };
        let violation = came_apart(expected[place], *fresh, comparison);
        findings.push(Finding { scenario: *number, seed: run.seed, forks: run.forks().to_vec(), violation });
    }
    Ok(findings)
}

fn compare(scenario: &Story, run: &Run, rerun: Rerun<'_>) -> Result<Comparison, Problem> {
    let (_, here) = run.repeat(scenario, Tracer::All(Vec::new()))?;
    for _ in 0..TRACES_MAX {
        let fresh = rerun(Request { scenario, runs: std::slice::from_ref(run), wanted: Wanted::Trace })?;
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
    command.args(request.runs.iter().map(|run| format!("--run={run}")));
    if request.wanted == Wanted::Trace {
        command.arg("--trace");
    }
    command.arg("--").arg(request.scenario.path());
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
    use delian_sim::guide::Guide;
    use delian_sim::outcome::Outcome;
    use delian_sim::scenario::{Scenario, Swarm, Workload, secs};
    use std::sync::Arc;

    use super::*;

    const JOBS: usize = 2;

    fn scenarios() -> Vec<Story> {
        let scenario = |name| Scenario::build(name).about("It is quiet.").chaos(secs(1)).finish();
        ["one", "two"].map(|name| Story::from(Arc::new(scenario(name).expect("it makes sense")))).to_vec()
    }

    fn campaign(seeds: u64) -> Campaign {
        Campaign { first_seed: 0, seeds, jobs: 1, stop: Stop::AtEnd, guide: Guide::None }
    }

    /// The sample of a campaign, with the fingerprints that this process came to.
    fn sample(scenarios: &[Story], seeds: u64) -> Sample {
        let sample = Sample::of(campaign(seeds));
        for (number, scenario) in scenarios.iter().enumerate() {
            for seed in 0..seeds {
                let Outcome { events, fingerprint, .. } = scenario.script(seed).run();
                sample.offer(&Ran { scenario: number, seed, forks: Vec::new(), events, fingerprint }, scenario);
            }
        }
        sample
    }

    /// Repeats runs in this process, and changes what is printed.
    fn in_this_process(request: Request<'_>, change: impl Fn(String) -> String) -> String {
        let mut text = String::new();
        for run in request.runs {
            let (fingerprint, lines) = run.repeat(request.scenario, Tracer::All(Vec::new())).expect("it can be run");
            match request.wanted {
                Wanted::Fingerprint => text.push_str(&change(format!("{run} {fingerprint:016x}\n"))),
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
        assert_eq!(Sample::of(campaign(1_000_000)).stride, 25_000);
    }

    #[test]
    fn runs_that_repeat_themselves_are_no_finding() {
        let scenarios = scenarios();
        let honest = |request: Request<'_>| Ok(in_this_process(request, |text| text));
        let found = sample(&scenarios, 41).repeat(&scenarios, JOBS, &honest, &|_| {});
        assert_eq!(found.expect("all runs were repeated"), []);
    }

    #[test]
    fn a_run_reads_back_as_it_was_written() {
        for text in ["7", "7@4123@12.5s:swarm:3", "7@4123@12.5s:swarm:3,14s:plain:9"] {
            assert_eq!(text.parse::<Run>().map(|run| run.to_string()), Ok(text.to_string()));
        }
        for text in ["", "x", "7@", "7@1", "7@1@", "7@x@1s:swarm:1", "7@1@1s:swarm:1@2"] {
            assert!(text.parse::<Run>().is_err(), "{text:?} was taken for a run");
        }
    }

    #[test]
    fn forks_are_repeated_from_their_start() {
        let scenario = Scenario::build("swarm").about("Much goes wrong.").chaos(secs(20));
        let scenario = scenario.workload(Workload::default()).swarm(Swarm::default()).finish();
        let scenarios = [Story::from(Arc::new(scenario.expect("it makes sense")))];
        let campaign = Campaign { guide: Guide::Both, ..campaign(21) };
        let sample = Sample::of(campaign);
        let report = campaign.run(&scenarios, &|progress| {
            progress.latest.iter().for_each(|ran| sample.offer(ran, &scenarios[ran.scenario]));
        });
        assert!(report.ok());
        assert_eq!(sample.count(), 4, "of seeds 0 and 20 their own runs and a fork");
        let honest = |request: Request<'_>| Ok(in_this_process(request, |text| text));
        let found = sample.repeat(&scenarios, JOBS, &honest, &|_| {});
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
