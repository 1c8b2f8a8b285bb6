//! Whom a member probes, whom it blames, and when it blames itself.

use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping, PingRequest};
use delian_core::swim::{CardSum, Carrier, Event, Input, Members, Packet, PoolConfig, PoolLabel, State};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::bench::{Bench, alive, asks, at, card, id, inc, suspect};

fn pings(bench: &mut Bench) -> Vec<(SocketAddr, Carrier, Ping)> {
    let sent = bench.sent().into_iter();
    sent.filter_map(|(to, carrier, packet)| Some((to, carrier, asks(&packet.body)?))).collect()
}

#[test]
fn every_member_is_probed_once_in_a_round() {
    let mut bench = Bench::among(21);
    let probed = bench.run_answered(Duration::from_secs(200), 0);
    let rounds: Vec<BTreeSet<_>> = probed.chunks_exact(20).map(|round| round.iter().copied().collect()).collect();
    assert!(rounds.len() >= 9, "{} rounds", rounds.len());
    // The first round began when fewer were known.
    assert!(rounds[1..].iter().all(|round| round.len() == 20), "{rounds:?}");
    assert_ne!(probed[20..40], probed[40..60], "each round has an order of its own");
}

#[test]
fn whoever_answers_nobody_is_suspected_and_dies_and_no_one_else() {
    let mut bench = Bench::among(5);
    bench.run_answered(Duration::from_secs(40), 3);
    assert_eq!(bench.sees(3), Some((0, State::Dead)));
    assert!([2, 4, 5].iter().all(|number| bench.sees(*number) == Some((0, State::Alive))));
    assert!(bench.events().iter().any(|event| matches!(event, Event::Died(member, _) if *member == id(3))));
}

#[test]
fn others_are_asked_and_a_stream_is_tried_before_anyone_is_suspected() {
    let mut bench = Bench::among(6);
    let (target, _) = bench.run_to_probe();
    bench.run_for(Duration::from_millis(510));
    let sent = bench.sent();
    let helpers = sent.iter().filter(|(to, _, packet)| {
        matches!(packet.body, Body::PingRequest(request) if request.address == at(target) && *to != at(target))
    });
    assert_eq!(helpers.count(), 3);
    assert!(sent.iter().any(|(to, carrier, _)| (*to, *carrier) == (at(target), Carrier::Stream)));
}

#[test]
fn an_answer_through_another_or_a_stream_counts() {
    let mut bench = Bench::among(6);
    let (target, number) = bench.run_to_probe();
    bench.run_for(Duration::from_millis(600));
    let sent = bench.sent();
    let was_asked = |number: &u64| {
        sent.iter().any(|(to, _, packet)| *to == at(*number) && matches!(packet.body, Body::PingRequest(_)))
    };
    let helper = (2..=6).find(was_asked).expect("others are asked");
    bench.receive(helper, 0, Body::Relayed(number), []);
    bench.run_for(Duration::from_millis(600));
    assert_eq!(bench.sees(target), Some((0, State::Alive)));
}

#[test]
fn an_answer_of_an_earlier_life_or_of_someone_else_counts_for_nothing() {
    let mut bench = Bench::among(3);
    bench.hear(2, [alive(2, 4), alive(3, 4)]);
    let (target, number) = bench.run_to_probe();
    bench.receive(target, 3, Body::Ack(number), []);
    bench.receive(5 - target, 4, Body::Ack(number), []);
    bench.run_for(Duration::from_millis(1500));
    assert_eq!(bench.sees(target), Some((4, State::Suspect)));
}

/// What another member asks the one on the bench.
fn ping_of(number: u64) -> Ping {
    let probe = ProbeNumber::new(5);
    Ping { number: probe, to: NodeTag::of(id(1)), digest: [0; 4], card: CardSum::of(&card(number)).check(probe) }
}

#[test]
fn a_ping_by_a_stream_is_answered_by_one_at_the_address_on_the_card() {
    let mut bench = Bench::among(3);
    let (label, body) = (PoolLabel::of("bench"), Body::Ping(ping_of(2)));
    let packet = Packet { label, from: id(2), incarnation: inc(0), body, news: Vec::new() };
    bench.feed(Input::Receive("10.0.0.2:50000".parse().unwrap(), Carrier::Stream, packet));
    let answer = Body::Ack(ProbeNumber::new(5));
    assert!(
        bench
            .sent()
            .iter()
            .any(|(to, carrier, packet)| { (*to, *carrier, &packet.body) == (at(2), Carrier::Stream, &answer) })
    );
}

