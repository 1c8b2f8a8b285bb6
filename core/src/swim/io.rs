//! The border of a pool's machine: what goes in, what comes out.

use alloc::sync::Arc;
use alloc::vec::{Drain, Vec};
use core::net::SocketAddr;

use super::card::Card;
use super::ids::{Incarnation, PoolLabel};
use super::packet::{Broadcast, Packet, Urgency};
use crate::ids::{Blob, NodeId};

/// One thing that happened to a member of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Time has passed; early, late and spurious wakes do nothing. A driver hands in all packets that have arrived first,
    /// so that a member that was starved blames nobody for it.
    Wake,
    /// A packet arrived from this address. Its sender is authenticated. The far end of a stream takes no packets: what
    /// came by one is answered by a stream, to the address on its sender's card.
    Receive(SocketAddr, Carrier, Packet),
    /// Some of these addresses belong to members; the node asks them in turn until it has joined, and forever after
    /// whenever it is alone.
    Join(Vec<SocketAddr>),
    /// The node is to leave; [`Event::Departed`] says when others know.
    Leave,
    /// What the embedder wants others to know of this node.
    SetMetadata(Blob),
    /// The embedder has something to say to all.
    Broadcast(Urgency, Blob),
}

/// One thing that must follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send a packet to an address; it may get lost, doubled, delayed or overtaken.
    Send(SocketAddr, Carrier, Packet),
    /// Hand a member's broadcast to the embedder.
    Deliver(Arc<Broadcast>),
    /// Tell whoever watches; nothing depends on it.
    Emit(Event),
}

/// How a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// In a datagram.
    Datagram,
    /// In a frame of a stream, which the transport resends while it can.
    Stream,
}

/// What an operator would log of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A member is there: for the first time, or again after it was dead or had left.
    Joined(Arc<Card>, Incarnation),
    /// A member's card changed.
    Updated(Arc<Card>, Incarnation),
    /// A member did not answer.
    Suspected {
        /// The member.
        member: NodeId,
        /// In which incarnation.
        incarnation: Incarnation,
        /// Whom it did not answer.
        accuser: NodeId,
    },
    /// A suspected member refuted that.
    Recovered(NodeId, Incarnation),
    /// A member left of its own will; `late` if it had been taken for dead in the meantime.
    Left {
        /// The member.
        member: NodeId,
        /// In which incarnation.
        incarnation: Incarnation,
        /// Whether it had been reported dead.
        late: bool,
    },
    /// A member did not refute in time.
    Died(NodeId, Incarnation),
    /// The node refuted what others said of it.
    Refuted(Incarnation),
    /// Another process lives under this node's identity and came later: this one has left the pool.
    Yielded {
        /// Where the other one is.
        to: SocketAddr,
        /// In which incarnation.
        incarnation: Incarnation,
    },
    /// Two members have one name; from here on it means the first.
    NameConflict {
        /// Whom it means.
        holder: NodeId,
        /// Whom it does not mean.
        other: NodeId,
    },
    /// Nobody is heard any more: the node may be cut off, and blames others with care.
    Isolated,
    /// Someone is heard again.
    Reunited,
    /// How many times slower than a healthy one the node probes, less one.
    HealthChanged(u8),
    /// The node has left; so many others said that they know.
    Departed(usize),
    /// A packet of another pool arrived and was refused.
    ForeignPool(SocketAddr, PoolLabel),
    /// Hearsay claimed an incarnation that no member can have reached, and was not believed.
    Implausible(NodeId, Incarnation),
    /// There are as many members as there may be: this one was not taken in.
    Full(NodeId),
    /// There were more broadcasts than there may be: this one of this member is handed on no further.
    BroadcastDropped(NodeId, u64),
    /// What the embedder wanted others to know of this node has more bytes than it may have, and stays as it was.
    MetadataTooLarge {
        /// Its bytes.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// What the embedder wanted to say to all has more bytes than a broadcast may have, and goes nowhere.
    BroadcastTooLarge {
        /// Its bytes.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
}

/// The ordered list into which a member puts its effects; the caller owns and drains it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outbox {
    effects: Vec<Effect>,
}

impl Outbox {
    /// Returns an empty outbox.
    pub const fn new() -> Self {
        Self { effects: Vec::new() }
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> Drain<'_, Effect> {
        self.effects.drain(..)
    }

    /// Returns whether all effects were taken out.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.effects.push(Effect::Emit(event));
    }
}
