//! `[health]` and `[ring]`.

use super::super::forms::{Count, Optional, Span, Weighing, Word};
use super::{Key, table};

pub(super) const HEALTH: &[Key] = table! {
    Span, "health.beat_interval", health.beat_interval,
        "The pause between two heartbeats of a node: two may get lost and the third come late before it counts as silent.";
    Span, "health.silence_after", health.silence_after,
        "The longest silence that means nothing: more than three heartbeats.";
    Span, "health.silence_step", health.silence_step, "How much more silence each further level takes.";
    Count, "health.silence_levels", health.silence_levels,
        "The level at which a node counts as failed: with the other defaults after a silence of 70 s.";
    Count, "health.degraded_below", health.degraded_below, "Below which score, in thousandths, a node counts as degraded.";
    Count, "health.degraded_margin", health.degraded_margin,
        "How far above that it must come to count as healthy again: a score that trembles at the edge changes nothing.";
    Span, "health.flap_half_life", health.flap_half_life,
        "How soon the memory of a recovery fades to half (RFC 2439, section 4.2).";
    Count, "health.flap_limit", health.flap_limit,
        "How many recoveries at once put a node on hold until their memory has faded to one.";
    Optional<Span>, "health.evict_after", health.evict_after,
        "How long a node must be out of reach before its removal is proposed. None: only an operator removes.";
    Count, "health.preservation_permille", health.preservation_permille,
        "The share of nodes, in thousandths, that falls silent at once and makes the leader suspect itself.";
    Count, "health.preservation_min", health.preservation_min, "The fewest silent nodes for which it does.";
    Span, "health.preservation_max", health.preservation_max,
        "How long it suspects itself before it believes what it sees.";
    Span, "health.registration_interval", health.registration_interval,
        "The mean pause between two registrations of a node; whoever comes earlier is told when to come again.";
    Count, "health.registration_burst", health.registration_burst,
        "How many registrations of a node may come at once.";
};

pub(super) const RING: &[Key] = table! {
    Count, "ring.points_per_unit", ring.points_per_unit,
        "How many points a node of unit weight has: with 150 the shares of equal nodes deviate by 8 %. All of [ring] must be the same at all nodes.";
    Weighing, "ring.weigh", ring.weigh,
        "What a node weighs: alike, one unit for so much storage, or the thousandths that it says under a tag.";
    Count, "ring.copies", ring.copies, "How many copies there are of each key.";
    Word, "ring.rule", ring.rule,
        "How copies are kept apart: nodes on any nodes, apart:LEVEL never two in one rack, datacenter or region, spread:LEVEL as far as there are places.";
};
