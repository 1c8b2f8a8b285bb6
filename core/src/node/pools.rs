//! The pools that a node is in: one with the members near it, and for a gateway one with the gateways far away.
//!
//! Pools say who can be reached and decide nothing. What they add to consensus is word of it: every member's card tells
//! what its node does in the log, so that those who are far from the quorum learn who leads as soon as gossip reaches
//! them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::observe::Observe;
use super::{Node, RoleName};
use crate::config::{ConfigError, Settings};
use crate::ids::{Blob, NodeId, Term};
use crate::io::{Effect, Event, Outbox, Parcel};
use crate::observe::{ANNOUNCEMENT_BYTES_MAX, Announcement, Whom};
use crate::raft::Raft;
use crate::rng::{Seed, Stream};
use crate::swim::{
    self, Broadcast, Card, Directory, Incarnation, Members, PoolConfig, PoolSettings, Roster, Slot, Start,
};
use crate::swim::{Swim, Urgency};
use crate::time::Time;

/// Which of a node's pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The members of its own datacenter or region.
    Local,
    /// The gateways of all of them.
    Wide,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Wide => "wide",
        })
    }
}

/// The pools that a node is to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolsConfig {
    /// What people call the node.
    pub name: String,
    /// The pool of its datacenter or region, and where the node takes that pool's packets.
    pub local: (PoolConfig, SocketAddr),
    /// For a gateway, the pool of all gateways, and where it takes those packets.
    pub wide: Option<(PoolConfig, SocketAddr)>,
}

/// Pools that make sense; see [`PoolsConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolsSettings {
    name: Arc<str>,
    local: (Arc<PoolSettings>, SocketAddr),
    wide: Option<(Arc<PoolSettings>, SocketAddr)>,
}

impl PoolsConfig {
    pub(crate) fn check(self) -> Result<PoolsSettings, ConfigError> {
        let (name, local, wide) = (self.name, self.local, self.wide);
        if let Some((wide, _)) = wide.as_ref().filter(|(wide, _)| wide.name == local.0.name) {
            let problem = alloc::format!("both have the name {:?}: their packets could not be told apart", wide.name);
            return Err(ConfigError { field: "pools", problem });
        }
        let check = |(config, address): (PoolConfig, SocketAddr)| -> Result<_, ConfigError> {
            let settings = config.check()?;
            // The largest card that a node makes carries what it does in the log.
            let card = Card { metadata: Notice::largest().encode(), ..Card::new(NodeId::ZERO, name.as_str(), address) };
            let wrong = |error| ConfigError { field: "pools", problem: alloc::format!("make a card in which {error}") };
            card.check(&settings).map_err(wrong)?;
            let (bytes, most) = (TAG_BYTES + ANNOUNCEMENT_BYTES_MAX, settings.broadcast_bytes_max);
            if most < bytes {
                let problem = alloc::format!("have broadcast_bytes_max {most}, but an announcement may take {bytes}");
                return Err(ConfigError { field: "pools", problem });
            }
            Ok((Arc::new(settings), address))
        };
        let wide = wide.map(check).transpose()?;
        Ok(PoolsSettings { local: check(local)?, wide, name: Arc::from(name) })
    }
}

/// What a member's card says of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// The highest term in which the node knows a leader; zero if it never knew one.
    pub term: Term,
    /// That leader.
    pub leader: Option<NodeId>,
    /// What the node does in the log.
    pub role: RoleName,
    /// What the embedder says of the node.
    pub embedder: Blob,
}

impl Notice {
    /// Reads the notice on a card; nothing if a card bears none that is understood here.
    pub fn of(card: &Card) -> Option<Self> {
        postcard::take_from_bytes(&card.metadata).ok().map(|(notice, _)| notice)
    }

    /// Returns the one that takes the most bytes, but for what the embedder says.
    fn largest() -> Self {
        let (term, leader) = (Term::new(u64::MAX), Some(NodeId::new(u64::MAX)));
        Self { term, leader, role: RoleName::Observer, embedder: Blob::default() }
    }

    fn encode(&self) -> Blob {
        Blob::from(postcard::to_allocvec(self).expect("a vector grows as needed and a notice has a postcard form"))
    }
}

/// How many bytes the length of the embedder's word may take beyond that of none.
const LENGTH_BYTES: usize = 2;

/// How many bytes before what is broadcast say whose it is.
const TAG_BYTES: usize = 1;

