//! Bytes that are not those that were written are never taken for them.

use redb::{ReadableDatabase, ReadableTable};

use super::super::layout::{CHUNK_BYTES, Extent, chunk_to_bytes, entry_to_bytes, format_to_bytes, hard_state_to_bytes};
use super::super::layout::{FORMAT, KEY_EXTENT, KEY_FORMAT, KEY_HARD_STATE, KEY_SUMS, LOG, META, SNAPSHOT};
use super::*;

/// What a disk looks like after some batches, and what it gives back: closed, or left as a crash leaves it.
fn written() -> ([Vec<u8>; 2], Recovered) {
    let disk = Disk::default();
    let mut store = create(&disk);
    let mut dice = Dice::new(11);
    let mut expected = Recovered::default();
    for _ in 0..25 {
        let batch = next_batch(&expected, &mut dice);
        store.write(&batch).unwrap();
        expected = fold(&expected, &batch);
    }
    let left = disk.bytes();
    drop(store);
    ([disk.bytes(), left], expected)
}

/// Requires that damaged bytes are refused as such, or mean what they meant: not every byte of a file is in use.
fn refused(bytes: Vec<u8>, expected: &Recovered, what: &str) -> bool {
    match reopened(bytes) {
        Err(StoreError::Damaged { .. } | StoreError::Version { .. }) => true,
        Ok(found) => {
            assert_eq!(found, *expected, "{what} went unnoticed");
            false
        }
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn a_flipped_bit_is_found_or_means_nothing() {
    let (disks, expected) = written();
    let mut dice = Dice::new(12);
    for bytes in disks {
        let mut found = 0;
        for _ in 0..400 {
            let at = dice.roll(bytes.len());
            let mut rotten = bytes.clone();
            rotten[at] ^= 1 << dice.roll(8);
            found += usize::from(refused(rotten, &expected, &format!("a bit of byte {at}")));
        }
        assert!(found > 10, "{found} of 400 were in use");
    }
}

/// The header has marks without a checksum, one of which says which of two states counts.
#[test]
fn no_flipped_bit_of_the_header_brings_another_state_back() {
    let (disks, expected) = written();
    for bytes in disks {
        let mut found = 0;
        for bit in 0..320 * 8 {
            let mut rotten = bytes.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            found += usize::from(refused(rotten, &expected, &format!("bit {} of byte {}", bit % 8, bit / 8)));
        }
        assert!(found > 1000, "{found} of 2560 were in use");
    }
}

#[test]
fn a_flipped_bit_of_a_record_is_always_found() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[hard_state(4), append(0, vec![entry(3, 600)])]).unwrap();
    let expected = store.recover().unwrap();
    let kept = entry_to_bytes(LogIndex::new(1), &expected.entries[0]);
    let check = |bytes: &[u8]| {
        let places: Vec<usize> =
            bytes.windows(kept.len()).enumerate().filter(|(_, window)| *window == kept).map(|(at, _)| at).collect();
        let [place] = places[..] else { panic!("the entry is there {} times", places.len()) };
        for at in place..place + kept.len() {
            let mut rotten = bytes.to_vec();
            rotten[at] ^= 1 << (at % 8);
            assert!(refused(rotten, &expected, &format!("a bit of byte {at}")), "byte {at} of an entry");
        }
    };
    check(&disk.bytes());
    drop(store);
    check(&disk.bytes());
}

#[test]
fn a_shortened_or_blanked_file_is_refused_or_means_the_same() {
    let (disks, expected) = written();
    let mut dice = Dice::new(13);
    for bytes in disks {
        let mut found = 0;
        for number in 0..150 {
            let end = if number < 50 { number * 97 } else { dice.roll(bytes.len()) };
            found += usize::from(refused(bytes[..end].to_vec(), &expected, &format!("cut at {end}")));
            let at = dice.roll(bytes.len() / 512) * 512;
            let mut blank = bytes.clone();
            let end = bytes.len().min(at + 512 * (1 + dice.roll(9)));
            blank[at..end].fill(if number % 2 == 0 { 0 } else { 0xff });
            found += usize::from(refused(blank, &expected, &format!("blank from {at} to {end}")));
        }
        assert!(found > 100, "{found} of 300 were refused");
    }
    let noise = (0..70_000).map(|_| dice.roll(256) as u8).collect();
    assert!(refused(noise, &expected, "noise"));
    assert!(refused(vec![0; 70_000], &expected, "zeros"));
    assert!(refused(Vec::new(), &expected, "an empty file"));
}

