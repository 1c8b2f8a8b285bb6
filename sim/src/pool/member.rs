//! A member of a Delian pool in the world: the core's machine, unchanged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use delian_core::swim::{
    Broadcast, Card, Carrier, Directory, Effect, Event, Incarnation, Input, Members, Outbox, Packet, PoolSettings,
    Roster, Start, Swim,
};
use delian_core::{NodeId, Seed, Time};

use super::participant::{Letter, Note, Participant, Sink};

/// A member and the driver around it.
#[derive(Clone, Debug)]
pub struct Member<M: Members = Roster> {
    swim: Swim<M>,
    /// When the earliest wake in the queue is, so that not every change of a deadline costs an event.
    wake_at: Time,
    /// What it noticed in its last step, or in all of them if it keeps events.
    pub events: Vec<Event>,
    /// Where those of the last step begin.
    last_events: usize,
    keeps_events: bool,
    /// Whether the last step was a wake.
    woke: bool,
    /// Its own directory, if it shares none: then it knows of a card only what it was told.
    apart: Option<Box<Directory>>,
    /// What it handed to its embedder in its last step.
    delivered: Vec<Arc<Broadcast>>,
}

/// What a life begins with.
#[derive(Clone, Debug)]
pub struct Life<M> {
    /// The place, which is also the address.
    pub place: u32,
    /// Who it is.
    pub node: NodeId,
    /// The first incarnation.
    pub incarnation: Incarnation,
    /// Where its randomness comes from.
    pub seed: Seed,
    /// Whom it knows.
    pub members: M,
}

impl<M: Members> Member<M> {
    /// Begins a life.
    pub fn begin(
        now: Time,
        settings: &Arc<PoolSettings>,
        life: Life<M>,
        directory: &mut Directory,
        sink: &mut Sink<Self>,
    ) -> Self {
        let Life { place, node, incarnation, seed, members } = life;
        let start = Start { card: card_of(node, place), incarnation, seed, members };
        Self::with(Self::machine(now, settings, start, directory), None, sink)
    }

    /// Begins a life with a card and a directory of its own.
    ///
    /// Members that share a directory learn of each other's cards without a word: of an address that changed, or of
    /// another process under the same identity. Where that matters they do not share.
    pub fn begin_apart(
        now: Time,
        settings: &Arc<PoolSettings>,
        start: Start<M>,
        mut directory: Directory,
        sink: &mut Sink<Self>,
    ) -> Self {
        let swim = Self::machine(now, settings, start, &mut directory);
        Self::with(swim, Some(Box::new(directory)), sink)
    }

    fn machine(now: Time, settings: &Arc<PoolSettings>, start: Start<M>, directory: &mut Directory) -> Swim<M> {
        let mut outbox = Outbox::new();
        let swim = Swim::start(now, Arc::clone(settings), start, directory, &mut outbox);
        assert!(outbox.is_empty(), "a start asks for nothing but a wake");
        swim.expect("a simulated card is within every limit")
    }

    fn with(swim: Swim<M>, apart: Option<Box<Directory>>, sink: &mut Sink<Self>) -> Self {
        let mut member = Self {
            swim,
            wake_at: Time::NEVER,
            events: Vec::new(),
            last_events: 0,
            keeps_events: false,
            woke: false,
            apart,
            delivered: Vec::new(),
        };
        member.carry_out(&mut Outbox::new(), sink);
        member
    }

    /// Returns the directory that it looks at: its own, or the one that all share.
    pub fn directory<'a>(&'a self, shared: &'a Directory) -> &'a Directory {
        self.apart.as_deref().unwrap_or(shared)
    }

    /// Returns the broadcasts that it handed to its embedder in its last step.
    pub fn delivered(&self) -> &[Arc<Broadcast>] {
        &self.delivered
    }

    /// Keeps all events from here on.
    pub fn keep_events(&mut self) {
        self.keeps_events = true;
    }

    /// Returns what it noticed in its last step.
    pub fn noticed(&self) -> &[Event] {
        &self.events[self.last_events..]
    }

    /// Returns whether its last step was a wake, in which it acts by itself, and not the answer to a packet or a wish.
    pub const fn woke(&self) -> bool {
        self.woke
    }

    /// Returns the machine.
    pub const fn swim(&self) -> &Swim<M> {
        &self.swim
    }