/// Two lives of one member claim one incarnation: whoever holds the other card finds out at the next ping.
#[test]
fn whoever_pings_with_another_card_than_is_known_is_asked_for_it() {
    let mut bench = Bench::among(3);
    for (card, asked) in [(ping_of(2).card, 0), (ping_of(3).card, 1)] {
        bench.sent();
        bench.receive(2, 0, Body::Ping(Ping { card, ..ping_of(2) }), []);
        let sent = bench.sent();
        assert_eq!(sent.iter().filter(|(_, _, packet)| packet.body == Body::Introduce).count(), asked);
    }
}

#[test]
fn a_member_answers_only_pings_that_are_meant_for_it() {
    let mut bench = Bench::among(3);
    for (meant, answers) in [(1, 1), (9, 0)] {
        let ping = Ping { to: NodeTag::of(id(meant)), ..ping_of(2) };
        bench.receive(2, 0, Body::Ping(ping), []);
        let sent = bench.sent();
        let acks = sent.iter().filter(|(_, _, packet)| packet.body == Body::Ack(ProbeNumber::new(5))).count();
        assert_eq!(acks, answers, "for a ping meant for {meant}");
    }
}

#[test]
fn a_helper_hands_an_answer_on_or_says_that_there_is_none() {
    for answers in [true, false] {
        let mut bench = Bench::among(4);
        let request = PingRequest { number: ProbeNumber::new(77), to: NodeTag::of(id(3)), address: at(3) };
        bench.receive(2, 0, Body::PingRequest(request), []);
        let asked = pings(&mut bench);
        let (_, _, ping) = asked.iter().find(|(to, ..)| *to == at(3)).unwrap();
        if answers {
            bench.receive(3, 0, Body::Ack(ping.number), []);
        }
        bench.run_for(Duration::from_millis(450));
        let told: Vec<Body> =
            bench.sent().into_iter().filter(|(to, ..)| *to == at(2)).map(|(_, _, packet)| packet.body).collect();
        let number = ProbeNumber::new(77);
        let expected = if answers { Body::Relayed(number) } else { Body::Nack(number) };
        assert!(told.contains(&expected), "{told:?}");
    }
}

#[test]
fn whoever_hears_nobody_blames_itself_first_and_others_in_the_end() {
    let mut bench = Bench::among(5);
    bench.run_for(Duration::from_secs(10));
    assert!((2..6).all(|number| bench.sees(number) == Some((0, State::Alive))), "silence proves nothing of others");
    assert!(bench.swim.health() > 3, "local health is {}", bench.swim.health());
    assert!(bench.swim.is_isolated());
    bench.run_for(Duration::from_mins(10));
    assert!((2..6).all(|number| bench.sees(number) == Some((0, State::Dead))), "in the end it is alone");
}

#[test]
fn a_member_that_is_slow_probes_as_slowly_and_one_at_a_time() {
    let mut bench = Bench::among(5);
    bench.run_for(Duration::from_mins(1));
    let health = u64::from(bench.swim.health());
    assert_eq!(health, 8, "with nobody answering it can be no worse");
    bench.sent();
    bench.run_for(Duration::from_secs(90));
    let numbers: BTreeSet<ProbeNumber> = pings(&mut bench).iter().map(|(_, _, ping)| ping.number).collect();
    assert!(numbers.len() <= 11, "{} probes in 90 s, of nine seconds each", numbers.len());
}

#[test]
fn whoever_did_not_run_blames_nobody_for_it() {
    let mut bench = Bench::among(5);
    bench.run_for(Duration::from_secs(2));
    bench.hear(2, [suspect(3, 0, 2)]);
    // The process stands still, and its driver hands in the wake at last.
    bench.now = bench.now + Duration::from_mins(2);
    bench.feed(Input::Wake);
    assert_eq!(bench.sees(3), Some((0, State::Suspect)), "a refutation may be under way");
    assert!([2, 4, 5].iter().all(|number| bench.sees(*number) == Some((0, State::Alive))));
}

#[test]
fn a_suspected_member_hears_it_from_whoever_probes_it() {
    let mut bench = Bench::among(2);
    bench.hear(2, [suspect(2, 0, 9)]);
    bench.run_for(Duration::from_secs(1));
    assert!(bench.told(2).contains(&suspect(2, 0, 9)));
}

#[test]
fn views_that_differ_are_exchanged_and_equal_ones_are_not() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.hear(2, [alive(2, 0)]);
    bench.run_answered(Duration::from_secs(5), 0);
    for (digest, offers) in [([1, 2, 3, 4], 1), (bench.swim.members().digest().total().to_le_bytes(), 0)] {
        bench.sent();
        let ping = Ping { digest, ..ping_of(2) };
        bench.receive(2, 0, Body::Ping(ping), []);
        let offered =
            bench.sent().into_iter().filter(|(_, _, packet)| matches!(packet.body, Body::SyncOffer(_))).count();
        assert_eq!(offered, offers);
        bench.run_answered(Duration::from_mins(2), 0);
    }
}
