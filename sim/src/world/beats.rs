//! What processes say of how they fare: each measures itself when it starts and whenever a heartbeat is due.
//!
//! The node makes heartbeats of it. What is measured is drawn from the seed, but for a score that a fault dictates; the
//! wall clock rides along as data.

use delian_core::health::Sample;
use delian_core::{Bytes, Input, Time};

use super::World;
use super::process::Gag;
use super::queue::Happening;

/// The space that each process has, as it registers.
pub(super) const TOTAL: u64 = 1 << 40;

impl World {
    /// Lets a process that has started register and measure itself, if health is watched; observers are not.
    pub(super) fn begin_watch(&mut self, number: u16) {
        let is_observer = number >= self.plan.scenario.cluster.participants();
        if !is_observer
            && self.plan.scenario.cluster.config.health.is_some()
            && self.processes[usize::from(number)].is_up()
        {
            self.measure_at(number, self.now);
            self.begin_registration(number);
        }
    }

    /// Lets a process take in what it measures, and measure again when the next heartbeat is due.
    pub(super) fn measure(&mut self, number: u16, run: u32) {
        let is_due = self.processes[usize::from(number)].measures_at <= self.now;
        if !is_due
            || !self.is_run(number, run)
            || self.waits_frozen(number, Happening::Measure { process: number, run })
        {
            return;
        }
        let Some(health) = &self.plan.scenario.cluster.config.health else { return };
        let again_at = self.after(health.beat_interval);
        let sample = self.sample_of(number);
        self.measure_at(number, again_at);
        self.feed(number, Input::Observed(sample));
    }

    /// Lays on a process what faults keep from it; a score that it is told to report it reports at once.
    pub(super) fn set_gag(&mut self, number: u16, gag: Gag) {
        let process = &mut self.processes[usize::from(number)];
        let before = std::mem::replace(&mut process.gag, gag);
        if before.score != gag.score && process.is_up() {
            self.measure_at(number, self.now);
        }
    }

    fn measure_at(&mut self, number: u16, at: Time) {
        let process = &mut self.processes[usize::from(number)];
        process.measures_at = at;
        self.queue.schedule(at, Happening::Measure { process: number, run: process.run });
    }

    fn sample_of(&self, number: u16) -> Sample {
        let process = &self.processes[usize::from(number)];
        let drawn = process.seed.derive("sample", self.now.as_nanos()).get();
        let [free, score, requests, latency] = [0, 16, 32, 48].map(|shift| u64::from((drawn >> shift) as u16));
        Sample {
            free: Bytes::new(TOTAL / 2 + free),
            total: Bytes::new(TOTAL),
            // Well, and never twice the same.
            score: process.gag.score.unwrap_or(900 + (score % 101) as u16),
            active_requests: requests as u32 % 100,
            latency_micros: latency as u32,
            taken_at: process.clock.wall(self.now),
        }
    }
}
