//! What was acknowledged outlives a loss of power at any moment, a full disk and a refused flush.

use super::super::disk::{Loss, Replay, Trouble};
use super::*;

/// How many batches a run writes.
const BATCHES: usize = 60;

/// One run of a store: what it would give back after each acknowledgement, and when that came.
struct Run {
    disk: Disk,
    /// What was acknowledged in the end, before it, and so on back to a blank store; by how many operations that took.
    acknowledged: Vec<(usize, Recovered)>,
    /// What was handed over last, if the disk refused it.
    refused: Option<(StoreError, Recovered)>,
}

impl Run {
    /// Writes until all is written or the disk refuses, and closes the store.
    fn on(disk: &Disk, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut run = Self { disk: disk.clone(), acknowledged: Vec::new(), refused: None };
        let mut store = match RedbStore::over(disk.clone(), "the disk", Opening::Create(owner())) {
            Ok(store) => store,
            Err(error) => {
                run.refused = Some((error, Recovered::default()));
                return run;
            }
        };
        let mut expected = Recovered::default();
        run.acknowledged.push((disk.operations(), expected.clone()));
        for _ in 0..BATCHES {
            let batch = next_batch(&expected, &mut dice);
            let next = fold(&expected, &batch);
            match store.write(&batch) {
                Ok(()) => {
                    expected = next;
                    run.acknowledged.push((disk.operations(), expected.clone()));
                }
                Err(error) => {
                    assert!(matches!(store.write(&[hard_state(1)]), Err(StoreError::Io { .. })), "it writes on");
                    run.refused = Some((error, next));
                    break;
                }
            }
        }
        run
    }

    /// Requires that a store is what was acknowledged after so many operations, or what was being written.
    fn require(&self, operations: usize, found: &Result<Recovered, StoreError>, what: &str) {
        let known = self.acknowledged.partition_point(|(at, _)| *at <= operations);
        let Ok(found) = found else { panic!("{what}: {found:?}") };
        let may_be = [known.checked_sub(1), Some(known)];
        let is = may_be
            .into_iter()
            .flatten()
            .any(|place| self.acknowledged.get(place).is_some_and(|(_, expected)| expected == found));
        assert!(is, "{what}: after {known} acknowledgements it is {found:?}");
    }
}

#[test]
fn no_loss_of_power_takes_back_what_was_acknowledged() {
    let run = Run::on(&Disk::default(), 1);
    assert!(run.refused.is_none(), "the disk is well");
    let journal = run.disk.journal();
    let begun = run.acknowledged[0].0;
    let mut dice = Dice::new(2);
    for loss in Loss::EVERY {
        let mut replay = Replay::from(Vec::new());
        let mut crashes = 0;
        for (operation, number) in journal.iter().zip(1..) {
            replay.step(operation);
            // Before the store is made nothing is promised, and a directory takes no notice of what is there.
            if number < begun || dice.roll(journal.len()) > 400 {
                continue;
            }
            let found = reopened(replay.crash(loss, &mut dice));
            run.require(number, &found, &format!("{loss:?} after operation {number}"));
            crashes += 1;
        }
        assert!(crashes >= 250, "{loss:?} was looked at {crashes} times");
    }
}

#[test]
fn a_loss_of_power_while_a_store_is_repaired_takes_nothing_back() {
    let run = Run::on(&Disk::default(), 3);
    let journal = run.disk.journal();
    let begun = run.acknowledged[0].0;
    let mut dice = Dice::new(4);
    let mut replay = Replay::from(Vec::new());
    let mut crashes = 0;
    for (operation, number) in journal.iter().zip(1..) {
        replay.step(operation);
        if number < begun || dice.roll(journal.len()) > 25 {
            continue;
        }
        let bytes = replay.crash(Loss::Sectors, &mut dice);
        let disk = Disk::of(bytes.clone());
        drop(open(&disk).expect("a loss of power leaves a store that opens"));
        let repair = disk.journal();
        let mut again = Replay::from(bytes);
        for operation in &repair {
            again.step(operation);
            if dice.roll(4) == 0 {
                let found = reopened(again.crash(Loss::EVERY[dice.roll(5)], &mut dice));
                run.require(number, &found, &format!("twice, first after operation {number}"));
                crashes += 1;
            }
        }
    }
    assert!(crashes >= 100, "{crashes} moments of a repair were looked at");
}

#[test]
fn a_disk_that_refuses_leaves_what_was_acknowledged() {
    let operations = Run::on(&Disk::default(), 5).disk.operations();
    let troubles: [fn(usize) -> Trouble; 3] =
        [|from| Trouble::Full { from }, |from| Trouble::NoFlush { from }, |at| Trouble::OneFlush { at }];
    for trouble in troubles {
        let mut refused = 0;
        for at in (0..operations).step_by((operations / 40).max(1)) {
            let run = Run::on(&Disk::default().with(trouble(at)), 5);
            let Some((error, next)) = &run.refused else { continue };
            assert!(matches!(error, StoreError::Io { .. }), "{:?}: {error}", trouble(at));
            refused += 1;
            let Some((_, acknowledged)) = run.acknowledged.last() else { continue };
            // The process ends and begins again, and the power is lost as well.
            for bytes in [run.disk.bytes(), run.disk.flushed()] {
                let found = reopened(bytes).expect("a refusal damages nothing");
                let whole = found == *acknowledged || found == *next;
                assert!(whole, "{:?}: it is {found:?}", trouble(at));
            }
        }
        assert!(refused >= 35, "{:?} was met {refused} times", trouble(0));
    }
}
