//! Snapshots in chunks: what a part belongs to, which parts there are, and how they become whole.
//!
//! A part is known by the snapshot it was cut from (its last position, its bytes and their checksum), never by its offset
//! alone: parts of two snapshots are never mixed. Parts may come in any order, doubled, overlapping, and from one leader
//! after another. Nothing is reserved for parts that did not come, and nothing is believed before the whole has its
//! checksum.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::record::Snapshot;
use crate::codec;
use crate::ids::{Blob, Position, Term};

/// The most ranges in an answer: as many losses as a few windows hold, in a message that stays small.
pub const RANGES_MAX: usize = 32;

/// Which snapshot a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SnapshotIdentity {
    /// The last entry that the snapshot includes.
    pub last: Position,
    /// How many bytes the snapshot has: position, configuration, level and state, encoded.
    pub bytes: u64,
    /// The xxh3 checksum of these bytes.
    pub checksum: u64,
}

/// A snapshot ready to be cut: its state is shared with the log, not copied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parcel {
    identity: SnapshotIdentity,
    /// What the encoded snapshot begins with, before the bytes of its state.
    head: Vec<u8>,
    state: Blob,
}

impl Parcel {
    /// Encodes what comes before the state, and takes the checksum of the whole.
    pub fn new(snapshot: &Snapshot) -> Self {
        let Snapshot { last, configuration, level, state } = snapshot;
        let head = postcard::to_allocvec(&(last, configuration, level, state.len() as u64));
        let head = head.expect("a vector grows as needed and every snapshot has a postcard form");
        let mut checksum = Xxh3::new();
        checksum.update(&head);
        checksum.update(state);
        let bytes = head.len() as u64 + state.len() as u64;
        let identity = SnapshotIdentity { last: *last, bytes, checksum: checksum.digest() };
        Self { identity, head, state: state.clone() }
    }

    /// Returns which snapshot it is.
    pub const fn identity(&self) -> SnapshotIdentity {
        self.identity
    }

    /// Returns a copy of the bytes in a range.
    ///
    /// # Panics
    ///
    /// Panics if the range is empty or lies outside of the snapshot.
    pub fn cut(&self, range: Range) -> Blob {
        let Range { start, end } = range;
        assert!(start < end && end <= self.identity.bytes, "{start} to {end} is outside of {}", self.identity.bytes);
        let border = self.head.len() as u64;
        let head = &self.head[start.min(border) as usize..end.min(border) as usize];
        let state = &self.state[start.saturating_sub(border) as usize..end.saturating_sub(border) as usize];
        if head.is_empty() { Blob::from(state) } else { Blob::from([head, state].concat()) }
    }
}

/// A range of bytes, from `start` up to but without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

/// Ranges of bytes in order, with a gap between any two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// Adds a range and joins what touches it; an empty one adds nothing.
    pub fn add(&mut self, mut added: Range) {
        if added.start >= added.end {
            return;
        }
        let first = self.0.partition_point(|range| range.end < added.start);
        let after = self.0.partition_point(|range| range.start <= added.end);
        if let Some(touched) = self.0.get(first..after).filter(|touched| !touched.is_empty()) {
            added.start = added.start.min(touched[0].start);
            added.end = added.end.max(touched[touched.len() - 1].end);
        }
        self.0.splice(first..after, [added]);
    }

    /// Returns the part that is missing first, before `end`.
    pub fn first_gap(&self, end: u64) -> Option<Range> {
        let start = self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end);
        let next = self.0.iter().map(|range| range.start).find(|next| *next > start);
        let gap = Range { start, end: next.unwrap_or(end).min(end) };
        (gap.start < gap.end).then_some(gap)
    }

    /// Returns whether every byte of a range is there.
    pub fn covers(&self, range: Range) -> bool {
        self.0.iter().any(|held| held.start <= range.start && range.end <= held.end)
    }

    /// Iterates over the ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = Range> {
        self.0.iter().copied()
    }

    /// Returns how many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }
}

