//! In proportion to what nodes report to have left of processors, memory, connections and latency.
//!
//! The documented rules: a score is .3 of what is left of the processors, .3 of the memory, .2 of 10,000 connections and
//! .2 of a latency of one second. Whoever reports more than 90 % of processors or memory or more than 10,000 connections
//! is excluded; if that excludes all, it excludes nobody. A report counts for 30 s, and whoever has none scores one half.
//! The draw is in proportion to the scores.
//!
//! These rules are kept to by default, and they are not the best ones. What `delian balance` measures with FIFO servers,
//! 100 nodes, 10 balancers and reports every 100 service times, as the mean time in the system in service times at loads
//! of .7 and .85 (`reports/baseline/balance.md` has all of it):
//!
//! - The cliff at 90 % turns everyone away together and lets everyone back together: 23.9 and 134, where a uniform draw
//!   has 3.33 and 6.63. The same scores with [`Overload::Scored`], which excludes nobody, are about as good as uniform:
//!   3.37 and 6.61, and 7.13 with reports every 1,000 service times. A slope in place of the cliff is no mend: a weight
//!   that falls faster with the load than the load itself rises overshoots before the next report.
//! - One half is more than what busy nodes score. `delian balance` counts that a silent one of ten gets 11.70 % of the picks
//!   where the others are 70 % busy, and 23.48 % where they are right below their thresholds.
//!   [`Unknown::AverageOfKnown`] gives it no more than a fair share.
//! - An idle node that fails whatever it gets has 2.4 times its share. [`Failures::Penalised`] leaves it a tenth.
//! - [`PowerOfTwoChoices`](super::PowerOfTwoChoices) has 2.59 and 3.80, and needs no reports.
//!
//! Scores are integers in billionths, at least one; sums have 64 bits. The table is built anew at most once in
//! `refresh_interval`, however many reports come, and at the very instant at which a report stops counting.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::dice::Dice;
use super::eligible::Eligible;
use super::health::{Health, LoadReport, Outcome, Ratio};
use super::lottery::{Lottery, scan};
use super::reports::{Reception, Reports, STALE_AFTER};
use super::roster::{Change, Roster, Slot};
use crate::config::{ConfigError, wrong};
use crate::rng::Stream;
use crate::time::Time;

/// What an operator may set; the default is what is documented.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceAwareConfig {
    /// Above which part of its processors a node is overloaded. Default 90 %.
    pub cpu_max: Ratio,
    /// Above which part of its memory a node is overloaded. Default 90 %.
    pub memory_max: Ratio,
    /// Above how many connections a node is overloaded; also what connections are scored by. Default 10,000.
    pub connections_max: u32,
    /// The latency that scores nothing. Default 1 s.
    pub latency_max: Duration,
    /// What each part of the score counts, in thousandths that add up to 1,000.
    pub shares: Shares,
    /// For how long a report counts. Default 30 s.
    pub stale_after: Duration,
    /// The shortest pause between two tables. Default 100 ms: with 10,000 nodes that report every second, building one for
    /// each report would take all of a processor.
    pub refresh_interval: Duration,
    /// What becomes of the overloaded. Default excluded.
    pub overload: Overload,
    /// What those score who have no report that counts. Default one half.
    pub unknown: Unknown,
    /// Whether failures lower the score. Default not.
    pub failures: Failures,
}

/// What each part of the score counts, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shares {
    /// What is left of the processors. Default 300.
    pub cpu: u32,
    /// What is left of the memory. Default 300.
    pub memory: u32,
    /// What is left of the connections. Default 200.
    pub connections: u32,
    /// What is left of the latency. Default 200.
    pub latency: u32,
}

/// What becomes of a node that is overloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overload {
    /// It is excluded, unless all are.
    Excluded,
    /// Nobody is excluded: an overloaded node has its low score.
    Scored,
}

/// What a node scores that has no report that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// One half.
    Half,
    /// The average of those who have one; one half if nobody has.
    AverageOfKnown,
}

