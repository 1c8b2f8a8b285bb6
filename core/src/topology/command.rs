//! What may be proposed, and what an accepted proposal did.
//!
//! Commands are the entries of the log. Their bytes outlive a release, so variants are only ever added at the end.

use alloc::boxed::Box;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::registration::Registration;
pub use crate::condition::{Cause, Condition, Drain};
use crate::ids::{Blob, Epoch, NodeId};

/// A change of the topology that someone proposes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Adds a node, or starts a new life of one that is registered.
    Register(Box<Registration>),
    /// Removes a node, in whichever life it is: the node or its operator says goodbye.
    Deregister(NodeId),
    /// Removes a node that was found dead; void if it has registered again since.
    Evict {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that was found dead.
        epoch: Epoch,
    },
    /// Records how a node fares; void if it has registered again since.
    SetCondition {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that was judged.
        epoch: Epoch,
        /// How it fares.
        condition: Condition,
        /// What speaks for that.
        cause: Cause,
    },
    /// A command of the embedder, which the topology orders and does not read.
    Custom(Blob),
    /// Asks a node to leave: it takes nothing new, hands over what it holds, and is removed when that is done or its time
    /// is up. Whoever changes their mind sets another condition.
    Drain {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that is to end.
        epoch: Epoch,
        /// After how long it is removed whatever it still holds; never, if nothing is said.
        within: Option<Duration>,
    },
    /// Records how much of what a leaving node held is elsewhere. The node is removed when that is all of it.
    DrainProgress {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that is to end.
        epoch: Epoch,
        /// How much, in per mille. Less than what was recorded before changes nothing.
        moved: u16,
    },
}

/// The number of [`Command::Custom`] among the variants, which begins its bytes.
const CUSTOM: u8 = 4;

impl Command {
    /// Returns a command of the embedder; its bytes are placed so that no later step copies them.
    pub fn custom(bytes: &[u8]) -> Self {
        let (front, used) = custom_front(bytes.len());
        Self::Custom(Blob::behind(&front[..used], bytes))
    }

    /// Returns the bytes of the command, as the log and the wire carry them.
    ///
    /// # Panics
    ///
    /// Never: every length is known and memory takes any number of bytes.
    pub fn encode(&self) -> Blob {
        if let Self::Custom(bytes) = self {
            return encode_custom(bytes.clone());
        }
        Blob::from(postcard::to_allocvec(self).expect("lengths are known and memory takes all bytes"))
    }

    /// Returns what [`Command::encode`] does, in the place of the command.
    pub(crate) fn into_encoded(self) -> Blob {
        if let Self::Custom(bytes) = self { encode_custom(bytes) } else { self.encode() }
    }

    /// Reads a command back from exactly its bytes.
    ///
    /// # Errors
    ///
    /// Returns [`Refusal::Malformed`] if the bytes are no command or go on after one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        match postcard::take_from_bytes(bytes) {
            Ok((command, [])) => Ok(command),
            Ok((_, _)) | Err(_) => Err(Refusal::Malformed { bytes: bytes.len() }),
        }
    }

    /// Reads a command as [`Command::decode`] does; one of the embedder shares the bytes that it is read from.
    pub(crate) fn decode_shared(bytes: &Blob) -> Result<Self, Refusal> {
        Self::custom_within(bytes).map_or_else(|| Self::decode(bytes), |custom| Ok(Self::Custom(custom)))
    }

    /// Returns the embedder's bytes, shared, if these are exactly a command of the embedder.
    pub(crate) fn custom_within(bytes: &Blob) -> Option<Blob> {
        let (&CUSTOM, counted) = bytes.split_first()? else { return None };
        let (custom, rest): (&[u8], _) = postcard::take_from_bytes(counted).ok()?;
        rest.is_empty().then(|| bytes.after(bytes.len() - custom.len()))
    }
}

fn encode_custom(bytes: Blob) -> Blob {
    let (front, used) = custom_front(bytes.len());
    bytes.with_front(&front[..used])
}

/// Returns what comes before the embedder's bytes in an encoded command: the variant and their count.
fn custom_front(bytes: usize) -> ([u8; 11], usize) {
    let mut front = [CUSTOM; 11];
    let mut left = bytes;
    let mut used = 1;
    while left >= 0x80 {
        front[used] = left as u8 | 0x80;
        left >>= 7;
        used += 1;
    }
    front[used] = left as u8;
    (front, used + 1)
}

