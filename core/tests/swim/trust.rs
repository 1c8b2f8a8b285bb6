//! What a member takes another one's word for, and what it does not: peers that lie, forgot, or have other limits.

use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping, STREAM_BYTES_MAX, Sums};
use delian_core::swim::{
    Broadcast, Card, CardSum, Coordinate, Directory, Effect, Input, Members, News, Outbox, PoolConfig, Record, Roster,
    Standing, Start, State, Swim, Urgency,
};
use delian_core::{Blob, Seed, Time};
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{Bench, alive, asks, at, card, dead, id, inc, left, suspect};

fn life(number: u64, incarnation: u32, host: u64) -> News {
    News::Alive { incarnation: inc(incarnation), card: Arc::new(Card::new(id(number), format!("m{number}"), at(host))) }
}

fn member() -> Bench {
    let mut bench = Bench::among(6);
    let (asked, number) = bench.run_to_probe();
    bench.receive(asked, 0, Body::Ack(number), []);
    assert_eq!(bench.swim.standing(), &Standing::Member);
    bench.effects.clear();
    bench
}

#[test]
fn one_forged_word_of_a_members_own_life_does_not_use_up_its_incarnations() {
    let mut bench = member();
    bench.hear(2, [alive(1, u32::MAX)]);
    assert!(bench.swim.incarnation() < inc(u32::MAX), "it can never refute again");
}

#[test]
fn one_forged_word_of_an_earlier_life_elsewhere_does_not_use_up_a_newcomers_incarnations() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.hear(2, [alive(2, 0), life(1, u32::MAX, 9)]);
    assert!(bench.swim.incarnation() < inc(u32::MAX), "it can never refute again");
}

#[test]
fn a_member_does_not_yield_to_a_life_that_no_process_answers_for() {
    let mut bench = member();
    bench.hear(2, [life(1, 1, 99)]);
    bench.run_answered(Duration::from_mins(1), 99);
    assert_ne!(bench.swim.standing(), &Standing::Yielded, "one packet of any member silences any other");
}

/// Member 2 heard less of the earlier life than member 3: no one lies.
#[test]
fn a_newcomer_does_not_yield_to_later_news_of_its_own_earlier_life() {
    let mut bench = Bench::with(PoolConfig::local("bench"));
    bench.receive(2, 0, Body::SyncAnswer(Sums::of(&[1; 64])), [alive(2, 0), alive(3, 0), life(1, 3, 9)]);
    assert_eq!(bench.swim.incarnation(), inc(4));
    bench.receive(3, 0, Body::Gossip, [life(1, 7, 9)]);
    assert_ne!(bench.swim.standing(), &Standing::Yielded, "it yields to a process that is gone");
}

/// How many packets two members exchange at one instant, if `other` answers each question about itself.
fn packets_at_once(bench: &mut Bench, number: u64, incarnation: u32, said: &News) -> usize {
    bench.sent();
    bench.receive(number, incarnation, Body::Gossip, []);
    for packets in 0..1000 {
        let asked =
            bench.sent().into_iter().filter(|(to, _, packet)| *to == at(number) && packet.body == Body::Introduce);
        if asked.count() == 0 {
            return packets;
        }
        // What a member does with it: see `whoever_knows_better_of_itself_or_is_a_stranger_is_asked_who_it_is`.
        bench.receive(number, incarnation, Body::Gossip, [said.clone()]);
    }
    1000
}

#[test]
fn a_stranger_for_whom_there_is_no_room_is_not_asked_for_ever() {
    let mut bench = Bench::with(PoolConfig { members_max: 3, ..PoolConfig::local("bench") });
    bench.hear(2, [alive(2, 0), alive(3, 0)]);
    assert!(packets_at_once(&mut bench, 9, 0, &alive(9, 0)) < 10);
}

/// As in a pool whose members are given a higher limit one after another.
#[test]
fn a_member_whose_card_is_too_large_here_is_not_asked_for_ever() {
    let mut bench = Bench::among(4);
    let card = Card { metadata: Blob::from([0; 513].as_slice()), version: 1, ..Card::clone(&card(3)) };
    let said = News::Alive { incarnation: inc(1), card: Arc::new(card) };
    assert!(packets_at_once(&mut bench, 3, 1, &said) < 10);
}

