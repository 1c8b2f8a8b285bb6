//! Connections of others: who is let in, and what comes in by them.
//!
//! There are so many at most, fewer of which have not said yet whose they are. What a connection brings is handed on with
//! back-pressure: while the driver is busy nothing is read, and the other side's queue takes the strain. A frame that does
//! not decode ends the connection that brought it and no other. Of one node and lane the newest connection counts, for
//! whoever dials again has given the one before up; members of a pool may dial several of this node's addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use delian_core::node::Tier;
use delian_core::swim::Carrier;
use delian_core::{DecodeError, NodeId};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Duration, sleep, timeout};

use super::Arrival;
use super::counters::{Lane, Refused};
use super::frame::{self, Content, PULSE_ANSWER};
use super::handshake::{Guest, Refusal, admit, refuse, welcome};
use super::links::{Shared, until_stopped};

/// How many bytes are read ahead: many small frames share a read.
const READ_BYTES: usize = 16 * 1024;

/// The pause after the system refused a connection, as it does when a process has too many files open.
const TROUBLE_PAUSE: Duration = Duration::from_millis(50);

/// How many of the other side's idle timeouts a silent connection stays: the one who dialled should end it first.
const IDLE_FACTOR: u32 = 2;

/// The number of a connection, and what ends it when it is dropped.
type Newest = (u64, watch::Sender<()>);

/// What all connections of others share.
#[derive(Debug)]
pub(super) struct Door {
    shared: Arc<Shared>,
    arrivals: mpsc::Sender<Arrival>,
    handshakes: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    /// The newest connection of each node on each lane.
    newest: Mutex<BTreeMap<(NodeId, Lane), Newest>>,
    /// How many connections came so far, to whichever listener.
    count: AtomicU64,
    stopped: watch::Receiver<()>,
}

impl Door {
    pub(super) fn new(shared: Arc<Shared>, arrivals: mpsc::Sender<Arrival>, stopped: watch::Receiver<()>) -> Arc<Self> {
        let limits = &shared.limits;
        Arc::new(Self {
            handshakes: Arc::new(Semaphore::new(limits.handshakes_max.min(Semaphore::MAX_PERMITS))),
            guests: Arc::new(Semaphore::new(limits.incoming_max.min(Semaphore::MAX_PERMITS))),
            newest: Mutex::default(),
            count: AtomicU64::new(0),
            shared,
            arrivals,
            stopped,
        })
    }