/// Opens a healthy database behind the back of the store and changes something.
fn meddle(change: impl Fn(&redb::WriteTransaction)) -> StoreError {
    let disk = Disk::default();
    let mut store = create(&disk);
    let entries = (0..5).map(|_| entry(2, 20)).collect();
    store.write(&[Record::Install(snapshot(1, 4, 200_000)), append(4, entries), hard_state(2)]).unwrap();
    drop(store);
    let database = redb::Builder::new().create_with_backend(disk.clone()).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
    drop(database);
    reopened(disk.bytes()).expect_err("somebody meddled with it")
}

fn why(error: &StoreError) -> &str {
    let StoreError::Damaged { why, .. } = error else { panic!("{error}") };
    why
}

#[test]
fn what_is_missing_is_named() {
    let lost = |index: u64| meddle(|it| drop(it.open_table(LOG).unwrap().remove(index).unwrap()));
    assert_eq!(why(&lost(9)), "the log has 4 entries, but from i4 to i9 there are 5");
    assert_eq!(why(&lost(6)), "the log has 4 entries, but from i4 to i9 there are 5");
    let moved = meddle(|it| {
        let mut log = it.open_table(LOG).unwrap();
        let bytes = log.remove(7).unwrap().unwrap().value().to_vec();
        log.insert(10, bytes.as_slice()).unwrap();
    });
    assert_eq!(why(&moved), "i6 is followed by i8");
    let exchanged = meddle(|it| {
        let mut log = it.open_table(LOG).unwrap();
        let bytes = log.get(7).unwrap().unwrap().value().to_vec();
        log.insert(8, bytes.as_slice()).unwrap();
    });
    assert_eq!(why(&exchanged), "the entry i8: it has 1 entries that come after i6");
    let vote = meddle(|it| drop(it.open_table(META).unwrap().remove(KEY_HARD_STATE).unwrap()));
    assert_eq!(why(&vote), "the hard state is missing");
    let chunk = meddle(|it| drop(it.open_table(SNAPSHOT).unwrap().remove(1).unwrap()));
    assert_eq!(why(&chunk), "chunk 1 of the snapshot is missing");
    let table = meddle(|it| assert!(it.delete_table(LOG).unwrap()));
    assert_eq!(why(&table), "cannot read the log: Table 'log' does not exist");
}

#[test]
fn what_does_not_fit_is_named() {
    let put = |key: &'static str, bytes: Vec<u8>| {
        meddle(|it| drop(it.open_table(META).unwrap().insert(key, bytes.as_slice()).unwrap()))
    };
    assert_eq!(
        why(&put(KEY_HARD_STATE, vec![1, 2, 3])),
        "the hard state: the record's checksum does not fit its bytes"
    );
    assert_eq!(
        why(&put(KEY_HARD_STATE, append(0, vec![entry(1, 1)]).to_bytes())),
        "the hard state: it is another record"
    );
    let extent = Extent { dropped: Position::new(Term::new(1), LogIndex::new(3)), last: LogIndex::new(9) };
    assert_eq!(why(&put(KEY_EXTENT, extent.to_bytes())), "the log is dropped up to t1/i3, but the snapshot says t1/i4");
    let backwards = Extent { last: LogIndex::new(1), ..extent };
    assert_eq!(
        why(&put(KEY_EXTENT, backwards.to_bytes())),
        "the extent: the log ends at i1, before i3, up to where it was dropped"
    );
}

/// Each of these is whole, and was kept once: the disk has lost the write of a page, brought an older one back while the
/// store was open, and the store has built upon it.
#[test]
fn what_another_one_has_replaced_is_named() {
    let vote = meddle(|it| {
        let Record::HardState(older) = hard_state(1) else { unreachable!() };
        drop(it.open_table(META).unwrap().insert(KEY_HARD_STATE, hard_state_to_bytes(older).as_slice()).unwrap());
    });
    assert_eq!(why(&vote), "the hard state is not what was written last");
    let replaced = meddle(|it| {
        let bytes = entry_to_bytes(LogIndex::new(7), &entry(1, 20));
        drop(it.open_table(LOG).unwrap().insert(7, bytes.as_slice()).unwrap());
    });
    assert_eq!(why(&replaced), "the entries are not what was written last");
    let snapshot = meddle(|it| {
        let dropped = Position::new(Term::new(1), LogIndex::new(4));
        let older = Record::Compact { snapshot: snapshot(1, 3, 200_000), dropped }.to_bytes();
        let mut table = it.open_table(SNAPSHOT).unwrap();
        for (number, part) in (0..).zip(older.chunks(CHUNK_BYTES)) {
            table.insert(number, chunk_to_bytes(number, part).as_slice()).unwrap();
        }
    });
    assert_eq!(why(&snapshot), "the snapshot is not what was written last");
}

