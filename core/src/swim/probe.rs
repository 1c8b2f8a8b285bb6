//! Who is probed, when, and what an answer or its absence means.
//!
//! One probe is in flight at a time. Its member is asked directly; when it does not answer in time, a few others are asked
//! to ask it and a stream is tried as well; when the next probe is due and nothing came, it is suspected (SWIM, section
//! 3.1). A member whose probes go unanswered, and whose helpers do not even say that they got no answer, blames itself as
//! well: its local health worsens, and both its schedule and its timeouts stretch (Lifeguard, section 4, "self-awareness").

use alloc::vec::Vec;
use core::time::Duration;

use super::coordinate::Coordinate;
use super::directory::Slot;
use super::ids::{Incarnation, NodeTag, ProbeNumber};
use super::io::{Carrier, Event, Outbox};
use super::members::{Members, State};
use super::packet::{Body, Ping, PingRequest};
use super::permutation::Permutation;
use super::projection::Deadline;
use super::state::Standing;
use super::{Fallback, PoolSettings, Sender, Swim, Turn};
use crate::ids::NodeId;
use crate::rng::Stream;
use crate::time::Time;

/// The probes of one member, and its local health.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probing {
    order: Permutation,
    place: u32,
    probe_at: Time,
    flight: Option<Flight>,
    number: ProbeNumber,
    health: u8,
    heard_at: Time,
    isolated: bool,
}

/// The probe in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flight {
    slot: Slot,
    member: NodeId,
    incarnation: Incarnation,
    number: ProbeNumber,
    sent_at: Time,
    /// When others are asked; `NEVER` once they were.
    indirect_at: Time,
    /// Who was asked, and who of them did not say that they got no answer.
    helpers: Vec<NodeId>,
    silent: Vec<NodeId>,
    answered: bool,
}

/// What a ping asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Answer,
    Coordinate,
}

/// After how many probe intervals of silence a member says that it hears nobody.
const ISOLATED_AFTER: u32 = 5;

/// After how many it lets no suspicion end: in a healthy pool each member is probed about once in an interval.
const CUT_OFF_AFTER: u32 = 3;

impl Probing {
    pub(super) fn begin(now: Time, settings: &PoolSettings, rng: &mut Stream) -> Self {
        Self {
            order: Permutation::new(rng.next_u64(), 0),
            place: 0,
            // Members that start together must not probe together for ever.
            probe_at: now + rng.span(Duration::ZERO, settings.probe_interval),
            flight: None,
            number: ProbeNumber::default(),
            health: 0,
            heard_at: now,
            isolated: false,
        }
    }

    pub(super) fn next_at(&self) -> Time {
        self.flight.as_ref().map_or(self.probe_at, |flight| self.probe_at.min(flight.indirect_at))
    }

    pub(super) const fn health(&self) -> u8 {
        self.health
    }

    pub(super) const fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// Returns a number that no probe of late had.
    pub(super) fn next_number(&mut self) -> ProbeNumber {
        self.number = self.number.next();
        self.number
    }

    pub(super) fn on_nack(&mut self, from: NodeId, number: ProbeNumber) {
        if let Some(flight) = self.flight.as_mut().filter(|flight| flight.number == number) {
            flight.silent.retain(|helper| *helper != from);
        }
    }

    pub(super) fn worsen(&mut self, by: u8, settings: &PoolSettings, out: &mut Outbox) {
        self.set_health(self.health.saturating_add(by).min(settings.health_max), out);
    }

    fn improve(&mut self, out: &mut Outbox) {
        self.set_health(self.health.saturating_sub(1), out);
    }

    fn set_health(&mut self, health: u8, out: &mut Outbox) {
        if health != self.health {
            self.health = health;
            out.emit(Event::HealthChanged(health));
        }
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.probe_at = map(Deadline::Probe, self.probe_at);
        self.heard_at = map(Deadline::Past, self.heard_at);
        if let Some(flight) = &mut self.flight {
            flight.sent_at = map(Deadline::Past, flight.sent_at);
            flight.indirect_at = map(Deadline::Indirect, flight.indirect_at);
        }
    }

    pub(super) const fn forget_health(&mut self) {
        self.health = 0;
    }

    pub(super) const fn forget_order(&mut self) {
        (self.order, self.place) = (Permutation::new(0, 0), 0);
    }

    pub(super) fn aim(&mut self, slots: u32, slot: Slot) {
        self.order = Permutation::new(0, slots);
        let place = (0..slots).find(|place| Slot::new(self.order.at(*place)) == slot);
        self.place = place.expect("every slot has a place in the order");
    }

    pub(super) fn probed(&self) -> Option<(NodeId, Incarnation, bool)> {
        self.flight.as_ref().map(|flight| (flight.member, flight.incarnation, flight.answered))
    }

