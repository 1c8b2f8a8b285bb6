//! Datagrams: packets of pools, and heartbeats, which may get lost, doubled and overtaken.
//!
//! Each socket has a task that receives and one that sends, so that neither waits for the other and nothing is received
//! inside of a choice. A shared key says that a datagram is from some member, and not from which: so it carries packets,
//! and letters that decide nothing, and whatever else arrives this way is refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::node::Tier;
use delian_core::swim::Carrier;
use delian_core::{DecodeError, Message, NodeId};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Duration, sleep};

use super::counters::{Dropped, Lane, Refused};
use super::frame::{self, Content};
use super::links::{Armed, Shared};
use super::{Arrival, Letter};
use crate::security::CLUSTER_BYTES_MAX;
use crate::security::seal::OpenError;

/// What every datagram in plain text begins with, its version last.
const PLAIN_MAGIC: [u8; 3] = [b'D', 0xe6, 1];

/// The most bytes that a datagram in plain text has beside its body.
pub(super) const PLAIN_BYTES_MAX: usize = PLAIN_MAGIC.len() + 8 + 1 + CLUSTER_BYTES_MAX;

/// No datagram is longer.
const RECEIVE_BYTES: usize = 64 * 1024;

/// The pause after the system refused to receive: it may refuse for a while.
const TROUBLE_PAUSE: Duration = Duration::from_millis(10);

/// A socket for datagrams: all that the transport asks of the system here.
#[derive(Debug)]
pub(super) struct Socket(UdpSocket);

impl Socket {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        UdpSocket::bind(address).await.map(Self)
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    #[cfg(not(madsim))]
    async fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.0.send_to(bytes, to).await.map(drop)
    }

    /// The simulated socket takes its arguments the other way around.
    #[cfg(madsim)]
    async fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.0.send_to(to, bytes).await
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(bytes).await
    }
}

/// A datagram on its way out: where to, and its body.
pub(super) type Outgoing = (SocketAddr, Vec<u8>);

/// Sends what comes out of a queue.
pub(super) async fn send_all(shared: Arc<Shared>, socket: Arc<Socket>, mut queue: mpsc::Receiver<Outgoing>) {
    while let Some((to, body)) = queue.recv().await {
        let Some(bytes) = closed(&shared, &body) else {
            shared.counters.lose(Dropped::TooLarge);
            continue;
        };
        match socket.send(to, &bytes).await {
            Ok(()) => shared.counters.send(Lane::Datagram, body.len()),
            Err(error) => {
                tracing::debug!(%to, %error, "a datagram was not sent");
                shared.counters.lose(Dropped::Unreachable);
            }
        }
    }
}

fn closed(shared: &Shared, body: &[u8]) -> Option<Vec<u8>> {
    match &shared.armed {
        Armed::Tls { sealer, .. } => sealer.seal(body),
        Armed::Plain => {
            let (id, label) = (shared.id.get().to_be_bytes(), shared.cluster.as_str().as_bytes());
            Some([&PLAIN_MAGIC, id.as_slice(), &[label.len() as u8], label, body].concat())
        }
    }
}

/// Hands on what a socket receives, until nobody takes it.
pub(super) async fn receive_all(shared: Arc<Shared>, socket: Arc<Socket>, tier: Tier, arrivals: mpsc::Sender<Arrival>) {
    let mut bytes = vec![0; RECEIVE_BYTES];
    loop {
        let (length, from) = match socket.receive(&mut bytes).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%tier, %error, "no datagram could be received");
                sleep(TROUBLE_PAUSE).await;
                continue;
            }
        };
        match arrival(&shared, tier, from, &bytes[..length]) {
            Ok((arrival, bytes)) => match arrivals.try_send(arrival) {
                Ok(()) => shared.counters.receive(Lane::Datagram, bytes),
                Err(TrySendError::Full(_)) => shared.counters.lose(Dropped::ArrivalsFull),
                Err(TrySendError::Closed(_)) => return,
            },
            Err(refused) => {
                tracing::debug!(%tier, %from, reason = refused.name(), "a datagram is refused");
                shared.counters.refuse(refused);
            }
        }
    }
}

/// Reads a datagram: what arrived with it, and how many bytes its body has.
fn arrival(shared: &Shared, tier: Tier, from: SocketAddr, bytes: &[u8]) -> Result<(Arrival, usize), Refused> {
    let (sender, body) = match &shared.armed {
        Armed::Tls { opener, .. } => opener.open(bytes).map_err(refused)?,
        Armed::Plain => opened(shared, bytes).map(|(sender, body)| (sender, body.to_vec()))?,
    };
    let content = frame::decode(&body).map_err(|error| {
        let is_newer = error == DecodeError::UnknownKind;
        if !is_newer {
            shared.counters.blame(sender);
        }
        if is_newer { Refused::UnknownKind } else { Refused::Malformed }
    })?;
    match content {
        Content::Packet(packet) if packet.from != sender => Err(Refused::Identity),
        Content::Packet(packet) => Ok((Arrival::Packet(tier, from, Carrier::Datagram, packet), body.len())),
        Content::Letter(letter @ Letter::Core(Message::Heartbeat(_))) => {
            Ok((Arrival::Letter(sender, letter), body.len()))
        }
        Content::Pulse | Content::Letter(_) => {
            shared.counters.blame(sender);
            Err(Refused::Malformed)
        }
    }
}

const fn refused(error: OpenError) -> Refused {
    match error {
        OpenError::NotSealed => Refused::Malformed,
        OpenError::Version(_) => Refused::Version,
        OpenError::UnknownKey(_) => Refused::UnknownKey,
        OpenError::Forged => Refused::Forged,
        OpenError::Replayed => Refused::Replayed,
        OpenError::Stale => Refused::Stale,
    }
}

fn opened<'a>(shared: &Shared, bytes: &'a [u8]) -> Result<(NodeId, &'a [u8]), Refused> {
    let rest = bytes.strip_prefix(&PLAIN_MAGIC[..2]).ok_or(Refused::Malformed)?;
    let (version, rest) = rest.split_first().ok_or(Refused::Malformed)?;
    if *version != PLAIN_MAGIC[2] {
        return Err(Refused::Version);
    }
    let (sender, rest) = rest.split_first_chunk().ok_or(Refused::Malformed)?;
    let (length, rest) = rest.split_first().ok_or(Refused::Malformed)?;
    let (label, body) = rest.split_at_checked(usize::from(*length)).ok_or(Refused::Malformed)?;
    if label != shared.cluster.as_str().as_bytes() {
        return Err(Refused::Cluster);
    }
    Ok((NodeId::new(u64::from_be_bytes(*sender)), body))
}
