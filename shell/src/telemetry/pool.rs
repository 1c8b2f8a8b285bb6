//! What happens in pools, described.

use delian_core::node::Tier;
use delian_core::swim::{Card, Event, Incarnation};

use super::told::Told;

fn carded(told: Told, card: &Card, incarnation: Incarnation) -> Told {
    told.about(card.id).with("name", &*card.name).text("address", card.address).with("incarnation", incarnation.get())
}

/// Describes what happened in a pool.
// Long on purpose: one arm per event, so that the compiler sees a kind that is missing.
pub(super) fn describe(tier: Tier, event: &Event) -> Told {
    let told = match event {
        Event::Joined(card, incarnation) => {
            let text = format!("{} ({}) is in the {tier} pool", card.name, card.id);
            carded(Told::info("pool_joined", text), card, *incarnation)
        }
        Event::Updated(card, incarnation) => {
            let text = format!("{} ({}) changed its card in the {tier} pool", card.name, card.id);
            carded(Told::routine("pool_updated", text), card, *incarnation)
        }
        Event::Suspected { member, incarnation, accuser } => {
            let text = format!("{member} is suspected in the {tier} pool: it did not answer {accuser}");
            let told = Told::info("pool_suspected", text).about(*member);
            told.with("incarnation", incarnation.get()).text("accuser", accuser)
        }
        Event::Recovered(member, incarnation) => {
            let text = format!("{member} refuted that it is dead in the {tier} pool");
            Told::info("pool_recovered", text).about(*member).with("incarnation", incarnation.get())
        }
        Event::Left { member, incarnation, late } => {
            let when = if *late { ", though it was held dead" } else { "" };
            let told = Told::info("pool_left", format!("{member} left the {tier} pool{when}")).about(*member);
            told.with("incarnation", incarnation.get()).with("late", *late)
        }
        Event::Died(member, incarnation) => {
            let text = format!("{member} is held dead in the {tier} pool: it refuted nothing in time");
            Told::warning("pool_died", text).about(*member).with("incarnation", incarnation.get())
        }
        Event::NameConflict { holder, other } => {
            let text = format!("{holder} and {other} have one name in the {tier} pool: it means {holder}");
            Told::warning("pool_name_conflict", text).about(*other).text("holder", holder)
        }
        Event::Implausible(member, incarnation) => {
            let text =
                format!("an incarnation of {member} that it cannot have reached was not believed: {incarnation}");
            Told::warning("pool_implausible", text).about(*member).with("incarnation", incarnation.get())
        }
        Event::Full(member) => {
            let text = format!("{member} was not taken in: the {tier} pool has as many members as it may have");
            Told::warning("pool_full", text).about(*member)
        }
        Event::BroadcastDropped(member, number) => {
            let text = format!("broadcast {number} of {member} is handed on no further: there are too many");
            Told::warning("pool_broadcast_dropped", text).about(*member).with("number", *number)
        }
        Event::Refuted(incarnation) => {
            let text = format!("this node refuted what was said of it in the {tier} pool");
            Told::info("pool_refuted", text).with("incarnation", incarnation.get())
        }
        Event::Yielded { to, incarnation } => {
            let text = format!("another process under this identity is at {to}: this one left the {tier} pool");
            Told::error("pool_yielded", text).text("to", to).with("incarnation", incarnation.get())
        }
        Event::Isolated => {
            Told::warning("pool_isolated", format!("nobody is heard in the {tier} pool: this node may be cut off"))
        }
        Event::Reunited => Told::info("pool_reunited", format!("somebody is heard again in the {tier} pool")),
        Event::HealthChanged(health) => {
            let text = format!("this node probes {} times slower than a healthy one", u16::from(*health) + 1);
            Told::info("pool_health_changed", text).with("health", *health)
        }
        Event::Departed(told) => {
            Told::info("pool_departed", format!("this node left the {tier} pool, and {told} know")).with("told", *told)
        }
        Event::ForeignPool(from, label) => {
            let text = format!("a packet of another pool came from {from} and was refused");
            Told::warning("pool_foreign", text).text("from", from).text("label", label)
        }
        Event::MetadataTooLarge { bytes, max } => {
            let text = format!("{bytes} bytes for the node's card are above {max}: it stays as it is");
            Told::warning("pool_metadata_too_large", text).with("bytes", *bytes).with("max", *max)
        }
        Event::BroadcastTooLarge { bytes, max } => {
            let text = format!("a broadcast of {bytes} bytes is above {max} and goes nowhere");
            Told::warning("pool_broadcast_too_large", text).with("bytes", *bytes).with("max", *max)
        }
        other => Told::info("pool_other", format!("{other:?}")),
    };
    told.text("pool", tier)
}
