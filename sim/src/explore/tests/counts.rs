//! Numbers that are known by a formula or from elsewhere, limits, and goals.

use super::systems::{Grid, LossyCounter, NaiveLock, Turn, TwoPhaseCommit};
use super::*;

#[test]
fn a_grid_has_as_many_states_as_places() {
    for (directions, side) in [(1, 1), (1, 9), (2, 7), (3, 5), (6, 4), (16, 2)] {
        let report = explore(&Grid { directions, side }, 5, &whole());
        let (d, k) = (directions as u32, u64::from(side));
        assert_eq!(report.outcome, Outcome::Complete);
        assert_eq!(report.unique, k.pow(d));
        assert_eq!(report.generated, u64::from(d) * (k - 1) * k.pow(d - 1));
        assert_eq!(report.depth, u64::from(d) * (k - 1));
        assert_eq!(report.terminals, 1);
        assert_eq!(report.levels.iter().sum::<u64>(), report.unique);
        assert!(report.levels.iter().eq(report.levels.iter().rev()), "a grid is as wide at its end as at its start");
    }
    let binomials = [1, 16, 120, 560, 1820, 4368, 8008, 11440, 12870];
    assert_eq!(explore(&Grid { directions: 16, side: 2 }, 5, &whole()).levels[..9], binomials);
}

#[test]
fn a_lossy_counter_has_a_tetrahedral_number_of_states() {
    for sent_max in [0, 1, 2, 7, 30] {
        let report = explore(&LossyCounter { sent_max }, 5, &whole());
        let n = u64::from(sent_max);
        assert_eq!(report.unique, (n + 1) * (n + 2) * (n + 3) / 6);
        assert_eq!(report.generated, 3 * (n * (n + 1) * (n + 2) / 6));
        assert_eq!(report.depth, 2 * n);
        assert_eq!(report.terminals, n + 1);
    }
}

#[test]
fn two_phase_commit_has_the_published_numbers_of_states() {
    for (managers, states) in [(3, 288), (5, 8832)] {
        let report = explore(&TwoPhaseCommit { managers }, 5, &whole());
        assert_eq!((report.outcome, report.unique), (Outcome::Complete, states));
        assert!(report.is_green());
    }
}

#[test]
fn the_shortest_way_into_a_naive_lock_takes_four_steps() {
    let report = explore(&NaiveLock, 5, &Options::default());
    assert_eq!(report.outcome, Outcome::Broken);
    let [found] = &report.breaches[..] else { panic!("{:?}", report.breaches) };
    assert_eq!(found.breach.invariant, "two are never inside");
    assert_eq!(found.actions, [Turn::Look(0), Turn::Look(1), Turn::Enter(0), Turn::Enter(1)]);
    assert_eq!(report.levels.len(), 5, "no level behind the breach is begun");
}

#[test]
fn a_search_that_goes_on_keeps_the_first_breach_of_each_property() {
    let report = explore(&NaiveLock, 5, &whole());
    assert_eq!(report.outcome, Outcome::Complete);
    let found: Vec<_> = report.breaches.iter().map(|found| (found.breach.invariant, found.actions.len())).collect();
    assert_eq!(found, [("two are never inside", 4), ("three are never inside", 6)]);
    assert_eq!(report.unique, 27);
    assert!(!report.is_green());
}

#[test]
fn a_search_that_stopped_at_a_breach_can_go_on_to_the_next() {
    let mut search = Search::new(&NaiveLock, 5);
    let outcomes: Vec<_> = (0..4).map(|_| search.run(&Options::default(), &mut go_on).outcome).collect();
    assert_eq!(outcomes, [Outcome::Broken, Outcome::Broken, Outcome::Complete, Outcome::Complete]);
    assert_eq!(search.run(&whole(), &mut go_on), explore(&NaiveLock, 5, &whole()));
}

