//! What is going to happen, in order of time and, at one time, in the order it was scheduled.
//!
//! A heap pays for every event with a walk through memory that grows with what is pending; with a million pending
//! timers that is most of a simulation's time. A wheel of milliseconds (Varghese and Lauck 1987, scheme 6) puts an event
//! into the list of its millisecond and sorts that list when its time comes. Both are here, and they give one order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use delian_core::Time;

/// Which structure keeps the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ordering {
    /// A binary heap.
    Heap,
    /// A timing wheel.
    Wheel,
}

/// A priority queue that is stable: equal times come out in the order they went in.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    scheduled: u64,
    structure: Structure<E>,
}

#[derive(Clone, Debug)]
enum Structure<E> {
    Heap(BinaryHeap<Reverse<Entry<E>>>),
    Wheel(Wheel<E>),
}

#[derive(Clone, Debug)]
struct Entry<E> {
    at: Time,
    number: u64,
    event: E,
}

impl<E> Entry<E> {
    const fn key(&self) -> (Time, u64) {
        (self.at, self.number)
    }
}

impl<E> Queue<E> {
    /// Returns an empty queue.
    pub fn new(ordering: Ordering) -> Self {
        let structure = match ordering {
            Ordering::Heap => Structure::Heap(BinaryHeap::new()),
            Ordering::Wheel => Structure::Wheel(Wheel::new()),
        };
        Self { scheduled: 0, structure }
    }

    /// Schedules an event.
    pub fn schedule(&mut self, at: Time, event: E) {
        self.scheduled += 1;
        let entry = Entry { at, number: self.scheduled, event };
        match &mut self.structure {
            Structure::Heap(heap) => heap.push(Reverse(entry)),
            Structure::Wheel(wheel) => wheel.insert(entry),
        }
    }

    /// Takes out the next event, unless it is later than `until`.
    pub fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        let entry = match &mut self.structure {
            Structure::Heap(heap) => {
                if heap.peek()?.0.at > until {
                    return None;
                }
                heap.pop()?.0
            }
            Structure::Wheel(wheel) => wheel.pop(until)?,
        };
        Some((entry.at, entry.event))
    }
}

/// How many milliseconds lie in the ring; what is later waits in a tree.
const RING: u64 = 1 << 13;

const MILLISECOND: u64 = 1_000_000;

#[derive(Clone, Debug)]
struct Wheel<E> {
    /// The millisecond that is being emptied.
    tick: u64,
    /// What is left of it, the next one last.
    present: Vec<Entry<E>>,
    /// By millisecond modulo the size of the ring.
    ring: Vec<Vec<Entry<E>>>,
    /// How many events are in the ring.
    in_ring: usize,
    /// Lists that were emptied, for milliseconds to come: a ring in which each kept its own would hold the longest list of
    /// all, thousands of times over.
    spare: Vec<Vec<Entry<E>>>,
    /// The milliseconds beyond the ring that hold events.
    far: BTreeMap<u64, Vec<Entry<E>>>,
}

impl<E> Wheel<E> {
    fn new() -> Self {
        Self {
            tick: 0,
            present: Vec::new(),
            ring: (0..RING).map(|_| Vec::new()).collect(),
            in_ring: 0,
            spare: Vec::new(),
            far: BTreeMap::new(),
        }
    }

    fn insert(&mut self, entry: Entry<E>) {
        let tick = entry.at.as_nanos() / MILLISECOND;
        if tick <= self.tick {
            // It goes before what is later; equal ones that came earlier stay before it.
            let place = self.present.partition_point(|other| other.key() > entry.key());
            self.present.insert(place, entry);
        } else if tick - self.tick < RING {
            let list = &mut self.ring[(tick % RING) as usize];
            if list.capacity() == 0 {
                *list = self.spare.pop().unwrap_or_default();
            }
            list.push(entry);
            self.in_ring += 1;
        } else {
            self.far.entry(tick).or_default().push(entry);
        }
    }

    fn pop(&mut self, until: Time) -> Option<Entry<E>> {
        let last_tick = until.as_nanos() / MILLISECOND;
        while self.present.is_empty() {
            if self.tick >= last_tick || (self.in_ring == 0 && self.far.is_empty()) {
                return None;
            }
            self.advance(last_tick);
        }
        if self.present.last()?.at > until {
            return None;
        }
        self.present.pop()
    }

    /// Moves on to the next millisecond, or over an empty ring to the first one beyond.
    fn advance(&mut self, last_tick: u64) {
        let first_far = self.far.first_key_value().map_or(u64::MAX, |(tick, _)| *tick);
        self.tick = if self.in_ring == 0 { first_far.min(last_tick) } else { self.tick + 1 };
        let slot = (self.tick % RING) as usize;
        let list = std::mem::take(&mut self.ring[slot]);
        self.in_ring -= list.len();
        let emptied = std::mem::replace(&mut self.present, list);
        if emptied.capacity() > 0 {
            self.spare.push(emptied);
        }
        // What entered the ring's reach lies beyond its old end: it is moved when its own millisecond comes.
        if first_far == self.tick
            && let Some(mut far) = self.far.remove(&self.tick)
        {
            self.present.append(&mut far);
        }
        self.present.sort_unstable_by_key(|entry| Reverse(entry.key()));
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Steps: schedule an event so many microseconds from now, or let so much time pass.
        #[test]
        fn the_wheel_gives_the_order_of_the_heap(
            steps in proptest::collection::vec((any::<bool>(), prop_oneof![0u64..3_000, 0u64..20_000_000]), 1..200),
        ) {
            let (mut heap, mut wheel) = (Queue::new(Ordering::Heap), Queue::new(Ordering::Wheel));
            let mut now = Time::ZERO;
            for (number, (schedule, micros)) in steps.into_iter().enumerate() {
                let at = Time::from_nanos(now.as_nanos() + micros * 1000);
                if schedule {
                    heap.schedule(at, number);
                    wheel.schedule(at, number);
                } else {
                    loop {
                        let (one, other) = (heap.pop(at), wheel.pop(at));
                        prop_assert_eq!(one, other);
                        if one.is_none() {
                            break;
                        }
                    }
                    now = at;
                }
            }
            loop {
                let (one, other) = (heap.pop(Time::NEVER), wheel.pop(Time::NEVER));
                prop_assert_eq!(one, other);
                if one.is_none() {
                    break;
                }
            }
        }
    }
}
