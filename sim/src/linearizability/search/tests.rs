//! The search against a dumb one, and histories whose verdict is known from the literature.

use std::collections::{BTreeMap, BTreeSet};

use delian_core::{Seed, Stream};
use proptest::prelude::*;

use super::super::history::Operation;
use super::super::register::{Action, Input, Output, Registers};
use super::super::sample::{Load, Object};
use super::reference::{agrees, permits};
use super::*;

const STEPS_MAX: u64 = 1_000_000;

/// Registers as they should be.
#[derive(Default)]
struct Honest {
    registers: u16,
    values: u64,
    held: BTreeMap<u16, u64>,
}

impl Object for Honest {
    type Input = Input;
    type Output = Output;

    fn ask(&self, random: &mut Stream) -> Input {
        let register = random.below(self.registers.into()) as u16;
        let (from, to) = (random.below(self.values), random.below(self.values));
        let action = match random.below(3) {
            0 => Action::Read,
            1 => Action::Write(to),
            _ => Action::Swap { from, to },
        };
        Input { register, action }
    }

    fn perform(&mut self, input: &Input) -> Output {
        let held = self.held.entry(input.register).or_default();
        match input.action {
            Action::Read => Output::Holds(*held),
            Action::Write(value) => {
                *held = value;
                Output::Done
            }
            Action::Swap { from, to } if from == *held => {
                *held = to;
                Output::Done
            }
            Action::Swap { .. } => Output::Differs,
        }
    }
}

/// A set of small numbers, one part for all.
enum Numbers {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Add(u8),
    Remove(u8),
    Count,
}

impl Model for Numbers {
    type Key = ();
    type State = BTreeSet<u8>;
    type Input = Ask;
    type Output = usize;

    fn key(_input: &Ask) {}

    fn initial(_key: &()) -> BTreeSet<u8> {
        BTreeSet::new()
    }

    fn step(state: &BTreeSet<u8>, input: &Ask, output: Option<&usize>) -> Option<BTreeSet<u8>> {
        let mut after = state.clone();
        let answer = take(&mut after, *input);
        output.is_none_or(|output| *output == answer).then_some(after)
    }

    fn only_observes(input: &Ask, output: Option<&usize>) -> bool {
        *input == Ask::Count || output == Some(&0)
    }
}

/// Returns how many numbers came or went, or how many there are.
fn take(numbers: &mut BTreeSet<u8>, ask: Ask) -> usize {
    match ask {
        Ask::Add(number) => usize::from(numbers.insert(number)),
        Ask::Remove(number) => usize::from(numbers.remove(&number)),
        Ask::Count => numbers.len(),
    }
}

/// A set as it should be.
#[derive(Default)]
struct Present(BTreeSet<u8>);

impl Object for Present {
    type Input = Ask;
    type Output = usize;

    fn ask(&self, random: &mut Stream) -> Ask {
        let number = random.below(4) as u8;
        [Ask::Add(number), Ask::Remove(number), Ask::Count][random.below(3) as usize]
    }

    fn perform(&mut self, input: &Ask) -> usize {
        take(&mut self.0, *input)
    }
}

fn load(clients: u16, operations: usize, unanswered_permille: u16) -> Load {
    Load { clients, operations, unanswered_permille }
}

fn registers(load: Load, seed: u64, registers: u16, values: u64) -> History<Input, Output> {
    load.history(Seed::new(seed), &mut Honest { registers, values, ..Honest::default() })
}

/// Replaces the answer of an operation, chosen by `place` among those that `eligible` finds, by what it returns.
fn mutated<I: Clone, O: Clone>(
    history: &History<I, O>,
    place: prop::sample::Index,
    mutate: impl Fn(&I, &O) -> Option<O>,
) -> Option<History<I, O>> {
    let other = |it: &Operation<I, O>| it.answer.as_ref().and_then(|(_, output)| mutate(&it.input, output));
    let eligible: Vec<_> = history.operations().filter_map(|(id, it)| other(it).map(|output| (id, output))).collect();
    let (chosen, output) = eligible.get(place.index(eligible.len().max(1)))?;
    let replaced = |(id, it): (OperationId, &Operation<I, O>)| {
        let mut it = it.clone();
        if id == *chosen {
            it.answer = it.answer.map(|(at, _)| (at, output.clone()));
        }
        it
    };
    Some(history.operations().map(replaced).collect())
}

