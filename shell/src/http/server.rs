//! Connections: taken, bounded, served one by one, and ended in good order.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::assets::Assets;
use super::config::{ApiConfig, Limits, ServeError};
use super::fault::{Fault, Kind};
use super::guard::Link;
use super::rates::Rates;
use super::routes::router;
use super::state::{Api, Cached};
use super::timer::RuntimeTimer;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::telemetry::metrics::{Metrics, TransportCounters};
use crate::telemetry::{Follower, follow};

/// How many connections above the limit are told so at a time; others are dropped.
const REFUSALS_MAX: usize = 64;

/// How long one of those may take.
const REFUSAL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

/// The pause after the operating system gave no connection, such as for want of files.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What hyper itself takes of a head, above what is allowed here: what lies between is answered by a problem document, and
/// only what is beyond by a bare status.
const HEAD_FACTOR: usize = 4;

/// A server that has its address and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    clock: Arc<dyn Clock>,
    assets: Assets,
    transport: Option<TransportCounters>,
    followers: Vec<Box<dyn Follower>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on an address; with port 0 on one that is free.
    ///
    /// # Errors
    ///
    /// Returns why it cannot listen there.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let bind = |source| ServeError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let clock = Arc::new(crate::clock::SystemClock::new());
        Ok(Self { listener, address, clock, assets: &[], transport: None, followers: Vec::new() })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has registrations bear the time of this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Has these files served beside the API.
    #[must_use]
    pub const fn assets(mut self, assets: Assets) -> Self {
        self.assets = assets;
        self
    }

    /// Has the metrics tell what the node's transport has carried.
    #[must_use]
    pub fn transport(mut self, counters: TransportCounters) -> Self {
        self.transport = Some(counters);
        self
    }

    /// Has somebody else follow the node's events beside the metrics, such as
    /// [`Lines`](crate::telemetry::logs::Lines) of a log.
    #[must_use]
    pub fn follower(mut self, follower: Box<dyn Follower>) -> Self {
        self.followers.push(follower);
        self
    }

    /// Begins to answer for a node.
    ///
    /// # Errors
    ///
    /// Returns why it must not, or that the node has ended.
    pub async fn serve(self, handle: Handle, config: ApiConfig) -> Result<Running, ServeError> {
        config.check(self.address.ip())?;
        let boot = handle.look(|node, _| node.raft().boot()).await.map_err(|_| ServeError::Stopped)?;
        let metrics = Metrics::new(self.transport);
        let mut followers = self.followers;
        followers.push(metrics.follower());
        let journal = handle.journal().clone();
        let (stop, stopping) = watch::channel(false);
        let limits = config.limits.clone();
        let api = Arc::new(Api {
            handle,
            boot,
            address: self.address,
            clock: self.clock,
            metrics,
            assets: self.assets,
            requests: Semaphore::new(limits.requests_max),
            rates: Mutex::new(Rates::new(limits.requests_per_second, limits.requests_burst)),
            watchers: Arc::new(AtomicUsize::new(0)),
            stopping: stopping.clone(),
            topology: Cached::default(),
            shares: Cached::default(),
            config,
        });
        let follower = tokio::spawn(follow(journal, followers));
        let (open, all_closed) = mpsc::channel(1);
        let accepting = Accepting {
            listener: self.listener,
            router: router(Arc::clone(&api)),
            api,
            stopping,
            open,
            places: Arc::new(Semaphore::new(limits.connections_max)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        };
        let accepting = tokio::spawn(accepting.run());
        Ok(Running { address: self.address, stop, accepting, follower, all_closed, limits })
    }
}

/// A server that answers. Dropped, it ends without waiting for anybody.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    follower: JoinHandle<()>,
    all_closed: mpsc::Receiver<()>,
    limits: Limits,
}

impl Running {
    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, tells those who watch, and waits for answers under way, for a while.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // Nobody ever sends: the channel ends when the last connection has.
        let _ = timeout(self.limits.stop_timeout, self.all_closed.recv()).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.accepting.abort();
        self.follower.abort();
    }
}

/// Takes connections.
struct Accepting {
    listener: TcpListener,
    router: Router,
    api: Arc<Api>,
    stopping: watch::Receiver<bool>,
    open: mpsc::Sender<()>,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Accepting {
    async fn run(mut self) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut self.stopping) => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "no connection was given to the API");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        // An answer is small and somebody waits for it.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let link = Link { peer, cut: Arc::default() };
            let serving =
                serve(stream, link, self.router.clone(), self.api.config.limits.clone(), self.stopping.clone());
            let open = self.open.clone();
            tokio::spawn(async move {
                serving.await;
                drop((place, open));
            });
        } else if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(refuse(stream, place, Arc::clone(&self.api)));
        }
    }
}

/// Waits until the server stops.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Who would have said so may be gone: then it has stopped, too.
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Serves one connection until it ends, is cut, or the server stops and nothing is under way on it.
pub(super) async fn serve<S>(stream: S, link: Link, router: Router, limits: Limits, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let cut = Arc::clone(&link.cut);
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(link.clone());
        router.clone().oneshot(request)
    });
    let connection = builder(&limits).serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let mut stops = false;
    loop {
        tokio::select! {
            biased;
            () = cut.notified() => return,
            () = stopped(&mut stopping), if !stops => {
                stops = true;
                connection.as_mut().graceful_shutdown();
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection of the API broke");
                }
                return;
            }
        }
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(RuntimeTimer)
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max.saturating_mul(HEAD_FACTOR))
        .max_buf_size(limits.header_bytes_max.saturating_mul(HEAD_FACTOR).max(MIN_BUFFER));
    builder
}

/// The least buffer that hyper accepts.
const MIN_BUFFER: usize = 8192;

/// Tells a connection above the limit that it is one.
async fn refuse(stream: TcpStream, place: OwnedSemaphorePermit, api: Arc<Api>) {
    let most = api.config.limits.connections_max;
    let answer = service_fn(move |_: Request<Incoming>| {
        let fault = Fault::new(Kind::Busy, format!("{most} connections are open here: close one, or ask another node"));
        let answer = fault.again_in(REFUSAL_TIMEOUT).render(api.handle.id(), None);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut builder = http1::Builder::new();
    let refusal = builder.timer(RuntimeTimer).keep_alive(false).serve_connection(TokioIo::new(stream), answer);
    // Whoever does not ask within that time hears nothing.
    let _ = timeout(REFUSAL_TIMEOUT, refusal).await;
    drop(place);
}
