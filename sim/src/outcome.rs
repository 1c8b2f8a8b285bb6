//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use delian_core::Time;

use crate::noticed::Noticed;

/// How often each thing happened; facts have names so that scenarios can ask for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Adds `count` to a fact.
    pub fn add(&mut self, fact: &'static str, count: u64) {
        *self.0.entry(fact).or_default() += count;
    }

    /// Returns how often a fact was counted; zero for one that never was.
    pub fn get(&self, fact: &str) -> u64 {
        self.0.get(fact).copied().unwrap_or(0)
    }

    /// Adds another run's counts to these.
    pub fn merge(&mut self, other: &Self) {
        for (fact, count) in &other.0 {
            self.add(fact, *count);
        }
    }

    /// Returns every fact and its count, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(fact, count)| (*fact, *count))
    }
}

/// A broken invariant and what contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name, such as `one-leader-per-term`.
    pub invariant: &'static str,
    /// When, in virtual time.
    pub at: Time,
    /// The invariant in one sentence.
    pub sentence: &'static str,
    /// The facts that contradict it, a sentence each.
    pub facts: Vec<String>,
    /// The last trace lines before it.
    pub tail: Vec<String>,
}

/// The result of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What went wrong, if anything did.
    pub violation: Option<Violation>,
    /// What happened how often. Faults are counted as `fault.<kind>` when they take hold.
    pub counts: Counts,
    /// How much virtual time passed.
    pub virtual_time: Duration,
    /// How many events the world processed.
    pub events: u64,
    /// How many inputs the nodes were given.
    pub inputs: u64,
    /// The running fingerprint over every event.
    pub fingerprint: u64,
    /// From a client's command to its `Applied`, each.
    pub commit_latencies: Vec<Duration>,
    /// From the loss of the last leader to the next one, each.
    pub leaderless_spans: Vec<Duration>,
    /// From the end of the faults until the whole nodes agreed.
    pub settled_after: Option<Duration>,
    /// How soon nodes and observers noticed what happened.
    pub noticed: Noticed,
}
