//! The log in memory: a snapshot, and the entries after the last one forgotten.
//!
//! A few entries before the snapshot stay (`dropped` lies behind it), so that a peer that is only a little behind needs
//! no snapshot. The log knows nothing of commit or disk; [`super::Raft`] does.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::message::{Entries, Entry, REACH_MAX};
use super::record::{Recovered, Snapshot};
use crate::ids::{LogIndex, Position, Term};
use crate::projection::Names;

/// Entries after `dropped`, and the latest snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    snapshot: Option<Arc<Snapshot>>,
    dropped: Position,
    entries: VecDeque<Entry>,
}

impl Log {
    /// Takes over what the disk gave back.
    ///
    /// # Errors
    ///
    /// Returns what no disk that performed this node's writes in order can hold.
    pub(super) fn recover(recovered: Recovered) -> Result<Self, &'static str> {
        let Recovered { hard_state, snapshot, dropped, entries } = recovered;
        let covered = snapshot.as_ref().map_or(Position::ZERO, |snapshot| snapshot.last);
        if dropped.index > covered.index {
            return Err("the log starts after its snapshot ends");
        }
        let mut last_term = dropped.term;
        for entry in &entries {
            if entry.term < last_term {
                return Err("terms fall within the log");
            }
            last_term = entry.term;
        }
        if hard_state.term.get().max(covered.index.get()) > REACH_MAX {
            return Err("a term or an index is beyond what any history reaches");
        }
        if hard_state.term < last_term {
            return Err("the term is older than the log");
        }
        let log = Self { snapshot, dropped, entries: entries.into() };
        if log.term_at(covered.index) != Some(covered.term) {
            return Err("the log and its snapshot do not meet");
        }
        Ok(log)
    }

    pub(super) fn extend(&mut self, entries: &[Entry]) {
        let mut last = self.last().term;
        for entry in entries {
            assert!(entry.term >= last, "term {} follows term {last}", entry.term);
            last = entry.term;
        }
        self.entries.extend(entries.iter().cloned());
    }

    pub(super) fn truncate_after(&mut self, index: LogIndex) {
        assert!(index >= self.dropped.index, "cannot keep up to {index}: {} is already forgotten", self.dropped);
        self.entries.truncate(index.distance_from(self.dropped.index) as usize);
    }

    /// Keeps a snapshot of the own state machine and forgets all but `trailing` entries that it covers.
    pub(super) fn compact(&mut self, snapshot: Arc<Snapshot>, trailing: u64) -> Position {
        let index = LogIndex::new(snapshot.last.index.get().saturating_sub(trailing)).max(self.dropped.index);
        let term = self.term_at(index).expect("a snapshot covers only entries that the log holds");
        self.entries.drain(..index.distance_from(self.dropped.index) as usize);
        self.dropped = Position::new(term, index);
        self.snapshot = Some(snapshot);
        self.dropped
    }

    /// Replaces everything by a leader's snapshot.
    pub(super) fn install(&mut self, snapshot: Arc<Snapshot>) {
        self.entries.clear();
        self.dropped = snapshot.last;
        self.snapshot = Some(snapshot);
    }

    /// Returns the last position; that of the snapshot if no entry follows it.
    pub fn last(&self) -> Position {
        match self.entries.back() {
            Some(entry) => Position::new(entry.term, self.dropped.index.advanced_by(self.entries.len())),
            None => self.dropped,
        }
    }

    /// Returns the last position that is forgotten; the entries come after it.
    pub const fn dropped(&self) -> Position {
        self.dropped
    }

    /// Returns the latest snapshot.
    pub const fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Returns the last position that the snapshot covers; zero without one.
    pub fn covered(&self) -> Position {
        self.snapshot.as_ref().map_or(Position::ZERO, |snapshot| snapshot.last)
    }

    /// Returns the term of the entry at `index`, or nothing if it is forgotten or not there yet.
    ///
    /// A forgotten index has no answer rather than term zero: a zero would match where nothing is known.
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.dropped.index {
            return Some(self.dropped.term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// Returns the entry at `index`, or nothing if it is forgotten or not there yet.
    pub fn entry(&self, index: LogIndex) -> Option<&Entry> {
        let place = index.get().checked_sub(self.dropped.index.next().get())?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// Returns whether the log holds exactly this position.
    pub fn contains(&self, position: Position) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// Returns the cost of the entries after `after` up to `last`, which the log holds.
    pub(super) fn cost_between(&self, after: LogIndex, last: LogIndex) -> u64 {
        let place = |index: LogIndex| index.distance_from(self.dropped.index) as usize;
        self.entries.range(place(after)..place(last)).map(Entry::cost).sum()
    }

    /// Returns the entries after `index` up to about `bytes_max` of cost, at least one if there is any.
    pub(super) fn entries_after(&self, index: LogIndex, bytes_max: u64) -> (Entries, u64) {
        let from = index.distance_from(self.dropped.index) as usize;
        let mut cost = 0_u64;
        let mut taken = Vec::new();
        for entry in self.entries.range(from.min(self.entries.len())..) {
            if !taken.is_empty() && cost + entry.cost() > bytes_max {
                break;
            }
            cost += entry.cost();
            taken.push(entry.clone());
        }
        (if taken.is_empty() { Entries::none() } else { Entries::from(taken) }, cost)
    }

    /// Returns the latest position up to `index` whose term is at most `term`: where two logs may still agree.
    ///
    /// Both sides of a refused append search with it (Raft, section 5.3), so a whole term is skipped per round trip.
    pub(super) fn latest_at_or_below(&self, index: LogIndex, term: Term) -> Position {
        let mut place = index.min(self.last().index);
        while let Some(found) = self.term_at(place) {
            if found <= term {
                return Position::new(found, place);
            }
            place = place.previous();
        }
        // Everything below is covered by the snapshot, so it is committed and no legitimate log differs there.
        self.dropped
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        if let Some(snapshot) = &mut self.snapshot {
            Arc::make_mut(snapshot).map_ids(names);
        }
        for entry in &mut self.entries {
            entry.payload.map_ids(names);
        }
    }

    /// Returns how many entries are in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no entry is in memory.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::message::Payload;
    use crate::raft::{Configuration, HardState};
    use crate::{Blob, FeatureLevel};

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for term in terms {
            log.extend(&[Entry { term: Term::new(*term), payload: Payload::Noop }]);
        }
        log
    }

    fn position(term: u64, index: u64) -> Position {
        Position::new(Term::new(term), LogIndex::new(index))
    }

    fn snapshot(term: u64, index: u64) -> Arc<Snapshot> {
        let (configuration, level) = (Configuration::default(), FeatureLevel::FIRST);
        Arc::new(Snapshot { last: position(term, index), configuration, level, state: Blob::default() })
    }

    #[test]
    fn a_forgotten_index_has_no_term() {
        let mut log = log(&[1, 1, 2, 2]);
        log.compact(snapshot(2, 3), 1);
        assert_eq!(log.term_at(LogIndex::new(1)), None);
        assert_eq!(log.term_at(LogIndex::new(2)), Some(Term::new(1)));
        assert_eq!(log.last(), position(2, 4));
        assert_eq!(log.len(), 2);
    }

    #[test]
    fn the_search_for_agreement_skips_whole_terms() {
        let log = log(&[1, 1, 4, 4, 4, 6]);
        assert_eq!(log.latest_at_or_below(LogIndex::new(5), Term::new(3)), position(1, 2));
        assert_eq!(log.latest_at_or_below(LogIndex::new(99), Term::new(5)), position(4, 5));
        assert_eq!(log.latest_at_or_below(LogIndex::new(5), Term::ZERO), Position::ZERO);
    }

    #[test]
    fn a_batch_holds_one_entry_at_least_and_its_limit_at_most() {
        let log = log(&[1, 1, 1]);
        assert_eq!(log.entries_after(LogIndex::ZERO, 1).0.len(), 1);
        assert_eq!(log.entries_after(LogIndex::ZERO, 64).0.len(), 2);
        assert_eq!(log.entries_after(LogIndex::new(3), 64).0.len(), 0);
    }

    #[test]
    fn a_disk_that_gives_back_the_impossible_is_refused() {
        let entries = |terms: &[u64]| log(terms).entries.into_iter().collect::<Vec<_>>();
        let hard_state = HardState { term: Term::new(2), ..HardState::default() };
        let falling = Recovered { hard_state, entries: entries(&[1]), ..Recovered::default() };
        assert!(Log::recover(falling.clone()).is_ok());
        let newer = Recovered { entries: entries(&[1, 3]), ..falling.clone() };
        assert_eq!(Log::recover(newer), Err("the term is older than the log"));
        let gap = Recovered { dropped: position(1, 5), ..falling.clone() };
        assert_eq!(Log::recover(gap), Err("the log starts after its snapshot ends"));
        let endless = HardState { term: Term::new(u64::MAX), ..hard_state };
        let endless = Recovered { hard_state: endless, ..falling.clone() };
        assert_eq!(Log::recover(endless), Err("a term or an index is beyond what any history reaches"));
        let apart = Recovered { snapshot: Some(snapshot(1, 9)), ..falling };
        assert_eq!(Log::recover(apart), Err("the log and its snapshot do not meet"));
    }
}
