//! The border between the world and a membership protocol.

use delian_core::Time;

/// One member of one protocol, as the world drives it.
pub trait Participant: Sized {
    /// What members send each other.
    type Packet: Clone;
    /// What a timer is for.
    type Timer;
    /// What all members of a world share; nothing a member could tell another by.
    type Shared;

    /// A packet arrived.
    fn receive(&mut self, now: Time, letter: Letter<Self::Packet>, shared: &mut Self::Shared, sink: &mut Sink<Self>);

    /// A timer is due that the member set in this life.
    fn fire(&mut self, now: Time, timer: Self::Timer, shared: &mut Self::Shared, sink: &mut Sink<Self>);

    /// Returns how many bytes a packet takes on the wire.
    fn packet_bytes(packet: &Self::Packet) -> usize;
}

/// How a packet travels.
pub use delian_core::swim::Carrier;

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct Letter<P> {
    /// The place that it comes from.
    pub from: u32,
    /// How it travels.
    pub carrier: Carrier,
    /// The packet itself.
    pub packet: P,
}

/// What a participant asks of its world.
#[derive(Debug)]
pub struct Sink<P: Participant> {
    /// To whom, how, what.
    pub sends: Vec<(u32, Carrier, P::Packet)>,
    /// When, what for.
    pub timers: Vec<(Time, P::Timer)>,
    /// What it noticed.
    pub notes: Vec<Note>,
}

impl<P: Participant> Default for Sink<P> {
    fn default() -> Self {
        Self { sends: Vec::new(), timers: Vec::new(), notes: Vec::new() }
    }
}

/// What a member noticed of another: the language that an oracle speaks of any protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// It is there.
    Up(u32),
    /// It does not answer.
    Suspected(u32),
    /// It answers after all.
    Recovered(u32),
    /// It is taken for dead.
    Down(u32),
    /// It left.
    Left(u32),
    /// The member had to say that it is alive, as it was suspected.
    Refuted,
    /// The member had to take a new identity.
    Renewed,
}
