//! How soon the orchestrator notices what becomes of nodes, and observers what becomes of the topology.
//!
//! Spans by what was noticed, each beside what the settings promise of it. They are plain data: who measures them is the
//! world, and who summarizes them is the report.

use std::collections::BTreeMap;
use std::time::Duration;

use delian_core::health::HealthConfig;
use delian_core::observe::PULL_INTERVAL;

/// Something that is noticed some time after it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A node that falls silent is agreed to be degraded.
    Degraded,
    /// A node that falls silent is agreed to be silent.
    Silent,
    /// A node that fell silent or out of reach is agreed to be unreachable.
    Unreachable,
    /// The one who leads is told that a node has failed, in whichever way.
    Failed,
    /// The one who leads is told that a failed node which came back has recovered.
    Recovered,
    /// Half of all observers follow an epoch.
    FollowedByHalf,
    /// Of a hundred observers 99 follow an epoch.
    FollowedByMost,
    /// All observers follow an epoch.
    FollowedByAll,
}

/// A round of gossip: the mean pause between two questions of an observer that is behind.
pub const ROUND: Duration = PULL_INTERVAL;

/// How many rounds an epoch takes at most to reach all, for each doubling of their number.
const ROUNDS_PER_DOUBLING: u32 = 3;

/// Within which spans something is to be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// No sooner.
    pub least: Duration,
    /// Sooner than that.
    pub most: Duration,
}

/// What was noticed of one kind, and what is promised of it, if anything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// What the settings promise.
    pub promise: Option<Promise>,
    /// How long it took, each time.
    pub taken: Vec<Duration>,
}

/// What there was to notice in one run, and how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noticed(BTreeMap<Notice, Spans>);

impl Notice {
    /// The shares of observers, in per cent, that must follow an epoch until it counts as followed.
    pub(crate) const FOLLOWED: [(Self, usize); 3] =
        [(Self::FollowedByHalf, 50), (Self::FollowedByMost, 99), (Self::FollowedByAll, 100)];

    /// Returns its name, as in `report.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::FollowedByHalf => "followed_by_half",
            Self::FollowedByMost => "followed_by_99_percent",
            Self::FollowedByAll => "followed_by_all",
        }
    }

    /// Returns what it is called in tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Unreachable => "unreachable",
            Self::Failed => "told as failed",
            Self::Recovered => "told as recovered",
            Self::FollowedByHalf => "50 % follow",
            Self::FollowedByMost => "99 % follow",
            Self::FollowedByAll => "all follow",
        }
    }

    /// Returns whether it is about observers, whose time is told in rounds of gossip, too.
    pub const fn is_of_observers(self) -> bool {
        matches!(self, Self::FollowedByHalf | Self::FollowedByMost | Self::FollowedByAll)
    }
}

impl Promise {
    /// Returns whether a span is later than promised.
    pub fn is_broken_by(self, span: Duration) -> bool {
        span >= self.most
    }
}

impl Noticed {
    /// Expects nodes to be found silent, as these settings promise.
    pub(crate) fn expect_findings(&mut self, config: &HealthConfig) {
        let HealthConfig { silence_after, silence_step, silence_levels, .. } = *config;
        let steps = |count: u8| silence_after.saturating_add(silence_step.saturating_mul(count.into()));
        let failed = Promise { least: steps(silence_levels.saturating_sub(1)), most: steps(silence_levels) };
        let degraded = Promise { least: silence_after, most: steps(1) };
        // Who is held dead by a pool has failed sooner, so of a failure only the end is promised.
        let told = Promise { least: Duration::ZERO, most: failed.most };
        // With one level alone, whoever is silent at all has failed.
        let expected = [
            (Notice::Degraded, (silence_levels > 1).then_some(degraded)),
            (Notice::Silent, Some(failed)),
            (Notice::Unreachable, None),
            (Notice::Failed, Some(told)),
            (Notice::Recovered, None),
        ];
        for (notice, promise) in expected {
            self.0.entry(notice).or_default().promise = promise;
        }
    }

    /// Expects observers among so many members to follow each epoch.
    pub(crate) fn expect_observers(&mut self, members: u16) {
        let most = ROUND * rounds_max(members);
        for (notice, _) in Notice::FOLLOWED {
            self.0.entry(notice).or_default().promise = Some(Promise { least: Duration::ZERO, most });
        }
    }

    /// Takes in that something was noticed after so long.
    pub(crate) fn add(&mut self, notice: Notice, after: Duration) {
        self.0.entry(notice).or_default().taken.push(after);
    }

    /// Iterates over all that there was to notice, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Notice, &Spans)> {
        self.0.iter().map(|(notice, spans)| (*notice, spans))
    }
}

/// Returns three times the binary logarithm of a number of members, rounded up: in integers, which are the same everywhere.
fn rounds_max(members: u16) -> u32 {
    u64::from(members.max(2)).pow(ROUNDS_PER_DOUBLING).next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(config: &HealthConfig, notice: Notice) -> Option<(u64, u64)> {
        let mut noticed = Noticed::default();
        noticed.expect_findings(config);
        let (_, spans) = noticed.iter().find(|(found, _)| *found == notice)?;
        spans.promise.map(|promise| (promise.least.as_secs(), promise.most.as_secs()))
    }

    #[test]
    fn the_defaults_promise_a_failure_between_seventy_and_eighty_seconds() {
        let config = HealthConfig::default();
        assert_eq!(promised(&config, Notice::Silent), Some((70, 80)));
        assert_eq!(promised(&config, Notice::Degraded), Some((30, 40)));
        assert_eq!(promised(&config, Notice::Failed), Some((0, 80)));
        assert_eq!(promised(&config, Notice::Unreachable), None);
        assert_eq!(promised(&HealthConfig { silence_levels: 1, ..config }, Notice::Degraded), None);
    }

    #[test]
    fn rounds_are_three_for_each_doubling_of_the_members_rounded_up() {
        assert_eq!([2, 4, 16, 33, 1003, 1024].map(rounds_max), [3, 6, 12, 16, 30, 30]);
    }

    #[test]
    fn a_span_that_ends_with_the_promise_breaks_it() {
        let promise = Promise { least: Duration::ZERO, most: Duration::from_secs(80) };
        assert!(promise.is_broken_by(Duration::from_secs(80)));
        assert!(!promise.is_broken_by(Duration::from_nanos(79_999_999_999)));
    }
}
