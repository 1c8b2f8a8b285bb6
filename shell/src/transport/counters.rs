//! What the transport did, in numbers that a metrics page reads while it runs.
//!
//! Numbers only rise. Each is exact by itself; read together they may be a moment apart. Beside them are the last few
//! refusals in words, for a person who asks why two nodes do not find together.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use delian_core::NodeId;

/// How many refusals are remembered in words.
pub const NOTES_MAX: usize = 32;

/// Of how many nodes it is counted apart what they sent that was malformed.
pub const BLAMED_MAX: usize = 256;

/// What carries frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Datagrams.
    Datagram,
    /// The stream of consensus, and of all that is small.
    Consensus,
    /// The stream of what is large and can wait: snapshots and topologies.
    Bulk,
    /// Streams of pools.
    Pool,
}

impl Lane {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Datagram, Self::Consensus, Self::Bulk, Self::Pool];

    /// Returns its name on a metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Datagram => "datagram",
            Self::Consensus => "consensus",
            Self::Bulk => "bulk",
            Self::Pool => "pool",
        }
    }
}

/// Why something was not sent, or not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// Too much waited to be sent there already.
    QueueFull,
    /// Nobody could be reached there.
    Unreachable,
    /// The connection broke while it was being sent.
    ConnectionLost,
    /// It is more than a frame holds.
    TooLarge,
    /// It would have left this machine in plain text.
    NotLoopback,
    /// This node takes no packets of that pool.
    NoSuchTier,
    /// A datagram arrived, and the driver had too much to do.
    ArrivalsFull,
}

impl Dropped {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::Unreachable,
        Self::ConnectionLost,
        Self::TooLarge,
        Self::NotLoopback,
        Self::NoSuchTier,
        Self::ArrivalsFull,
    ];

    /// Returns its name on a metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Unreachable => "unreachable",
            Self::ConnectionLost => "connection_lost",
            Self::TooLarge => "too_large",
            Self::NotLoopback => "not_loopback",
            Self::NoSuchTier => "no_such_tier",
            Self::ArrivalsFull => "arrivals_full",
        }
    }
}

/// Why something that arrived, or somebody, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// The bytes are none that a node writes.
    Malformed,
    /// It is of a kind that a newer release brings; it was skipped.
    UnknownKind,
    /// It is of another version of the transport.
    Version,
    /// It is of another cluster.
    Cluster,
    /// It was sealed with a key that is not in the ring.
    UnknownKey,
    /// Its seal does not fit: it was altered, or is of another cluster.
    Forged,
    /// It was here before.
    Replayed,
    /// It is older than what is remembered.
    Stale,
    /// It says it is from somebody else than who sent it, or somebody else was meant.
    Identity,
    /// A certificate is missing, not valid, or not the authority's.
    Certificate,
    /// No greeting came in time.
    Handshake,
    /// There are too many connections.
    Busy,
    /// The other side refused this node.
    Told,
}

impl Refused {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::UnknownKind,
        Self::Version,
        Self::Cluster,
        Self::UnknownKey,
        Self::Forged,
        Self::Replayed,
        Self::Stale,
        Self::Identity,
        Self::Certificate,
        Self::Handshake,
        Self::Busy,
        Self::Told,
    ];

    /// Returns its name on a metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKind => "unknown_kind",
            Self::Version => "version",
            Self::Cluster => "cluster",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::Stale => "stale",
            Self::Identity => "identity",
            Self::Certificate => "certificate",
            Self::Handshake => "handshake",
            Self::Busy => "busy",
            Self::Told => "told",
        }
    }
}

/// A refusal in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its kind.
    pub refused: Refused,
    /// Who was at the other end, as far as it is known.
    pub peer: String,
    /// What was found and what was expected.
    pub why: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.peer, self.why)
    }
}

/// Frames and bytes one way.
#[derive(Debug, Default)]
struct Flow {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    fn count(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self) -> Traffic {
        Traffic { frames: self.frames.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// Frames, and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many frames.
    pub frames: u64,
    /// How many bytes, without what surrounds a frame.
    pub bytes: u64,
}

/// The numbers of one node's transport.
#[derive(Debug, Default)]
pub struct TransportCounters {
    received: [Flow; Lane::ALL.len()],
    sent: [Flow; Lane::ALL.len()],
    dropped: [AtomicU64; Dropped::ALL.len()],
    refused: [AtomicU64; Refused::ALL.len()],
    dialled: AtomicU64,
    reconnected: AtomicU64,
    outgoing: AtomicU64,
    incoming: AtomicU64,
    notes: Mutex<VecDeque<Note>>,
    blamed: Mutex<BTreeMap<NodeId, u64>>,
}

impl TransportCounters {
    /// Returns what arrived and was handed on.
    pub fn received(&self, lane: Lane) -> Traffic {
        self.received[lane as usize].read()
    }

