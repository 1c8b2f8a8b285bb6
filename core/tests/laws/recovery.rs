//! Laws of what a disk gives back, against a map from index to entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::raft::{Configuration, Entries, Entry, HardState, Payload, Record, Recovered, Snapshot};
use delian_core::{Blob, Boot, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Term};
use proptest::prelude::*;
use proptest::sample::Index;

/// A disk as the dumbest store would keep it.
#[derive(Default)]
struct Shelf {
    hard_state: HardState,
    snapshot: Option<Arc<Snapshot>>,
    dropped: Position,
    entries: BTreeMap<LogIndex, Entry>,
}

impl Shelf {
    fn last(&self) -> Position {
        let last = self.entries.last_key_value();
        last.map_or(self.dropped, |(index, entry)| Position::new(entry.term, *index))
    }

    fn put(&mut self, record: &Record) {
        match record {
            Record::HardState(hard_state) => self.hard_state = *hard_state,
            Record::Append { after, entries } => {
                self.entries.retain(|index, _| index <= after);
                let mut index = *after;
                for entry in entries.iter() {
                    index = index.next();
                    self.entries.insert(index, entry.clone());
                }
            }
            Record::Compact { snapshot, dropped } => {
                self.entries.retain(|index, _| *index > dropped.index);
                self.dropped = *dropped;
                self.snapshot = Some(Arc::clone(snapshot));
            }
            Record::Install(snapshot) => {
                self.entries.clear();
                self.dropped = snapshot.last;
                self.snapshot = Some(Arc::clone(snapshot));
            }
        }
    }

    fn position(&self, index: LogIndex) -> Position {
        self.entries.get(&index).map_or(self.dropped, |entry| Position::new(entry.term, index))
    }

    /// Turns a wish into a record that a correct node could write now.
    fn record(&self, wish: &Wish) -> Record {
        let covered = self.snapshot.as_ref().map_or(Position::ZERO, |snapshot| snapshot.last);
        let between = |from: LogIndex, to: LogIndex, place: &Index| {
            LogIndex::new(from.get() + place.index(to.distance_from(from) as usize + 1) as u64)
        };
        match wish {
            Wish::Vote { ahead, node } => Record::HardState(HardState {
                term: Term::new(self.hard_state.term.get() + ahead),
                voted_for: node.map(NodeId::new),
                boot: Boot::new(1),
                incarnation: Some(Incarnation::FOUNDING),
            }),
            Wish::Append { place, count } => {
                let after = between(covered.index.max(self.dropped.index), self.last().index, place);
                let term = self.last().term.next();
                let entry = Entry { term, payload: Payload::Noop };
                Record::Append { after, entries: Entries::from(vec![entry; *count]) }
            }
            Wish::Compact { place, kept } => {
                let last = self.position(between(covered.index.max(self.dropped.index), self.last().index, place));
                let dropped = between(self.dropped.index, last.index, kept);
                Record::Compact { snapshot: snapshot(last), dropped: self.position(dropped) }
            }
            Wish::Install { ahead } => {
                let last = Position::new(self.last().term.next(), LogIndex::new(self.last().index.get() + ahead));
                Record::Install(snapshot(last))
            }
        }
    }
}

fn snapshot(last: Position) -> Arc<Snapshot> {
    let (configuration, level) = (Configuration::default(), FeatureLevel::FIRST);
    Arc::new(Snapshot { last, configuration, level, state: Blob::default() })
}

/// What a node might do next, before it is known where its log stands.
#[derive(Clone, Debug)]
enum Wish {
    Vote { ahead: u64, node: Option<u64> },
    Append { place: Index, count: usize },
    Compact { place: Index, kept: Index },
    Install { ahead: u64 },
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        1 => (0..3_u64, proptest::option::of(1..4_u64)).prop_map(|(ahead, node)| Wish::Vote { ahead, node }),
        6 => (any::<Index>(), 1..5_usize).prop_map(|(place, count)| Wish::Append { place, count }),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(place, kept)| Wish::Compact { place, kept }),
        1 => (1..9_u64).prop_map(|ahead| Wish::Install { ahead }),
    ]
}

proptest! {
    #[test]
    fn folding_records_keeps_what_a_shelf_of_entries_keeps(wishes in proptest::collection::vec(wish(), 0..40)) {
        let (mut folded, mut shelf) = (Recovered::default(), Shelf::default());
        for wish in &wishes {
            let record = shelf.record(wish);
            shelf.put(&record);
            folded.fold(record);
            prop_assert_eq!(folded.hard_state, shelf.hard_state);
            prop_assert_eq!(&folded.snapshot, &shelf.snapshot);
            prop_assert_eq!(folded.dropped, shelf.dropped);
            let entries: Vec<_> = shelf.entries.values().cloned().collect();
            prop_assert_eq!(&folded.entries, &entries);
            let first = shelf.entries.first_key_value().map(|(index, _)| *index);
            prop_assert!(first.is_none_or(|first| first == shelf.dropped.index.next()), "the log begins with a gap");
        }
    }
}