#[test]
fn two_that_leave_do_not_tell_each_other_so_without_end() {
    let (mut one, mut other) = (Bench::among(6), Bench::among(6));
    one.feed(Input::Leave);
    other.feed(Input::Leave);
    // Each is member 2 to the other.
    one.receive(2, 0, Body::Leave, []);
    other.receive(2, 0, Body::Leave, []);
    (one.effects, other.effects) = (Vec::new(), Vec::new());
    one.receive(2, 0, Body::Gossip, []);
    let mut packets = 0;
    for _ in 0..500 {
        for (_, _, packet) in one.sent().into_iter().filter(|(to, ..)| *to == at(2)) {
            packets += 1;
            other.receive(2, 0, packet.body, [left(1, 0)]);
        }
        for (_, _, packet) in other.sent().into_iter().filter(|(to, ..)| *to == at(2)) {
            packets += 1;
            one.receive(2, 0, packet.body, [left(1, 0)]);
        }
    }
    assert!(packets < 20, "{packets} packets at one instant");
}

fn broadcast(origin: u64, number: u64) -> News {
    News::Broadcast(Arc::new(Broadcast { origin: id(origin), number, urgency: Urgency::Low, payload: Blob::default() }))
}

fn delivered(bench: &mut Bench) -> usize {
    let effects = std::mem::take(&mut bench.effects);
    effects.iter().filter(|effect| matches!(effect, Effect::Deliver(_))).count()
}

#[test]
fn one_forged_broadcast_does_not_silence_its_origin() {
    let mut bench = Bench::among(4);
    bench.hear(3, [broadcast(2, u64::MAX)]);
    delivered(&mut bench);
    bench.hear(2, [broadcast(2, 1)]);
    assert_eq!(delivered(&mut bench), 1);
}

/// Member 1 of the second bench is a life that lost its incarnation: the first bench knows it as member 2.
#[test]
fn broadcasts_of_a_life_that_forgot_its_incarnation_are_delivered() {
    let mut bench = Bench::among(4);
    bench.hear(2, [alive(2, 5)]);
    bench.hear(2, [broadcast(2, (5 << 32) + 1)]);
    assert_eq!(delivered(&mut bench), 1);

    let mut life = Bench::among(4);
    life.hear(3, [alive(1, 5)]);
    assert_eq!(life.swim.incarnation(), inc(6));
    life.feed(Input::Broadcast(Urgency::High, Blob::default()));
    let said =
        life.swim.waiting_news().find_map(|news| if let News::Broadcast(it) = news { Some(it.number) } else { None });
    bench.hear(2, [alive(2, 6), broadcast(2, said.unwrap())]);
    assert_eq!(delivered(&mut bench), 1, "number {said:?} counts as heard in an earlier life");
}

#[test]
fn a_leave_that_was_not_taken_in_is_not_acknowledged() {
    let mut bench = Bench::among(6);
    bench.hear(3, [alive(3, 5)]);
    bench.sent();
    bench.receive(3, 0, Body::Leave, []);
    assert_eq!(bench.sees(3), Some((5, State::Alive)));
    let farewell = bench.sent().into_iter().any(|(to, _, packet)| to == at(3) && packet.body == Body::Farewell);
    assert!(!farewell, "it goes, and is held dead later");
}

#[test]
fn who_left_is_not_near() {
    let mut bench = Bench::among(6);
    loop {
        bench.run_for(Duration::from_millis(10));
        let located = bench.sent().into_iter().find_map(|(to, _, packet)| match packet.body {
            Body::Locate(ping) => Some(((2..=6).find(|number| at(*number) == to).unwrap(), ping.number)),
            Body::Ping(ping) => {
                let number = (2..=6).find(|number| at(*number) == to)?;
                bench.receive(number, 0, Body::Ack(ping.number), []);
                None
            }
            Body::Ack(_)
            | Body::Located(..)
            | Body::PingRequest(_)
            | Body::Relayed(_)
            | Body::Nack(_)
            | Body::Gossip
            | Body::Introduce
            | Body::Leave
            | Body::Farewell
            | Body::SyncOffer(_)
            | Body::SyncAnswer(_)
            | Body::SyncPush => None,
        });
        let Some((number, ping)) = located else { continue };
        bench.receive(number, 0, Body::Leave, []);
        bench.now = bench.now + Duration::from_millis(1);
        bench.receive(number, 0, Body::Located(ping, Coordinate::ORIGIN), []);
        let near = bench.swim.nearest(&bench.directory, 9);
        return assert!(near.iter().all(|(node, _)| *node != id(number)), "{near:?}");
    }
}

