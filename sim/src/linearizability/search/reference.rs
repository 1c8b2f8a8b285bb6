//! The definition of linearizability as a dumb search: what the fast one is held to.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::history::{Event, History, Operation, OperationId};
use super::{Model, Verdict, Violation, search};

/// Tries every order of every subset that the definition allows, and remembers nothing.
pub(in super::super) fn permits<M: Model>(history: &History<M::Input, M::Output>) -> bool {
    let keys = || history.operations().map(|(_, operation)| M::key(&operation.input));
    let mut states = keys().map(|key| (M::initial(&key), key)).map(|(state, key)| (key, state)).collect();
    permits_rest::<M>(history, &mut history.operations().map(|(id, _)| id).collect(), &mut states)
}

fn permits_rest<M: Model>(
    history: &History<M::Input, M::Output>,
    left: &mut BTreeSet<OperationId>,
    states: &mut BTreeMap<M::Key, M::State>,
) -> bool {
    let answered_at = |id: &OperationId| history.operation(*id).answer.as_ref().map(|(at, _)| *at);
    let Some(first) = left.iter().filter_map(answered_at).min() else { return true };
    left.clone().into_iter().filter(|id| history.operation(*id).called_at <= first).any(|id| {
        let Operation { input, answer, .. } = history.operation(id);
        let key = M::key(input);
        let Some(after) = M::step(&states[&key], input, answer.as_ref().map(|(_, output)| output)) else {
            return false;
        };
        let before = states.insert(M::key(input), after).expect("every key has a state");
        left.remove(&id);
        let is_permitted = permits_rest::<M>(history, left, states);
        left.insert(id);
        states.insert(key, before);
        is_permitted
    })
}

/// Checks the verdict against the dumb search. Returns whether an order explains the history.
pub(in super::super) fn agrees<M: Model>(history: &History<M::Input, M::Output>) -> Result<bool, TestCaseError>
where
    M::Input: Clone,
    M::Output: Clone,
{
    let expected = permits::<M>(history);
    match search::<M>(history, 1_000_000) {
        Verdict::Linearizable => prop_assert!(expected, "passed, but no order explains {history:?}"),
        Verdict::Violation(violation) => {
            prop_assert!(!expected, "an order explains {history:?}, but: {violation}");
            points_at_the_first_fault::<M>(history, &violation)?;
        }
        Verdict::Undecided { steps } => prop_assert!(false, "gave up after {steps} steps"),
    }
    Ok(expected)
}

/// Checks that all is well before the answer that the violation is about, and that nothing called by then explains it.
fn points_at_the_first_fault<M: Model>(
    history: &History<M::Input, M::Output>,
    violation: &Violation,
) -> Result<(), TestCaseError>
where
    M::Input: Clone,
    M::Output: Clone,
{
    let key = |event: &Event| {
        let (Event::Called(id) | Event::Answered(id)) = event;
        M::key(&history.operation(*id).input)
    };
    let answer = Event::Answered(violation.unplaced[0]);
    let events = history.events().into_iter().map(|(_, event)| event);
    let before: Vec<Event> = events.take_while(|event| *event != answer).filter(|it| key(it) == key(&answer)).collect();
    let called = |(id, operation): (OperationId, &Operation<M::Input, M::Output>)| {
        before.contains(&Event::Called(id)).then(|| (id, operation.clone()))
    };
    let called: Vec<_> = history.operations().filter_map(called).collect();
    let with_all_answers = called.iter().map(|(_, operation)| operation.clone()).collect();
    prop_assert!(!permits::<M>(&with_all_answers), "that answer has an explanation: {violation}");
    let with_answers_before = called.into_iter().map(|(id, operation)| {
        let answer = operation.answer.filter(|_| before.contains(&Event::Answered(id)));
        Operation { answer, ..operation }
    });
    prop_assert!(permits::<M>(&with_answers_before.collect()), "all is not well before that answer: {violation}");
    Ok(())
}
