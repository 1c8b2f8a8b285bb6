//! What members of a pool say to each other, and its bytes.
//!
//! A packet names its pool, its sender and the sender's incarnation, says one thing and carries news. It is one version
//! byte and the rest in postcard's form; identities and labels have a fixed width, so that a ping and its answer take
//! about 50 bytes. Decoding never panics and reserves nothing that the input does not back. Who sent a packet is
//! authenticated at the edge.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::card::{Card, CardCheck};
use super::coordinate::Coordinate;
use super::ids::{Incarnation, NodeTag, PoolLabel, ProbeNumber};
use crate::codec::grow_vec;
use crate::ids::{Blob, NodeId};
use crate::wire::DecodeError;

/// The version byte that starts every packet.
pub const PACKET_VERSION: u8 = 1;

/// What a packet takes beside the longest name and the longest metadata or broadcast in it.
pub const PACKET_BYTES_MIN: usize = 128;

/// The most bytes in a packet that comes through a stream: a view of 131,072 members with small cards.
pub const STREAM_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One thing said by one member to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Packet {
    /// The pool.
    pub label: PoolLabel,
    /// The sender.
    #[serde(with = "fixed_width")]
    pub from: NodeId,
    /// The sender's incarnation when it said this.
    pub incarnation: Incarnation,
    /// What it says.
    pub body: Body,
    /// What it has heard.
    #[serde(deserialize_with = "grow_vec")]
    pub news: Vec<News>,
}

/// What a packet says, apart from its news.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Body {
    /// Are you there?
    Ping(Ping),
    /// Are you there, and where?
    Locate(Ping),
    /// I am.
    Ack(ProbeNumber),
    /// I am, and here.
    Located(ProbeNumber, Coordinate),
    /// Ask that one for me.
    PingRequest(PingRequest),
    /// It answered me.
    Relayed(ProbeNumber),
    /// It has not answered me so far, but I am there.
    Nack(ProbeNumber),
    /// Nothing but news.
    Gossip,
    /// I do not know you, or not as what you say you are: who are you?
    Introduce,
    /// I leave: tell me that you heard it.
    Leave,
    /// I heard that you leave.
    Farewell,
    /// My view, in digest: say what you know better. The news is the sender's own card.
    SyncOffer(Sums),
    /// My view, in digest; the news is all that I hold where ours differ.
    SyncAnswer(Sums),
    /// The news is all that I hold where ours differ.
    SyncPush,
}

/// A question that a live member answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ping {
    /// What the answer repeats.
    pub number: ProbeNumber,
    /// Who is meant.
    pub to: NodeTag,
    /// The total of the sender's digest, little-endian.
    pub digest: [u8; 4],
    /// What tells the sender's card from another one, for digests do not cover cards.
    pub card: CardCheck,
}

/// A request to probe another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PingRequest {
    /// What the answer repeats.
    pub number: ProbeNumber,
    /// Who is meant.
    pub to: NodeTag,
    /// Where it is.
    pub address: SocketAddr,
}

/// The sums of a digest, bucket by bucket, little-endian.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sums(Blob);

impl Sums {
    /// Puts the sums in their form on the wire.
    pub fn of(sums: &[u32]) -> Self {
        Self(Blob::from(sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<u8>>()))
    }

    /// Returns the sums in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.0.chunks_exact(4).map(|sum| u32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]))
    }
}

/// Something heard of a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum News {
    /// It says that it is alive.
    Alive {
        /// In which incarnation.
        incarnation: Incarnation,
        /// What it says of itself.
        card: Arc<Card>,
    },
    /// It did not answer.
    Suspect {
        /// The member.
        #[serde(with = "fixed_width")]
        member: NodeId,
        /// In which incarnation.
        incarnation: Incarnation,
        /// Whom it did not answer.
        #[serde(with = "fixed_width")]
        accuser: NodeId,
    },
    /// It did not refute in time.
    Dead {
        /// The member.
        #[serde(with = "fixed_width")]
        member: NodeId,
        /// In which incarnation.
        incarnation: Incarnation,
    },
    /// It said that it leaves.
    Left {
        /// The member.
        #[serde(with = "fixed_width")]
        member: NodeId,
        /// In which incarnation.
        incarnation: Incarnation,
    },
    /// A member's embedder has something to say to all.
    Broadcast(Arc<Broadcast>),
}

