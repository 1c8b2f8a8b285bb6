//! Histories of a store on a disk in memory, and what is found of them after it was tampered with.

use super::*;

/// One run of a store: what it would give back after each acknowledgement, and when that came.
pub(super) struct Run {
    pub(super) disk: Disk,
    /// What was acknowledged from the blank store on, and how many operations there had been by then.
    pub(super) acknowledged: Vec<(usize, Recovered)>,
    /// How many operations there were before the store was closed.
    pub(super) written: usize,
    /// What was handed over last, if the disk refused it.
    pub(super) refused: Option<(StoreError, Recovered)>,
}

impl Run {
    /// Writes until all is written or the disk refuses, and closes the store.
    pub(super) fn on(disk: &Disk, seed: u64, batches: usize) -> Self {
        let mut dice = Dice::new(seed);
        let mut run = Self { disk: disk.clone(), acknowledged: Vec::new(), written: 0, refused: None };
        let mut store = match RedbStore::over(disk.clone(), "the disk", Opening::Create(owner())) {
            Ok(store) => store,
            Err(error) => {
                run.refused = Some((error, Recovered::default()));
                return run;
            }
        };
        let mut expected = Recovered::default();
        run.acknowledged.push((disk.operations(), expected.clone()));
        for _ in 0..batches {
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
        run.written = disk.operations();
        run
    }

    /// Returns what was acknowledged up to so many operations.
    pub(super) fn known(&self, operations: usize) -> &[(usize, Recovered)] {
        &self.acknowledged[..self.acknowledged.partition_point(|(at, _)| *at <= operations)]
    }

    /// Requires that a store is what was acknowledged after so many operations, or what was being written.
    pub(super) fn require(&self, operations: usize, found: &Result<Recovered, StoreError>, what: &str) {
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

/// What is found on a disk that lied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing that is missing: all that was acknowledged.
    Whole,
    /// What was acknowledged once and then added to, as if nothing had been.
    Older,
    /// A store that is refused, with what does not fit.
    Refused,
}

/// Returns what is found of a history; it may be no other than what was acknowledged at some time, or a refusal with a
/// reason.
pub(super) fn found_of(acknowledged: &[(usize, Recovered)], bytes: Vec<u8>, what: &dyn Fn() -> String) -> Found {
    let found = match reopened(bytes) {
        Err(StoreError::Damaged { why, .. }) => {
            assert!(!why.is_empty(), "{}: it is refused for no reason", what());
            return Found::Refused;
        }
        Err(StoreError::Version { .. }) => return Found::Refused,
        Err(other) => panic!("{}: {other}", what()),
        Ok(found) => found,
    };
    match acknowledged.iter().rev().position(|(_, expected)| *expected == found) {
        Some(0) => Found::Whole,
        Some(_) => Found::Older,
        None => panic!("{}: nobody ever acknowledged {found:?}", what()),
    }
}

/// Returns the seeds of so many histories, or of as many as `DELIAN_STORE_SEEDS` asks for.
pub(super) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("DELIAN_STORE_SEEDS").ok();
    0..asked.map_or(usual, |asked| asked.parse().expect("DELIAN_STORE_SEEDS is a number of histories"))
}
