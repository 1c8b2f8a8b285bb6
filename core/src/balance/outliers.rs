//! Who fails more than the others, and for how long it is left alone.
//!
//! As Envoy and gRPC (proposal A50) have it: five failures in a row eject at once; every ten seconds those eject whose
//! success rate lies 1.9 standard deviations below the mean of all who were asked a hundred times, if there are five of
//! them. An ejection lasts 30 s, and twice as long each time it follows another one; each interval without one takes a
//! doubling back. At most a tenth of the members is ejected at a time, rounded down, so among nine or fewer nobody is:
//! there the panic threshold would soon undo it. If members leave and too many are ejected, those come back first whose
//! time is over first.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::health::{Outcome, Ratio};
use super::roster::Slot;
use crate::config::ConfigError;
use crate::time::Time;

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutlierConfig {
    /// The pause between two comparisons of success rates. Default 10 s.
    pub interval: Duration,
    /// How long the first ejection of a node lasts. Default 30 s.
    pub ejection: Duration,
    /// How long an ejection lasts at most. Default 300 s.
    pub ejection_max: Duration,
    /// Which part of the members may be ejected at a time. Default 10 %.
    pub ejected_max: Ratio,
    /// After how many failures in a row a node is ejected. Default 5.
    pub failures_in_a_row: u32,
    /// How many standard deviations below the mean a success rate is an outlier's, in thousandths. Default 1,900.
    pub deviations_permille: u32,
    /// How many requests make a success rate. Default 100.
    pub requests_min: u32,
    /// How many success rates make a mean. Default 5.
    pub rates_min: usize,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            ejection: Duration::from_secs(30),
            ejection_max: Duration::from_mins(5),
            ejected_max: Ratio::of_percent(10),
            failures_in_a_row: 5,
            deviations_permille: 1_900,
            requests_min: 100,
            rates_min: 5,
        }
    }
}

impl OutlierConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let spans = [("interval", self.interval), ("ejection", self.ejection)];
        let counts = [("failures_in_a_row", self.failures_in_a_row as usize), ("rates_min", self.rates_min)];
        let zero = spans.into_iter().find(|(_, span)| *span == Duration::ZERO).map(|(field, _)| field);
        let zero = zero.or(counts.into_iter().find(|(_, count)| *count == 0).map(|(field, _)| field));
        if let Some(field) = zero {
            return Err(ConfigError { field, problem: "is 0, but must be positive".to_string() });
        }
        if self.ejection_max < self.ejection {
            let problem = format!("is {:?}, but must be at least ejection, {:?}", self.ejection_max, self.ejection);
            return Err(ConfigError { field: "ejection_max", problem });
        }
        Ok(())
    }
}

/// Why a node is ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// So many failures in a row.
    FailuresInARow(u32),
    /// A success rate below what the others' allow.
    SuccessRate {
        /// Its own.
        rate: Ratio,
        /// The least that is none of an outlier.
        least: Ratio,
    },
}

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    /// It is left alone until then.
    Ejected(Cause, Time),
    /// It would be ejected, but too many are.
    Spared(Cause),
}

/// What nodes answered, and who is ejected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outliers {
    config: OutlierConfig,
    /// By slot.
    tallies: Vec<Tally>,
    /// Who is ejected, the one first whose time is over first.
    ejected: BTreeSet<(Time, Slot)>,
    compare_at: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Tally {
    successes: u32,
    failures: u32,
    failures_in_a_row: u32,
    /// How often the first span is doubled for the next ejection.
    doublings: u32,
    ejected_until: Option<Time>,
}

impl Outliers {
    /// Returns the judge of nobody; the configuration was checked.
    pub(super) fn new(now: Time, config: OutlierConfig) -> Self {
        let compare_at = now + config.interval;
        Self { config, tallies: Vec::new(), ejected: BTreeSet::new(), compare_at }
    }

    /// Counts how a request ended; `members` is how many there are.
    pub(super) fn observe(&mut self, now: Time, slot: Slot, outcome: Outcome, members: usize) -> Option<Verdict> {
        if slot.index() >= self.tallies.len() {
            self.tallies.resize(slot.index() + 1, Tally::default());
        }
        let tally = &mut self.tallies[slot.index()];
        match outcome {
            Outcome::Success => {
                tally.successes = tally.successes.saturating_add(1);
                tally.failures_in_a_row = 0;
                None
            }
            Outcome::Failure => {
                tally.failures = tally.failures.saturating_add(1);
                tally.failures_in_a_row = tally.failures_in_a_row.saturating_add(1);
                let (in_a_row, enough) = (tally.failures_in_a_row, self.config.failures_in_a_row);
                if in_a_row < enough || tally.ejected_until.is_some() {
                    return None;
                }
                let verdict = self.eject(now, slot, Cause::FailuresInARow(in_a_row), members);
                // That there is no room is told once for each row of failures.
                (in_a_row == enough || matches!(verdict, Verdict::Ejected(..))).then_some(verdict)
            }
            Outcome::Abandoned => None,
        }
    }

