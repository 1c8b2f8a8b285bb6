//! How a connection begins: who dials says who it is and whom it means, and is welcomed or told why not.
//!
//! ```text
//! greeting:  magic 4 | version 1 | length 2 | lane 1 | from 8 | meant 1 + 8 | cluster's label
//! answer:    0 or 1 | length 2 | the reason in words
//! ```
//!
//! With certificates all of this is inside TLS, and the sender must be whose certificate was shown. Without them whoever
//! says so is believed, which is why that stays on one machine. A refusal is told to both sides: the one who refuses notes
//! what it found, and the other what it was told.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use delian_core::NodeId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::counters::{Lane, Refused};
use super::links::{Armed, Shared};
use crate::security::tls::Tls;
use crate::security::{CLUSTER_BYTES_MAX, ClusterLabel, Identity};

const MAGIC: [u8; 4] = *b"DELN";

/// The form of greetings and frames that is spoken here.
const VERSION: u8 = 1;

/// What a greeting holds behind its length and before the label.
const GREETING_BYTES_MIN: usize = 1 + 8 + 1 + 8;

/// The most bytes of a greeting; a newer release may append something.
const GREETING_BYTES_MAX: usize = 1024;

/// The most bytes of a reason.
const REASON_BYTES_MAX: usize = 512;

/// How much, and for how long, a refused side is listened to, so that it hears why before the connection is gone: a system
/// that closes a connection on unread bytes takes back what it sent.
const LINGER_BYTES_MAX: usize = 64 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A stream of either kind.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why no connection came about.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) refused: Refused,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(refused: Refused, why: impl Into<String>) -> Self {
        Self { refused, why: why.into() }
    }
}

/// Why dialling failed.
#[derive(Debug)]
pub(super) enum DialError {
    /// Nobody is there, or somebody who says nothing.
    Unreachable(String),
    /// One of the two refuses the other.
    Refused(Refusal),
}

impl From<Refusal> for DialError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands errors over by value")]
fn unreachable(error: impl ToString) -> DialError {
    DialError::Unreachable(error.to_string())
}

/// Where and to whom a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) lane: Lane,
    /// Members of a pool are dialled by address alone.
    pub(super) node: Option<NodeId>,
    pub(super) address: SocketAddr,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.node {
            Some(node) => write!(f, "{node} at {}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// What a greeting says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeting {
    lane: Lane,
    from: NodeId,
    meant: Option<NodeId>,
    cluster: ClusterLabel,
}

impl Greeting {
    fn encode(&self) -> Vec<u8> {
        let label = self.cluster.as_str().as_bytes();
        let mut bytes = Vec::from(MAGIC);
        bytes.push(VERSION);
        bytes.extend(((GREETING_BYTES_MIN + 1 + label.len()) as u16).to_be_bytes());
        bytes.push(self.lane as u8);
        bytes.extend(self.from.get().to_be_bytes());
        bytes.push(u8::from(self.meant.is_some()));
        bytes.extend(self.meant.unwrap_or_default().get().to_be_bytes());
        bytes.push(label.len() as u8);
        bytes.extend(label);
        bytes
    }

    /// Reads what stands behind the length.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (lane, bytes) = bytes.split_first()?;
        let lane = Lane::ALL.into_iter().find(|it| *it as u8 == *lane && *it != Lane::Datagram)?;
        let (from, bytes) = bytes.split_first_chunk()?;
        let (is_meant, bytes) = bytes.split_first()?;
        let (meant, bytes) = bytes.split_first_chunk()?;
        let (length, bytes) = bytes.split_first()?;
        let label = bytes.get(..usize::from(*length)).filter(|label| label.len() <= CLUSTER_BYTES_MAX)?;
        let node = |bytes: &[u8; 8]| NodeId::new(u64::from_be_bytes(*bytes));
        Some(Self {
            lane,
            from: node(from),
            meant: (*is_meant == 1).then(|| node(meant)),
            cluster: ClusterLabel::new(std::str::from_utf8(label).ok()?).ok()?,
        })
    }
}

/// Dials, and is welcomed.
pub(super) async fn dial(shared: &Shared, target: Target) -> Result<Box<dyn Wire>, DialError> {
    match timeout(shared.limits.dial_timeout, dial_at_leisure(shared, target)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(DialError::Unreachable(format!("no answer within {:?}", shared.limits.dial_timeout))),
    }
}