/// Whatever a peer writes becomes ranges in order that do not touch.
impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut ranges = Self::default();
        let written: Vec<Range> = codec::grow_vec(deserializer)?;
        written.into_iter().take(RANGES_MAX).for_each(|range| ranges.add(range));
        Ok(ranges)
    }
}

/// What a follower has of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Partial {
    identity: SnapshotIdentity,
    /// The term of the leader that last sent a part of it.
    term: Term,
    /// The parts by the place of their first byte; none overlaps another.
    parts: BTreeMap<u64, Blob>,
}

/// The bytes have another checksum than announced, or are no snapshot of the announced position.
#[derive(Debug)]
pub(super) struct Damaged;

impl Partial {
    pub(super) const fn new(identity: SnapshotIdentity, term: Term) -> Self {
        Self { identity, term, parts: BTreeMap::new() }
    }

    pub(super) const fn identity(&self) -> SnapshotIdentity {
        self.identity
    }

    /// Returns whether a part of another snapshot, sent by the leader of `term`, is to begin anew instead of this one.
    ///
    /// A leader's own snapshots only become newer, so an older one is a late message. The leader of a newer term may have
    /// only an older one: what its predecessor sent will never be whole.
    pub(super) fn yields_to(&self, identity: SnapshotIdentity, term: Term) -> bool {
        term > self.term || identity.last > self.identity.last
    }

    /// Takes a part in, as far as it is missing.
    pub(super) fn add(&mut self, term: Term, offset: u64, bytes: Blob) {
        self.term = self.term.max(term);
        let end = offset.saturating_add(bytes.len() as u64).min(self.identity.bytes);
        let before = self.parts.range(..=offset).next_back();
        let mut start = before.map_or(offset, |(place, part)| offset.max(place + part.len() as u64));
        if start == offset && self.parts.range(offset..end).next().is_none() {
            self.parts.insert(offset, bytes);
            return;
        }
        while start < end {
            let next = self.parts.range(start..end).next().map(|(place, part)| (*place, place + part.len() as u64));
            let (gap_end, resume) = next.unwrap_or((end, end));
            if start < gap_end {
                let missing = &bytes[(start - offset) as usize..(gap_end - offset) as usize];
                self.parts.insert(start, Blob::from(missing));
            }
            start = resume;
        }
    }

    /// Returns what is there, as much of it as an answer may say.
    pub(super) fn held(&self) -> Ranges {
        let mut held = Ranges::default();
        for (place, part) in &self.parts {
            held.add(Range { start: *place, end: place + part.len() as u64 });
        }
        held.0.truncate(RANGES_MAX);
        held
    }

    pub(super) fn is_whole(&self) -> bool {
        self.parts.values().map(|part| part.len() as u64).sum::<u64>() >= self.identity.bytes
    }

