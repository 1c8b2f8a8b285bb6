//! What is seen of a run: the oracle's judgement and its facts, and lines of a trace.

use delian_core::swim::packet::Body;
use delian_core::swim::{Directory, Event, News, Packet, Roster};
use delian_core::{NodeId, Time};

use super::invariants::Oracle;
use super::member::{Member, home_of};
use super::participant::{Carrier, Note};
use super::world::Watcher;
use crate::outcome::Counts;
use crate::trace::{Line, Tracer};

/// Watches one run.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) oracle: Oracle,
    pub(super) tracer: Tracer,
    /// What was done to the members; what they met, the oracle counts.
    pub(super) done: Counts,
    judges_every_step: bool,
}

impl Watch {
    pub(super) fn new(oracle: Oracle, tracer: Tracer, places: u32) -> Self {
        Self { oracle, tracer, done: Counts::default(), judges_every_step: places <= JUDGED_AT_EVERY_STEP }
    }

    /// Returns what was done to the members and what they met.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.oracle.facts().counts();
        counts.merge(&self.done);
        counts
    }

    pub(super) fn trace(&mut self, line: impl FnOnce() -> Line) {
        if self.tracer.is_on() {
            self.tracer.write(line());
        }
    }
}

impl Watcher<Member<Roster>> for Watch {
    fn notice(&mut self, now: Time, observer: u32, note: Note) {
        Watcher::<Member<Roster>>::notice(&mut self.oracle, now, observer, note);
    }

    fn stepped(&mut self, now: Time, place: u32, member: &Member<Roster>, shared: &Directory) {
        self.oracle.stepped(now, place, member, shared);
        for event in member.noticed() {
            self.trace(|| Line::of_member(now, place + 1, "event", told(event)));
        }
        if self.judges_every_step {
            member.swim().assert_invariants(member.directory(shared));
        }
    }

    fn sent(&mut self, now: Time, from: u32, to: u32, carrier: Carrier, packet: &Packet) {
        Watcher::<Member<Roster>>::sent(&mut self.oracle, now, from, to, carrier, packet);
        self.trace(|| Line::of_member(now, from + 1, "send", format!("to m{} {}", to + 1, describe(packet))));
    }

    fn arrives(&mut self, now: Time, from: u32, to: u32, packet: &Packet) {
        Watcher::<Member<Roster>>::arrives(&mut self.oracle, now, from, to, packet);
    }
}

/// In worlds of more places the oracle alone asserts the machine's own invariants, once a second, for what they look at
/// grows with suspicions.
const JUDGED_AT_EVERY_STEP: u32 = 64;

/// Names a node by where it is at home.
fn name(node: NodeId) -> String {
    format!("m{}", home_of(node) + 1)
}

/// Says in a few words what a member noticed.
fn told(event: &Event) -> String {
    match event {
        Event::Joined(card, incarnation) => format!("{}{incarnation} joined, at {}", name(card.id), card.address),
        Event::Updated(card, incarnation) => format!("{}{incarnation} changed, at {}", name(card.id), card.address),
        Event::Suspected { member, incarnation, accuser } => {
            format!("{}{incarnation} suspected by {}", name(*member), name(*accuser))
        }
        Event::Recovered(node, incarnation) => format!("{}{incarnation} recovered", name(*node)),
        Event::Left { member, incarnation, late } => {
            format!("{}{incarnation} left{}", name(*member), if *late { ", held dead before" } else { "" })
        }
        Event::Died(node, incarnation) => format!("{}{incarnation} died", name(*node)),
        Event::NameConflict { holder, other } => format!("{} bears the name of {}", name(*other), name(*holder)),
        Event::Implausible(node, incarnation) => format!("{}{incarnation} is not plausible", name(*node)),
        Event::Full(node) => format!("no room for {}", name(*node)),
        Event::Refuted(_)
        | Event::Yielded { .. }
        | Event::Isolated
        | Event::Reunited
        | Event::HealthChanged(_)
        | Event::Departed(_)
        | Event::ForeignPool(..)
        | Event::BroadcastDropped(..)
        | Event::BroadcastTooLarge { .. }
        | _ => format!("{event:?}"),
    }
}

/// Says in a few words what a packet says.
fn describe(packet: &Packet) -> String {
    let body = match &packet.body {
        Body::Ping(ping) => format!("Ping {:?}", ping.number),
        Body::Locate(ping) => format!("Locate {:?}", ping.number),
        Body::Ack(number) => format!("Ack {number:?}"),
        Body::Located(number, _) => format!("Located {number:?}"),
        Body::PingRequest(request) => format!("PingRequest {:?} of {}", request.number, request.address),
        Body::Relayed(number) => format!("Relayed {number:?}"),
        Body::Nack(number) => format!("Nack {number:?}"),
        Body::Gossip => "Gossip".to_string(),
        Body::Introduce => "Introduce".to_string(),
        Body::Leave => "Leave".to_string(),
        Body::Farewell => "Farewell".to_string(),
        Body::SyncOffer(_) => "SyncOffer".to_string(),
        Body::SyncAnswer(_) => "SyncAnswer".to_string(),
        Body::SyncPush => "SyncPush".to_string(),
    };
    let news: Vec<String> = packet.news.iter().take(NEWS_SHOWN).map(describe_news).collect();
    let more = packet.news.len() - news.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let news = if news.is_empty() { String::new() } else { format!(": {}{more}", news.join(", ")) };
    format!("{}{} {body}{news}", name(packet.from), packet.incarnation)
}

/// An exchange of views would fill the screen.
const NEWS_SHOWN: usize = 8;

fn describe_news(news: &News) -> String {
    match news {
        News::Alive { incarnation, card } => format!("{}{incarnation} alive", name(card.id)),
        News::Suspect { member, incarnation, accuser } => {
            format!("{}{incarnation} suspected by {}", name(*member), name(*accuser))
        }
        News::Dead { member, incarnation } => format!("{}{incarnation} dead", name(*member)),
        News::Left { member, incarnation } => format!("{}{incarnation} left", name(*member)),
        News::Broadcast(broadcast) => format!("broadcast {} of {}", broadcast.number, name(broadcast.origin)),
    }
}