    /// Hands in what happened beside packets and timers.
    pub fn feed(&mut self, now: Time, input: Input, directory: &mut Directory, sink: &mut Sink<Self>) {
        self.begin_step();
        self.woke = matches!(input, Input::Wake);
        let directory = self.apart.as_deref_mut().unwrap_or(directory);
        // Made anew each time: a hundred thousand members that each kept one would hold more in them than in their views.
        let mut outbox = Outbox::new();
        self.swim.step(now, input, directory, &mut outbox);
        self.carry_out(&mut outbox, sink);
    }

    /// Forgets what the last step brought.
    fn begin_step(&mut self) {
        if !self.keeps_events {
            self.events.clear();
        }
        self.last_events = self.events.len();
        self.woke = false;
        self.delivered.clear();
    }

    fn carry_out(&mut self, outbox: &mut Outbox, sink: &mut Sink<Self>) {
        for effect in outbox.drain() {
            match effect {
                Effect::Send(to, carrier, packet) => sink.sends.push((place_of(to), carrier, packet)),
                Effect::Emit(event) => {
                    sink.notes.extend(note_of(&event));
                    self.events.push(event);
                }
                Effect::Deliver(broadcast) => self.delivered.push(broadcast),
            }
        }
        let next = self.swim.next_wake();
        if next < self.wake_at {
            self.wake_at = next;
            sink.timers.push((next, ()));
        }
    }
}

impl<M: Members> Participant for Member<M> {
    type Packet = Packet;
    type Timer = ();
    type Shared = Directory;

    fn receive(&mut self, now: Time, letter: Letter<Packet>, directory: &mut Directory, sink: &mut Sink<Self>) {
        let Letter { from, carrier, packet } = letter;
        let address = match carrier {
            Carrier::Datagram => address_of(from),
            Carrier::Stream => SocketAddr::new(address_of(from).ip(), STREAM_PORT),
        };
        self.feed(now, Input::Receive(address, carrier, packet), directory, sink);
    }

    fn fire(&mut self, now: Time, (): (), directory: &mut Directory, sink: &mut Sink<Self>) {
        // A timer that comes too early is no step, and must not repeat what the last one brought.
        self.begin_step();
        if self.wake_at > now {
            return;
        }
        self.wake_at = Time::NEVER;
        let next = self.swim.next_wake();
        if next > now {
            self.wake_at = next;
            return sink.timers.push((next, ()));
        }
        self.feed(now, Input::Wake, directory, sink);
    }

    fn packet_bytes(packet: &Packet) -> usize {
        packet.encoded_len()
    }
}

/// The port at which members take packets.
const PORT: u16 = 7400;

/// The port that streams come from, which takes nothing.
const STREAM_PORT: u16 = 50_000;

/// Returns the address of a place.
pub fn address_of(place: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | place)), PORT)
}

/// Returns the place of an address; one that belongs to nobody if it is not of this world.
fn place_of(address: SocketAddr) -> u32 {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[0] == 10 && address.port() == PORT => ip.to_bits() & 0x00ff_ffff,
        IpAddr::V4(_) | IpAddr::V6(_) => u32::MAX,
    }
}

/// Returns the card of a node at a place.
pub fn card_of(node: NodeId, place: u32) -> Card {
    Card::new(node, format!("node-{}", node.get()), address_of(place))
}

/// Returns the place where a node is at home: the low 24 bits of its identity. It may have moved.
pub const fn home_of(node: NodeId) -> u32 {
    (node.get() & 0x00ff_ffff) as u32
}

/// Returns an event as the oracle hears it; whom it is about is known by where it is at home.
fn note_of(event: &Event) -> Option<Note> {
    let place = |node: &NodeId| home_of(*node);
    match event {
        Event::Joined(card, _) => Some(Note::Up(home_of(card.id))),
        Event::Suspected { member, .. } => Some(Note::Suspected(place(member))),
        Event::Recovered(member, _) => Some(Note::Recovered(place(member))),
        Event::Died(member, _) => Some(Note::Down(place(member))),
        Event::Left { member, .. } => Some(Note::Left(place(member))),
        Event::Refuted(_) => Some(Note::Refuted),
        Event::Yielded { .. } => Some(Note::Renewed),
        Event::Updated(..)
        | Event::NameConflict { .. }
        | Event::Isolated
        | Event::Reunited
        | Event::HealthChanged(_)
        | Event::Departed(_)
        | Event::ForeignPool(..)
        | Event::Implausible(..)
        | Event::Full(_)
        | Event::BroadcastDropped(..)
        | Event::BroadcastTooLarge { .. }
        | _ => None,
    }
}
