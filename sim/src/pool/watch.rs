//! What is seen of a run: the oracle's judgement, facts that are counted, and lines of a trace.

use std::collections::BTreeMap;

use delian_core::swim::packet::Body;
use delian_core::swim::{Directory, Event, Incarnation, News, Packet, Roster};
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
    pub(super) counts: Counts,
    /// The processes that run, by place.
    pub(super) processes: BTreeMap<u32, Process>,
    /// The places with which nothing has gone wrong.
    pub(super) unharmed: Vec<bool>,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) node: NodeId,
    /// From which incarnation on its death is false; none if an earlier life had the same ones.
    pub(super) lives_from: Option<Incarnation>,
}

impl Watch {
    pub(super) fn new(oracle: Oracle, tracer: Tracer, places: u32) -> Self {
        let unharmed = vec![true; places as usize];
        Self { oracle, tracer, counts: Counts::default(), processes: BTreeMap::new(), unharmed }
    }

    pub(super) fn trace(&mut self, line: impl FnOnce() -> Line) {
        if self.tracer.is_on() {
            self.tracer.write(line());
        }
    }

    fn count(&mut self, observer: u32, event: &Event) {
        let fact = match event {
            Event::Joined(..) => "joined",
            Event::Updated(..) => "updated",
            Event::Suspected { .. } => "suspected",
            Event::Recovered(..) => "recovered",
            Event::Died(node, incarnation) => {
                self.count_death(observer, *node, *incarnation);
                "died"
            }
            Event::Left { late, .. } => {
                self.counts.add("late_leaves", u64::from(*late));
                "left"
            }
            Event::Refuted(_) => "refuted",
            Event::Yielded { .. } => "yielded",
            Event::NameConflict { .. } => "name_conflicts",
            Event::Isolated => "isolated",
            Event::Reunited => "reunited",
            Event::HealthChanged(_) => "health_changes",
            Event::Departed(_) => "departed",
            Event::ForeignPool(..) => "foreign_packets",
            Event::Implausible(..) => "implausible",
            Event::Full(_) => "full",
            Event::BroadcastDropped(..) => "dropped",
            Event::BroadcastTooLarge { .. } | _ => return,
        };
        self.counts.add(fact, 1);
    }

    fn count_death(&mut self, observer: u32, node: NodeId, incarnation: Incarnation) {
        let bears =
            |process: &Process| process.node == node && process.lives_from.is_some_and(|first| first <= incarnation);
        let Some(place) = self.processes.iter().find(|(_, it)| bears(it)).map(|(place, _)| *place) else { return };
        self.counts.add("false_deaths", 1);
        if self.unharmed[place as usize] && self.unharmed[observer as usize] {
            self.counts.add("healthy_false_deaths", 1);
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
            self.count(place, event);
            self.trace(|| Line::of_member(now, place + 1, "event", told(event)));
        }
        if !member.delivered().is_empty() {
            self.counts.add("delivered", member.delivered().len() as u64);
        }
        if self.unharmed.len() <= JUDGED_AT_EVERY_STEP {
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
const JUDGED_AT_EVERY_STEP: usize = 64;

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