#[test]
fn a_store_of_the_first_format_is_read_and_brought_to_this_one() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[Record::Install(snapshot(1, 4, 9)), append(4, vec![entry(2, 20)]), hard_state(2)]).unwrap();
    let expected = store.recover().unwrap();
    drop(store);
    let first = |disk: &Disk| {
        let database = redb::Builder::new().create_with_backend(disk.clone()).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut meta = transaction.open_table(META).unwrap();
            meta.insert(KEY_FORMAT, format_to_bytes(1).as_slice()).unwrap();
            meta.remove(KEY_SUMS).unwrap();
        }
        transaction.commit().unwrap();
    };
    first(&disk);
    let mut store = open(&disk).unwrap();
    assert_eq!(store.recover().unwrap(), expected);
    let batch = [append(5, vec![entry(2, 30)]), hard_state(3)];
    store.write(&batch).unwrap();
    drop(store);
    assert_eq!(reopened(disk.bytes()).unwrap(), fold(&expected, &batch));
    let database = redb::Builder::new().create_with_backend(disk).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    assert_eq!(meta.get(KEY_FORMAT).unwrap().unwrap().value(), format_to_bytes(FORMAT));
    assert!(meta.get(KEY_SUMS).unwrap().is_some());
}

#[test]
fn a_later_format_is_refused_as_such() {
    let later = meddle(|it| {
        let bytes = format_to_bytes(FORMAT + 1);
        drop(it.open_table(META).unwrap().insert(KEY_FORMAT, bytes.as_slice()).unwrap());
    });
    assert!(matches!(later, StoreError::Version { found, known: FORMAT } if found == FORMAT + 1), "{later}");
}

#[test]
fn a_store_of_another_node_or_cluster_is_refused() {
    let disk = Disk::default();
    drop(create(&disk));
    for asked in [Owner { id: NodeId::new(8), ..owner() }, Owner { cluster: "red".to_owned(), ..owner() }] {
        let error = RedbStore::over(disk.clone(), "the disk", Opening::Expect(asked)).unwrap_err();
        assert!(matches!(&error, StoreError::Foreign { found, .. } if **found == owner()), "{error}");
    }
    let error = RedbStore::over(disk, "the disk", Opening::Create(owner())).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
}

/// A damaged account of which pages are in use shows only once something is written over what is in use.
#[test]
fn a_store_that_opens_in_spite_of_a_flipped_bit_writes_on_without_a_loss() {
    let (disks, expected) = written();
    let mut dice = Dice::new(14);
    let mut opened = 0;
    for bytes in disks {
        // Zeros are mostly where nothing is.
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for _ in 0..200 {
            let at = used[dice.roll(used.len())];
            let mut rotten = bytes.clone();
            rotten[at] ^= 1 << dice.roll(8);
            let disk = Disk::of(rotten.clone());
            let Ok(mut store) = open(&disk) else { continue };
            let mut database = redb::Builder::new().create_with_backend(Disk::of(rotten)).unwrap();
            assert!(database.check_integrity().unwrap(), "a bit of byte {at} was let pass");
            let Ok(found) = store.recover() else { continue };
            assert_eq!(found, expected, "a bit of byte {at} went unnoticed");
            opened += 1;
            let mut expected = found;
            for _ in 0..3 {
                let batch = next_batch(&expected, &mut dice);
                store.write(&batch).unwrap();
                expected = fold(&expected, &batch);
            }
            drop(store);
            assert_eq!(reopened(disk.bytes()).unwrap(), expected, "a bit of byte {at} did harm later");
        }
    }
    assert!(opened > 20, "{opened} of 400 opened");
}