    /// Compares success rates, if it is time to.
    pub(super) fn compare(&mut self, now: Time, members: usize) -> Vec<(Slot, Verdict)> {
        if now < self.compare_at {
            return Vec::new();
        }
        self.compare_at = now + self.config.interval;
        let mut rates = self.rates();
        let verdicts = match self.least(&rates) {
            Some(least) => {
                // The worst first, for there may not be room for all.
                rates.sort_unstable();
                let outliers = rates.into_iter().take_while(|(rate, _)| *rate < least);
                outliers
                    .map(|(rate, slot)| (slot, self.eject(now, slot, Cause::SuccessRate { rate, least }, members)))
                    .collect()
            }
            None => Vec::new(),
        };
        for tally in &mut self.tallies {
            (tally.successes, tally.failures) = (0, 0);
            if tally.ejected_until.is_none() {
                tally.doublings = tally.doublings.saturating_sub(1);
            }
        }
        verdicts
    }

    /// Lets one come back whose time is over, or who is one too many among so many members.
    pub(super) fn restore(&mut self, now: Time, members: usize) -> Option<Slot> {
        let (until, slot) = *self.ejected.first()?;
        if until > now && self.ejected.len() <= self.ejected_max(members) {
            return None;
        }
        self.ejected.pop_first();
        let tally = &mut self.tallies[slot.index()];
        *tally = Tally { doublings: tally.doublings, ..Tally::default() };
        Some(slot)
    }

    /// Forgets who was in a slot.
    pub(super) fn forget(&mut self, slot: Slot) {
        let Some(tally) = self.tallies.get_mut(slot.index()) else { return };
        if let Some(until) = core::mem::take(tally).ejected_until {
            self.ejected.remove(&(until, slot));
        }
    }

    /// Says whether who is in a slot is ejected.
    pub(super) fn is_ejected(&self, slot: Slot) -> bool {
        self.tallies.get(slot.index()).is_some_and(|tally| tally.ejected_until.is_some())
    }

    /// Returns how many are ejected.
    pub(super) fn ejected(&self) -> usize {
        self.ejected.len()
    }

    /// Returns from when on there is something to do.
    pub(super) fn next_at(&self) -> Time {
        self.ejected.first().map_or(self.compare_at, |(until, _)| self.compare_at.min(*until))
    }

    fn ejected_max(&self, members: usize) -> usize {
        let (part, whole) = (u64::from(self.config.ejected_max.millionths()), u64::from(Ratio::ALL.millionths()));
        (members as u64 * part / whole) as usize
    }

    fn eject(&mut self, now: Time, slot: Slot, cause: Cause, members: usize) -> Verdict {
        if self.ejected.len() >= self.ejected_max(members) {
            return Verdict::Spared(cause);
        }
        let tally = &mut self.tallies[slot.index()];
        let factor = 1u32.checked_shl(tally.doublings).unwrap_or(u32::MAX);
        let until = now + self.config.ejection.saturating_mul(factor).min(self.config.ejection_max);
        tally.doublings = tally.doublings.saturating_add(1).min(31);
        tally.ejected_until = Some(until);
        self.ejected.insert((until, slot));
        Verdict::Ejected(cause, until)
    }

    /// The success rates of those who are not ejected and were asked often enough.
    fn rates(&self) -> Vec<(Ratio, Slot)> {
        let judged = self.tallies.iter().enumerate().filter(|(_, tally)| tally.ejected_until.is_none());
        judged
            .filter_map(|(index, tally)| {
                let requests = u64::from(tally.successes) + u64::from(tally.failures);
                let is_enough = requests >= u64::from(self.config.requests_min.max(1));
                is_enough.then(|| (Ratio::of(tally.successes.into(), requests), Slot::new(index)))
            })
            .collect()
    }

