//! The exchange of what two views do not share.
//!
//! Every ping carries one word for its sender's view. Whoever holds another view, and has heard no news for a while that
//! could explain it, offers its sums by bucket; the other answers with its own and all it holds where they differ, and
//! gets in return what it lacks. A newcomer starts in the same way, with nothing. So a lost piece of gossip costs a few
//! packets within seconds, and equal views cost four bytes in a ping.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::directory::Slot;
use super::io::Carrier;
use super::members::{BUCKETS, Digest, Members, State};
use super::packet::{Body, News, STREAM_BYTES_MAX, Sums};
use super::projection::Deadline;
use super::{PoolSettings, Sender, Swim, Turn};
use crate::ids::NodeId;
use crate::time::Time;

/// When the node may exchange views again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Exchange {
    after: Time,
    pause: Duration,
    changed_at: Time,
}

/// The first pause as a part of the longest.
const FIRST_PAUSE: u32 = 30;

/// For how many gossip intervals a view must not have changed, for then all that is under way has arrived.
const QUIET_INTERVALS: u32 = 10;

impl Exchange {
    pub(super) fn begin(now: Time, settings: &PoolSettings) -> Self {
        Self { after: now, pause: settings.sync_interval / FIRST_PAUSE, changed_at: now }
    }

    /// Says that the view changed.
    pub(super) fn changed(&mut self, now: Time) {
        self.changed_at = now;
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.after = map(Deadline::Exchange, self.after);
        self.changed_at = map(Deadline::Past, self.changed_at);
    }

    pub(super) fn forget_pause(&mut self, settings: &PoolSettings) {
        self.pause = settings.sync_interval / FIRST_PAUSE;
    }

    /// Lets the next exchange be soon, and others soon after it: there is more to learn than one lost packet would leave.
    pub(super) fn hurry(&mut self, now: Time, settings: &PoolSettings) {
        self.pause = settings.sync_interval / FIRST_PAUSE;
        self.after = self.after.min(now + self.pause);
    }

    fn is_due(&self, now: Time, settings: &PoolSettings) -> bool {
        // Soon after it came a view changes all the time, and an exchange is of use anyway.
        let hurried = self.pause < settings.sync_interval / 2;
        let waited = now >= self.after + settings.sync_interval;
        now >= self.after && (hurried || waited || now >= self.changed_at + settings.gossip_interval * QUIET_INTERVALS)
    }

    fn begun(&mut self, now: Time, settings: &PoolSettings) {
        self.after = now + self.pause;
        self.pause = (self.pause * 2).min(settings.sync_interval);
    }
}

/// The buckets in which two digests differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Differing(u64);

impl Differing {
    fn between(digest: &Digest, sums: &Sums) -> Option<Self> {
        if sums.iter().len() != BUCKETS {
            return None;
        }
        let differing = digest.sums().iter().zip(sums.iter()).enumerate();
        let mask = differing.fold(0, |mask, (bucket, (ours, theirs))| mask | (u64::from(*ours != theirs) << bucket));
        (mask != 0).then_some(Self(mask))
    }

    const fn is_one(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Returns the first half of the buckets, rounded up.
    fn first_half(self) -> Self {
        let keep = self.0.count_ones().div_ceil(2);
        Self((0..keep).fold((0, self.0), |(kept, rest), _| (kept | (rest & rest.wrapping_neg()), rest & (rest - 1))).0)
    }

    const fn has(self, node: NodeId) -> bool {
        (self.0 >> Digest::bucket(node)) & 1 == 1
    }
}

impl<M: Members> Swim<M> {
    /// Offers an exchange to a member that holds another view, unless there was one of late or news is under way.
    pub(super) fn offer_if_due(&mut self, turn: &mut Turn<'_>, member: NodeId) {
        if !self.exchange.is_due(turn.now, &self.settings) {
            return;
        }
        let Some((slot, record)) = self.find(turn, member) else { return };
        let Some(address) = turn.directory.card(slot).map(|card| card.address) else { return };
        if record.state.is_reachable() {
            self.exchange.begun(turn.now, &self.settings);
            self.offer(turn, address);
        }
    }

    /// Offers an exchange to whoever is at an address.
    pub(super) fn offer(&mut self, turn: &mut Turn<'_>, address: SocketAddr) {
        let body = Body::SyncOffer(Sums::of(self.members.digest().sums()));
        self.send_exactly(turn, address, Carrier::Stream, body, alloc::vec![self.my_news()]);
    }

    pub(super) fn on_offer(&mut self, turn: &mut Turn<'_>, sender: Sender, sums: &Sums) {
        let Some(differing) = Differing::between(self.members.digest(), sums) else { return };
        if self.find(turn, sender.id).is_none() {
            return;
        }
        let address = sender.address;
        let body = Body::SyncAnswer(Sums::of(self.members.digest().sums()));
        let held = self.held_where(turn, differing);
        self.send_exactly(turn, address, Carrier::Stream, body, held);
    }

    pub(super) fn on_answer(&mut self, turn: &mut Turn<'_>, sender: Sender, sums: &Sums) {
        // Its news is merged already, so what differs yet is what the sender lacks, or holds otherwise.
        let Some(differing) = Differing::between(self.members.digest(), sums) else { return };
        if self.find(turn, sender.id).is_none() {
            return;
        }
        let address = sender.address;
        let held = self.held_where(turn, differing);
        self.send_exactly(turn, address, Carrier::Stream, Body::SyncPush, held);
    }

    /// Returns where the sender of an exchange takes packets: where its own card says that comes with it, and else where
    /// the card that is known says. A stream comes from an address that takes none.
    pub(super) fn address_behind(&self, turn: &Turn<'_>, sender: NodeId, news: &[News]) -> Option<SocketAddr> {
        let told = news.iter().find_map(|piece| match piece {
            News::Alive { card, .. } if card.id == sender => Some(card.address),
            News::Alive { .. } | News::Suspect { .. } | News::Dead { .. } | News::Left { .. } | News::Broadcast(_) => {
                None
            }
        });
        let known = || self.find(turn, sender).and_then(|(slot, _)| turn.directory.card(slot));
        told.or_else(|| known().map(|card| card.address))
    }

    /// Returns all that this view holds in some buckets; a suspected member comes as alive and suspected. Of more than fits
    /// in one packet, the first buckets: the next exchange goes on where they agree.
    fn held_where(&self, turn: &Turn<'_>, mut differing: Differing) -> Vec<News> {
        loop {
            let held = self.all_held_where(turn, differing);
            if held.iter().map(News::encoded_len).sum::<usize>() <= STREAM_BYTES_MAX / 2 || differing.is_one() {
                return held;
            }
            differing = differing.first_half();
        }
    }

    fn all_held_where(&self, turn: &Turn<'_>, differing: Differing) -> Vec<News> {
        let mut held = Vec::new();
        for slot in (0..turn.directory.slots()).map(Slot::new) {
            let Some(record) = self.members.get(slot).filter(|_| differing.has(turn.directory.node(slot))) else {
                continue;
            };
            // Whoever forgot the dead already would remember them anew, and tell those who forget them next.
            let half = turn.now + self.settings.tombstone_horizon / 2;
            if self.graves.at(slot).is_some_and(|at| at < half) {
                continue;
            }
            if record.state == State::Suspect
                && let Some(card) = turn.directory.card(slot)
            {
                held.push(News::Alive { incarnation: record.incarnation, card: Arc::clone(card) });
            }
            held.extend(self.news_of(turn, slot));
        }
        held
    }
}
