//! Two members that hear each other after a millisecond: how much they say.

use delian_core::swim::packet::Body;
use delian_core::swim::{
    Card, Carrier, Directory, Effect, Incarnation, Input, News, Outbox, Packet, PoolConfig, PoolLabel, Roster, Start,
    State, Swim,
};
use delian_core::{Blob, Seed, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{at, card, dead, id};

const LATENCY: Duration = Duration::from_millis(1);

struct Pair {
    now: Time,
    members: [(Swim, Directory); 2],
    wire: VecDeque<(Time, usize, Input)>,
    cut: bool,
    packets: u64,
}

impl Pair {
    fn new(incarnation: u32, configs: [PoolConfig; 2]) -> Self {
        let begin = |(place, config): (usize, PoolConfig)| {
            let (mut directory, mut out) = (Directory::new(), Outbox::new());
            let start = Start {
                card: Card::clone(&card(place as u64 + 1)),
                incarnation: Incarnation::new(incarnation),
                seed: Seed::new(place as u64),
                members: Roster::new(),
            };
            let settings = Arc::new(config.check().expect("a test configures what makes sense"));
            (
                Swim::start(Time::ZERO, settings, start, &mut directory, &mut out)
                    .expect("its card is within its limits"),
                directory,
            )
        };
        let [one, other] = configs;
        let members = [begin((0, one)), begin((1, other))];
        let mut pair = Self { now: Time::ZERO, members, wire: VecDeque::new(), cut: false, packets: 0 };
        pair.join();
        pair
    }

    fn apart() -> Self {
        let mut pair = Self::new(0, [local(), PoolConfig::local("other")]);
        let other = Self::new(0, [PoolConfig::local("other"), local()]);
        let [_, second] = other.members;
        pair.members[1] = second;
        pair.wire.clear();
        pair
    }

    fn join(&mut self) {
        self.feed(0, Input::Join(vec![at(2)]));
        self.run(5);
    }

    fn feed(&mut self, place: usize, input: Input) {
        let mut out = Outbox::new();
        let (swim, directory) = &mut self.members[place];
        swim.step(self.now, input, directory, &mut out);
        for effect in out.drain() {
            let Effect::Send(to, carrier, packet) = effect else { continue };
            let Some(other) = (0..2).find(|other| at(*other as u64 + 1) == to) else { continue };
            self.packets += 1;
            if !self.cut {
                let from = at(place as u64 + 1);
                self.wire.push_back((self.now + LATENCY, other, Input::Receive(from, carrier, packet)));
            }
        }
    }

    /// Lets so many seconds pass. Returns how many packets were sent in them, up to a hundred thousand.
    fn run(&mut self, seconds: u64) -> u64 {
        let (until, before) = (self.now + Duration::from_secs(seconds), self.packets);
        while self.packets - before < 100_000 {
            let arrives = self.wire.front().map_or(Time::NEVER, |(at, ..)| *at);
            let wakes = [0, 1].map(|place| self.members[place].0.next_wake());
            let next = arrives.min(wakes[0]).min(wakes[1]);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if arrives <= self.now {
                let (_, place, input) = self.wire.pop_front().expect("it was seen there");
                self.feed(place, input);
            } else {
                let place = usize::from(wakes[1] < wakes[0]);
                self.feed(place, Input::Wake);
            }
        }
        self.now = until;
        self.packets - before
    }
}

/// What member 3 says, or said: the first may be a lie, and the second is how it is with a lost disk after 300 lives.
fn lock_out(incarnation: u32) {
    let mut pair = Pair::apart();
    let packet = Packet {
        label: PoolLabel::of("pair"),
        from: id(3),
        incarnation: Incarnation::ZERO,
        body: Body::Gossip,
        news: vec![dead(1, incarnation)],
    };
    pair.feed(1, Input::Receive(at(3), Carrier::Datagram, packet));
    pair.join();
    pair.run(600);
    let (swim, directory) = &pair.members[1];
    assert_eq!(swim.seen(directory, id(1)).map(|record| record.state), Some(State::Alive), "ten minutes after it came");
}

#[test]
fn one_lie_about_a_stranger_does_not_keep_it_out() {
    lock_out(u32::MAX);
}

#[test]
fn whoever_lost_its_disk_after_many_lives_comes_back() {
    lock_out(Incarnation::of_boot(delian_core::Boot::new(300)).get());
}

fn local() -> PoolConfig {
    PoolConfig::local("pair")
}

#[test]
fn a_limit_that_one_has_and_the_other_has_not_raised_is_no_storm() {
    let mut pair = Pair::new(0, [PoolConfig { metadata_bytes_max: 1000, ..local() }, local()]);
    let calm = pair.run(10);
    pair.feed(0, Input::SetMetadata(Blob::from(vec![7; 600])));
    let packets = [pair.run(10), pair.run(10), pair.run(10)];
    assert!(packets[2] < 10 * calm, "{calm} packets in ten calm seconds, then {packets:?}");
}

#[test]
fn a_full_pool_is_no_storm() {
    let mut pair = Pair::new(0, [local(), PoolConfig { members_max: 1, ..local() }]);
    let packets = [pair.run(10), pair.run(10), pair.run(10)];
    assert!(packets[2] < 1000, "{packets:?} packets in ten seconds each");
}

#[test]
fn two_at_the_last_incarnation_that_hold_each_other_dead_are_no_storm() {
    let mut pair = Pair::new(u32::MAX, [local(), local()]);
    let calm = pair.run(10);
    pair.cut = true;
    pair.run(120);
    pair.cut = false;
    let packets = [pair.run(30), pair.run(30)];
    assert!(packets[1] < 10 * calm, "{calm} packets in ten calm seconds, then {packets:?} in thirty each");
}

#[test]
fn metadata_at_the_last_incarnation_is_no_storm() {
    let mut pair = Pair::new(u32::MAX, [local(), local()]);
    let calm = pair.run(10);
    pair.feed(0, Input::SetMetadata(Blob::from(vec![7; 6])));
    let packets = [pair.run(10), pair.run(10), pair.run(10)];
    let (swim, directory) = &pair.members[1];
    let known = directory.card(directory.find(id(1)).unwrap()).unwrap().version;
    assert_eq!(known, 1, "{packets:?} packets, {:?}", swim.waiting_news().collect::<Vec<&News>>());
    assert!(packets[2] < 4 * calm, "{calm} packets in ten calm seconds, then {packets:?}");
}

/// As a lost disk leaves it after three lives: within what hearsay may raise.
#[test]
fn whoever_lost_its_disk_after_a_few_lives_comes_back() {
    lock_out(Incarnation::of_boot(delian_core::Boot::new(3)).get());
}