    /// The least success rate that is none of an outlier; none if there are too few to compare.
    fn least(&self, rates: &[(Ratio, Slot)]) -> Option<Ratio> {
        let count = rates.len() as u64;
        if rates.len() < self.config.rates_min {
            return None;
        }
        let values = || rates.iter().map(|(rate, _)| u64::from(rate.millionths()));
        let mean = values().sum::<u64>() / count;
        let variance = values().map(|value| value.abs_diff(mean).pow(2)).sum::<u64>() / count;
        let slack = variance.isqrt().saturating_mul(self.config.deviations_permille.into()) / 1000;
        Ratio::of_millionths(mean.saturating_sub(slack) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    const NONE: Time = Time::ZERO;

    fn outliers() -> Outliers {
        Outliers::new(NONE, OutlierConfig::default())
    }

    fn answers(outliers: &mut Outliers, slot: usize, successes: usize, failures: usize) {
        // A success before each failure, so that no row comes about.
        for _ in 0..failures {
            outliers.observe(NONE, Slot::new(slot), Outcome::Failure, 100);
            outliers.observe(NONE, Slot::new(slot), Outcome::Success, 100);
        }
        for _ in failures..successes {
            outliers.observe(NONE, Slot::new(slot), Outcome::Success, 100);
        }
    }

    fn fail(outliers: &mut Outliers, now: Time, slot: usize, members: usize) -> Option<Verdict> {
        (0..5).filter_map(|_| outliers.observe(now, Slot::new(slot), Outcome::Failure, members)).last()
    }

    #[test]
    fn five_failures_in_a_row_eject_for_thirty_seconds_and_twice_as_long_each_time() {
        let mut outliers = outliers();
        let mut now = Time::ZERO;
        for seconds in [30, 60, 120, 240, 300, 300] {
            let until = now + Duration::from_secs(seconds);
            assert_eq!(fail(&mut outliers, now, 0, 10), Some(Verdict::Ejected(Cause::FailuresInARow(5), until)));
            assert_eq!(outliers.restore(now, 10), None);
            assert_eq!(outliers.next_at().min(until), outliers.next_at());
            now = until;
            assert_eq!(outliers.restore(now, 10), Some(Slot::new(0)));
            assert!(!outliers.is_ejected(Slot::new(0)));
        }
        for _ in 0..6 {
            now = now + Duration::from_secs(10);
            assert_eq!(outliers.compare(now, 10), []);
        }
        let until = now + Duration::from_secs(30);
        assert_eq!(fail(&mut outliers, now, 0, 10), Some(Verdict::Ejected(Cause::FailuresInARow(5), until)));
    }

    #[test]
    fn a_success_or_a_request_given_up_makes_no_row() {
        let mut outliers = outliers();
        for _ in 0..100 {
            for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Failure, Outcome::Failure, Outcome::Success] {
                assert_eq!(outliers.observe(NONE, Slot::new(0), outcome, 100), None);
            }
            assert_eq!(outliers.observe(NONE, Slot::new(1), Outcome::Abandoned, 100), None);
        }
    }

    #[test]
    fn never_more_than_a_tenth_is_ejected() {
        let mut outliers = outliers();
        let mut stream = Stream::new(Seed::new(1), "outliers");
        let (mut now, mut ejections, mut spared) = (Time::ZERO, 0, 0);
        for _ in 0..20_000 {
            now = now + Duration::from_millis(stream.below(20));
            let members = 100 - (now.as_nanos() / 1_000_000_000 % 60) as usize;
            while outliers.restore(now, members).is_some() {}
            match outliers.observe(now, Slot::new(stream.below(40) as usize), Outcome::Failure, members) {
                Some(Verdict::Ejected(..)) => ejections += 1,
                Some(Verdict::Spared(_)) => spared += 1,
                None => {}
            }
            outliers.compare(now, members);
            assert!(outliers.ejected() * 10 <= members, "{} of {members}", outliers.ejected());
        }
        assert!(ejections > 10 && spared > 10, "{ejections} ejected, {spared} spared");
    }

    #[test]
    fn among_nine_nobody_is_ejected() {
        let mut outliers = outliers();
        assert_eq!(fail(&mut outliers, NONE, 0, 9), Some(Verdict::Spared(Cause::FailuresInARow(5))));
    }

    #[test]
    fn a_success_rate_far_below_the_others_ejects() {
        let mut outliers = outliers();
        for slot in 0..19 {
            answers(&mut outliers, slot, 200, 1);
        }
        answers(&mut outliers, 19, 100, 50);
        answers(&mut outliers, 20, 98, 1);
        assert_eq!(outliers.compare(Time::from_millis(9_999), 100), []);
        let verdicts = outliers.compare(Time::from_millis(10_000), 100);
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        assert_eq!(verdicts[0].0, Slot::new(19));
        assert!(outliers.is_ejected(Slot::new(19)));
        assert_eq!(outliers.compare(Time::from_millis(20_000), 100), [], "the next interval begins with no answers");
    }

    #[test]
    fn too_few_rates_and_equal_rates_eject_nobody() {
        let mut few = outliers();
        for slot in 0..3 {
            answers(&mut few, slot, 200, 0);
        }
        answers(&mut few, 3, 100, 100);
        assert_eq!(few.compare(Time::from_millis(10_000), 100), []);
        let mut equal = outliers();
        for slot in 0..20 {
            answers(&mut equal, slot, 100, 100);
        }
        assert_eq!(equal.compare(Time::from_millis(10_000), 100), []);
    }

    #[test]
    fn who_leaves_takes_the_ejection_along() {
        let mut outliers = outliers();
        fail(&mut outliers, NONE, 0, 10);
        outliers.forget(Slot::new(0));
        assert_eq!((outliers.ejected(), outliers.is_ejected(Slot::new(0))), (0, false));
        outliers.forget(Slot::new(99));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refusal = |change: fn(&mut OutlierConfig)| {
            let mut config = OutlierConfig::default();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(refusal(|config| config.interval = Duration::ZERO), "interval is 0, but must be positive");
        assert_eq!(refusal(|config| config.rates_min = 0), "rates_min is 0, but must be positive");
        let short = refusal(|config| config.ejection_max = Duration::from_secs(1));
        assert_eq!(short, "ejection_max is 1s, but must be at least ejection, 30s");
    }
}
