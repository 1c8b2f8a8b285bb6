//! Judges a history by the log index that every answer carries.
//!
//! The order in which a log takes effect is written on the answers, so nothing has to be searched: a write names the
//! index it was applied at, and a read names the index it reflects. The history is linearizable in that order if
//!
//! - no index is given to two writes, and
//! - where one operation was answered before another was called, the later one does not go back: its index is greater
//!   if it is a write, and not less if it is a read.
//!
//! [`IndexOrder`] judges each answer as it arrives, so it can watch every run. What it refuses to know: what was written
//! and what was read. Whether a value is the one that the log holds at that index is for others to judge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use delian_core::{LogIndex, Time};

use super::history::{Event, History, OperationId};

/// What an operation does to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It takes a place in it.
    Write,
    /// It reflects it up to some place.
    Read,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// An answered operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Which operation.
    pub operation: OperationId,
    /// What it does.
    pub access: Access,
    /// When it was called.
    pub called_at: Time,
    /// When it was answered.
    pub answered_at: Time,
    /// The index it was told.
    pub index: LogIndex,
}

/// Two answers that no log can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The one that was given first.
    pub earlier: Answered,
    /// The one that contradicts it.
    pub later: Answered,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { earlier, later } = self;
        write!(f, "{} {} was told {} at {}", earlier.access, earlier.operation, earlier.index, earlier.answered_at)?;
        write!(f, "; {} {}, called at {}", later.access, later.operation, later.called_at)?;
        write!(f, ", was told {} at {}: ", later.index, later.answered_at)?;
        f.write_str(match (earlier.precedes(later), later.access) {
            (true, Access::Write) => "a write called after an answer lands above its index",
            (true, Access::Read) => "a read called after an answer reflects at least its index",
            (false, _) => "one index belongs to one write",
        })
    }
}

impl std::error::Error for Violation {}

impl Answered {
    /// Says whether this answer was out before the other operation was called.
    fn precedes(&self, later: &Self) -> bool {
        self.answered_at < later.called_at
    }

    /// Says whether this answer is too low for an operation that was called after `earlier` was answered.
    fn goes_back_behind(&self, earlier: &Self) -> bool {
        match self.access {
            Access::Write => self.index <= earlier.index,
            Access::Read => self.index < earlier.index,
        }
    }
}

/// Judges answers as they arrive, in order of time.
///
/// Each step costs the logarithm of what is remembered: the operations that are open, and the writes that were answered
/// since the oldest of those was called. So whoever feeds it says [`IndexOrder::on_lost`] when no answer will come.
#[derive(Clone, Debug, Default)]
pub struct IndexOrder {
    now: Time,
    open: BTreeMap<OperationId, Open>,
    /// When each open operation was called, the oldest first.
    calls: BTreeSet<(Time, OperationId)>,
    /// The answer with the greatest index among those before this instant.
    greatest: Option<Answered>,
    /// The answer with the greatest index among those of this instant, which precede no call of this instant.
    greatest_of_now: Option<Answered>,
    /// Writes that an open operation may be given the index of again, without being called after their answers.
    writes: BTreeMap<LogIndex, Answered>,
    /// The same in the order of their answers.
    written: VecDeque<(Time, LogIndex)>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    called_at: Time,
    /// The answer with the greatest index among those before the call.
    floor: Option<Answered>,
}

impl IndexOrder {
    /// Notes a call.
    ///
    /// # Panics
    ///
    /// Panics if the operation is open already or time runs backwards, as do the other methods.
    pub fn on_call(&mut self, id: OperationId, now: Time) {
        self.advance(now);
        let before = self.open.insert(id, Open { called_at: now, floor: self.greatest });
        assert!(before.is_none(), "operation {id} is called again at {now}");
        self.calls.insert((now, id));
    }

    /// Judges the answer to a write: the index it was applied at.
    ///
    /// # Errors
    ///
    /// Returns two answers that contradict each other.
    ///
    /// # Panics
    ///
    /// Panics if the operation is not open.
    pub fn on_write(&mut self, id: OperationId, now: Time, index: LogIndex) -> Result<(), Violation> {
        let (answered, judged) = self.close(id, now, Access::Write, index);
        let first = *self.writes.entry(index).or_insert(answered);
        if first.operation == id {
            self.written.push_back((now, index));
            return judged;
        }
        judged.and(Err(Violation { earlier: first, later: answered }))
    }

    /// Judges the answer to a read: the index it reflects.
    ///
    /// # Errors
    ///
    /// Returns two answers that contradict each other.
    ///
    /// # Panics
    ///
    /// Panics if the operation is not open.
    pub fn on_read(&mut self, id: OperationId, now: Time, index: LogIndex) -> Result<(), Violation> {
        self.close(id, now, Access::Read, index).1
    }

