//! Judges a history by searching for an order that explains it.
//!
//! A history is linearizable if each operation can be given one instant between its call and its answer such that the
//! model, taking them in that order, gives these very answers (Herlihy and Wing, 1990). The search is that of Wing and
//! Gong (1993) as Lowe (2017) made it fast: independent parts are judged alone, operations take effect just before an
//! answer demands it, and a set of operations that led to a state is followed once. Three more things keep it short:
//! operations that change nothing take effect as soon as they can, of unanswered operations that ask for the same only
//! the first is tried, and none takes effect but right before an operation that needs it.
//!
//! The search is exponential in how many operations overlap, not in how many there are. It takes a bounded number of
//! steps, and says so when they do not suffice.

mod schedule;
mod seen;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::Hash;

use delian_core::Time;

use self::schedule::{Due, Schedule};
use self::seen::Seen;
use super::history::{Event, History, OperationId};

/// The most operations that a violation lists before, and after, the point where no order goes on.
const LISTED_MAX: usize = 8;

/// What a system promises, one operation at a time.
pub trait Model {
    /// What tells apart the parts that know nothing of each other, such as the name of a register.
    type Key: Ord + Debug;
    /// What one part remembers; equal states must behave equally.
    type State: Clone + Eq + Hash + Debug;
    /// What clients ask for.
    type Input: Ord + Debug;
    /// What they are told.
    type Output: Debug;

    /// Returns which part the operation concerns.
    fn key(input: &Self::Input) -> Self::Key;

    /// Returns the state that the part begins in.
    fn initial(key: &Self::Key) -> Self::State;

    /// Takes an operation in. Returns the state after it, or nothing if the part, in this state, would not answer so.
    ///
    /// Without an output, the client was told nothing: the operation is to take effect, whatever its answer would have
    /// been. Where it can have none, nothing is the right answer; that it never took effect is tried anyway.
    fn step(state: &Self::State, input: &Self::Input, output: Option<&Self::Output>) -> Option<Self::State>;

    /// Says whether an operation with this output changes nothing, in whatever state it gets that output.
    ///
    /// It is only an advice that makes the search shorter, but it must be true.
    fn only_observes(_input: &Self::Input, _output: Option<&Self::Output>) -> bool {
        false
    }

    /// Returns an operation in words.
    fn describe(input: &Self::Input, output: Option<&Self::Output>) -> String {
        match output {
            Some(output) => format!("{input:?} was answered {output:?}"),
            None => format!("{input:?} was not answered"),
        }
    }
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none.
    Violation(Violation),
    /// The search gave up after so many steps: nobody knows.
    Undecided {
        /// How many operations were tried, at one place or another.
        steps: u64,
    },
}

/// Why no order explains a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// An order that explains all answers before that of the first of `unplaced`. Whatever was called before that answer,
    /// no order of it explains that answer too.
    pub prefix: Vec<OperationId>,
    /// What may come next in that order and does not fit; the first is the one whose answer cannot be explained.
    pub unplaced: Vec<OperationId>,
    /// The same in words.
    pub facts: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.facts.join("\n"))
    }
}

/// Searches for an order of each independent part, with at most `steps_max` steps for each.
///
/// A violation in one part is one of the whole, even if another part stays undecided.
pub fn search<M: Model>(history: &History<M::Input, M::Output>, steps_max: u64) -> Verdict {
    let (mut steps, mut gave_up) = (0, false);
    for (key, part) in parts::<M>(history) {
        let classes = part.unanswered.into_values().collect();
        let mut search = Search::<M>::new(history, Schedule::new(&part.events, classes), M::initial(&key));
        match search.run(steps_max) {
            End::Explained => {}
            End::Stuck => return Verdict::Violation(search.violation(&key, part.events.len() / 2)),
            End::GaveUp => gave_up = true,
        }
        steps += search.steps;
    }
    if gave_up { Verdict::Undecided { steps } } else { Verdict::Linearizable }
}

/// What one key saw.
struct Part<'a, I> {
    /// The events of operations with an answer, in order of time.
    events: Vec<(Time, Event)>,
    /// The operations without, by what they ask for.
    unanswered: BTreeMap<&'a I, Vec<(OperationId, Time)>>,
}

fn parts<M: Model>(history: &History<M::Input, M::Output>) -> BTreeMap<M::Key, Part<'_, M::Input>> {
    let mut parts = BTreeMap::new();
    for (at, event) in history.events() {
        let (Event::Called(id) | Event::Answered(id)) = event;
        let operation = history.operation(id);
        let input = &operation.input;
        let empty = || Part { events: Vec::new(), unanswered: BTreeMap::new() };
        let part = parts.entry(M::key(input)).or_insert_with(empty);
        if operation.answer.is_some() {
            part.events.push((at, event));
        } else if !M::only_observes(input, None) {
            part.unanswered.entry(input).or_default().push((id, at));
        }
    }
    parts
}

