//! The recent events of a node, numbered, for whoever watches: the API, the dashboard, an embedder.
//!
//! The buffer is bounded. Who reads too slowly is told that it missed some, and never holds the node up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use delian_core::{Epoch, Event, WallTime};
use tokio::sync::watch;

/// An event with what places it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in this run of the node, rising by one from 1.
    pub sequence: u64,
    /// The epoch of the node's topology when it happened.
    pub epoch: Epoch,
    /// What the wall clock showed.
    pub at: WallTime,
    /// What happened.
    pub event: Event,
}

/// Why a reader cannot go on where it was: what came after is in part forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The number of the oldest event that is still known.
    pub oldest: u64,
}

type Entries = Arc<Mutex<VecDeque<Arc<Entry>>>>;

/// The end that writes.
#[derive(Debug)]
pub struct Journal {
    entries: Entries,
    /// The number of the last event, for whoever waits for more.
    last: watch::Sender<u64>,
    kept: usize,
}

/// The end that reads; there may be any number.
#[derive(Clone, Debug)]
pub struct Reader {
    entries: Entries,
    last: watch::Receiver<u64>,
}

impl Journal {
    /// Returns a journal that remembers this many events, at least one.
    pub fn new(kept: usize) -> Self {
        Self { entries: Entries::default(), last: watch::Sender::new(0), kept: kept.max(1) }
    }

    /// Adds an event.
    pub fn write(&mut self, epoch: Epoch, at: WallTime, event: Event) {
        let sequence = *self.last.borrow() + 1;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == self.kept {
            entries.pop_front();
        }
        entries.push_back(Arc::new(Entry { sequence, epoch, at, event }));
        drop(entries);
        self.last.send_replace(sequence);
    }

    /// Returns an end that reads.
    pub fn reader(&self) -> Reader {
        Reader { entries: Arc::clone(&self.entries), last: self.last.subscribe() }
    }
}

impl Reader {
    /// Returns the number of the last event; 0 before the first.
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Returns the events after this number, at most so many, oldest first.
    ///
    /// # Errors
    ///
    /// Returns from where on events are known, if some after this number are forgotten or the number was not given yet,
    /// as that of another run of the node may be.
    pub fn after(&self, sequence: u64, most: usize) -> Result<Vec<Arc<Entry>>, Missed> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = entries.front().map_or(1, |entry| entry.sequence);
        let newest = entries.back().map_or(0, |entry| entry.sequence);
        if sequence.saturating_add(1) < oldest || sequence > newest {
            return Err(Missed { oldest });
        }
        let skipped = (sequence + 1 - oldest) as usize;
        Ok(entries.iter().skip(skipped).take(most).cloned().collect())
    }

    /// Waits until there is an event after this number. Returns `false` if there will be none, for the node has stopped.
    pub async fn wait_after(&self, sequence: u64) -> bool {
        self.last.clone().wait_for(|last| *last > sequence).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use delian_core::Term;

    use super::*;

    fn journal_of(events: u64, kept: usize) -> Journal {
        let mut journal = Journal::new(kept);
        for term in 1..=events {
            let event = Event::ElectionStarted { term: Term::new(term) };
            journal.write(Epoch::new(term), WallTime::from_unix_millis(term), event);
        }
        journal
    }

    #[test]
    fn who_reads_on_gets_every_event_once_and_in_order() {
        let reader = journal_of(5, 8).reader();
        let numbers = |after| reader.after(after, 3).map(|some| some.iter().map(|it| it.sequence).collect::<Vec<_>>());
        assert_eq!(numbers(0), Ok(vec![1, 2, 3]));
        assert_eq!(numbers(3), Ok(vec![4, 5]));
        assert_eq!(numbers(5), Ok(vec![]));
    }

    #[test]
    fn who_is_too_slow_or_from_another_run_is_told_where_to_begin() {
        let reader = journal_of(20, 8).reader();
        assert_eq!(reader.after(12, 9).map(|some| some.len()), Ok(8));
        assert_eq!(reader.after(11, 9), Err(Missed { oldest: 13 }));
        assert_eq!(reader.after(21, 9), Err(Missed { oldest: 13 }));
        assert_eq!(reader.after(u64::MAX, 9), Err(Missed { oldest: 13 }));
    }
}
