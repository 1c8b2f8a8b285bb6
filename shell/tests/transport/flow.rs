//! Order, back-pressure, and connections that come and go.

use std::time::Duration;

use delian_core::{Blob, NodeId};
use delian_shell::transport::{Arrival, Dropped, Lane, Letter, Limits, LinksConfig, Network, Refused};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::refusals::{answer, greeting};
use super::{End, PATIENCE, Way, config, repeat_until, until};

fn ask(number: u64, bytes: usize) -> Letter {
    Letter::Ask { number, command: Blob::from(vec![7; bytes].as_slice()) }
}

const FRAMES: u64 = 3000;

async fn frames_arrive_in_order(way: Way) {
    let (mut here, mut there) = (End::new(config(way, 1)).await, End::new(config(way, 2)).await);
    for number in 0..FRAMES {
        here.links.send(there.id, there.address, ask(number, (number as usize * 37) % 2000));
    }
    for expected in 0..FRAMES {
        let Arrival::Letter(_, Letter::Ask { number, .. }) = there.next().await else { panic!("something else") };
        assert_eq!(number, expected);
    }
    assert_eq!(here.counters.dialled(), 1);
}

#[tokio::test]
async fn frames_of_a_connection_arrive_in_order() {
    frames_arrive_in_order(Way::Plain).await;
    frames_arrive_in_order(Way::Tls).await;
}

