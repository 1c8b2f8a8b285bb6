//! Stores in memory: a write is done when it is submitted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;

use bytes::Bytes;
use sailing_proto::{
    EntriesRead, Entry, HardState, Index, LogDone, LogStore, MaybeOwned, OpId, SnapshotChunkRead, SnapshotMeta,
    StableDone, StableStore, Term,
};

/// A log that is never compacted.
#[derive(Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    done: VecDeque<LogDone>,
}

impl Log {
    /// Returns the entry at `index`, which counts from 1.
    fn entry(&self, index: Index) -> Option<&Entry> {
        self.entries.get(place(index)?)
    }
}

fn place(index: Index) -> Option<usize> {
    usize::try_from(index.get().checked_sub(1)?).ok()
}

impl LogStore for Log {
    type Error = Infallible;

    fn first_index(&self) -> Index {
        Index::new(1)
    }

    fn last_index(&self) -> Index {
        Index::new(self.entries.len() as u64)
    }

    fn term(&self, index: Index) -> Result<Term, Self::Error> {
        Ok(self.entry(index).map_or(Term::ZERO, Entry::term))
    }

    fn entries(&self, range: Range<Index>, bytes_max: u64) -> Result<EntriesRead<'_>, Self::Error> {
        let length = self.entries.len();
        let start = place(range.start).map_or(0, |place| place.min(length));
        let end = place(range.end).map_or(0, |place| place.min(length)).max(start);
        let wanted = &self.entries[start..end];
        let mut bytes = 0;
        let fitting = wanted.iter().take_while(|entry| {
            let fits = bytes == 0 || bytes + entry.data().len() as u64 <= bytes_max;
            bytes += entry.data().len() as u64;
            fits
        });
        let count = fitting.count();
        Ok(EntriesRead::Ready(MaybeOwned::Borrowed(&wanted[..count])))
    }

    fn submit_append(&mut self, id: OpId, entries: &[Entry]) {
        if let Some(first) = entries.first().and_then(|entry| place(entry.index())) {
            self.entries.truncate(first);
            self.entries.extend_from_slice(entries);
        }
        self.done.push_back(LogDone::Appended(id));
    }

    fn compact(&mut self, _: Index) {
        unreachable!("no log is compacted")
    }

    fn restore(&mut self, _: Index, _: Term) {
        unreachable!("no log is compacted")
    }

    fn poll(&mut self) -> Option<Result<LogDone, Self::Error>> {
        self.done.pop_front().map(Ok)
    }

    fn has_pending(&self) -> bool {
        !self.done.is_empty()
    }
}

/// The hard state; there are no snapshots.
pub(crate) struct Stable {
    hard_state: HardState<u64>,
    done: VecDeque<StableDone>,
}

impl Default for Stable {
    fn default() -> Self {
        Self { hard_state: HardState::initial(), done: VecDeque::new() }
    }
}

impl StableStore for Stable {
    type NodeId = u64;
    type Error = Infallible;

    fn hard_state(&self) -> HardState<u64> {
        self.hard_state
    }

    fn submit_write(&mut self, id: OpId, hard_state: HardState<u64>) {
        self.hard_state = hard_state;
        self.done.push_back(StableDone::Wrote(id));
    }

    fn submit_snapshot(&mut self, _: OpId, _: SnapshotMeta<u64>, _: Bytes) {
        unreachable!("no log is compacted")
    }

    fn snapshot(&self) -> Option<(SnapshotMeta<u64>, Bytes)> {
        None
    }

    fn durable_snapshot(&self) -> Option<SnapshotMeta<u64>> {
        None
    }

    fn snapshot_chunk(
        &self,
        offset: u64,
        len: u64,
    ) -> Option<Result<(SnapshotMeta<u64>, u64, SnapshotChunkRead), Self::Error>> {
        self.resident_snapshot_chunk(offset, len)
    }

    fn accept_snapshot_chunk(&mut self, _: &SnapshotMeta<u64>, _: u64, _: u64, _: &Bytes) -> Result<u64, Self::Error> {
        unreachable!("no log is compacted")
    }

    fn take_staged_snapshot(&mut self, _: &SnapshotMeta<u64>) -> Option<Bytes> {
        None
    }

    fn discard_snapshot_staging(&mut self) {}

    fn poll(&mut self) -> Option<Result<StableDone, Self::Error>> {
        self.done.pop_front().map(Ok)
    }

    fn has_pending(&self) -> bool {
        !self.done.is_empty()
    }
}
