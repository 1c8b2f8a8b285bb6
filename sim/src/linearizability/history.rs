//! What clients asked, when, and what they were told: the only evidence that the checkers admit.
//!
//! A history knows nothing of nodes, logs or messages. An operation without an answer may have taken effect at any time
//! after its call, or never; that is what a lost answer, a crashed node and an outcome that nobody knows have in common.

use std::fmt;

use delian_core::Time;

/// One operation within its history: its place in the order in which operations were given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(usize);

impl OperationId {
    /// Wraps a place, counted from zero.
    pub const fn new(place: usize) -> Self {
        Self(place)
    }

    /// Returns the plain place.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One operation: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<I, O> {
    /// Who asked.
    pub client: u16,
    /// When it was asked.
    pub called_at: Time,
    /// What was asked.
    pub input: I,
    /// When the client was told what; nothing if it never was, or was told that nobody knows.
    pub answer: Option<(Time, O)>,
}

/// Operations of many clients on one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<I, O> {
    operations: Vec<Operation<I, O>>,
}

/// One end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// It was asked.
    Called(OperationId),
    /// It was answered.
    Answered(OperationId),
}

impl<I, O> Default for History<I, O> {
    fn default() -> Self {
        Self { operations: Vec::new() }
    }
}

impl<I, O> History<I, O> {
    /// Notes what a client asks.
    pub fn call(&mut self, client: u16, now: Time, input: I) -> OperationId {
        let id = OperationId(self.operations.len());
        self.operations.push(Operation { client, called_at: now, input, answer: None });
        id
    }

    /// Notes what the client was told.
    ///
    /// # Panics
    ///
    /// Panics if the operation has an answer or was called after `now`: whoever keeps the history is mistaken.
    pub fn answer(&mut self, id: OperationId, now: Time, output: O) {
        let operation = &mut self.operations[id.0];
        assert!(operation.answer.is_none(), "operation {id} is answered twice, again at {now}");
        assert!(operation.called_at <= now, "operation {id} is answered at {now}, before {}", operation.called_at);
        operation.answer = Some((now, output));
    }

    /// Returns one operation of this history.
    ///
    /// # Panics
    ///
    /// Panics if the operation is of another, longer history.
    pub fn operation(&self, id: OperationId) -> &Operation<I, O> {
        &self.operations[id.0]
    }

    /// Returns all operations in the order in which they were given.
    pub fn operations(&self) -> impl Iterator<Item = (OperationId, &Operation<I, O>)> {
        self.operations.iter().enumerate().map(|(place, operation)| (OperationId(place), operation))
    }

    /// Returns all calls and answers in order of time.
    ///
    /// Within one instant the calls come first: an answer precedes only what was called strictly later.
    pub fn events(&self) -> Vec<(Time, Event)> {
        let mut events = Vec::with_capacity(2 * self.operations.len());
        for (id, operation) in self.operations() {
            events.push((operation.called_at, Event::Called(id)));
            events.extend(operation.answer.as_ref().map(|(at, _)| (*at, Event::Answered(id))));
        }
        events.sort_unstable();
        events
    }
}

impl<I, O> FromIterator<Operation<I, O>> for History<I, O> {
    /// Collects operations.
    ///
    /// # Panics
    ///
    /// Panics if one is answered before it was called.
    fn from_iter<T: IntoIterator<Item = Operation<I, O>>>(operations: T) -> Self {
        let mut history = Self::default();
        for Operation { client, called_at, input, answer } in operations {
            let id = history.call(client, called_at, input);
            if let Some((at, output)) = answer {
                history.answer(id, at, output);
            }
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_before_the_answers_of_the_same_instant() {
        let mut history = History::default();
        let second = |number: u64| Time::from_millis(1_000 * number);
        let early = history.call(1, second(1), "a");
        let late = history.call(2, second(2), "b");
        history.answer(early, second(2), 7);
        history.answer(late, second(2), 8);
        let expected = [
            (second(1), Event::Called(early)),
            (second(2), Event::Called(late)),
            (second(2), Event::Answered(early)),
            (second(2), Event::Answered(late)),
        ];
        assert_eq!(history.events(), expected);
    }

    #[test]
    #[should_panic(expected = "answered twice")]
    fn nobody_is_answered_twice() {
        let mut history = History::default();
        let id = history.call(1, Time::ZERO, ());
        history.answer(id, Time::ZERO, ());
        history.answer(id, Time::ZERO, ());
    }
}