/// Something that a member's embedder says to all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Broadcast {
    /// The member.
    #[serde(with = "fixed_width")]
    pub origin: NodeId,
    /// Which one of that member's it is: they rise, also from one life to the next.
    pub number: u64,
    /// How soon it goes out, beside others.
    pub urgency: Urgency,
    /// What it says.
    pub payload: Blob,
}

/// How soon a broadcast goes out; all of them come after news of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Urgency {
    /// First.
    High,
    /// Then.
    Normal,
    /// When there is room.
    Low,
}

impl News {
    /// Returns the member that it is about; for a broadcast the one it comes from.
    pub fn member(&self) -> NodeId {
        match self {
            Self::Alive { card, .. } => card.id,
            Self::Suspect { member, .. } | Self::Dead { member, .. } | Self::Left { member, .. } => *member,
            Self::Broadcast(broadcast) => broadcast.origin,
        }
    }

    /// Returns how many bytes it takes in a packet.
    pub fn encoded_len(&self) -> usize {
        let rest = match self {
            Self::Alive { incarnation, card } => varint(u64::from(incarnation.get())) + card_len(card),
            Self::Suspect { incarnation, .. } => 16 + varint(u64::from(incarnation.get())),
            Self::Dead { incarnation, .. } | Self::Left { incarnation, .. } => 8 + varint(u64::from(incarnation.get())),
            Self::Broadcast(broadcast) => 8 + varint(broadcast.number) + 1 + bytes_len(broadcast.payload.len()),
        };
        1 + rest
    }
}

impl Packet {
    /// Returns the bytes of the packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut start = Vec::with_capacity(self.encoded_len());
        start.push(PACKET_VERSION);
        postcard::to_extend(self, start).expect("a vector grows as needed and every packet has a postcard form")
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// Returns why the bytes are no packet; see [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > STREAM_BYTES_MAX {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let (version, rest) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if *version != PACKET_VERSION {
            return Err(DecodeError::Version(*version));
        }
        match postcard::take_from_bytes(rest) {
            Ok((packet, _)) => Ok(packet),
            Err(postcard::Error::SerdeDeCustom) => Err(DecodeError::UnknownKind),
            Err(_) => Err(DecodeError::Malformed),
        }
    }

    /// Returns how many bytes [`Packet::encode`] makes, without making them.
    pub fn encoded_len(&self) -> usize {
        self.body.encoded_len(self.incarnation)
            + varint(self.news.len() as u64)
            + self.news.iter().map(News::encoded_len).sum::<usize>()
    }
}

impl Body {
    /// Returns how many bytes a packet that says this takes before its news and their count.
    pub(super) fn encoded_len(&self, incarnation: Incarnation) -> usize {
        let number = |number: &ProbeNumber| varint(u64::from(number.get()));
        let rest = match self {
            Self::Ping(ping) | Self::Locate(ping) => number(&ping.number) + 4 + 4 + 1,
            Self::Ack(answered) | Self::Relayed(answered) | Self::Nack(answered) => number(answered),
            Self::Located(answered, coordinate) => number(answered) + coordinate.encoded_len(),
            Self::PingRequest(request) => number(&request.number) + 4 + address_len(&request.address),
            Self::SyncOffer(sums) | Self::SyncAnswer(sums) => bytes_len(sums.0.len()),
            Self::Gossip | Self::Introduce | Self::Leave | Self::Farewell | Self::SyncPush => 0,
        };
        // Version, label, sender, incarnation, kind.
        1 + 4 + 8 + varint(u64::from(incarnation.get())) + 1 + rest
    }
}

/// Returns how many bytes a number takes: seven bits of it in each.
pub(super) const fn varint(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

const fn bytes_len(count: usize) -> usize {
    varint(count as u64) + count
}

fn card_len(card: &Card) -> usize {
    varint(card.id.get())
        + bytes_len(card.name.len())
        + address_len(&card.address)
        + varint(u64::from(card.version))
        + bytes_len(card.metadata.len())
}

fn address_len(address: &SocketAddr) -> usize {
    let ip = match address.ip() {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    };
    1 + ip + varint(u64::from(address.port()))
}

/// Identities are drawn from all 64 bits, so a width that varies would take ten bytes and not eight.
mod fixed_width {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ids::NodeId;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    pub(super) fn serialize<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
        node.get().to_le_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        <[u8; 8]>::deserialize(deserializer).map(|bytes| NodeId::new(u64::from_le_bytes(bytes)))
    }
}
