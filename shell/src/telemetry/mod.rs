//! What a node tells of itself: events as documents, logs, and metrics.
//!
//! Everything here follows the journal and the node's status; nothing depends on it. Who is too slow misses events and says
//! how many, and never holds the node up. Documents, log lines and counters are made of one description of each event
//! ([`event::document`]), so they never disagree.

pub mod event;
mod pool;
mod told;
pub mod logs;
#[cfg(feature = "opentelemetry")]
pub mod collector;
pub mod metrics;
mod process;

use crate::journal::{Entry, Reader};

/// How many entries are taken from the journal at a time.
const ENTRIES_MAX: usize = 256;

/// Something that follows a journal.
pub trait Follower: Send {
    /// Takes in an event.
    fn take(&mut self, entry: &Entry);
    /// Hears that so many events were forgotten before they were read.
    fn missed(&mut self, events: u64);
}

/// Hands every event of a journal, from the first that is still known, to followers until the node has ended.
pub async fn follow(journal: Reader, mut followers: Vec<Box<dyn Follower>>) {
    let mut seen = 0;
    loop {
        match journal.after(seen, ENTRIES_MAX) {
            Ok(entries) if entries.is_empty() => {
                if !journal.wait_after(seen).await {
                    return;
                }
            }
            Ok(entries) => {
                for entry in entries {
                    seen = entry.sequence;
                    for follower in &mut followers {
                        follower.take(&entry);
                    }
                }
                // A node that has much to tell must not keep other tasks of this thread from running.
                tokio::task::yield_now().await;
            }
            Err(missed) => {
                let until = missed.oldest.saturating_sub(1);
                for follower in &mut followers {
                    follower.missed(until.saturating_sub(seen));
                }
                seen = until;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use delian_core::{Epoch, Event, Term, WallTime};

    use super::*;
    use crate::journal::Journal;

    struct Count(Arc<Mutex<(u64, u64)>>);

    impl Follower for Count {
        fn take(&mut self, _entry: &Entry) {
            self.0.lock().unwrap().0 += 1;
        }

        fn missed(&mut self, events: u64) {
            self.0.lock().unwrap().1 += events;
        }
    }

    #[tokio::test]
    async fn a_follower_gets_what_is_known_and_hears_how_much_is_not() {
        let mut journal = Journal::new(4);
        for term in 1..=10 {
            let event = Event::ElectionStarted { term: Term::new(term) };
            journal.write(Epoch::ZERO, WallTime::from_unix_millis(0), event);
        }
        let counted = Arc::new(Mutex::new((0, 0)));
        let reader = journal.reader();
        drop(journal);
        follow(reader, vec![Box::new(Count(Arc::clone(&counted)))]).await;
        assert_eq!(*counted.lock().unwrap(), (4, 6));
    }
}
