//! Two lives of one identity: whatever the later one knows of the earlier, one of them stays and all others see that one.
//!
//! A handful of members on a network that loses nothing, which delivers in order and answers a stream nowhere.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use delian_core::swim::{
    Card, Carrier, Directory, Effect, Incarnation, Input, Members, Outbox, Packet, PoolConfig, PoolSettings, Record,
    Roster, Standing, Start, State, Swim,
};
use delian_core::{Blob, NodeId, Seed, Time};

/// One process: the machine and its directory. Its place among them is its address.
struct Process {
    swim: Swim,
    directory: Directory,
}

struct Pool {
    now: Time,
    settings: Arc<PoolSettings>,
    processes: Vec<Option<Process>>,
    flight: VecDeque<(SocketAddr, Carrier, SocketAddr, Packet)>,
}

const PORT: u16 = 7400;
const STREAM_PORT: u16 = 50_000;

fn address(place: usize, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, place as u8)), port)
}

fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

impl Pool {
    /// Members 1 and 2 at places 1 and 2, who know each other, and member 3 as they remember it, at place 3.
    fn of_two_who_remember_a_third(third: Record) -> Self {
        let mut config = PoolConfig::local("test");
        // A message is handed on once, so that nothing is mended by mere repetition.
        config.retransmit_factor = 1;
        let settings = Arc::new(config.check().expect("a test configures what makes sense"));
        let mut pool = Self { now: Time::from_millis(1), settings, processes: Vec::new(), flight: VecDeque::new() };
        for number in 1..=2 {
            let (mut directory, mut members) = (Directory::new(), Roster::new());
            for other in 1..=3_u64 {
                let slot = directory.hold(node(other));
                directory.set_card(slot, Arc::new(card(other, other as usize)));
                let record = Record { incarnation: Incarnation::ZERO, state: State::Alive };
                members.set(slot, node(other), if other == 3 { third } else { record });
            }
            pool.begin(card(number, number as usize), members, directory);
        }
        pool
    }

    fn begin(&mut self, card: Card, members: Roster, mut directory: Directory) {
        let place = card.address;
        let mut out = Outbox::new();
        let seed = Seed::new(self.processes.len() as u64);
        let start = Start { card, incarnation: Incarnation::ZERO, seed, members };
        let swim = Swim::start(self.now, Arc::clone(&self.settings), start, &mut directory, &mut out)
            .expect("a test's card is within its limits");
        let IpAddr::V4(ip) = place.ip() else { unreachable!("all addresses here are of version 4") };
        let place = usize::from(ip.octets()[3]);
        self.processes.resize_with(self.processes.len().max(place + 1), || None);
        self.processes[place] = Some(Process { swim, directory });
    }

    /// Begins a life that knows nobody and asks member 1.
    fn join(&mut self, card: Card) -> usize {
        let IpAddr::V4(ip) = card.address.ip() else { unreachable!("all addresses here are of version 4") };
        let place = usize::from(ip.octets()[3]);
        self.begin(card, Roster::new(), Directory::new());
        self.feed(place, Input::Join(vec![address(1, PORT)]));
        place
    }

    fn feed(&mut self, place: usize, input: Input) {
        let Some(process) = &mut self.processes[place] else { return };
        let mut out = Outbox::new();
        process.swim.step(self.now, input, &mut process.directory, &mut out);
        process.swim.assert_invariants(&process.directory);
        for effect in out.drain() {
            if let Effect::Send(to, carrier, packet) = effect {
                let port = if carrier == Carrier::Stream { STREAM_PORT } else { PORT };
                self.flight.push_back((address(place, port), carrier, to, packet));
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.now = self.now + Duration::from_millis(10);
            while let Some((from, carrier, to, packet)) = self.flight.pop_front() {
                let place = (0..self.processes.len()).find(|place| address(*place, PORT) == to);
                if let Some(place) = place {
                    self.feed(place, Input::Receive(from, carrier, packet));
                }
            }
            for place in 0..self.processes.len() {
                let is_due = |process: &Process| process.swim.next_wake() <= self.now;
                if self.processes[place].as_ref().is_some_and(is_due) {
                    self.feed(place, Input::Wake);
                }
            }
        }
    }

    fn swim(&self, place: usize) -> &Swim {
        &self.processes[place].as_ref().expect("it runs").swim
    }

    /// Asserts that members 1 and 2 see the process at a place as it is.
    fn assert_seen(&self, place: usize) {
        let swim = self.swim(place);
        for other in self.processes[1..=2].iter().flatten() {
            let record = other.swim.seen(&other.directory, swim.card().id).expect("it is known");
            assert_eq!((record.incarnation, record.state), (swim.incarnation(), State::Alive));
            let slot = other.directory.find(swim.card().id).expect("it is known");
            assert_eq!(other.directory.card(slot), Some(swim.card()));
        }
    }
}

fn card(number: u64, place: usize) -> Card {
    Card::new(node(number), format!("m{number}"), address(place, PORT))
}

const fn third(state: State) -> Record {
    Record { incarnation: Incarnation::ZERO, state }
}

#[test]
fn a_dead_member_that_moved_and_forgot_its_incarnation_is_told_at_its_new_address() {
    let mut pool = Pool::of_two_who_remember_a_third(third(State::Dead));
    let place = pool.join(card(3, 4));
    pool.run(30);
    assert!(pool.swim(place).incarnation() > Incarnation::ZERO);
    pool.assert_seen(place);
}

#[test]
fn of_two_processes_with_one_identity_in_one_incarnation_one_yields() {
    for (earlier, later) in [(3, 4), (4, 3)] {
        let mut pool = Pool::of_two_who_remember_a_third(third(State::Alive));
        let earlier = pool.join(card(3, earlier));
        pool.run(10);
        let later = pool.join(card(3, later));
        pool.run(60);
        let yielded = |place| *pool.swim(place).standing() == Standing::Yielded;
        assert!(yielded(earlier) != yielded(later), "{:?}", [earlier, later].map(|place| pool.swim(place).standing()));
        pool.assert_seen(if yielded(earlier) { later } else { earlier });
    }
}

#[test]
fn a_life_with_another_card_in_the_incarnation_of_an_earlier_one_takes_a_later_one() {
    let mut pool = Pool::of_two_who_remember_a_third(third(State::Alive));
    let place = pool.join(Card { metadata: Blob::from([7].as_slice()), ..card(3, 3) });
    pool.run(30);
    assert!(pool.swim(place).incarnation() > Incarnation::ZERO);
    pool.assert_seen(place);
}
