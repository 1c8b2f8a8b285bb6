//! Probes that a member makes for others.
//!
//! It hands an answer on, and says so when there is none in time: then the asker knows at least that its helper is well
//! (Lifeguard, section 4, "nack").

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use super::ids::{NodeTag, ProbeNumber};
use super::members::Members;
use super::packet::{Body, PingRequest};
use super::projection::Deadline;
use super::{Sender, Swim, Turn};
use crate::time::Time;

/// The probes under way for others, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Relays {
    under_way: VecDeque<Relay>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Relay {
    number: ProbeNumber,
    member: NodeTag,
    asker: SocketAddr,
    askers_number: ProbeNumber,
    /// When the asker is told that there is no answer so far; `NEVER` once it was.
    nack_at: Time,
    ends_at: Time,
}

impl Relays {
    pub(super) fn next_at(&self) -> Time {
        self.under_way.iter().map(|relay| relay.nack_at.min(relay.ends_at)).min().unwrap_or(Time::NEVER)
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        for relay in &mut self.under_way {
            relay.nack_at = map(Deadline::Nack, relay.nack_at);
            relay.ends_at = map(Deadline::RelayEnd, relay.ends_at);
        }
    }
}

impl<M: Members> Swim<M> {
    pub(super) fn on_ping_request(&mut self, turn: &mut Turn<'_>, sender: Sender, request: PingRequest) {
        if self.find(turn, sender.id).is_none() {
            // A stranger could have packets sent to whomever it likes.
            return;
        }
        let settings = &self.settings;
        let relay = Relay {
            number: self.probing.next_number(),
            member: request.to,
            asker: sender.address,
            askers_number: request.number,
            // A fifth of the timeout is left for the nack's way back.
            nack_at: turn.now + settings.probe_timeout * 4 / 5,
            ends_at: turn.now + settings.probe_interval,
        };
        if self.relays.under_way.len() == settings.relays_max {
            self.relays.under_way.pop_front();
        }
        let ping = self.ping(relay.number, request.to);
        self.relays.under_way.push_back(relay);
        self.send_datagram(turn, request.address, Body::Ping(ping), None);
    }

    /// Hands an answer on to whoever asked for it. Returns whether it was one to such a probe.
    pub(super) fn relay_ack(&mut self, turn: &mut Turn<'_>, sender: Sender, number: ProbeNumber) -> bool {
        let member = NodeTag::of(sender.id);
        let relays = &mut self.relays.under_way;
        let Some(place) = relays.iter().position(|relay| relay.number == number && relay.member == member) else {
            return false;
        };
        let relay = relays.remove(place).expect("it was found there");
        self.send_datagram(turn, relay.asker, Body::Relayed(relay.askers_number), None);
        true
    }

    pub(super) fn relay_nacks(&mut self, turn: &mut Turn<'_>) {
        if self.relays.next_at() > turn.now {
            return;
        }
        self.relays.under_way.retain(|relay| relay.ends_at > turn.now);
        for place in 0..self.relays.under_way.len() {
            let relay = &mut self.relays.under_way[place];
            if relay.nack_at <= turn.now {
                relay.nack_at = Time::NEVER;
                let (asker, number) = (relay.asker, relay.askers_number);
                self.send_datagram(turn, asker, Body::Nack(number), None);
            }
        }
    }
}
