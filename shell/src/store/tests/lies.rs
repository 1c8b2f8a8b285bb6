//! What a store makes of a disk that lies: what of it is always found, and what no store in one file can find.

use std::collections::BTreeMap;

use super::super::disk::{Lie, Loss, Operation, Replay, SECTOR_BYTES};
use super::run::{Found, Run, found_of, seeds};
use super::*;

/// How many histories are told, and how many batches each has.
const HISTORIES: u64 = 3;
const BATCHES: usize = 25;

/// How many lives of a store each history of a disk has that lies while it is open.
const LIVES: usize = 40;

/// How many times a large log is lied to.
const LARGE_LOGS: u64 = 24;

/// How often each outcome came.
#[derive(Debug, Default)]
struct Tally {
    whole: usize,
    older: usize,
    refused: usize,
}

impl Tally {
    fn count(&mut self, found: Found) {
        match found {
            Found::Whole => self.whole += 1,
            Found::Older => self.older += 1,
            Found::Refused => self.refused += 1,
        }
    }
}

/// Returns a disk on which one operation was replaced by others.
fn falsified(journal: &[Operation], at: usize, instead: Option<&Operation>) -> Vec<u8> {
    let mut replay = Replay::from(Vec::new());
    journal[..at].iter().chain(instead).chain(&journal[at + 1..]).for_each(|operation| replay.step(operation));
    replay.seen()
}

/// Tells histories in which one write is not what it should be, and looks at the disk when it had been acknowledged and in
/// the end, closed and not.
fn with_each_write(
    instead: impl Fn(&[Operation], usize, &mut Dice) -> Option<Operation>,
    mut count: impl FnMut(Found, &Operation),
) {
    for seed in seeds(HISTORIES) {
        let run = Run::on(&Disk::default(), seed, BATCHES);
        let (journal, mut dice) = (run.disk.journal(), Dice::new(seed));
        let begun = run.acknowledged[0].0;
        for at in (begun..journal.len()).filter(|at| matches!(journal[*at], Operation::Write { .. })) {
            let instead = instead(&journal, at, &mut dice);
            let next = run.acknowledged.iter().map(|(operations, _)| *operations).find(|operations| *operations > at);
            for end in [next, Some(run.written), Some(journal.len())].into_iter().flatten().filter(|end| *end > at) {
                let bytes = falsified(&journal[..end], at, instead.as_ref());
                let what = || format!("history {seed}: operation {at} of {end} is {instead:?}");
                count(found_of(run.known(end), bytes, &what), &journal[at]);
            }
        }
    }
}

#[test]
fn a_lost_write_is_found_or_means_nothing() {
    let mut tally = Tally::default();
    with_each_write(|_, _, _| None, |found, _| tally.count(found));
    assert!(tally.older == 0 && tally.refused > 500 && tally.whole > 500, "{tally:?}");
}

/// One fault that damages two places may go too far: the header that says what was written last lands on some of that. As
/// after a crash between two flushes, the newer state is not whole and the older one is.
#[test]
fn a_write_that_lands_elsewhere_is_found_or_means_nothing_unless_it_was_the_header() {
    let (mut pages, mut header) = (Tally::default(), Tally::default());
    let elsewhere = |journal: &[Operation], at: usize, dice: &mut Dice| {
        let Operation::Write { data, .. } = &journal[at] else { return None };
        let Operation::Write { offset, .. } = &journal[dice.roll(at)] else { return None };
        let nearby = if dice.roll(2) == 0 { 0 } else { SECTOR_BYTES * dice.roll(16) };
        Some(Operation::Write { offset: offset + nearby, data: data.clone() })
    };
    with_each_write(elsewhere, |found, operation| {
        let is_header = matches!(operation, Operation::Write { offset: 0, .. });
        if is_header { header.count(found) } else { pages.count(found) }
    });
    assert!(pages.older == 0 && pages.refused > 300 && pages.whole > 300, "{pages:?}");
    assert!(header.older > 0 && header.older * 10 < header.refused + header.whole, "{header:?}");
}

