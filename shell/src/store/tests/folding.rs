//! The store folds records as the core does.

use proptest::prelude::*;

use super::*;

/// What is done to a store and to the fold beside it. Numbers are counted from what lies there as it is done.
#[derive(Clone, Debug)]
enum Step {
    HardState(u64),
    Append { back: u64, ahead: u64, sizes: Vec<usize> },
    Compact { dropped: i64, state: usize },
    Install { ahead: i64, state: usize },
    Flush,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..9_u64).prop_map(Step::HardState),
        6 => (0..6_u64, 0..2_u64, prop::collection::vec(0..900_usize, 1..5))
            .prop_map(|(back, ahead, sizes)| Step::Append { back, ahead: ahead.saturating_sub(back), sizes }),
        2 => (-2..8_i64, 0..200_000_usize).prop_map(|(dropped, state)| Step::Compact { dropped, state }),
        1 => (-3..6_i64, 0..900_usize).prop_map(|(ahead, state)| Step::Install { ahead, state }),
        4 => Just(Step::Flush),
        2 => Just(Step::Reopen),
    ]
}

/// Returns the record that a step means for this log.
fn record(step: &Step, at: &Recovered, number: u64) -> Option<Record> {
    let (dropped, last) = (at.dropped.index.get(), last_of(at));
    match step {
        Step::HardState(term) => Some(hard_state(*term)),
        Step::Append { back, ahead, sizes } => {
            let entries = sizes.iter().map(|bytes| entry(number + 1, *bytes)).collect();
            Some(append((last + ahead).saturating_sub(*back), entries))
        }
        Step::Compact { dropped: by, state } => {
            let upto = dropped.saturating_add_signed(*by);
            let dropped = Position::new(Term::new(number), LogIndex::new(upto));
            Some(Record::Compact { snapshot: snapshot(number, upto + 1, *state), dropped })
        }
        Step::Install { ahead, state } => {
            Some(Record::Install(snapshot(number, last.saturating_add_signed(*ahead), *state)))
        }
        Step::Flush | Step::Reopen => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_folds_records_as_the_core_does(steps in prop::collection::vec(step(), 1..60)) {
        let disk = Disk::default();
        let mut store = create(&disk);
        let mut expected = Recovered::default();
        let mut batch = Vec::new();
        for (number, step) in steps.iter().chain([&Step::Reopen]).enumerate() {
            if let Some(record) = record(step, &expected, number as u64) {
                expected.fold(record.clone());
                batch.push(record);
                continue;
            }
            store.write(&batch).unwrap();
            batch.clear();
            if let Step::Reopen = step {
                drop(store);
                store = open(&disk).unwrap();
            }
            prop_assert_eq!(store.recover().unwrap(), expected.clone());
        }
    }
}

#[test]
fn a_new_store_is_as_blank_as_no_store() {
    let disk = Disk::default();
    assert_eq!(create(&disk).recover().unwrap(), Recovered::default());
    assert_eq!(open(&disk).unwrap().recover().unwrap(), Recovered::default());
    assert_eq!(open(&disk).unwrap().owner(), &owner());
}

#[test]
fn an_append_that_does_not_meet_the_log_is_kept_out() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[append(0, vec![entry(1, 3), entry(1, 3)]), append(3, vec![entry(1, 3)])]).unwrap();
    assert_eq!(store.recover().unwrap().entries.len(), 2);
    let dropped = Position::new(Term::new(1), LogIndex::new(2));
    store.write(&[Record::Compact { snapshot: snapshot(1, 2, 9), dropped }, append(1, vec![entry(2, 3)])]).unwrap();
    assert_eq!(store.recover().unwrap().entries, []);
}

#[test]
fn a_smaller_snapshot_leaves_nothing_of_a_larger_one() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[Record::Install(snapshot(1, 5, 400_000))]).unwrap();
    assert_eq!(store.recover().unwrap().snapshot, Some(snapshot(1, 5, 400_000)));
    store.write(&[Record::Install(snapshot(1, 6, 10))]).unwrap();
    assert_eq!(open_again(store, &disk).recover().unwrap().snapshot, Some(snapshot(1, 6, 10)));
}

#[test]
fn an_entry_beyond_the_last_index_is_refused_and_nothing_of_its_batch_counts() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[Record::Install(snapshot(1, u64::MAX, 1))]).unwrap();
    let before = store.recover().unwrap();
    assert!(matches!(store.write(&[hard_state(8), append(u64::MAX, vec![entry(1, 1)])]), Err(StoreError::Io { .. })));
    assert!(matches!(store.write(&[hard_state(9)]), Err(StoreError::Io { .. })), "it writes on after a refusal");
    assert_eq!(open_again(store, &disk).recover().unwrap(), before);
}

fn open_again(store: RedbStore, disk: &Disk) -> RedbStore {
    drop(store);
    open(disk).unwrap()
}