async fn dial_at_leisure(shared: &Shared, target: Target) -> Result<Box<dyn Wire>, DialError> {
    let stream = TcpStream::connect(target.address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    match &shared.armed {
        Armed::Plain => greet(shared, target, stream).await,
        Armed::Tls { tls, .. } => {
            let dialling = tls.client(target.node).map_err(unreachable)?;
            let connected = TlsConnector::from(dialling.config).connect(dialling.name, stream).await;
            match connected {
                Ok(stream) => greet(shared, target, stream).await,
                Err(error) => Err(broken(&error, || dialling.witness.explain(&error))),
            }
        }
    }
}

/// Tells what rustls refused from a connection that broke.
fn broken(error: &io::Error, explain: impl FnOnce() -> String) -> DialError {
    let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return unreachable(error);
    };
    let refused = if matches!(refusal, rustls::Error::AlertReceived(_)) { Refused::Told } else { Refused::Certificate };
    Refusal::new(refused, explain()).into()
}

async fn greet(shared: &Shared, target: Target, mut stream: impl Wire + 'static) -> Result<Box<dyn Wire>, DialError> {
    let Target { lane, node: meant, .. } = target;
    let greeting = Greeting { lane, from: shared.id, meant, cluster: shared.cluster.clone() };
    let told = |error: io::Error| broken(&error, || format!("the other side refuses this node's certificate: {error}"));
    // What stands in the way of writing is told by what can be read: an alert comes that way.
    let _ = stream.write_all(&greeting.encode()).await;
    let _ = stream.flush().await;
    let answer = stream.read_u8().await.map_err(told)?;
    let length = usize::from(stream.read_u16().await.map_err(told)?);
    if answer == 0 && length == 0 {
        return Ok(Box::new(stream));
    }
    let mut reason = vec![0; length.min(REASON_BYTES_MAX)];
    stream.read_exact(&mut reason).await.map_err(told)?;
    let reason = String::from_utf8_lossy(&reason);
    Err(Refusal::new(Refused::Told, format!("the other side refuses this node: {reason:?}")).into())
}

/// Who was let in.
pub(super) struct Guest {
    pub(super) stream: Box<dyn Wire>,
    pub(super) node: NodeId,
    pub(super) lane: Lane,
}

/// Finds out who dialled, and on which lane. Who is let in has not been told yet: see [`welcome`].
pub(super) async fn admit(shared: &Shared, stream: TcpStream) -> Result<Guest, Refusal> {
    let limit = shared.limits.handshake_timeout;
    match timeout(limit, admit_at_leisure(shared, stream)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refusal::new(Refused::Handshake, format!("it did not say who it is within {limit:?}"))),
    }
}

async fn admit_at_leisure(shared: &Shared, stream: TcpStream) -> Result<Guest, Refusal> {
    let broke = |error: io::Error| Refusal::new(Refused::Handshake, error.to_string());
    stream.set_nodelay(true).map_err(broke)?;
    match &shared.armed {
        Armed::Plain => hear(shared, Box::new(stream), None).await,
        Armed::Tls { tls, .. } => {
            let (identity, stream) = admit_by_certificate(tls, stream).await?;
            hear(shared, stream, Some(identity)).await
        }
    }
}

async fn admit_by_certificate(tls: &Tls, stream: TcpStream) -> Result<(Identity, Box<dyn Wire>), Refusal> {
    let (config, witness) = tls.server().map_err(|error| Refusal::new(Refused::Certificate, error.to_string()))?;
    match TlsAcceptor::from(config).accept(stream).into_fallible().await {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let identity = shown.map(Identity::of_certificate);
            match identity {
                Some(Ok(identity)) => Ok((identity, Box::new(stream))),
                Some(Err(error)) => Err(refuse(Box::new(stream), Refused::Certificate, error.to_string()).await),
                None => Err(refuse(Box::new(stream), Refused::Certificate, "no certificate was shown").await),
            }
        }
        Err((error, stream)) => {
            let is_about_tls = error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>);
            let refused = if is_about_tls { Refused::Certificate } else { Refused::Handshake };
            let refusal = Refusal::new(refused, witness.explain(&error));
            linger(stream).await;
            Err(refusal)
        }
    }
}

