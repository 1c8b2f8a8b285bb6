//! How packets go out, and news with them.
//!
//! Every packet carries as much news as fits. While there is any, a few members drawn at random get some at every tick;
//! when there is none, there are no ticks.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::directory::Slot;
use super::io::{Carrier, Effect};
use super::members::Members;
use super::packet::{Body, News, Packet};
use super::{Swim, Turn};
use crate::time::Time;

impl<M: Members> Swim<M> {
    pub(super) fn send_datagram(&mut self, turn: &mut Turn<'_>, to: SocketAddr, body: Body, first: Option<News>) {
        self.send(turn, to, Carrier::Datagram, body, first);
    }

    /// Sends a packet: `first`, if there is any, is in it for certain, and other news as it fits.
    pub(super) fn send(
        &mut self,
        turn: &mut Turn<'_>,
        to: SocketAddr,
        carrier: Carrier,
        body: Body,
        first: Option<News>,
    ) {
        let mut news = Vec::new();
        if first.is_some() || !self.rumours.is_empty() {
            let taken = body.encoded_len(self.incarnation) + 2 + first.as_ref().map_or(0, News::encoded_len);
            let room = self.settings.packet_bytes_max.saturating_sub(taken);
            news.extend(first);
            let limit = self.settings.transmissions_max(self.members.reachable());
            self.rumours.hand_on(&mut news, room, limit);
        }
        self.send_exactly(turn, to, carrier, body, news);
    }

    /// Sends a packet with this news and no other.
    pub(super) fn send_exactly(
        &self,
        turn: &mut Turn<'_>,
        to: SocketAddr,
        carrier: Carrier,
        body: Body,
        news: Vec<News>,
    ) {
        let (label, from, incarnation) = (self.settings.label, self.me.id, self.incarnation);
        turn.out.push(Effect::Send(to, carrier, Packet { label, from, incarnation, body, news }));
    }

    pub(super) fn gossip_if_due(&mut self, turn: &mut Turn<'_>) {
        if self.gossip_at > turn.now {
            return;
        }
        self.gossip_at = turn.now + self.settings.gossip_interval;
        for slot in self.draw_members(self.settings.gossip_fanout, None) {
            if self.rumours.is_empty() {
                break;
            }
            if let Some(address) = turn.directory.card(slot).map(|card| card.address) {
                self.send_datagram(turn, address, Body::Gossip, None);
            }
        }
        // Alone there is nobody to tell, and whoever comes is told by an exchange.
        if self.members.reachable() < 2 {
            self.rumours.clear_members();
        }
    }

    /// Arms the tick while there is news.
    pub(super) fn arm_gossip(&mut self, now: Time) {
        if self.rumours.is_empty() {
            self.gossip_at = Time::NEVER;
        } else if self.gossip_at == Time::NEVER {
            // Half an interval, so that what comes together goes out together.
            self.gossip_at = now + self.settings.gossip_interval / 2;
        }
    }

    /// Draws distinct reachable members other than this one and `except`, as many as there are up to `count`.
    pub(super) fn draw_members(&mut self, count: usize, except: Option<Slot>) -> Vec<Slot> {
        let places = self.members.places();
        let mut drawn = Vec::with_capacity(count);
        let is_new =
            |slot: &Slot, drawn: &[Slot], me: Slot| *slot != me && Some(*slot) != except && !drawn.contains(slot);
        if places <= count + 2 {
            // All of them; which one comes first is left to chance.
            let first = self.rng.below(places.max(1) as u64) as usize;
            for place in (0..places).map(|place| (place + first) % places) {
                if let Some(slot) = self.members.at(place).filter(|slot| is_new(slot, &drawn, self.my_slot))
                    && drawn.len() < count
                {
                    drawn.push(slot);
                }
            }
            return drawn;
        }
        for _ in 0..count * DRAWS_PER_MEMBER {
            if drawn.len() == count {
                break;
            }
            let place = self.rng.below(places as u64) as usize;
            if let Some(slot) = self.members.at(place).filter(|slot| is_new(slot, &drawn, self.my_slot)) {
                drawn.push(slot);
            }
        }
        drawn
    }
}

/// How often a place is drawn for each member that is wanted: a void place, the node itself or one drawn before costs a
/// draw, and with half of the places void one in 65,536 tries finds nobody.
const DRAWS_PER_MEMBER: usize = 16;
