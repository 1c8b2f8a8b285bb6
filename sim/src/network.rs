//! The network: what becomes of each message.
//!
//! Every directed link has a quality and may be cut or clogged. A message's fate is drawn when it is sent, and a cut or a
//! clog is looked at again when it arrives, so faults hit packets in flight. Healing recomputes all links from the
//! faults still in force over a pristine base; nothing needs undoing.

use std::collections::BTreeMap;

use delian_core::node::Tier;
use delian_core::{Message, NodeId, Seed, Time, swim};

use crate::random::{Delay, Random, nanos};
use crate::scenario::{LinkQuality, Rate};

/// The links between all processes, by their numbers from 0.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    size: usize,
    /// The kinds of links that there are now, the pristine one first.
    kinds: Vec<Link>,
    /// The kind of each link, by its place there: a thousand processes have a million links, and few kinds.
    links: Vec<u32>,
    /// Apart from the rest, because every arrival looks at them and at nothing else.
    states: Vec<LinkState>,
    /// When links of a limited rate will have carried what was sent so far, by their places.
    occupied: BTreeMap<usize, Time>,
    random: Random,
    pub(crate) in_flight: InFlight,
}

/// What one directed link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    delay: Delay,
    loss: u16,
    duplicate: u16,
    reorder: u16,
    replay: u16,
    rate: Option<Rate>,
}

/// Whether messages get through a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkState {
    /// They do.
    Open,
    /// They are held back until it opens.
    Clogged,
    /// They are lost.
    Cut,
}

/// Something on its way between two processes.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) sender: NodeId,
    pub(crate) receiver: NodeId,
    pub(crate) load: Load,
}

/// What it carries.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// A message to the node that the receiver is, and to no other that takes its place.
    Message(Message),
    /// A packet of a pool, as the input of whoever is at the address when it arrives.
    Pool(Tier, Box<swim::Input>),
}

impl Load {
    /// Returns how much it is as it travels.
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.encode().len(),
            Self::Pool(_, input) => {
                // Nothing else travels.
                let swim::Input::Receive(_, _, packet) = &**input else { return 0 };
                packet.encoded_len()
            }
        }
    }
}

/// When the copies of a message arrive, in nanoseconds from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) arrives: Option<u64>,
    pub(crate) again: Option<u64>,
    pub(crate) replayed: Option<u64>,
    pub(crate) overtaken: bool,
    pub(crate) cut: bool,
}

/// How long after its sending a replayed message arrives at most, in nanoseconds: a minute.
const REPLAY_WITHIN: u64 = 60_000_000_000;

impl Network {
    pub(crate) fn new(size: usize, quality: LinkQuality, seed: Seed) -> Self {
        Self {
            size,
            kinds: vec![Link::new(quality)],
            links: vec![0; size * size],
            states: vec![LinkState::Open; size * size],
            occupied: BTreeMap::new(),
            random: Random::new(seed, "network"),
            in_flight: InFlight::default(),
        }
    }

    /// Gives what is drawn from now on another luck.
    pub(crate) fn reseed(&mut self, seed: Seed) {
        self.random = Random::new(seed, "network");
    }

    /// Draws what becomes of a message sent now.
    pub(crate) fn fate(&mut self, from: u16, to: u16) -> Fate {
        let place = self.place(from, to);
        if self.states[place] == LinkState::Cut {
            return Fate { cut: true, ..Fate::default() };
        }
        let link = self.link(place);
        let mut fate = Fate { arrives: Some(link.delay.draw(&mut self.random)), ..Fate::default() };
        if link.is_perfect() {
            return fate;
        }
        // One draw decides four independent questions, 16 bits each.
        let bits = self.random.next_u64();
        let [lost, doubled, overtaken, replayed] = [0, 16, 32, 48].map(|shift| u32::from((bits >> shift) as u16));
        let happens = |draw: u32, permille: u16| draw * 1000 < u32::from(permille) * 65_536;
        if happens(overtaken, link.reorder) {
            fate.overtaken = true;
            fate.arrives = Some(4 * link.delay.draw(&mut self.random));
        }
        if happens(doubled, link.duplicate) {
            fate.again = Some(link.delay.draw(&mut self.random));
        }
        if happens(replayed, link.replay) {
            fate.replayed = Some(self.random.below(REPLAY_WITHIN));
        }
        if happens(lost, link.loss) {
            fate.arrives = None;
        }
        fate
    }

