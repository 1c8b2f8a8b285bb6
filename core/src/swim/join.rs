//! How a member finds others, at first and after they were lost.
//!
//! A newcomer offers its empty view to one seed after another until one answers, for ever: to each in turn with short
//! pauses, and again after a longer one. A member that holds others
//! dead asks one of them now and then whether it is there, and tells it what is said of it: so a healed partition grows
//! together without an operator, and everyone keeps its identity.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::ids::NodeTag;
use super::io::Carrier;
use super::members::{Members, State};
use super::packet::Body;
use super::projection::Deadline;
use super::{PoolSettings, Swim, Turn};
use crate::rng::Stream;
use crate::time::Time;

/// The seeds, and when they or the dead are asked again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Join {
    seeds: Vec<SocketAddr>,
    seed_turn: usize,
    seed_at: Time,
    pause: Duration,
    reconnect_at: Time,
    reconnect_turn: usize,
}

/// How many seeds are kept.
const SEEDS_MAX: usize = 256;

/// Turns are counted modulo this where explorers forget chance: a multiple of one and of two dead members.
const TURNS_TOLD_APART: usize = 2;

/// How many times the first pause the longest one is: whoever is alone asks all its seeds that often at least.
const PAUSE_FACTOR_MAX: u32 = 10;

impl Join {
    pub(super) fn begin(now: Time, settings: &PoolSettings, rng: &mut Stream) -> Self {
        Self {
            seeds: Vec::new(),
            seed_turn: 0,
            seed_at: Time::NEVER,
            pause: settings.join_interval,
            // Those who lost the same member must not all ask it at the same time.
            reconnect_at: now + rng.span(Duration::ZERO, settings.reconnect_interval),
            reconnect_turn: rng.below(1 << 20) as usize,
        }
    }

    pub(super) fn next_at(&self) -> Time {
        self.seed_at.min(self.reconnect_at)
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.seed_at = map(Deadline::Seed, self.seed_at);
        self.reconnect_at = map(Deadline::Reconnect, self.reconnect_at);
    }

    pub(super) const fn forget_pause(&mut self, settings: &PoolSettings) {
        self.pause = settings.join_interval;
    }

    /// Counts turns from the first again.
    pub(super) fn forget_turns(&mut self) {
        self.seed_turn %= self.seeds.len().max(1);
        self.reconnect_turn %= TURNS_TOLD_APART;
    }
}

impl<M: Members> Swim<M> {
    pub(super) fn join(&mut self, turn: &mut Turn<'_>, mut seeds: Vec<SocketAddr>) {
        seeds.retain(|seed| *seed != self.me.address);
        seeds.truncate(SEEDS_MAX);
        self.join.seed_turn = self.rng.below(seeds.len().max(1) as u64) as usize;
        self.join.seed_at = if seeds.is_empty() { Time::NEVER } else { turn.now };
        self.join.pause = self.settings.join_interval;
        self.join.seeds = seeds;
    }

    pub(super) fn join_if_due(&mut self, turn: &mut Turn<'_>) {
        if self.join.seed_at <= turn.now {
            self.ask_seed(turn);
        }
        if self.join.reconnect_at <= turn.now {
            self.reconnect(turn);
        }
    }

    fn ask_seed(&mut self, turn: &mut Turn<'_>) {
        let alone = self.members.reachable() < 2;
        let join = &mut self.join;
        if alone {
            let first = self.settings.join_interval;
            let is_last = (join.seed_turn + 1).is_multiple_of(join.seeds.len());
            let pause = if is_last { join.pause } else { first };
            // Up to a quarter more, so that many who start at once do not ask at once for ever.
            join.seed_at = turn.now + pause + self.rng.span(Duration::ZERO, pause / 4);
            if is_last {
                join.pause = (join.pause * 2).min(first * PAUSE_FACTOR_MAX);
            }
        } else {
            join.pause = self.settings.join_interval;
            join.seed_at = turn.now + self.settings.sync_interval * 2;
        }
        let seed = join.seeds[join.seed_turn % join.seeds.len()];
        join.seed_turn = join.seed_turn.wrapping_add(1);
        // Two pools of one name that never met have seeds at which nobody is whom they know.
        if alone || !self.knows_address(turn, seed) {
            self.offer(turn, seed);
        }
    }

    fn knows_address(&self, turn: &Turn<'_>, address: SocketAddr) -> bool {
        (0..self.members.places())
            .filter_map(|place| self.members.at(place))
            .any(|slot| turn.directory.card(slot).is_some_and(|card| card.address == address))
    }

    /// Asks one of the dead whether it is there, and tells it that it is held dead.
    fn reconnect(&mut self, turn: &mut Turn<'_>) {
        self.join.reconnect_at = turn.now + self.settings.reconnect_interval;
        for _ in 0..self.members.known() - self.members.reachable() {
            self.join.reconnect_turn = self.join.reconnect_turn.wrapping_add(1);
            let Some(slot) = self.members.unreachable(self.join.reconnect_turn) else { return };
            if self.members.get(slot).is_none_or(|record| record.state != State::Dead) {
                continue;
            }
            let Some(card) = turn.directory.card(slot) else { continue };
            let (address, member) = (card.address, card.id);
            let number = self.probing.next_number();
            let (body, news) = (Body::Ping(self.ping(number, NodeTag::of(member))), self.news_of(turn, slot));
            return self.send(turn, address, Carrier::Datagram, body, news);
        }
    }
}
