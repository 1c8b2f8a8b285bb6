//! Times of a scenario and times that pass.

use std::time::{Duration, Instant};

use delian_sim::scenario::Worlds;

/// How long a second of the scenario takes, in thousandths of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale(u32);

impl Scale {
    pub(super) fn of(worlds: &Worlds) -> Self {
        Self(u32::from(worlds.scale.max(1)))
    }

    /// Returns how long a span of the scenario takes.
    pub(super) fn real(self, told: Duration) -> Duration {
        told * self.0 / u32::from(Worlds::REAL)
    }

    /// Returns which span of the scenario has passed in so long.
    pub(super) fn told(self, real: Duration) -> Duration {
        real * u32::from(Worlds::REAL) / self.0
    }
}

/// A clock that shows the time of the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    zero: Instant,
    scale: Scale,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    pub(super) fn start(scale: Scale) -> Self {
        Self { zero: Instant::now(), scale }
    }

    pub(super) fn now(&self) -> Duration {
        self.scale.told(self.zero.elapsed())
    }

    /// Returns how long it takes until then; nothing if it was before.
    pub(super) fn until(&self, told: Duration) -> Duration {
        self.scale.real(told.saturating_sub(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shortens_what_is_told_and_reads_it_back() {
        let half = Scale::of(&Worlds { scale: 500, ..Worlds::default() });
        assert_eq!(half.real(Duration::from_secs(10)), Duration::from_secs(5));
        assert_eq!(half.told(Duration::from_secs(5)), Duration::from_secs(10));
    }
}
