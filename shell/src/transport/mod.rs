//! How nodes reach each other.
//!
//! A [`Network`] takes letters and packets and never blocks: what finds no room is lost, as on any network, and the
//! protocols send again what matters. What arrives is put into a bounded channel of [`Arrival`]s, each with a sender that
//! the network vouches for.
//!
//! [`Links`] is the network of real sockets. Packets of pools, and heartbeats, go by datagram; what is large, and all that
//! decides, goes by stream. Each peer has one connection for consensus and one for bulk, so that a snapshot holds no
//! election up, and each member's address has one for what its pool sends by stream. Nothing of it is in plain text but on
//! loopback.

mod config;
mod counters;
mod datagrams;
mod frame;
mod handshake;
mod incoming;
mod links;
mod outgoing;
mod switchboard;

use std::net::SocketAddr;

use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::{Carrier, Packet};
use delian_core::{Applied, Blob, Message, NodeId, Rejected};
use serde::{Deserialize, Serialize};

pub use config::{Limits, LinksConfig, LinksError, Listen, Security};
pub use counters::{BLAMED_MAX, Dropped, Lane, NOTES_MAX, Note, Refused, Traffic, TransportCounters};
pub use links::{Bound, Links};
pub use switchboard::{Plug, Switchboard};

/// What one node's shell sends to another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Letter {
    /// Between the cores. On the wire it is [`Message::encode`]'s bytes.
    Core(Message),
    /// A node outside of the log asks a member to bring a command before the leader.
    Ask {
        /// What the answer repeats.
        number: u64,
        /// An encoded [`Command`](delian_core::topology::Command).
        command: Blob,
    },
    /// What became of that.
    Told {
        /// The number asked with.
        number: u64,
        /// The outcome.
        outcome: Result<Applied, Rejected>,
    },
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A letter of this node.
    Letter(NodeId, Letter),
    /// A packet of a pool, from this address.
    Packet(Tier, SocketAddr, Carrier, Packet),
}

/// What carries letters and packets away.
pub trait Network: Send + 'static {
    /// Sends a letter to a node that takes them at this address, or loses it.
    fn send(&mut self, to: NodeId, address: SocketAddr, letter: Letter);

    /// Sends a packet of a pool, or loses it.
    fn send_packet(&mut self, tier: Tier, parcel: Parcel);
}
