//! One member on a bench: what it is told, what it answers, and how it sees others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::swim::ids::ProbeNumber;
use delian_core::swim::packet::{Body, Ping};
use delian_core::swim::{
    Card, Carrier, Directory, Effect, Event, Incarnation, Input, News, Outbox, Packet, PoolConfig, PoolSettings,
    Record, Roster, Start, State, Swim,
};
use delian_core::{NodeId, Seed, Time};

/// The member on the bench is number 1.
pub(crate) const ME: u64 = 1;

pub(crate) fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

pub(crate) fn at(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 7400))
}

pub(crate) fn card(number: u64) -> Arc<Card> {
    Arc::new(Card::new(id(number), format!("m{number}"), at(number)))
}

pub(crate) fn inc(number: u32) -> Incarnation {
    Incarnation::new(number)
}

pub(crate) fn alive(number: u64, incarnation: u32) -> News {
    News::Alive { incarnation: inc(incarnation), card: card(number) }
}

pub(crate) fn suspect(number: u64, incarnation: u32, accuser: u64) -> News {
    News::Suspect { member: id(number), incarnation: inc(incarnation), accuser: id(accuser) }
}

pub(crate) fn dead(number: u64, incarnation: u32) -> News {
    News::Dead { member: id(number), incarnation: inc(incarnation) }
}

pub(crate) fn left(number: u64, incarnation: u32) -> News {
    News::Left { member: id(number), incarnation: inc(incarnation) }
}

/// What a packet asks a member, if it does.
pub(crate) fn asks(body: &Body) -> Option<Ping> {
    if let Body::Ping(ping) | Body::Locate(ping) = body { Some(*ping) } else { None }
}

pub(crate) struct Bench {
    pub(crate) swim: Swim,
    pub(crate) directory: Directory,
    pub(crate) now: Time,
    pub(crate) effects: Vec<Effect>,
    settings: Arc<PoolSettings>,
}

impl Bench {
    /// Member 1 among others up to `members`, all alive in incarnation 0, none of it news.
    pub(crate) fn among(members: u64) -> Self {
        let mut bench = Self::with(PoolConfig::local("bench"));
        for number in 2..=members {
            bench.hear(number, [alive(number, 0)]);
        }
        bench.run_for(Duration::from_millis(1));
        bench.effects.clear();
        bench
    }

    pub(crate) fn with(config: PoolConfig) -> Self {
        let (mut directory, mut out) = (Directory::new(), Outbox::new());
        let settings = Arc::new(config.check().expect("a test configures what makes sense"));
        let start =
            Start { card: Card::clone(&card(ME)), incarnation: inc(0), seed: Seed::new(1), members: Roster::new() };
        let swim = Swim::start(Time::ZERO, Arc::clone(&settings), start, &mut directory, &mut out)
            .expect("a test's card is within its limits");
        Self { swim, directory, now: Time::ZERO, effects: Vec::new(), settings }
    }

    pub(crate) fn feed(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.swim.step(self.now, input, &mut self.directory, &mut out);
        self.swim.assert_invariants(&self.directory);
        self.effects.extend(out.drain());
    }

    /// Takes in news from a member that comes from the address of another one. Returns what follows.
    pub(crate) fn receive_at(
        &mut self,
        host: u64,
        from: u64,
        incarnation: u32,
        news: impl IntoIterator<Item = News>,
    ) -> Vec<Effect> {
        self.take_at(host, (from, incarnation), Body::Gossip, news.into_iter().collect())
    }

    /// Takes in a ping of a member in incarnation 0 that comes from the address of another one. Returns what follows.
    pub(crate) fn ping_at(&mut self, host: u64, from: u64, ping: Ping) -> Vec<Effect> {
        self.take_at(host, (from, 0), Body::Ping(ping), Vec::new())
    }

    fn take_at(&mut self, host: u64, (from, incarnation): (u64, u32), body: Body, news: Vec<News>) -> Vec<Effect> {
        self.effects.clear();
        let packet = Packet { label: self.settings.label(), from: id(from), incarnation: inc(incarnation), body, news };
        self.feed(Input::Receive(at(host), Carrier::Datagram, packet));
        std::mem::take(&mut self.effects)
    }

