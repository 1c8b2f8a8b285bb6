//! By which news a view changes, and by which it does not.

use delian_core::Blob;
use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping};
use delian_core::swim::{Card, CardSum, Carrier, Effect, Event, Input, News, PoolConfig, Standing, State, Urgency};
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{Bench, alive, at, card, dead, id, inc, left, suspect};

#[test]
fn a_death_in_an_earlier_incarnation_buries_nobody() {
    let mut bench = Bench::among(4);
    bench.hear(2, [alive(3, 1)]);
    bench.hear(2, [dead(3, 0)]);
    assert_eq!(bench.sees(3), Some((1, State::Alive)));
}

#[test]
fn suspect_goes_before_alive_and_dead_before_both_in_one_incarnation() {
    let mut bench = Bench::among(4);
    bench.hear(2, [suspect(3, 0, 2)]);
    assert_eq!(bench.sees(3), Some((0, State::Suspect)));
    bench.hear(2, [alive(3, 0)]);
    assert_eq!(bench.sees(3), Some((0, State::Suspect)));
    bench.bury(3);
    bench.hear(2, [suspect(3, 0, 2)]);
    bench.hear(2, [alive(3, 0)]);
    assert_eq!(bench.sees(3), Some((0, State::Dead)));
}

#[test]
fn all_evidence_of_an_incarnation_raises_it() {
    for later in [suspect(3, 7, 2), dead(3, 7), left(3, 7)] {
        let mut bench = Bench::among(4);
        bench.bury(3);
        bench.hear(2, [later.clone()]);
        bench.hear(2, [alive(3, 5)]);
        let (incarnation, state) = bench.sees(3).unwrap();
        assert_eq!(incarnation, 7, "after {later:?}");
        assert_ne!(state, State::Alive, "after {later:?}");
    }
}

#[test]
fn a_refuted_suspicion_never_buries_the_member() {
    let mut bench = Bench::among(4);
    bench.hear(2, [suspect(3, 0, 2)]);
    bench.run_for(Duration::from_millis(500));
    bench.hear(3, [alive(3, 1)]);
    bench.events();
    // Members 2 to 4 go on answering whatever this one asks, so that nobody is suspected anew.
    for _ in 0..200 {
        bench.run_for(Duration::from_millis(100));
        answer_all(&mut bench, &[0, 0, 0, 1, 0]);
    }
    assert_eq!(bench.sees(3), Some((1, State::Alive)));
}

/// Answers every probe in the name of its member, in the incarnations given by number.
fn answer_all(bench: &mut Bench, incarnations: &[u32]) {
    for (to, _, packet) in bench.sent() {
        if let Body::Ping(ping) | Body::Locate(ping) = packet.body
            && let Some(number) = (2..5).find(|number| at(*number) == to)
        {
            bench.receive(number, incarnations[number as usize], Body::Ack(ping.number), []);
        }
    }
}

#[test]
fn a_suspicion_of_a_later_incarnation_has_its_own_time() {
    let mut bench = Bench::among(4);
    bench.hear(2, [suspect(3, 0, 2)]);
    bench.run_for(Duration::from_secs(14));
    bench.hear(2, [suspect(3, 1, 2), suspect(4, 0, 2)]);
    bench.hear(2, []);
    bench.run_for(Duration::from_millis(1500));
    assert_eq!(bench.sees(3), Some((1, State::Suspect)), "the first suspicion would have ended after 15 s");
}

#[test]
fn an_accuser_that_is_the_accused_or_a_stranger_or_was_heard_confirms_nothing() {
    let mut bench = Bench::among(6);
    bench.hear(3, [suspect(3, 0, 3)]);
    assert_eq!(bench.sees(3), Some((0, State::Alive)), "nobody accuses itself");
    bench.hear(2, [suspect(3, 0, 2)]);
    let due = bench.swim.clone();
    bench.hear(2, [suspect(3, 0, 2), suspect(3, 0, 99), suspect(3, 0, 3)]);
    let again = [&due, &bench.swim].map(|swim| format!("{swim:?}").matches("n2").count());
    assert_eq!(again[0], again[1]);
    bench.sent();
    bench.hear(4, [suspect(3, 0, 4)]);
    bench.run_for(Duration::from_millis(200));
    assert!(
        bench.sent().iter().any(|(_, _, packet)| packet.news.contains(&suspect(3, 0, 4))),
        "a confirmation is news"
    );
}

