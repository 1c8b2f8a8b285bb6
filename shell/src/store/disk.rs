//! A disk in memory that loses power and refuses, within what disks promise: what was flushed stays, and of what was not
//! any part may. And one that lies: a write is lost or lands elsewhere, a flush keeps nothing, a read brings what was there
//! before.
//!
//! It notes every operation, so each moment of one run can be looked at as the one at which the power was lost. Tests look
//! at all of them; a simulated world lets one come about, and has the disk forget what can be lost no more.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// The least that a disk writes as a whole.
pub const SECTOR_BYTES: usize = 512;

/// A disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What was flushed before the first operation of the journal.
    base: Vec<u8>,
    journal: Vec<Operation>,
    trouble: Option<Trouble>,
    liar: Option<Liar>,
    /// Whether the power was lost: whoever still holds this disk gets nothing from it any more.
    is_dead: bool,
}

/// What changes a disk.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Bytes are written, for readers at once.
    Write {
        /// Where.
        offset: usize,
        /// Which.
        data: Vec<u8>,
    },
    /// The disk becomes so long.
    SetLength(usize),
    /// All before it will survive a loss of power.
    Flush,
}

/// What a disk refuses, from how many operations on.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// There is no space.
    Full {
        /// The number of the first such operation.
        from: usize,
    },
    /// Flushes fail.
    NoFlush {
        /// The number of the first such operation.
        from: usize,
    },
    /// One flush fails and later ones do not, as on Linux.
    OneFlush {
        /// From which operation on.
        at: usize,
    },
}

/// What a disk does otherwise than it says, once.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// A write is kept nowhere.
    LosesWrite,
    /// A write lands at another place of the same file.
    Misdirects,
    /// A read brings, in one of its sectors, what was there before that was written last.
    ReadsStale,
    /// A read brings a flipped bit, and that bit stays flipped.
    Rots,
}

/// A disk's next lie.
#[derive(Debug)]
struct Liar {
    lie: Lie,
    /// How many more writes, or reads for one that is about them, it is honest.
    honest: usize,
    has_lied: bool,
    dice: Dice,
    /// What each sector held before it was written last.
    former: BTreeMap<usize, Vec<u8>>,
}

/// What becomes of writes that were not flushed as the power is lost.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// All are lost.
    All,
    /// Some first ones are kept.
    Later,
    /// Each is kept or lost by itself.
    Some,
    /// Each sector of each is kept or lost by itself.
    Sectors,
    /// Each is kept up to a byte in its middle.
    Torn,
}

impl Loss {
    /// Every kind of loss.
    pub const EVERY: [Self; 5] = [Self::All, Self::Later, Self::Some, Self::Sectors, Self::Torn];
}

/// Numbers that look random and are the same each time (Marsaglia 2003).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Returns dice that roll the same for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

