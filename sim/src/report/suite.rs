//! The runs of one scenario.
//!
//! Adding runs and merging suites commute: whichever thread finished which seed first, the suite is the same. Memory
//! is bounded by the failures, one short entry each, and not by the runs.

use std::collections::BTreeMap;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::confidence::failure_rate_max;
use super::detection::Measured;
use super::histogram::Histogram;
use super::replay::replay_line;
use super::worst::Worst;
use crate::guide::{Branch, Explored};
use crate::noticed::Notice;
use crate::outcome::{Counts, Outcome, Violation};
use crate::plan::Fork;
use crate::story::Title;

/// How many failures keep their facts and trace: those of the lowest seeds. The others can be replayed.
pub const FULL_FAILURES_MAX: usize = 20;

/// From how many seeds on [`crate::scenario::Expectations::suite`] is asked: fewer may miss a rare fact by chance.
pub const SUITE_SEEDS_LEAST: u64 = 20;

const FAULT_PREFIX: &str = "fault.";
const ELECTIONS: &str = "elections";
const COMMITS: &str = "commits";

/// The results of one scenario over many seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    name: String,
    about: String,
    path: String,
    expected: BTreeMap<String, u64>,
    seeds: u64,
    failures: BTreeMap<u64, Violation>,
    /// Where a seed forked that failed in no other way.
    forks: BTreeMap<u64, Vec<Fork>>,
    branches: u64,
    branch_events: u64,
    counts: Counts,
    virtual_nanos: u128,
    events: u64,
    fingerprint: u64,
    commit_latency: Histogram,
    leaderless: Histogram,
    settle: Histogram,
    worst_commit_latency: Worst,
    worst_leaderless: Worst,
    worst_settle: Worst,
    noticed: BTreeMap<Notice, Measured>,
}

/// How a suite ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every seed was green and what was to happen happened.
    Passed,
    /// A seed broke an invariant, or the suite missed an expectation.
    Failed,
    /// No seed was run, so nothing is known.
    NotRun,
}

/// One seed that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The seed.
    pub seed: u64,
    /// What went wrong; past [`FULL_FAILURES_MAX`] failures without facts and tail.
    pub violation: &'a Violation,
    suite: &'a Suite,
}

/// A fact that all runs together were to count more often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The fact's name.
    pub fact: String,
    /// How often it was to happen.
    pub wanted: u64,
    /// How often it did.
    pub counted: u64,
}

