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
    Wake { process: u16, run: u32 },
    /// A process's flush is done.
    Flushed { process: u16, run: u32 },
    /// A process's write fails.
    WriteFailed { process: u16, run: u32, write: WriteId },
    /// A process's embedder hands over its state.
    Captured { process: u16, run: u32 },
    /// A process begins to look for the other members of its pool.
    JoinPool { process: u16, run: u32 },
    /// A process registers, unless it is registered.
    Announce { process: u16, run: u32 },
    /// A process measures how it fares, unless it did since this was scheduled.
    Measure { process: u16, run: u32 },
    /// The fault of this number begins.
    FaultBegins(u32),
    /// It ends.
    FaultEnds(u32),
    /// The client operation of this number is given.
    Operation(u32),
    /// A client's session is open, and what waited for it is given: the operation of this number, to a process.
    InSession { number: u32, process: u16 },
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

/// Where the places of planned operations begin; no plan has so many faults.
const BEHIND_FAULTS: u64 = 1 << 32;

/// Where the places of all that is not planned begin.
const BEHIND_PLAN: u64 = 1 << 33;

/// What a plan schedules, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planned {
    Fault(u32),
    Operation(u32),
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
        self.heap.push(Scheduled { at, number: BEHIND_PLAN + self.scheduled, happening });
    }

    /// Schedules a fault or an operation of the plan, at a place of its own among equal times: before whatever comes up
    /// during the run, faults first. So a plan that comes into force on the way runs like one that was there before.
    pub(crate) fn schedule_planned(&mut self, at: Time, planned: Planned) {
        let (number, happening) = match planned {
            Planned::Fault(number) => (u64::from(number), Happening::FaultBegins(number)),
            Planned::Operation(number) => (BEHIND_FAULTS + u64::from(number), Happening::Operation(number)),
        };
        self.heap.push(Scheduled { at, number, happening });
    }

    /// Takes out what is planned from an instant on.
    pub(crate) fn forget_planned(&mut self, from: Time) {
        self.heap.retain(|scheduled| scheduled.at < from || scheduled.number >= BEHIND_PLAN);
    }

    /// Returns when the next happening is.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|scheduled| scheduled.at)
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

    #[test]
    fn what_is_planned_comes_first_whenever_it_was_scheduled_and_can_be_taken_out() {
        let at = Time::from_millis(1);
        let mut queue = Queue::default();
        queue.schedule(at, Happening::Sample);
        queue.schedule_planned(at, Planned::Operation(0));
        queue.schedule_planned(at, Planned::Fault(9));
        queue.schedule_planned(Time::from_millis(2), Planned::Fault(10));
        queue.forget_planned(Time::from_millis(2));
        let order: Vec<Happening> = std::iter::from_fn(|| queue.pop()).map(|(_, happening)| happening).collect();
        assert_eq!(order, [Happening::FaultBegins(9), Happening::Operation(0), Happening::Sample]);
    }
}
