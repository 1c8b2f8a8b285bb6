//! The links between members, by their numbers.
//!
//! What becomes of a packet is drawn when it is sent; a cut or a block is looked at again when it arrives. A blocked
//! member's packets, in and out, are held and go on in order when the block ends, while its timers run: that is what an
//! overloaded process or a full socket buffer looks like from outside (Lifeguard, section 2).

use std::time::Duration;

use delian_core::Seed;
use delian_core::swim::Carrier;

use crate::random::{Random, nanos};

/// What all links have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// The shortest way from one member to another.
    pub delay_min: Duration,
    /// The longest.
    pub delay_max: Duration,
    /// How many of a million datagrams are lost.
    pub loss_ppm: u32,
    /// How many of a million datagrams arrive twice.
    pub duplicate_ppm: u32,
    /// How many of a million datagrams arrive again within a minute.
    pub replay_ppm: u32,
}

impl Links {
    /// Returns the links of one datacenter: 0.2 to 1 ms, and a loss of so many in a million.
    pub const fn local(loss_ppm: u32) -> Self {
        Self {
            delay_min: Duration::from_micros(200),
            delay_max: Duration::from_millis(1),
            loss_ppm,
            duplicate_ppm: 0,
            replay_ppm: 0,
        }
    }
}

/// What is particular to the path of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Which side of a partition it is on: packets between sides are lost.
    pub side: u16,
    /// Whether its packets, in and out, are held.
    pub blocked: bool,
    /// Whether nothing gets out.
    pub mute: bool,
    /// Whether nothing gets in.
    pub deaf: bool,
    /// How many of a million of its datagrams, in and out, are lost beside others.
    pub loss_ppm: u32,
    /// How much longer every packet takes to and from it.
    pub slow: Duration,
}

/// The network of a world.
#[derive(Clone, Debug)]
pub(super) struct Network {
    links: Links,
    pub(super) paths: Vec<Path>,
    random: Random,
}

/// When the copies of a packet arrive, in nanoseconds from its sending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) arrives: Option<u64>,
    pub(super) again: Option<u64>,
}

const MILLION: u64 = 1_000_000;

/// How long after its sending a replayed packet arrives at most.
const REPLAY_WITHIN: u64 = 60_000_000_000;

impl Network {
    pub(super) fn new(links: Links, members: usize, seed: Seed) -> Self {
        Self { links, paths: vec![Path::default(); members], random: Random::new(seed, "pool-network") }
    }

    pub(super) fn set_links(&mut self, links: Links) {
        self.links = links;
    }

    /// Returns whether packets from one member reach another at all.
    pub(super) fn is_open(&self, from: u32, to: u32) -> bool {
        let (sender, receiver) = (&self.paths[from as usize], &self.paths[to as usize]);
        sender.side == receiver.side && !sender.mute && !receiver.deaf
    }

    pub(super) fn fate(&mut self, from: u32, to: u32, carrier: Carrier) -> Fate {
        if !self.is_open(from, to) {
            return Fate::default();
        }
        let slow = nanos(self.paths[from as usize].slow) + nanos(self.paths[to as usize].slow);
        let delay = self.delay() + slow;
        match carrier {
            // A stream is opened first, which takes a round trip; what it loses it sends again.
            Carrier::Stream => Fate { arrives: Some(delay + 2 * (self.delay() + slow)), again: None },
            Carrier::Datagram => self.datagram(from, to, delay),
        }
    }

    fn datagram(&mut self, from: u32, to: u32, delay: u64) -> Fate {
        let bits = self.random.next_u64();
        let happens = |shift: u32, ppm: u32| ((bits >> shift) & 0xf_ffff) * MILLION < u64::from(ppm) << 20;
        let lost = happens(0, self.links.loss_ppm) || self.is_lost_by(from) || self.is_lost_by(to);
        let mut fate = Fate { arrives: (!lost).then_some(delay), again: None };
        if happens(20, self.links.duplicate_ppm) {
            fate.again = Some(self.delay());
        } else if happens(40, self.links.replay_ppm) {
            fate.again = Some(self.random.below(REPLAY_WITHIN));
        }
        fate
    }

    fn is_lost_by(&mut self, member: u32) -> bool {
        let ppm = self.paths[member as usize].loss_ppm;
        ppm > 0 && self.random.below(MILLION) < u64::from(ppm)
    }

    fn delay(&mut self) -> u64 {
        let (least, most) = (nanos(self.links.delay_min), nanos(self.links.delay_max));
        least + self.random.below(most - least + 1)
    }
}
