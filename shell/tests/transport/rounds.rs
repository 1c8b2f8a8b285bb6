//! What is sent arrives as it was sent.

use delian_core::health::{Heartbeat, Sample};
use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping, PingRequest, Sums};
use delian_core::swim::{
    Broadcast, Card, CardCheck, Carrier, Coordinate, Incarnation, News, Packet, PoolLabel, Urgency,
};
use delian_core::{Applied, Blob, Bytes, Epoch, LogIndex, Message, NodeId, Position, Rejected, Term, WallTime};
use delian_shell::transport::{Arrival, Dropped, Lane, Letter, LinksConfig, Listen, Network};

use super::{End, Way, config, messages, until};

pub(crate) fn heartbeat(node: NodeId) -> Letter {
    let sample = Sample {
        free: Bytes::new(4),
        total: Bytes::new(9),
        score: 1000,
        active_requests: 3,
        latency_micros: 250,
        taken_at: WallTime::from_unix_millis(7),
    };
    Letter::Core(Message::Heartbeat(Heartbeat { node, epoch: Epoch::new(2), sequence: 5, sample }))
}

fn letters(from: NodeId) -> Vec<Letter> {
    let applied = Applied { position: Position::new(Term::new(3), LogIndex::new(9)), epoch: Epoch::new(4) };
    let mut letters: Vec<Letter> =
        messages::one_of_each().into_iter().map(|(_, message)| Letter::Core(message)).collect();
    letters.extend([
        heartbeat(from),
        Letter::Ask { number: u64::MAX, command: Blob::from([1, 2, 3].as_slice()) },
        Letter::Told { number: 7, outcome: Ok(applied) },
        Letter::Told { number: 7, outcome: Err(Rejected::NotLeader(Some(NodeId::new(3)))) },
    ]);
    letters
}

pub(crate) fn packet(from: NodeId, body: Body, news: Vec<News>) -> Packet {
    Packet { label: PoolLabel::of("alpha"), from, incarnation: Incarnation::new(4096), body, news }
}

fn packets(from: NodeId) -> Vec<Packet> {
    let (number, to) = (ProbeNumber::new(300), NodeTag::of(NodeId::new(2)));
    let address = "[2001:db8::1]:7000".parse().unwrap();
    let ping = Ping { number, to, digest: [1, 2, 3, 4], card: CardCheck::default() };
    let bodies = [
        Body::Ping(ping),
        Body::Locate(ping),
        Body::Ack(number),
        Body::Located(number, Coordinate::ORIGIN),
        Body::PingRequest(PingRequest { number, to, address }),
        Body::Relayed(number),
        Body::Nack(number),
        Body::Gossip,
        Body::Introduce,
        Body::Leave,
        Body::Farewell,
        Body::SyncOffer(Sums::of(&[1, 2])),
        Body::SyncAnswer(Sums::of(&[3; 64])),
        Body::SyncPush,
    ];
    let (member, incarnation, accuser) = (NodeId::new(8), Incarnation::new(4097), from);
    let payload = Blob::from([9; 40].as_slice());
    let news = vec![
        News::Alive { incarnation, card: Card::new(member, "rhea", address).into() },
        News::Suspect { member, incarnation, accuser },
        News::Dead { member, incarnation },
        News::Left { member, incarnation },
        News::Broadcast(Broadcast { origin: member, number: 3, urgency: Urgency::Low, payload }.into()),
    ];
    bodies.into_iter().map(|body| packet(from, body, news.clone())).collect()
}

async fn every_letter_and_packet_arrives(way: Way) {
    let (mut here, mut there) = (End::new(config(way, 1)).await, End::new(config(way, 2)).await);
    for letter in letters(here.id) {
        here.links.send(there.id, there.address, letter.clone());
        assert_eq!(there.next().await, Arrival::Letter(here.id, letter));
    }
    for (packet, carrier) in
        packets(here.id).into_iter().flat_map(|it| [(it.clone(), Carrier::Datagram), (it, Carrier::Stream)])
    {
        here.links.send_packet(Tier::Local, Parcel { to: there.address, carrier, packet: packet.clone() });
        let Arrival::Packet(Tier::Local, from, by, arrived) = there.next().await else { panic!("a letter arrived") };
        assert_eq!((arrived, by, from.ip()), (packet, carrier, here.address.ip()));
        assert!(by == Carrier::Stream || from == here.address, "a datagram comes from where its sender takes them");
    }
    // Each lane was used, each stream was opened once, and what was counted there was counted here.
    until(|| Lane::ALL.into_iter().all(|lane| there.counters.received(lane) == here.counters.sent(lane))).await;
    assert!(Lane::ALL.into_iter().all(|lane| here.counters.sent(lane).frames > 0));
    assert_eq!((here.counters.dialled(), there.counters.incoming()), (3, 3));
    assert!(Dropped::ALL.into_iter().all(|why| here.counters.dropped(why) == 0));
    assert_eq!((here.counters.notes(), there.counters.notes()), (vec![], vec![]));
}

