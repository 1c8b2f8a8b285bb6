//! The numbers of the orchestrator that an operator may choose, checked once.

use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

use super::heartbeat::{PERMILLE, Score};
use super::silence::SilenceLevel;
use crate::config::{ConfigError, wrong};

/// What an operator may set of how nodes are watched; every field has a default, see [`HealthConfig::default`].
///
/// All voters should hold the same numbers: whoever leads judges by its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// The pause between two heartbeats of a node. Default 9 s: two may get lost and the third come late before a node
    /// counts as silent.
    pub beat_interval: Duration,
    /// The longest silence that means nothing. Default 30 s; more than three heartbeats.
    pub silence_after: Duration,
    /// How much more silence each further level takes. Default 10 s.
    pub silence_step: Duration,
    /// The level at which a node counts as failed. Default 5: then a silence of 70 s is a failure.
    pub silence_levels: u8,

    /// Below which score a node counts as degraded. Default 500 per mille.
    pub degraded_below: u16,
    /// How far above that it must come to count as healthy again. Default 100 per mille: a score that trembles at the edge
    /// changes nothing.
    pub degraded_margin: u16,

    /// How soon the memory of a recovery fades to half. Default 5 min (RFC 2439, section 4.2: the half-life).
    pub flap_half_life: Duration,
    /// How many recoveries at once put a node on hold: it counts as healthy no sooner than their memory has faded to one.
    /// Default 3.
    pub flap_limit: u8,

    /// How long a node must be unreachable, or failed and not reachable, before its eviction is proposed. Default 10 min.
    /// None: only an operator evicts.
    pub evict_after: Option<Duration>,

    /// The share of nodes that falls silent at once and makes the observer suspect itself. Default 500 per mille.
    pub preservation_permille: u16,
    /// The fewest silent nodes for which it does. Default 3.
    pub preservation_min: usize,
    /// How long it suspects itself before it believes what it sees. Default 5 min.
    pub preservation_max: Duration,

    /// The mean pause between two registrations of a node. Default 1 s; whoever comes earlier is told when to come again.
    pub registration_interval: Duration,
    /// How many registrations of a node may come at once. Default 10.
    pub registration_burst: u32,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            beat_interval: Duration::from_secs(9),
            silence_after: Duration::from_secs(30),
            silence_step: Duration::from_secs(10),
            silence_levels: 5,
            degraded_below: 500,
            degraded_margin: 100,
            flap_half_life: Duration::from_mins(5),
            flap_limit: 3,
            evict_after: Some(Duration::from_mins(10)),
            preservation_permille: 500,
            preservation_min: 3,
            preservation_max: Duration::from_mins(5),
            registration_interval: Duration::from_secs(1),
            registration_burst: 10,
        }
    }
}

/// Numbers that make sense together: see [`HealthConfig`] for units and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthSettings {
    pub(super) beat_interval: Duration,
    pub(super) silence_after: Duration,
    pub(super) silence_step: Duration,
    pub(super) silence_levels: SilenceLevel,
    pub(super) degraded_below: Score,
    pub(super) healthy_from: Score,
    pub(super) flap_half_life: Duration,
    pub(super) flap_limit: u8,
    pub(super) evict_after: Option<Duration>,
    pub(super) preservation_permille: u16,
    pub(super) preservation_min: usize,
    pub(super) preservation_max: Duration,
    pub(super) registration_interval: Duration,
    pub(super) registration_burst: u32,
}

/// The most levels of silence: beyond it a level is less than two per mille of a score.
const LEVELS_MAX: u8 = 100;

impl HealthConfig {
    /// Checks every number against its neighbours and freezes them.
    ///
    /// # Errors
    ///
    /// Returns the first field that makes no sense, with its value and what would be right.
    pub fn check(self) -> Result<HealthSettings, ConfigError> {
        self.check_spans()?;
        self.check_shares()?;
        let score = |permille: u16| Score::new(permille).expect("a share was checked");
        Ok(HealthSettings {
            beat_interval: self.beat_interval,
            silence_after: self.silence_after,
            silence_step: self.silence_step,
            silence_levels: SilenceLevel::new(self.silence_levels),
            degraded_below: score(self.degraded_below),
            healthy_from: score(self.degraded_below + self.degraded_margin),
            flap_half_life: self.flap_half_life,
            flap_limit: self.flap_limit,
            evict_after: self.evict_after,
            preservation_permille: self.preservation_permille,
            preservation_min: self.preservation_min,
            preservation_max: self.preservation_max,
            registration_interval: self.registration_interval,
            registration_burst: self.registration_burst,
        })
    }

