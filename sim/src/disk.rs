//! A process's disk: what is flushed stays, what is not may go.
//!
//! Writes queue up; one flush at a time takes all that wait. A crash keeps some prefix of the writes that were not
//! acknowledged and may tear the one after it, which the checksum of a record finds at restart. What was acknowledged
//! survives everything but the faults that destroy a disk on purpose.

use std::collections::VecDeque;

use delian_core::raft::{Entries, Record, Recovered};
use delian_core::{Seed, WriteId};

use crate::random::{Delay, Random};

/// What a process has on disk and on its way there.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    durable: Recovered,
    waiting: VecDeque<(WriteId, Record)>,
    /// How many of the waiting writes the flush under way takes; none if there is no flush.
    flushing: usize,
    /// A flush that is done but held back by a stall.
    stalled: Stall,
    health: Health,
    /// The first write of this run that failed: none after it succeeds, or its acknowledgement would vouch for a gap.
    first_failure: Option<WriteId>,
    flush: Delay,
    random: Random,
}

/// Whether a disk answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    Answers,
    HoldsBack,
    HeldBack,
}

/// Whether a disk can be started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It can, and writes succeed.
    Sound,
    /// It can, but writes fail.
    Full,
    /// A flushed record is damaged: a restart finds out and refuses.
    Corrupt,
}

/// What a crash did to the writes that were not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CrashLoss {
    pub(crate) lost: u64,
    pub(crate) torn: u64,
}

impl Disk {
    /// Makes the disk of a member that the federation is founded with.
    pub(crate) fn founding(flush: Delay, seed: Seed) -> Self {
        Self { durable: Recovered::founding(), ..Self::new(flush, seed) }
    }

    /// Makes a disk that was never written.
    pub(crate) fn new(flush: Delay, seed: Seed) -> Self {
        Self {
            durable: Recovered::default(),
            waiting: VecDeque::new(),
            flushing: 0,
            stalled: Stall::Answers,
            health: Health::Sound,
            first_failure: None,
            flush,
            random: Random::new(seed, "disk"),
        }
    }

    /// Gives what is drawn from now on another luck.
    pub(crate) fn reseed(&mut self, seed: Seed) {
        self.random = Random::new(seed, "disk");
    }

    /// Returns whether a write fails: the disk is full, or an earlier write of this run has failed.
    pub(crate) fn fails(&mut self, id: WriteId) -> bool {
        if self.health == Health::Full {
            self.first_failure.get_or_insert(id);
        }
        self.first_failure.is_some()
    }

    /// Takes in a write. Returns after how many nanoseconds the flush that it starts is done, if it starts one.
    pub(crate) fn write(&mut self, id: WriteId, record: Record) -> Option<u64> {
        self.waiting.push_back((id, record));
        self.start_flush()
    }

    /// Ends the flush under way, unless a stall holds it back. Returns the last write that is on disk now.
    pub(crate) fn flushed(&mut self) -> Option<WriteId> {
        if self.stalled != Stall::Answers {
            self.stalled = Stall::HeldBack;
            return None;
        }
        let mut last = None;
        for (id, record) in self.waiting.drain(..self.flushing) {
            self.durable.fold(record);
            last = Some(id);
        }
        self.flushing = 0;
        last
    }

    /// Starts a flush of all that waits, if something does and none is under way. Returns how long it takes.
    pub(crate) fn start_flush(&mut self) -> Option<u64> {
        if self.flushing > 0 || self.waiting.is_empty() {
            return None;
        }
        self.flushing = self.waiting.len();
        Some(self.flush.draw(&mut self.random))
    }

    /// Loses power: some prefix of what was not acknowledged stays, and the write after it may be torn.
    pub(crate) fn crash(&mut self) -> CrashLoss {
        let waiting = self.waiting.len() as u64;
        let kept = self.random.below(waiting + 1);
        let tears = self.random.below(2) == 0;
        let mut torn = 0;
        for (place, (_, record)) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let mut bytes = record.to_bytes();
            if place as u64 == kept && tears {
                bytes.truncate(self.random.below(bytes.len() as u64) as usize);
                torn = 1;
            } else if place as u64 >= kept {
                break;
            }
            // What the restart reads back: a record that is not whole ends the log.
            let Ok(read) = Record::from_bytes(&bytes) else { break };
            self.durable.fold(read);
        }
        self.first_failure = None;
        self.flushing = 0;
        if self.stalled == Stall::HeldBack {
            self.stalled = Stall::HoldsBack;
        }
        CrashLoss { lost: waiting - kept, torn }
    }

    /// Flips a bit of a flushed record. The checksum finds it at the next start, which then refuses; should it ever pass,
    /// the disk goes on with what it reads, for the invariants to judge.
    pub(crate) fn corrupt(&mut self) {
        let last = self.durable.entries.len().checked_sub(1);
        let record = last.map_or(Record::HardState(self.durable.hard_state), |last| Record::Append {
            after: self.durable.dropped.index.advanced_by(last),
            entries: Entries::from([self.durable.entries[last].clone()]),
        });
        let mut bytes = record.to_bytes();
        let bit = self.random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Record::from_bytes(&bytes) {
            Ok(read) => self.durable.fold(read),
            Err(_) => self.health = Health::Corrupt,
        }
    }

    /// Makes flushes take this long from now on.
    pub(crate) const fn set_flush(&mut self, flush: Delay) {
        self.flush = flush;
    }

    /// Holds flushes back, or lets them go. Returns whether one that was held back is done now.
    pub(crate) fn set_stalled(&mut self, stalled: bool) -> bool {
        let was_held_back = self.stalled == Stall::HeldBack;
        match (stalled, self.stalled) {
            (true, Stall::Answers) => self.stalled = Stall::HoldsBack,
            (true, Stall::HoldsBack | Stall::HeldBack) => {}
            (false, _) => self.stalled = Stall::Answers,
        }
        !stalled && was_held_back
    }

    pub(crate) const fn set_health(&mut self, health: Health) {
        self.health = health;
    }

    pub(crate) const fn health(&self) -> Health {
        self.health
    }

    /// Returns what a restart would find.
    pub(crate) const fn durable(&self) -> &Recovered {
        &self.durable
    }

    /// Returns whether every write that was asked for is on disk.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.first_failure.is_none()
    }
}