    /// Returns what was handed to the operating system.
    pub fn sent(&self, lane: Lane) -> Traffic {
        self.sent[lane as usize].read()
    }

    /// Returns how many frames were lost here for this reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].load(Ordering::Relaxed)
    }

    /// Returns how many frames or connections were refused for this reason.
    pub fn refused(&self, why: Refused) -> u64 {
        self.refused[why as usize].load(Ordering::Relaxed)
    }

    /// Returns how many connections this node made.
    pub fn dialled(&self) -> u64 {
        self.dialled.load(Ordering::Relaxed)
    }

    /// Returns how many of those took the place of one that broke.
    pub fn reconnected(&self) -> u64 {
        self.reconnected.load(Ordering::Relaxed)
    }

    /// Returns how many connections this node made that are open.
    pub fn outgoing(&self) -> u64 {
        self.outgoing.load(Ordering::Relaxed)
    }

    /// Returns how many connections of others are open.
    pub fn incoming(&self) -> u64 {
        self.incoming.load(Ordering::Relaxed)
    }

    /// Returns the last refusals in words, oldest first.
    pub fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns how much each node sent that was malformed, as far as they are counted apart.
    pub fn blamed(&self) -> BTreeMap<NodeId, u64> {
        self.blamed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn receive(&self, lane: Lane, bytes: usize) {
        self.received[lane as usize].count(bytes);
    }

    pub(super) fn send(&self, lane: Lane, bytes: usize) {
        self.sent[lane as usize].count(bytes);
    }

    pub(super) fn lose(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, why: Refused) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal and remembers it in words, but for one that says the same as the last.
    pub(super) fn note(&self, refused: Refused, peer: impl Into<String>, why: impl Into<String>) {
        self.refuse(refused);
        let note = Note { refused, peer: peer.into(), why: why.into() };
        tracing::warn!(reason = refused.name(), peer = note.peer, "refused: {}", note.why);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.back() == Some(&note) {
            return;
        }
        if notes.len() == NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    /// Counts something malformed that this node sent.
    pub(super) fn blame(&self, node: NodeId) {
        let mut blamed = self.blamed.lock().unwrap_or_else(PoisonError::into_inner);
        if blamed.len() < BLAMED_MAX || blamed.contains_key(&node) {
            *blamed.entry(node).or_default() += 1;
        }
    }

    pub(super) fn dial(&self, again: bool) {
        self.dialled.fetch_add(1, Ordering::Relaxed);
        self.reconnected.fetch_add(u64::from(again), Ordering::Relaxed);
    }

    /// Counts a connection as open as long as the guard lives.
    pub(super) fn open_outgoing(&self) -> Open<'_> {
        Open::count(&self.outgoing)
    }

    pub(super) fn open_incoming(&self) -> Open<'_> {
        Open::count(&self.incoming)
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn count(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_lane_has_a_place_and_a_name_of_its_own() {
        for (index, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane as usize, index);
        }
        for (index, why) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, index);
        }
        for (index, why) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, index);
        }
        let names: std::collections::BTreeSet<_> = Refused::ALL.iter().map(|why| why.name()).collect();
        assert_eq!(names.len(), Refused::ALL.len());
    }

    #[test]
    fn notes_and_blame_are_bounded_and_one_note_is_not_repeated() {
        let counters = TransportCounters::default();
        for number in 0..1_000_u64 {
            counters.blame(NodeId::new(number));
            counters.note(Refused::Cluster, format!("n{number}"), "why");
            counters.note(Refused::Cluster, format!("n{number}"), "why");
        }
        assert_eq!(counters.refused(Refused::Cluster), 2_000);
        assert_eq!((counters.notes().len(), counters.blamed().len()), (NOTES_MAX, BLAMED_MAX));
        assert_eq!(counters.notes()[NOTES_MAX - 1].to_string(), "n999: why");
        assert_eq!(counters.notes()[NOTES_MAX - 2].peer, "n998");
    }
}