    /// Stretches a span by the local health.
    fn scaled(&self, span: Duration) -> Duration {
        span.saturating_mul(u32::from(self.health) + 1)
    }
}

impl<M: Members> Swim<M> {
    /// Blames nobody for a time in which the node itself did not run.
    pub(super) fn pardon_if_starved(&mut self, turn: &mut Turn<'_>) {
        let late = turn.now.since(self.probing.next_at());
        if late <= self.settings.probe_timeout {
            return;
        }
        if self.probing.flight.take().is_some() {
            self.probing.worsen(1, &self.settings, turn.out);
        }
        self.probing.probe_at = turn.now;
        self.probing.heard_at = turn.now;
        self.suspicions.stand_still(late);
        // Time for a refutation to be heard that came while nobody listened.
        self.suspicions.postpone(turn.now + self.settings.probe_interval);
    }

    pub(super) fn probe_if_due(&mut self, turn: &mut Turn<'_>) {
        if self.probing.flight.as_ref().is_some_and(|flight| flight.indirect_at <= turn.now) {
            self.ask_others(turn);
        }
        if self.probing.probe_at > turn.now {
            return;
        }
        self.end_flight(turn);
        self.judge_isolation(turn);
        self.probing.probe_at = turn.now + self.probing.scaled(self.settings.probe_interval);
        if let Some(slot) = self.next_target(turn) {
            self.probe(turn, slot);
        }
    }

    fn probe(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let Some(record) = self.members.get(slot) else { return };
        let Some(card) = turn.directory.card(slot) else { return };
        let (member, address) = (card.id, card.address);
        let number = self.probing.next_number();
        self.probing.flight = Some(Flight {
            slot,
            member,
            incarnation: record.incarnation,
            number,
            sent_at: turn.now,
            indirect_at: turn.now + self.probing.scaled(self.settings.probe_timeout),
            helpers: Vec::new(),
            silent: Vec::new(),
            answered: false,
        });
        let ping = self.ping(number, NodeTag::of(member));
        let locating = number.get().is_multiple_of(self.settings.coordinate_every);
        let body = if locating { Body::Locate(ping) } else { Body::Ping(ping) };
        // Whoever is suspected hears it first of all from whoever probes it (Lifeguard, section 4, "buddy system").
        let accusation = if record.state == State::Suspect { self.news_of(turn, slot) } else { None };
        self.send_datagram(turn, address, body, accusation);
    }

    pub(super) fn ping(&self, number: ProbeNumber, member: NodeTag) -> Ping {
        Ping { number, to: member, digest: self.members.digest().total().to_le_bytes(), card: self.sum.check(number) }
    }

    /// Asks others to probe the member that did not answer in time, and tries a stream.
    fn ask_others(&mut self, turn: &mut Turn<'_>) {
        let flight = self.probing.flight.as_mut().expect("its time has come");
        flight.indirect_at = Time::NEVER;
        if flight.answered {
            return;
        }
        let (slot, member, number) = (flight.slot, flight.member, flight.number);
        let Some(address) = turn.directory.card(slot).map(|card| card.address) else { return };
        let helpers = self.draw_members(self.settings.indirect_probes, Some(slot));
        if let Some(flight) = &mut self.probing.flight {
            flight.helpers = helpers.iter().map(|helper| turn.directory.node(*helper)).collect();
            flight.silent.clone_from(&flight.helpers);
        }
        let request = PingRequest { number, to: NodeTag::of(member), address };
        for helper in helpers {
            let Some(address) = turn.directory.card(helper).map(|card| card.address) else { continue };
            self.send_datagram(turn, address, Body::PingRequest(request), None);
        }
        if self.settings.fallback == Fallback::Stream {
            // The far end of a stream says nothing of where an answer goes: the card does.
            let (body, card) = (Body::Ping(self.ping(number, NodeTag::of(member))), self.my_news());
            self.send(turn, address, Carrier::Stream, body, Some(card));
        }
    }

    /// Judges the probe that ends as the next one begins.
    fn end_flight(&mut self, turn: &mut Turn<'_>) {
        let Some(flight) = self.probing.flight.take() else { return };
        if flight.answered {
            return;
        }
        // A helper that sends neither an answer nor a nack shows that the fault may be here.
        let missed = if flight.helpers.is_empty() { 1 } else { flight.silent.len() as u8 };
        self.probing.worsen(missed, &self.settings, turn.out);
        if self.find(turn, flight.member).is_none_or(|(_, record)| record.incarnation != flight.incarnation) {
            return;
        }
        // Who heard nothing at all since it asked has learned something of itself, and nothing of the other.
        if self.probing.heard_at < flight.sent_at && self.is_patient(turn.now) {
            return;
        }
        self.hear_suspect(turn, flight.member, flight.incarnation, self.me.id);
    }

