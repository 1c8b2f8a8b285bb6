//! The fields of [`PoolConfig`] that a scenario may set, with the unit that each is written in.
//!
//! One list for reading, writing and suggesting. The name is missing on purpose: a scenario's pool has its own.

use std::time::Duration;

use delian_core::swim::{Fallback, PoolConfig};

use crate::scenario::words::Word;

/// How to reach one field of a [`PoolConfig`].
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// A time.
    Span(fn(&mut PoolConfig) -> &mut Duration),
    /// A number of things.
    Count(fn(&mut PoolConfig) -> &mut usize),
    /// A number.
    Number(fn(&mut PoolConfig) -> &mut u32),
    /// A small number.
    Small(fn(&mut PoolConfig) -> &mut u8),
    /// What is tried beside indirect probes.
    Fallback(fn(&mut PoolConfig) -> &mut Fallback),
}

/// What may be tried beside indirect probes.
pub(super) const FALLBACKS: [Word<Fallback>; 2] = [("stream", Fallback::Stream), ("none", Fallback::None)];

/// Every field, in the order of [`PoolConfig`].
pub(super) const SETTINGS: [(&str, Setting); 25] = [
    ("probe_interval", Setting::Span(|config| &mut config.probe_interval)),
    ("probe_timeout", Setting::Span(|config| &mut config.probe_timeout)),
    ("indirect_probes", Setting::Count(|config| &mut config.indirect_probes)),
    ("fallback", Setting::Fallback(|config| &mut config.fallback)),
    ("health_max", Setting::Small(|config| &mut config.health_max)),
    ("suspicion_min_permille", Setting::Number(|config| &mut config.suspicion_min_permille)),
    ("suspicion_max_factor", Setting::Number(|config| &mut config.suspicion_max_factor)),
    ("confirmations", Setting::Small(|config| &mut config.confirmations)),
    ("gossip_interval", Setting::Span(|config| &mut config.gossip_interval)),
    ("gossip_fanout", Setting::Count(|config| &mut config.gossip_fanout)),
    ("retransmit_factor", Setting::Number(|config| &mut config.retransmit_factor)),
    ("packet_bytes_max", Setting::Count(|config| &mut config.packet_bytes_max)),
    ("sync_interval", Setting::Span(|config| &mut config.sync_interval)),
    ("reconnect_interval", Setting::Span(|config| &mut config.reconnect_interval)),
    ("join_interval", Setting::Span(|config| &mut config.join_interval)),
    ("tombstone_horizon", Setting::Span(|config| &mut config.tombstone_horizon)),
    ("leave_timeout", Setting::Span(|config| &mut config.leave_timeout)),
    ("leave_acknowledgements", Setting::Count(|config| &mut config.leave_acknowledgements)),
    ("members_max", Setting::Count(|config| &mut config.members_max)),
    ("name_bytes_max", Setting::Count(|config| &mut config.name_bytes_max)),
    ("metadata_bytes_max", Setting::Count(|config| &mut config.metadata_bytes_max)),
    ("broadcasts_max", Setting::Count(|config| &mut config.broadcasts_max)),
    ("broadcast_bytes_max", Setting::Count(|config| &mut config.broadcast_bytes_max)),
    ("relays_max", Setting::Count(|config| &mut config.relays_max)),
    ("coordinate_every", Setting::Number(|config| &mut config.coordinate_every)),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that is missing here could be neither read nor written, and a shrunk scenario would replay differently.
    #[test]
    fn every_field_of_a_pool_but_its_name_can_be_set() {
        let mut config = PoolConfig::local("");
        for (_, setting) in SETTINGS {
            match setting {
                Setting::Span(field) => *field(&mut config) = Duration::from_nanos(77),
                Setting::Count(field) => *field(&mut config) = 77,
                Setting::Number(field) => *field(&mut config) = 77,
                Setting::Small(field) => *field(&mut config) = 77,
                Setting::Fallback(field) => *field(&mut config) = Fallback::None,
            }
        }
        let shown = format!("{config:?}");
        let values: Vec<&str> = shown.split(", ").skip(1).collect();
        assert!(values.iter().all(|field| field.contains("77") || field.contains("None")), "{values:?}");
        assert_eq!(values.len(), SETTINGS.len());
    }
}
