//! Worlds that differ in what no decision may depend on are equal.

use std::time::Duration;

use delian_core::swim::{Directory, Fallback, Incarnation, Input, Packet, Roster};
use delian_core::{Seed, Time};
use delian_sim::pool::{Letter, Life, Links, Member, Ordering, Participant, Sink, World, address_of};

use crate::worlds::{Pool, acquainted, at, crash, ease, go_on, joining, node, settings, trouble};

/// A story with a bit of everything; its trace in one word, and what the oracle counted.
fn story(mut world: Pool) -> (u64, String) {
    go_on(&mut world, 20).expect("the world is right");
    crash(&mut world, 3);
    trouble(&mut world, 5, |path| path.blocked = true);
    trouble(&mut world, 6, |path| path.side = 1);
    go_on(&mut world, 40).expect("the world is right");
    ease(&mut world, 5);
    ease(&mut world, 6);
    go_on(&mut world, 40).expect("the world is right");
    let facts = world.watcher.facts();
    assert!(facts.deaths > 10 && facts.recoveries > 0 && facts.refutations > 0, "{facts:?}");
    let counted = [facts.suspicions, facts.deaths, facts.joins, facts.refutations, facts.packets_sent()];
    (world.fingerprint(), format!("{counted:?}"))
}

const LINKS: Links = Links { duplicate_ppm: 5_000, replay_ppm: 1_000, ..Links::local(20_000) };

#[test]
fn heap_and_wheel_give_one_trace() {
    let [heap, wheel] = [Ordering::Heap, Ordering::Wheel].map(|ordering| story(joining(24, LINKS, 3, 3, ordering)));
    assert_eq!(heap, wheel);
}

#[test]
fn other_names_give_the_same_trace() {
    let [one, other] = [1, 2].map(|names| story(acquainted(24, LINKS, 3, names, Fallback::Stream)));
    assert_eq!(one, other);
    let [one, other] = [1, 2].map(|names| story(joining(24, LINKS, 3, names, Ordering::Wheel)));
    assert_eq!(one, other);
}

#[test]
fn other_luck_gives_another_trace() {
    let [one, other] = [1, 2].map(|seed| story(acquainted(24, LINKS, seed, 1, Fallback::Stream)));
    assert_ne!(one.0, other.0);
}

/// A member whose clock began so long before the world's.
struct Skewed {
    ahead: Duration,
    member: Member<Roster>,
}

impl Skewed {
    /// Hands on what the member asked for, with its instants as the world tells them.
    fn hand_on(&self, inner: Sink<Member<Roster>>, sink: &mut Sink<Self>) {
        let back = |at: Time| Time::from_nanos(at.as_nanos() - self.ahead.as_nanos() as u64);
        sink.sends.extend(inner.sends);
        sink.timers.extend(inner.timers.into_iter().map(|(at, timer)| (back(at), timer)));
        sink.notes.extend(inner.notes);
    }
}

impl Participant for Skewed {
    type Packet = Packet;
    type Timer = ();
    type Shared = Directory;

    fn receive(&mut self, now: Time, letter: Letter<Packet>, directory: &mut Directory, sink: &mut Sink<Self>) {
        let mut inner = Sink::default();
        self.member.receive(now + self.ahead, letter, directory, &mut inner);
        self.hand_on(inner, sink);
    }

    fn fire(&mut self, now: Time, (): (), directory: &mut Directory, sink: &mut Sink<Self>) {
        let mut inner = Sink::default();
        self.member.fire(now + self.ahead, (), directory, &mut inner);
        self.hand_on(inner, sink);
    }

    fn packet_bytes(packet: &Packet) -> usize {
        packet.encoded_len()
    }
}

/// Lets members join whose clocks are ahead of the world's by these spans, in turn, and one crash.
fn trace_of(ahead: [Duration; 3]) -> u64 {
    let settings = settings(Fallback::Stream);
    let mut world: World<Skewed, ()> = World::new(24, LINKS, Seed::new(9), Ordering::Wheel, Directory::new(), ());
    for place in 0..24 {
        let ahead = ahead[place as usize % ahead.len()];
        let settings = &settings;
        world.start(place, move |now, directory, sink| {
            let (node, seed) = (node(1, place), Seed::new(u64::from(place)));
            let life = Life { place, node, incarnation: Incarnation::ZERO, seed, members: Roster::new() };
            let mut inner = Sink::default();
            let mut member = Member::begin(now + ahead, settings, life, directory, &mut inner);
            member.feed(now + ahead, Input::Join(vec![address_of(0)]), directory, &mut inner);
            let skewed = Skewed { ahead, member };
            skewed.hand_on(inner, sink);
            skewed
        });
    }
    world.run_until(at(30));
    world.stop(7);
    world.run_until(at(60));
    assert!(world.traffic().packets > 1_000);
    world.fingerprint()
}

#[test]
fn the_instant_at_which_a_clock_began_changes_nothing() {
    let none = trace_of([Duration::ZERO; 3]);
    assert_eq!(none, trace_of([Duration::from_nanos(1), Duration::from_hours(24), Duration::from_hours(99_999)]));
}
