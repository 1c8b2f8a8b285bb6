//! What is going to happen, in order of time and, at one time, in the order it was scheduled.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use delian_core::{RequestId, Time, WriteId};

use crate::linearizability::history::OperationId;

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The message in this slot arrives.
    Arrival(u32),
    /// A process's deadline may be due; `run` tells whether it is still the run that asked.
    Wake { process: u8, run: u32 },
    /// A process's flush is done.
    Flushed { process: u8, run: u32 },
    /// A process's write fails.
    WriteFailed { process: u8, run: u32, write: WriteId },
    /// A process's embedder hands over its state.
    Captured { process: u8, run: u32 },
    /// The fault of this number begins.
    FaultBegins(u32),
    /// It ends.
    FaultEnds(u32),
    /// The client operation of this number is given.
    Operation(u32),
    /// A client's session is open, and what waited for it is given: the operation of this number, to a process.
    InSession { number: u32, process: u8 },
    /// A client asks again, unless it has its answer or made another attempt since.
    AskAgain { operation: OperationId, attempt: u32 },
    /// A second has passed.
    Sample,
    /// The faults stop, and everyone who is to be whole is made whole.
    ChaosEnds,
    /// Whether all whole nodes agree is looked at.
    SettleCheck,
    /// A command proves that the healed cluster takes commands.
    Proof(RequestId),
}

/// A priority queue that is stable: equal times come out in the order they went in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Scheduled>,
    scheduled: u64,
}

/// A happening with its place in the order; the number is its own alone, so nothing else needs comparing.
#[derive(Clone, Copy, Debug)]
struct Scheduled {
    at: Time,
    number: u64,
    happening: Happening,
}

impl Queue {
    pub(crate) fn schedule(&mut self, at: Time, happening: Happening) {
        self.scheduled += 1;
        self.heap.push(Scheduled { at, number: self.scheduled, happening });
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, Happening)> {
        self.heap.pop().map(|Scheduled { at, happening, .. }| (at, happening))
    }
}

/// The greatest comes out of the heap first, so the earliest is the greatest.
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_come_out_in_the_order_they_went_in() {
        let mut queue = Queue::default();
        queue.schedule(Time::from_millis(2), Happening::Sample);
        queue.schedule(Time::from_millis(1), Happening::FaultEnds(7));
        queue.schedule(Time::from_millis(1), Happening::Arrival(1));
        let order: Vec<Happening> = std::iter::from_fn(|| queue.pop()).map(|(_, happening)| happening).collect();
        assert_eq!(order, [Happening::FaultEnds(7), Happening::Arrival(1), Happening::Sample]);
    }
}