    /// Takes in a packet of a member in incarnation 0.
    pub(crate) fn hear(&mut self, from: u64, news: impl IntoIterator<Item = News>) {
        self.receive(from, 0, Body::Gossip, news);
    }

    pub(crate) fn receive(&mut self, from: u64, incarnation: u32, body: Body, news: impl IntoIterator<Item = News>) {
        let news = news.into_iter().collect();
        let packet = Packet { label: self.settings.label(), from: id(from), incarnation: inc(incarnation), body, news };
        self.feed(Input::Receive(at(from), Carrier::Datagram, packet));
    }

    /// Lets time pass and wakes the member whenever it asked for it.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while self.swim.next_wake() <= until {
            self.now = self.now.max(self.swim.next_wake());
            self.feed(Input::Wake);
        }
        self.now = until;
    }

    /// Lets a member die: another tells it, and nothing refutes that until the suspicion is over.
    pub(crate) fn bury(&mut self, number: u64) {
        let (incarnation, _) = self.sees(number).expect("who dies was known");
        self.hear(2, [dead(number, incarnation)]);
        while self.sees(number) == Some((incarnation, State::Suspect)) {
            self.run_answered(Duration::from_millis(50), number);
        }
        assert_eq!(self.sees(number), Some((incarnation, State::Dead)));
        self.effects.clear();
    }

    /// Lets time pass while all others but `silent` answer what they are asked, and help.
    pub(crate) fn run_answered(&mut self, span: Duration, silent: u64) -> Vec<u64> {
        let (until, mut probed) = (self.now + span, Vec::new());
        while self.now < until {
            self.run_for(Duration::from_millis(50));
            for (to, carrier, packet) in self.sent() {
                let SocketAddr::V4(to) = to else { continue };
                let number = u64::from(to.ip().octets()[3]);
                if carrier == Carrier::Datagram && asks(&packet.body).is_some() {
                    probed.push(number);
                }
                let answer = match (asks(&packet.body), &packet.body) {
                    (Some(ping), _) => Body::Ack(ping.number),
                    (None, Body::PingRequest(request)) => Body::Nack(request.number),
                    (None, _) => continue,
                };
                if number != silent {
                    let incarnation = self.sees(number).map_or(0, |(incarnation, _)| incarnation);
                    self.receive(number, incarnation, answer, []);
                }
            }
        }
        probed
    }

    /// Lets time pass until the member probes someone: whom, by number, and how the probe is called.
    pub(crate) fn run_to_probe(&mut self) -> (u64, ProbeNumber) {
        loop {
            self.run_for(Duration::from_millis(10));
            for (to, _, packet) in self.sent() {
                if let (SocketAddr::V4(to), Some(ping)) = (to, asks(&packet.body)) {
                    return (u64::from(to.ip().octets()[3]), ping.number);
                }
            }
        }
    }

    /// How the member sees another: the incarnation and the state.
    pub(crate) fn sees(&self, number: u64) -> Option<(u32, State)> {
        let record = self.swim.seen(&self.directory, id(number))?;
        let Record { incarnation, state } = record;
        Some((incarnation.get(), state))
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let effects = std::mem::take(&mut self.effects);
        let (events, others) = effects.into_iter().partition(|effect| matches!(effect, Effect::Emit(_)));
        self.effects = others;
        let event = |effect: Effect| if let Effect::Emit(event) = effect { event } else { unreachable!() };
        Vec::into_iter(events).map(event).collect()
    }

    /// The packets that went out since they were asked for: to whom, how, what.
    pub(crate) fn sent(&mut self) -> Vec<(SocketAddr, Carrier, Packet)> {
        let (mut sent, mut others) = (Vec::new(), Vec::new());
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Send(to, carrier, packet) => sent.push((to, carrier, packet)),
                Effect::Emit(_) | Effect::Deliver(_) => others.push(effect),
            }
        }
        self.effects = others;
        sent
    }

    /// The news that the member sent to another since packets were asked for.
    pub(crate) fn told(&mut self, number: u64) -> Vec<News> {
        self.sent().into_iter().filter(|(to, ..)| *to == at(number)).flat_map(|(_, _, packet)| packet.news).collect()
    }
}
