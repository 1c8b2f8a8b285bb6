//! Junk on every port: it ends the connection that brought it, and nothing else.

use delian_core::{Blob, NodeId, Seed, Stream};
use delian_shell::transport::{Arrival, Letter, Network, Refused};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::refusals::greeting;
use super::{End, PATIENCE, Way, config, until};

/// Junk has every length up to this.
const LENGTH_MAX: usize = 2048;

fn junk(random: &mut Stream, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Sends bytes on a connection of its own and waits until the other side has ended it.
async fn bring(to: &End, bytes: &[u8]) {
    let mut stream = TcpStream::connect(to.address).await.unwrap();
    // The other side may have ended it before all of it was sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut scrap = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut scrap)).await.expect("the connection ends");
}

async fn junk_ends_its_own_connection_alone(way: Way) {
    let (mut here, mut there) = (End::new(config(way, 2)).await, End::new(config(way, 1)).await);
    let mut talk = async |there: &mut End, number| {
        let letter = Letter::Ask { number, command: Blob::default() };
        here.links.send(there.id, there.address, letter.clone());
        assert_eq!(there.next().await, Arrival::Letter(NodeId::new(2), letter));
    };
    let mut random = Stream::new(Seed::new(7), "junk");
    talk(&mut there, 0).await;
    for length in 0..=LENGTH_MAX {
        let bytes = junk(&mut random, length);
        let bytes = match length % 4 {
            // Bare, behind what begins a greeting, behind a whole one, and behind a whole one and a length.
            0 => bytes,
            1 => [b"DELN\x01".as_slice(), &bytes].concat(),
            2 => [greeting(9, None, "alpha"), bytes].concat(),
            _ => [greeting(9, None, "alpha"), (length as u32).to_be_bytes().to_vec(), bytes].concat(),
        };
        bring(&there, &bytes).await;
    }
    talk(&mut there, 1).await;
    assert_eq!(here.counters.dialled(), 1, "the honest connection stood");
    let refused = [Refused::Malformed, Refused::Certificate].map(|why| there.counters.refused(why));
    assert!(refused.iter().sum::<u64>() > LENGTH_MAX as u64 / 4, "{refused:?}");
    until(|| there.counters.incoming() == 1).await;
}

#[tokio::test]
async fn junk_ends_its_own_connection_alone_in_plain_text() {
    junk_ends_its_own_connection_alone(Way::Plain).await;
}

#[tokio::test]
async fn junk_ends_its_own_connection_alone_by_certificate() {
    junk_ends_its_own_connection_alone(Way::Tls).await;
}

async fn junk_in_datagrams_is_counted(way: Way) {
    let (mut here, mut there) = (End::new(config(way, 2)).await, End::new(config(way, 1)).await);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut random = Stream::new(Seed::new(7), "junk");
    let total = |end: &End| Refused::ALL.into_iter().map(|why| end.counters.refused(why)).sum::<u64>();
    for length in 0..=LENGTH_MAX {
        let bytes = junk(&mut random, length);
        let start: &[u8] = match (way, length % 3) {
            (Way::Plain, 0) => b"D\xe6\x01\0\0\0\0\0\0\0\x09\x05alpha",
            (Way::Plain, 1) => b"D\xe6\x01",
            (Way::Tls, 0) => b"D\xe7\x01",
            (Way::Plain | Way::Tls, _) => b"",
        };
        socket.send_to(&[start, &bytes].concat(), there.address).await.unwrap();
        // One at a time, so that none is lost on its way.
        until(|| total(&there) == length as u64 + 1).await;
    }
    here.links.send(there.id, there.address, super::rounds::heartbeat(here.id));
    assert_eq!(there.next().await, Arrival::Letter(here.id, super::rounds::heartbeat(here.id)));
}

#[tokio::test]
async fn junk_in_datagrams_is_counted_in_plain_text() {
    junk_in_datagrams_is_counted(Way::Plain).await;
}

#[tokio::test]
async fn junk_in_datagrams_is_counted_by_certificate() {
    junk_in_datagrams_is_counted(Way::Tls).await;
}