    /// Lets in whoever comes to this listener.
    pub(super) async fn keep(self: Arc<Self>, tier: Tier, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let serial = self.count.fetch_add(1, Ordering::Relaxed);
                    self.open(tier, serial, stream, from);
                }
                Err(error) => {
                    tracing::debug!(%tier, %error, "no connection could be accepted");
                    sleep(TROUBLE_PAUSE).await;
                }
            }
        }
    }

    fn open(self: &Arc<Self>, tier: Tier, serial: u64, stream: TcpStream, from: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            // Nobody is told: telling would take what there is too little of.
            return self.shared.counters.refuse(Refused::Busy);
        };
        let door = Arc::clone(self);
        let visit = async move {
            let admitted = admit(&door.shared, stream).await;
            drop(permit);
            let outcome = match admitted {
                Ok(guest) => door.serve(tier, serial, from, guest).await,
                Err(refusal) => Err((from.to_string(), refusal)),
            };
            if let Err((peer, refusal)) = outcome {
                door.shared.counters.note(refusal.refused, peer, refusal.why);
            }
        };
        tokio::spawn(until_stopped(self.stopped.clone(), visit));
    }

    /// Takes what a guest brings until its connection ends, or is ended for what it brought.
    async fn serve(&self, tier: Tier, serial: u64, from: SocketAddr, guest: Guest) -> Result<(), (String, Refusal)> {
        let Guest { mut stream, node, lane } = guest;
        let peer = format!("{node} at {from}");
        let Ok(_permit) = self.guests.try_acquire() else {
            let why = format!("{} connections are open here, which are the most", self.shared.limits.incoming_max);
            return Err((peer, refuse(stream, Refused::Busy, why).await));
        };
        let replaced = self.register(node, lane, serial);
        if welcome(&self.shared, &mut stream).await.is_err() {
            self.forget(node, lane, serial);
            return Ok(());
        }
        let _open = self.shared.counters.open_incoming();
        let caller = Caller { tier, node, lane, from };
        let mut stream = BufReader::with_capacity(READ_BYTES, stream);
        let outcome = {
            let take = self.take_all(&caller, &mut stream);
            match replaced {
                Some(replaced) => tokio::select! {
                    biased;
                    () = ended(replaced) => Ok(()),
                    outcome = take => outcome,
                },
                None => take.await,
            }
        };
        self.forget(node, lane, serial);
        outcome.map_err(|refusal| (peer, refusal))
    }

    /// Ends the connection before this one of the node on the lane, and returns what tells when this one is ended so: at
    /// once, if one that came later was quicker to say who it is.
    fn register(&self, node: NodeId, lane: Lane, serial: u64) -> Option<watch::Receiver<()>> {
        if lane == Lane::Pool {
            return None;
        }
        let (held, replaced) = watch::channel(());
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.get(&(node, lane)).is_none_or(|(its, _)| *its < serial) {
            newest.insert((node, lane), (serial, held));
        }
        Some(replaced)
    }

    fn forget(&self, node: NodeId, lane: Lane, serial: u64) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.get(&(node, lane)).is_some_and(|(its, _)| *its == serial) {
            newest.remove(&(node, lane));
        }
    }

    async fn take_all(
        &self,
        caller: &Caller,
        stream: &mut BufReader<Box<dyn super::handshake::Wire>>,
    ) -> Result<(), Refusal> {
        let (counters, limits) = (&self.shared.counters, &self.shared.limits);
        let idle_max = limits.idle_timeout.saturating_mul(IDLE_FACTOR);
        loop {
            let bytes = match frame::read(stream, idle_max, limits.stall_timeout).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return Err(self.blamed(caller, error.to_string()));
                }
                Err(error) => {
                    tracing::debug!(from = %caller.node, %error, "a connection broke");
                    return Ok(());
                }
            };
            match frame::decode(&bytes) {
                Ok(Content::Pulse) => {
                    let answer = async {
                        stream.get_mut().write_all(&[PULSE_ANSWER]).await?;
                        stream.get_mut().flush().await
                    };
                    if !matches!(timeout(limits.stall_timeout, answer).await, Ok(Ok(()))) {
                        return Ok(());
                    }
                }
                Ok(content) => {
                    let arrival = self.arrival(caller, content)?;
                    if self.arrivals.send(arrival).await.is_err() {
                        return Ok(());
                    }
                    counters.receive(caller.lane, bytes.len() - 1);
                }
                Err(DecodeError::UnknownKind) => counters.refuse(Refused::UnknownKind),
                Err(error) => return Err(self.blamed(caller, error.to_string())),
            }
        }
    }

    fn arrival(&self, caller: &Caller, content: Content) -> Result<Arrival, Refusal> {
        match (caller.lane, content) {
            (Lane::Pool, Content::Packet(packet)) if packet.from != caller.node => {
                self.shared.counters.blame(caller.node);
                let why = format!("it brought a packet of {}, and nobody speaks for another", packet.from);
                Err(Refusal::new(Refused::Identity, why))
            }
            (Lane::Pool, Content::Packet(packet)) => {
                Ok(Arrival::Packet(caller.tier, caller.from, Carrier::Stream, packet))
            }
            (Lane::Consensus | Lane::Bulk, Content::Letter(letter)) => Ok(Arrival::Letter(caller.node, letter)),
            (lane, Content::Packet(_) | Content::Letter(_) | Content::Pulse) => {
                let why = format!("it brought something that does not belong on the lane {}", lane.name());
                Err(self.blamed(caller, why))
            }
        }
    }

    fn blamed(&self, caller: &Caller, why: String) -> Refusal {
        self.shared.counters.blame(caller.node);
        Refusal::new(Refused::Malformed, why)
    }
}

/// Whose connection it is.
struct Caller {
    tier: Tier,
    node: NodeId,
    lane: Lane,
    from: SocketAddr,
}

/// Waits until the other end is dropped.
pub(super) async fn ended(mut held: watch::Receiver<()>) {
    while held.changed().await.is_ok() {}
}
