//! What a run met, in numbers: what a scenario requires and a report tells.

use std::collections::BTreeMap;
use std::time::Duration;

use delian_core::swim::packet::Body;
use delian_core::{NodeId, Time};

use crate::outcome::Counts;
use crate::pool::scenario::fact_names;

/// The numbers of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Probes that members made of their own, not for others.
    pub probes: u64,
    /// Suspicions that began at some member.
    pub suspicions: u64,
    /// Those of them in which the member accused on its own account.
    pub first_accusations: u64,
    /// Suspicions that ended with a refutation, at some member.
    pub recoveries: u64,
    /// Refutations by whoever was suspected.
    pub refutations: u64,
    /// Deaths that some member told of.
    pub deaths: u64,
    /// Those of members that were up.
    pub false_deaths_of_any: u64,
    /// Those of members that were up, and whose path had been in no trouble for as long as a suspicion may last.
    pub false_deaths: u64,
    /// Those that were told by observers of which the same is true.
    pub false_deaths_at_healthy: u64,
    /// When crashes were noticed.
    pub detections: Vec<Detection>,
    /// Members that became known, or known again, at some member.
    pub joins: u64,
    /// Changes of cards, at some member.
    pub updates: u64,
    /// Leaves that some member told of.
    pub leaves: u64,
    /// Those of members that had been reported dead.
    pub late_leaves: u64,
    /// Processes that yielded to another one of their identity.
    pub yields: u64,
    /// Names that two members bear, at some member.
    pub name_conflicts: u64,
    /// Members that heard nobody for long.
    pub isolations: u64,
    /// Those of them that heard someone again.
    pub reunions: u64,
    /// Changes of a member's local health.
    pub health_changes: u64,
    /// Members that had left, by their own account.
    pub departures: u64,
    /// Incarnations that were not believed.
    pub implausible: u64,
    /// Packets of another pool that were refused.
    pub foreign_packets: u64,
    /// Members that were not taken in because there were too many.
    pub refused_for_room: u64,
    /// Broadcasts that were handed to an embedder.
    pub deliveries: u64,
    /// Broadcasts that were handed on no further because there were too many.
    pub drops: u64,
    /// Packets sent, by what they say.
    pub packets: BTreeMap<&'static str, u64>,
    /// How long after the last fault all agreed, for each time of calm in which they did.
    pub settled: Vec<Duration>,
    /// How long it took until a new incarnation was known to all who were well, to the second.
    pub spreads: Vec<Duration>,
    /// How often each property that asks for something in time was judged.
    pub judged: BTreeMap<&'static str, u64>,
}

/// The end of a life without a word, and when it was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// Whose life.
    pub node: NodeId,
    /// When it ended.
    pub at: Time,
    /// After how long the first member told of it.
    pub first: Duration,
    /// After how long the last member so far told of it.
    pub last: Duration,
    /// How many told of it.
    pub observers: u32,
}

impl Facts {
    /// Returns how many exchanges of views were offered.
    pub fn syncs_offered(&self) -> u64 {
        self.packets_of("sync-offer")
    }

    /// Returns how many packets of a kind were sent.
    pub fn packets_of(&self, kind: &str) -> u64 {
        self.packets.get(kind).copied().unwrap_or(0)
    }

    /// Returns how many packets were sent.
    pub fn packets_sent(&self) -> u64 {
        self.packets.values().sum()
    }

    /// Returns the numbers by the names that scenarios ask for them by.
    pub(in crate::pool) fn counts(&self) -> Counts {
        let numbers = [
            ("joined", self.joins),
            ("updated", self.updates),
            ("suspected", self.suspicions),
            ("recovered", self.recoveries),
            ("died", self.deaths),
            ("false_deaths", self.false_deaths_of_any),
            ("healthy_false_deaths", self.false_deaths_at_healthy),
            ("left", self.leaves),
            ("late_leaves", self.late_leaves),
            ("refuted", self.refutations),
            ("yielded", self.yields),
            ("name_conflicts", self.name_conflicts),
            ("isolated", self.isolations),
            ("reunited", self.reunions),
            ("health_changes", self.health_changes),
            ("departed", self.departures),
            ("foreign_packets", self.foreign_packets),
            ("implausible", self.implausible),
            ("full", self.refused_for_room),
            ("delivered", self.deliveries),
            ("dropped", self.drops),
            ("agreed", self.settled.len() as u64),
        ];
        let mut counts = Counts::default();
        // What never happened is no fact of a run.
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
            counts.add(name, number);
        }
        for (property, number) in &self.judged {
            counts.add(judged_name(property), *number);
        }
        counts
    }

    /// Takes note that a property was judged.
    pub(super) fn judge(&mut self, name: &'static str) {
        *self.judged.entry(name).or_default() += 1;
    }

    /// Takes note that someone told of the end of a life.
    pub(super) fn detect(&mut self, now: Time, node: NodeId, at: Time) {
        let after = now.since(at);
        match self.detections.iter_mut().rev().find(|it| it.node == node && it.at == at) {
            Some(it) => {
                it.last = after;
                it.observers += 1;
            }
            None => self.detections.push(Detection { node, at, first: after, last: after, observers: 1 }),
        }
    }
}

/// Returns the name by which scenarios ask how often a property was judged.
fn judged_name(property: &'static str) -> &'static str {
    let mut names = fact_names();
    names.find(|name| name.strip_prefix("judged.") == Some(property)).expect("what is judged in time is a fact")
}

/// Returns what people call a kind of packet.
pub(super) const fn kind_of(body: &Body) -> &'static str {
    match body {
        Body::Ping(_) => "ping",
        Body::Locate(_) => "locate",
        Body::Ack(_) => "ack",
        Body::Located(..) => "located",
        Body::PingRequest(_) => "ping-request",
        Body::Relayed(_) => "relayed",
        Body::Nack(_) => "nack",
        Body::Gossip => "gossip",
        Body::Introduce => "introduce",
        Body::Leave => "leave",
        Body::Farewell => "farewell",
        Body::SyncOffer(_) => "sync-offer",
        Body::SyncAnswer(_) => "sync-answer",
        Body::SyncPush => "sync-push",
    }
}