/// A search in one part, depth first.
struct Search<'a, M: Model> {
    history: &'a History<M::Input, M::Output>,
    schedule: Schedule,
    state: M::State,
    /// What took effect so far.
    path: Vec<Taken<M::State>>,
    seen: Seen,
    steps: u64,
    farthest: Option<Farthest<M::State>>,
}

/// One operation that took effect, and how to take it back.
struct Taken<S> {
    operation: OperationId,
    choice: Choice,
    /// The state before it.
    before: S,
}

/// What may take effect next, in the order in which it is tried.
#[derive(Clone, Copy, Debug)]
enum Choice {
    /// One that changes nothing here, which is as good as any: no other is tried instead.
    Observer(u32),
    /// The one whose answer comes first.
    Due(u32),
    /// Another one with an answer.
    Called(u32),
    /// One without an answer.
    Class(usize),
}

/// Where to look for a choice.
#[derive(Clone, Copy, Debug)]
enum Cursor {
    Due,
    CalledAfter(Option<u32>),
    ClassesFrom(usize),
    Nowhere,
}

/// Where the search came farthest before it was stuck.
struct Farthest<S> {
    due: Due,
    path: Vec<OperationId>,
    /// How much of `path` the search still follows.
    shared: usize,
    state: S,
    unplaced: Vec<OperationId>,
}

enum End {
    Explained,
    Stuck,
    GaveUp,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(history: &'a History<M::Input, M::Output>, schedule: Schedule, state: M::State) -> Self {
        Self { history, schedule, state, path: Vec::new(), seen: Seen::new(), steps: 0, farthest: None }
    }

    fn run(&mut self, steps_max: u64) -> End {
        let mut went_back_to = None;
        while self.steps <= steps_max {
            if went_back_to.is_none() {
                self.observe();
            }
            let Some(due) = self.schedule.due() else { return End::Explained };
            let cursor = went_back_to.take().unwrap_or_else(|| self.first_cursor());
            if !self.advance(cursor, due) {
                let Some(cursor) = self.go_back() else { return End::Stuck };
                went_back_to = Some(cursor);
            }
        }
        End::GaveUp
    }

    /// Returns where to begin: nowhere if these very operations led to this very state before.
    fn first_cursor(&mut self) -> Cursor {
        let is_new = self.seen.insert(self.schedule.effective().with(&self.state));
        if is_new { Cursor::Due } else { Cursor::Nowhere }
    }

    /// Lets everything take effect that changes nothing in this state: it could not do better later.
    fn observe(&mut self) {
        let mut passed = None;
        while let Some(number) = self.schedule.next_called(passed) {
            let id = self.schedule.operation(number);
            let operation = self.history.operation(id);
            let output = operation.answer.as_ref().map(|(_, output)| output);
            if M::only_observes(&operation.input, output) && self.after(id).as_ref() == Some(&self.state) {
                self.take(id, Choice::Observer(number), self.state.clone());
            } else {
                passed = Some(number);
            }
        }
    }

    /// Takes the first choice from the cursor on that fits. Returns whether there is one.
    fn advance(&mut self, mut cursor: Cursor, due: Due) -> bool {
        let is_exhausted = !matches!(cursor, Cursor::Nowhere);
        loop {
            let (choice, id) = match cursor {
                Cursor::Due => {
                    cursor = Cursor::CalledAfter(None);
                    (Choice::Due(due.number), self.schedule.operation(due.number))
                }
                Cursor::CalledAfter(passed) => {
                    let Some(number) = self.schedule.next_called(passed) else {
                        cursor = Cursor::ClassesFrom(0);
                        continue;
                    };
                    cursor = Cursor::CalledAfter(Some(number));
                    if number == due.number {
                        continue;
                    }
                    (Choice::Called(number), self.schedule.operation(number))
                }
                Cursor::ClassesFrom(class) if class < self.schedule.classes() => {
                    cursor = Cursor::ClassesFrom(class + 1);
                    let Some(id) = self.schedule.next_of_class(class, due) else { continue };
                    (Choice::Class(class), id)
                }
                Cursor::ClassesFrom(_) | Cursor::Nowhere => break,
            };
            if let Some(state) = self.after(id)
                && !self.is_wasteful(id, choice, &state)
            {
                self.take(id, choice, state);
                return true;
            }
        }
        if is_exhausted {
            self.note_farthest(due);
        }
        false
    }

