//! A search that is interrupted, written, read and gone on with.

use super::systems::{Grid, NaiveLock, TwoPhaseCommit};
use super::*;

/// Writes a search and reads it again.
fn put_by<'a, S: System>(system: &'a S, search: &Search<'a, S>) -> Search<'a, S> {
    let mut bytes = Vec::new();
    search.save(7, &mut bytes).unwrap();
    let read = Search::resume(system, 7, &bytes[..]).unwrap();
    let mut again = Vec::new();
    read.save(7, &mut again).unwrap();
    assert_eq!(bytes, again, "what was read writes the same bytes");
    read
}

/// Stops at each number of states in turn, writes, reads, and requires the end to be that of an uninterrupted search.
fn interrupt_everywhere<S: System>(system: &S, options: &Options) {
    let expected = explore(system, 5, options);
    for states_max in 0..=expected.unique {
        let mut search = Search::new(system, 5);
        let limits = Limits { states_max, ..options.limits };
        search.run(&Options { limits, ..*options }, &mut go_on);
        let mut resumed = put_by(system, &search);
        assert_eq!(resumed.run(options, &mut go_on), expected, "interrupted at {states_max} states");
    }
}

#[test]
fn a_search_interrupted_at_any_number_of_states_ends_the_same() {
    interrupt_everywhere(&Grid { directions: 3, side: 4 }, &whole());
    interrupt_everywhere(&TwoPhaseCommit { managers: 3 }, &whole());
    interrupt_everywhere(&NaiveLock, &whole());
}

#[test]
fn a_counter_example_found_after_an_interruption_is_the_same() {
    let expected = explore(&NaiveLock, 5, &Options::default());
    for states_max in 0..expected.unique {
        let mut search = Search::new(&NaiveLock, 5);
        search.run(&up_to(states_max, OnBreach::Stop), &mut go_on);
        assert_eq!(put_by(&NaiveLock, &search).run(&Options::default(), &mut go_on), expected);
    }
}

#[test]
fn a_search_paused_at_every_level_and_put_by_each_time_ends_the_same() {
    let system = TwoPhaseCommit { managers: 5 };
    let expected = explore(&system, 5, &whole());
    let mut search = Search::new(&system, 5);
    let mut pauses = 0_u64;
    let report = loop {
        let mut depth = None;
        let options = Options { progress_every: 1, ..whole() };
        let report = search.run(&options, &mut |progress| {
            let is_deeper = *depth.get_or_insert(progress.depth) < progress.depth;
            if is_deeper { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if report.outcome == Outcome::Complete {
            break report;
        }
        assert_eq!(report.outcome, Outcome::Paused);
        pauses += 1;
        search = put_by(&system, &search);
    };
    assert_eq!(report, expected);
    assert!(pauses >= expected.depth, "{pauses} pauses");
}

#[test]
fn a_search_of_many_parts_and_chunks_ends_the_same() {
    let grid = Grid { directions: 6, side: 6 };
    let expected = explore(&grid, 5, &whole());
    for states_max in [1, 4_095, 4_096, 4_097, 20_000, 46_655, 46_656] {
        let mut search = Search::new(&grid, 5);
        search.run(&up_to(states_max, OnBreach::GoOn), &mut go_on);
        assert_eq!(put_by(&grid, &search).run(&whole(), &mut go_on), expected, "interrupted at {states_max} states");
    }
}

#[test]
fn a_limit_can_be_raised_without_putting_the_search_by() {
    let system = TwoPhaseCommit { managers: 3 };
    let mut search = Search::new(&system, 5);
    for states_max in 0..288 {
        let report = search.run(&up_to(states_max, OnBreach::Stop), &mut go_on);
        assert_eq!(report.outcome, Outcome::StoppedAt(Limit::States(states_max)));
    }
    assert_eq!(search.run(&whole(), &mut go_on), explore(&system, 5, &whole()));
}
