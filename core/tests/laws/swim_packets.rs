//! Laws of the packets of a pool: their bytes, their size, and what a hostile one can do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping, PingRequest, Sums};
use delian_core::swim::{
    Broadcast, Card, CardCheck, CardSum, Coordinate, Incarnation, News, Packet, PoolLabel, Urgency,
};
use delian_core::{Blob, DecodeError, NodeId};
use proptest::prelude::*;

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![0u64..5, any::<u64>()].prop_map(NodeId::new)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    prop_oneof![0u32..300, any::<u32>()].prop_map(Incarnation::new)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ];
    (ip, any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn bytes() -> impl Strategy<Value = Blob> {
    proptest::collection::vec(any::<u8>(), 0..200).prop_map(Blob::from)
}

prop_compose! {
    fn card()(id in node(), name in "[a-zé]{0,150}", address in address(), version in any::<u32>(), metadata in bytes()) -> Card {
        Card { version, metadata, ..Card::new(id, name, address) }
    }
}

fn news() -> impl Strategy<Value = News> {
    let urgency = prop_oneof![Just(Urgency::High), Just(Urgency::Normal), Just(Urgency::Low)];
    prop_oneof![
        (incarnation(), card()).prop_map(|(incarnation, card)| News::Alive { incarnation, card: Arc::new(card) }),
        (node(), incarnation(), node()).prop_map(|(member, incarnation, accuser)| News::Suspect {
            member,
            incarnation,
            accuser
        }),
        (node(), incarnation()).prop_map(|(member, incarnation)| News::Dead { member, incarnation }),
        (node(), incarnation()).prop_map(|(member, incarnation)| News::Left { member, incarnation }),
        (node(), any::<u64>(), urgency, bytes()).prop_map(|(origin, number, urgency, payload)| {
            News::Broadcast(Arc::new(Broadcast { origin, number, urgency, payload }))
        }),
    ]
}

fn coordinate() -> impl Strategy<Value = Coordinate> {
    let parts = (any::<[i32; 3]>(), any::<u32>(), any::<u16>());
    parts.prop_map(|parts| {
        let bytes = postcard::to_allocvec(&parts).expect("numbers have a postcard form");
        postcard::from_bytes(&bytes).expect("a coordinate has the form of its parts")
    })
}

fn body() -> impl Strategy<Value = Body> {
    let number = || prop_oneof![0u32..300, any::<u32>()].prop_map(ProbeNumber::new);
    let ping = || {
        let parts = (number(), node(), any::<[u8; 4]>(), card());
        parts.prop_map(|(number, to, digest, card)| {
            let card = CardSum::of(&card).check(number);
            Ping { number, to: NodeTag::of(to), digest, card }
        })
    };
    let sums = || proptest::collection::vec(any::<u32>(), 0..70).prop_map(|sums| Sums::of(&sums));
    prop_oneof![
        ping().prop_map(Body::Ping),
        ping().prop_map(Body::Locate),
        number().prop_map(Body::Ack),
        (number(), coordinate()).prop_map(|(number, coordinate)| Body::Located(number, coordinate)),
        (number(), node(), address()).prop_map(|(number, to, address)| {
            Body::PingRequest(PingRequest { number, to: NodeTag::of(to), address })
        }),
        number().prop_map(Body::Relayed),
        number().prop_map(Body::Nack),
        prop_oneof![Just(Body::Gossip), Just(Body::Introduce), Just(Body::Leave), Just(Body::Farewell)],
        sums().prop_map(Body::SyncOffer),
        sums().prop_map(Body::SyncAnswer),
        Just(Body::SyncPush),
    ]
}

prop_compose! {
    fn packet()(pool in "[a-z]{1,8}", from in node(), incarnation in incarnation(), body in body(),
                news in proptest::collection::vec(news(), 0..5)) -> Packet {
        Packet { label: PoolLabel::of(&pool), from, incarnation, body, news }
    }
}

proptest! {
    #[test]
    fn a_packet_reads_back_as_it_was_written(packet in packet()) {
        prop_assert_eq!(Packet::decode(&packet.encode()), Ok(packet));
    }

    /// The size that fills packets is told without writing them, so it is checked against what is written.
    #[test]
    fn a_packet_is_as_long_as_it_says(packet in packet()) {
        prop_assert_eq!(packet.encoded_len(), packet.encode().len());
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Packet::decode(&bytes);
        let mut framed = vec![delian_core::swim::packet::PACKET_VERSION];
        framed.extend(&bytes);
        let _ = Packet::decode(&framed);
    }

    #[test]
    fn a_packet_cut_short_is_no_packet(packet in packet(), cut in any::<prop::sample::Index>()) {
        let bytes = packet.encode();
        prop_assert!(Packet::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn a_ping_and_its_answer_take_less_than_fifty_bytes() {
    let (label, from, incarnation) = (PoolLabel::of("eu"), NodeId::new(u64::MAX), Incarnation::new(300));
    let number = ProbeNumber::new(1000);
    let ping = Body::Ping(Ping { number, to: NodeTag::of(from), digest: [7; 4], card: CardCheck::default() });
    let bytes = [ping, Body::Ack(number)]
        .map(|body| Packet { label, from, incarnation, body, news: Vec::new() }.encode().len());
    assert_eq!(bytes, [28, 19]);
}

/// Golden bytes: members of two releases must understand each other.
#[test]
fn the_bytes_of_a_known_packet_never_move() {
    let card = Card {
        version: 2,
        metadata: Blob::from([9].as_slice()),
        ..Card::new(NodeId::new(5), "a", "10.0.0.1:7400".parse().unwrap())
    };
    let packet = Packet {
        label: PoolLabel::of("eu"),
        from: NodeId::new(0x0102_0304_0506_0708),
        incarnation: Incarnation::new(4096),
        body: Body::Ack(ProbeNumber::new(3)),
        news: vec![News::Alive { incarnation: Incarnation::new(1), card: Arc::new(card) }],
    };
    let hex: String = packet.encode().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(hex, "01d7b39d21080706050403020180200203010001050161000a000001e839020109");
}

#[test]
fn bytes_of_another_version_or_kind_say_so() {
    assert_eq!(Packet::decode(&[]), Err(DecodeError::Empty));
    assert_eq!(Packet::decode(&[9, 0]), Err(DecodeError::Version(9)));
    let mut unknown = vec![1, 0, 0, 0, 0];
    unknown.extend([0; 8]);
    unknown.extend([0, 99, 0]);
    assert_eq!(Packet::decode(&unknown), Err(DecodeError::UnknownKind));
}
