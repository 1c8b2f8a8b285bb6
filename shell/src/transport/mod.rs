//! How nodes reach each other.
//!
//! A [`Network`] takes letters and packets and never blocks: what finds no room is lost, as on any network, and the
//! protocols send again what matters. What arrives is put into a bounded channel of [`Arrival`]s, each with a sender that
//! the network vouches for.

mod switchboard;

use std::net::SocketAddr;

use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::{Carrier, Packet};
use delian_core::{Applied, Blob, Message, NodeId, Rejected};
use serde::{Deserialize, Serialize};

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