    /// Notes that an operation will have no answer that names an index.
    ///
    /// # Panics
    ///
    /// Panics if the operation is not open.
    pub fn on_lost(&mut self, id: OperationId, now: Time) {
        self.advance(now);
        self.take(id);
    }

    /// Returns how many operations and writes are remembered.
    pub fn remembered(&self) -> usize {
        self.open.len() + self.writes.len()
    }

    fn close(
        &mut self,
        id: OperationId,
        now: Time,
        access: Access,
        index: LogIndex,
    ) -> (Answered, Result<(), Violation>) {
        self.advance(now);
        let Open { called_at, floor } = self.take(id);
        let answered = Answered { operation: id, access, called_at, answered_at: now, index };
        if self.greatest_of_now.is_none_or(|greatest| greatest.index < index) {
            self.greatest_of_now = Some(answered);
        }
        let contradicted = floor.filter(|floor| answered.goes_back_behind(floor));
        (answered, contradicted.map_or(Ok(()), |earlier| Err(Violation { earlier, later: answered })))
    }

    fn take(&mut self, id: OperationId) -> Open {
        let open = self.open.remove(&id);
        let open = open.unwrap_or_else(|| panic!("operation {id} is answered or lost, but not open"));
        self.calls.remove(&(open.called_at, id));
        open
    }

    fn advance(&mut self, now: Time) {
        assert!(self.now <= now, "{now} comes after {}", self.now);
        if self.now < now {
            let fresh = self.greatest_of_now.take();
            if fresh.map(|fresh| fresh.index) > self.greatest.map(|greatest| greatest.index) {
                self.greatest = fresh;
            }
            self.now = now;
        }
        // What was answered before the oldest open call is below the floor of every open and every future operation.
        let oldest = self.calls.first().map_or(now, |(called_at, _)| *called_at);
        while let Some((_, index)) = self.written.pop_front_if(|(answered_at, _)| *answered_at < oldest) {
            self.writes.remove(&index);
        }
    }
}

