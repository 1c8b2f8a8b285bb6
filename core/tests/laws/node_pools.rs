//! What a node's pools and its log tell each other.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::node::{Notice, PoolsConfig, Tier};
use delian_core::raft::Recovered;
use delian_core::swim::{self, Carrier, PoolConfig, State, Urgency};
use delian_core::{Blob, Config, Effect, Event, Input, Node, NodeId, Outbox, RoleName, Seed, Time};

/// A few nodes that hear each other at once; disks are fast, and nothing is lost but by `silent`.
struct Federation {
    now: Time,
    nodes: BTreeMap<u64, Node>,
    queue: VecDeque<(u64, Input)>,
    events: Vec<(u64, Event)>,
    delivered: Vec<(u64, Tier)>,
    /// Nobody hears this node, and it hears nobody.
    silent: Option<u64>,
}

fn address(tier: Tier, number: u64) -> SocketAddr {
    let port = match tier {
        Tier::Local => 7400,
        Tier::Wide => 7500,
    };
    SocketAddr::from(([10, 0, 0, number as u8], port))
}

fn number_at(address: SocketAddr) -> u64 {
    let SocketAddr::V4(address) = address else { panic!("{address} is none of theirs") };
    u64::from(address.ip().octets()[3])
}

/// Who is in the wide pool.
const GATEWAYS: [u64; 3] = [1, 2, 5];

/// Nodes 1 to 3 vote and are in one pool with 4; 5 has a local pool of its own.
fn config(number: u64) -> Config {
    let region = if number == 5 { "us" } else { "eu" };
    let wide = GATEWAYS.contains(&number).then(|| (PoolConfig::wide("federation"), address(Tier::Wide, number)));
    let local = (PoolConfig::local(region), address(Tier::Local, number));
    let voters = if number <= 3 { (1..=3).map(NodeId::new).collect() } else { std::collections::BTreeSet::new() };
    Config { voters, pools: Some(PoolsConfig { name: format!("m{number}"), local, wide }), ..Config::default() }
}

impl Federation {
    fn new() -> Self {
        let mut federation = Self {
            now: Time::ZERO,
            nodes: BTreeMap::new(),
            queue: VecDeque::new(),
            events: Vec::new(),
            delivered: Vec::new(),
            silent: None,
        };
        for number in 1..=5 {
            let mut out = Outbox::new();
            let settings = Arc::new(config(number).check().expect("a test configures what makes sense"));
            let recovered = Recovered::founding();
            let node = Node::start(Time::ZERO, NodeId::new(number), settings, Seed::new(number), recovered, &mut out);
            federation.nodes.insert(number, node);
            federation.carry_out(number, &mut out);
            for (tier, seed) in [(Tier::Local, if number == 5 { 5 } else { 1 }), (Tier::Wide, 1)] {
                let seeds = swim::Input::Join(vec![address(tier, seed)]);
                federation.queue.push_back((number, Input::Pool(tier, Box::new(seeds))));
            }
        }
        federation
    }

    fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            while let Some((number, input)) = self.queue.pop_front() {
                self.feed(number, input);
            }
            let wakes = self.nodes.iter().filter_map(|(number, node)| Some((node.next_wake()?.at, *number)));
            let Some((at, number)) = wakes.min().filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.max(at);
            self.feed(number, Input::Wake);
        }
        self.now = until;
    }

    fn feed(&mut self, number: u64, input: Input) {
        let mut out = Outbox::new();
        let node = self.nodes.get_mut(&number).expect("who is fed runs");
        node.step(self.now, input, &mut out);
        node.assert_invariants();
        self.carry_out(number, &mut out);
    }

    fn carry_out(&mut self, number: u64, out: &mut Outbox) {
        let hears = |to: u64| self.silent.is_none_or(|silent| silent != number && silent != to);
        for effect in out.drain() {
            match effect {
                Effect::Send(to, message) if hears(to.get()) => {
                    self.queue.push_back((to.get(), Input::Receive(NodeId::new(number), message)));
                }
                Effect::SendPacket(tier, parcel) if hears(number_at(parcel.to)) => {
                    let input = swim::Input::Receive(address(tier, number), parcel.carrier, parcel.packet);
                    self.queue.push_back((number_at(parcel.to), Input::Pool(tier, Box::new(input))));
                }
                Effect::Persist(write, _) => self.queue.push_back((number, Input::Persisted(write))),
                Effect::Emit(event) => self.events.push((number, event)),
                Effect::Deliver(tier, _) => self.delivered.push((number, tier)),
                Effect::Send(..)
                | Effect::SendPacket(..)
                | Effect::Reply(..)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::Apply(..)
                | Effect::Capture(_)
                | Effect::Restore(_) => {}
            }
        }
    }

    fn leader(&self) -> u64 {
        let leads = |node: &&Node| node.status().role == RoleName::Leader;
        let leader = self.nodes.values().filter(leads).max_by_key(|node| node.status().term);
        leader.expect("someone leads by then").status().id.get()
    }

    fn sees(&self, number: u64, tier: Tier, other: u64) -> Option<State> {
        let (swim, directory) = self.nodes[&number].pool(tier)?;
        swim.seen(directory, NodeId::new(other)).map(|record| record.state)
    }
}