/// Reads the greeting and judges it.
async fn hear(shared: &Shared, mut stream: Box<dyn Wire>, certified: Option<Identity>) -> Result<Guest, Refusal> {
    let broke = |error: io::Error| Refusal::new(Refused::Handshake, error.to_string());
    let mut start = [0; 7];
    stream.read_exact(&mut start).await.map_err(broke)?;
    let [magic @ .., version, high, low] = start;
    if magic != MAGIC {
        return Err(Refusal::new(Refused::Malformed, format!("it began with {magic:02x?}, which is no greeting")));
    }
    if version != VERSION {
        let why = format!("version {version} of the transport is not {VERSION}, the one spoken here");
        return Err(refuse(stream, Refused::Version, why).await);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > GREETING_BYTES_MAX {
        return Err(Refusal::new(Refused::Malformed, format!("its greeting would have {length} bytes")));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await.map_err(broke)?;
    let Some(greeting) = Greeting::decode(&rest) else {
        return Err(refuse(stream, Refused::Malformed, "the greeting is not understood").await);
    };
    if let Some((refused, why)) = objection(shared, &greeting, certified.as_ref()) {
        return Err(refuse(stream, refused, why).await);
    }
    Ok(Guest { stream, node: greeting.from, lane: greeting.lane })
}

fn objection(shared: &Shared, greeting: &Greeting, certified: Option<&Identity>) -> Option<(Refused, String)> {
    let own = (shared.id, shared.cluster.as_str());
    let said = Identity { node: greeting.from, cluster: greeting.cluster.clone() };
    if let Some(certified) = certified {
        if certified.cluster != shared.cluster {
            let why = format!("its certificate is of {certified}, but this is cluster {:?}", own.1);
            return Some((Refused::Cluster, why));
        }
        if *certified != said {
            return Some((Refused::Identity, format!("it says it is {said}, but its certificate is of {certified}")));
        }
    }
    if said.cluster != shared.cluster {
        return Some((Refused::Cluster, format!("it is {said}, but this is cluster {:?}", own.1)));
    }
    let meant = greeting.meant.filter(|meant| *meant != shared.id)?;
    Some((Refused::Identity, format!("{said} means {meant}, but this is {}", own.0)))
}

/// Tells a guest that it is let in.
pub(super) async fn welcome(shared: &Shared, stream: &mut Box<dyn Wire>) -> io::Result<()> {
    let write = async {
        stream.write_all(&[0, 0, 0]).await?;
        stream.flush().await
    };
    timeout(shared.limits.handshake_timeout, write).await.map_err(io::Error::from)?
}

/// Tells why somebody is not let in, and returns that.
pub(super) async fn refuse(mut stream: Box<dyn Wire>, refused: Refused, why: impl Into<String>) -> Refusal {
    let refusal = Refusal::new(refused, why);
    let mut end = refusal.why.len().min(REASON_BYTES_MAX);
    while !refusal.why.is_char_boundary(end) {
        end -= 1;
    }
    let reason = &refusal.why.as_bytes()[..end];
    let mut answer = vec![1];
    answer.extend((reason.len() as u16).to_be_bytes());
    answer.extend(reason);
    let tell = async {
        // Who does not want to hear it needs not.
        let _ = stream.write_all(&answer).await;
        let _ = stream.flush().await;
    };
    if timeout(LINGER_TIMEOUT, tell).await.is_ok() {
        linger(stream).await;
    }
    refusal
}

/// Ends a connection so that the other side can read what it was sent.
async fn linger(mut stream: impl Wire) {
    let listen = async {
        let _ = stream.shutdown().await;
        let (mut scrap, mut left) = ([0; 1024], LINGER_BYTES_MAX);
        while let Ok(count @ 1..) = stream.read(&mut scrap).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER_TIMEOUT, listen).await;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn greeting(label: &str, meant: Option<u64>) -> Greeting {
        let cluster = ClusterLabel::new(label).unwrap();
        Greeting { lane: Lane::Bulk, from: NodeId::new(u64::MAX), meant: meant.map(NodeId::new), cluster }
    }

    #[test]
    fn a_greeting_says_what_was_written_and_may_end_with_more() {
        for greeting in [greeting("a", None), greeting(&"x".repeat(63), Some(0)), greeting("eu-1", Some(7))] {
            let bytes = greeting.encode();
            assert_eq!(usize::from(u16::from_be_bytes([bytes[5], bytes[6]])), bytes.len() - 7);
            assert_eq!(Greeting::decode(&bytes[7..]), Some(greeting.clone()));
            assert_eq!(Greeting::decode(&[&bytes[7..], &[1, 2, 3]].concat()), Some(greeting.clone()));
            for end in 7..bytes.len() {
                assert_eq!(Greeting::decode(&bytes[7..end]), None);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Greeting::decode(&bytes);
        }
    }
}