/// Returns what each sector held before it was written over last, and which operation did that.
fn former_sectors(journal: &[Operation]) -> BTreeMap<usize, (usize, Vec<u8>)> {
    let (mut replay, mut former) = (Replay::from(Vec::new()), BTreeMap::new());
    for (number, operation) in journal.iter().enumerate() {
        if let Operation::Write { offset, data } = operation {
            let before = replay.seen();
            for sector in offset / SECTOR_BYTES..(offset + data.len()).div_ceil(SECTOR_BYTES) {
                let held = before.get(sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES);
                held.and_then(|held| former.insert(sector, (number, held.to_vec())));
            }
        }
        replay.step(operation);
    }
    former
}

/// Returns what a reader sees after these operations.
fn seen_after(journal: &[Operation]) -> Vec<u8> {
    let mut replay = Replay::from(Vec::new());
    for operation in journal {
        replay.step(operation);
    }
    replay.seen()
}

#[test]
fn a_sector_that_went_back_by_one_write_is_found_or_means_nothing() {
    let mut tally = Tally::default();
    for seed in seeds(HISTORIES) {
        let run = Run::on(&Disk::default(), seed, BATCHES);
        let (journal, begun) = (run.disk.journal(), run.acknowledged[0].0);
        let mut dice = Dice::new(seed);
        for end in [run.written, journal.len()] {
            let whole = seen_after(&journal[..end]);
            for (sector, (number, held)) in former_sectors(&journal[..end]) {
                let mut bytes = whole.clone();
                let place = bytes.get_mut(sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES);
                let Some(place) = place.filter(|_| number >= begun && (sector == 0 || dice.roll(4) == 0)) else {
                    continue;
                };
                place.copy_from_slice(&held);
                let what = || format!("history {seed}: sector {sector} as before operation {number}");
                tally.count(found_of(&run.acknowledged, bytes, &what));
            }
        }
    }
    assert!(tally.older == 0 && tally.refused > 100 && tally.whole > 100, "{tally:?}");
}

/// The header says what was written last, so with one from long ago that is long ago, if its pages are still there. The
/// store does not take part of one state and part of another.
#[test]
fn a_header_from_long_ago_is_found_or_brings_its_own_state_back() {
    let mut tally = Tally::default();
    for seed in seeds(HISTORIES) {
        let run = Run::on(&Disk::default(), seed, BATCHES);
        let (journal, begun) = (run.disk.journal(), run.acknowledged[0].0);
        let whole = seen_after(&journal[..run.written]);
        for operation in &journal[begun..run.written] {
            let Operation::Write { offset: 0, data } = operation else { continue };
            let mut bytes = whole.clone();
            bytes[..data.len()].copy_from_slice(data);
            tally.count(found_of(&run.acknowledged, bytes, &|| format!("history {seed}: an older header")));
        }
    }
    assert!(tally.older > 0 && tally.refused > 100, "{tally:?}");
}

/// A flush that says yes and keeps nothing, from any one on: the limit of what one file can know. Whatever is left is
/// found to be damaged, or is what was acknowledged up to some moment, and nothing else.
#[test]
fn flushes_that_lie_bring_an_older_state_back_and_never_another_one() {
    let mut tally = Tally::default();
    for seed in seeds(HISTORIES) {
        let run = Run::on(&Disk::default(), seed, BATCHES);
        let (journal, begun) = (run.disk.journal(), run.acknowledged[0].0);
        let mut dice = Dice::new(seed);
        for _ in 0..120 {
            let honest = begun + dice.roll(run.written - begun);
            let end = honest + dice.roll(run.written - honest) + 1;
            let mut replay = Replay::from(Vec::new());
            journal[..honest].iter().for_each(|operation| replay.step(operation));
            journal[honest..end].iter().for_each(|operation| replay.step_without_flush(operation));
            for loss in Loss::EVERY {
                let what = || format!("history {seed}: flushes lie from {honest} to {end}, and then {loss:?}");
                // The batch that was being written may be there as well.
                let known = &run.acknowledged[..run.acknowledged.len().min(run.known(end).len() + 1)];
                tally.count(found_of(known, replay.crash(loss, &mut dice), &what));
            }
        }
    }
    assert!(tally.older > 300 && tally.refused > 50, "{tally:?}");
}