#[test]
fn members_outside_of_the_log_learn_who_leads_and_who_leads_next() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    let first = federation.leader();
    assert!(
        (1..=5).all(|number| federation.nodes[&number].known_leader().map(|(_, leader)| leader.get()) == Some(first))
    );
    federation.silent = Some(first);
    federation.run_for(Duration::from_secs(20));
    let known = (1..=4).filter(|number| *number != first).map(|number| federation.nodes[&number].known_leader());
    let next = federation.nodes[&4].known_leader();
    assert_ne!(next.map(|(_, leader)| leader.get()), Some(first));
    assert!(known.clone().all(|known| known == next), "{:?}", known.collect::<Vec<_>>());
    let told =
        federation.events.iter().filter(|(number, event)| *number == 4 && matches!(event, Event::LeaderChanged { .. }));
    assert!(told.count() >= 2, "an observer is told of each leader");
}

#[test]
fn each_members_card_says_what_its_node_does_in_the_log() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    let leader = federation.leader();
    let (swim, directory) = federation.nodes[&4].pool(Tier::Local).expect("it is in one");
    let roles: Vec<Option<RoleName>> = (1..=4)
        .map(|number| {
            let slot = directory.find(NodeId::new(number))?;
            swim.seen(directory, NodeId::new(number))?;
            Some(Notice::of(directory.card(slot)?)?.role)
        })
        .collect();
    let expected = (1..=4).map(|number| match number {
        4 => Some(RoleName::Observer),
        number if number == leader => Some(RoleName::Leader),
        _ => Some(RoleName::Follower),
    });
    assert_eq!(roles, expected.collect::<Vec<_>>());
}

#[test]
fn pools_of_two_tiers_keep_to_themselves_and_gateways_are_in_both() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    for number in 1..=5 {
        for other in (1..=5).filter(|other| *other != number) {
            let local = (number < 5 && other < 5).then_some(State::Alive);
            let wide = (GATEWAYS.contains(&number) && GATEWAYS.contains(&other)).then_some(State::Alive);
            assert_eq!(federation.sees(number, Tier::Local, other), local, "{number} of {other}");
            assert_eq!(federation.sees(number, Tier::Wide, other), wide, "{number} of {other}");
        }
    }
    assert!(federation.nodes[&3].pool(Tier::Wide).is_none());
}

/// A gateway takes each pool's packets at another address, and says so in each on another card.
#[test]
fn gateways_of_one_region_know_each_other_by_both_addresses() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    for (tier, number, other) in [(Tier::Local, 1, 2), (Tier::Wide, 1, 2), (Tier::Local, 2, 1), (Tier::Wide, 5, 2)] {
        let (_, directory) = federation.nodes[&number].pool(tier).expect("it is in one");
        let card = directory.find(NodeId::new(other)).and_then(|slot| directory.card(slot));
        assert_eq!(card.map(|card| card.address), Some(address(tier, other)), "{number} of {other}");
    }
    let strayed = federation.events.iter().filter(
        |(_, event)| matches!(event, Event::Pool { event, .. } if matches!(**event, swim::Event::ForeignPool(..))),
    );
    assert_eq!(strayed.count(), 0, "nothing goes to where another pool listens");
}

#[test]
fn a_packet_that_strays_into_the_other_tier_is_refused() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    let mut out = Outbox::new();
    let stray = swim::Input::Broadcast(Urgency::Low, Blob::from([1].as_slice()));
    let node = federation.nodes.get_mut(&2).expect("it runs");
    node.step(federation.now, Input::Pool(Tier::Local, Box::new(stray)), &mut out);
    federation.carry_out(2, &mut out);
    federation.run_for(Duration::from_millis(150));
    let news = federation.delivered.len();
    assert!(news > 0, "in its own tier it is delivered");
    let (swim, _) = federation.nodes[&2].pool(Tier::Local).expect("it is in one");
    let packet = swim::Packet {
        label: swim.settings().label(),
        from: NodeId::new(2),
        incarnation: swim.incarnation(),
        body: swim::packet::Body::Leave,
        news: Vec::new(),
    };
    federation.feed(
        1,
        Input::Pool(Tier::Wide, Box::new(swim::Input::Receive(address(Tier::Local, 2), Carrier::Datagram, packet))),
    );
    assert!(matches!(
        &federation.events.last(),
        Some((1, Event::Pool { tier: Tier::Wide, event })) if matches!(**event, swim::Event::ForeignPool(..))
    ));
    assert_eq!(federation.sees(1, Tier::Local, 2), Some(State::Alive));
}

