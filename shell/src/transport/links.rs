//! The network of a running node: sockets that are bound, and what sends by them.
//!
//! [`Bound`] listens already, so its addresses are known, and hands nothing on yet. [`Links`] is what the driver sends by;
//! its calls never wait. Dropping it ends all tasks and connections of the node.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::NodeId;
use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::Carrier;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::config::{Limits, LinksConfig, LinksError, Listen, Security};
use super::counters::{Dropped, Lane, TransportCounters};
use super::datagrams::{self, Outgoing, Socket};
use super::frame::{self, Frame};
use super::handshake::Target;
use super::incoming::{Door, ended};
use super::outgoing::Link;
use super::{Arrival, Letter, Network};
use crate::cluster::StartError;
use crate::security::ClusterLabel;
use crate::security::seal::{Opener, Sealer};
use crate::security::tls::Tls;

/// How often a port is drawn that is free for both connections and datagrams.
const PORT_ATTEMPTS: usize = 16;

/// What all tasks of a transport share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: NodeId,
    pub(super) cluster: ClusterLabel,
    pub(super) armed: Armed,
    pub(super) limits: Limits,
    pub(super) counters: Arc<TransportCounters>,
}

/// How nodes know each other, ready for use.
#[derive(Debug)]
pub(super) enum Armed {
    Plain,
    Tls {
        tls: Arc<Tls>,
        /// One for all sockets: a sender counts its packets to everyone.
        sealer: Box<Sealer>,
        /// One for all sockets: what came in by one is a copy on the other.
        opener: Box<Opener>,
    },
}

/// Works until the other end of `stopped` is dropped.
pub(super) async fn until_stopped(stopped: watch::Receiver<()>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = ended(stopped) => {}
        () = work => {}
    }
}

/// A tier whose sockets are bound.
#[derive(Debug)]
struct Port {
    tier: Tier,
    listen: Listen,
    address: SocketAddr,
    listener: TcpListener,
    socket: Socket,
}

impl Port {
    async fn bind(tier: Tier, listen: Listen) -> Result<Self, LinksError> {
        let failed = |source| LinksError::Bind { address: listen.bind, source };
        let mut attempts = if listen.bind.port() == 0 { PORT_ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            let listener = TcpListener::bind(listen.bind).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            match Socket::bind(address).await {
                Ok(socket) => {
                    let address = socket.address().map_err(failed)?;
                    return Ok(Self { tier, listen, address, listener, socket });
                }
                // Somebody else has this number for datagrams: the next draw has better luck.
                Err(source) if attempts == 0 => return Err(failed(source)),
                Err(_) => {}
            }
        }
    }

    fn advertised(&self) -> SocketAddr {
        let mut advertised = self.listen.advertised.unwrap_or(self.address);
        if advertised.port() == 0 {
            advertised.set_port(self.address.port());
        }
        advertised
    }
}

/// A transport that listens and hands nothing on yet.
#[derive(Debug)]
pub struct Bound {
    shared: Arc<Shared>,
    ports: Vec<Port>,
}

impl Bound {
    /// Checks a configuration and binds its sockets.
    ///
    /// # Errors
    ///
    /// Returns what makes no sense in it, or which address cannot be listened on.
    pub async fn bind(config: LinksConfig) -> Result<Self, LinksError> {
        config.check()?;
        let mut ports = Vec::new();
        for (tier, listen) in config.tiers() {
            ports.push(Port::bind(tier, listen).await?);
        }
        let LinksConfig { id, cluster, security, limits, .. } = config;
        let armed = match security {
            Security::Plain => Armed::Plain,
            Security::Tls { tls, keys } => Armed::Tls {
                tls,
                sealer: Box::new(Sealer::new(Arc::clone(&keys), cluster.clone(), id)?),
                opener: Box::new(Opener::new(keys, cluster.clone(), limits.senders_max)),
            },
        };
        let shared = Arc::new(Shared { id, cluster, armed, limits, counters: Arc::default() });
        Ok(Self { shared, ports })
    }

    fn port(&self, tier: Tier) -> Option<&Port> {
        self.ports.iter().find(|port| port.tier == tier)
    }

    /// Returns where it listens in the local pool.
    pub fn address(&self) -> SocketAddr {
        self.address_in(Tier::Local).expect("every transport has a local port")
    }

    /// Returns where it listens in a pool; nothing if it is in none of that tier.
    pub fn address_in(&self, tier: Tier) -> Option<SocketAddr> {
        self.port(tier).map(|port| port.address)
    }

    /// Returns where others reach it in a pool: what its card there has to say.
    pub fn advertised_in(&self, tier: Tier) -> Option<SocketAddr> {
        self.port(tier).map(Port::advertised)
    }

    /// Returns its numbers, which go on to be counted while it runs.
    pub fn counters(&self) -> Arc<TransportCounters> {
        Arc::clone(&self.shared.counters)
    }