/// What a node's operator has to know: after a disk that lied about a flush the store is whole and its vote is stale. A
/// node that starts from it could vote a second time in one term.
#[test]
fn a_vote_that_a_lying_flush_lost_is_lost_without_a_trace() {
    let disk = Disk::default();
    let mut store = create(&disk);
    store.write(&[hard_state(4), append(0, vec![entry(4, 100)])]).unwrap();
    let (before, copy) = (store.recover().unwrap(), disk.bytes());
    let honest = disk.operations();
    store.write(&[hard_state(6), append(1, vec![entry(6, 100)])]).unwrap();
    assert_eq!(store.recover().unwrap().hard_state.voted_for, Some(NodeId::new(6)), "it voted");
    let journal = disk.journal();
    let mut replay = Replay::from(Vec::new());
    journal[..honest].iter().for_each(|operation| replay.step(operation));
    journal[honest..].iter().for_each(|operation| replay.step_without_flush(operation));
    let found = reopened(replay.crash(Loss::All, &mut Dice::new(1))).unwrap();
    assert_eq!(found, before);
    assert_eq!(found.hard_state.voted_for, Some(NodeId::new(4)), "and does not know it");
    assert_eq!(reopened(copy).unwrap(), before, "nor does one that begins from an older copy of the file");
}

/// What came of a store whose disk lied while it lived.
struct Lived {
    /// What was acknowledged, and how many operations there had been by then.
    known: Vec<(usize, Recovered)>,
    /// Whether something was refused.
    is_refused: bool,
    /// What was being written then: whoever reads the store back finds all of it or none.
    unsaid: Option<Recovered>,
}

impl Lived {
    fn new(known: Recovered) -> Self {
        Self { known: vec![(0, known)], is_refused: false, unsaid: None }
    }

    /// Returns what the store ought to hold.
    fn expected(&self) -> Recovered {
        self.known.last().expect("it began with something").1.clone()
    }

    /// Writes a batch. Returns whether the store took it.
    fn write(&mut self, store: &mut RedbStore, disk: &Disk, batch: &[Record]) -> bool {
        let next = fold(&self.expected(), batch);
        if store.write(batch).is_ok() {
            self.known.push((disk.operations(), next));
            return true;
        }
        (self.is_refused, self.unsaid) = (true, Some(next));
        false
    }

    /// Opens a store, has it written and read back, and opens it again, as long as nothing is refused; nothing that it
    /// gives back may be anything else than what was acknowledged.
    fn go_on(&mut self, disk: &Disk, dice: &mut Dice) {
        for _ in 0..3 {
            let Ok(mut store) = open(disk) else {
                self.is_refused = true;
                return;
            };
            for _ in 0..6 {
                let batch = next_batch(&self.expected(), dice);
                if !self.write(&mut store, disk, &batch) {
                    return;
                }
            }
            match store.recover() {
                Ok(found) => assert_eq!(found, self.expected()),
                Err(_) => self.is_refused = true,
            }
        }
    }

    /// Returns what is found afterwards; that something was refused on the way counts, too.
    fn found(&self, bytes: Vec<u8>, what: &dyn Fn() -> String) -> Found {
        if let Some(unsaid) = &self.unsaid
            && reopened(bytes.clone()).is_ok_and(|found| found == *unsaid)
        {
            return Found::Refused;
        }
        match found_of(&self.known, bytes, what) {
            Found::Whole if self.is_refused => Found::Refused,
            found @ (Found::Whole | Found::Older | Found::Refused) => found,
        }
    }
}

/// Tells lives of a store on a disk that lies once, and returns what came of them.
fn lied_to(lie: Lie, honest_max: usize) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds(HISTORIES) {
        let mut dice = Dice::new(seed);
        for _ in 0..LIVES {
            let honest = dice.roll(honest_max);
            let disk = Disk::default();
            drop(create(&disk));
            let disk = disk.lying(lie, honest, Dice::new(dice.roll(1 << 30) as u64));
            let mut lived = Lived::new(Recovered::default());
            lived.go_on(&disk, &mut dice);
            assert!(disk.has_lied(), "history {seed}: {lie:?} did not come to pass");
            let what = || format!("history {seed}: {lie:?} after {honest}, and {} writes", lived.known.len() - 1);
            tally.count(lived.found(disk.bytes(), &what));
        }
    }
    tally
}

