//! The fields of [`Config`] and of [`HealthConfig`] that a scenario may set, with the unit that each is written in.
//!
//! One list for reading, writing and suggesting. The members are missing on purpose: `[cluster]` says who takes part and
//! whether they are in a pool, and that there is a `[health]` says that they watch each other.

use std::time::Duration;

use delian_core::health::HealthConfig;
use delian_core::{Config, FeatureLevel};

use super::file::sections::put;
use super::file::table::{Entry, Reader, Table};
use super::words::{read_span, write_bytes, write_span};
use super::write::{Text, quoted};

/// How to reach one field of a configuration.
pub(super) enum Setting<C> {
    /// A time.
    Span(fn(&mut C) -> &mut Duration),
    /// A time after which something happens, or `"never"`.
    MaybeSpan(fn(&mut C) -> &mut Option<Duration>),
    /// A number of bytes.
    Bytes(fn(&mut C) -> &mut u64),
    /// A number of bytes that is held in memory at once.
    Size(fn(&mut C) -> &mut usize),
    /// A number of things.
    Count(fn(&mut C) -> &mut usize),
    /// A number of entries.
    Entries(fn(&mut C) -> &mut u64),
    /// A small number.
    Rank(fn(&mut C) -> &mut u32),
    /// A small number that may be missing.
    Maybe(fn(&mut C) -> &mut Option<u32>),
    /// A number of thousandths.
    Permille(fn(&mut C) -> &mut u16),
    /// A very small number.
    Few(fn(&mut C) -> &mut u8),
    /// A feature level.
    Level(fn(&mut C) -> &mut FeatureLevel),
}

