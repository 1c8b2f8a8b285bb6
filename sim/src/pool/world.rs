//! The world: members, links, a clock, and an oracle that hears what members notice.

use std::collections::VecDeque;
use std::time::Duration;

use delian_core::{Seed, Time};

use super::network::{Links, Network, Path};
use super::participant::{Carrier, Letter, Note, Participant, Sink};
use super::wheel::{Ordering, Queue};
use crate::fingerprint::Fingerprint;

/// Hears what members notice, as it happens.
pub trait Watcher<P: Participant> {
    /// A member noticed something.
    fn notice(&mut self, now: Time, observer: u32, note: Note);

    /// A member finished a step; what it noticed was told, what it sends is not sent.
    fn stepped(&mut self, _now: Time, _place: u32, _participant: &P, _shared: &P::Shared) {}

    /// A packet leaves a member.
    fn sent(&mut self, _now: Time, _from: u32, _to: u32, _carrier: Carrier, _packet: &P::Packet) {}

    /// A packet is about to be handed to a member.
    fn arrives(&mut self, _now: Time, _from: u32, _to: u32, _packet: &P::Packet) {}
}

impl<P: Participant> Watcher<P> for () {
    fn notice(&mut self, _: Time, _: u32, _: Note) {}
}

/// What went over the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets sent.
    pub packets: u64,
    /// Their bytes, without those of lower layers.
    pub bytes: u64,
    /// Packets that were lost, by chance, by a cut or for want of room.
    pub lost: u64,
    /// Those of them that found no room in the queue of a slow member.
    pub overflowed: u64,
    /// Packets that arrived, and timers that were due.
    pub steps: u64,
    /// The most bytes in a datagram.
    pub datagram_bytes_max: usize,
}

/// How a member serves packets that cannot keep up with them. Its timers are not late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// How long it takes over each packet.
    pub takes: Duration,
    /// How many packets may wait, the one under way among them; what comes beyond is dropped.
    pub room: u32,
}

/// Members of one protocol on one network.
pub struct World<P: Participant, W> {
    now: Time,
    queue: Queue<Happening<P>>,
    places: Vec<Place<P>>,
    network: Network,
    shared: P::Shared,
    sink: Sink<P>,
    traffic: Traffic,
    fingerprint: Fingerprint,
    /// Hears what members notice.
    pub watcher: W,
}

enum Happening<P: Participant> {
    Arrival {
        to: u32,
        letter: Letter<P::Packet>,
    },
    Timer {
        member: u32,
        life: u32,
        timer: P::Timer,
    },
    /// A slow member is done with the packet that it worked at.
    Served {
        member: u32,
        shift: u32,
    },
}

struct Place<P: Participant> {
    participant: Option<P>,
    /// Which life of the member this is: timers of an earlier one are void.
    life: u32,
    paused: bool,
    /// What happened to it while it was paused, in order.
    missed: Vec<Happening<P>>,
    /// Packets that wait for the end of a block, in and out, in order.
    inbound: Vec<Letter<P::Packet>>,
    outbound: Vec<(u32, Carrier, P::Packet)>,
    /// How slowly it serves packets, if it does.
    service: Option<Service>,
    /// Which spell of slow service this is: packets that an earlier one worked at are done.
    shift: u32,
    /// Packets that wait for a slow member, the one that it works at first.
    queued: VecDeque<Letter<P::Packet>>,
}

impl<P: Participant, W: Watcher<P>> World<P, W> {
    /// Returns a world with places for so many members, all of them empty.
    pub fn new(members: usize, links: Links, seed: Seed, ordering: Ordering, shared: P::Shared, watcher: W) -> Self {
        let place = || Place {
            participant: None,
            life: 0,
            paused: false,
            missed: Vec::new(),
            inbound: Vec::new(),
            outbound: Vec::new(),
            service: None,
            shift: 0,
            queued: VecDeque::new(),
        };
        Self {
            now: Time::ZERO,
            queue: Queue::new(ordering),
            places: (0..members).map(|_| place()).collect(),
            network: Network::new(links, members, seed),
            shared,
            sink: Sink::default(),
            traffic: Traffic::default(),
            fingerprint: Fingerprint::new(seed.get()),
            watcher,
        }
    }

