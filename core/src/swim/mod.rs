//! Who can be reached: one member's view of one pool.
//!
//! SWIM (Das, Gupta and Motivala, DSN 2002) with Lifeguard (Dadgar, Phillips and Currey, 2017): each member probes the
//! others one at a time in a shuffled order, asks a few to probe whoever does not answer, and spreads a suspicion that
//! its subject can refute by raising its incarnation. What was missed is found by comparing digests, which every ping
//! carries, and mended by an exchange of what differs. A member that is itself slow notices it by its missing answers
//! and grows patient.
//!
//! The machine knows no clock, no socket and no randomness but its seed. It holds opinions about members under their
//! slots in a [`Directory`], which its caller keeps and a simulator may share between views; a death here is no more than
//! "nobody reaches it", and removes nobody from any topology.
//!
//! To read it: [`ids`], [`card`], [`packet`] and [`io`] are the vocabulary; [`members`] is the view; `hear` holds the
//! rules by which news changes it; `probe`, `gossip`, `exchange`, `join` and `leave` are what a member does.

pub mod ids;
mod mix;
pub mod card;
pub mod config;
pub mod coordinate;
pub mod packet;
pub mod io;
pub mod directory;
pub mod members;
mod permutation;
mod deadlines;
mod suspicion;
mod rumours;
mod broadcasts;
mod hear;
mod sender;
mod probe;
mod relay;
mod gossip;
mod exchange;
mod join;
mod leave;
mod near;
mod state;
pub mod projection;

pub use self::card::{Card, CardCheck, CardError, CardSum};
pub use self::config::{Fallback, PoolConfig, PoolSettings};
pub use self::coordinate::Coordinate;
pub use self::directory::{Directory, Slot};
pub use self::ids::{Incarnation, PoolLabel};
pub use self::io::{Carrier, Effect, Event, Input, Outbox};
pub use self::members::{Members, Record, Roster, State};
pub use self::packet::{Broadcast, News, Packet, Urgency};
pub use self::state::Standing;

use alloc::sync::Arc;
use core::net::SocketAddr;

use self::broadcasts::Broadcasts;
use self::deadlines::Deadlines;
use self::exchange::Exchange;
use self::join::Join;
use self::near::Near;
use self::packet::Body;
use self::probe::Probing;
use self::relay::Relays;
use self::rumours::Rumours;
use self::sender::Sender;
use self::suspicion::Suspicions;
use crate::rng::{Seed, Stream};
use crate::time::Time;

/// One member of a pool: what it thinks of the others, and what it is about to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Swim<M = Roster> {
    settings: Arc<PoolSettings>,
    me: Arc<Card>,
    /// The sum of the node's card, of which every ping says a part.
    sum: CardSum,
    my_slot: Slot,
    incarnation: Incarnation,
    standing: Standing,
    members: M,
    suspicions: Suspicions,
    /// When those that died or left are forgotten.
    graves: Deadlines,
    rumours: Rumours,
    gossip_at: Time,
    probing: Probing,
    relays: Relays,
    exchange: Exchange,
    join: Join,
    broadcasts: Broadcasts,
    near: Near,
    rng: Stream,
}

/// What a member needs to begin a life.
#[derive(Clone, Debug)]
pub struct Start<M> {
    /// What it says of itself.
    pub card: Card,
    /// Its first incarnation: above those of its earlier lives if they can be known, see [`Incarnation::of_boot`].
    pub incarnation: Incarnation,
    /// Where its randomness comes from; no two lives of any node share one.
    pub seed: Seed,
    /// Whom it knows: nobody, or the members that it remembers. Each is held in the directory already.
    pub members: M,
}

/// What the machine is handed at every step.
struct Turn<'a> {
    now: Time,
    directory: &'a mut Directory,
    out: &'a mut Outbox,
}

impl<M: Members> Swim<M> {
    /// Begins a life of a member, alone or with those it remembers.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the card.
    ///
    /// # Panics
    ///
    /// Panics if `out` still holds effects of another step.
    pub fn start(
        now: Time,
        settings: Arc<PoolSettings>,
        start: Start<M>,
        directory: &mut Directory,
        out: &mut Outbox,
    ) -> Result<Self, CardError> {
        assert!(out.is_empty(), "the effects of the last step were not carried out");
        start.card.check(&settings)?;
        let Start { card, incarnation, seed, mut members } = start;
        let me = Arc::new(card);
        let known = directory.find(me.id).filter(|slot| members.get(*slot).is_some());
        let my_slot = known.unwrap_or_else(|| directory.hold(me.id));
        directory.set_card(my_slot, Arc::clone(&me));
        members.set(my_slot, me.id, Record { incarnation, state: State::Alive });
        let mut graves = Deadlines::default();
        for gone in (0..members.known() - members.reachable()).filter_map(|turn| members.unreachable(turn)) {
            graves.set(gone, now + settings.tombstone_horizon);
        }
        let mut rng = Stream::new(seed, "swim");
        Ok(Self {
            sum: CardSum::of(&me),
            my_slot,
            incarnation,
            standing: Standing::Newcomer,
            suspicions: Suspicions::default(),
            graves,
            rumours: Rumours::default(),
            gossip_at: Time::NEVER,
            probing: Probing::begin(now, &settings, &mut rng),
            relays: Relays::default(),
            exchange: Exchange::begin(now, &settings),
            join: Join::begin(now, &settings, &mut rng),
            broadcasts: Broadcasts::begin(incarnation),
            near: Near::default(),
            rng,
            members,
            me,
            settings,
        })
    }

