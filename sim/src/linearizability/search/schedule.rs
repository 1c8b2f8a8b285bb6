//! The operations that did not take effect yet, in the order of their calls and answers.
//!
//! Calls and answers stand in one linked list; what takes effect is lifted out of it, and put back when the search
//! goes back (Wing and Gong, 1993; the list as in Lowe, 2017). So everything before the first answer of the list may
//! take effect next, and that answer's operation is *due*: nothing after it may take effect before it.
//!
//! Operations without an answer are kept apart, for they are never due. Of those that ask for the same, the one that
//! was called first can stand for any other, so they are counted rather than chosen.

use delian_core::Time;

use super::super::history::{Event, OperationId};
use super::seen::SetDigest;

/// What the list ends in, on both sides.
const END: u32 = 0;

/// Calls and answers that are still to be explained, of one independent part of a history.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Neighbours of each entry; entry 0 is the end, and the others are in order of time.
    links: Vec<Links>,
    /// The operation of each entry.
    entries: Vec<Entry>,
    answered: Vec<Operation>,
    classes: Vec<Class>,
    effective: SetDigest,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    End,
    Call(u32),
    Answer(u32),
}

/// An operation with an answer.
#[derive(Debug)]
struct Operation {
    id: OperationId,
    /// The entries of its call and its answer.
    call: u32,
    answer: u32,
    answered_at: Time,
    digest: SetDigest,
}

/// Operations without an answer that ask for the same, in the order of their calls.
#[derive(Debug)]
struct Class {
    operations: Vec<(OperationId, Time, SetDigest)>,
    /// How many of them took effect.
    effective: usize,
}

/// The operation that must take effect before any other is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number among the operations with an answer.
    pub(super) number: u32,
    /// How far in the history its answer stands.
    pub(super) rank: u32,
}

impl Schedule {
    /// Lays out the events of the operations with an answer, in order of time, and the classes of those without.
    pub(super) fn new(events: &[(Time, Event)], classes: Vec<Vec<(OperationId, Time)>>) -> Self {
        let mut numbers = std::collections::BTreeMap::new();
        let mut answered: Vec<Operation> = Vec::with_capacity(events.len() / 2);
        let mut entries = vec![Entry::End];
        for (at, event) in events {
            let entry = entries.len() as u32;
            match *event {
                Event::Called(id) => {
                    let number = answered.len() as u32;
                    numbers.insert(id, number);
                    let digest = SetDigest::of(id.get());
                    answered.push(Operation { id, call: entry, answer: END, answered_at: Time::NEVER, digest });
                    entries.push(Entry::Call(number));
                }
                Event::Answered(id) => {
                    let number = numbers.remove(&id).expect("a history answers what was called");
                    let operation = &mut answered[number as usize];
                    (operation.answer, operation.answered_at) = (entry, *at);
                    entries.push(Entry::Answer(number));
                }
            }
        }
        let count = entries.len() as u32;
        let links = (0..count).map(|at| Links { previous: (at + count - 1) % count, next: (at + 1) % count }).collect();
        let class = |operations: Vec<(OperationId, Time)>| {
            let with_digest = |(id, at): (OperationId, Time)| (id, at, SetDigest::of(id.get()));
            Class { operations: operations.into_iter().map(with_digest).collect(), effective: 0 }
        };
        let classes = classes.into_iter().map(class).collect();
        Self { links, entries, answered, classes, effective: SetDigest::default() }
    }

    /// Returns the operation of a number.
    pub(super) fn operation(&self, number: u32) -> OperationId {
        self.answered[number as usize].id
    }

    /// Returns which operations took effect.
    pub(super) fn effective(&self) -> SetDigest {
        self.effective
    }

    /// Returns the operation that is due; nothing once all answers are explained.
    pub(super) fn due(&self) -> Option<Due> {
        let mut at = self.links[END as usize].next;
        loop {
            match self.entries[at as usize] {
                Entry::End => return None,
                Entry::Call(_) => at = self.links[at as usize].next,
                Entry::Answer(number) => return Some(Due { number, rank: at }),
            }
        }
    }

    /// Returns the first operation, after another or of all, that was called before the first answer.
    pub(super) fn next_called(&self, after: Option<u32>) -> Option<u32> {
        let at = after.map_or(END, |number| self.answered[number as usize].call);
        match self.entries[self.links[at as usize].next as usize] {
            Entry::Call(number) => Some(number),
            Entry::Answer(_) | Entry::End => None,
        }
    }

    /// Returns the next operation of a class, if it was called by the time of the due answer.
    pub(super) fn next_of_class(&self, class: usize, due: Due) -> Option<OperationId> {
        let class = &self.classes[class];
        let (id, called_at, _) = class.operations.get(class.effective)?;
        (*called_at <= self.answered[due.number as usize].answered_at).then_some(*id)
    }

    /// Returns how many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Lets an operation take effect.
    pub(super) fn lift(&mut self, number: u32) {
        let Operation { call, answer, digest, .. } = self.answered[number as usize];
        self.effective.toggle(digest);
        for entry in [call, answer] {
            let Links { previous, next } = self.links[entry as usize];
            self.links[previous as usize].next = next;
            self.links[next as usize].previous = previous;
        }
    }

    /// Takes the effect of the operation lifted last back; entries return in the opposite order.
    pub(super) fn put_back(&mut self, number: u32) {
        let Operation { call, answer, digest, .. } = self.answered[number as usize];
        self.effective.toggle(digest);
        for entry in [answer, call] {
            let Links { previous, next } = self.links[entry as usize];
            self.links[previous as usize].next = entry;
            self.links[next as usize].previous = entry;
        }
    }

    /// Lets the next operation of a class take effect.
    pub(super) fn use_class(&mut self, class: usize) {
        let class = &mut self.classes[class];
        self.effective.toggle(class.operations[class.effective].2);
        class.effective += 1;
    }

    /// Takes the effect of the last operation of a class back.
    pub(super) fn unuse_class(&mut self, class: usize) {
        let class = &mut self.classes[class];
        class.effective -= 1;
        self.effective.toggle(class.operations[class.effective].2);
    }
}