/// What follows in a broadcast is the embedder's.
const OF_EMBEDDER: u8 = 0;

/// What follows in a broadcast is an [`Announcement`].
const OF_NODE: u8 = 1;

/// How often a member to ask is drawn before the node gives up for now: places may be void, or of one who must not be asked.
const DRAWS_MAX: usize = 16;

/// The pools of a running node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pools {
    local: Pool,
    wide: Option<Pool>,
    notice: Notice,
    /// What was heard in this step, until the node has taken it in.
    heard: Vec<(Tier, NodeId, Announcement)>,
}

/// One of them, with the cards that its members bear in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pool {
    swim: Swim<Roster>,
    directory: Directory,
}

impl Pools {
    pub(super) fn start(now: Time, raft: &Raft, settings: &PoolsSettings, seed: Seed, out: &mut Outbox) -> Self {
        let notice = Notice { role: RoleName::of(raft), ..Notice::default() };
        let mut begin = |tier: Tier, (settings, address): &(Arc<PoolSettings>, SocketAddr), name: &Arc<str>| {
            let card = Card {
                id: raft.id(),
                name: Arc::clone(name),
                address: *address,
                version: 0,
                metadata: notice.encode(),
            };
            let seed = seed.derive("pool", raft.boot().get() * 2 + tier as u64);
            let incarnation = Incarnation::of_boot(raft.boot());
            let start = Start { card, incarnation, seed, members: Roster::new() };
            let mut directory = Directory::new();
            let swim = carry(tier, out, &mut Vec::new(), |effects| {
                Swim::start(now, Arc::clone(settings), start, &mut directory, effects)
                    .expect("the card was checked with the settings")
            });
            Pool { swim, directory }
        };
        let local = begin(Tier::Local, &settings.local, &settings.name);
        let wide = settings.wide.as_ref().map(|wide| begin(Tier::Wide, wide, &settings.name));
        Self { local, wide, notice, heard: Vec::new() }
    }

    fn tier(&mut self, tier: Tier) -> Option<&mut Pool> {
        match tier {
            Tier::Local => Some(&mut self.local),
            Tier::Wide => self.wide.as_mut(),
        }
    }

    fn tiers(&self) -> impl Iterator<Item = &Pool> {
        core::iter::once(&self.local).chain(&self.wide)
    }