    /// Puts the parts together once they are whole.
    pub(super) fn into_snapshot(self) -> Result<Arc<Snapshot>, Damaged> {
        let mut checksum = Xxh3::new();
        self.parts.values().for_each(|part| checksum.update(part));
        if checksum.digest() != self.identity.checksum {
            return Err(Damaged);
        }
        let parts: Vec<&[u8]> = self.parts.values().map(Blob::as_slice).collect();
        match postcard::take_from_bytes::<Snapshot>(&parts.concat()) {
            Ok((snapshot, [])) if snapshot.last == self.identity.last => Ok(Arc::new(snapshot)),
            Ok(_) | Err(_) => Err(Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FeatureLevel, LogIndex};
    use crate::raft::Configuration;

    fn range(start: u64, end: u64) -> Range {
        Range { start, end }
    }

    fn snapshot(length: u8) -> Snapshot {
        let last = Position::new(Term::new(3), LogIndex::new(300));
        let state = (0..length).collect::<Vec<u8>>().into();
        Snapshot { last, configuration: Configuration::default(), level: FeatureLevel::CHUNKS, state }
    }

    #[test]
    fn ranges_join_where_they_touch() {
        let mut ranges = Ranges::default();
        for (start, end) in [(10, 20), (30, 40), (5, 5), (20, 25), (28, 30), (50, 60)] {
            ranges.add(range(start, end));
        }
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(10, 25), range(28, 40), range(50, 60)]);
        assert_eq!(ranges.first_gap(100), Some(range(0, 10)));
        ranges.add(range(0, 45));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(0, 45), range(50, 60)]);
        assert_eq!(ranges.first_gap(100), Some(range(45, 50)));
        ranges.add(range(40, 100));
        assert_eq!((ranges.first_gap(100), ranges.bytes()), (None, 100));
    }

    #[test]
    fn ranges_in_any_order_from_a_peer_become_orderly() {
        let written = postcard::to_allocvec([range(9, 12), range(7, 3), range(0, 4), range(2, 9)].as_slice()).unwrap();
        let read: Ranges = postcard::from_bytes(&written).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [range(0, 12)]);
    }

    #[test]
    fn a_parcel_is_the_encoded_snapshot() {
        let snapshot = snapshot(90);
        let parcel = Parcel::new(&snapshot);
        let whole = postcard::to_allocvec(&snapshot).unwrap();
        assert_eq!(parcel.cut(range(0, parcel.identity().bytes)).as_slice(), whole);
        assert_eq!(parcel.identity().checksum, xxhash_rust::xxh3::xxh3_64(&whole));
        for start in 0..whole.len() {
            for end in start + 1..=whole.len() {
                assert_eq!(parcel.cut(range(start as u64, end as u64)).as_slice(), &whole[start..end]);
            }
        }
    }

    /// Every pair of cuts, in either order, doubled and overlapping.
    #[test]
    fn parts_in_any_order_become_the_snapshot() {
        let snapshot = snapshot(12);
        let parcel = Parcel::new(&snapshot);
        let bytes = parcel.identity().bytes;
        for (a, b) in (1..bytes).flat_map(|a| (a..bytes).map(move |b| (a, b))) {
            let mut partial = Partial::new(parcel.identity(), Term::new(4));
            for part in [range(a, b), range(a / 2, b.min(a + 2)), range(b, bytes), range(a, b), range(0, b)] {
                if part.start < part.end {
                    partial.add(Term::new(4), part.start, parcel.cut(part));
                }
            }
            assert!(partial.is_whole(), "cut at {a} and {b}: {:?}", partial.held());
            assert_eq!(*partial.into_snapshot().unwrap(), snapshot);
        }
    }

    #[test]
    fn a_damaged_part_makes_no_snapshot() {
        let parcel = Parcel::new(&snapshot(40));
        let bytes = parcel.identity().bytes;
        for place in 0..bytes {
            let mut damaged = parcel.cut(range(0, bytes)).to_vec();
            damaged[place as usize] ^= 4;
            let mut partial = Partial::new(parcel.identity(), Term::new(4));
            partial.add(Term::new(4), 0, Blob::from(damaged));
            assert!(partial.is_whole() && partial.into_snapshot().is_err(), "byte {place} was damaged");
        }
    }

    #[test]
    fn an_older_snapshot_takes_the_place_of_a_newer_one_only_for_a_newer_leader() {
        let (older, newer) = (Parcel::new(&snapshot(9)).identity(), Parcel::new(&snapshot(10)).identity());
        let newer = SnapshotIdentity { last: Position::new(Term::new(3), LogIndex::new(301)), ..newer };
        let partial = Partial::new(newer, Term::new(4));
        assert!(!partial.yields_to(older, Term::new(4)));
        assert!(partial.yields_to(older, Term::new(5)));
        assert!(Partial::new(older, Term::new(4)).yields_to(newer, Term::new(4)));
    }

    #[test]
    fn an_answer_names_no_more_ranges_than_its_limit() {
        let identity = SnapshotIdentity { last: Position::ZERO, bytes: 10_000, checksum: 0 };
        let mut partial = Partial::new(identity, Term::new(1));
        for number in 0..100 {
            partial.add(Term::new(1), number * 3, Blob::from([7].as_slice()));
        }
        assert_eq!(partial.held().iter().count(), RANGES_MAX);
    }
}
