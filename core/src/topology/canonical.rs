//! The bytes of a topology: equal topologies have equal bytes, and bytes that differ are different topologies.
//!
//! A version byte, then the data in postcard's format, everything in order. What can be derived is left out. Decoding
//! checks every invariant and accepts the canonical bytes only, so the fingerprint of a file is that of its topology.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::consistency::Inconsistency;
use super::delta::Delta;
use super::{Member, Removal, Topology};
use crate::codec::grow_vec;
use crate::config::TopologySettings;
use crate::ids::Epoch;

/// The first byte of a topology: the version of the format that follows.
const VERSION: u8 = 2;

/// Why bytes are no topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// Another release wrote them.
    Version(u8),
    /// They are damaged, cut short, too long, or not the canonical form of what they say.
    Malformed {
        /// How many bytes there were.
        bytes: usize,
    },
    /// They are well formed, but no sequence of commands leads there within the limits.
    Inconsistent(Inconsistency),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "topology has format {version}, but this release reads format {VERSION}")
            }
            Self::Malformed { bytes } => write!(f, "these {bytes} bytes are not the canonical form of a topology"),
            Self::Inconsistent(why) => write!(f, "topology is inconsistent: {why}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// What is written, borrowed from the topology; the fields are those of [`Read`] in the same order.
#[derive(Serialize)]
struct Written<'a> {
    epoch: Epoch,
    forgotten: Epoch,
    removals: Vec<&'a Removal>,
    members: Vec<&'a Member>,
}

/// What is read.
#[derive(Deserialize)]
struct Read {
    epoch: Epoch,
    forgotten: Epoch,
    #[serde(deserialize_with = "grow_vec")]
    removals: Vec<Removal>,
    #[serde(deserialize_with = "grow_vec")]
    members: Vec<Member>,
}

impl Topology {
    /// Returns the canonical bytes of the topology: the same on every replica of one epoch.
    ///
    /// # Panics
    ///
    /// Never: every length is known and memory takes any number of bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written {
            epoch: self.epoch,
            forgotten: self.forgotten,
            removals: self.removals.iter().collect(),
            members: self.members.values().collect(),
        };
        postcard::to_extend(&written, vec![VERSION]).expect("lengths are known and memory takes all bytes")
    }

    /// Reads a topology back from exactly its canonical bytes, and checks everything that holds of a topology.
    ///
    /// Never panics and never allocates beyond a small multiple of the input, whatever the bytes are.
    ///
    /// # Errors
    ///
    /// Returns why the bytes are no topology of these limits.
    pub fn from_bytes(bytes: &[u8], settings: &TopologySettings) -> Result<Self, DecodeError> {
        let malformed = DecodeError::Malformed { bytes: bytes.len() };
        let read: Read = match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| malformed.clone())?,
            Some((version, _)) => return Err(DecodeError::Version(*version)),
            None => return Err(malformed),
        };
        let topology = Self::rebuild(read, settings).map_err(DecodeError::Inconsistent)?;
        // One comparison finds bytes behind the end, numbers with needless zeros and tags out of order.
        if topology.to_bytes() == bytes { Ok(topology) } else { Err(malformed) }
    }

    /// Returns a number that tells topologies apart: the XXH3 hash of the canonical bytes. It is no protection against
    /// someone who wants two topologies to look alike.
    pub fn fingerprint(&self) -> u64 {
        xxh3_64(&self.to_bytes())
    }

    fn rebuild(read: Read, settings: &TopologySettings) -> Result<Self, Inconsistency> {
        let Read { epoch, forgotten, removals, members } = read;
        let first_kept = removals.first().map_or(epoch.next(), |removal| removal.epoch);
        let taken = |member: &Member| [member.registered, member.since, member.changed].contains(&forgotten);
        if forgotten >= first_kept || members.iter().any(taken) {
            return Err(Inconsistency::Forgotten(forgotten));
        }
        let mut topology = Self::new(settings);
        let delta = Delta { from: Epoch::ZERO, to: epoch, changed: members, removed: removals };
        topology.check_delta(&delta)?;
        topology.absorb(delta);
        topology.forgotten = forgotten;
        topology.registered_at = topology.registered_at.max(forgotten);
        Ok(topology)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::super::fixtures::{register, settings, topology_of};
    use super::super::{Cause, Command, Condition};
    use super::*;
    use crate::ids::NodeId;

    fn sample() -> Topology {
        let (node, epoch) = (NodeId::new(2), Epoch::new(2));
        topology_of(&[
            register(1, "ada"),
            register(2, "bob"),
            Command::SetCondition {
                node,
                epoch,
                condition: Condition::Degraded,
                cause: Cause::LowScore { permille: 400 },
            },
            Command::Deregister(NodeId::new(1)),
        ])
    }

    /// If these bytes or the fingerprint change, snapshots on disk and the peers of the last release become
    /// unreadable, and fingerprints in gossip differ between releases: raise `VERSION` and keep reading the old format.
    #[test]
    fn the_bytes_of_a_topology_never_move() {
        let hex = sample().to_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(
            hex,
            "020400010104010203626f620831302e302e302e31d836027231047a72683102657588a8972d88d89208e807900301046469736b046e766d6580d095ffbc310203010302900300"
        );
        assert_eq!(format!("{:016x}", sample().fingerprint()), "fe13064251544c47");
    }

    #[test]
    fn a_topology_is_read_only_from_exactly_its_bytes() {
        let bytes = sample().to_bytes();
        assert_eq!(Topology::from_bytes(&bytes, &settings()), Ok(sample()));
        for cut in 0..bytes.len() {
            assert_eq!(Topology::from_bytes(&bytes[..cut], &settings()), Err(DecodeError::Malformed { bytes: cut }));
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Topology::from_bytes(&longer, &settings()), Err(DecodeError::Malformed { bytes: longer.len() }));
    }

    #[test]
    fn a_needless_zero_in_a_number_is_not_canonical() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes[1], 4, "the epoch follows the version");
        let longer = [&[VERSION, 0x84, 0], &bytes[2..]].concat();
        assert_eq!(Topology::from_bytes(&longer, &settings()), Err(DecodeError::Malformed { bytes: longer.len() }));
    }

    #[test]
    fn another_version_is_named() {
        assert_eq!(Topology::from_bytes(&[9, 0], &settings()), Err(DecodeError::Version(9)));
    }

    #[test]
    fn an_announced_length_without_input_is_an_error() {
        let bytes = [VERSION, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(Topology::from_bytes(&bytes, &settings()), Err(DecodeError::Malformed { bytes: bytes.len() }));
    }

    #[test]
    fn a_topology_beyond_the_limits_is_refused() {
        let mut tight = settings();
        tight.removals_kept = 0;
        let many = Inconsistency::TooManyRemovals { removals: 1, max: 0 };
        assert_eq!(Topology::from_bytes(&sample().to_bytes(), &tight), Err(DecodeError::Inconsistent(many)));
    }

    #[test]
    fn forgotten_removals_precede_the_kept_ones_and_share_no_epoch() {
        for (forgotten, accepted) in [(0, true), (1, true), (2, false), (3, false), (4, false), (5, false)] {
            let mut forged = sample();
            forged.forgotten = Epoch::new(forgotten);
            let complaint = DecodeError::Inconsistent(Inconsistency::Forgotten(forged.forgotten));
            let expected = if accepted { Ok(forged.clone()) } else { Err(complaint) };
            assert_eq!(Topology::from_bytes(&forged.to_bytes(), &settings()), expected);
        }
    }
}