#[test]
fn an_accused_member_refutes_and_says_so() {
    for accusation in [suspect(1, 0, 2), dead(1, 4), left(1, 2)] {
        let mut bench = Bench::among(4);
        let above = match &accusation {
            News::Dead { incarnation, .. } | News::Left { incarnation, .. } | News::Suspect { incarnation, .. } => {
                *incarnation
            }
            News::Alive { .. } | News::Broadcast(_) => unreachable!(),
        };
        bench.hear(2, [accusation]);
        assert_eq!(bench.swim.incarnation(), above.next());
        assert!(bench.events().contains(&Event::Refuted(above.next())));
        assert_eq!(bench.swim.health(), 1, "a member that others do not reach has a share in it");
    }
}

#[test]
fn hearsay_cannot_use_up_the_incarnations() {
    let mut bench = Bench::among(4);
    bench.hear(2, [dead(1, u32::MAX), alive(3, u32::MAX), dead(4, u32::MAX - 1), suspect(4, 1 << 30, 2)]);
    assert_eq!(bench.swim.incarnation(), inc(0));
    assert_eq!((bench.sees(3), bench.sees(4)), (Some((0, State::Alive)), Some((0, State::Alive))));
    let refused = bench.events().iter().filter(|event| matches!(event, Event::Implausible(..))).count();
    assert_eq!(refused, 4);
}

#[test]
fn a_member_itself_may_claim_any_incarnation_and_the_last_one_stays() {
    let mut bench = Bench::among(4);
    bench.hear(3, [alive(3, u32::MAX)]);
    assert_eq!(bench.sees(3), Some((u32::MAX, State::Alive)));
    bench.hear(3, [alive(3, u32::MAX)]);
    assert_eq!(bench.sees(3), Some((u32::MAX, State::Alive)));
}

#[test]
fn whoever_speaks_and_is_held_dead_is_told_so() {
    let mut bench = Bench::among(4);
    bench.bury(3);
    bench.hear(3, []);
    assert!(bench.told(3).contains(&dead(3, 0)));
    assert_eq!(bench.sees(3), Some((0, State::Dead)), "its word alone refutes nothing");
}

#[test]
fn whoever_lost_its_incarnation_is_told_what_is_known_of_it() {
    let mut bench = Bench::among(4);
    bench.hear(2, [alive(3, 9)]);
    bench.sent();
    bench.receive(3, 0, Body::Gossip, [alive(3, 0)]);
    assert!(bench.told(3).contains(&alive(3, 9)));
}

#[test]
fn whoever_knows_better_of_itself_or_is_a_stranger_is_asked_who_it_is() {
    let mut bench = Bench::among(4);
    bench.receive(3, 5, Body::Gossip, []);
    bench.receive(77, 0, Body::Gossip, []);
    let asked: Vec<_> = bench.sent().into_iter().filter(|(_, _, packet)| packet.body == Body::Introduce).collect();
    assert_eq!(asked.iter().map(|(to, ..)| *to).collect::<Vec<_>>(), [at(3), at(77)]);
    bench.receive(2, 0, Body::Introduce, []);
    assert!(bench.told(2).contains(&alive(1, 0)));
}

#[test]
fn a_stranger_that_died_is_not_believed_alive_by_older_news() {
    let mut bench = Bench::among(4);
    bench.hear(2, [dead(9, 3)]);
    bench.hear(2, [alive(9, 3)]);
    assert_eq!(bench.sees(9), Some((3, State::Dead)));
    assert!(!bench.events().iter().any(|event| matches!(event, Event::Joined(..))));
    bench.hear(9, [alive(9, 4)]);
    assert_eq!(bench.sees(9), Some((4, State::Alive)));
}

/// How long the bench takes to bury a member whose death it was told in this way, if nothing refutes it.
fn buried_after(body: &Body) -> Duration {
    let mut bench = Bench::among(6);
    bench.receive(2, 0, body.clone(), [dead(3, 0)]);
    assert_eq!(bench.sees(3), Some((0, State::Suspect)));
    let told = bench.now;
    while bench.sees(3) == Some((0, State::Suspect)) {
        bench.run_answered(Duration::from_millis(50), 3);
    }
    bench.now.since(told)
}

#[test]
fn a_death_that_others_tell_is_a_suspicion_and_gossip_makes_it_the_shortest() {
    let settings = PoolConfig::local("bench").check().unwrap();
    let (gossiped, merged) = (buried_after(&Body::Gossip), buried_after(&Body::SyncPush));
    assert!(gossiped >= settings.suspicion_min(6) && gossiped < merged, "{gossiped:?} and {merged:?}");
}