impl Suite {
    /// Begins a suite without runs.
    pub fn new<'a>(scenario: impl Into<Title<'a>>) -> Self {
        let Title { name, about, path, expect } = scenario.into();
        Self {
            name: name.to_string(),
            about: about.to_string(),
            path: path.to_string(),
            expected: expect.suite.clone(),
            seeds: 0,
            failures: BTreeMap::new(),
            forks: BTreeMap::new(),
            branches: 0,
            branch_events: 0,
            counts: Counts::default(),
            virtual_nanos: 0,
            events: 0,
            fingerprint: 0,
            commit_latency: Histogram::default(),
            leaderless: Histogram::default(),
            settle: Histogram::default(),
            worst_commit_latency: Worst::default(),
            worst_leaderless: Worst::default(),
            worst_settle: Worst::default(),
            noticed: BTreeMap::new(),
        }
    }

    /// Takes in one run. Each seed is to be added once.
    pub fn add(&mut self, outcome: Outcome) {
        let Outcome {
            seed,
            violation,
            counts,
            virtual_time,
            events,
            inputs: _,
            fingerprint,
            commit_latencies,
            leaderless_spans,
            settled_after,
            noticed,
        } = outcome;
        self.seeds += 1;
        self.counts.merge(&counts);
        self.virtual_nanos += virtual_time.as_nanos();
        self.events = self.events.saturating_add(events);
        self.fingerprint = self.fingerprint.wrapping_add(hash_of(seed, fingerprint));
        for span in &commit_latencies {
            self.commit_latency.add(*span);
        }
        for span in &leaderless_spans {
            self.leaderless.add(*span);
        }
        if let Some(span) = settled_after {
            self.settle.add(span);
        }
        self.worst_commit_latency.offer(seed, commit_latencies.iter().max().copied());
        self.worst_leaderless.offer(seed, leaderless_spans.iter().max().copied());
        self.worst_settle.offer(seed, settled_after);
        for (notice, spans) in noticed.iter() {
            self.noticed.entry(notice).or_default().add(spans);
        }
        if let Some(violation) = violation {
            self.failures.insert(seed, violation);
            self.shorten_failures();
        }
    }

    /// Takes in one run that forked like that, as its replay does.
    pub fn add_replayed(&mut self, outcome: Outcome, forks: &[Fork]) {
        if outcome.violation.is_some() && !forks.is_empty() {
            self.forks.insert(outcome.seed, forks.to_vec());
        }
        self.add(outcome);
    }

    /// Takes in what a seed came to: its run, and what was looked at beside it. Only the run itself counts for what is to
    /// happen and for how long things take; whatever breaks an invariant counts as the seed's failure.
    pub fn add_explored(&mut self, explored: Explored) {
        let Explored { trunk, branches } = explored;
        let seed = trunk.seed;
        self.add(trunk);
        for Branch { forks, events: _, own_events, fingerprint, violation } in branches {
            self.branches += 1;
            self.branch_events = self.branch_events.saturating_add(own_events);
            self.fingerprint = self.fingerprint.wrapping_add(hash_of(seed, fingerprint));
            if let Some(violation) = violation {
                self.forks.insert(seed, forks);
                self.failures.insert(seed, violation);
                self.shorten_failures();
            }
        }
    }

    /// Adds what was found about a run after it was added, such as that it does not repeat itself.
    pub fn add_finding(&mut self, seed: u64, forks: &[Fork], finding: Violation) {
        if let Some(violation) = self.failures.get_mut(&seed) {
            violation.facts.extend(finding.facts);
        } else {
            self.failures.insert(seed, finding);
            if !forks.is_empty() {
                self.forks.insert(seed, forks.to_vec());
            }
        }
        self.shorten_failures();
    }

    /// Adds another part of the same suite.
    ///
    /// # Panics
    /// If the other part is of another scenario.
    pub fn merge(&mut self, other: Self) {
        assert_eq!((&self.path, &self.name), (&other.path, &other.name), "parts of one suite tell one story");
        self.seeds += other.seeds;
        self.counts.merge(&other.counts);
        self.virtual_nanos += other.virtual_nanos;
        self.events = self.events.saturating_add(other.events);
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        self.commit_latency.merge(&other.commit_latency);
        self.leaderless.merge(&other.leaderless);
        self.settle.merge(&other.settle);
        self.worst_commit_latency.merge(&other.worst_commit_latency);
        self.worst_leaderless.merge(&other.worst_leaderless);
        self.worst_settle.merge(&other.worst_settle);
        for (notice, measured) in &other.noticed {
            self.noticed.entry(*notice).or_default().merge(measured);
        }
        self.branches += other.branches;
        self.branch_events = self.branch_events.saturating_add(other.branch_events);
        self.forks.extend(other.forks);
        self.failures.extend(other.failures);
        self.shorten_failures();
    }

    /// Returns the scenario's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what must hold, in one sentence.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Returns where the scenario was read from; empty for one built in Rust.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns how many seeds were run.
    pub fn seeds(&self) -> u64 {
        self.seeds
    }

    /// Returns how it ended.
    pub fn verdict(&self) -> Verdict {
        if self.seeds == 0 {
            Verdict::NotRun
        } else if self.failures.is_empty() && self.unmet().is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        }
    }

    /// Returns the seeds that failed, lowest first.
    pub fn failures(&self) -> impl Iterator<Item = Failure<'_>> {
        self.failures.iter().map(|(seed, violation)| Failure { seed: *seed, violation, suite: self })
    }

    /// Returns how many seeds failed.
    pub fn failure_count(&self) -> u64 {
        self.failures.len() as u64
    }

    /// Returns the failure rate, in parts per million, that these seeds rule out with 95 % confidence.
    pub fn failure_rate_max(&self) -> u32 {
        failure_rate_max(self.failure_count(), self.seeds)
    }

    /// Returns what all runs together were to show and did not; nothing below 20 seeds.
    pub fn unmet(&self) -> Vec<Unmet> {
        if self.seeds < SUITE_SEEDS_LEAST {
            return Vec::new();
        }
        self.expected
            .iter()
            .map(|(fact, wanted)| Unmet { fact: fact.clone(), wanted: *wanted, counted: self.counts.get(fact) })
            .filter(|unmet| unmet.counted < unmet.wanted)
            .collect()
    }

    /// Returns what happened how often, in all runs together.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns how many elections were won.
    pub fn elections(&self) -> u64 {
        self.counts.get(ELECTIONS)
    }

    /// Returns how many entries were committed.
    pub fn commits(&self) -> u64 {
        self.counts.get(COMMITS)
    }

    /// Returns the virtual time of all runs together, in nanoseconds.
    pub fn virtual_nanos(&self) -> u128 {
        self.virtual_nanos
    }

    /// Returns how many events all worlds processed.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns one fingerprint of all runs: the sum of the hashes of each seed with its fingerprint.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Returns the spans from a client's command to its `Applied`.
    pub fn commit_latency(&self) -> &Histogram {
        &self.commit_latency
    }

    /// Returns the spans from the loss of the last leader to the next one.
    pub fn leaderless(&self) -> &Histogram {
        &self.leaderless
    }

    /// Returns the spans from the end of the faults until the whole nodes agreed.
    pub fn settle(&self) -> &Histogram {
        &self.settle
    }

    /// Returns the seeds with the slowest commit.
    pub fn worst_commit_latency(&self) -> &Worst {
        &self.worst_commit_latency
    }

    /// Returns the seeds that were longest without a leader.
    pub fn worst_leaderless(&self) -> &Worst {
        &self.worst_leaderless
    }

    /// Returns the seeds that took longest to agree after the faults.
    pub fn worst_settle(&self) -> &Worst {
        &self.worst_settle
    }

    /// Returns how soon things were noticed, by what there was to notice.
    pub fn noticed(&self) -> &BTreeMap<Notice, Measured> {
        &self.noticed
    }

    /// Returns how many runs were looked at beside those of the seeds, and how many events they took.
    pub fn branches(&self) -> (u64, u64) {
        (self.branches, self.branch_events)
    }

    /// Returns the command that replays one of its seeds.
    pub fn replay(&self, seed: u64) -> String {
        replay_line(&self.path, seed, &[])
    }

    fn shorten_failures(&mut self) {
        for violation in self.failures.values_mut().skip(FULL_FAILURES_MAX) {
            violation.facts = Vec::new();
            violation.tail = Vec::new();
        }
    }
}

