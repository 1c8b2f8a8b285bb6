//! The guards, and paths as text.

use std::cell::Cell;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::path::{FollowError, NotAPath};
use super::systems::{Grid, NaiveLock, TwoPhaseCommit, breach};
use super::*;

#[test]
fn an_honest_fingerprint_passes_under_two_seeds() {
    let system = TwoPhaseCommit { managers: 5 };
    assert_eq!(under_two_seeds(&system, [1, 2], &whole()).unwrap(), explore(&system, 1, &whole()));
    assert_eq!(under_two_seeds(&NaiveLock, [1, 2], &whole()).unwrap().breaches.len(), 2);
}

/// A grid whose fingerprint has only so many bits.
struct Blurred {
    grid: Grid,
    bits: u32,
}

impl System for Blurred {
    type State = Vec<u8>;
    type Action = usize;
    type Recall = ();

    fn initial(&self) -> Vec<u8> {
        self.grid.initial()
    }

    fn actions(&self, state: &Vec<u8>, into: &mut Vec<usize>) {
        self.grid.actions(state, into);
    }

    fn step(&self, state: &mut Vec<u8>, action: usize) -> Result<(), Breach> {
        self.grid.step(state, action)
    }

    fn fingerprint(&self, state: &Vec<u8>, seed: u64) -> u128 {
        xxh3_128_with_seed(state, seed) >> (128 - self.bits)
    }
}

#[test]
fn a_fingerprint_that_merges_states_is_told_by_the_counts_under_another_seed() {
    let blurred = |bits| Blurred { grid: Grid { directions: 4, side: 10 }, bits };
    assert_eq!(under_two_seeds(&blurred(100), [1, 2], &whole()).unwrap().unique, 10_000);
    let disagreement = under_two_seeds(&blurred(20), [1, 2], &whole()).unwrap_err();
    assert!(disagreement.reports.iter().all(|report| report.unique < 10_000), "{disagreement}");
    assert!(disagreement.to_string().contains("merges states"), "{disagreement}");
}

/// What a moody system does every thousandth time.
#[derive(Clone, Copy)]
enum Mood {
    StepsElsewhere,
    BreaksOnce,
    ListsOtherwise,
}

/// A grid that remembers, behind the back of the explorer, how often it was asked.
struct Moody {
    grid: Grid,
    asked: Cell<u32>,
    mood: Mood,
}

impl Moody {
    fn is_in_a_mood(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get().is_multiple_of(1000)
    }
}

impl System for Moody {
    type State = Vec<u8>;
    type Action = usize;
    type Recall = ();

    fn initial(&self) -> Vec<u8> {
        self.grid.initial()
    }

    fn actions(&self, state: &Vec<u8>, into: &mut Vec<usize>) {
        self.grid.actions(state, into);
        if matches!(self.mood, Mood::ListsOtherwise) && self.is_in_a_mood() {
            into.reverse();
            into.extend(into.first().copied());
        }
    }

    fn step(&self, state: &mut Vec<u8>, action: usize) -> Result<(), Breach> {
        match self.mood {
            Mood::StepsElsewhere if self.is_in_a_mood() => state[action] = 0,
            Mood::BreaksOnce if self.is_in_a_mood() => return Err(breach("it is in a good mood")),
            Mood::StepsElsewhere | Mood::BreaksOnce | Mood::ListsOtherwise => self.grid.step(state, action)?,
        }
        Ok(())
    }

    fn fingerprint(&self, state: &Vec<u8>, seed: u64) -> u128 {
        self.grid.fingerprint(state, seed)
    }
}

#[test]
fn every_kind_of_mood_is_a_breach() {
    for mood in [Mood::StepsElsewhere, Mood::BreaksOnce, Mood::ListsOtherwise] {
        let moody = Moody { grid: Grid { directions: 4, side: 9 }, asked: Cell::new(0), mood };
        let report = explore(&Double::one_in(&moody, 1), 5, &Options::default());
        assert_eq!(report.outcome, Outcome::Broken);
        assert_eq!(report.breaches[0].breach.invariant, "explored-steps-are-deterministic");
        assert_eq!(report.breaches[0].breach.facts.len(), 2);
    }
}

#[test]
fn a_sample_of_the_steps_meets_a_mood_and_finds_none_where_there_is_none() {
    let grid = || Grid { directions: 5, side: 9 };
    let moody = Moody { grid: grid(), asked: Cell::new(0), mood: Mood::StepsElsewhere };
    let report = explore(&Double::new(&moody), 5, &Options::default());
    assert_eq!(report.breaches[0].breach.invariant, "explored-steps-are-deterministic");
    let honest = grid();
    assert_eq!(explore(&Double::new(&honest), 5, &whole()), explore(&honest, 5, &whole()));
    assert_eq!(explore(&Double::one_in(&NaiveLock, 0), 5, &whole()), explore(&NaiveLock, 5, &whole()));
}

#[test]
fn a_path_is_text_and_back() {
    let report = explore(&NaiveLock, 5, &Options::default());
    let path = &report.breaches[0].path;
    assert_eq!(path.to_string(), "0 1 0 1");
    assert_eq!(path.to_string().parse().as_ref(), Ok(path));
    let told = path.told(&NaiveLock);
    assert_eq!(told, "0 # Look(0)\n1 # Look(1)\n0 # Enter(0)\n1 # Enter(1)\n");
    assert_eq!(told.parse().as_ref(), Ok(path));
    assert_eq!("# nothing\n\n".parse(), Ok(Path::default()));
    assert_eq!("1 # one\n2 65536".parse::<Path>(), Err(NotAPath { line: 2, word: "65536".to_owned() }));
    let error = "x".parse::<Path>().unwrap_err();
    assert_eq!(error.to_string(), "line 1: `x` is not a number from 0 to 65535");
}

#[test]
fn a_path_that_cannot_be_followed_names_the_step() {
    assert_eq!(follow(&NaiveLock, &[]).unwrap().state, [0, 0, 0]);
    let error = follow(&NaiveLock, &[0, 1, 9, 0]).unwrap_err();
    assert_eq!(error, FollowError::NotEnabled { step: 3, place: 9, enabled: 3 });
    assert_eq!(error.to_string(), "step 3 takes the action at place 9, but only 3 are enabled");
    assert_eq!(Path(vec![0, 9]).told(&NaiveLock), "0 # Look(0)\n9 # not enabled\n");
}

/// A system of one action that breaks at once.
struct Fragile;

impl System for Fragile {
    type State = ();
    type Action = ();
    type Recall = ();

    fn initial(&self) {}

    fn actions(&self, (): &(), into: &mut Vec<()>) {
        into.push(());
    }

    fn step(&self, (): &mut (), (): ()) -> Result<(), Breach> {
        Err(breach("it is never touched"))
    }

    fn fingerprint(&self, (): &(), seed: u64) -> u128 {
        seed.into()
    }
}

#[test]
fn nothing_follows_a_broken_step() {
    let walk = follow(&Fragile, &[0]).unwrap();
    assert_eq!(walk.breach.unwrap().invariant, "it is never touched");
    let error = follow(&Fragile, &[0, 0]).unwrap_err();
    assert!(matches!(error, FollowError::BrokenBefore { step: 1, .. }), "{error}");
    let report = explore(&Fragile, 5, &whole());
    assert_eq!((report.outcome, report.unique, report.generated, report.depth), (Outcome::Complete, 1, 1, 0));
    assert_eq!(report.breaches[0].path, Path(vec![0]));
}