    /// Iterates over what the views of the pools hold of a node.
    pub(super) fn states_of(&self, node: NodeId) -> impl Iterator<Item = swim::State> + '_ {
        self.tiers().filter_map(move |pool| Some(pool.swim.seen(&pool.directory, node)?.state))
    }

    pub(super) fn step(&mut self, now: Time, tier: Tier, input: swim::Input, out: &mut Outbox) {
        let mut heard = core::mem::take(&mut self.heard);
        if let Some(Pool { swim, directory }) = self.tier(tier) {
            carry(tier, out, &mut heard, |effects| swim.step(now, input, directory, effects));
        }
        self.heard = heard;
    }

    /// Says something to all members of a pool, for the embedder.
    fn broadcast(&mut self, now: Time, tier: Tier, urgency: Urgency, payload: &[u8], out: &mut Outbox) {
        let Some(pool) = self.tier(tier) else { return };
        let (bytes, max) = (payload.len(), pool.swim.settings().broadcast_bytes_max.saturating_sub(TAG_BYTES));
        if bytes > max {
            let event = Box::new(swim::Event::BroadcastTooLarge { bytes, max });
            return out.emit(Event::Pool { tier, event });
        }
        let tagged = Blob::from([&[OF_EMBEDDER], payload].concat());
        self.step(now, tier, swim::Input::Broadcast(urgency, tagged), out);
    }

    /// Announces something in a pool, if the node is in it.
    pub(super) fn announce(&mut self, now: Time, tier: Tier, announcement: &Announcement, out: &mut Outbox) {
        let tagged = Blob::from(announcement.encode_into(alloc::vec![OF_NODE]));
        self.step(now, tier, swim::Input::Broadcast(Urgency::Normal, tagged), out);
    }

    pub(super) fn take_announcements(&mut self) -> Vec<(Tier, NodeId, Announcement)> {
        core::mem::take(&mut self.heard)
    }

    /// Returns how many members the pools reach, the node itself among them.
    pub(super) fn reachable(&self) -> usize {
        self.tiers().map(|pool| pool.swim.members().reachable()).sum()
    }

    /// Draws one of the reachable members, but not this node and not an unwanted one; nothing if luck has it so, or nobody is
    /// there.
    pub(super) fn draw(&self, random: &mut Stream, whom: Whom, unwanted: Option<NodeId>) -> Option<NodeId> {
        let places: usize = self.tiers().map(|pool| pool.swim.members().places()).sum();
        let suits = |pool: &Pool, slot: Slot| {
            let node = pool.directory.node(slot);
            let may_lead = whom == Whom::Anybody || pool.role_at(slot) != Some(RoleName::Leader);
            (node != pool.swim.card().id && Some(node) != unwanted && may_lead).then_some(node)
        };
        (0..DRAWS_MAX.min(places * DRAWS_MAX)).find_map(|_| {
            let mut place = random.below(places as u64) as usize;
            for pool in self.tiers() {
                let here = pool.swim.members().places();
                if place < here {
                    return suits(pool, pool.swim.members().at(place)?);
                }
                place -= here;
            }
            None
        })
    }

    /// Returns the reachable members whose cards say that they vote.
    pub(super) fn voters(&self) -> Vec<NodeId> {
        let of = |pool: &Pool| -> Vec<NodeId> {
            let members = pool.swim.members();
            let slots = (0..members.places()).filter_map(|place| members.at(place));
            let vote = |slot: &Slot| matches!(pool.role_at(*slot), Some(RoleName::Leader | RoleName::Follower));
            let others = slots.filter(vote).map(|slot| pool.directory.node(slot));
            others.filter(|node| *node != pool.swim.card().id).collect()
        };
        self.tiers().flat_map(of).collect()
    }

    pub(super) fn wake(&mut self, now: Time, out: &mut Outbox) {
        for tier in [Tier::Local, Tier::Wide] {
            if self.tier(tier).is_some_and(|pool| pool.swim.next_wake() <= now) {
                self.step(now, tier, swim::Input::Wake, out);
            }
        }
    }

    pub(super) fn next_wake(&self) -> Time {
        self.tiers().map(|pool| pool.swim.next_wake()).min().unwrap_or(Time::NEVER)
    }

    /// Returns how many bytes the embedder's word may have in all of the node's pools, whatever else a card says.
    fn room_for_embedder(&self) -> usize {
        let most = self.tiers().map(|pool| pool.swim.settings().metadata_bytes_max).min().unwrap_or(0);
        // A longer word has a longer length before it.
        most.saturating_sub(Notice::largest().encode().len() + LENGTH_BYTES)
    }

    /// Says on the node's card what it does in the log.
    fn publish(&mut self, now: Time, notice: Notice, out: &mut Outbox) {
        self.notice = notice;
        for tier in [Tier::Local, Tier::Wide] {
            self.step(now, tier, swim::Input::SetMetadata(self.notice.encode()), out);
        }
    }

    pub(super) fn assert_invariants(&self) {
        self.tiers().for_each(|pool| pool.swim.assert_invariants(&pool.directory));
    }
}

impl Pool {
    /// Returns what a member's card says that its node does in the log.
    fn role_at(&self, slot: Slot) -> Option<RoleName> {
        Some(Notice::of(self.directory.card(slot)?)?.role)
    }
}

/// Lets a pool's machine act and puts what follows among the node's effects, but for what nodes say to each other.
fn carry<T>(
    tier: Tier,
    out: &mut Outbox,
    heard: &mut Vec<(Tier, NodeId, Announcement)>,
    act: impl FnOnce(&mut swim::Outbox) -> T,
) -> T {
    let mut effects = swim::Outbox::new();
    let result = act(&mut effects);
    for effect in effects.drain() {
        out.push(match effect {
            swim::Effect::Send(to, carrier, packet) => {
                Effect::SendPacket(tier, Box::new(Parcel { to, carrier, packet }))
            }
            swim::Effect::Deliver(broadcast) => match broadcast.payload.split_first() {
                Some((&OF_EMBEDDER, payload)) => {
                    let Broadcast { origin, number, urgency, .. } = *broadcast;
                    let payload = Blob::from(payload);
                    Effect::Deliver(tier, Arc::new(Broadcast { origin, number, urgency, payload }))
                }
                Some((&OF_NODE, bytes)) => {
                    heard.extend(Announcement::decode(bytes).map(|it| (tier, broadcast.origin, it)));
                    continue;
                }
                // A newer release says more.
                Some(_) | None => continue,
            },
            swim::Effect::Emit(event) => Effect::Emit(Event::Pool { tier, event: Box::new(event) }),
        });
    }
    result
}