#[test]
fn a_death_that_others_tell_ends_a_suspicion_that_has_lasted_for_long_enough() {
    let mut bench = Bench::among(6);
    bench.hear(2, [suspect(3, 0, 2)]);
    let shortest = PoolConfig::local("bench").check().unwrap().suspicion_min(6);
    bench.run_answered(shortest, 3);
    assert_eq!(bench.sees(3), Some((0, State::Suspect)), "one accuser alone");
    bench.hear(2, [dead(3, 0)]);
    bench.run_for(Duration::ZERO);
    assert_eq!(bench.sees(3), Some((0, State::Dead)));
}

#[test]
fn a_death_that_others_tell_is_refuted_by_its_subject() {
    let mut bench = Bench::among(4);
    bench.hear(2, [dead(3, 0)]);
    bench.hear(3, [alive(3, 1)]);
    bench.run_answered(Duration::from_mins(1), 9);
    assert_eq!(bench.sees(3), Some((1, State::Alive)));
    assert!(!bench.events().iter().any(|event| matches!(event, Event::Died(..))));
}

#[test]
fn of_two_members_with_one_name_the_lower_id_is_meant_and_it_is_said_once() {
    let mut bench = Bench::among(4);
    let namesake = Arc::new(Card::new(id(9), "m3", at(9)));
    for _ in 0..3 {
        bench.hear(2, [News::Alive { incarnation: inc(0), card: Arc::clone(&namesake) }]);
    }
    let conflicts: Vec<Event> =
        bench.events().into_iter().filter(|event| matches!(event, Event::NameConflict { .. })).collect();
    assert_eq!(conflicts, [Event::NameConflict { holder: id(3), other: id(9) }]);
}

#[test]
fn a_process_whose_identity_is_held_elsewhere_is_told() {
    let card = |host: u64| Arc::new(Card::new(id(2), "two", at(host)));
    let life = |host: u64| News::Alive { incarnation: inc(0), card: card(host) };
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.receive_at(9, 2, 0, [life(9)]);
    let sends = |effects: &[Effect], host: u64, body: &Body, news: &[News]| {
        effects.iter().any(|effect| match effect {
            Effect::Send(to, _, packet) => *to == at(host) && packet.body == *body && packet.news.starts_with(news),
            Effect::Deliver(_) | Effect::Emit(_) => false,
        })
    };
    let ping = |host: u64| {
        let number = ProbeNumber::new(1);
        Ping { number, to: NodeTag::of(id(1)), digest: [0; 4], card: CardSum::of(&card(host)).check(number) }
    };
    assert!(
        sends(&bench.ping_at(2, 2, ping(2)), 2, &Body::Introduce, &[]),
        "the process that lost its identity goes on"
    );
    assert!(!sends(&bench.ping_at(9, 2, ping(9)), 9, &Body::Introduce, &[]), "the one that has it is asked nothing");
    assert!(sends(&bench.receive_at(2, 2, 0, [life(2)]), 2, &Body::Gossip, &[life(9)]), "it is not told who has it");
}

#[test]
fn a_member_that_comes_to_bear_the_name_of_another_is_a_conflict() {
    let renamed =
        |incarnation: u32| News::Alive { incarnation: inc(incarnation), card: Arc::new(Card::new(id(3), "m2", at(3))) };
    let mut bench = Bench::among(3);
    let effects = bench.receive_at(3, 3, 1, [renamed(1)]);
    let conflict = Event::NameConflict { holder: id(2), other: id(3) };
    assert!(effects.contains(&Effect::Emit(conflict.clone())), "{effects:?}");
    let again = bench.receive_at(3, 3, 2, [renamed(2)]);
    assert!(!again.contains(&Effect::Emit(conflict)), "a conflict is reported once: {again:?}");
}

#[test]
fn an_established_member_yields_to_a_later_process_with_its_identity() {
    let mut bench = Bench::among(4);
    let (asked, number) = bench.run_to_probe();
    bench.receive(asked, 0, Body::Ack(number), []);
    assert_eq!(bench.swim.standing(), &Standing::Member);
    let clone = Arc::new(Card::new(id(1), "m1", at(9)));
    let incarnation = bench.swim.incarnation().next();
    let claim = News::Alive { incarnation, card: clone };
    bench.sent();
    bench.hear(2, [claim.clone()]);
    assert_eq!(bench.swim.standing(), &Standing::Member, "what others say of it may be long over");
    assert!(!bench.told(9).is_empty(), "if it is there, it answers");
    bench.receive_at(9, 1, incarnation.get(), [claim]);
    assert_eq!(bench.swim.standing(), &Standing::Yielded);
    bench.sent();
    bench.run_for(Duration::from_mins(1));
    assert!(bench.sent().is_empty(), "who yielded is silent");
}