/// What an accepted command did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// The epoch that the command began.
    pub epoch: Epoch,
    /// What differs from the epoch before.
    pub what: Changed,
}

/// What differs between one epoch and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Changed {
    /// A node is new.
    Registered(NodeId),
    /// A registered node began a new life.
    Updated(NodeId),
    /// A node left.
    Deregistered(NodeId),
    /// A node was found dead and removed.
    Evicted(NodeId),
    /// A node's condition was recorded.
    ConditionSet(NodeId, Condition),
    /// The embedder's command was ordered.
    Custom,
    /// So much of what a leaving node held is elsewhere, in per mille.
    Moved(NodeId, u16),
    /// A leaving node has handed over everything and was removed.
    Drained(NodeId),
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::fixtures::registration;
    use super::*;

    fn one_of_each() -> [Command; 7] {
        let (node, epoch) = (NodeId::new(300), Epoch::new(7));
        [
            Command::Register(Box::new(registration(1, "ada"))),
            Command::Deregister(node),
            Command::Evict { node, epoch },
            Command::SetCondition { node, epoch, condition: Condition::Silent, cause: Cause::Silence { level: 5 } },
            Command::Custom(Blob::from([9, 8].as_slice())),
            Command::Drain { node, epoch, within: Some(Duration::from_millis(1500)) },
            Command::DrainProgress { node, epoch, moved: 1000 },
        ]
    }

    #[test]
    fn a_command_is_read_back_from_its_bytes() {
        for command in one_of_each() {
            assert_eq!(Command::decode(&command.encode()), Ok(command));
        }
    }

    #[test]
    fn a_command_is_read_only_from_exactly_its_bytes() {
        for command in one_of_each() {
            let mut bytes = command.encode().to_vec();
            bytes.push(0);
            assert_eq!(Command::decode(&bytes), Err(Refusal::Malformed { bytes: bytes.len() }));
            for cut in 0..bytes.len() - 1 {
                assert_eq!(Command::decode(&bytes[..cut]), Err(Refusal::Malformed { bytes: cut }));
            }
        }
    }

    #[test]
    fn the_bytes_of_the_embedder_are_encoded_and_read_like_any_other_and_never_copied() {
        for count in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let bytes = alloc::vec![7; count];
            let placed = Command::custom(&bytes);
            let encoded = placed.encode();
            assert_eq!(encoded.as_slice(), postcard::to_allocvec(&placed).unwrap());
            assert_eq!(Command::Custom(Blob::from(bytes)).encode(), encoded);
            let (Command::Custom(given), Ok(Command::Custom(read))) = (placed, Command::decode_shared(&encoded)) else {
                panic!("another command was read back");
            };
            assert_eq!(Command::decode(&encoded), Ok(Command::Custom(given.clone())));
            assert_eq!(read.as_ptr(), given.as_ptr());
        }
    }

    #[test]
    fn a_shared_command_is_read_only_from_exactly_its_bytes() {
        for command in one_of_each() {
            let bytes = command.encode();
            assert_eq!(Command::decode_shared(&bytes), Ok(command));
            let longer = [bytes.as_slice(), &[0]].concat();
            let malformed = |bytes: usize| Err(Refusal::Malformed { bytes });
            assert_eq!(Command::decode_shared(&Blob::from(longer)), malformed(bytes.len() + 1));
            for cut in 0..bytes.len() {
                assert_eq!(Command::decode_shared(&Blob::from(&bytes[..cut])), malformed(cut));
            }
        }
    }

    /// If these bytes change, the logs on disk and the peers of the last release become unreadable: add a variant
    /// at the end instead.
    #[test]
    fn the_bytes_of_commands_never_move() {
        let bytes: Vec<_> = one_of_each()[1..].iter().map(Command::encode).collect();
        assert_eq!(bytes[0].as_slice(), [1, 0xac, 2]);
        assert_eq!(bytes[1].as_slice(), [2, 0xac, 2, 7]);
        assert_eq!(bytes[2].as_slice(), [3, 0xac, 2, 7, 2, 3, 5]);
        assert_eq!(bytes[3].as_slice(), [4, 2, 9, 8]);
        assert_eq!(bytes[4].as_slice(), [5, 0xac, 2, 7, 1, 1, 0x80, 0xca, 0xb5, 0xee, 1]);
        assert_eq!(bytes[5].as_slice(), [6, 0xac, 2, 7, 0xe8, 7]);
    }
}