/// One member says something new of itself every second, as a load would be told.
#[test]
fn views_are_exchanged_however_often_one_member_changes() {
    let mut bench = Bench::among(6);
    let mut offers = 0;
    for second in 1..=600u32 {
        bench.run_answered(Duration::from_secs(1), 99);
        bench.hear(2, [alive(2, second)]);
        let to = NodeTag::of(id(1));
        let number = ProbeNumber::new(second);
        let ping = Ping { number, to, digest: [9; 4], card: CardSum::of(&card(3)).check(number) };
        bench.receive(3, 0, Body::Ping(ping), []);
        offers += bench
            .sent()
            .iter()
            .filter(|(_, _, packet)| second > 60 && matches!(packet.body, Body::SyncOffer(_)))
            .count();
    }
    assert!(offers >= 5, "{offers} exchanges in nine minutes with a member whose view differs all the time");
}

#[test]
fn tombstones_expire_though_views_are_exchanged() {
    let config = || PoolConfig { tombstone_horizon: Duration::from_secs(40), ..PoolConfig::local("bench") };
    let (mut one, mut other) = (Bench::with(config()), Bench::with(config()));
    let held = |bench: &mut Bench| {
        bench.sent();
        bench.receive(2, 0, Body::SyncOffer(Sums::of(&[1; 64])), []);
        let answers = bench.sent().into_iter().filter(|(_, _, packet)| matches!(packet.body, Body::SyncAnswer(_)));
        answers.flat_map(|(_, _, packet)| packet.news).filter(|news| news.member() == id(3)).collect::<Vec<_>>()
    };
    for bench in [&mut one, &mut other] {
        bench.hear(2, [alive(2, 0), alive(3, 0)]);
    }
    one.hear(2, [left(3, 0)]);
    for second in 0..600 {
        if second == 5 {
            other.hear(2, [left(3, 0)]);
        }
        for bench in [&mut one, &mut other] {
            bench.run_answered(Duration::from_secs(1), 3);
        }
        if second > 5 {
            let (told, back) = (held(&mut one), held(&mut other));
            other.receive(2, 0, Body::SyncPush, told);
            one.receive(2, 0, Body::SyncPush, back);
        }
    }
    assert_eq!((one.sees(3), other.sees(3)), (None, None), "ten minutes with a horizon of 40 s");
}

#[test]
fn a_view_of_large_cards_fits_the_stream_it_goes_by() {
    let mut bench = Bench::among(2);
    let large = |number: u64| {
        let metadata = Blob::from([7; 512].as_slice());
        let card = Card { metadata, ..Card::new(id(number), format!("{number:0>255}"), at(3)) };
        News::Alive { incarnation: inc(0), card: Arc::new(card) }
    };
    bench.receive(2, 0, Body::SyncPush, (100..23_000).map(large));
    bench.effects.clear();
    bench.receive(2, 0, Body::SyncOffer(Sums::of(&[1; 64])), []);
    for (_, _, packet) in bench.sent() {
        assert!(packet.encoded_len() <= STREAM_BYTES_MAX, "{} bytes are refused as too long", packet.encoded_len());
    }
}

#[test]
fn no_limit_that_a_user_sets_overflows() {
    let refused = |config: PoolConfig| std::panic::catch_unwind(|| config.check().is_err()).unwrap_or(false);
    assert!(refused(PoolConfig { indirect_probes: 300, ..PoolConfig::local("bench") }), "counted in one byte");
    assert!(refused(PoolConfig { indirect_probes: usize::MAX, ..PoolConfig::local("bench") }), "indirect_probes");
}

#[test]
fn no_limit_that_a_user_sets_makes_the_check_overflow() {
    let refused = |config: PoolConfig| std::panic::catch_unwind(|| config.check().is_err()).unwrap_or(false);
    assert!(refused(PoolConfig { metadata_bytes_max: usize::MAX, ..PoolConfig::local("bench") }), "metadata_bytes_max");
}

fn remembering(state: State) -> (Swim, Directory) {
    let (mut directory, mut out, mut members) = (Directory::new(), Outbox::new(), Roster::new());
    for number in 2..=4 {
        let slot = directory.hold(id(number));
        directory.set_card(slot, card(number));
        let state = if number == 3 { state } else { State::Alive };
        members.set(slot, id(number), Record { incarnation: inc(0), state });
    }
    let config = PoolConfig { tombstone_horizon: Duration::from_mins(1), ..PoolConfig::local("bench") };
    let start = Start { card: Card::clone(&card(1)), incarnation: inc(0), seed: Seed::new(1), members };
    let settings = Arc::new(config.check().expect("a test configures what makes sense"));
    (
        Swim::start(Time::ZERO, settings, start, &mut directory, &mut out).expect("its card is within its limits"),
        directory,
    )
}