impl Failure<'_> {
    /// Returns where its run forked; nothing for the run that the seed draws by itself.
    pub fn forks(&self) -> &[Fork] {
        self.suite.forks.get(&self.seed).map_or(&[], Vec::as_slice)
    }

    /// Returns the command that replays it.
    pub fn replay(&self) -> String {
        replay_line(&self.suite.path, self.seed, self.forks())
    }
}

/// Returns each kind of fault that was counted, without its prefix, and how often it took hold.
pub(super) fn faults_of(counts: &Counts) -> BTreeMap<&'static str, u64> {
    counts.iter().filter_map(|(fact, count)| Some((fact.strip_prefix(FAULT_PREFIX)?, count))).collect()
}

/// Returns how many faults took hold.
pub(super) fn fault_count(counts: &Counts) -> u64 {
    faults_of(counts).values().sum()
}

/// Returns how many elections were won and entries committed.
pub(super) fn elections_and_commits(counts: &Counts) -> (u64, u64) {
    (counts.get(ELECTIONS), counts.get(COMMITS))
}

/// Returns nanoseconds as a span; more than 584 years are 584 years.
pub(super) fn span_of(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn hash_of(seed: u64, fingerprint: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&fingerprint.to_le_bytes());
    xxh3_64(&bytes)
}
