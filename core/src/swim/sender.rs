//! What a packet tells of whoever sent it, beside its body and its news: that it is a stranger here, that it does not know
//! what is held of it, that another life has claimed its incarnation, or that it claims this node's own identity.

use core::net::SocketAddr;

use super::ids::Incarnation;
use super::io::Carrier;
use super::members::{Members, State};
use super::packet::{Body, News};
use super::state::Standing;
use super::{Swim, Turn};
use crate::ids::NodeId;

/// Who sent a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) id: NodeId,
    pub(super) incarnation: Incarnation,
    /// Where it takes packets: where a datagram came from, and for what came by a stream where the sender's card says.
    pub(super) address: SocketAddr,
    /// How its packet came.
    pub(super) carrier: Carrier,
}

/// What a packet says beside its body, by which its answer is no question that was answered already: two members that cannot
/// agree would go on for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// Whether its sender introduces itself.
    introduces: bool,
    /// Whether it does nothing but tell this node what is held of it.
    accuses: bool,
}

impl Said {
    pub(super) fn by(from: NodeId, me: NodeId, body: &Body, news: &[News]) -> Self {
        let of = |member: NodeId| news.iter().filter(move |piece| piece.member() == member);
        Self {
            introduces: of(from).any(|piece| matches!(piece, News::Alive { .. })),
            accuses: matches!(body, Body::Gossip)
                && of(me).any(|piece| !matches!(piece, News::Alive { .. } | News::Broadcast(_))),
        }
    }
}

impl<M: Members> Swim<M> {
    /// Tells a sender what it does not know of itself, and asks for what is not known of it.
    pub(super) fn look_at_sender(&mut self, turn: &mut Turn<'_>, sender: Sender, body: &Body, said: Said) {
        let Some((slot, record)) = self.find(turn, sender.id) else {
            if !matches!(body, Body::Introduce) && !said.introduces {
                // Whoever knows this node though it is a stranger here may know an earlier life of it.
                self.send_datagram(turn, sender.address, Body::Introduce, Some(self.my_news()));
            }
            return;
        };
        if sender.incarnation > record.incarnation {
            if said.introduces {
                return;
            }
            return self.send_datagram(turn, sender.address, Body::Introduce, None);
        }
        if !record.state.is_reachable() && !sender.incarnation.may_rise_to(record.incarnation) {
            // It will not believe the tombstone, so nobody may: there may have been no such life.
            self.graves.clear(slot);
            self.forget(turn, slot);
            return self.send_datagram(turn, sender.address, Body::Introduce, None);
        }
        if sender.incarnation < record.incarnation || record.state != State::Alive {
            if !said.accuses
                && !matches!(body, Body::Leave)
                && let Some(news) = self.news_of(turn, slot)
            {
                self.send_datagram(turn, sender.address, Body::Gossip, Some(news));
            }
            return;
        }
        // Of two lives that claim one incarnation with two cards, nobody sends to the one whose place was taken, but it asks.
        if let Body::Ping(ping) | Body::Locate(ping) = body
            && turn.directory.sum(slot).is_some_and(|known| known.check(ping.number) != ping.card)
            && !said.introduces
        {
            self.send_datagram(turn, sender.address, Body::Introduce, None);
        }
    }

    /// Answers a packet that bears this node's own identity.
    pub(super) fn answer_namesake(&mut self, turn: &mut Turn<'_>, sender: Sender) {
        if sender.address != self.me.address && matches!(self.standing, Standing::Newcomer | Standing::Member) {
            self.introduce(turn, sender.address);
        }
    }

    pub(super) fn introduce(&mut self, turn: &mut Turn<'_>, address: SocketAddr) {
        self.send_datagram(turn, address, Body::Gossip, Some(self.my_news()));
    }
}