#[test]
fn a_goal_that_nothing_shows_is_named_and_one_that_is_shown_has_its_shortest_way() {
    let grid = Grid { directions: 3, side: 3 };
    let report = explore(&grid, 5, &whole());
    assert_eq!(report.unreached().collect::<Vec<_>>(), ["outside"]);
    assert!(!report.is_green());
    let corner = report.goals[0].witness.clone().unwrap();
    assert_eq!(corner.0.len(), 6);
    assert_eq!(follow(&grid, &corner.0).unwrap().state, [2, 2, 2]);
}

#[test]
fn a_search_holds_at_most_as_many_states_as_it_may() {
    for states_max in 0..64 {
        let report = explore(&Grid { directions: 3, side: 4 }, 5, &up_to(states_max, OnBreach::Stop));
        assert_eq!(report.outcome, Outcome::StoppedAt(Limit::States(states_max)));
        assert_eq!(report.unique, states_max);
    }
    assert_eq!(explore(&Grid { directions: 3, side: 4 }, 5, &up_to(64, OnBreach::Stop)).outcome, Outcome::Complete);
}

#[test]
fn a_search_never_holds_more_bytes_than_it_may() {
    let grid = Grid { directions: 6, side: 9 };
    let needed = explore(&grid, 5, &whole()).memory_bytes;
    for memory_max in [0, 1 << 10, 1 << 17, 1 << 20, 5 << 20, needed - 1, needed] {
        let limits = Limits { memory_max, ..Limits::default() };
        let mut search = Search::new(&grid, 5);
        let options = Options { limits, progress_every: 1, ..Options::default() };
        let report = search.run(&options, &mut |progress| {
            assert!(progress.memory <= memory_max, "{progress:?}");
            ControlFlow::Continue(())
        });
        let is_enough = memory_max == needed;
        let stop = Outcome::StoppedAt(Limit::Memory(memory_max));
        assert_eq!(report.outcome, if is_enough { Outcome::Complete } else { stop });
        assert!(report.memory_bytes <= memory_max);
    }
}

#[test]
fn a_visited_state_costs_at_most_32_bytes_beside_the_frontier() {
    let grid = Grid { directions: 4, side: 25 };
    let options = Options {
        limits: Limits { state_bytes: Some(0), ..Limits::default() },
        progress_every: 1,
        ..Options::default()
    };
    let mut seen = 0;
    let report = Search::new(&grid, 5).run(&options, &mut |progress| {
        if progress.states >= 1 << 14 {
            assert!(progress.memory <= 32 * progress.states, "{progress:?}");
            seen += 1;
        }
        ControlFlow::Continue(())
    });
    assert_eq!(report.unique, 25_u64.pow(4));
    assert!(seen > 300_000);
}

#[test]
fn a_heavier_state_stops_a_search_earlier() {
    let grid = Grid { directions: 6, side: 9 };
    let visited = |state_bytes| {
        let limits = Limits { memory_max: 4 << 20, state_bytes, ..Limits::default() };
        explore(&grid, 5, &Options { limits, ..Options::default() }).unique
    };
    assert_eq!(visited(None), visited(Some(size_of::<Vec<u8>>() as u64)));
    assert!(visited(Some(500)) < visited(None));
}

#[test]
fn a_state_without_an_index_is_a_limit() {
    let mut search = Search::new(&NaiveLock, 5);
    search.indices_max = 9;
    let report = search.run(&whole(), &mut go_on);
    assert_eq!((report.outcome, report.unique), (Outcome::StoppedAt(Limit::Indices), 9));
}

#[test]
fn progress_is_told_again_and_again_and_never_goes_back() {
    let mut told = Vec::new();
    let options = Options { progress_every: 100, ..Options::default() };
    Search::new(&Grid { directions: 6, side: 4 }, 5).run(&options, &mut |progress| {
        told.push(*progress);
        ControlFlow::Continue(())
    });
    assert_eq!(told.len(), 40);
    for pair in told.windows(2) {
        let [(before, after)] = [(pair[0], pair[1])];
        assert!(before.states <= after.states && before.generated < after.generated && before.depth <= after.depth);
    }
    assert!(told.iter().enumerate().all(|(at, progress)| progress.states - progress.frontier == 100 * (at as u64 + 1)));
}