    /// Takes note that someone is heard.
    pub(super) fn heard(&mut self, now: Time) {
        if self.is_cut_off(now) {
            // What others refuted meanwhile is on its way.
            self.suspicions.postpone(now + self.settings.suspicion_min(self.members.reachable()));
        }
        self.probing.heard_at = now;
    }

    /// Lets no suspicion end while the node hears nobody, as long as it has patience.
    pub(super) fn hold_suspicions_if_cut_off(&mut self, now: Time) {
        if self.is_cut_off(now) && self.is_patient(now) && self.suspicions.next_at().is_some_and(|at| at <= now) {
            self.suspicions.postpone(now + self.settings.probe_interval);
        }
    }

    fn is_cut_off(&self, now: Time) -> bool {
        now.since(self.probing.heard_at) > self.settings.probe_interval * CUT_OFF_AFTER
    }

    /// Returns whether silence is laid to the node's own account: with more than one other to hear from, and until it has
    /// lasted as long as the longest suspicion. Then either the node is alone or all others are gone, and it says so.
    fn is_patient(&self, now: Time) -> bool {
        let members = self.members.reachable();
        members > 2 && now.since(self.probing.heard_at) < self.settings.suspicion_max(members)
    }

    pub(super) fn on_ping(&mut self, turn: &mut Turn<'_>, sender: Sender, ping: Ping, wants: Wants) {
        if ping.to != NodeTag::of(self.me.id) {
            return;
        }
        let body = match wants {
            Wants::Answer => Body::Ack(ping.number),
            Wants::Coordinate => Body::Located(ping.number, self.near.coordinate()),
        };
        // Where only streams get through, an answer must come by one.
        self.send(turn, sender.address, sender.carrier, body, None);
        if u32::from_le_bytes(ping.digest) != self.members.digest().total() {
            self.offer_if_due(turn, sender.id);
        }
    }

    pub(super) fn on_ack(
        &mut self,
        turn: &mut Turn<'_>,
        sender: Sender,
        number: ProbeNumber,
        coordinate: Option<Coordinate>,
    ) {
        if self.relay_ack(turn, sender, number) {
            return;
        }
        let Some(flight) = self.probing.flight.as_mut().filter(|flight| flight.number == number) else { return };
        // An answer of an earlier life says nothing of the present one.
        if flight.answered || sender.id != flight.member || sender.incarnation < flight.incarnation {
            return;
        }
        let (slot, direct) = (flight.slot, flight.indirect_at != Time::NEVER);
        let round_trip = turn.now.since(flight.sent_at);
        self.answered(turn);
        let is_there = self.members.get(slot).is_some_and(|record| record.state.is_reachable());
        if let Some(coordinate) = coordinate.filter(|it| is_there && direct && it.is_plausible()) {
            self.near.observe(slot, coordinate, round_trip, &mut self.rng);
        }
    }

    pub(super) fn on_relayed(&mut self, turn: &mut Turn<'_>, from: NodeId, number: ProbeNumber) {
        let asked = |flight: &Flight| flight.number == number && flight.helpers.contains(&from);
        if self.probing.flight.as_ref().is_some_and(|flight| asked(flight) && !flight.answered) {
            self.answered(turn);
        }
    }

    fn answered(&mut self, turn: &mut Turn<'_>) {
        let flight = self.probing.flight.as_mut().expect("an answer is matched to it");
        flight.answered = true;
        flight.indirect_at = Time::NEVER;
        self.probing.improve(turn.out);
        if self.standing == Standing::Newcomer {
            self.standing = Standing::Member;
        }
        if self.probing.isolated {
            self.probing.isolated = false;
            turn.out.emit(Event::Reunited);
        }
    }

    fn judge_isolation(&mut self, turn: &mut Turn<'_>) {
        let silence = turn.now.since(self.probing.heard_at);
        let bound = self.settings.probe_interval.saturating_mul(ISOLATED_AFTER);
        if !self.probing.isolated && silence > bound && self.members.known() > 1 {
            self.probing.isolated = true;
            turn.out.emit(Event::Isolated);
        }
    }

    /// Returns whose turn it is: every reachable member once in a round, in an order of the round's own.
    fn next_target(&mut self, turn: &Turn<'_>) -> Option<Slot> {
        if self.members.reachable() < 2 {
            return None;
        }
        // Twice around at most: what is left of this round, and a whole one.
        for _ in 0..2 * turn.directory.slots() {
            let probing = &mut self.probing;
            if probing.place >= probing.order.bound() {
                probing.order = Permutation::new(self.rng.next_u64(), turn.directory.slots());
                probing.place = 0;
            }
            let slot = Slot::new(probing.order.at(probing.place));
            probing.place += 1;
            if slot != self.my_slot && self.members.get(slot).is_some_and(|record| record.state.is_reachable()) {
                return Some(slot);
            }
        }
        None
    }
}