/// Lets ten minutes pass while 2 and 4 answer.
fn run(swim: &mut Swim, directory: &mut Directory) {
    let mut out = Outbox::new();
    while swim.next_wake() < Time::from_millis(600_000) {
        let now = swim.next_wake();
        swim.step(now, Input::Wake, directory, &mut out);
        let sent: Vec<Effect> = out.drain().collect();
        for effect in sent {
            let Effect::Send(to, carrier, packet) = effect else { continue };
            let body = match (asks(&packet.body), &packet.body) {
                (Some(ping), _) => Body::Ack(ping.number),
                (None, Body::PingRequest(request)) => Body::Nack(request.number),
                (None, _) => continue,
            };
            if to != at(3) {
                let from = if to == at(2) { id(2) } else { id(4) };
                let answer =
                    delian_core::swim::Packet { from, incarnation: inc(0), body, news: Vec::new(), ..packet.clone() };
                swim.step(now, Input::Receive(to, carrier, answer), directory, &mut out);
                out.drain();
            }
        }
    }
}

#[test]
fn who_is_remembered_as_alive_is_buried_in_the_end() {
    let (mut swim, mut directory) = remembering(State::Alive);
    run(&mut swim, &mut directory);
    assert_eq!(swim.seen(&directory, id(3)), None);
}

#[test]
fn who_is_remembered_as_suspected_is_buried_in_the_end() {
    let (mut swim, mut directory) = remembering(State::Suspect);
    run(&mut swim, &mut directory);
    assert_ne!(swim.seen(&directory, id(3)).map(|record| record.state), Some(State::Suspect));
}

#[test]
fn who_is_remembered_as_dead_is_forgotten_in_the_end() {
    let (mut swim, mut directory) = remembering(State::Dead);
    run(&mut swim, &mut directory);
    assert_eq!(swim.seen(&directory, id(3)), None);
}

#[test]
fn whoever_was_cut_off_leaves_time_for_refutations_whatever_it_hears_next() {
    let mut bench = Bench::among(6);
    bench.hear(2, [suspect(3, 0, 2)]);
    bench.run_for(Duration::from_secs(8));
    // Nobody was heard for eight seconds; what was refuted meanwhile is on its way.
    bench.hear(4, []);
    bench.hear(4, [dead(3, 0)]);
    bench.run_for(Duration::from_millis(100));
    assert_eq!(bench.sees(3), Some((0, State::Suspect)));
}

#[test]
fn only_a_helper_that_was_asked_answers_for_another() {
    let mut bench = Bench::among(8);
    let (silent, number) = bench.run_to_probe();
    bench.run_for(Duration::from_millis(600));
    let asked: Vec<_> =
        bench.sent().into_iter().filter(|(_, _, packet)| matches!(packet.body, Body::PingRequest(_))).collect();
    let other = (2..=8).find(|number| *number != silent && asked.iter().all(|(to, ..)| *to != at(*number))).unwrap();
    bench.receive(other, 0, Body::Relayed(number), []);
    bench.run_for(Duration::from_millis(600));
    assert_eq!(bench.sees(silent), Some((0, State::Suspect)));
}

/// Both benches are member 1; each is member 2 to the other.
#[test]
fn at_the_last_incarnation_a_change_of_the_card_ends_in_agreement_and_silence() {
    let mut member = Bench::among(3);
    member.hear(2, [alive(1, u32::MAX - 2)]);
    if member.swim.incarnation() < inc(u32::MAX - 2) {
        return;
    }
    let mut observer = Bench::among(3);
    while member.swim.incarnation() < inc(u32::MAX) {
        member.feed(Input::SetMetadata(Blob::default()));
    }
    let said = |bench: &Bench| Card { id: id(2), name: "m2".into(), address: at(2), ..Card::clone(bench.swim.card()) };
    observer.receive(
        2,
        u32::MAX,
        Body::Gossip,
        [News::Alive { incarnation: inc(u32::MAX), card: Arc::new(said(&member)) }],
    );
    member.feed(Input::SetMetadata(Blob::from([5].as_slice())));
    let news = News::Alive { incarnation: inc(u32::MAX), card: Arc::new(said(&member)) };
    observer.receive(2, u32::MAX, Body::Gossip, [news]);
    let slot = observer.directory.find(id(2)).unwrap();
    assert_eq!(observer.directory.card(slot).map(|card| card.version), Some(member.swim.card().version));
}