/// The fields of a configuration under the keys that a file has for them.
pub(super) type Settings<C, const COUNT: usize> = [(&'static str, Setting<C>); COUNT];

/// Every field, in the order of [`Config`].
pub(super) const SETTINGS: Settings<Config, 32> = [
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

/// Every field, in the order of [`HealthConfig`].
pub(super) const HEALTH_SETTINGS: Settings<HealthConfig, 14> = [
    ("beat_interval", Setting::Span(|health| &mut health.beat_interval)),
    ("silence_after", Setting::Span(|health| &mut health.silence_after)),
    ("silence_step", Setting::Span(|health| &mut health.silence_step)),
    ("silence_levels", Setting::Few(|health| &mut health.silence_levels)),
    ("degraded_below", Setting::Permille(|health| &mut health.degraded_below)),
    ("degraded_margin", Setting::Permille(|health| &mut health.degraded_margin)),
    ("flap_half_life", Setting::Span(|health| &mut health.flap_half_life)),
    ("flap_limit", Setting::Few(|health| &mut health.flap_limit)),
    ("evict_after", Setting::MaybeSpan(|health| &mut health.evict_after)),
    ("preservation_permille", Setting::Permille(|health| &mut health.preservation_permille)),
    ("preservation_min", Setting::Count(|health| &mut health.preservation_min)),
    ("preservation_max", Setting::Span(|health| &mut health.preservation_max)),
    ("registration_interval", Setting::Span(|health| &mut health.registration_interval)),
    ("registration_burst", Setting::Rank(|health| &mut health.registration_burst)),
];

/// What stands for a time that never comes.
const NEVER: &str = "never";

/// Reads the fields that a table has.
pub(super) fn read_settings<'t, C, const COUNT: usize>(
    reader: &mut Reader<'t>,
    table: &mut Table<'t>,
    settings: Settings<C, COUNT>,
    config: &mut C,
) {
    for (key, setting) in settings {
        if let Some(entry) = table.take(reader, key) {
            setting.read(reader, &entry, config);
        }
    }
}

/// Writes the fields that are not as usual.
pub(super) fn write_settings<C: Clone + Default, const COUNT: usize>(
    text: &mut Text,
    settings: Settings<C, COUNT>,
    config: &C,
) {
    let (mut config, mut usual) = (config.clone(), C::default());
    for (key, setting) in settings {
        setting.write(text, key, &mut usual, &mut config);
    }
}

impl<C> Setting<C> {
    fn read<'t>(&self, reader: &mut Reader<'t>, entry: &Entry<'t>, config: &mut C) {
        match self {
            Self::Span(field) => put(field(config), entry.parse(reader, read_span)),
            Self::MaybeSpan(field) => {
                let read = |text: &str| if text == NEVER { Ok(None) } else { read_span(text).map(Some) };
                put(field(config), entry.parse(reader, read));
            }
            Self::Bytes(field) => put(field(config), entry.bytes(reader)),
            Self::Size(field) => put(field(config), entry.bytes(reader).map(|bytes| bytes as usize)),
            Self::Count(field) => put(field(config), entry.number(reader, &(0..=u64::MAX)).map(|n| n as usize)),
            Self::Rank(field) => put(field(config), entry.number(reader, &(0..=u32::MAX))),
            Self::Maybe(field) => put(field(config), entry.number(reader, &(0..=u32::MAX)).map(Some)),
            Self::Permille(field) => put(field(config), entry.number(reader, &(0..=u16::MAX))),
            Self::Few(field) => put(field(config), entry.number(reader, &(0..=u8::MAX))),
            Self::Entries(field) => put(field(config), entry.number(reader, &(0..=u64::MAX))),
            Self::Level(field) => put(field(config), entry.number(reader, &(0..=u64::MAX)).map(FeatureLevel::new)),
        }
    }

    fn write(&self, text: &mut Text, key: &str, usual: &mut C, config: &mut C) {
        match self {
            Self::Span(field) => text.unless(field(usual), key, field(config), |span| quoted(&write_span(*span))),
            Self::MaybeSpan(field) => {
                let written = |span: &Option<Duration>| span.map_or_else(|| NEVER.to_string(), write_span);
                text.unless(field(usual), key, field(config), |span| quoted(&written(span)));
            }
            Self::Bytes(field) => text.unless(field(usual), key, field(config), |bytes| quoted(&write_bytes(*bytes))),
            Self::Size(field) => {
                text.unless(field(usual), key, field(config), |bytes| quoted(&write_bytes(*bytes as u64)));
            }
            Self::Count(field) => text.unless(field(usual), key, field(config), ToString::to_string),
            Self::Rank(field) => text.unless(field(usual), key, field(config), ToString::to_string),
            Self::Maybe(field) => {
                text.unless(field(usual), key, field(config), |number| number.unwrap_or_default().to_string());
            }
            Self::Permille(field) => text.unless(field(usual), key, field(config), ToString::to_string),
            Self::Few(field) => text.unless(field(usual), key, field(config), ToString::to_string),
            Self::Entries(field) => text.unless(field(usual), key, field(config), ToString::to_string),
            Self::Level(field) => text.unless(field(usual), key, field(config), |level| level.get().to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets every field that a list reaches, each to the same number.
    fn fill<C, const COUNT: usize>(settings: Settings<C, COUNT>, config: &mut C) {
        for (_, setting) in settings {
            match setting {
                Setting::Span(field) => *field(config) = Duration::from_nanos(77_777),
                Setting::MaybeSpan(field) => *field(config) = Some(Duration::from_nanos(77_777)),
                Setting::Bytes(field) | Setting::Entries(field) => *field(config) = 77_777,
                Setting::Rank(field) => *field(config) = 77_777,
                Setting::Size(field) | Setting::Count(field) => *field(config) = 77_777,
                Setting::Maybe(field) => *field(config) = Some(77_777),
                Setting::Permille(field) => *field(config) = 777,
                Setting::Few(field) => *field(config) = 77,
                Setting::Level(field) => *field(config) = FeatureLevel::new(77_777),
            }
        }
    }

    /// A field that is missing here could be neither read nor written, and a shrunk scenario would replay differently. The
    /// cluster fills in the rest: who takes part, who is in a pool, and whether health is watched; nobody holds a ring.
    #[test]
    fn every_field_of_a_config_can_be_set() {
        let (mut config, mut health) = (Config::default(), HealthConfig::default());
        fill(SETTINGS, &mut config);
        fill(HEALTH_SETTINGS, &mut health);
        let filled_in = ["pools: None", "health: None", "ring: None"];
        let is_set = |field: &str| field.contains("77");
        for (shown, count) in [(format!("{config:?}"), SETTINGS.len()), (format!("{health:?}"), HEALTH_SETTINGS.len())]
        {
            let fields: Vec<&str> =
                shown.split(", ").filter(|field| !field.contains("{}") && !filled_in.contains(field)).collect();
            assert!(fields.iter().all(|field| is_set(field)), "{fields:?}");
            assert_eq!(fields.len(), count);
        }
    }
}
