//! How long a node has been silent, in levels, and what is left of its score.
//!
//! The level is a pure function of the age of the last heartbeat. Nothing is added up from check to check, so a check that
//! comes late, twice or not at all changes no verdict; and all is counted in integers, where five fifths are a whole.

use core::fmt;
use core::time::Duration;

use super::heartbeat::{PERMILLE, Score};
use super::settings::HealthSettings;

/// How many steps beyond what means nothing a silence has lasted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceLevel(u8);

impl SilenceLevel {
    /// The level of a node that is heard.
    pub const NONE: Self = Self(0);

    /// Wraps a number of steps.
    pub const fn new(steps: u8) -> Self {
        Self(steps)
    }

    /// Returns the number of steps.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the level of a silence of this age.
    ///
    /// Up to `silence_after` it is zero; from then on it is one, and rises by one with every further `silence_step`, up to
    /// `silence_levels`.
    pub fn of(age: Duration, settings: &HealthSettings) -> Self {
        let Some(beyond) = age.checked_sub(settings.silence_after).filter(|beyond| !beyond.is_zero()) else {
            return Self::NONE;
        };
        let steps = 1 + beyond.as_nanos() / settings.silence_step.as_nanos();
        Self(u8::try_from(steps).unwrap_or(u8::MAX)).min(settings.silence_levels)
    }

    /// Returns the shortest silence of this level.
    pub fn begins_after(self, settings: &HealthSettings) -> Duration {
        match self.0 {
            0 => Duration::ZERO,
            1 => settings.silence_after.saturating_add(Duration::from_nanos(1)),
            steps => settings.silence_after.saturating_add(settings.silence_step.saturating_mul(u32::from(steps) - 1)),
        }
    }

    /// Returns the most that a score counts for at this level.
    pub fn ceiling(self, settings: &HealthSettings) -> Score {
        let (levels, level) = (u32::from(settings.silence_levels.0), u32::from(self.0));
        let left = u32::from(PERMILLE) * levels.saturating_sub(level) / levels;
        Score::new(left as u16).expect("a part of a whole is at most the whole")
    }
}

impl fmt::Display for SilenceLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::HealthConfig;
    use super::*;
    use proptest::prelude::*;

    fn settings() -> HealthSettings {
        HealthConfig::default().check().unwrap()
    }

    fn level(millis: u64) -> u8 {
        SilenceLevel::of(Duration::from_millis(millis), &settings()).get()
    }

    #[test]
    fn a_silence_has_the_level_that_its_age_gives_it() {
        let ages = [0, 30_000, 30_001, 39_999, 40_000, 50_000, 60_000, 69_999, 70_000, 80_000, u64::MAX];
        assert_eq!(ages.map(level), [0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 5]);
    }

    #[test]
    fn the_last_level_leaves_exactly_nothing_of_a_score() {
        let settings = settings();
        let left = [0, 1, 2, 3, 4, 5].map(|steps| SilenceLevel::new(steps).ceiling(&settings).permille());
        assert_eq!(left, [1000, 800, 600, 400, 200, 0]);
    }

    proptest! {
        #[test]
        fn a_level_begins_where_its_age_first_gives_it(levels in 1u8..=100, step in 1u64..100_000, steps in 1u8..=100) {
            let config = HealthConfig { silence_levels: levels, silence_step: Duration::from_millis(step), ..HealthConfig::default() };
            let (settings, level) = (config.check().unwrap(), SilenceLevel::new(steps.min(levels)));
            let begins = level.begins_after(&settings);
            prop_assert_eq!(SilenceLevel::of(begins, &settings), level);
            prop_assert!(SilenceLevel::of(begins.saturating_sub(Duration::from_nanos(1)), &settings) < level);
        }
    }
}