/// Judges a whole history; operations without an answer bind nobody.
///
/// # Errors
///
/// Returns the two answers of the first contradiction, in order of time.
pub fn check(history: &History<Access, LogIndex>) -> Result<(), Violation> {
    let mut order = IndexOrder::default();
    for (now, event) in history.events() {
        match event {
            Event::Called(id) if history.operation(id).answer.is_none() => {}
            Event::Called(id) => order.on_call(id, now),
            Event::Answered(id) => {
                let operation = history.operation(id);
                let Some((_, index)) = operation.answer else { continue };
                match operation.input {
                    Access::Write => order.on_write(id, now, index)?,
                    Access::Read => order.on_read(id, now, index)?,
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::history::Operation;
    use super::*;

    type Row = (Access, u64, Option<(u64, u64)>);

    /// Builds a history from rows of access, call in seconds, and answer in seconds with its index.
    fn history(rows: &[Row]) -> History<Access, LogIndex> {
        let second = |number: u64| Time::from_millis(1_000 * number);
        let operation = |&(input, called, answer): &Row| Operation {
            client: 0,
            called_at: second(called),
            input,
            answer: answer.map(|(at, index)| (second(at), LogIndex::new(index))),
        };
        rows.iter().map(operation).collect()
    }

    /// The definition, word by word: every answer that some earlier one contradicts.
    fn contradicted(history: &History<Access, LogIndex>) -> BTreeSet<OperationId> {
        let answers = in_order(history);
        let later = |(at, later): (usize, &Answered)| {
            answers[..at].iter().any(|earlier| contradict(earlier, later)).then_some(later.operation)
        };
        answers.iter().enumerate().filter_map(later).collect()
    }

    fn contradict(earlier: &Answered, later: &Answered) -> bool {
        let both_write = earlier.access == Access::Write && later.access == Access::Write;
        let in_real_time = earlier.answered_at < later.called_at
            && match (earlier.access, later.access) {
                (Access::Write | Access::Read, Access::Write) => later.index <= earlier.index,
                (Access::Write | Access::Read, Access::Read) => later.index < earlier.index,
            };
        in_real_time || (both_write && earlier.index == later.index)
    }

    fn in_order(history: &History<Access, LogIndex>) -> Vec<Answered> {
        let answered = |(_, event)| match event {
            Event::Called(_) => None,
            Event::Answered(id) => {
                let operation = history.operation(id);
                operation.answer.map(|(answered_at, index)| Answered {
                    operation: id,
                    access: operation.input,
                    called_at: operation.called_at,
                    answered_at,
                    index,
                })
            }
        };
        history.events().into_iter().filter_map(answered).collect()
    }

    /// Feeds everything to the online judge, past the first violation, and returns every answer that it faults.
    fn faulted(history: &History<Access, LogIndex>) -> BTreeSet<OperationId> {
        let mut order = IndexOrder::default();
        let mut faulted = BTreeSet::new();
        for (now, event) in history.events() {
            let Event::Answered(id) = event else {
                let (Event::Called(id) | Event::Answered(id)) = event;
                order.on_call(id, now);
                continue;
            };
            let operation = history.operation(id);
            let (_, index) = operation.answer.unwrap();
            let judged = match operation.input {
                Access::Write => order.on_write(id, now, index),
                Access::Read => order.on_read(id, now, index),
            };
            if let Err(violation) = judged {
                assert!(contradict(&violation.earlier, &violation.later), "{violation} is no violation");
                assert_eq!(violation.later.operation, id);
                faulted.insert(id);
            }
        }
        faulted
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let access = prop_oneof![Just(Access::Write), Just(Access::Read)];
        let answer = prop::option::weighted(0.9, (0..6_u64, 0..6_u64));
        let row = (access, 0..8_u64, answer).prop_map(|(access, called, answer)| {
            (access, called, answer.map(|(lasted, index)| (called + lasted, index)))
        });
        prop::collection::vec(row, 0..14)
    }

    /// A log that takes operations in order: each lands at some instant between its call and its answer.
    fn honest() -> impl Strategy<Value = Vec<Row>> {
        let step = (prop_oneof![Just(Access::Write), Just(Access::Read)], 0..4_u64, 0..4_u64, 0..3_u64);
        prop::collection::vec(step, 0..40).prop_map(|steps| {
            let (mut at, mut index) = (4, 0);
            let row = |(access, before, after, gap): (Access, u64, u64, u64)| {
                at += gap;
                index += u64::from(access == Access::Write);
                (access, at - before, Some((at + after, index)))
            };
            steps.into_iter().map(row).collect()
        })
    }

    proptest! {
        #[test]
        fn the_online_judge_faults_exactly_the_answers_that_the_definition_does(rows in rows()) {
            let history = history(&rows);
            let expected = contradicted(&history);
            prop_assert_eq!(&faulted(&history), &expected);
            prop_assert_eq!(check(&history).is_err(), !expected.is_empty());
        }

        #[test]
        fn a_log_that_takes_operations_in_order_is_never_faulted(rows in honest()) {
            prop_assert_eq!(check(&history(&rows)), Ok(()));
        }

        #[test]
        fn one_answer_from_the_past_is_faulted_as_the_definition_does(rows in honest(), at: prop::sample::Index, back in 1..4_u64) {
            prop_assume!(!rows.is_empty());
            let mut rows = rows;
            let place = at.index(rows.len());
            rows[place].2 = rows[place].2.map(|(answered, index)| (answered, index.saturating_sub(back)));
            let history = history(&rows);
            prop_assert_eq!(faulted(&history), contradicted(&history));
        }
    }

    #[test]
    fn a_stale_read_is_told_with_the_answer_that_it_missed() {
        let rows = [(Access::Write, 1, Some((2, 7))), (Access::Read, 3, Some((4, 6)))];
        let violation = check(&history(&rows)).unwrap_err();
        let words = "write #0 was told i7 at 2.000000000s; read #1, called at 3.000000000s, was told i6 at 4.000000000s: \
                     a read called after an answer reflects at least its index";
        assert_eq!(violation.to_string(), words);
    }

    #[test]
    fn one_index_for_two_writes_at_once_is_told_with_both() {
        let rows = [(Access::Write, 1, Some((4, 7))), (Access::Write, 2, Some((3, 7)))];
        let violation = check(&history(&rows)).unwrap_err();
        assert_eq!(
            (violation.earlier.operation, violation.later.operation),
            (OperationId::new(1), OperationId::new(0))
        );
        assert!(violation.to_string().ends_with("one index belongs to one write"), "{violation}");
    }

    #[test]
    fn an_answer_binds_nothing_that_was_called_in_the_same_instant() {
        let rows = [(Access::Write, 1, Some((2, 7))), (Access::Read, 2, Some((3, 6)))];
        assert_eq!(check(&history(&rows)), Ok(()));
    }

    #[test]
    fn only_open_operations_and_the_writes_beside_them_are_remembered() {
        let mut order = IndexOrder::default();
        for number in 0..10_000 {
            let now = Time::from_millis(number as u64);
            order.on_call(OperationId::new(number), now);
            if number % 3 == 0 {
                order.on_lost(OperationId::new(number), now);
            } else {
                order.on_write(OperationId::new(number), now, LogIndex::new(number as u64)).unwrap();
            }
            assert!(order.remembered() <= 3, "{} are remembered after {number}", order.remembered());
        }
    }
}
