//! What the tests of the policies share.

use alloc::vec::Vec;
use core::time::Duration;

use super::context::{Context, Request};
use super::dice::Dice;
use super::eligible::Eligible;
use super::health::{Answer, Claim, Health, LoadReport, Outcome, ReportNumber};
use super::reports::{Reports, STALE_AFTER};
use super::roster::{Candidate, Change, Roster, Slot};
use super::{Choice, NoCandidate, Strategy};
use crate::ids::{Boot, NodeId};
use crate::rng::{Seed, Stream};
use crate::time::{Time, WallTime};

/// Members and who of them may be asked.
pub(super) struct Field {
    pub(super) now: Time,
    pub(super) roster: Roster,
    pub(super) eligible: Eligible,
    pub(super) reports: Reports,
}

impl Default for Field {
    fn default() -> Self {
        let (roster, eligible) = (Roster::default(), Eligible::default());
        Self { now: Time::ZERO, roster, eligible, reports: Reports::new(STALE_AFTER) }
    }
}

/// What a request asks for that asks for nothing.
pub(super) const ANY: Request<'static> = Request {
    key: &[],
    session: None,
    required: super::Capabilities::NONE,
    wished: super::Capabilities::NONE,
    excluded: &[],
    load_max: None,
    region: None,
};

impl Field {
    /// Returns nodes numbered from zero, all eligible.
    pub(super) fn of(count: u64) -> Self {
        let mut field = Self::default();
        for node in 0..count {
            field.join(Candidate::new(NodeId::new(node)));
        }
        field
    }

    pub(super) fn join(&mut self, candidate: Candidate) -> Slot {
        let seat = self.roster.join(candidate).unwrap();
        self.eligible.admit(seat.slot);
        seat.slot
    }

    /// Tells a policy of all members.
    pub(super) fn introduce(&self, policy: &mut impl Strategy) {
        for slot in self.roster.slots() {
            policy.follow(self.now, &self.roster, Change::Joined(slot));
        }
    }

    pub(super) fn context(&self) -> Context<'_> {
        self.context_of(&ANY)
    }

    pub(super) fn context_of<'a>(&'a self, request: &'a Request<'a>) -> Context<'a> {
        Context::new(self.now, &self.roster, &self.eligible, &self.reports, request)
    }

    pub(super) fn pick(&self, policy: &mut impl Strategy) -> Result<Choice, NoCandidate> {
        policy.select(&self.context())
    }

    /// How often each slot is picked in so many picks.
    pub(super) fn tally(&self, policy: &mut impl Strategy, picks: usize) -> Vec<u64> {
        let mut counts = alloc::vec![0; self.roster.slot_count()];
        for _ in 0..picks {
            counts[self.pick(policy).unwrap().seat.slot.index()] += 1;
        }
        counts
    }
}

pub(super) fn dice() -> Dice {
    Dice::new(&mut stream())
}

pub(super) fn stream() -> Stream {
    Stream::new(Seed::new(7), "balance")
}

/// A claim in percent of processors and memory, without connections and latency.
pub(super) fn claim(sequence: u64, cpu: i64, memory: i64) -> Claim {
    Claim {
        number: ReportNumber { boot: Boot::new(1), sequence },
        taken_at: WallTime::from_unix_millis(1_700_000_000_000),
        cpu_millionths: cpu * 10_000,
        memory_millionths: memory * 10_000,
        connections: 0,
        latency_nanos: 0,
    }
}

pub(super) fn report(sequence: u64, cpu: i64, memory: i64) -> LoadReport {
    LoadReport::new(claim(sequence, cpu, memory)).unwrap()
}

pub(super) fn load(sequence: u64, cpu: i64, memory: i64) -> Health {
    Health::Load(report(sequence, cpu, memory))
}

pub(super) fn finished(millis: u64, outcome: Outcome) -> Health {
    Health::Finished(Answer { latency: Duration::from_millis(millis), outcome })
}

/// Chi-squared of counts against weights, rounded down; what weighs nothing is left out.
pub(super) fn chi_squared(counts: &[u64], weights: &[u64]) -> u64 {
    let (all, total): (u64, u64) = (counts.iter().sum(), weights.iter().sum());
    let thousandths: u64 = counts
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0)
        .map(|(count, weight)| {
            let expected = u128::from(all) * u128::from(*weight) * 1000 / u128::from(total);
            let off = (u128::from(*count) * 1000).abs_diff(expected);
            (off * off / expected) as u64
        })
        .sum();
    thousandths / 1000
}