/// Somebody who takes a connection and welcomes whoever made it.
async fn host(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut start = [0; 7];
    stream.read_exact(&mut start).await.unwrap();
    let mut rest = vec![0; usize::from(u16::from_be_bytes([start[5], start[6]]))];
    stream.read_exact(&mut rest).await.unwrap();
    stream.write_all(&[0, 0, 0]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_peer_that_never_reads_fills_its_own_queue_alone() {
    let limits = Limits { consensus_bytes_max: 1 << 20, ..Limits::default() };
    let (mut here, mut there) =
        (End::new(LinksConfig { limits, ..config(Way::Plain, 1) }).await, End::new(config(Way::Plain, 2)).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (deaf, address) = (NodeId::new(9), listener.local_addr().unwrap());
    here.links.send(deaf, address, ask(0, 10));
    let _never_read = host(&listener).await;
    repeat_until(|| here.links.send(deaf, address, ask(1, 60_000)), || here.counters.dropped(Dropped::QueueFull) > 100)
        .await;
    for number in 0..100 {
        here.links.send(there.id, there.address, ask(number, 10_000));
        assert_eq!(there.next().await, Arrival::Letter(here.id, ask(number, 10_000)));
    }
}

#[tokio::test]
async fn a_driver_that_is_busy_holds_streams_up_and_loses_nothing() {
    let (mut here, mut there) = (End::new(config(Way::Tls, 1)).await, End::new(config(Way::Tls, 2)).await);
    for number in 0..1000 {
        here.links.send(there.id, there.address, ask(number, 100));
    }
    until(|| there.arrivals.len() == super::ARRIVALS_MAX).await;
    for expected in 0..1000 {
        assert_eq!(there.next().await, Arrival::Letter(here.id, ask(expected, 100)));
    }
    assert_eq!(there.counters.dropped(Dropped::ArrivalsFull), 0);
}

async fn a_peer_that_restarts_is_found_again(way: Way) {
    let mut here = End::new(config(way, 1)).await;
    let mut there = End::new(config(way, 2)).await;
    let address = there.address;
    here.links.send(NodeId::new(2), address, ask(1, 10));
    assert_eq!(there.next().await, Arrival::Letter(here.id, ask(1, 10)));
    let End { links, mut arrivals, .. } = there;
    drop(links);
    assert_eq!(timeout(PATIENCE, arrivals.recv()).await.unwrap(), None, "its tasks end with it");
    until(|| here.counters.outgoing() == 0).await;
    let mut again = config(way, 2);
    again.local.bind = address;
    let mut there = End::new(again).await;
    repeat_until(|| here.links.send(NodeId::new(2), address, ask(2, 10)), || !there.arrivals.is_empty()).await;
    assert_eq!(there.next().await, Arrival::Letter(here.id, ask(2, 10)));
    assert!(here.counters.reconnected() >= 1);
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again_in_plain_text() {
    a_peer_that_restarts_is_found_again(Way::Plain).await;
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again_by_certificate() {
    a_peer_that_restarts_is_found_again(Way::Tls).await;
}

#[tokio::test]
async fn a_connection_that_is_not_needed_ends_and_comes_back() {
    let limits = Limits { idle_timeout: Duration::from_millis(30), ..Limits::default() };
    let mut here = End::new(LinksConfig { limits, ..config(Way::Tls, 1) }).await;
    let mut there = End::new(config(Way::Tls, 2)).await;
    for number in 1..=3 {
        here.links.send(there.id, there.address, ask(number, 10));
        assert_eq!(there.next().await, Arrival::Letter(here.id, ask(number, 10)));
        until(|| here.counters.outgoing() + there.counters.incoming() == 0).await;
    }
    assert_eq!((here.counters.dialled(), here.counters.reconnected()), (3, 0), "nothing broke");
}

#[tokio::test]
async fn a_peer_that_takes_everything_and_answers_no_pulse_is_given_up() {
    let limits = Limits {
        pulse_interval: Duration::from_millis(10),
        pulse_timeout: Duration::from_millis(60),
        ..Limits::default()
    };
    let mut here = End::new(LinksConfig { limits, ..config(Way::Plain, 1) }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    here.links.send(NodeId::new(9), address, ask(1, 10));
    let mut silent = host(&listener).await;
    let mut taken = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut taken)).await.unwrap().unwrap();
    assert_eq!(taken[taken.len() - 5..], [0, 0, 0, 1, 0], "the last it heard is a pulse");
    until(|| here.counters.outgoing() == 0).await;
}

#[tokio::test]
async fn one_who_answers_pulses_is_kept() {
    let limits = Limits { pulse_interval: Duration::from_millis(1), pulse_timeout: PATIENCE, ..Limits::default() };
    let mut here = End::new(LinksConfig { limits, ..config(Way::Tls, 1) }).await;
    let mut there = End::new(config(Way::Tls, 2)).await;
    for number in 0..200 {
        here.links.send(there.id, there.address, ask(number, 10));
        assert_eq!(there.next().await, Arrival::Letter(here.id, ask(number, 10)));
    }
    assert_eq!((here.counters.dialled(), here.counters.outgoing()), (1, 1));
    assert_eq!(there.counters.received(Lane::Consensus).frames, 200, "pulses are no letters");
}

#[tokio::test]
async fn of_a_node_and_lane_the_newest_connection_counts() {
    let here = End::new(config(Way::Plain, 1)).await;
    let mut first = TcpStream::connect(here.address).await.unwrap();
    first.write_all(&greeting(2, Some(1), "alpha")).await.unwrap();
    assert_eq!(answer(&mut first).await.unwrap(), "");
    let mut second = TcpStream::connect(here.address).await.unwrap();
    second.write_all(&greeting(2, Some(1), "alpha")).await.unwrap();
    assert_eq!(answer(&mut second).await.unwrap(), "");
    assert_eq!(timeout(PATIENCE, first.read(&mut [0; 8])).await.unwrap().unwrap(), 0, "the first is over");
    until(|| here.counters.incoming() == 1).await;
    second.write_all(&[0, 0, 0, 1, 0]).await.unwrap();
    assert_eq!(timeout(PATIENCE, second.read_u8()).await.unwrap().unwrap(), 1, "the second is alive");
}

#[tokio::test]
async fn as_many_connections_are_kept_up_as_may_be() {
    let limits = Limits { links_max: 2, ..Limits::default() };
    let mut here = End::new(LinksConfig { limits, ..config(Way::Plain, 1) }).await;
    let mut others = Vec::new();
    for node in 2..=4 {
        others.push(End::new(config(Way::Plain, node)).await);
    }
    for other in &mut others {
        here.links.send(other.id, other.address, ask(1, 10));
        assert_eq!(other.next().await, Arrival::Letter(here.id, ask(1, 10)));
    }
    until(|| here.counters.outgoing() == 2).await;
    until(|| others[0].counters.incoming() == 0).await;
    assert_eq!(others[2].counters.incoming(), 1);
}

#[tokio::test]
async fn a_node_that_moved_is_followed() {
    let mut here = End::new(config(Way::Tls, 1)).await;
    let mut before = End::new(config(Way::Tls, 2)).await;
    here.links.send(before.id, before.address, ask(1, 10));
    assert_eq!(before.next().await, Arrival::Letter(here.id, ask(1, 10)));
    let mut after = End::new(config(Way::Tls, 2)).await;
    here.links.send(after.id, after.address, ask(2, 10));
    assert_eq!(after.next().await, Arrival::Letter(here.id, ask(2, 10)));
    until(|| before.counters.incoming() == 0).await;
}

#[tokio::test]
async fn a_frame_of_a_newer_release_is_passed_over_and_a_broken_one_ends_the_connection() {
    let mut here = End::new(config(Way::Plain, 1)).await;
    let mut raw = TcpStream::connect(here.address).await.unwrap();
    raw.write_all(&greeting(2, Some(1), "alpha")).await.unwrap();
    assert_eq!(answer(&mut raw).await.unwrap(), "");
    raw.write_all(&[0, 0, 0, 3, 200, 1, 2]).await.unwrap();
    // An ask: number 5 and one byte of a command.
    raw.write_all(&[0, 0, 0, 5, 2, 1, 5, 1, 7]).await.unwrap();
    let letter = Letter::Ask { number: 5, command: Blob::from([7].as_slice()) };
    assert_eq!(here.next().await, Arrival::Letter(NodeId::new(2), letter));
    assert_eq!(here.counters.refused(Refused::UnknownKind), 1);
    raw.write_all(&[0, 0, 0, 3, 2, 1, 5]).await.unwrap();
    assert_eq!(timeout(PATIENCE, raw.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    let note = here.refusal(Refused::Malformed).await;
    assert!(note.peer.starts_with("n2 at ") && note.why == "the bytes are no message", "{note}");
    assert_eq!(here.counters.blamed(), [(NodeId::new(2), 1)].into());
}
