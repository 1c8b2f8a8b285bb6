//! The numbers that have a meaning, each a type of its own.
//!
//! Arithmetic exists only where it makes sense: the next term, the next index. It saturates, because a peer may choose
//! any number. Zero is never an identity: it is the term before the first election and the index before the first
//! entry (Raft, section 5.3), which is why a missing vote is an `Option` and not a reserved id.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The value before the first.
            pub const ZERO: Self = Self(0);

            /// Wraps a number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// Returns the plain number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Returns the number after this one, or the same one at the end of the range.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

number!(
    /// The identity of one node: drawn once, before its first start, and kept for as long as that node is meant by it. One
    /// that lost its disk may keep it, for its memory is told apart by an [`Incarnation`].
    NodeId, "n"
);
number!(
    /// A Raft term: the logical clock of elections (Raft, section 5.1).
    Term, "t"
);
number!(
    /// The place of an entry in the Raft log; the first entry has index 1.
    LogIndex, "i"
);
number!(
    /// The version of the committed topology: it rises by one with every change.
    Epoch, "e"
);
number!(
    /// A number that a node's driver gives to one command, unique within one process run.
    RequestId, "r"
);
number!(
    /// The number of one write of one process run: writes are numbered and performed in order.
    WriteId, "w"
);
number!(
    /// How many times this node has started; it tells apart the messages of two runs of the same node.
    Boot, "b"
);

number!(
    /// A client's session: the index of the log entry that opened it, so no two sessions of a federation share one.
    SessionId, "s"
);
number!(
    /// The number that a client gives to one command of its session; a retry repeats it.
    Sequence, "q"
);
number!(
    /// Which memory of a node this is: drawn when a node starts with an empty disk, kept on that disk, and so lost with
    /// it. A configuration names the incarnation it admitted, so a node that lost its memory counts for nothing.
    Incarnation, "x"
);
number!(
    /// One stretch of replication from a leader to one peer: the leader's next index when it began, so within a term none
    /// is used twice, and an answer from before a peer was removed and added again counts for nothing.
    ReplicationSession, "p"
);
number!(
    /// One round of heartbeats of one term: they rise, so an answer names what it confirms and no later one.
    Round, "h"
);
number!(
    /// What the members of a federation may say to each other: a form that an older release cannot read is used once all
    /// members speak the level that brings it, and the log says so.
    FeatureLevel, "l"
);

impl FeatureLevel {
    /// The level that every federation begins at: a snapshot travels as one message.
    pub const FIRST: Self = Self(1);
    /// A snapshot travels in chunks.
    pub const CHUNKS: Self = Self(2);
    /// The highest level that this release speaks.
    pub const HIGHEST: Self = Self::CHUNKS;
}

impl Incarnation {
    /// The incarnation of every node that a federation was founded with.
    pub const FOUNDING: Self = Self(0);
}

impl LogIndex {
    /// Returns the index before this one; the index before the first is zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Returns the index `count` places further.
    #[must_use]
    pub const fn advanced_by(self, count: usize) -> Self {
        Self(self.0.saturating_add(count as u64))
    }

    /// Returns how many places `self` lies after `earlier`, or zero if it does not.
    pub const fn distance_from(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The place and term of one log entry, ordered the way Raft compares logs: term first (section 5.4.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// The term in which a leader created the entry.
    pub term: Term,
    /// The place of the entry.
    pub index: LogIndex,
}

impl Position {
    /// The place before the first entry.
    pub const ZERO: Self = Self { term: Term::ZERO, index: LogIndex::ZERO };

    /// Pairs a term with an index.
    pub const fn new(term: Term, index: LogIndex) -> Self {
        Self { term, index }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.term, self.index)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An amount of storage, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// Wraps a number of bytes.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// Returns the plain number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest name of a node, in bytes: that of a host (RFC 1035, section 2.3.4).
pub const NAME_BYTES_MAX: usize = 255;

/// Immutable shared bytes: cloning them copies a pointer, so an entry fans out to every peer without a copy.
#[derive(Clone)]
pub struct Blob {
    whole: Arc<[u8]>,
    /// Where these bytes begin: what an entry carries is handed on without what announces it.
    start: usize,
}

impl Blob {
    /// Returns the shared bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.whole[self.start..]
    }

    /// Returns bytes that have others in front of them, which [`Blob::with_front`] finds again.
    pub(crate) fn behind(front: &[u8], bytes: &[u8]) -> Self {
        let mut whole: Arc<[u8]> = core::iter::repeat_n(0, front.len() + bytes.len()).collect();
        let unshared = Arc::get_mut(&mut whole).expect("nobody else has heard of it");
        unshared[..front.len()].copy_from_slice(front);
        unshared[front.len()..].copy_from_slice(bytes);
        Self { whole, start: front.len() }
    }

    /// Returns these bytes with `front` before them; shared, if that is what lies there.
    pub(crate) fn with_front(self, front: &[u8]) -> Self {
        let before = self.whole[..self.start].iter().rev();
        if front.len() <= self.start && before.zip(front.iter().rev()).all(|(one, other)| one == other) {
            return Self { start: self.start - front.len(), whole: self.whole };
        }
        Self { start: 0, ..Self::behind(front, &self) }
    }

    /// Returns all but the first `skipped` bytes, shared.
    pub(crate) fn after(&self, skipped: usize) -> Self {
        let start = self.start + skipped;
        assert!(start <= self.whole.len(), "no {skipped} bytes to skip among {}", self.len());
        Self { whole: Arc::clone(&self.whole), start }
    }
}

impl Default for Blob {
    fn default() -> Self {
        Self::from([].as_slice())
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self { whole: bytes.into(), start: 0 }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Blob {}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Blob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

/// Borrows the bytes from the input before it copies them, so a length that the input cannot back allocates nothing.
impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob::from(bytes))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Blob, A::Error> {
                let mut bytes = alloc::vec::Vec::new();
                while let Some(byte) = items.next_element::<u8>()? {
                    bytes.push(byte);
                }
                Ok(Blob::from(bytes))
            }
        }

        deserializer.deserialize_bytes(Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_compare_by_term_before_index() {
        let long_and_old = Position::new(Term::new(1), LogIndex::new(9));
        let short_and_new = Position::new(Term::new(2), LogIndex::new(3));
        assert!(short_and_new > long_and_old);
    }

    #[test]
    fn numbers_saturate_where_a_peer_may_choose_them() {
        assert_eq!(Term::new(u64::MAX).next(), Term::new(u64::MAX));
        assert_eq!(LogIndex::ZERO.previous(), LogIndex::ZERO);
        assert_eq!(LogIndex::new(3).distance_from(LogIndex::new(7)), 0);
    }
}