#[tokio::test]
async fn every_letter_and_packet_arrives_in_plain_text() {
    every_letter_and_packet_arrives(Way::Plain).await;
}

#[tokio::test]
async fn every_letter_and_packet_arrives_by_certificate() {
    every_letter_and_packet_arrives(Way::Tls).await;
}

#[tokio::test]
async fn a_packet_that_fits_no_datagram_goes_by_stream() {
    let (mut here, mut there) = (End::new(config(Way::Tls, 1)).await, End::new(config(Way::Tls, 2)).await);
    let dead = News::Dead { member: NodeId::new(9), incarnation: Incarnation::new(1) };
    let large = packet(here.id, Body::SyncPush, vec![dead; 3000]);
    here.links
        .send_packet(Tier::Local, Parcel { to: there.address, carrier: Carrier::Datagram, packet: large.clone() });
    let Arrival::Packet(_, _, Carrier::Stream, arrived) = there.next().await else { panic!("not by stream") };
    assert_eq!(arrived, large);
}

#[tokio::test]
async fn a_gateway_keeps_its_pools_apart() {
    let wide = Some(Listen::at("127.0.0.1:0".parse().unwrap()));
    let mut here = End::new(LinksConfig { wide, ..config(Way::Tls, 1) }).await;
    let bound = delian_shell::transport::Bound::bind(LinksConfig { wide, ..config(Way::Tls, 2) }).await.unwrap();
    let to = bound.address_in(Tier::Wide).unwrap();
    assert_ne!(to, bound.address());
    assert_eq!(bound.advertised_in(Tier::Wide), Some(to));
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(8);
    let _links = bound.start(arrived);
    for carrier in [Carrier::Datagram, Carrier::Stream] {
        let packet = packet(here.id, Body::Gossip, vec![]);
        here.links.send_packet(Tier::Wide, Parcel { to, carrier, packet });
        let arrival = tokio::time::timeout(super::PATIENCE, arrivals.recv()).await.unwrap();
        assert!(matches!(arrival, Some(Arrival::Packet(Tier::Wide, _, by, _)) if by == carrier), "{arrival:?}");
    }
    // Letters reach a gateway there, too: from far away nothing else is known of it.
    let letter = Letter::Ask { number: 1, command: Blob::default() };
    here.links.send(NodeId::new(2), to, letter.clone());
    let arrival = tokio::time::timeout(super::PATIENCE, arrivals.recv()).await.unwrap();
    assert_eq!(arrival, Some(Arrival::Letter(here.id, letter)));
}

#[tokio::test]
async fn what_has_nowhere_to_go_is_lost_and_counted() {
    let mut here = End::new(config(Way::Plain, 1)).await;
    let packet = packet(here.id, Body::Gossip, vec![]);
    here.links.send_packet(Tier::Wide, Parcel { to: here.address, carrier: Carrier::Datagram, packet: packet.clone() });
    assert_eq!(here.counters.dropped(Dropped::NoSuchTier), 1);
    let far = "192.0.2.1:7000".parse().unwrap();
    here.links.send(NodeId::new(2), far, heartbeat(here.id));
    here.links.send_packet(Tier::Local, Parcel { to: far, carrier: Carrier::Stream, packet });
    assert_eq!(here.counters.dropped(Dropped::NotLoopback), 2);
    let gone = End::new(config(Way::Plain, 3)).await.address;
    here.links.send(NodeId::new(3), gone, Letter::Ask { number: 1, command: Blob::default() });
    until(|| here.counters.dropped(Dropped::Unreachable) == 1).await;
}