    /// Begins to hand on what arrives.
    #[must_use = "dropping it ends it"]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the channel closes when all tasks that were given it have ended"
    )]
    pub fn start(self, arrivals: mpsc::Sender<Arrival>) -> Links {
        let Self { shared, ports } = self;
        let (stop, stopped) = watch::channel(());
        let door = Door::new(Arc::clone(&shared), arrivals.clone(), stopped.clone());
        let mut outlets = BTreeMap::new();
        for Port { tier, listen, listener, socket, .. } in ports {
            let (queue, waiting) = mpsc::channel(shared.limits.datagrams_max);
            let socket = Arc::new(socket);
            let receive = datagrams::receive_all(Arc::clone(&shared), Arc::clone(&socket), tier, arrivals.clone());
            let send = datagrams::send_all(Arc::clone(&shared), socket, waiting);
            tokio::spawn(until_stopped(stopped.clone(), receive));
            tokio::spawn(until_stopped(stopped.clone(), send));
            tokio::spawn(until_stopped(stopped.clone(), Arc::clone(&door).keep(tier, listener)));
            outlets.insert(tier, Outlet { queue, packet_bytes_max: listen.packet_bytes_max });
        }
        Links { shared, outlets, streams: BTreeMap::new(), used: 0, _stop: stop }
    }

    /// Begins to hand on what arrives, in the form that [`crate::Builder::start_over`] asks for:
    /// `start_over(|arrivals| bound.open(arrivals))`.
    ///
    /// # Errors
    ///
    /// Never: what can fail has been done.
    #[expect(clippy::unused_async, reason = "`start_over` takes what may have to wait")]
    pub async fn open(self, arrivals: mpsc::Sender<Arrival>) -> Result<Links, StartError> {
        Ok(self.start(arrivals))
    }
}

/// The way out for datagrams of one tier.
#[derive(Debug)]
struct Outlet {
    queue: mpsc::Sender<Outgoing>,
    packet_bytes_max: usize,
}

/// Which connection something goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Node(NodeId, Lane),
    /// Members of a pool are dialled by address.
    Member(SocketAddr),
}

/// What a driver sends by.
pub struct Links {
    shared: Arc<Shared>,
    outlets: BTreeMap<Tier, Outlet>,
    streams: BTreeMap<Key, Link>,
    /// How many frames went by streams: the clock by which the link that is needed least gives way.
    used: u64,
    _stop: watch::Sender<()>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("id", &self.shared.id)
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

impl Links {
    /// Returns its numbers.
    pub fn counters(&self) -> Arc<TransportCounters> {
        Arc::clone(&self.shared.counters)
    }

    /// Sends a datagram, if it fits one.
    fn send_datagram(&self, tier: Tier, to: SocketAddr, frame: Frame) -> Result<(), Dropped> {
        let outlet = self.outlets.get(&tier).ok_or(Dropped::NoSuchTier)?;
        outlet.queue.try_send((to, frame.into_datagram())).map_err(|_| Dropped::QueueFull)
    }

    fn fits_datagram(&self, tier: Tier, frame: &Frame) -> bool {
        self.outlets.get(&tier).is_some_and(|outlet| frame.len() <= outlet.packet_bytes_max)
    }

    fn send_by_stream(&mut self, target: Target, frame: Frame) -> Result<(), Dropped> {
        if frame.is_too_large() {
            return Err(Dropped::TooLarge);
        }
        let key = target.node.map_or(Key::Member(target.address), |node| Key::Node(node, target.lane));
        self.used += 1;
        if self.streams.get(&key).is_none_or(|link| link.address() != target.address) {
            self.make_room();
            let limits = &self.shared.limits;
            let bytes_max = match target.lane {
                Lane::Consensus | Lane::Datagram => limits.consensus_bytes_max,
                Lane::Bulk => limits.bulk_bytes_max,
                Lane::Pool => limits.pool_bytes_max,
            };
            // One to another address is dropped, with what waits for it: whoever is there is not who is meant.
            self.streams.insert(key, Link::start(&self.shared, target, bytes_max));
        }
        let link = self.streams.get_mut(&key).expect("it was there or was put there");
        link.used_at = self.used;
        link.post(frame)
    }

    /// Lets the link go that was not needed for longest, if there are as many as may be.
    fn make_room(&mut self) {
        while self.streams.len() >= self.shared.limits.links_max {
            // Linear: it happens when a link is made, which costs far more.
            let oldest = self.streams.iter().min_by_key(|(_, link)| link.used_at).map(|(key, _)| *key);
            oldest.map(|key| self.streams.remove(&key));
        }
    }

    fn may_go_to(&self, address: SocketAddr) -> Result<(), Dropped> {
        match self.shared.armed {
            Armed::Plain if !address.ip().is_loopback() => Err(Dropped::NotLoopback),
            Armed::Plain | Armed::Tls { .. } => Ok(()),
        }
    }

    fn count(&self, outcome: Result<(), Dropped>) {
        if let Err(why) = outcome {
            self.shared.counters.lose(why);
        }
    }
}

impl Network for Links {
    fn send(&mut self, to: NodeId, address: SocketAddr, letter: Letter) {
        let outcome = self.may_go_to(address).and_then(|()| {
            let frame = Frame::of_letter(&letter);
            match frame::lane_of(&letter) {
                Lane::Datagram if self.fits_datagram(Tier::Local, &frame) => {
                    self.send_datagram(Tier::Local, address, frame)
                }
                Lane::Datagram => self.send_by_stream(Target { lane: Lane::Consensus, node: Some(to), address }, frame),
                lane @ (Lane::Consensus | Lane::Bulk | Lane::Pool) => {
                    self.send_by_stream(Target { lane, node: Some(to), address }, frame)
                }
            }
        });
        self.count(outcome);
    }

    fn send_packet(&mut self, tier: Tier, parcel: Parcel) {
        let Parcel { to, carrier, packet } = parcel;
        let outcome = self.may_go_to(to).and_then(|()| {
            if !self.outlets.contains_key(&tier) {
                return Err(Dropped::NoSuchTier);
            }
            let frame = Frame::of_packet(&packet);
            match carrier {
                Carrier::Datagram if self.fits_datagram(tier, &frame) => self.send_datagram(tier, to, frame),
                Carrier::Datagram | Carrier::Stream => {
                    self.send_by_stream(Target { lane: Lane::Pool, node: None, address: to }, frame)
                }
            }
        });
        self.count(outcome);
    }
}
