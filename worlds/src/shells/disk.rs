//! The disk of a process under the store that ships: it takes time, hangs, fills up, rots, and loses with the power any
//! part of what it was still writing.
//!
//! The store's calls take no simulated time, so a write is done at once and then on its way to the disk for as long as a
//! flush takes. A crash in between strikes at any of its operations. Its flushes do not lie: scenarios have no such fault,
//! and what comes of one is shown by the tests of the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delian_core::Seed;
use delian_core::raft::{Record, Recovered};
use delian_shell::store::disk::{Dice, Disk, Loss, Trouble};
use delian_shell::store::{Opening, Owner, RedbStore, Store, StoreError};
use delian_sim::scenario::{Latency, Shape};
use madsim::time::Instant;

use super::clock::now;

/// How soon it is looked again whether a disk that hangs has come back.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many bits are tried until one is met that is in use.
const FLIPS_MAX: usize = 10_000;

/// What came of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rot {
    /// The store refuses what is there.
    Noticed,
    /// There was nothing yet that could be damaged.
    Unnoticed,
}

/// The disk of one process through all its runs; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Drive(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    disk: Disk,
    flush: Latency,
    is_stalled: bool,
    busy_until: Option<Instant>,
    dice: Dice,
}

impl Drive {
    /// Returns an empty disk.
    pub(super) fn new(flush: Latency, seed: Seed) -> Self {
        let dice = Dice::new(seed.derive("disk", 0).get());
        let state = State { disk: Disk::default(), flush, is_stalled: false, busy_until: None, dice };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Opens the store on it, or makes one on an empty disk.
    pub(super) fn open(&self, owner: &Owner, name: &str) -> Result<WorldStore, StoreError> {
        let disk = self.state().disk.clone();
        let is_new = disk.bytes().is_empty();
        let opening = if is_new { Opening::Create(owner.clone()) } else { Opening::Expect(owner.clone()) };
        let store = RedbStore::over(disk.clone(), format!("the disk of {name}"), opening)?;
        // Nothing was promised to anybody yet that could be lost.
        disk.settle();
        Ok(WorldStore { store, disk, drive: self.clone() })
    }

    /// Loses the power. What is found later is what was kept, and any part of what was on its way.
    pub(super) fn lose_power(&self) {
        let mut state = self.state();
        let State { disk, dice, .. } = &mut *state;
        let loss = Loss::EVERY[dice.roll(Loss::EVERY.len())];
        let found = disk.lose_power(loss, dice);
        state.disk = Disk::of(found);
        state.busy_until = None;
    }

    /// Flips bits of what it keeps, one after the other, until the store notices: not every byte of a file is in use.
    ///
    /// # Errors
    ///
    /// Returns what the store took damaged bytes for, if it takes them for anything else than what was written.
    pub(super) fn rot(&self, owner: &Owner, name: &str) -> Result<Rot, String> {
        let mut state = self.state();
        let mut bytes = state.disk.bytes();
        let look = |bytes: &[u8]| {
            let place = format!("the disk of {name}");
            RedbStore::over(Disk::of(bytes.to_vec()), place, Opening::Expect(owner.clone()))?.recover()
        };
        let Ok(whole) = look(&bytes) else { return Ok(Rot::Unnoticed) };
        for _ in 0..FLIPS_MAX {
            let (at, bit) = (state.dice.roll(bytes.len()), state.dice.roll(8));
            // Zeros are mostly where nothing is.
            if bytes[at] == 0 {
                continue;
            }
            bytes[at] ^= 1 << bit;
            match look(&bytes) {
                Ok(found) if found == whole => {}
                Ok(found) => return Err(format!("bit {bit} of byte {at} of {name} made {found:?} of {whole:?}")),
                Err(StoreError::Damaged { .. } | StoreError::Version { .. }) => {
                    state.disk = Disk::of(bytes);
                    return Ok(Rot::Noticed);
                }
                Err(other) => return Err(format!("bit {bit} of byte {at} of {name} was taken for: {other}")),
            }
        }
        Ok(Rot::Unnoticed)
    }

    /// Sets how it fares.
    pub(super) fn set(&self, flush: Latency, is_stalled: bool, is_full: bool) {
        let mut state = self.state();
        (state.flush, state.is_stalled) = (flush, is_stalled);
        state.disk.set_trouble(is_full.then_some(Trouble::Full { from: 0 }));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Draws how long a flush takes.
    fn draw(&mut self) -> Duration {
        let Latency { least, most, shape } = self.flush;
        let width = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
        let mut roll = || self.dice.roll(1 << 20) as u64;
        let drawn = match shape {
            Shape::Uniform => roll() << 20,
            // The square of a uniform draw, as the simulator has it.
            Shape::Skewed => roll().pow(2),
        };
        least + Duration::from_nanos(((u128::from(width) * u128::from(drawn)) >> 40) as u64)
    }
}

/// The store that ships, on such a disk.
#[derive(Debug)]
pub(super) struct WorldStore {
    store: RedbStore,
    disk: Disk,
    drive: Drive,
}

impl Store for WorldStore {
    fn owner(&self) -> &Owner {
        self.store.owner()
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.store.recover()
    }

    fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.store.write(records)?;
        let mut state = self.drive.state();
        let takes = state.draw();
        state.busy_until = Some(now() + takes);
        Ok(())
    }

    fn is_busy_for(&mut self) -> Duration {
        let mut state = self.drive.state();
        let Some(until) = state.busy_until else { return Duration::ZERO };
        let left = until.saturating_duration_since(now());
        if state.is_stalled {
            return left.max(LOOK_EVERY);
        }
        if left.is_zero() {
            state.busy_until = None;
            self.disk.settle();
        }
        left
    }
}
