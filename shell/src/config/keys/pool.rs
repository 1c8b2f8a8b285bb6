//! `[pool]` and `[wide_pool]`: the same keys for the pool of a datacenter or region and for that of all gateways.

use super::super::forms::{Count, Size, Span, Text, Word};
use super::{Key, table};

macro_rules! pool {
    ($section:literal, $pool:ident, $name:literal) => {
        table! {
            Text, concat!($section, ".name"), $pool.name, $name;
            Span, concat!($section, ".probe_interval"), $pool.probe_interval,
                "The pause between two probes of a healthy member.";
            Span, concat!($section, ".probe_timeout"), $pool.probe_timeout,
                "How long a probed member may take before others are asked to probe it: more than nearly every round trip.";
            Count, concat!($section, ".indirect_probes"), $pool.indirect_probes,
                "How many others are asked to probe a member that did not answer (SWIM, section 4.1).";
            Word, concat!($section, ".fallback"), $pool.fallback,
                "What is tried beside them: stream or none. With a stream, a network that loses datagrams alone makes nobody suspect.";
            Count, concat!($section, ".health_max"), $pool.health_max,
                "The greatest multiple, less one, by which an unhealthy member slows its probes (Lifeguard, section 4).";
            Count, concat!($section, ".suspicion_min_permille"), $pool.suspicion_min_permille,
                "The shortest suspicion, in thousandths of a probe interval times log10 of the number of members.";
            Count, concat!($section, ".suspicion_max_factor"), $pool.suspicion_max_factor,
                "How many times that the longest suspicion is: that of one accuser whom nobody confirms.";
            Count, concat!($section, ".confirmations"), $pool.confirmations,
                "How many accusers beside the first shorten a suspicion to the shortest (Lifeguard, section 4).";
            Span, concat!($section, ".gossip_interval"), $pool.gossip_interval,
                "The pause between two rounds of gossip while there is news.";
            Count, concat!($section, ".gossip_fanout"), $pool.gossip_fanout, "How many members get news in a round.";
            Count, concat!($section, ".retransmit_factor"), $pool.retransmit_factor,
                "How often news is handed on, as a multiple of the decimal digits of the number of members.";
            Span, concat!($section, ".sync_interval"), $pool.sync_interval,
                "The longest pause between two exchanges with members that hold another view; it begins at a thirtieth.";
            Span, concat!($section, ".reconnect_interval"), $pool.reconnect_interval,
                "The pause between two attempts to reach a member that is held dead: partitions heal without anyone.";
            Span, concat!($section, ".join_interval"), $pool.join_interval,
                "The first pause between two attempts to join; it doubles up to thirty times this.";
            Span, concat!($section, ".tombstone_horizon"), $pool.tombstone_horizon,
                "How long a member that died or left is remembered: longer than a partition, or the dead would be introduced again.";
            Span, concat!($section, ".leave_timeout"), $pool.leave_timeout,
                "How long a leaving member waits for others to acknowledge.";
            Count, concat!($section, ".leave_acknowledgements"), $pool.leave_acknowledgements,
                "How many others must acknowledge a leave, or all if there are fewer.";
            Count, concat!($section, ".members_max"), $pool.members_max, "The most members, dead ones among them.";
            Size, concat!($section, ".name_bytes_max"), $pool.name_bytes_max, "The most bytes in a name.";
            Size, concat!($section, ".metadata_bytes_max"), $pool.metadata_bytes_max, "The most bytes of metadata.";
            Count, concat!($section, ".broadcasts_max"), $pool.broadcasts_max,
                "The most broadcasts that wait to be handed on: the least urgent oldest one gives way.";
            Size, concat!($section, ".broadcast_bytes_max"), $pool.broadcast_bytes_max, "The most bytes in a broadcast.";
            Count, concat!($section, ".relays_max"), $pool.relays_max,
                "The most probes that are made for others at a time.";
            Count, concat!($section, ".coordinate_every"), $pool.coordinate_every,
                "One probe of so many asks for coordinates, from which round trips are told.";
        }
    };
}

pub(super) const POOL: &[Key] = pool!(
    "pool",
    pool,
    "The name of the pool that says who can be reached: packets of another one are refused. Empty: `cluster.label`. Regions with gateways between them have a name each."
);

pub(super) const WIDE_POOL: &[Key] =
    pool!("wide_pool", wide_pool, "The name of the pool of all gateways. Empty: `cluster.label` with /wide behind it.");
