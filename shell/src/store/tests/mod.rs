//! The store beside the fold of its records, on disks that fail, and in directories.

mod directory;
mod run;
mod crashes;
mod faults;
mod folding;
mod lies;
mod rot;

use std::collections::BTreeSet;
use std::sync::Arc;

use delian_core::raft::{Configuration, Entry, HardState, Payload, Record, Recovered, Snapshot};
use delian_core::{Blob, Boot, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Term};

use super::disk::{Dice, Disk};
use super::{Opening, Owner, RedbStore, Store, StoreError};

fn owner() -> Owner {
    Owner { id: NodeId::new(7), cluster: "blue".to_owned() }
}

fn create(disk: &Disk) -> RedbStore {
    RedbStore::over(disk.clone(), "the disk", Opening::Create(owner())).expect("an empty disk takes a store")
}

fn open(disk: &Disk) -> Result<RedbStore, StoreError> {
    RedbStore::over(disk.clone(), "the disk", Opening::Expect(owner()))
}

fn reopened(bytes: Vec<u8>) -> Result<Recovered, StoreError> {
    open(&Disk::of(bytes))?.recover()
}

fn entry(term: u64, bytes: usize) -> Entry {
    Entry { term: Term::new(term), payload: Payload::Command(Blob::from(vec![term as u8; bytes])) }
}

fn append(after: u64, entries: Vec<Entry>) -> Record {
    Record::Append { after: LogIndex::new(after), entries: entries.into() }
}

fn hard_state(term: u64) -> Record {
    Record::HardState(HardState {
        term: Term::new(term),
        voted_for: term.is_multiple_of(2).then_some(NodeId::new(term)),
        boot: Boot::new(1),
        incarnation: Some(Incarnation::new(9)),
    })
}

fn snapshot(term: u64, index: u64, bytes: usize) -> Arc<Snapshot> {
    let voters: BTreeSet<NodeId> = (1..=3).map(NodeId::new).collect();
    Arc::new(Snapshot {
        last: Position::new(Term::new(term), LogIndex::new(index)),
        configuration: Configuration::founding(voters, BTreeSet::new()),
        level: FeatureLevel::FIRST,
        state: Blob::from(vec![index as u8; bytes]),
    })
}

fn fold(recovered: &Recovered, records: &[Record]) -> Recovered {
    let mut folded = recovered.clone();
    for record in records {
        folded.fold(record.clone());
    }
    folded
}

fn last_of(recovered: &Recovered) -> u64 {
    recovered.dropped.index.get() + recovered.entries.len() as u64
}

/// Returns a batch as a node might write it next.
fn next_batch(recovered: &Recovered, dice: &mut Dice) -> Vec<Record> {
    let mut folded = recovered.clone();
    let count = 1 + dice.roll(4);
    let batch = (0..count).map(|_| {
        let (dropped, last) = (folded.dropped.index.get(), last_of(&folded));
        let term = folded.hard_state.term.get().max(1);
        let record = match dice.roll(10) {
            0 | 1 => hard_state(term + 1),
            2 if last > dropped => {
                let upto = dropped + 1 + dice.roll((last - dropped) as usize) as u64;
                let dropped = Position::new(folded.entries[(upto - dropped - 1) as usize].term, LogIndex::new(upto));
                Record::Compact { snapshot: snapshot(term, last, dice.roll(150_000)), dropped }
            }
            3 if dice.roll(4) == 0 => Record::Install(snapshot(term, last + 5, dice.roll(3000))),
            // Now and then a new leader replaces the end of the log.
            4 if last > dropped => {
                let back = 1 + dice.roll((last - dropped).min(4) as usize) as u64;
                append(last - back, vec![entry(term, dice.roll(800))])
            }
            _ => append(last, (0..=dice.roll(5)).map(|_| entry(term, dice.roll(2000))).collect()),
        };
        folded.fold(record.clone());
        record
    });
    batch.collect()
}