    /// Returns the present time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Returns what went over the links so far.
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Returns the fingerprint of everything that happened so far.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint.get()
    }

    /// Returns what the members share.
    pub const fn shared(&self) -> &P::Shared {
        &self.shared
    }

    /// Returns how many places there are.
    pub const fn size(&self) -> u32 {
        self.places.len() as u32
    }

    /// Returns the member at a place, if it runs.
    pub fn member(&self, place: u32) -> Option<&P> {
        self.places[place as usize].participant.as_ref()
    }

    /// Hands all members that run, what they share and the watcher to `look`.
    pub fn look<R>(
        &mut self,
        look: impl FnOnce(Time, &mut W, &mut dyn Iterator<Item = (u32, &P)>, &P::Shared) -> R,
    ) -> R {
        let running = self.places.iter().zip(0u32..);
        let mut running = running.filter_map(|(place, number)| Some((number, place.participant.as_ref()?)));
        look(self.now, &mut self.watcher, &mut running, &self.shared)
    }

    /// Lets a member begin a life; an earlier one ends.
    pub fn start(&mut self, place: u32, begin: impl FnOnce(Time, &mut P::Shared, &mut Sink<P>) -> P) {
        self.stop(place);
        let participant = begin(self.now, &mut self.shared, &mut self.sink);
        self.places[place as usize].participant = Some(participant);
        self.carry_out(place);
    }

    /// Ends the life of a member without a word.
    pub fn stop(&mut self, place: u32) -> Option<P> {
        let it = &mut self.places[place as usize];
        it.life += 1;
        it.paused = false;
        it.missed.clear();
        it.inbound.clear();
        it.outbound.clear();
        it.queued.clear();
        it.shift += 1;
        it.participant.take()
    }

    /// Lets a member do something at its owner's wish.
    pub fn ask(&mut self, place: u32, act: impl FnOnce(&mut P, Time, &mut P::Shared, &mut Sink<P>)) {
        if let Some(participant) = &mut self.places[place as usize].participant {
            act(participant, self.now, &mut self.shared, &mut self.sink);
            self.carry_out(place);
        }
    }

    /// Changes the path of a member. What a block held goes on when the block ends.
    pub fn set_path(&mut self, place: u32, change: impl FnOnce(&mut Path)) {
        let path = &mut self.network.paths[place as usize];
        let was_blocked = path.blocked;
        change(path);
        if was_blocked && !path.blocked {
            let it = &mut self.places[place as usize];
            let (inbound, outbound) = (std::mem::take(&mut it.inbound), std::mem::take(&mut it.outbound));
            for letter in inbound {
                self.take_in(place, letter);
            }
            for (to, carrier, packet) in outbound {
                self.send(place, to, carrier, packet);
            }
        }
    }

    /// Makes a member slow at its packets, or swift again; then all that waits for it is served at once.
    pub fn set_service(&mut self, place: u32, service: Option<Service>) {
        let it = &mut self.places[place as usize];
        if it.service == service {
            return;
        }
        it.service = service;
        it.shift += 1;
        for letter in std::mem::take(&mut it.queued) {
            self.take_in(place, letter);
        }
    }

    /// Changes what all links have in common.
    pub fn set_links(&mut self, links: Links) {
        self.network.set_links(links);
    }

    /// Stops a process, with its timers and all it would receive, without ending it.
    pub fn pause(&mut self, place: u32) {
        self.places[place as usize].paused = true;
    }

    /// Lets a paused process go on: first all that arrived, then the timers that are overdue.
    pub fn resume(&mut self, place: u32) {
        self.places[place as usize].paused = false;
        let missed = std::mem::take(&mut self.places[place as usize].missed);
        let (arrived, due): (Vec<_>, Vec<_>) =
            missed.into_iter().partition(|happening| matches!(happening, Happening::Arrival { .. }));
        for happening in arrived.into_iter().chain(due) {
            self.happen(happening);
        }
    }

    /// Lets everything happen up to an instant, that one included.
    pub fn run_until(&mut self, until: Time) {
        while let Some((at, happening)) = self.queue.pop(until) {
            self.now = at;
            self.happen(happening);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, happening: Happening<P>) {
        let place = match &happening {
            Happening::Arrival { to, .. } => *to,
            Happening::Timer { member, .. } | Happening::Served { member, .. } => *member,
        };
        if self.places[place as usize].paused {
            return self.places[place as usize].missed.push(happening);
        }
        match happening {
            Happening::Arrival { to, letter } => self.arrive(to, letter),
            Happening::Timer { member, life, timer } => {
                let it = &mut self.places[member as usize];
                if let Some(participant) = it.participant.as_mut().filter(|_| it.life == life) {
                    self.traffic.steps += 1;
                    participant.fire(self.now, timer, &mut self.shared, &mut self.sink);
                    self.carry_out(member);
                }
            }
            Happening::Served { member, shift } => self.serve_next(member, shift),
        }
    }

    fn arrive(&mut self, to: u32, letter: Letter<P::Packet>) {
        if !self.network.is_open(letter.from, to) {
            self.traffic.lost += 1;
        } else if self.network.paths[to as usize].blocked {
            self.places[to as usize].inbound.push(letter);
        } else {
            self.take_in(to, letter);
        }
    }

    /// Hands a packet to a member, or puts it into the queue of one that is slow.
    fn take_in(&mut self, to: u32, letter: Letter<P::Packet>) {
        let it = &mut self.places[to as usize];
        let Some(service) = it.service.filter(|_| it.participant.is_some()) else {
            return self.deliver(to, letter);
        };
        if it.queued.len() >= service.room as usize {
            self.traffic.lost += 1;
            self.traffic.overflowed += 1;
            return;
        }
        it.queued.push_back(letter);
        if it.queued.len() == 1 {
            self.serve_later(to, service);
        }
    }

    fn serve_later(&mut self, member: u32, service: Service) {
        let shift = self.places[member as usize].shift;
        self.queue.schedule(self.now + service.takes, Happening::Served { member, shift });
    }

    /// Hands a slow member the packet that it worked at, and lets it begin with the next one.
    fn serve_next(&mut self, member: u32, shift: u32) {
        let it = &mut self.places[member as usize];
        let Some(service) = it.service.filter(|_| it.shift == shift) else { return };
        let letter = it.queued.pop_front().expect("it worked at a packet");
        if !it.queued.is_empty() {
            self.serve_later(member, service);
        }
        self.deliver(member, letter);
    }

    fn deliver(&mut self, to: u32, letter: Letter<P::Packet>) {
        let from = letter.from;
        self.fingerprint.mix(self.now.as_nanos() ^ (u64::from(from) << 32) ^ u64::from(to).rotate_left(17));
        if let Some(participant) = &mut self.places[to as usize].participant {
            self.traffic.steps += 1;
            self.watcher.arrives(self.now, from, to, &letter.packet);
            participant.receive(self.now, letter, &mut self.shared, &mut self.sink);
            self.carry_out(to);
        }
    }

    /// Carries out what a member asked for.
    fn carry_out(&mut self, member: u32) {
        let mut sink = std::mem::take(&mut self.sink);
        for note in sink.notes.drain(..) {
            self.watcher.notice(self.now, member, note);
        }
        if let Some(participant) = &self.places[member as usize].participant {
            self.watcher.stepped(self.now, member, participant, &self.shared);
        }
        let life = self.places[member as usize].life;
        for (at, timer) in sink.timers.drain(..) {
            self.queue.schedule(at.max(self.now), Happening::Timer { member, life, timer });
        }
        for (to, carrier, packet) in sink.sends.drain(..) {
            let bytes = P::packet_bytes(&packet);
            self.traffic.packets += 1;
            self.traffic.bytes += bytes as u64;
            if carrier == Carrier::Datagram {
                self.traffic.datagram_bytes_max = self.traffic.datagram_bytes_max.max(bytes);
            }
            self.watcher.sent(self.now, member, to, carrier, &packet);
            if to >= self.size() {
                self.traffic.lost += 1;
            } else if self.network.paths[member as usize].blocked {
                self.places[member as usize].outbound.push((to, carrier, packet));
            } else {
                self.send(member, to, carrier, packet);
            }
        }
        self.sink = sink;
    }

    fn send(&mut self, from: u32, to: u32, carrier: Carrier, packet: P::Packet) {
        let fate = self.network.fate(from, to, carrier);
        let letter = Letter { from, carrier, packet };
        if let Some(again) = fate.again {
            let at = Time::from_nanos(self.now.as_nanos() + again);
            self.queue.schedule(at, Happening::Arrival { to, letter: letter.clone() });
        }
        match fate.arrives {
            Some(after) => {
                let at = Time::from_nanos(self.now.as_nanos() + after);
                self.queue.schedule(at, Happening::Arrival { to, letter });
            }
            None => self.traffic.lost += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends what it is told to, and notes what arrives and when.
    struct Clerk;

    impl Participant for Clerk {
        type Packet = u32;
        type Timer = ();
        type Shared = Vec<(u64, u32)>;

        fn receive(&mut self, now: Time, letter: Letter<u32>, seen: &mut Self::Shared, _: &mut Sink<Self>) {
            seen.push((now.as_nanos() / 1_000_000, letter.packet));
        }

        fn fire(&mut self, _: Time, (): (), _: &mut Self::Shared, _: &mut Sink<Self>) {}

        fn packet_bytes(_: &u32) -> usize {
            4
        }
    }

    fn clerks() -> World<Clerk, ()> {
        let mut world = World::new(2, Links::local(0), Seed::new(1), Ordering::Wheel, Vec::new(), ());
        (0..2).for_each(|place| world.start(place, |_, _, _| Clerk));
        world
    }

    /// Sends these packets to the second clerk, and lets them arrive.
    fn send(world: &mut World<Clerk, ()>, packets: std::ops::Range<u32>) {
        world.ask(0, |_, _, _, sink| sink.sends.extend(packets.map(|packet| (1, Carrier::Datagram, packet))));
        world.run_until(world.now() + Duration::from_millis(2));
    }

    const SLOW: Service = Service { takes: Duration::from_millis(100), room: 3 };

    #[test]
    fn a_slow_member_takes_its_time_for_each_packet_and_what_finds_no_room_is_lost() {
        let mut world = clerks();
        world.set_service(1, Some(SLOW));
        send(&mut world, 0..5);
        world.run_until(Time::from_millis(1000));
        let times: Vec<u64> = world.shared().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [100, 200, 300]);
        assert_eq!((world.traffic().lost, world.traffic().overflowed), (2, 2));
    }

    #[test]
    fn what_waits_for_a_slow_member_is_served_at_once_when_it_is_swift_again() {
        let mut world = clerks();
        world.set_service(1, Some(SLOW));
        send(&mut world, 0..3);
        world.run_until(Time::from_millis(150));
        world.set_service(1, None);
        let times: Vec<u64> = world.shared().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [100, 150, 150]);
        world.run_until(Time::from_millis(1000));
        assert_eq!(world.shared().len(), 3);
    }

    #[test]
    fn packets_that_wait_for_a_slow_member_go_with_it() {
        let mut world = clerks();
        world.set_service(1, Some(SLOW));
        send(&mut world, 0..2);
        world.start(1, |_, _, _| Clerk);
        send(&mut world, 9..10);
        world.run_until(Time::from_millis(1000));
        assert_eq!(world.shared().iter().map(|(_, packet)| *packet).collect::<Vec<u32>>(), [9]);
    }
}
