//! The numbers of the autopilot.

use core::time::Duration;

/// How many voters there should be, and how patient the autopilot is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AutopilotSettings {
    /// How many voters there should be: 3, 5 or 7. Default 3: it survives any one failure, and a fourth voter would
    /// survive no more.
    pub voters_target: usize,
    /// How long a learner must be fit without a break before it is promoted. Default 10 s: five of the longest election
    /// timeouts, so that a node which comes and goes is not counted on.
    pub settle: Duration,
    /// How long a voter must be unfit without a break before it is replaced, and a learner gone before it is removed.
    /// Default 60 s: most machines are back from a restart by then, and a copy of the log is spared.
    pub dead_after: Duration,
    /// The most entries that a fit member may be behind the leader's commit. Default 1,000: what a healthy follower makes
    /// up within a few round trips, so a promotion does not slow commits down.
    pub lag_max: u64,
}

impl Default for AutopilotSettings {
    fn default() -> Self {
        Self { voters_target: 3, settle: Duration::from_secs(10), dead_after: Duration::from_mins(1), lag_max: 1_000 }
    }
}