/// What failures do to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failures {
    /// Nothing.
    Unheeded,
    /// They multiply it by the share of the last answers, sixteen or so, that were no failures.
    Penalised,
}

impl Default for ResourceAwareConfig {
    fn default() -> Self {
        Self {
            cpu_max: Ratio::of_percent(90),
            memory_max: Ratio::of_percent(90),
            connections_max: 10_000,
            latency_max: Duration::from_secs(1),
            shares: Shares { cpu: 300, memory: 300, connections: 200, latency: 200 },
            stale_after: STALE_AFTER,
            refresh_interval: Duration::from_millis(100),
            overload: Overload::Excluded,
            unknown: Unknown::Half,
            failures: Failures::Unheeded,
        }
    }
}

impl ResourceAwareConfig {
    /// Returns the rules by which nobody is turned away at once, and silence and failures attract nobody. They do not make
    /// late reports a good guide; see the module for what was measured.
    pub fn stable() -> Self {
        Self {
            overload: Overload::Scored,
            unknown: Unknown::AverageOfKnown,
            failures: Failures::Penalised,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Shares { cpu, memory, connections, latency } = self.shares;
        let sum = [cpu, memory, connections, latency].into_iter().fold(0u32, u32::saturating_add);
        if sum != WHOLE {
            return wrong("shares", format!("add up to {sum}, but must add up to {WHOLE}"));
        }
        for (field, ratio) in [("cpu_max", self.cpu_max), ("memory_max", self.memory_max)] {
            if ratio == Ratio::NONE {
                return wrong(field, "is 0 %, but must be positive".to_string());
            }
        }
        if self.connections_max == 0 {
            return wrong("connections_max", "is 0, but must be positive".to_string());
        }
        for (field, span) in [("latency_max", self.latency_max), ("stale_after", self.stale_after)] {
            if span == Duration::ZERO {
                return wrong(field, "is 0ns, but must be positive".to_string());
            }
        }
        Ok(())
    }

    fn is_overloaded(&self, report: &LoadReport) -> bool {
        self.overload == Overload::Excluded
            && (report.cpu() > self.cpu_max
                || report.memory() > self.memory_max
                || report.connections() > self.connections_max)
    }

    /// Returns the score of a report, in billionths.
    fn score(&self, report: &LoadReport) -> u32 {
        let connections = Ratio::of(u64::from(report.connections()), u64::from(self.connections_max));
        let latency = Ratio::of(nanos(report.latency()), nanos(self.latency_max));
        let Shares { cpu, memory, connections: of_connections, latency: of_latency } = self.shares;
        let parts =
            [(cpu, report.cpu()), (memory, report.memory()), (of_connections, connections), (of_latency, latency)];
        // The shares add up to a thousand, so this is at most 10^9 and fits.
        parts.into_iter().map(|(share, used)| share * used.rest().millionths()).sum()
    }
}

/// The thousandths in one.
const WHOLE: u32 = 1000;
/// The score of a node that is idle.
const SCORE_MAX: u32 = 1_000_000_000;
/// How much one answer counts in the share of failures, as a power of two.
const FAILURE_SHIFT: u32 = 4;

/// Returns a part of a score, at least one: no score that is tiny is nothing.
fn times(score: u32, part: Ratio) -> u32 {
    ((u64::from(score) * u64::from(part.millionths()) / u64::from(Ratio::ALL.millionths())) as u32).max(1)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Draws in proportion to what nodes report to have left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceAware {
    config: ResourceAwareConfig,
    members: Eligible,
    reports: Reports,
    /// By slot: the share of failures among the last answers.
    failing: Vec<Ratio>,
    /// Those whose last report excludes them.
    overloaded: Eligible,
    /// By slot, the overloaded ones included.
    scores: Vec<u32>,
    /// The scores of those who are not overloaded, or of all if all are.
    lottery: Lottery,
    are_all_overloaded: bool,
    built_at: Time,
    rebuild_at: Time,
    dice: Dice,
}

impl ResourceAware {
    /// Returns the policy with the randomness of `stream`.
    ///
    /// # Errors
    ///
    /// Returns the first number of `config` that makes no sense.
    pub fn new(config: ResourceAwareConfig, stream: &mut Stream) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            members: Eligible::default(),
            reports: Reports::new(config.stale_after),
            failing: Vec::new(),
            overloaded: Eligible::default(),
            scores: Vec::new(),
            lottery: Lottery::default(),
            are_all_overloaded: false,
            built_at: Time::ZERO,
            rebuild_at: Time::ZERO,
            dice: Dice::new(stream),
            config,
        })
    }

    /// Returns the score of the member in a slot, in billionths, as the last table has it; zero for a stranger.
    pub fn score(&self, slot: Slot) -> u32 {
        self.scores.get(slot.index()).copied().unwrap_or(0)
    }

    #[cold]
    fn rebuild(&mut self, now: Time) {
        self.built_at = now;
        self.rebuild_at = Time::NEVER;
        let unknown = self.score_of_unknown(now);
        for index in 0..self.scores.len() {
            let slot = Slot::new(index);
            if !self.members.contains(slot) {
                self.scores[index] = 0;
                self.overloaded.exclude(slot);
                continue;
            }
            let report = self.reports.fresh(now, slot);
            if report.is_some_and(|report| self.config.is_overloaded(report)) {
                self.overloaded.admit(slot);
            } else {
                self.overloaded.exclude(slot);
            }
            let score = report.map_or(unknown, |report| self.config.score(report));
            self.scores[index] = match self.config.failures {
                Failures::Unheeded => score.max(1),
                Failures::Penalised => times(score, self.failing[index].rest()),
            };
            if let Some(stale_at) = self.reports.stale_at(now, slot) {
                self.rebuild_at = self.rebuild_at.min(stale_at);
            }
        }
        self.are_all_overloaded = self.overloaded.len() == self.members.len();
        let drawn = (0..).map(Slot::new).zip(&self.scores);
        let is_drawn = |slot| self.are_all_overloaded || !self.overloaded.contains(slot);
        self.lottery.rebuild(drawn.map(|(slot, score)| if is_drawn(slot) { *score } else { 0 }));
    }

    fn score_of_unknown(&self, now: Time) -> u32 {
        match self.config.unknown {
            Unknown::Half => SCORE_MAX / 2,
            Unknown::AverageOfKnown => {
                let reports = self.members.slots().iter().filter_map(|slot| self.reports.fresh(now, *slot));
                let (sum, count) = reports
                    .fold((0u64, 0u64), |(sum, count), report| (sum + u64::from(self.config.score(report)), count + 1));
                sum.checked_div(count).map_or(SCORE_MAX / 2, |average| average as u32)
            }
        }
    }

    /// Has the table built anew, as soon as the pause since the last one allows.
    fn refresh(&mut self) {
        self.rebuild_at = self.rebuild_at.min(self.built_at + self.config.refresh_interval);
    }
}