/// The process that has its identity is gone: others find that out, and this one takes it back by refuting them.
#[test]
fn an_identity_that_a_dead_process_took_comes_back() {
    let mut bench = Bench::among(4);
    let (asked, number) = bench.run_to_probe();
    bench.receive(asked, 0, Body::Ack(number), []);
    bench.hear(2, [News::Alive { incarnation: inc(1), card: Arc::new(Card::new(id(1), "m1", at(9))) }]);
    bench.hear(2, [suspect(1, 1, 2)]);
    assert_eq!(bench.swim.incarnation(), inc(2));
    assert_eq!(bench.swim.standing(), &Standing::Member);
}

#[test]
fn a_newcomer_claims_its_identity_from_an_earlier_life_elsewhere() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    let earlier = Arc::new(Card::new(id(1), "m1", at(9)));
    bench.hear(2, [alive(2, 0), News::Alive { incarnation: inc(7), card: earlier }]);
    assert_eq!(bench.swim.incarnation(), inc(8));
    assert_eq!(bench.swim.standing(), &Standing::Member);
}

#[test]
fn a_card_beyond_the_limits_is_not_taken_in() {
    let mut bench = Bench::among(4);
    let boastful = Card { metadata: Blob::from([0; 513].as_slice()), ..Card::clone(&card(9)) };
    bench.hear(2, [News::Alive { incarnation: inc(0), card: Arc::new(boastful) }]);
    assert_eq!(bench.sees(9), None);
}

#[test]
fn a_pool_takes_in_no_more_members_than_it_may_have() {
    let mut bench = Bench::with(PoolConfig { members_max: 3, ..PoolConfig::local("bench") });
    bench.hear(2, (2..9).map(|number| alive(number, 0)));
    bench.hear(2, (20..30).map(|number| dead(number, 0)));
    assert_eq!(bench.swim.known(&bench.directory).count(), 3);
    assert!(bench.events().contains(&Event::Full(id(4))));
}

#[test]
fn the_dead_make_room_for_the_living() {
    let mut bench = Bench::with(PoolConfig { members_max: 3, ..PoolConfig::local("bench") });
    bench.hear(2, [alive(2, 0), dead(20, 0)]);
    bench.hear(2, [dead(21, 0), alive(3, 0)]);
    assert_eq!((bench.sees(3), bench.sees(20)), (Some((0, State::Alive)), None));
}

#[test]
fn a_packet_of_another_pool_is_refused() {
    let (mut bench, mut other) = (Bench::among(3), Bench::with(PoolConfig::local("other")));
    bench.run_for(Duration::from_secs(1));
    let (_, _, packet) = bench.sent().pop().unwrap();
    other.feed(Input::Receive(at(1), Carrier::Datagram, packet));
    assert!(matches!(other.events()[..], [Event::ForeignPool(..)]));
    assert_eq!(other.swim.known(&other.directory).count(), 1);
}

#[test]
fn a_broadcast_is_delivered_once_and_handed_on() {
    let mut bench = Bench::among(4);
    let mut origin = Bench::among(4);
    origin.feed(Input::Broadcast(Urgency::Normal, Blob::from([1, 2].as_slice())));
    origin.run_for(Duration::from_secs(1));
    let said = origin.sent().into_iter().flat_map(|(_, _, packet)| packet.news).find_map(|news| match news {
        News::Broadcast(broadcast) => Some(broadcast),
        News::Alive { .. } | News::Suspect { .. } | News::Dead { .. } | News::Left { .. } => None,
    });
    let said = said.expect("a broadcast goes out");
    // What member 1 says, as if member 2 had said it.
    let heard = News::Broadcast(Arc::new(delian_core::swim::Broadcast { origin: id(2), ..(*said).clone() }));
    for _ in 0..3 {
        bench.hear(3, [heard.clone()]);
    }
    let delivered = bench.effects.iter().filter(|effect| matches!(effect, Effect::Deliver(_))).count();
    assert_eq!(delivered, 1);
    bench.run_for(Duration::from_secs(1));
    assert!(bench.sent().iter().any(|(_, _, packet)| packet.news.contains(&heard)));
}

#[test]
fn metadata_that_changed_is_news_in_a_new_incarnation() {
    let mut bench = Bench::among(4);
    bench.feed(Input::SetMetadata(Blob::from([5].as_slice())));
    assert_eq!((bench.swim.incarnation(), bench.swim.card().version), (inc(1), 1));
    let mut other = Bench::among(4);
    let changed = Card { metadata: Blob::from([5].as_slice()), version: 1, ..Card::clone(&card(2)) };
    other.events();
    other.hear(3, [News::Alive { incarnation: inc(1), card: Arc::new(changed.clone()) }]);
    assert_eq!(other.events(), [Event::Updated(Arc::new(changed), inc(1))]);
}