    /// Says whether the same state is reached with one unanswered operation less, which can do all that follows.
    ///
    /// So such an operation is taken only where it changes the state, and only right before one that needs the change.
    fn is_wasteful(&self, id: OperationId, choice: Choice, after: &M::State) -> bool {
        let changes_nothing = matches!(choice, Choice::Class(_)) && *after == self.state;
        changes_nothing
            || self.path.last().is_some_and(|last| {
                let operation = self.history.operation(id);
                let output = operation.answer.as_ref().map(|(_, output)| output);
                matches!(last.choice, Choice::Class(_))
                    && M::step(&last.before, &operation.input, output).as_ref() == Some(after)
            })
    }

    /// Returns the state after an operation, if it fits here.
    fn after(&mut self, id: OperationId) -> Option<M::State> {
        self.steps += 1;
        let operation = self.history.operation(id);
        M::step(&self.state, &operation.input, operation.answer.as_ref().map(|(_, output)| output))
    }

    fn take(&mut self, operation: OperationId, choice: Choice, state: M::State) {
        match choice {
            Choice::Observer(number) | Choice::Due(number) | Choice::Called(number) => self.schedule.lift(number),
            Choice::Class(class) => self.schedule.use_class(class),
        }
        let before = std::mem::replace(&mut self.state, state);
        self.path.push(Taken { operation, choice, before });
    }

    /// Takes back up to the last choice that had others, and returns where those are.
    fn go_back(&mut self) -> Option<Cursor> {
        loop {
            let Taken { operation: _, choice, before } = self.path.pop()?;
            self.state = before;
            if let Some(farthest) = &mut self.farthest {
                farthest.shared = farthest.shared.min(self.path.len());
            }
            match choice {
                Choice::Observer(number) => self.schedule.put_back(number),
                Choice::Due(number) => {
                    self.schedule.put_back(number);
                    return Some(Cursor::CalledAfter(None));
                }
                Choice::Called(number) => {
                    self.schedule.put_back(number);
                    return Some(Cursor::CalledAfter(Some(number)));
                }
                Choice::Class(class) => {
                    self.schedule.unuse_class(class);
                    return Some(Cursor::ClassesFrom(class + 1));
                }
            }
        }
    }

    /// Remembers a dead end, if none went farther: a later answer that is due, or more that took effect before it.
    fn note_farthest(&mut self, due: Due) {
        let length = self.path.len();
        let before = self.farthest.as_ref().map(|farthest| (farthest.due.rank, farthest.path.len()));
        if before >= Some((due.rank, length)) {
            return;
        }
        let (mut path, shared) = self.farthest.take().map_or_else(Default::default, |it| (it.path, it.shared));
        path.truncate(shared);
        path.extend(self.path[shared..].iter().map(|taken| taken.operation));
        let unplaced = self.unplaced(due);
        self.farthest = Some(Farthest { due, path, shared: length, state: self.state.clone(), unplaced });
    }

    /// Returns everything that may take effect next, the due operation first.
    fn unplaced(&self, due: Due) -> Vec<OperationId> {
        let called = std::iter::successors(self.schedule.next_called(None), |it| self.schedule.next_called(Some(*it)));
        let numbers = std::iter::once(due.number).chain(called.filter(|number| *number != due.number));
        let classes = (0..self.schedule.classes()).filter_map(|class| self.schedule.next_of_class(class, due));
        numbers.map(|number| self.schedule.operation(number)).chain(classes).collect()
    }

    fn violation(mut self, key: &M::Key, answered: usize) -> Violation {
        let farthest = self.farthest.take().expect("a search is stuck somewhere");
        let Farthest { path: prefix, state, unplaced, .. } = farthest;
        let mut facts = vec![format!(
            "of {answered} answered operations on {key:?}, {} operations are explained up to here, which makes {state:?}",
            prefix.len()
        )];
        let hidden = prefix.len().saturating_sub(LISTED_MAX);
        if hidden > 0 {
            facts.push(format!("explained: {hidden} operations, and after them"));
        }
        facts.extend(prefix[hidden..].iter().map(|id| format!("explained: {}", self.words(*id))));
        facts.push(format!("its answer has no explanation: {}", self.words(unplaced[0])));
        let others = unplaced[1..].iter().take(LISTED_MAX);
        facts.extend(others.map(|id| format!("does not explain it: {}", self.words(*id))));
        let hidden = unplaced.len().saturating_sub(1 + LISTED_MAX);
        if hidden > 0 {
            facts.push(format!("does not explain it: any of {hidden} other operations"));
        }
        Violation { prefix, unplaced, facts }
    }

    fn words(&self, id: OperationId) -> String {
        let operation = self.history.operation(id);
        let said = M::describe(&operation.input, operation.answer.as_ref().map(|(_, output)| output));
        let until = operation.answer.as_ref().map_or_else(|| "…".to_string(), |(at, _)| at.to_string());
        format!("{id} of client {}, {} to {until}: {said}", operation.client, operation.called_at)
    }
}

#[cfg(test)]
pub(super) mod reference;
#[cfg(test)]
mod tests;