    /// Takes in one thing that happened and asks `out` for everything that follows.
    ///
    /// # Panics
    ///
    /// Panics if `out` still holds effects of another step, or if `directory` is not the one the member started with.
    pub fn step(&mut self, now: Time, input: Input, directory: &mut Directory, out: &mut Outbox) {
        assert!(out.is_empty(), "the effects of the last step were not carried out");
        if self.standing.is_over() {
            return;
        }
        let turn = &mut Turn { now, directory, out };
        match input {
            Input::Wake => self.wake(turn),
            Input::Receive(address, carrier, packet) => self.receive(turn, address, carrier, packet),
            Input::Join(seeds) => self.join(turn, seeds),
            Input::Leave => self.leave(turn),
            Input::SetMetadata(metadata) => self.set_metadata(turn, metadata),
            Input::Broadcast(urgency, payload) => self.broadcast(turn, urgency, payload),
        }
        self.arm_gossip(now);
    }

    /// Returns from when on a wake does something.
    pub fn next_wake(&self) -> Time {
        if self.standing.is_over() {
            return Time::NEVER;
        }
        self.gossip_at
            .min(self.probing.next_at())
            .min(self.relays.next_at())
            .min(self.suspicions.next_at().unwrap_or(Time::NEVER))
            .min(self.graves.next_at().unwrap_or(Time::NEVER))
            .min(self.join.next_at())
            .min(self.standing.next_at())
    }

    fn wake(&mut self, turn: &mut Turn<'_>) {
        self.pardon_if_starved(turn);
        self.relay_nacks(turn);
        self.probe_if_due(turn);
        self.hold_suspicions_if_cut_off(turn.now);
        while let Some((slot, incarnation)) = self.suspicions.take_due(turn.now) {
            self.bury(turn, slot, incarnation);
        }
        self.forget_graves(turn);
        self.join_if_due(turn);
        self.leave_if_due(turn);
        self.gossip_if_due(turn);
    }

    fn receive(&mut self, turn: &mut Turn<'_>, address: SocketAddr, carrier: Carrier, packet: Packet) {
        let Packet { label, from, incarnation, body, news } = packet;
        if label != self.settings.label {
            return turn.out.emit(Event::ForeignPool(address, label));
        }
        let merged = matches!(body, Body::SyncOffer(_) | Body::SyncAnswer(_) | Body::SyncPush);
        let address = match carrier {
            Carrier::Stream => self.address_behind(turn, from, &news).unwrap_or(address),
            Carrier::Datagram => address,
        };
        let sender = Sender { id: from, incarnation, address, carrier };
        let source = hear::Source { from, merged };
        let said = sender::Said::by(from, self.me.id, &body, &news);
        for piece in news {
            self.hear(turn, piece, source);
        }
        if from == self.me.id {
            // Another process with this node's identity: its card, if it sent one, was judged among the news.
            return self.answer_namesake(turn, sender);
        }
        if self.standing.is_over() {
            return;
        }
        self.heard(turn.now);
        self.look_at_sender(turn, sender, &body, said);
        match body {
            Body::Ping(ping) => self.on_ping(turn, sender, ping, probe::Wants::Answer),
            Body::Locate(ping) => self.on_ping(turn, sender, ping, probe::Wants::Coordinate),
            Body::Ack(number) => self.on_ack(turn, sender, number, None),
            Body::Located(number, coordinate) => self.on_ack(turn, sender, number, Some(coordinate)),
            Body::PingRequest(request) => self.on_ping_request(turn, sender, request),
            Body::Relayed(number) => self.on_relayed(turn, from, number),
            Body::Nack(number) => self.probing.on_nack(from, number),
            Body::Introduce => self.introduce(turn, address),
            Body::Leave => self.on_leave(turn, sender),
            Body::Farewell => self.on_farewell(turn, sender.id),
            Body::SyncOffer(sums) => self.on_offer(turn, sender, &sums),
            Body::SyncAnswer(sums) => self.on_answer(turn, sender, &sums),
            Body::Gossip | Body::SyncPush => {}
        }
    }
}
