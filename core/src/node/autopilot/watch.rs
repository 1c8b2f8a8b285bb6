//! Since when a member has been fit, or not, and why not.

use super::{AutopilotSettings, Fault, Prospect, Standing};
use crate::time::Time;
use crate::topology::{Condition, Topology};

/// What the leader saw of one member so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    pub(super) fault: Option<Fault>,
    /// Since when it has been fit, or unfit for one reason after the other.
    pub(super) turned_at: Time,
    /// Since when it has been fit, or unfit for this very reason.
    pub(super) fault_at: Time,
}

impl Watch {
    pub(super) const fn new(now: Time, fault: Option<Fault>) -> Self {
        Self { fault, turned_at: now, fault_at: now }
    }

    /// Returns the watch after another look.
    pub(super) fn seen(self, now: Time, fault: Option<Fault>) -> Self {
        let turned_at = if fault.is_some() == self.fault.is_some() { self.turned_at } else { now };
        let fault_at = if fault == self.fault { self.fault_at } else { now };
        Self { fault, turned_at, fault_at }
    }

    /// Returns the instants at which the verdict on the member changes without further news.
    pub(super) fn reviews(self, standing: Standing, settings: &AutopilotSettings) -> [Option<Time>; 2] {
        match (self.fault, standing) {
            (None, Standing::Learner) => [Some(self.turned_at + settings.settle), None],
            (None, Standing::Voter | Standing::Outside) => [None, None],
            (Some(_), Standing::Voter) => [Some(self.turned_at + settings.dead_after), None],
            (Some(_), Standing::Learner | Standing::Outside) => {
                [Some(self.turned_at + settings.dead_after), Some(self.fault_at + settings.dead_after)]
            }
        }
    }
}

/// Returns the gravest reason for which a node should not vote.
pub(super) fn fault_of(prospect: &Prospect, settings: &AutopilotSettings, topology: &Topology) -> Option<Fault> {
    if prospect.forgot {
        return Some(Fault::Forgot);
    }
    let condition = topology.get(prospect.node).map(|member| member.condition);
    match condition {
        Some(Condition::Leaving) => Some(Fault::Leaving),
        // What the leader sees itself comes before what the federation agreed on, so the span begins when it began.
        _ if !prospect.answers => Some(Fault::Unanswered),
        Some(Condition::Silent) => Some(Fault::Silent),
        Some(Condition::Unreachable) => Some(Fault::Unreachable),
        Some(Condition::Healthy | Condition::Degraded) | None => {
            let lags = prospect.standing != Standing::Outside && prospect.lag > settings.lag_max;
            lags.then_some(Fault::Lagging)
        }
    }
}
