//! Datagrams of strangers, copies and forgeries, on real sockets.

use std::net::SocketAddr;

use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::Carrier;
use delian_core::swim::packet::Body;
use delian_core::{DecodeError, NodeId};
use delian_shell::security::keyring::Key;
use delian_shell::security::seal::Sealer;
use delian_shell::transport::{Arrival, Dropped, Lane, Letter, Limits, LinksConfig, Network, Refused};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::rounds::{heartbeat, packet};
use super::{ALPHA, End, KEY, PATIENCE, Way, armed, config, keys, label, until};

/// Has a node send a packet to a socket of the test, and returns it as it was on its way.
async fn caught(from: &mut End, trap: &UdpSocket) -> Vec<u8> {
    let parcel = Parcel {
        to: trap.local_addr().unwrap(),
        carrier: Carrier::Datagram,
        packet: packet(from.id, Body::Gossip, vec![]),
    };
    from.links.send_packet(Tier::Local, parcel);
    let mut bytes = vec![0; 2048];
    let (length, _) = timeout(PATIENCE, trap.recv_from(&mut bytes)).await.unwrap().unwrap();
    bytes.truncate(length);
    bytes
}

async fn trap() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn copies_forgeries_and_strangers_are_refused_and_counted() {
    let (mut here, mut there, trap) =
        (End::new(config(Way::Tls, 2)).await, End::new(config(Way::Tls, 1)).await, trap().await);
    let honest = caught(&mut here, &trap).await;
    trap.send_to(&honest, there.address).await.unwrap();
    assert!(matches!(there.next().await, Arrival::Packet(Tier::Local, _, Carrier::Datagram, _)));
    trap.send_to(&honest, there.address).await.unwrap();
    until(|| there.counters.refused(Refused::Replayed) == 1).await;

    let mut flipped = caught(&mut here, &trap).await;
    *flipped.last_mut().unwrap() ^= 0x40;
    trap.send_to(&flipped, there.address).await.unwrap();
    until(|| there.counters.refused(Refused::Forged) == 1).await;

    // The same key in another cluster.
    let sealer = Sealer::new(keys(&[&KEY]), label("beta"), NodeId::new(2)).unwrap();
    trap.send_to(&sealer.seal(b"hello").unwrap(), there.address).await.unwrap();
    until(|| there.counters.refused(Refused::Forged) == 2).await;

    let foreign = Key::generate().unwrap();
    let sealer = Sealer::new(keys(&[&foreign]), label("alpha"), NodeId::new(2)).unwrap();
    trap.send_to(&sealer.seal(b"hello").unwrap(), there.address).await.unwrap();
    until(|| there.counters.refused(Refused::UnknownKey) == 1).await;

    assert_eq!(there.counters.received(Lane::Datagram).frames, 1);
    assert!(there.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn a_datagram_of_another_cluster_is_refused_in_plain_text() {
    let mut here = End::new(LinksConfig { cluster: label("beta"), ..config(Way::Plain, 2) }).await;
    let there = End::new(config(Way::Plain, 1)).await;
    here.links.send(there.id, there.address, heartbeat(here.id));
    until(|| there.counters.refused(Refused::Cluster) == 1).await;
}

#[tokio::test]
async fn what_decides_is_not_taken_from_a_datagram() {
    let (mut there, socket) = (End::new(config(Way::Tls, 1)).await, trap().await);
    let sealer = Sealer::new(keys(&[&KEY]), label("alpha"), NodeId::new(2)).unwrap();
    let mut sent = 0;
    for (name, message) in super::messages::one_of_each() {
        let body = [&[1], message.encode().as_slice()].concat();
        socket.send_to(&sealer.seal(&body).unwrap(), there.address).await.unwrap();
        sent += 1;
        until(|| there.counters.refused(Refused::Malformed) == sent).await;
        assert!(there.arrivals.try_recv().is_err(), "{name}");
    }
    assert_eq!(there.counters.blamed(), [(NodeId::new(2), sent)].into());
    // What a newer release may say is passed over, and nobody's fault.
    assert_eq!(delian_core::Message::decode(&[1, 99]), Err(DecodeError::UnknownKind));
    socket.send_to(&sealer.seal(&[1, 1, 99]).unwrap(), there.address).await.unwrap();
    until(|| there.counters.refused(Refused::UnknownKind) == 1).await;
}

#[tokio::test]
async fn keys_change_without_a_gap() {
    let [old, new] = [(); 2].map(|()| Key::generate().unwrap());
    let rings = [1, 2].map(|_| keys(&[&old]));
    let mut ends = Vec::new();
    for (index, ring) in rings.iter().enumerate() {
        let node = index as u64 + 1;
        ends.push(
            End::new(LinksConfig { security: armed(&ALPHA, node, ring.clone()), ..config(Way::Plain, node) }).await,
        );
    }
    let steps: [&[&Key]; 3] = [&[&old, &new], &[&new, &old], &[&new]];
    for step in steps {
        for ring in &rings {
            ring.replace(&step.iter().map(|key| (*key).clone()).collect::<Vec<_>>()).unwrap();
            for (from, to) in [(0, 1), (1, 0)] {
                let (address, id) = (ends[to].address, ends[to].id);
                let (sender, letter) = (ends[from].id, heartbeat(ends[from].id));
                ends[from].links.send(id, address, letter.clone());
                assert_eq!(ends[to].next().await, Arrival::Letter(sender, letter));
            }
        }
    }
    assert_eq!(rings[0].ids(), [new.id()]);
    assert!(ends.iter().all(|end| Refused::ALL.into_iter().all(|why| end.counters.refused(why) == 0)));
}

#[tokio::test]
async fn what_the_driver_has_no_time_for_is_lost_and_counted() {
    let (mut here, there) = (End::new(config(Way::Tls, 2)).await, End::new(config(Way::Tls, 1)).await);
    let to: SocketAddr = there.address;
    super::repeat_until(
        || here.links.send(there.id, to, heartbeat(here.id)),
        || there.counters.dropped(Dropped::ArrivalsFull) > 0,
    )
    .await;
    assert_eq!(there.arrivals.len(), super::ARRIVALS_MAX);
}

#[tokio::test]
async fn datagrams_that_wait_are_bounded() {
    let limits = Limits { datagrams_max: 4, ..Limits::default() };
    let mut here = End::new(LinksConfig { limits, ..config(Way::Tls, 1) }).await;
    // Nothing else runs between these calls, so nothing is taken out.
    for _ in 0..9 {
        here.links.send(NodeId::new(2), here.address, heartbeat(here.id));
    }
    assert_eq!(here.counters.dropped(Dropped::QueueFull), 5);
    let Arrival::Letter(_, Letter::Core(_)) = here.next().await else { panic!("not a letter") };
}
