//! How a member leaves, and how it comes.

use delian_core::swim::packet::Body;
use delian_core::swim::{Carrier, Event, Input, PoolConfig, Standing, State};
use std::time::Duration;

use crate::bench::{Bench, alive, at, dead, id, inc, left};

#[test]
fn a_member_leaves_once_enough_others_know() {
    let mut bench = Bench::among(6);
    bench.feed(Input::Leave);
    let told: Vec<_> = bench.sent().into_iter().filter(|(_, _, packet)| packet.body == Body::Leave).collect();
    assert_eq!(told.len(), 3);
    for number in [2, 2, 3] {
        bench.receive(number, 0, Body::Farewell, []);
    }
    assert!(matches!(bench.swim.standing(), Standing::Leaving(_)), "two others are not three");
    bench.receive(4, 0, Body::Farewell, []);
    assert_eq!(bench.events().last(), Some(&Event::Departed(3)));
    assert_eq!(bench.swim.standing(), &Standing::Departed);
}

#[test]
fn a_member_that_nobody_hears_leaves_all_the_same() {
    let mut bench = Bench::among(6);
    bench.feed(Input::Leave);
    bench.run_for(Duration::from_secs(6));
    assert_eq!(bench.events().last(), Some(&Event::Departed(0)));
}

#[test]
fn a_lone_member_leaves_at_once() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.feed(Input::Leave);
    assert_eq!(bench.events(), [Event::Departed(0)]);
}

#[test]
fn a_leave_is_no_death_and_is_answered() {
    let mut bench = Bench::among(4);
    bench.receive(3, 0, Body::Leave, []);
    assert_eq!(bench.sees(3), Some((0, State::Left)));
    assert_eq!(bench.events(), [Event::Left { member: id(3), incarnation: inc(0), late: false }]);
    assert!(bench.sent().iter().any(|(to, _, packet)| *to == at(3) && packet.body == Body::Farewell));
    bench.hear(2, [dead(3, 0), alive(3, 0)]);
    assert_eq!(bench.sees(3), Some((0, State::Left)));
}

#[test]
fn a_leave_that_comes_late_corrects_a_death_and_says_so_once() {
    let mut bench = Bench::among(4);
    bench.bury(3);
    for _ in 0..3 {
        bench.hear(2, [left(3, 0)]);
    }
    assert_eq!(bench.events(), [Event::Left { member: id(3), incarnation: inc(0), late: true }]);
}

#[test]
fn whoever_left_comes_back_in_a_later_incarnation() {
    let mut bench = Bench::among(4);
    bench.hear(2, [left(3, 0)]);
    bench.hear(3, [alive(3, 0)]);
    assert_eq!(bench.sees(3), Some((0, State::Left)));
    bench.hear(3, [alive(3, 1)]);
    assert_eq!(bench.sees(3), Some((1, State::Alive)));
}

#[test]
fn the_gone_are_forgotten_when_their_tombstones_have_stood_long_enough() {
    let (horizon, second) = (Duration::from_secs(40), Duration::from_secs(1));
    let mut bench = Bench::with(PoolConfig { tombstone_horizon: horizon, ..PoolConfig::local("bench") });
    bench.hear(2, [alive(2, 0), alive(3, 0), alive(4, 0)]);
    bench.bury(3);
    bench.hear(2, [left(4, 0)]);
    bench.run_for(horizon.saturating_sub(second));
    assert_eq!((bench.sees(3), bench.sees(4)), (Some((0, State::Dead)), Some((0, State::Left))));
    bench.hear(2, []);
    bench.run_for(Duration::from_secs(2));
    assert_eq!((bench.sees(3), bench.sees(4)), (None, None));
    assert!(bench.directory.find(id(3)).is_none(), "nothing is left of it");
}

#[test]
fn a_newcomer_asks_one_seed_after_another_for_ever() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.feed(Input::Join(vec![at(1), at(2), at(3)]));
    bench.run_for(Duration::from_mins(5));
    let sent = bench.sent();
    let asked = |number| sent.iter().filter(|(to, ..)| *to == at(number)).count();
    assert!(asked(2) >= 6 && asked(3) >= 6, "{} and {} times", asked(2), asked(3));
    assert_eq!(asked(1), 0, "the node itself is no seed");
    assert!(
        sent.iter()
            .all(|(_, carrier, packet)| *carrier == Carrier::Stream && matches!(packet.body, Body::SyncOffer(_)))
    );
}

/// However long it has been alone, all its seeds are asked within a quarter of a minute or so.
#[test]
fn a_member_that_is_alone_never_leaves_a_seed_unasked_for_long() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.feed(Input::Join(vec![at(2), at(3), at(4)]));
    bench.run_for(Duration::from_mins(10));
    for _ in 0..20 {
        bench.sent();
        bench.run_for(Duration::from_secs(16));
        let sent = bench.sent();
        assert!((2..=4).all(|seed| sent.iter().any(|(to, ..)| *to == at(seed))), "{sent:?}");
    }
}

#[test]
fn the_dead_are_asked_now_and_then_whether_they_are_there() {
    let mut bench = Bench::among(3);
    bench.bury(3);
    let asked = bench.run_answered(Duration::from_mins(1), 3).into_iter().filter(|number| *number == 3).count();
    assert!((5..=7).contains(&asked), "{asked} times in a minute");
    let told = loop {
        bench.run_for(Duration::from_secs(1));
        bench.hear(2, []);
        let told = bench.told(3);
        if !told.is_empty() {
            break told;
        }
    };
    assert!(told.contains(&dead(3, 0)), "it hears that it is held dead, in {told:?}");
    bench.hear(3, [alive(3, 1)]);
    let offered =
        bench.sent().into_iter().any(|(to, _, packet)| to == at(3) && matches!(packet.body, Body::SyncOffer(_)));
    assert!(offered, "whoever is back brings others back");
}