impl Strategy for ResourceAware {
    fn name(&self) -> &'static str {
        "resource-aware"
    }

    fn follow(&mut self, _: Time, roster: &Roster, change: Change) {
        self.scores.resize(roster.slot_count(), 0);
        self.failing.resize(roster.slot_count(), Ratio::NONE);
        match change {
            Change::Joined(slot) => _ = self.members.admit(slot),
            Change::Left(slot) => {
                self.members.exclude(slot);
                self.overloaded.exclude(slot);
                self.reports.forget(slot);
                self.failing[slot.index()] = Ratio::NONE;
            }
            Change::Altered(_) => return,
        }
        self.rebuild_at = Time::ZERO;
    }

    #[inline]
    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        if context.now >= self.rebuild_at {
            self.rebuild(context.now);
        }
        let (lottery, overloaded, all) = (&self.lottery, &self.overloaded, self.are_all_overloaded);
        if let Some(slot) = lottery.draw(context, &mut self.dice, |slot| all || !overloaded.contains(slot)) {
            let score = self.score(slot);
            let why = if all { Why::DrawnOfOverloaded(score) } else { Why::DrawnByScore(score) };
            return Ok(context.choice(slot, why));
        }
        let drawn = scan(context, &mut self.dice, |slot| self.scores.get(slot.index()).copied().unwrap_or(0));
        let slot = drawn.ok_or_else(|| context.no_candidate("resource-aware"))?;
        Ok(context.choice(slot, Why::DrawnOfOverloaded(self.score(slot))))
    }

    fn report(&mut self, now: Time, node: Slot, health: &Health) {
        if !self.members.contains(node) {
            return;
        }
        match health {
            Health::Started => {}
            Health::Load(report) => {
                if self.reports.take(now, node, *report) == Reception::Taken {
                    // Who is overloaded stands back at once, whenever the next table comes.
                    if self.config.is_overloaded(report) {
                        self.overloaded.admit(node);
                    }
                    self.refresh();
                }
            }
            Health::Finished(answer) => {
                let failed = match answer.outcome {
                    Outcome::Success => Ratio::NONE,
                    Outcome::Failure => Ratio::ALL,
                    Outcome::Abandoned => return,
                };
                let failing = &mut self.failing[node.index()];
                let sum = (failing.millionths() << FAILURE_SHIFT) - failing.millionths() + failed.millionths();
                *failing = Ratio::of(u64::from(sum), u64::from(Ratio::ALL.millionths()) << FAILURE_SHIFT);
                if self.config.failures == Failures::Penalised {
                    self.refresh();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, chi_squared, claim, finished, load, stream};
    use crate::balance::{Candidate, Claim};
    use crate::ids::NodeId;
    use crate::time::WallTime;

    fn policy(field: &Field, config: ResourceAwareConfig) -> ResourceAware {
        let mut policy = ResourceAware::new(config, &mut stream()).unwrap();
        field.introduce(&mut policy);
        policy
    }

    fn documented(field: &Field) -> ResourceAware {
        policy(field, ResourceAwareConfig::default())
    }

    fn say(field: &Field, policy: &mut ResourceAware, slot: usize, claim: Claim) {
        policy.report(field.now, Slot::new(slot), &Health::Load(LoadReport::new(claim).unwrap()));
    }

    #[test]
    fn the_score_is_the_documented_sum() {
        let config = ResourceAwareConfig::default();
        let half = Claim { connections: 5_000, latency_nanos: 500_000_000, ..claim(1, 50, 50) };
        let scores = [
            (claim(1, 0, 0), 1_000_000_000),
            (claim(1, 100, 0), 700_000_000),
            (claim(1, 0, 100), 700_000_000),
            (Claim { connections: 10_000, ..claim(1, 0, 0) }, 800_000_000),
            (Claim { latency_nanos: i64::MAX, ..claim(1, 0, 0) }, 800_000_000),
            (half, 500_000_000),
        ];
        for (claim, score) in scores {
            assert_eq!(config.score(&LoadReport::new(claim).unwrap()), score, "{claim:?}");
        }
    }

    #[test]
    fn draws_follow_the_scores_and_the_silent_score_one_half() {
        let field = Field::of(3);
        let mut policy = documented(&field);
        say(&field, &mut policy, 0, claim(1, 0, 0));
        say(&field, &mut policy, 1, claim(1, 50, 50));
        let counts = field.tally(&mut policy, 50_000);
        assert!(chi_squared(&counts, &[10, 7, 5]) < 24, "{counts:?}");
    }

    #[test]
    fn each_threshold_excludes_whoever_is_above_it_and_nobody_at_it() {
        let field = Field::of(6);
        let mut policy = documented(&field);
        say(&field, &mut policy, 0, claim(1, 90, 90));
        say(&field, &mut policy, 1, Claim { cpu_millionths: 900_001, ..claim(1, 0, 0) });
        say(&field, &mut policy, 2, Claim { memory_millionths: 900_001, ..claim(1, 0, 0) });
        say(&field, &mut policy, 3, Claim { connections: 10_000, ..claim(1, 0, 0) });
        say(&field, &mut policy, 4, Claim { connections: 10_001, ..claim(1, 0, 0) });
        let counts = field.tally(&mut policy, 5_000);
        assert_eq!(counts.iter().map(|count| *count > 0).collect::<Vec<_>>(), [true, false, false, true, false, true]);
    }

    #[test]
    fn an_overload_counts_at_once_and_its_end_with_the_next_table() {
        let mut field = Field::of(2);
        field.now = Time::from_millis(1000);
        let mut policy = documented(&field);
        field.pick(&mut policy).unwrap();
        say(&field, &mut policy, 0, claim(1, 99, 0));
        assert_eq!(field.tally(&mut policy, 100), [0, 100]);
        say(&field, &mut policy, 0, claim(2, 0, 0));
        assert_eq!(field.tally(&mut policy, 100), [0, 100]);
        field.now = Time::from_millis(1100);
        assert!(field.tally(&mut policy, 100)[0] > 40);
    }

    #[test]
    fn if_all_are_overloaded_all_are_drawn_by_their_scores() {
        let field = Field::of(3);
        let mut policy = documented(&field);
        for slot in 0..3 {
            say(&field, &mut policy, slot, claim(1, 100, if slot == 0 { 0 } else { 100 }));
        }
        let counts = field.tally(&mut policy, 50_000);
        assert!(chi_squared(&counts, &[7, 4, 4]) < 24, "{counts:?}");
        let choice = field.pick(&mut policy).unwrap();
        assert_eq!(choice.why, Why::DrawnOfOverloaded(policy.score(choice.seat.slot)));
    }

    #[test]
    fn if_all_who_may_be_asked_are_overloaded_they_are_drawn() {
        let mut field = Field::of(3);
        let mut policy = documented(&field);
        say(&field, &mut policy, 0, claim(1, 99, 0));
        field.eligible.exclude(Slot::new(1));
        field.eligible.exclude(Slot::new(2));
        let choice = field.pick(&mut policy).unwrap();
        assert_eq!((choice.seat.slot, choice.why), (Slot::new(0), Why::DrawnOfOverloaded(703_000_000)));
    }

    #[test]
    fn a_stale_report_neither_excludes_nor_favours_by_the_clock_of_the_receiver() {
        for taken_at in [0, 1_700_000_000_000, u64::MAX].map(WallTime::from_unix_millis) {
            let mut field = Field::of(2);
            let mut policy = documented(&field);
            say(&field, &mut policy, 0, Claim { taken_at, ..claim(1, 99, 0) });
            say(&field, &mut policy, 1, Claim { taken_at, ..claim(1, 0, 0) });
            field.now = Time::from_millis(29_999);
            assert_eq!(field.tally(&mut policy, 100), [0, 100]);
            field.now = Time::from_millis(30_000);
            let counts = field.tally(&mut policy, 10_000);
            assert!(chi_squared(&counts, &[1, 1]) < 20, "{counts:?} of reports sent at {taken_at:?}");
            assert_eq!(policy.score(Slot::new(1)), SCORE_MAX / 2);
        }
    }

    #[test]
    fn a_reordered_report_changes_nothing() {
        let field = Field::of(2);
        let mut policy = documented(&field);
        say(&field, &mut policy, 0, claim(5, 99, 0));
        let before = policy.clone();
        say(&field, &mut policy, 0, claim(4, 0, 0));
        say(&field, &mut policy, 0, claim(5, 0, 0));
        assert_eq!(policy, before);
    }

    #[test]
    fn whoever_has_nothing_left_is_still_drawn_of() {
        let field = Field::of(2);
        let mut policy = documented(&field);
        let spent = Claim { connections: i64::from(u32::MAX), latency_nanos: i64::MAX, ..claim(1, 100, 100) };
        say(&field, &mut policy, 0, spent);
        say(&field, &mut policy, 1, spent);
        let counts = field.tally(&mut policy, 10_000);
        assert!(chi_squared(&counts, &[1, 1]) < 20, "{counts:?}");
    }

    #[test]
    fn a_successor_in_the_same_slot_begins_without_reports() {
        let mut field = Field::of(2);
        let mut policy = documented(&field);
        say(&field, &mut policy, 0, claim(9, 99, 0));
        let slot = field.roster.leave(NodeId::new(0)).unwrap();
        policy.follow(field.now, &field.roster, Change::Left(slot));
        field.join(Candidate::new(NodeId::new(7)));
        policy.follow(field.now, &field.roster, Change::Joined(slot));
        assert!(field.tally(&mut policy, 100)[0] > 20);
        say(&field, &mut policy, 0, claim(1, 99, 0));
        assert_eq!(field.tally(&mut policy, 100)[0], 0);
    }

    #[test]
    fn the_stable_rules_turn_nobody_away_and_favour_nobody_silent_or_failing() {
        let field = Field::of(4);
        let mut policy = policy(&field, ResourceAwareConfig::stable());
        say(&field, &mut policy, 0, claim(1, 95, 0));
        say(&field, &mut policy, 1, claim(1, 69, 69));
        say(&field, &mut policy, 2, claim(1, 69, 69));
        for _ in 0..100 {
            policy.report(field.now, Slot::new(2), &finished(0, Outcome::Failure));
        }
        let counts = field.tally(&mut policy, 20_000);
        let scores: Vec<u32> = (0..4).map(|slot| policy.score(Slot::new(slot))).collect();
        assert_eq!(scores[..2], [715_000_000, 586_000_000]);
        assert!(scores[2] < scores[1] / 300, "{scores:?}");
        assert_eq!(scores[3], (scores[0] + 2 * scores[1]) / 3);
        assert!(counts[0] > 100, "{counts:?}");
    }

    #[test]
    fn failures_are_forgiven_by_successes() {
        let field = Field::of(1);
        let mut policy = policy(&field, ResourceAwareConfig::stable());
        for _ in 0..1000 {
            policy.report(field.now, Slot::new(0), &finished(0, Outcome::Failure));
        }
        assert!(policy.failing[0] > Ratio::of_percent(99));
        for _ in 0..100 {
            policy.report(field.now, Slot::new(0), &finished(0, Outcome::Success));
        }
        assert!(policy.failing[0] < Ratio::of_percent(1), "{:?}", policy.failing);
    }

    #[test]
    fn reports_cost_one_table_in_a_while() {
        let mut field = Field::of(2);
        field.now = Time::from_millis(1000);
        let mut policy = documented(&field);
        field.pick(&mut policy).unwrap();
        for sequence in 0..1000 {
            policy.report(field.now, Slot::new(0), &load(sequence, 10, 10));
            field.pick(&mut policy).unwrap();
        }
        assert_eq!((policy.built_at, policy.rebuild_at), (field.now, Time::from_millis(1100)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refusal = |change: fn(&mut ResourceAwareConfig)| {
            let mut config = ResourceAwareConfig::default();
            change(&mut config);
            ResourceAware::new(config, &mut stream()).unwrap_err().to_string()
        };
        assert_eq!(refusal(|config| config.shares.cpu = 301), "shares add up to 1001, but must add up to 1000");
        assert_eq!(
            refusal(|config| config.shares.cpu = u32::MAX),
            "shares add up to 4294967295, but must add up to 1000"
        );
        assert_eq!(refusal(|config| config.connections_max = 0), "connections_max is 0, but must be positive");
        assert_eq!(refusal(|config| config.latency_max = Duration::ZERO), "latency_max is 0ns, but must be positive");
        assert_eq!(refusal(|config| config.memory_max = Ratio::NONE), "memory_max is 0 %, but must be positive");
    }
}
