//! How long a command takes: the only place that reads a clock, because no decision depends on it.

use std::time::{Duration, Instant};

/// Wall-clock time since it was started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "only printed: how long a command took decides nothing")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns how long it has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn wall_seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Returns the CPU time of this process and of the children that have ended.
#[cfg(unix)]
pub(crate) fn cpu_seconds() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    let mut micros: i64 = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        // The call fails only for a `who` that the system does not know.
        if let Ok(usage) = getrusage(who) {
            micros += usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        }
    }
    micros as f64 / 1e6
}

/// Returns zero: this system does not tell CPU time without unsafe code.
#[cfg(not(unix))]
pub(crate) fn cpu_seconds() -> f64 {
    0.0
}
