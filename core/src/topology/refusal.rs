//! Why a command is not accepted: an answer to whoever proposed it, so it travels and names the mend.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::registration::Coordinates;
use crate::condition::Drain;
use crate::ids::{Bytes, Epoch, NodeId};

/// Why a command changes nothing: the value at fault and the mend.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The node's identity is zero.
    NoIdentity,
    /// A text that must be filled is empty or only spaces.
    Blank(Field),
    /// A text is too long.
    TooLong {
        /// Which text.
        field: Field,
        /// Its first characters.
        starts: String,
        /// Its length.
        bytes: usize,
        /// The greatest length.
        max: usize,
    },
    /// A text cannot be printed on one line.
    ControlCharacter {
        /// Which text.
        field: Field,
        /// The text.
        text: String,
    },
    /// The port is zero.
    NoPort,
    /// Latitude or longitude is out of range.
    OffTheGlobe(Coordinates),
    /// More storage is free than there is.
    FreeAboveTotal {
        /// The free storage.
        free: Bytes,
        /// All storage.
        total: Bytes,
    },
    /// There are too many tags.
    TooManyTags {
        /// How many.
        tags: usize,
        /// The greatest number.
        max: usize,
    },
    /// Another node holds the name.
    DuplicateName {
        /// The name.
        name: String,
        /// The node that holds it.
        holder: NodeId,
    },
    /// As many nodes are registered as may be.
    Full {
        /// The greatest number.
        max: usize,
    },
    /// The node is not registered.
    Unknown(NodeId),
    /// The command is about another life of the node than the one that is registered.
    Superseded {
        /// The node.
        node: NodeId,
        /// The registration epoch that the command names.
        named: Epoch,
        /// The epoch of the registration that holds.
        current: Epoch,
    },
    /// The embedder's command is too large.
    CustomTooLarge {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        max: usize,
    },
    /// The bytes are no command.
    Malformed {
        /// How many bytes there were.
        bytes: usize,
    },
    /// The epoch is at the end of its range. No history of real changes gets there; forged bytes can.
    Exhausted,
    /// The node is leaving, and nothing that was found of it undoes that.
    Leaving(NodeId),
    /// The node is not leaving, so nothing of it is to be handed over.
    NotLeaving(NodeId),
    /// More is said to be elsewhere than there was.
    MovedMoreThanAll {
        /// How much, in per mille.
        moved: u16,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => write!(f, "node {} belongs to nobody: draw another identity", NodeId::ZERO),
            Self::Blank(field) => write!(f, "{field} is blank: give it a value"),
            Self::TooLong { field, starts, bytes, max } => {
                write!(f, "{field} {starts:?} has {bytes} bytes, but at most {max} fit: shorten it")
            }
            Self::ControlCharacter { field, text } => {
                write!(f, "{field} {text:?} contains a control character: use printable text")
            }
            Self::NoPort => f.write_str("port 0 reaches nobody: use 1 to 65535"),
            Self::OffTheGlobe(coordinates) => {
                write!(f, "coordinates {coordinates} lie off the globe: ")?;
                f.write_str("latitude runs from -90 to 90 degrees, longitude from -180 to 180")
            }
            Self::FreeAboveTotal { free, total } => {
                write!(f, "free storage of {free} exceeds the total of {total}: lower it")
            }
            Self::TooManyTags { tags, max } => write!(f, "{tags} tags are above the maximum of {max}: drop some"),
            Self::DuplicateName { name, holder } => {
                write!(f, "name {name:?} is held by {holder}: choose another or deregister {holder}")
            }
            Self::Full { max } => {
                write!(f, "all {max} registrations are taken: deregister a node or raise registrations_max")
            }
            Self::Unknown(node) => write!(f, "{node} is not registered: register it first"),
            Self::Superseded { node, named, current } => {
                write!(f, "{node} is registered since {current}, not {named}: read the topology again")
            }
            Self::CustomTooLarge { bytes, max } => {
                write!(f, "custom command has {bytes} bytes, but at most {max} fit: shorten it")
            }
            Self::Malformed { bytes } => write!(f, "these {bytes} bytes are no command: encode it again"),
            Self::Exhausted => write!(f, "epoch {} has no successor: start a new federation", Epoch::new(u64::MAX)),
            Self::Leaving(node) => write!(f, "{node} is leaving: ask for another condition to keep it"),
            Self::NotLeaving(node) => write!(f, "{node} is not leaving: drain it first"),
            Self::MovedMoreThanAll { moved } => {
                write!(f, "{moved} per mille are more than all: say at most {}", Drain::WHOLE)
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// A text of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The name of the node.
    Name,
    /// The host name or IP address.
    Address,
    /// The rack.
    Rack,
    /// The datacenter.
    Datacenter,
    /// The region.
    Region,
    /// The key of a tag.
    TagKey,
    /// The value of a tag.
    TagValue,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Rack => "rack",
            Self::Datacenter => "datacenter",
            Self::Region => "region",
            Self::TagKey => "tag key",
            Self::TagValue => "tag value",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_refusal_names_the_value_and_the_mend() {
        let superseded = Refusal::Superseded { node: NodeId::new(3), named: Epoch::new(5), current: Epoch::new(7) };
        assert_eq!(superseded.to_string(), "n3 is registered since e7, not e5: read the topology again");
        let taken = Refusal::DuplicateName { name: "ada".to_string(), holder: NodeId::new(4) };
        assert_eq!(taken.to_string(), "name \"ada\" is held by n4: choose another or deregister n4");
    }

    #[test]
    fn a_refusal_survives_the_wire() {
        let sent = Refusal::TooLong { field: Field::TagKey, starts: "abc".to_string(), bytes: 300, max: 255 };
        let bytes = postcard::to_allocvec(&sent).unwrap();
        assert_eq!(postcard::from_bytes(&bytes), Ok(sent));
    }
}