#[test]
fn a_node_without_pools_ignores_what_concerns_them() {
    let mut out = Outbox::new();
    let settings = Arc::new(Config::default().check().expect("the default makes sense"));
    let mut node = Node::start(Time::ZERO, NodeId::new(1), settings, Seed::new(1), Recovered::founding(), &mut out);
    out.drain();
    let before = node.clone();
    node.step(Time::ZERO, Input::Pool(Tier::Local, Box::new(swim::Input::Leave)), &mut out);
    assert_eq!(node, before);
}

#[test]
fn pools_that_could_not_be_told_apart_are_refused() {
    let mut config = config(1);
    if let Some(pools) = &mut config.pools {
        pools.local.0.name = "federation".to_string();
    }
    let refusal = config.check().expect_err("two pools have one name");
    assert_eq!(refusal.to_string(), "pools both have the name \"federation\": their packets could not be told apart");
}

/// One packet of one peer, or one bit that flipped in its memory.
#[test]
fn a_term_that_nobody_reached_does_not_hide_who_leads() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    let leader = federation.leader();
    let (swim, directory) = federation.nodes[&4].pool(Tier::Local).expect("it is in one");
    let slot = directory.find(NodeId::new(2)).expect("it is known");
    let mut card = swim::Card::clone(directory.card(slot).expect("it is known"));
    let told = Notice { term: delian_core::Term::new(u64::MAX), leader: Some(NodeId::new(99)), ..Notice::default() };
    card.metadata = Blob::from(postcard::to_allocvec(&told).expect("it has a form"));
    let incarnation = swim.seen(directory, NodeId::new(2)).expect("it is known").incarnation.next();
    let packet = swim::Packet {
        label: swim.settings().label(),
        from: NodeId::new(2),
        incarnation,
        body: swim::packet::Body::Gossip,
        news: vec![swim::News::Alive { incarnation, card: Arc::new(card) }],
    };
    let input = swim::Input::Receive(address(Tier::Local, 2), Carrier::Datagram, packet);
    federation.feed(4, Input::Pool(Tier::Local, Box::new(input)));
    federation.run_for(Duration::from_secs(20));
    for number in 1..=3 {
        let known = federation.nodes[&number].known_leader().map(|(_, leader)| leader.get());
        assert_eq!(known, Some(leader), "{number} is a voter and hears its leader");
    }
}

#[test]
fn metadata_that_is_too_large_does_not_silence_what_a_node_does_in_the_log() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    for number in 1..=3 {
        let large = swim::Input::SetMetadata(Blob::from(vec![7; 512]));
        federation.feed(number, Input::Pool(Tier::Local, Box::new(large)));
    }
    let first = federation.leader();
    federation.silent = Some(first);
    federation.run_for(Duration::from_secs(30));
    let leader = federation.leader();
    assert_ne!(leader, first);
    let (_, directory) = federation.nodes[&4].pool(Tier::Local).expect("it is in one");
    let slot = directory.find(NodeId::new(leader)).expect("it is known");
    let role = Notice::of(directory.card(slot).expect("it is known")).expect("it bears one").role;
    assert_eq!(role, RoleName::Leader);
}

#[test]
fn a_limit_below_what_a_node_says_of_itself_is_refused() {
    let mut config = config(1);
    if let Some(pools) = &mut config.pools {
        pools.local.0.metadata_bytes_max = 8;
    }
    assert!(config.check().is_err(), "a term, a leader and a role take more");
    let with_broadcasts_of = |bytes| {
        let mut config = self::config(1);
        if let Some(pools) = &mut config.pools {
            pools.local.0.broadcast_bytes_max = bytes;
        }
        config.check().map_err(|error| error.to_string())
    };
    assert!(with_broadcasts_of(41).is_ok());
    let refusal = with_broadcasts_of(40).expect_err("an announcement takes more");
    assert_eq!(refusal, "pools have broadcast_bytes_max 40, but an announcement may take 41");
}

#[test]
fn what_an_embedder_may_broadcast_is_a_byte_less_than_fits_for_its_kind_takes_that() {
    let mut federation = Federation::new();
    federation.run_for(Duration::from_secs(10));
    for (bytes, arrives) in [(511, true), (512, false)] {
        federation.delivered.clear();
        let said = swim::Input::Broadcast(Urgency::Low, Blob::from(vec![7; bytes]));
        federation.feed(2, Input::Pool(Tier::Local, Box::new(said)));
        federation.run_for(Duration::from_secs(3));
        assert_eq!(federation.delivered.len(), if arrives { 3 } else { 0 });
        let event = swim::Event::BroadcastTooLarge { bytes, max: 511 };
        let event = Event::Pool { tier: Tier::Local, event: Box::new(event) };
        assert_eq!(federation.events.contains(&(2, event)), !arrives);
    }
}