impl Node {
    pub(super) fn start_pools(&mut self, now: Time, settings: &Settings, seed: Seed, out: &mut Outbox) {
        self.pools = settings.pools.as_ref().map(|pools| Box::new(Pools::start(now, &self.raft, pools, seed, out)));
        let seed = seed.derive("observe", self.raft.boot().get());
        self.observe = settings.pools.as_ref().map(|_| Box::new(Observe::new(seed, &self.topology)));
    }

    pub(super) fn on_pool(&mut self, now: Time, tier: Tier, input: swim::Input, out: &mut Outbox) {
        let Some(pools) = &mut self.pools else { return };
        match input {
            swim::Input::SetMetadata(embedder) => {
                let (bytes, max) = (embedder.len(), pools.room_for_embedder());
                if bytes > max {
                    let event = Box::new(swim::Event::MetadataTooLarge { bytes, max });
                    return out.emit(Event::Pool { tier, event });
                }
                let notice = Notice { embedder, ..pools.notice.clone() };
                pools.publish(now, notice, out);
            }
            swim::Input::Broadcast(urgency, payload) => pools.broadcast(now, tier, urgency, &payload, out),
            input @ (swim::Input::Wake | swim::Input::Receive(..) | swim::Input::Join(_) | swim::Input::Leave) => {
                pools.step(now, tier, input, out);
            }
        }
    }

    /// Joins what the log and the pools say of who leads: emits it when it changes, and tells the pools.
    pub(super) fn join_roles(&mut self, now: Time, out: &mut Outbox) {
        let Some(pools) = &mut self.pools else { return };
        let heard = out.events().filter_map(notice_in).max_by_key(|notice| notice.term);
        let told = heard.and_then(|heard| Some((heard.term, heard.leader?)));
        let known = leader_in_log(&self.raft);
        let role = RoleName::of(&self.raft);
        // Who takes part in the log learns it there; word of pools is for those who do not.
        let newest = if role == RoleName::Observer { known.max(told) } else { known };
        let newer = newest.filter(|(term, _)| *term > pools.notice.term);
        if newer.is_none() && role == pools.notice.role {
            return;
        }
        let mut notice = Notice { role, ..pools.notice.clone() };
        if let Some((term, leader)) = newer {
            (notice.term, notice.leader) = (term, Some(leader));
            out.emit(Event::LeaderChanged { term, leader });
        }
        // What lasts is worth telling: a candidate is a leader or a follower within an election timeout. And who only heard
        // it tells nobody, unless it is a gateway and so the first of its region to hear.
        let is_first = role != RoleName::Observer || role != pools.notice.role || pools.wide.is_some();
        if is_first && matches!(role, RoleName::Leader | RoleName::Follower | RoleName::Observer) {
            pools.publish(now, notice, out);
        } else {
            pools.notice = notice;
        }
    }

    /// Returns one of the node's pools, to look at, with the directory of its slots.
    pub fn pool(&self, tier: Tier) -> Option<(&Swim<Roster>, &Directory)> {
        let pools = self.pools.as_ref()?;
        let pool = match tier {
            Tier::Local => Some(&pools.local),
            Tier::Wide => pools.wide.as_ref(),
        };
        pool.map(|Pool { swim, directory }| (swim, directory))
    }

    /// Returns the leader that the node knows and its term: by the log, or by word of its pools if it knows none by that.
    pub fn known_leader(&self) -> Option<(Term, NodeId)> {
        let told = self.pools.as_ref().and_then(|pools| Some((pools.notice.term, pools.notice.leader?)));
        leader_in_log(&self.raft).or(told)
    }
}

/// Returns the leader that the log knows, with its term.
fn leader_in_log(raft: &Raft) -> Option<(Term, NodeId)> {
    raft.leader().map(|leader| (raft.term(), leader))
}

/// Returns what an event of a pool says of a member's node.
fn notice_in(event: &Event) -> Option<Notice> {
    let Event::Pool { event, .. } = event else { return None };
    if let swim::Event::Joined(card, _) | swim::Event::Updated(card, _) = &**event { Notice::of(card) } else { None }
}
