//! What peers that lie, or a driver that wakes at odd times, can bring about: nothing that breaks a member.

use delian_core::swim::ids::{NodeTag, ProbeNumber};
use delian_core::swim::packet::{Body, Ping, PingRequest, Sums};
use delian_core::swim::{
    Broadcast, Card, CardSum, Carrier, Incarnation, Input, News, Packet, PoolConfig, PoolLabel, Urgency,
};
use delian_core::{Blob, NodeId};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{Bench, at, card};

fn incarnation() -> impl Strategy<Value = Incarnation> {
    prop_oneof![4 => 0u32..4, 1 => any::<u32>()].prop_map(Incarnation::new)
}

fn node() -> impl Strategy<Value = NodeId> {
    (1u64..7).prop_map(NodeId::new)
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        3 => (node(), incarnation(), 1u64..8, 0u8..3).prop_map(|(id, incarnation, place, byte)| {
            let card = Card { metadata: Blob::from([byte].as_slice()), ..Card::new(id, format!("m{}", id.get() % 4), at(place)) };
            News::Alive { incarnation, card: Arc::new(card) }
        }),
        2 => (node(), incarnation(), node())
            .prop_map(|(member, incarnation, accuser)| News::Suspect { member, incarnation, accuser }),
        1 => (node(), incarnation()).prop_map(|(member, incarnation)| News::Dead { member, incarnation }),
        1 => (node(), incarnation()).prop_map(|(member, incarnation)| News::Left { member, incarnation }),
        1 => (node(), 0u64..5).prop_map(|(origin, number)| {
            News::Broadcast(Arc::new(Broadcast { origin, number, urgency: Urgency::Low, payload: Blob::default() }))
        }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let number = || (0u32..12).prop_map(ProbeNumber::new);
    prop_oneof![
        (number(), node(), any::<[u8; 4]>(), 1u64..8).prop_map(|(number, to, digest, other)| Body::Ping(Ping {
            number,
            to: NodeTag::of(to),
            digest,
            card: CardSum::of(&card(other)).check(number)
        })),
        number().prop_map(Body::Ack),
        number().prop_map(Body::Relayed),
        number().prop_map(Body::Nack),
        (number(), node(), 1u64..8).prop_map(|(number, to, place)| Body::PingRequest(PingRequest {
            number,
            to: NodeTag::of(to),
            address: at(place)
        })),
        prop_oneof![Just(Body::Gossip), Just(Body::Introduce), Just(Body::Leave), Just(Body::Farewell)],
        prop_oneof![Just(0usize), Just(64), Just(65)].prop_map(|count| Body::SyncOffer(Sums::of(&vec![3; count]))),
        prop_oneof![Just(64usize), Just(1)].prop_map(|count| Body::SyncAnswer(Sums::of(&vec![3; count]))),
        Just(Body::SyncPush),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Packet(Carrier, NodeId, Incarnation, Body, Vec<News>),
    Run(u64),
    Freeze(u64),
    Leave,
    Metadata(u8),
    Broadcast(usize),
    Join,
}

fn carrier() -> impl Strategy<Value = Carrier> {
    prop_oneof![3 => Just(Carrier::Datagram), 1 => Just(Carrier::Stream)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (carrier(), node(), incarnation(), body(), proptest::collection::vec(news(), 0..4))
            .prop_map(|(carrier, from, incarnation, body, news)| Step::Packet(carrier, from, incarnation, body, news)),
        6 => (0u64..20_000).prop_map(Step::Run),
        1 => (0u64..60_000).prop_map(Step::Freeze),
        1 => Just(Step::Leave),
        1 => any::<u8>().prop_map(Step::Metadata),
        1 => (0usize..600).prop_map(Step::Broadcast),
        1 => Just(Step::Join),
    ]
}

fn limits() -> PoolConfig {
    let horizon = Duration::from_secs(30);
    PoolConfig {
        members_max: 5,
        relays_max: 2,
        broadcasts_max: 2,
        tombstone_horizon: horizon,
        ..PoolConfig::local("bench")
    }
}

fn take(bench: &mut Bench, step: Step) {
    match step {
        Step::Packet(carrier, from, incarnation, body, news) => {
            let packet = Packet { label: PoolLabel::of("bench"), from, incarnation, body, news };
            bench.feed(Input::Receive(at(from.get()), carrier, packet));
        }
        Step::Run(millis) => bench.run_for(Duration::from_millis(millis)),
        Step::Freeze(millis) => {
            bench.now = bench.now + Duration::from_millis(millis);
            bench.feed(Input::Wake);
        }
        Step::Leave => bench.feed(Input::Leave),
        Step::Metadata(byte) => bench.feed(Input::SetMetadata(Blob::from([byte].as_slice()))),
        Step::Broadcast(bytes) => bench.feed(Input::Broadcast(Urgency::High, Blob::from(vec![7; bytes]))),
        Step::Join => bench.feed(Input::Join(vec![at(1), at(3)])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// After each step the bench asserts the machine's invariants: its limits, and that it never holds itself dead.
    #[test]
    fn no_packet_and_no_driver_breaks_a_member(steps in proptest::collection::vec(step(), 1..120)) {
        let mut bench = Bench::with(limits());
        for step in steps {
            let before = bench.swim.incarnation();
            take(&mut bench, step);
            prop_assert!(bench.swim.incarnation() >= before, "the node's own incarnation fell");
            for (_, carrier, packet) in bench.sent() {
                let bytes = packet.encode().len();
                prop_assert!(carrier == delian_core::swim::Carrier::Stream || bytes <= 1400, "{} bytes", bytes);
            }
        }
    }

    #[test]
    fn equal_inputs_make_equal_members(steps in proptest::collection::vec(step(), 1..60)) {
        let (mut one, mut other) = (Bench::with(limits()), Bench::with(limits()));
        for step in steps {
            take(&mut one, step.clone());
            take(&mut other, step);
        }
        prop_assert_eq!(&one.swim, &other.swim);
        prop_assert_eq!(one.effects, other.effects);
    }
}
