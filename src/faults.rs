//! What a node of a test build is told to do to itself: its clocks go wrong, and its disk is in trouble.
//!
//! The world of real processes tells it, in a JSON document of one line: first with the flag `--faults`, then on the node's
//! standard input. Each document says all that is in force, so one that comes twice changes nothing.

use std::time::Duration;

use delian_sim::scenario::{Fault, Latency, Shape};
use serde::{Deserialize, Serialize};

/// All that is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// By how many millionths both clocks run fast.
    pub(crate) drift_ppm: i32,
    /// How far the clock that never goes back has leapt in all runs together.
    pub(crate) leapt_micros: u64,
    /// How far the wall clock was moved in all.
    pub(crate) wall_millis: i64,
    /// How long flushes take.
    pub(crate) flush: Option<Flush>,
    /// Whether no flush ends.
    pub(crate) disk_hangs: bool,
    /// Whether nothing can be written.
    pub(crate) disk_is_full: bool,
}

/// How long flushes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flush {
    least_micros: u64,
    most_micros: u64,
    is_skewed: bool,
}

impl From<Latency> for Flush {
    fn from(latency: Latency) -> Self {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self {
            least_micros: micros(latency.least),
            most_micros: micros(latency.most),
            is_skewed: latency.shape == Shape::Skewed,
        }
    }
}

#[cfg(feature = "faults")]
impl From<Flush> for Latency {
    fn from(flush: Flush) -> Self {
        Self {
            least: Duration::from_micros(flush.least_micros),
            most: Duration::from_micros(flush.most_micros),
            shape: if flush.is_skewed { Shape::Skewed } else { Shape::Uniform },
        }
    }
}

/// Returns whether only a node of a test build can do this to itself.
pub(crate) const fn is_told(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Drift(..)
            | Fault::WallJump(..)
            | Fault::MonotonicJump(..)
            | Fault::SlowDisk(..)
            | Fault::StallDisk(_)
            | Fault::FullDisk(_)
    )
}
