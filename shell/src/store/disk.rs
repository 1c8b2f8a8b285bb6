//! A disk in memory that loses power and refuses, within what disks promise: what was flushed stays, and of what was not
//! any part may.
//!
//! It notes every operation, so each moment of one run can be looked at as the one at which the power was lost.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// The least that a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// A disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What was flushed.
    flushed: Vec<u8>,
    journal: Vec<Operation>,
    trouble: Option<Trouble>,
}

/// What changes a disk.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Write { offset: usize, data: Vec<u8> },
    SetLength(usize),
    Flush,
}

/// What a disk refuses, from how many operations on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// There is no space.
    Full { from: usize },
    /// Flushes fail.
    NoFlush { from: usize },
    /// One flush fails and later ones do not, as on Linux.
    OneFlush { at: usize },
}

/// What becomes of writes that were not flushed as the power is lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
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
    pub(super) const EVERY: [Self; 5] = [Self::All, Self::Later, Self::Some, Self::Sectors, Self::Torn];
}

/// Numbers that look random and are the same each time (Marsaglia 2003).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

impl Disk {
    /// Returns a disk on which these bytes were flushed.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let state = State { flushed: bytes.clone(), bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn with(self, trouble: Trouble) -> Self {
        self.state().trouble = Some(trouble);
        self
    }

    /// Returns what a reader sees.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// Returns what is left if the power is lost and all that was not flushed with it.
    pub(super) fn flushed(&self) -> Vec<u8> {
        self.state().flushed.clone()
    }

    /// Returns how many operations there were.
    pub(super) fn operations(&self) -> usize {
        self.state().journal.len()
    }

    /// Returns all operations.
    pub(super) fn journal(&self) -> Vec<Operation> {
        self.state().journal.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation of a disk panics")
    }
}

impl State {
    /// Notes an operation and performs it, unless the disk refuses.
    fn perform(&mut self, operation: Operation) -> Result<(), Error> {
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
        match &operation {
            Operation::Write { offset, data } => write(&mut self.bytes, *offset, data),
            Operation::SetLength(length) => self.bytes.resize(*length, 0),
            Operation::Flush => self.flushed.clone_from(&self.bytes),
        }
        self.journal.push(operation);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state();
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(out.len())?));
        let found = range.and_then(|range| state.bytes.get(range));
        out.copy_from_slice(found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
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

/// A run of a disk, moment by moment.
pub(super) struct Replay<'a> {
    flushed: Vec<u8>,
    pending: Vec<&'a Operation>,
}

impl<'a> Replay<'a> {
    /// Begins with a disk on which these bytes were flushed.
    pub(super) fn from(flushed: Vec<u8>) -> Self {
        Self { flushed, pending: Vec::new() }
    }

    /// Goes on by one operation.
    pub(super) fn step(&mut self, operation: &'a Operation) {
        if let Operation::Flush = operation {
            for pending in self.pending.drain(..) {
                apply(&mut self.flushed, pending);
            }
        } else {
            self.pending.push(operation);
        }
    }

    /// Returns what is found after the power is lost at this moment.
    pub(super) fn crash(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
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
