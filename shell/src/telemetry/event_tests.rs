use std::collections::BTreeSet;
use std::sync::Arc;

use delian_core::health::HeartbeatError;
use delian_core::io::Contradiction;
use delian_core::node::Tier;
use delian_core::raft::Configuration;
use delian_core::topology::{Condition, Refusal};
use delian_core::{
    Blob, Boot, Epoch, FeatureLevel, LogIndex, NodeId, Operation, Position, Rejected, Sequence, SessionId, Term,
    WallTime, WriteId, swim,
};

use super::*;

const NODE: NodeId = NodeId::new(7);

fn position() -> Position {
    Position::new(Term::new(2), LogIndex::new(9))
}

fn of_elections() -> Vec<Event> {
    let (term, leader, target) = (Term::new(2), NODE, NODE);
    vec![
        Event::Started { boot: Boot::new(3), last: position() },
        Event::PreVoteStarted { term },
        Event::ElectionStarted { term },
        Event::BecameLeader { term },
        Event::FollowsLeader { term, leader },
        Event::SteppedDown { term, reason: StepDown::QuorumLost },
        Event::SteppedDown { term, reason: StepDown::NewerTerm(term) },
        Event::SteppedDown { term, reason: StepDown::Removed },
        Event::LeaderChanged { term, leader },
        Event::TransferBegan { term, target },
        Event::ToldToStand { term, target },
        Event::TransferAborted { term, target },
        Event::LeaderForgotten { term, leader },
        Event::LeaderKept { term, leader },
    ]
}

fn of_the_log() -> Vec<Event> {
    let (position, epoch, session) = (position(), Epoch::new(5), SessionId::new(4));
    let operation = Operation { session, sequence: Sequence::new(1), awaited_from: Sequence::new(1) };
    let configuration = Arc::new(Configuration::founding([NODE].into(), [NodeId::new(8)].into()));
    let changes = [
        Changed::Registered(NODE),
        Changed::Updated(NODE),
        Changed::Deregistered(NODE),
        Changed::Evicted(NODE),
        Changed::ConditionSet(NODE, Condition::Silent),
        Changed::Custom,
        Changed::Moved(NODE, 300),
        Changed::Drained(NODE),
    ];
    let ends = [SessionEnd::Closed, SessionEnd::Silent, SessionEnd::Crowded];
    let mut events = vec![
        Event::Committed { last: position },
        Event::Truncated { after: LogIndex::new(3) },
        Event::QuorumChanged { position, configuration },
        Event::MemoryLost { node: NODE, incarnation: delian_core::Incarnation::new(1) },
        Event::LevelRaised { position, level: FeatureLevel::CHUNKS },
        Event::Refused { position, refusal: Box::new(Refusal::NoPort) },
        Event::SessionOpened { position },
        Event::Repeated { position, operation },
        Event::SessionRefused { position, rejected: Box::new(Rejected::Busy) },
        Event::TurnedAway { rejected: Box::new(Rejected::Unknown) },
        Event::Compacted { last: position, bytes: 10 },
        Event::SnapshotSent { to: NODE, last: position },
        Event::SnapshotRefused { by: NODE, last: position },
        Event::SnapshotInstalled { last: position, epoch },
        Event::Halted(Halt::DiskFailed(WriteId::new(2))),
        Event::Halted(Halt::SecondLeader(NODE, Term::new(2))),
    ];
    events.extend(changes.map(|what| Event::Changed { position, epoch, what }));
    events.extend(ends.map(|why| Event::SessionEnded { session, why }));
    events
}

fn of_nodes() -> Vec<Event> {
    let (epoch, incarnation) = (Epoch::new(5), swim::Incarnation::new(1));
    let address = "127.0.0.1:7000".parse().unwrap();
    let card = Arc::new(swim::Card { metadata: Blob::default(), ..swim::Card::new(NODE, "ada", address) });
    let pool = [
        swim::Event::Joined(Arc::clone(&card), incarnation),
        swim::Event::Updated(card, incarnation),
        swim::Event::Suspected { member: NODE, incarnation, accuser: NodeId::new(1) },
        swim::Event::Recovered(NODE, incarnation),
        swim::Event::Left { member: NODE, incarnation, late: true },
        swim::Event::Died(NODE, incarnation),
        swim::Event::Refuted(incarnation),
        swim::Event::Yielded { to: address, incarnation },
        swim::Event::NameConflict { holder: NodeId::new(1), other: NODE },
        swim::Event::Isolated,
        swim::Event::Reunited,
        swim::Event::HealthChanged(u8::MAX),
        swim::Event::Departed(2),
        swim::Event::Implausible(NODE, incarnation),
        swim::Event::Full(NODE),
        swim::Event::BroadcastDropped(NODE, 3),
        swim::Event::MetadataTooLarge { bytes: 9, max: 8 },
        swim::Event::BroadcastTooLarge { bytes: 9, max: 8 },
    ];
    let mut events = vec![
        Event::NodeFailed { node: NODE, epoch, condition: Condition::Silent },
        Event::NodeRecovered { node: NODE, epoch },
        Event::HeartbeatRejected { from: NODE, why: HeartbeatError::Unknown(NODE) },
        Event::RingChanged { epoch, members: 3 },
        Event::PeerContradicted { peer: NODE, claim: Contradiction::OutOfReach },
    ];
    let doubts = [Doubt::Began, Doubt::Ended, Doubt::Overcome];
    events.extend(doubts.map(|doubt| Event::SelfSuspicion { doubt, watched: 3, overdue: 2 }));
    events.extend(pool.map(|event| Event::Pool { tier: Tier::Local, event: Box::new(event) }));
    events
}

fn all() -> Vec<Event> {
    [of_elections(), of_the_log(), of_nodes()].concat()
}

#[test]
fn kinds_are_sorted_and_unique() {
    assert!(KINDS.is_sorted());
    assert_eq!(KINDS.iter().collect::<BTreeSet<_>>().len(), KINDS.len());
}

#[test]
fn every_event_has_a_listed_kind_and_a_sentence_and_none_is_other() {
    for event in all() {
        let told = describe(&event);
        assert!(KINDS.contains(&told.kind), "{} is not listed", told.kind);
        assert!(!told.kind.ends_with("other"), "{event:?} is not described");
        assert!(!told.text.is_empty() && !told.text.ends_with('.'), "{:?}", told.text);
    }
}

/// The kinds that the samples above bring about, so that no listed one is a mere word.
#[test]
fn listed_kinds_are_told_of_something() {
    let told: BTreeSet<_> = all().iter().map(|event| describe(event).kind).collect();
    let without_sample = [
        "autopilot_proposed",
        "other",
        "pool_foreign",
        "pool_other",
        "ring_stays",
        "topology_followed",
        "topology_refused",
    ];
    let missing: Vec<_> = KINDS.iter().filter(|kind| !told.contains(**kind)).copied().collect();
    assert_eq!(missing, without_sample);
}

#[test]
fn a_document_says_who_and_when_and_what() {
    let event = Event::NodeFailed { node: NODE, epoch: Epoch::new(5), condition: Condition::Silent };
    let entry = Entry { sequence: 4, epoch: Epoch::new(6), at: WallTime::from_unix_millis(1000), event };
    let told = serde_json::to_value(document(&entry)).unwrap();
    let expected = serde_json::json!({
        "sequence": 4, "epoch": 6, "at_ms": 1000, "kind": "node_failed", "severity": "error",
        "text": "it was agreed that n7 is silent", "node": "n7",
        "fields": { "registered_epoch": 5, "condition": "silent" },
    });
    assert_eq!(told, expected);
}
