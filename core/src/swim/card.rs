//! What a member says of itself.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::config::PoolSettings;
use super::ids::ProbeNumber;
use super::mix::mix;
use crate::ids::{Blob, NodeId};

/// What a member says of itself: only it may change it, and with every change its incarnation rises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Card {
    /// Who it is.
    pub id: NodeId,
    /// What people call it; of two members of one name the one with the lower id is meant by it.
    pub name: Arc<str>,
    /// Where it takes packets.
    pub address: SocketAddr,
    /// How often the metadata changed in the member's present life.
    pub version: u32,
    /// Whatever the embedder wants others to know; see [`super::PoolConfig::metadata_bytes_max`].
    pub metadata: Blob,
}

/// Why a card is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardError {
    /// The name is empty.
    NoName,
    /// The name has more bytes than a name may have.
    NameTooLong {
        /// Its bytes.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// The metadata has more bytes than it may have.
    MetadataTooLong {
        /// Its bytes.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => write!(f, "the name is empty: a member needs one"),
            Self::NameTooLong { bytes, max } => write!(f, "the name has {bytes} bytes, but may have {max}"),
            Self::MetadataTooLong { bytes, max } => write!(f, "the metadata has {bytes} bytes, but may have {max}"),
        }
    }
}

impl core::error::Error for CardError {}

/// 32 bits of the hash of a card: two lives of a member may claim one incarnation with two cards, which these tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardSum(u32);

/// One byte of a card's sum and of a ping's number. Two cards agree in it for one ping of 256, and each ping asks anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardCheck(u8);

impl CardSum {
    /// Returns the sum of a card: of its bytes on the wire.
    pub fn of(card: &Card) -> Self {
        let bytes = postcard::to_allocvec(card).expect("a vector grows as needed and every card has a postcard form");
        Self(xxh3_64(&bytes) as u32)
    }

    /// Returns what a ping of this number says of the card.
    pub const fn check(self, number: ProbeNumber) -> CardCheck {
        CardCheck(mix(self.0 as u64 | (number.get() as u64) << 32) as u8)
    }
}

impl Card {
    /// Returns the card of a member without metadata.
    pub fn new(id: NodeId, name: impl Into<String>, address: SocketAddr) -> Self {
        Self { id, name: Arc::from(name.into()), address, version: 0, metadata: Blob::default() }
    }

    /// Checks a card against the limits of its pool.
    ///
    /// # Errors
    ///
    /// Returns the limit that it breaks.
    pub fn check(&self, settings: &PoolSettings) -> Result<(), CardError> {
        let (name, metadata) = (self.name.len(), self.metadata.len());
        if name == 0 {
            return Err(CardError::NoName);
        }
        if name > settings.name_bytes_max {
            return Err(CardError::NameTooLong { bytes: name, max: settings.name_bytes_max });
        }
        if metadata > settings.metadata_bytes_max {
            return Err(CardError::MetadataTooLong { bytes: metadata, max: settings.metadata_bytes_max });
        }
        Ok(())
    }
}