    /// Draws what becomes of a frame of a stream: opening it takes a round trip, and what gets lost is sent again.
    pub(crate) fn fate_of_stream(&mut self, from: u16, to: u16) -> Fate {
        let (there, back) = (self.place(from, to), self.place(to, from));
        if self.states[there] == LinkState::Cut || self.states[back] == LinkState::Cut {
            return Fate { cut: true, ..Fate::default() };
        }
        let ways = [there, back, there].map(|place| self.link(place).delay.draw(&mut self.random));
        Fate { arrives: Some(ways.iter().sum()), ..Fate::default() }
    }

    /// Has a message that is sent now wait for those before it where its link carries only so many bytes a second. What
    /// would wait for too long is lost. Returns whether it had to wait.
    pub(crate) fn queue(&mut self, now: Time, packet: &Packet, fate: &mut Fate) -> bool {
        let place = self.place(packet.from, packet.to);
        let Some(rate) = self.link(place).rate else {
            if !self.occupied.is_empty() {
                self.occupied.remove(&place);
            }
            return false;
        };
        if fate.arrives.is_none() {
            return false;
        }
        let begins = self.occupied.get(&place).copied().unwrap_or_default().max(now);
        if begins.since(now) > Rate::QUEUE_MAX {
            *fate = Fate::default();
            return false;
        }
        let ends = begins + rate.occupied_by(packet.load.bytes());
        self.occupied.insert(place, ends);
        let waits = nanos(ends.since(now));
        for arrives in [&mut fate.arrives, &mut fate.again, &mut fate.replayed] {
            *arrives = arrives.map(|after| after.saturating_add(waits));
        }
        begins > now
    }

    /// Returns whether messages get through from one process to another now.
    pub(crate) fn state(&self, from: u16, to: u16) -> LinkState {
        self.states[self.place(from, to)]
    }

    /// Makes all links pristine; the caller lays the faults in force over them.
    pub(crate) fn reset(&mut self) {
        self.kinds.truncate(1);
        self.links.fill(0);
        self.states.fill(LinkState::Open);
    }

    pub(crate) fn set_quality(&mut self, from: u16, to: u16, quality: LinkQuality) {
        let (place, link) = (self.place(from, to), Link::new(quality));
        // One fault makes many links alike, one after the other.
        if self.kinds.last() != Some(&link) {
            self.kinds.push(link);
        }
        let kind = u32::try_from(self.kinds.len() - 1);
        self.links[place] = kind.expect("fewer than 4 billion faults are in force at a time");
    }

    /// Makes a link at least so bad.
    pub(crate) fn worsen(&mut self, from: u16, to: u16, state: LinkState) {
        let place = self.place(from, to);
        self.states[place] = self.states[place].max(state);
    }

    fn link(&self, place: usize) -> Link {
        self.kinds[self.links[place] as usize]
    }

    fn place(&self, from: u16, to: u16) -> usize {
        usize::from(from) * self.size + usize::from(to)
    }
}

impl Link {
    fn new(quality: LinkQuality) -> Self {
        let LinkQuality { latency, loss, duplicate, reorder, replay, rate } = quality;
        Self { delay: latency.into(), loss, duplicate, reorder, replay, rate }
    }

    const fn is_perfect(&self) -> bool {
        self.loss == 0 && self.duplicate == 0 && self.reorder == 0 && self.replay == 0
    }
}

