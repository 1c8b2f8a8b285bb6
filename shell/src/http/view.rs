//! Documents of what a node holds.

use std::time::Duration;

use delian_core::node::{Notice, Tier};
use delian_core::swim::State;
use delian_core::topology::{Condition, Member};
use delian_core::{Node, NodeId, RoleName, Time};

use super::fault::{Answer, Fault, Kind};
use crate::shapes::{DrainDocument, MemberDocument, NodeDocument, NodeReference, PlaceDocument};

/// The tag by which a node tells where its API answers.
pub const API_TAG: &str = "api";

/// Returns a span in milliseconds.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the identity that a text is, `n7` or `7`; nothing if it is none.
pub(super) fn identity(text: &str) -> Option<NodeId> {
    let digits = text.strip_prefix('n').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).map(NodeId::new)
}

/// Finds a registered node by its identity or its name; a text that is an identity is one.
pub(super) fn find<'a>(node: &'a Node, text: &str) -> Answer<&'a Member> {
    let found = match identity(text) {
        Some(id) => node.topology().get(id),
        None => node.topology().by_name(text),
    };
    found.ok_or_else(|| {
        let epoch = node.topology().epoch();
        Fault::new(
            Kind::NotRegistered,
            format!("{text:?} is neither identity nor name of a node registered in {epoch}"),
        )
    })
}

/// Returns a node as others call it.
pub(super) fn reference(node: &Node, id: NodeId) -> NodeReference {
    let registration = node.topology().get(id).map(|member| &member.registration);
    let in_pool = || {
        let (_, directory) = node.pool(Tier::Local)?;
        directory.card(directory.find(id)?).map(|card| card.name.to_string())
    };
    NodeReference {
        id: id.to_string(),
        name: registration.map(|it| it.name.clone()).or_else(in_pool),
        api: registration.and_then(|it| it.tags.get(API_TAG).cloned()),
    }
}

/// Returns a registered node as everybody agrees on it: the same at all nodes of one epoch.
pub(super) fn agreed(member: &Member) -> NodeDocument {
    let it = &member.registration;
    NodeDocument {
        id: it.node.to_string(),
        name: it.name.clone(),
        address: it.address.clone(),
        port: it.port,
        place: PlaceDocument {
            region: it.region.clone(),
            datacenter: it.datacenter.clone(),
            rack: it.rack.clone(),
            latitude_microdegrees: it.coordinates.latitude.get(),
            longitude_microdegrees: it.coordinates.longitude.get(),
        },
        total_bytes: it.total.get(),
        free_bytes: it.free.get(),
        tags: it.tags.clone(),
        registered_at_ms: it.registered_at.as_unix_millis(),
        registered_epoch: member.registered.get(),
        changed_epoch: member.changed.get(),
        condition: member.condition.to_string(),
        since_epoch: member.since.get(),
        cause: member.cause.to_string(),
        drain: member
            .drain
            .map(|drain| DrainDocument { moved_permille: drain.moved, within_ms: drain.within.map(millis) }),
        pool: None,
        ring_permille: None,
        log: None,
        api: it.tags.get(API_TAG).cloned(),
    }
}

/// Returns a registered node with what the asked one sees of it.
pub(super) fn seen(node: &Node, member: &Member) -> NodeDocument {
    let id = member.node();
    let (raft, known) = (node.raft(), node.known_leader().map(|(_, leader)| leader));
    let configuration = raft.configuration();
    let log = if known == Some(id) {
        Some("leader")
    } else if configuration.is_voter(id) {
        Some("voter")
    } else if configuration.is_member(id) {
        Some("learner")
    } else {
        None
    };
    let in_pool = |tier| {
        let (swim, directory) = node.pool(tier)?;
        swim.seen(directory, id).map(|record| state_word(record.state))
    };
    let pool = in_pool(Tier::Local).or_else(|| in_pool(Tier::Wide));
    NodeDocument { pool: pool.map(str::to_string), log: log.map(str::to_string), ..agreed(member) }
}

/// Returns how a member of a pool is seen, in a word.
pub(super) const fn state_word(state: State) -> &'static str {
    match state {
        State::Alive => "alive",
        State::Suspect => "suspect",
        State::Dead => "dead",
        State::Left => "left",
    }
}

/// Returns the members of a pool.
pub(super) fn members(node: &Node, tier: Tier) -> Vec<MemberDocument> {
    let Some((swim, directory)) = node.pool(tier) else { return Vec::new() };
    let near: std::collections::BTreeMap<NodeId, Duration> = swim.nearest(directory, usize::MAX).into_iter().collect();
    let document = |(id, record): (NodeId, delian_core::swim::Record)| {
        let card = directory.find(id).and_then(|slot| directory.card(slot));
        let role: Option<RoleName> = card.and_then(|card| Notice::of(card)).map(|notice| notice.role);
        let round_trip = near.get(&id).filter(|_| id != node.raft().id());
        MemberDocument {
            id: id.to_string(),
            name: card.map(|card| card.name.to_string()),
            address: card.map(|card| card.address.to_string()),
            pool: tier.to_string(),
            state: state_word(record.state).to_string(),
            incarnation: u64::from(record.incarnation.get()),
            role: role.map(|role| role.to_string()),
            round_trip_us: round_trip.map(|span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX)),
            api: reference(node, id).api,
        }
    };
    let mut all: Vec<(NodeId, delian_core::swim::Record)> = swim.known(directory).collect();
    all.sort_unstable_by_key(|(id, _)| *id);
    all.into_iter().map(document).collect()
}

/// Returns the spans until an instant.
pub(super) fn millis_until(now: Time, at: Time) -> u64 {
    millis(at.since(now))
}

/// The words for conditions.
pub(super) fn conditions() -> Vec<(String, Condition)> {
    Condition::ALL.iter().map(|condition| (condition.to_string(), *condition)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_digits_with_or_without_its_letter() {
        assert_eq!(identity("n7"), Some(NodeId::new(7)));
        assert_eq!(identity("18446744073709551615"), Some(NodeId::new(u64::MAX)));
        for name in ["", "n", "+7", "n-7", "7n", "nn7", "18446744073709551616", " 7", "ada"] {
            assert_eq!(identity(name), None, "{name:?}");
        }
    }
}