impl Disk {
    /// Returns a disk on which these bytes were flushed.
    pub fn of(bytes: Vec<u8>) -> Self {
        let state = State { base: bytes.clone(), bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Has the disk refuse, from some operation on.
    #[must_use]
    pub fn with(self, trouble: Trouble) -> Self {
        self.set_trouble(Some(trouble));
        self
    }

    /// Has the disk refuse from some operation on, or no more.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// Has the disk lie once, after so many honest writes, or honest reads for a lie about them.
    #[must_use]
    pub fn lying(self, lie: Lie, honest: usize, dice: Dice) -> Self {
        self.state().liar = Some(Liar { lie, honest, has_lied: false, dice, former: BTreeMap::new() });
        self
    }

    /// Returns whether the disk has lied.
    pub fn has_lied(&self) -> bool {
        self.state().liar.as_ref().is_some_and(|liar| liar.has_lied)
    }

    /// Returns what a reader sees.
    pub fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// Returns what is left if the power is lost and all that was not flushed with it.
    pub fn flushed(&self) -> Vec<u8> {
        let state = self.state();
        let mut replay = Replay::from(state.base.clone());
        state.journal.iter().for_each(|operation| replay.step(operation));
        replay.flushed
    }

    /// Takes what was written so far as kept for good, and forgets how it came there.
    pub fn settle(&self) {
        let mut state = self.state();
        let State { base, journal, .. } = &mut *state;
        journal.drain(..).for_each(|operation| apply(base, &operation));
    }

    /// Loses the power at some moment since the disk was last [settled](Disk::settle). Returns what is found when it is
    /// back; this disk refuses everything from here on.
    pub fn lose_power(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
        let mut state = self.state();
        state.is_dead = true;
        let reached = dice.roll(state.journal.len() + 1);
        let mut replay = Replay::from(std::mem::take(&mut state.base));
        state.journal[..reached].iter().for_each(|operation| replay.step(operation));
        replay.crash(loss, dice)
    }

    /// Returns how many operations there were.
    pub fn operations(&self) -> usize {
        self.state().journal.len()
    }

    /// Returns all operations.
    pub fn journal(&self) -> Vec<Operation> {
        self.state().journal.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation of a disk panics")
    }
}

impl State {
    /// Notes an operation and performs it, unless the disk refuses.
    fn perform(&mut self, operation: Operation) -> Result<(), Error> {
        if self.is_dead {
            return Err(no_power());
        }
        let number = self.journal.len();
        let refusal = match (self.trouble, &operation) {
            (Some(Trouble::Full { from }), Operation::Write { .. } | Operation::SetLength(_)) if number >= from => {
                Some(Error::new(ErrorKind::StorageFull, "the disk is full"))
            }
            (Some(Trouble::NoFlush { from }), Operation::Flush) if number >= from => {
                Some(Error::other("the disk does not flush"))
            }
            (Some(Trouble::OneFlush { at }), Operation::Flush) if number >= at => {
                self.trouble = None;
                Some(Error::other("the disk did not flush"))
            }
            _ => None,
        };
        if let Some(error) = refusal {
            return Err(error);
        }
        if let Some(done) = self.falsified(operation) {
            apply(&mut self.bytes, &done);
            self.journal.push(done);
        }
        Ok(())
    }

    /// Returns what is done where an operation is asked for: another one or none, if the disk lies about it.
    fn falsified(&mut self, operation: Operation) -> Option<Operation> {
        let (Some(liar), Operation::Write { offset, data }) = (&mut self.liar, &operation) else {
            return Some(operation);
        };
        let lies = matches!(liar.lie, Lie::LosesWrite | Lie::Misdirects) && liar.is_due();
        match liar.lie {
            Lie::LosesWrite if lies => None,
            Lie::Misdirects if lies => {
                let sectors = self.bytes.len().saturating_sub(data.len()) / SECTOR_BYTES;
                let offset = SECTOR_BYTES * liar.dice.roll(sectors + 1);
                Some(Operation::Write { offset, data: data.clone() })
            }
            Lie::ReadsStale => {
                for sector in offset / SECTOR_BYTES..(offset + data.len()).div_ceil(SECTOR_BYTES) {
                    let held = self.bytes.get(sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES);
                    held.and_then(|held| liar.former.insert(sector, held.to_vec()));
                }
                Some(operation)
            }
            Lie::LosesWrite | Lie::Misdirects | Lie::Rots => Some(operation),
        }
    }

    /// Lies about a read, if it is time for that.
    fn misread(&mut self, offset: usize, out: &mut [u8]) {
        let Some(liar) = &mut self.liar else { return };
        if !matches!(liar.lie, Lie::ReadsStale | Lie::Rots) || out.is_empty() || !liar.is_due() {
            return;
        }
        let at = liar.dice.roll(out.len());
        if let Lie::Rots = liar.lie {
            out[at] ^= 1 << liar.dice.roll(8);
            self.bytes[offset + at] = out[at];
            return;
        }
        let sector = (offset + at) / SECTOR_BYTES;
        let Some(former) = liar.former.get(&sector) else {
            // It was never written over: another read will do.
            liar.has_lied = false;
            return;
        };
        for (place, byte) in (sector * SECTOR_BYTES..).zip(former) {
            if let Some(there) = place.checked_sub(offset).and_then(|place| out.get_mut(place)) {
                *there = *byte;
            }
        }
    }
}

impl Liar {
    fn is_due(&mut self) -> bool {
        let is_due = !self.has_lied && self.honest == 0;
        self.honest = self.honest.saturating_sub(1);
        self.has_lied |= is_due;
        is_due
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let mut state = self.state();
        if state.is_dead {
            return Err(no_power());
        }
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(out.len())?));
        let found = range.and_then(|range| state.bytes.get(range));
        out.copy_from_slice(found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        state.misread(offset as usize, out);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.state().perform(Operation::SetLength(len as usize))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.state().perform(Operation::Flush)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.state().perform(Operation::Write { offset: offset as usize, data: data.to_vec() })
    }
}

fn no_power() -> Error {
    Error::other("the power was lost")
}

/// A run of a disk, moment by moment.
#[derive(Debug)]
pub struct Replay<'a> {
    flushed: Vec<u8>,
    pending: Vec<&'a Operation>,
}

impl<'a> Replay<'a> {
    /// Begins with a disk on which these bytes were flushed.
    pub fn from(flushed: Vec<u8>) -> Self {
        Self { flushed, pending: Vec::new() }
    }

    /// Goes on by one operation.
    pub fn step(&mut self, operation: &'a Operation) {
        if let Operation::Flush = operation {
            for pending in self.pending.drain(..) {
                apply(&mut self.flushed, pending);
            }
        } else {
            self.pending.push(operation);
        }
    }

    /// Goes on by one operation, and takes a flush for a lie: what came before it may be lost like all that comes later.
    pub fn step_without_flush(&mut self, operation: &'a Operation) {
        if !matches!(operation, Operation::Flush) {
            self.pending.push(operation);
        }
    }

    /// Returns what a reader sees at this moment.
    pub fn seen(&self) -> Vec<u8> {
        let mut bytes = self.flushed.clone();
        self.pending.iter().for_each(|operation| apply(&mut bytes, operation));
        bytes
    }

    /// Returns what is found after the power is lost at this moment.
    pub fn crash(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.flushed.clone();
        let kept = dice.roll(self.pending.len() + 1);
        for (place, operation) in self.pending.iter().enumerate() {
            match (loss, operation) {
                (Loss::Later, _) if place < kept => apply(&mut bytes, operation),
                (Loss::All | Loss::Later, _) => {}
                (Loss::Sectors, Operation::Write { offset, data }) => {
                    for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                        if dice.roll(2) == 0 {
                            write(&mut bytes, offset + number * SECTOR_BYTES, sector);
                        }
                    }
                }
                (Loss::Torn, Operation::Write { offset, data }) => {
                    write(&mut bytes, *offset, &data[..dice.roll(data.len() + 1)]);
                }
                (Loss::Some | Loss::Sectors | Loss::Torn, operation) => {
                    if dice.roll(2) == 0 {
                        apply(&mut bytes, operation);
                    }
                }
            }
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Write { offset, data } => write(bytes, *offset, data),
        Operation::SetLength(length) => bytes.resize(*length, 0),
        Operation::Flush => {}
    }
}

/// Writes as a file system does: what lies between the end and the place is zero.
fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}
