//! How fast the search for a linearization is, and where it stops being fast.
//!
//! ```sh
//! cargo run --release -p delian-sim --example linearizability
//! ```
//!
//! Prints one line per kind of history, with the median over all seeds in CPU time: registers of five values, as honest
//! clients see them, and again with one read in the middle answered from the past. It asserts no timings.
#![expect(clippy::print_stdout, reason = "what it measured is read from its output")]

use cpu_time::ProcessTime;
use delian_core::{LogIndex, Seed, Stream, Time};
use delian_sim::linearizability::by_index::{Access, IndexOrder};
use delian_sim::linearizability::history::{Event, History};
use delian_sim::linearizability::register::{Action, Input, Output, Registers};
use delian_sim::linearizability::sample::{Load, Object};
use delian_sim::linearizability::search::{Verdict, search};

const SEEDS: u64 = 9;
const VALUES: u64 = 5;
const STEPS_MAX: u64 = 2_000_000;

fn main() {
    for (clients, operations) in [(3, 100), (5, 1_000), (5, 10_000), (8, 10_000), (10, 10_000), (20, 1_000)] {
        for unanswered_permille in [0, 20] {
            let load = Load { clients, operations, unanswered_permille };
            measure("honest", load, |_| {});
            measure("stale", load, go_stale);
        }
    }
    let load = Load { clients: 5, operations: 10_000, unanswered_permille: 0 };
    let mut spent: Vec<u128> =
        (0..SEEDS).map(|seed| judge_by_index(&load.history(Seed::new(seed), &mut Log(0)))).collect();
    spent.sort_unstable();
    println!("kind=by-index clients=5 operations=10000 cpu_us={}", spent[spent.len() / 2] / 1_000);
}

fn measure(kind: &str, load: Load, change: impl Fn(&mut [Operation])) {
    let (mut spent, mut violations, mut undecided) = (Vec::new(), 0, 0);
    for seed in 0..SEEDS {
        let mut operations: Vec<Operation> =
            load.history(Seed::new(seed), &mut Register(0)).operations().map(|(_, it)| it.clone()).collect();
        change(&mut operations);
        let history: History<Input, Output> = operations.into_iter().collect();
        let start = ProcessTime::now();
        match search::<Registers>(&history, STEPS_MAX) {
            Verdict::Linearizable => {}
            Verdict::Violation(_) => violations += 1,
            Verdict::Undecided { .. } => undecided += 1,
        }
        spent.push(start.elapsed().as_nanos());
    }
    spent.sort_unstable();
    let (median, most) = (spent[spent.len() / 2] / 1_000, spent[spent.len() - 1] / 1_000);
    let Load { clients, operations, unanswered_permille } = load;
    print!("kind={kind} clients={clients} operations={operations} unanswered_permille={unanswered_permille} ");
    println!("cpu_us={median} cpu_us_most={most} violations={violations}/{SEEDS} undecided={undecided}/{SEEDS}");
}

type Operation = delian_sim::linearizability::history::Operation<Input, Output>;

/// Lets the first read after the middle see a value that nobody ever wrote: a violation, wherever it is searched for.
fn go_stale(operations: &mut [Operation]) {
    let middle = operations.len() / 2;
    let mut outputs = operations[middle..].iter_mut().filter_map(|it| it.answer.as_mut()).map(|(_, output)| output);
    let answer = outputs.find(|output| matches!(output, Output::Holds(_)));
    *answer.expect("one in three operations is a read") = Output::Holds(VALUES);
}

/// One register.
struct Register(u64);

impl Object for Register {
    type Input = Input;
    type Output = Output;

    fn ask(&self, random: &mut Stream) -> Input {
        let (from, to) = (random.below(VALUES), random.below(VALUES));
        let actions = [Action::Read, Action::Write(to), Action::Swap { from, to }];
        Input { register: 0, action: actions[random.below(3) as usize] }
    }

    fn perform(&mut self, input: &Input) -> Output {
        match input.action {
            Action::Read => return Output::Holds(self.0),
            Action::Swap { from, to: _ } if from != self.0 => return Output::Differs,
            Action::Write(to) | Action::Swap { from: _, to } => self.0 = to,
        }
        Output::Done
    }
}

/// A log, by how many entries it has.
struct Log(u64);

impl Object for Log {
    type Input = Access;
    type Output = LogIndex;

    fn ask(&self, random: &mut Stream) -> Access {
        if random.below(3) == 0 { Access::Read } else { Access::Write }
    }

    fn perform(&mut self, access: &Access) -> LogIndex {
        self.0 += u64::from(*access == Access::Write);
        LogIndex::new(self.0)
    }
}

/// Feeds a history to the online judge and returns the nanoseconds that the judge took.
fn judge_by_index(history: &History<Access, LogIndex>) -> u128 {
    let events: Vec<(Time, Event)> = history.events();
    let start = ProcessTime::now();
    let mut order = IndexOrder::default();
    for (now, event) in events {
        let Event::Answered(id) = event else {
            let (Event::Called(id) | Event::Answered(id)) = event;
            order.on_call(id, now);
            continue;
        };
        let operation = history.operation(id);
        let (_, index) = operation.answer.expect("only what was answered has that event");
        let judged = match operation.input {
            Access::Write => order.on_write(id, now, index),
            Access::Read => order.on_read(id, now, index),
        };
        judged.expect("an honest log contradicts itself nowhere");
    }
    start.elapsed().as_nanos()
}