#[test]
fn a_store_that_is_lied_to_while_it_lives_never_goes_back_and_never_invents() {
    for (lie, honest_max) in [(Lie::LosesWrite, 150), (Lie::Misdirects, 150), (Lie::ReadsStale, 40), (Lie::Rots, 40)] {
        let tally = lied_to(lie, honest_max);
        assert!(tally.older == 0 && tally.refused >= 10 && tally.whole >= 10, "{lie:?}: {tally:?}");
    }
}

/// A log that does not fit into what the store keeps in memory is read again from the disk as its begin is dropped, and
/// the database does not check what it reads while it is open. The records' own checksums do, when they are read back.
#[test]
fn a_log_that_is_read_again_while_it_is_written_never_loses_or_invents_an_entry() {
    let disk = Disk::default();
    let mut store = create(&disk);
    let mut whole = Recovered::default();
    for batch in 0..40 {
        let records = [append(batch * 200, (0..200).map(|place| entry(1 + batch, 600 + place)).collect())];
        store.write(&records).unwrap();
        whole = fold(&whole, &records);
    }
    drop(store);
    let bytes = disk.bytes();
    let mut dice = Dice::new(20);
    let (mut tally, mut met) = (Tally::default(), 0);
    for number in 0..LARGE_LOGS {
        let disk = Disk::of(bytes.clone());
        let mut store = open(&disk).unwrap();
        let disk = disk.lying(Lie::Rots, dice.roll(40), Dice::new(number));
        let mut lived = Lived::new(whole.clone());
        let mut upto = 0;
        for _ in 0..40 {
            upto += 1 + dice.roll(12) as u64;
            let last = last_of(&lived.expected());
            let dropped = Position::new(Term::new(1 + upto / 200), LogIndex::new(upto));
            let records =
                [Record::Compact { snapshot: snapshot(40, last, 9), dropped }, append(last, vec![entry(40, 900)])];
            if !lived.write(&mut store, &disk, &records) {
                break;
            }
        }
        drop(store);
        met += usize::from(disk.has_lied());
        tally.count(lived.found(disk.bytes(), &|| format!("large log {number}")));
    }
    assert!(tally.older == 0 && tally.refused > 0 && met > LARGE_LOGS as usize / 2, "{tally:?}, and {met} lies");
}

/// A page of the log whose write was lost holds what it held in an older state: entries at the same places, from an older
/// term, each of them whole. As soon as it has left the store's memory it is read again, and as the log's begin is dropped
/// it is built upon.
#[test]
fn a_page_that_came_back_from_an_older_state_and_was_built_upon_is_found() {
    const ENTRIES: u64 = 60;
    let rewritten = |term| append(0, (0..ENTRIES).map(|_| entry(term, 1900)).collect());
    let mut found = 0;
    for honest in (0..40).step_by(4) {
        let disk = Disk::default();
        let mut store = create(&disk);
        let mut lived = Lived::new(Recovered::default());
        // Each term replaces the entries of the one before, and so uses the pages of the one before that.
        for term in 1..9 {
            assert!(lived.write(&mut store, &disk, &[rewritten(term)]));
        }
        let disk = disk.lying(Lie::LosesWrite, honest, Dice::new(1));
        let mut goes_on = lived.write(&mut store, &disk, &[rewritten(9)]);
        // More than the store keeps in memory.
        for batch in 0..25 {
            let pieces = (0..200).map(|_| entry(9, 900)).collect();
            goes_on = goes_on && lived.write(&mut store, &disk, &[append(ENTRIES + batch * 200, pieces)]);
        }
        for upto in 1..ENTRIES {
            let dropped = Position::new(Term::new(9), LogIndex::new(upto));
            let records = [Record::Compact { snapshot: snapshot(9, 1000, 9), dropped }];
            goes_on = goes_on && lived.write(&mut store, &disk, &records);
        }
        drop(store);
        match reopened(disk.bytes()) {
            Ok(read) => {
                assert!(read == lived.expected() || Some(read) == lived.unsaid, "the write after {honest} is lost");
            }
            Err(StoreError::Damaged { why, .. }) => found += usize::from(why.contains("not what was written last")),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(found > 0, "no page was built upon");
}
