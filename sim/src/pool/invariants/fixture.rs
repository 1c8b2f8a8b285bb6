//! A small history by hand: members that started together and hold each other alive.

use std::sync::Arc;

use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::members::Digest;
use delian_core::swim::packet::{Body, Ping};
use delian_core::swim::{CardCheck, Incarnation, News, Packet, PoolConfig, PoolLabel, Record, State};
use delian_core::{NodeId, Time};

use super::history::{Glance, History, Phase, Suspicion};
use super::{Told, Word};
use crate::pool::address_of;

const POOL: &str = "fixture";

pub(super) fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1000)
}

pub(super) fn node(place: u32) -> NodeId {
    NodeId::new((7 << 24) | u64::from(place))
}

pub(super) fn record(incarnation: u32, state: State) -> Record {
    Record { incarnation: Incarnation::new(incarnation), state }
}

pub(super) fn history(members: u32) -> History {
    let settings = Arc::new(PoolConfig::local(POOL).check().unwrap());
    let mut history = History::new(&settings, members);
    for place in 0..members {
        history.truth.started(Time::ZERO, place, node(place), Incarnation::ZERO);
        let subject = history.meet(node(place));
        history.subjects[subject as usize].label = Some(PoolLabel::of(POOL));
        let row = &mut history.rows[place as usize];
        row.settings = Some(Arc::clone(&settings));
        row.members = (members as usize, members as usize);
        for subject in 0..members {
            history.hold(Time::ZERO, place, subject, record(0, State::Alive));
            history.pair_mut(place, subject).phase = Phase::Up;
        }
    }
    history
}

pub(super) fn tell(seconds: u64, observer: u32, subject: u32, word: Word) -> Told {
    tell_in(0, seconds, observer, subject, word)
}

pub(super) fn tell_in(incarnation: u32, seconds: u64, observer: u32, subject: u32, word: Word) -> Told {
    Told { now: at(seconds), observer, subject, word, incarnation: Incarnation::new(incarnation), woke: false }
}

pub(super) fn join(seconds: u64, observer: u32, subject: u32) -> Told {
    tell(seconds, observer, subject, Word::Joined(address_of(subject)))
}

pub(super) fn suspect(history: &mut History, seconds: u64, observer: u32, subject: u32, accuser: NodeId) {
    history.hold(at(seconds), observer, subject, record(0, State::Suspect));
    history.pair_mut(observer, subject).phase = Phase::Suspected;
    let members = history.rows[observer as usize].members;
    let suspicion = Suspicion { since: at(seconds), incarnation: Incarnation::ZERO, accusers: vec![accuser], members };
    history.suspicions.insert((observer, subject), suspicion);
}

fn packet(from: u32, body: Body, news: Vec<News>) -> Packet {
    Packet { label: PoolLabel::of(POOL), from: node(from), incarnation: Incarnation::ZERO, body, news }
}

pub(super) fn gossip(from: u32, news: Vec<News>) -> Packet {
    packet(from, Body::Gossip, news)
}

pub(super) fn ping(from: u32, to: u32) -> Packet {
    let ping =
        Ping { number: ProbeNumber::new(1), to: NodeTag::of(node(to)), digest: [0; 4], card: CardCheck::default() };
    packet(from, Body::Ping(ping), Vec::new())
}

/// Returns what a member is like that holds the truth.
pub(super) fn glance(history: &History, place: u32) -> Glance {
    let mut digest = Digest::default();
    for subject in &history.subjects {
        digest.add(subject.node, record(0, State::Alive));
    }
    Glance {
        place,
        subject: place,
        label: PoolLabel::of(POOL),
        incarnation: Incarnation::ZERO,
        sums: *digest.sums(),
        reachable: history.subjects.len(),
        known: history.subjects.len(),
        waiting_news: 0,
        card_is_known: true,
    }
}

pub(super) fn glances(history: &History) -> Vec<Glance> {
    (0..history.truth.size()).map(|place| glance(history, place)).collect()
}