proptest! {
    #[test]
    fn honest_registers_pass(seed: u64, clients in 1..9_u16, values in 1..6_u64, permille in 0..100_u16) {
        let history = registers(load(clients, 300, permille), seed, 3, values);
        prop_assert_eq!(search::<Registers>(&history, STEPS_MAX), Verdict::Linearizable);
    }

    #[test]
    fn an_honest_set_passes(seed: u64, clients in 1..7_u16, permille in 0..50_u16) {
        let history = load(clients, 200, permille).history(Seed::new(seed), &mut Present::default());
        prop_assert_eq!(search::<Numbers>(&history, STEPS_MAX), Verdict::Linearizable);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_register_that_answers_something_else_is_judged_as_by_the_dumb_search(
        seed: u64,
        clients in 1..6_u16,
        permille in 0..400_u16,
        count in 1..3_u16,
        place: prop::sample::Index,
        value in 0..3_u64,
    ) {
        let history = registers(load(clients, 7, permille), seed, count, 3);
        prop_assert!(agrees::<Registers>(&history)?);
        let other = |_: &Input, output: &Output| match output {
            Output::Holds(held) => (*held != value).then_some(Output::Holds(value)),
            Output::Done => None,
            Output::Differs => Some(Output::Done),
        };
        if let Some(history) = mutated(&history, place, other) {
            agrees::<Registers>(&history)?;
        }
    }

    #[test]
    fn a_set_that_answers_something_else_is_judged_as_by_the_dumb_search(
        seed: u64,
        clients in 1..6_u16,
        permille in 0..400_u16,
        place: prop::sample::Index,
        answer in 0..3_usize,
    ) {
        let history = load(clients, 7, permille).history(Seed::new(seed), &mut Present::default());
        prop_assert!(agrees::<Numbers>(&history)?);
        if let Some(history) = mutated(&history, place, |_, output| (*output != answer).then_some(answer)) {
            agrees::<Numbers>(&history)?;
        }
    }
}

/// A row of client, call and answer in milliseconds, action, and output; an answer at zero stands for none.
type Row = (u16, u64, u64, Action, Output);

fn history(rows: &[Row]) -> History<Input, Output> {
    let operation = |&(client, called, answered, action, output): &Row| Operation {
        client,
        called_at: Time::from_millis(called),
        input: Input { register: 0, action },
        answer: (answered > 0).then_some((Time::from_millis(answered), output)),
    };
    rows.iter().map(operation).collect()
}

fn judge(rows: &[Row]) -> Verdict {
    let history = history(rows);
    let verdict = search::<Registers>(&history, STEPS_MAX);
    assert_eq!(verdict == Verdict::Linearizable, permits::<Registers>(&history), "the dumb search finds otherwise");
    verdict
}

const READ: Action = Action::Read;
const DONE: Output = Output::Done;
use Action::Write;
use Output::Holds;

#[test]
fn what_overlaps_may_take_effect_in_either_order() {
    let both = [(1, 1, 4, Write(1), DONE), (2, 2, 5, Write(2), DONE)];
    for held in [1, 2] {
        let read = (3, 6, 7, READ, Holds(held));
        assert_eq!(judge(&[both.as_slice(), &[read]].concat()), Verdict::Linearizable, "held {held}");
    }
}

#[test]
fn a_stale_read_is_a_violation() {
    let rows = [(1, 1, 2, Write(1), DONE), (1, 3, 4, Write(2), DONE), (2, 5, 6, READ, Holds(1))];
    let Verdict::Violation(violation) = judge(&rows) else { panic!("a stale read passed") };
    assert_eq!(violation.prefix, [OperationId::new(0), OperationId::new(1)]);
    assert_eq!(violation.unplaced, [OperationId::new(2)]);
    let words = "of 3 answered operations on 0, 2 operations are explained up to here, which makes 2\n\
                 explained: #0 of client 1, 0.001000000s to 0.002000000s: write 1 to 0: done\n\
                 explained: #1 of client 1, 0.003000000s to 0.004000000s: write 2 to 0: done\n\
                 its answer has no explanation: #2 of client 2, 0.005000000s to 0.006000000s: read 0: 1";
    assert_eq!(violation.to_string(), words);
}

#[test]
fn a_read_that_saw_a_write_early_binds_the_next_read() {
    let write = (1, 1, 9, Write(1), DONE);
    let forth = [write, (2, 2, 3, READ, Holds(0)), (3, 4, 5, READ, Holds(1))];
    assert_eq!(judge(&forth), Verdict::Linearizable);
    let back = [write, (2, 2, 3, READ, Holds(1)), (3, 4, 5, READ, Holds(0))];
    assert!(matches!(judge(&back), Verdict::Violation(_)));
}

#[test]
fn a_lost_update_is_a_violation() {
    let add = |client, from| (client, 1, 2, Action::Swap { from, to: from + 1 }, DONE);
    assert_eq!(judge(&[add(1, 0), add(2, 1), (3, 3, 4, READ, Holds(2))]), Verdict::Linearizable);
    assert!(matches!(judge(&[add(1, 0), add(2, 0), (3, 3, 4, READ, Holds(1))]), Verdict::Violation(_)));
}

#[test]
fn two_sides_that_each_read_their_own_write_are_a_violation() {
    let rows = [
        (1, 1, 2, Write(1), DONE),
        (2, 1, 2, Write(2), DONE),
        (1, 3, 4, READ, Holds(1)),
        (2, 3, 4, READ, Holds(2)),
        (1, 5, 6, READ, Holds(1)),
    ];
    assert!(matches!(judge(&rows), Verdict::Violation(_)));
}

#[test]
fn what_was_not_answered_takes_effect_at_any_time_or_never() {
    let lost = (1, 1, 0, Write(7), DONE);
    let rows = |held: [u64; 3]| {
        let read = |(at, held): (usize, &u64)| (2, 2 + 2 * at as u64, 3 + 2 * at as u64, READ, Holds(*held));
        let mut rows = vec![lost];
        rows.extend(held.iter().enumerate().map(read));
        rows
    };
    for held in [[0, 0, 0], [0, 0, 7], [7, 7, 7]] {
        assert_eq!(judge(&rows(held)), Verdict::Linearizable, "{held:?}");
    }
    for held in [[0, 7, 0], [7, 0, 7], [0, 1, 1]] {
        assert!(matches!(judge(&rows(held)), Verdict::Violation(_)), "{held:?}");
    }
}

#[test]
fn nothing_takes_effect_before_its_call() {
    let rows = [(2, 1, 2, READ, Holds(7)), (1, 3, 0, Write(7), DONE)];
    assert!(matches!(judge(&rows), Verdict::Violation(_)));
}

#[test]
fn many_lost_writes_of_one_value_are_no_burden() {
    let mut rows: Vec<Row> = (0..200).map(|at| (1, 1 + at, 0, Write(at % 2), DONE)).collect();
    rows.extend((0..400).map(|at| (2, 300 + 2 * at, 301 + 2 * at, READ, Holds(u64::from(at % 4 > 1)))));
    // 200 lost writes make at most 200 changes, and the reads see 199.
    assert_eq!(search::<Registers>(&history(&rows), STEPS_MAX), Verdict::Linearizable);
    rows.extend((400..408).map(|at| (2, 300 + 2 * at, 301 + 2 * at, READ, Holds(u64::from(at % 2 > 0)))));
    let verdict = search::<Registers>(&history(&rows), STEPS_MAX);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
}

#[test]
fn many_lost_writes_of_many_values_are_no_burden() {
    let mut rows: Vec<Row> = (0..60).map(|at| (1, 1 + at, 0, Write(at), DONE)).collect();
    rows.extend((0..60).map(|at| (2, 100 + 2 * at, 101 + 2 * at, READ, Holds(59 - at))));
    assert_eq!(search::<Registers>(&history(&rows), STEPS_MAX), Verdict::Linearizable);
    rows.push((2, 300, 301, READ, Holds(9)));
    let verdict = search::<Registers>(&history(&rows), STEPS_MAX);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
}

#[test]
fn a_search_that_gives_up_says_so() {
    let history = registers(load(5, 1_000, 0), 1, 1, 5);
    let Verdict::Undecided { steps } = search::<Registers>(&history, 100) else { panic!("100 steps sufficed") };
    assert!((100..200).contains(&steps), "{steps} steps");
}

#[test]
fn a_violation_counts_even_beside_an_undecided_part() {
    let mut history = registers(load(5, 1_000, 0), 1, 1, 5);
    let id = history.call(9, Time::ZERO, Input { register: 1, action: READ });
    history.answer(id, Time::ZERO, Holds(1));
    assert!(matches!(search::<Registers>(&history, 100), Verdict::Violation(_)));
}
