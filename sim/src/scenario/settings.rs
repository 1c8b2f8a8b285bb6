//! The fields of [`Config`] that a scenario may set, with the unit that each is written in.
//!
//! One list for reading, writing and suggesting. The members are missing on purpose: `[cluster]` says who takes part.

use std::time::Duration;

use delian_core::{Config, FeatureLevel};

/// How to reach one field of a [`Config`].
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// A time.
    Span(fn(&mut Config) -> &mut Duration),
    /// A number of bytes.
    Bytes(fn(&mut Config) -> &mut u64),
    /// A number of bytes that is held in memory at once.
    Size(fn(&mut Config) -> &mut usize),
    /// A number of things.
    Count(fn(&mut Config) -> &mut usize),
    /// A number of entries.
    Entries(fn(&mut Config) -> &mut u64),
    /// A small number.
    Rank(fn(&mut Config) -> &mut u32),
    /// A small number that may be missing.
    Maybe(fn(&mut Config) -> &mut Option<u32>),
    /// A feature level.
    Level(fn(&mut Config) -> &mut FeatureLevel),
}

/// Every field, in the order of [`Config`].
pub(super) const SETTINGS: [(&str, Setting); 32] = [
    ("heartbeat_interval", Setting::Span(|config| &mut config.heartbeat_interval)),
    ("election_timeout_min", Setting::Span(|config| &mut config.election_timeout_min)),
    ("election_timeout_max", Setting::Span(|config| &mut config.election_timeout_max)),
    ("election_priority", Setting::Rank(|config| &mut config.election_priority)),
    ("clock_drift_max_ppm", Setting::Maybe(|config| &mut config.clock_drift_max_ppm)),
    ("append_bytes_max", Setting::Bytes(|config| &mut config.append_bytes_max)),
    ("inflight_messages_max", Setting::Count(|config| &mut config.inflight_messages_max)),
    ("inflight_bytes_max", Setting::Bytes(|config| &mut config.inflight_bytes_max)),
    ("uncommitted_bytes_max", Setting::Bytes(|config| &mut config.uncommitted_bytes_max)),
    ("log_bytes_max", Setting::Bytes(|config| &mut config.log_bytes_max)),
    ("trailing_entries", Setting::Entries(|config| &mut config.trailing_entries)),
    ("snapshot_resend_interval", Setting::Span(|config| &mut config.snapshot_resend_interval)),
    ("snapshot_chunk_bytes", Setting::Bytes(|config| &mut config.snapshot_chunk_bytes)),
    ("snapshot_chunks_max", Setting::Count(|config| &mut config.snapshot_chunks_max)),
    ("snapshot_bytes_max", Setting::Bytes(|config| &mut config.snapshot_bytes_max)),
    ("feature_level_max", Setting::Level(|config| &mut config.feature_level_max)),
    ("withheld_max", Setting::Count(|config| &mut config.withheld_max)),
    ("autopilot_voters", Setting::Maybe(|config| &mut config.autopilot_voters)),
    ("autopilot_settle", Setting::Span(|config| &mut config.autopilot_settle)),
    ("autopilot_dead_after", Setting::Span(|config| &mut config.autopilot_dead_after)),
    ("autopilot_lag_max", Setting::Entries(|config| &mut config.autopilot_lag_max)),
    ("command_timeout", Setting::Span(|config| &mut config.command_timeout)),
    ("pending_commands_max", Setting::Count(|config| &mut config.pending_commands_max)),
    ("pending_reads_max", Setting::Count(|config| &mut config.pending_reads_max)),
    ("session_entries_max", Setting::Entries(|config| &mut config.session_entries_max)),
    ("sessions_max", Setting::Count(|config| &mut config.sessions_max)),
    ("session_window", Setting::Count(|config| &mut config.session_window)),
    ("registrations_max", Setting::Count(|config| &mut config.registrations_max)),
    ("text_bytes_max", Setting::Size(|config| &mut config.text_bytes_max)),
    ("tags_max", Setting::Count(|config| &mut config.tags_max)),
    ("custom_bytes_max", Setting::Size(|config| &mut config.custom_bytes_max)),
    ("removals_kept", Setting::Count(|config| &mut config.removals_kept)),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Clusters of scenarios are in no pool and watch nobody's health and hold no ring; any other field that is missing here could be neither read nor written, and a shrunk scenario would replay differently.
    #[test]
    fn every_field_of_a_config_can_be_set() {
        let mut config = Config::default();
        for (_, setting) in SETTINGS {
            match setting {
                Setting::Span(field) => *field(&mut config) = Duration::from_nanos(77_777),
                Setting::Bytes(field) | Setting::Entries(field) => *field(&mut config) = 77_777,
                Setting::Rank(field) => *field(&mut config) = 77_777,
                Setting::Size(field) | Setting::Count(field) => *field(&mut config) = 77_777,
                Setting::Maybe(field) => *field(&mut config) = Some(77_777),
                Setting::Level(field) => *field(&mut config) = FeatureLevel::new(77_777),
            }
        }
        let shown = format!("{config:?}");
        let values: Vec<&str> = shown
            .split(", ")
            .filter(|field| !field.contains("{}") && !["pools: None", "health: None", "ring: None"].contains(field))
            .collect();
        assert!(values.iter().all(|field| field.contains("77777") || field.contains("77.777")), "{values:?}");
        assert_eq!(values.len(), SETTINGS.len());
    }
}
