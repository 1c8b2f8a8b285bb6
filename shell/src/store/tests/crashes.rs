//! What was acknowledged outlives a loss of power at any moment, again and again.
//!
//! `DELIAN_STORE_SEEDS=1000 cargo test --release -p delian-shell --lib store::tests::crashes` tells a thousand histories.

use super::super::disk::{Loss, Operation, Replay};
use super::run::{Run, seeds};
use super::*;

/// How many histories are told here, and how many batches each has.
const HISTORIES: u64 = 10;
const BATCHES: usize = 25;

/// How many times a store loses its power in a row, and how many batches it is given in between.
const LIVES: usize = 40;
const BATCHES_OF_A_LIFE: usize = 4;

/// How many moments the first test must have looked at for each history.
const POINTS_LEAST: usize = 1_000;

#[test]
fn at_no_operation_does_a_loss_of_power_take_back_what_was_acknowledged() {
    let mut points = 0;
    for seed in seeds(HISTORIES) {
        let run = Run::on(&Disk::default(), seed, BATCHES);
        assert!(run.refused.is_none(), "the disk is well");
        let journal = run.disk.journal();
        // Before the store is made nothing is promised, and a directory takes no notice of what is there.
        let begun = run.acknowledged[0].0;
        let (mut dice, mut replay) = (Dice::new(seed), Replay::from(Vec::new()));
        for (operation, number) in journal.iter().zip(1..) {
            replay.step(operation);
            // Right after a flush nothing can be lost, in whichever way.
            let ways = if let Operation::Flush = operation { &[Loss::All] } else { &Loss::EVERY[..] };
            for loss in ways.iter().filter(|_| number >= begun) {
                let found = reopened(replay.crash(*loss, &mut dice));
                run.require(number, &found, &format!("history {seed}, {loss:?} after operation {number}"));
                points += 1;
            }
        }
    }
    let least = POINTS_LEAST * seeds(HISTORIES).count();
    assert!(points >= least, "{points} losses of power, and {least} are the least");
}

/// One life of a store on what a loss of power left: opened, repaired, written on, and lost again at any moment of that.
struct Life {
    journal: Vec<Operation>,
    /// What it was found with, and what was acknowledged after how many operations.
    acknowledged: Vec<(usize, Recovered)>,
}

impl Life {
    fn on(bytes: Vec<u8>, may_be: &[Recovered], dice: &mut Dice, what: &str) -> Self {
        let disk = Disk::of(bytes);
        let mut store = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut expected = store.recover().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(may_be.contains(&expected), "{what}: it is {expected:?}");
        let mut acknowledged = vec![(0, expected.clone())];
        for _ in 0..dice.roll(BATCHES_OF_A_LIFE + 1) {
            let batch = next_batch(&expected, dice);
            store.write(&batch).unwrap_or_else(|error| panic!("{what}: it does not write on: {error}"));
            expected = fold(&expected, &batch);
            acknowledged.push((disk.operations(), expected.clone()));
        }
        // Most nodes are killed, and some are stopped.
        let journal = if dice.roll(3) == 0 {
            drop(store);
            disk.journal()
        } else {
            disk.journal()
        };
        Self { journal, acknowledged }
    }

    /// Returns what may be found if the power is lost after so many operations.
    fn may_be(&self, operations: usize) -> Vec<Recovered> {
        let known = self.acknowledged.partition_point(|(at, _)| *at <= operations);
        let next = self.acknowledged.len().min(known + 1);
        self.acknowledged[known - 1..next].iter().map(|(_, state)| state.clone()).collect()
    }
}

#[test]
fn a_store_that_loses_its_power_again_and_again_keeps_all_of_it_and_writes_on() {
    let (mut points, mut during_repair) = (0, 0);
    for seed in seeds(HISTORIES) {
        let mut dice = Dice::new(1_000 + seed);
        let disk = Disk::default();
        drop(create(&disk));
        let (mut bytes, mut may_be) = (disk.bytes(), vec![Recovered::default()]);
        for number in 0..LIVES {
            let what = format!("history {seed}, life {number}");
            let begin = bytes.clone();
            let life = Life::on(bytes, &may_be, &mut dice, &what);
            let lost_at = dice.roll(life.journal.len() + 1);
            let mut replay = Replay::from(begin);
            life.journal[..lost_at].iter().for_each(|operation| replay.step(operation));
            bytes = replay.crash(Loss::EVERY[dice.roll(Loss::EVERY.len())], &mut dice);
            may_be = life.may_be(lost_at);
            points += 1;
            during_repair += usize::from(life.acknowledged.get(1).is_none_or(|(first, _)| lost_at < *first));
        }
    }
    let lives = LIVES * seeds(HISTORIES).count();
    assert!(points == lives && during_repair * 8 > lives, "{during_repair} of {points} were lost before a write");
}