    fn check_spans(&self) -> Result<(), ConfigError> {
        let year = Duration::from_hours(365 * 24);
        let spans = [
            ("beat_interval", self.beat_interval),
            ("silence_after", self.silence_after),
            ("silence_step", self.silence_step),
            ("flap_half_life", self.flap_half_life),
            ("preservation_max", self.preservation_max),
            ("registration_interval", self.registration_interval),
        ];
        for (field, span) in spans.into_iter().chain(self.evict_after.map(|span| ("evict_after", span))) {
            if !(Duration::from_millis(1)..=year).contains(&span) {
                return wrong(field, format!("is {span:?}, but must be between 1 ms and a year"));
            }
        }
        let (silence, beat) = (self.silence_after, self.beat_interval);
        if silence <= beat.saturating_mul(3) {
            let problem = format!(
                "is {silence:?}, but must be above three beat_intervals of {beat:?}: two heartbeats may get lost"
            );
            return wrong("silence_after", problem);
        }
        if !(1..=LEVELS_MAX).contains(&self.silence_levels) {
            let problem = format!("is {}, but must be between 1 and {LEVELS_MAX}", self.silence_levels);
            return wrong("silence_levels", problem);
        }
        Ok(())
    }

    fn check_shares(&self) -> Result<(), ConfigError> {
        let (below, margin, share) = (self.degraded_below, self.degraded_margin, self.preservation_permille);
        if below > PERMILLE {
            return wrong("degraded_below", format!("is {below}, but must be at most {PERMILLE} per mille"));
        }
        if margin > PERMILLE - below {
            let most = PERMILLE - below;
            let problem = format!("is {margin}, but must be at most {most}, or no score above {below} were healthy");
            return wrong("degraded_margin", problem);
        }
        if !(1..=PERMILLE).contains(&share) {
            let problem = format!("is {share}, but must be between 1 and {PERMILLE} per mille");
            return wrong("preservation_permille", problem);
        }
        if self.preservation_min == 0 {
            return wrong("preservation_min", "is 0, but must be positive".to_string());
        }
        if self.registration_burst == 0 {
            return wrong("registration_burst", "is 0, but must be positive: nobody could register".to_string());
        }
        if self.flap_limit == 0 {
            return wrong(
                "flap_limit",
                "is 0, but must be positive: every node recovers from its first start".to_string(),
            );
        }
        Ok(())
    }
}

impl HealthSettings {
    /// Returns the pause between two heartbeats of a node.
    pub const fn beat_interval(&self) -> Duration {
        self.beat_interval
    }

    /// Returns the mean pause between two registrations of a node.
    pub const fn registration_interval(&self) -> Duration {
        self.registration_interval
    }

    /// Returns how many registrations of a node may come at once.
    pub const fn registration_burst(&self) -> u32 {
        self.registration_burst
    }

    /// Returns how long a node must be out of reach before its eviction is proposed; nothing if only operators evict.
    pub const fn evict_after(&self) -> Option<Duration> {
        self.evict_after
    }

    /// Returns the shortest silence that is a failure.
    pub fn failed_after(&self) -> Duration {
        self.silence_levels.begins_after(self)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn refusal(change: impl FnOnce(&mut HealthConfig)) -> String {
        let mut config = HealthConfig::default();
        change(&mut config);
        config.check().expect_err("the number makes no sense").to_string()
    }

    #[test]
    fn the_defaults_make_sense_and_fail_a_node_after_seventy_seconds() {
        let settings = HealthConfig::default().check().unwrap();
        assert_eq!(settings.failed_after(), Duration::from_secs(70));
    }

    #[test]
    fn a_number_at_fault_is_named_with_its_value_and_its_mend() {
        assert_eq!(
            refusal(|config| config.beat_interval = Duration::from_secs(10)),
            "silence_after is 30s, but must be above three beat_intervals of 10s: two heartbeats may get lost"
        );
        assert_eq!(refusal(|config| config.silence_levels = 0), "silence_levels is 0, but must be between 1 and 100");
        assert_eq!(
            refusal(|config| config.degraded_margin = 501),
            "degraded_margin is 501, but must be at most 500, or no score above 500 were healthy"
        );
        assert_eq!(
            refusal(|config| config.evict_after = Some(Duration::ZERO)),
            "evict_after is 0ns, but must be between 1 ms and a year"
        );
        assert_eq!(
            refusal(|config| config.preservation_permille = 1001),
            "preservation_permille is 1001, but must be between 1 and 1000 per mille"
        );
    }
}
