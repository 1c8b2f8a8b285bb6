//! What all settings and policies have in common.

use std::time::Duration;

use delian_core::balance::{PowerOfTwoChoices, PowerOfTwoConfig};
use delian_core::{ConfigError, Seed, Stream};

/// What all runs have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a service takes on average, of a server at full speed. What the core counts in seconds becomes service
    /// times by it: with the default of 10 ms a report that counts for 30 s counts for 3,000 of them.
    pub service: Duration,
    /// How many requests arrive; the first fifth is not measured.
    pub arrivals: u64,
    /// The settings of the recommended policy.
    pub choices: PowerOfTwoConfig,
}

impl Default for Settings {
    fn default() -> Self {
        Self { service: Duration::from_millis(10), arrivals: 400_000, choices: PowerOfTwoConfig::default() }
    }
}

impl Settings {
    /// Checks what the recommended policy is to go by.
    ///
    /// # Errors
    ///
    /// Returns the first number that it refuses.
    pub fn check(&self) -> Result<(), ConfigError> {
        PowerOfTwoChoices::new(&self.choices, &mut Stream::new(Seed::new(0), "check")).map(drop)
    }
}
