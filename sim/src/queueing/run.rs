//! What one run came to.

use std::time::Duration;

use delian_core::balance::Outcome;

use crate::fingerprint::Fingerprint;
use crate::random::nanos;

/// What one run came to. Only requests that arrived after the first fifth are counted, and of these, times are known of
/// those that were answered before the last one arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many requests were sent.
    pub sent: u64,
    /// How many of them to a server that is sick.
    pub sent_to_sick: u64,
    /// How many were served.
    pub served: u64,
    /// How many failed or timed out.
    pub failed: u64,
    /// How many waited at some server when the run ended, those of the first fifth included.
    pub unanswered: u64,
    /// The mean time in the system of those that were served.
    pub mean: Duration,
    /// The time that 99 of 100 of them stayed below.
    pub p99: Duration,
    /// The digest of who served each request and when.
    pub fingerprint: u64,
}

/// What is counted in a run.
pub(super) struct Tally {
    sent: u64,
    sent_to_sick: u64,
    failed: u64,
    /// In nanoseconds.
    times: Vec<u64>,
    fingerprint: Fingerprint,
}

impl Tally {
    pub(super) fn new(arrivals: u64) -> Self {
        let times = Vec::with_capacity(usize::try_from(arrivals).unwrap_or(0));
        Self { sent: 0, sent_to_sick: 0, failed: 0, times, fingerprint: Fingerprint::new(0) }
    }

    /// Counts a request that is sent.
    pub(super) fn send(&mut self, is_sick: bool) {
        self.sent += 1;
        self.sent_to_sick += u64::from(is_sick);
    }

    /// Counts a request that is over.
    pub(super) fn end(&mut self, server: usize, latency: Duration, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.times.push(nanos(latency)),
            Outcome::Failure | Outcome::Abandoned => self.failed += 1,
        }
        self.fingerprint.mix(server as u64);
        self.fingerprint.mix(nanos(latency));
    }

    pub(super) fn finish(mut self, unanswered: u64) -> Run {
        let served = self.times.len();
        let sum: u128 = self.times.iter().map(|time| u128::from(*time)).sum();
        let mean = sum.checked_div(served as u128).unwrap_or(0) as u64;
        let p99 = match served {
            0 => 0,
            _ => *self.times.select_nth_unstable((served * 99).div_ceil(100) - 1).1,
        };
        Run {
            sent: self.sent,
            sent_to_sick: self.sent_to_sick,
            served: served as u64,
            failed: self.failed,
            unanswered,
            mean: Duration::from_nanos(mean),
            p99: Duration::from_nanos(p99),
            fingerprint: self.fingerprint.get(),
        }
    }
}