/// The messages under way, in slots that are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    slots: Vec<Option<Packet>>,
    free: Vec<u32>,
}

impl InFlight {
    pub(crate) fn put(&mut self, packet: Packet) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(packet);
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 4 billion messages are under way");
        self.slots.push(Some(packet));
        slot
    }

    pub(crate) fn take(&mut self, slot: u32) -> Packet {
        self.free.push(slot);
        self.slots[slot as usize].take().expect("each slot is delivered once")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use delian_core::Incarnation;

    use super::*;
    use crate::scenario::{Latency, Shape};

    fn network(quality: LinkQuality) -> Network {
        Network::new(3, quality, Seed::new(1))
    }

    fn quality(loss: u16, duplicate: u16) -> LinkQuality {
        let latency =
            Latency { least: Duration::from_millis(1), most: Duration::from_millis(10), shape: Shape::Uniform };
        LinkQuality { latency, loss, duplicate, reorder: 0, replay: 0, rate: None }
    }

    #[test]
    fn losses_and_copies_come_as_often_as_asked() {
        let mut network = network(quality(100, 500));
        let fates: Vec<Fate> = (0..100_000).map(|_| network.fate(0, 1)).collect();
        let lost = fates.iter().filter(|fate| fate.arrives.is_none()).count();
        let doubled = fates.iter().filter(|fate| fate.again.is_some()).count();
        assert!((9_500..10_500).contains(&lost), "{lost} of 100,000 were lost at 10 %");
        assert!((49_000..51_000).contains(&doubled), "{doubled} of 100,000 were doubled at 50 %");
    }

    #[test]
    fn latency_stays_within_its_bounds_and_fills_them() {
        let mut network = network(quality(0, 0));
        let arrivals: Vec<u64> = (0..10_000).filter_map(|_| network.fate(0, 1).arrives).collect();
        let (least, most) = (arrivals.iter().min(), arrivals.iter().max());
        assert!(least.is_some_and(|least| (1_000_000..1_050_000).contains(least)), "least {least:?}");
        assert!(most.is_some_and(|most| (9_950_000..=10_000_000).contains(most)), "most {most:?}");
    }

    #[test]
    fn a_cut_goes_one_way_and_a_reset_mends_it() {
        let mut network = network(quality(0, 0));
        network.worsen(0, 1, LinkState::Cut);
        network.worsen(0, 1, LinkState::Clogged);
        assert_eq!(network.fate(0, 1), Fate { cut: true, ..Fate::default() });
        assert!(network.fate(1, 0).arrives.is_some());
        network.reset();
        assert_eq!(network.state(0, 1), LinkState::Open);
    }

    #[test]
    fn a_narrow_link_carries_one_message_after_the_other_and_loses_what_would_wait_for_long() {
        let rate = Rate(1_000);
        let mut network = network(LinkQuality { rate: Some(rate), ..quality(0, 0) });
        let visitor = Message::Visitor { node: NodeId::new(1), incarnation: Incarnation::default() };
        let takes = nanos(rate.occupied_by(visitor.encode().len()));
        let mut arrives = |from, to| {
            let [sender, receiver] = [from, to].map(|process| NodeId::new(u64::from(process) + 1));
            let packet = Packet { from, to, sender, receiver, load: Load::Message(visitor.clone()) };
            let mut fate = Fate { arrives: Some(5), ..Fate::default() };
            network.queue(Time::ZERO, &packet, &mut fate);
            fate.arrives
        };
        assert_eq!([arrives(0, 1), arrives(0, 1)], [Some(5 + takes), Some(5 + 2 * takes)]);
        assert_eq!(arrives(1, 0), Some(5 + takes), "each direction carries for itself");
        let carried = 2 + (0..1_000).take_while(|_| arrives(0, 1).is_some()).count() as u64;
        let longest = nanos(Rate::QUEUE_MAX);
        assert!((carried - 1) * takes <= longest && carried * takes > longest, "{carried} of {takes} ns");
    }
}
