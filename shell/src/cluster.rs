//! A node of a cluster, put together and running.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::{Config, ConfigError, NodeId, Seed};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::{Clock, SystemClock};
use crate::driver::{Driver, Ended, Parts, Upkeep};
use crate::handle::{Ask, Failure, Farewell, Handle};
use crate::journal::Journal;
use crate::machine::{NoState, StateMachine};
use crate::store::{MemoryStore, Owner, Store, StoreError};
use crate::transport::{Arrival, Network};

/// How many questions may wait for the driver.
const ASKS_MAX: usize = 1024;

/// How many arrivals may wait for the driver; beyond that streams are held up and datagrams are lost.
const ARRIVALS_MAX: usize = 4096;

/// How many events a node remembers for who watches.
const EVENTS_KEPT: usize = 4096;

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The numbers make no sense together.
    Config(ConfigError),
    /// The store cannot be used.
    Store(StoreError),
    /// The network cannot be used.
    Network {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it cannot.
        source: std::io::Error,
    },
    /// The operating system has no randomness to give.
    Randomness(getrandom::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Network { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Randomness(error) => write!(f, "the operating system gives no randomness: {error}"),
        }
    }
}

impl Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<getrandom::Error> for StartError {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error)
    }
}

/// Puts a node together.
pub struct Builder {
    id: NodeId,
    config: Config,
    founds: bool,
    store: Box<dyn Store>,
    clock: Arc<dyn Clock>,
    machine: Box<dyn StateMachine>,
    upkeep: Upkeep,
    seed: Option<Seed>,
    events_kept: usize,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("id", &self.id).field("founds", &self.founds).finish_non_exhaustive()
    }
}

impl Builder {
    /// Has the node run under this configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Has the node found a federation, together with the other voters of its configuration, if its store was never
    /// written. Say it once: a disk that was lost was never written either, and only whoever founds knows the difference.
    #[must_use]
    pub const fn founds(mut self) -> Self {
        self.founds = true;
        self
    }

    /// Has the node keep what it must not forget there. Without this it is kept in memory.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Box::new(store);
        self
    }

    /// Has the node tell the time by this clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Has the node replicate this state.
    #[must_use]
    pub fn machine(mut self, machine: impl StateMachine) -> Self {
        self.machine = Box::new(machine);
        self
    }

    /// Has the node do this for itself.
    #[must_use]
    pub fn upkeep(mut self, upkeep: Upkeep) -> Self {
        self.upkeep = upkeep;
        self
    }

    /// Has the node draw from this seed, where a world wants to repeat itself. Without this the operating system gives one.
    #[must_use]
    pub const fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Has the node remember this many events for who watches; 4,096 without this.
    #[must_use]
    pub const fn events_kept(mut self, events: usize) -> Self {
        self.events_kept = events;
        self
    }

    /// Starts the node over a network, which is made with the end into which it puts what arrives.
    ///
    /// # Errors
    ///
    /// Returns why the node cannot start.
    pub async fn start_over<N, F>(self, network: F) -> Result<Cluster, StartError>
    where
        N: Network,
        F: AsyncFnOnce(mpsc::Sender<Arrival>) -> Result<N, StartError>,
    {
        let settings = Arc::new(self.config.check()?);
        let seed = self.seed.map_or_else(|| getrandom::u64().map(Seed::new), Ok)?;
        let (arrived, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let (asked, asks) = mpsc::channel(ASKS_MAX);
        let journal = Journal::new(self.events_kept);
        let handle = Handle::new(self.id, asked, journal.reader());
        let network = Box::new(network(arrived).await?);
        let Self { id, founds, store, clock, machine, upkeep, .. } = self;
        let driver = Driver::start(Parts {
            id,
            settings,
            seed,
            founds,
            store,
            network,
            arrivals,
            asks,
            clock,
            machine,
            journal,
            upkeep,
        })?;
        Ok(Cluster { handle, task: tokio::spawn(driver.run()) })
    }
}

/// A running node of a cluster. It goes on without this, until its last [`Handle`] is gone.
#[derive(Debug)]
pub struct Cluster {
    handle: Handle,
    task: JoinHandle<Ended>,
}

impl Cluster {
    /// Begins to put a node of this identity together. Everything but the network has a default.
    pub fn builder(id: NodeId) -> Builder {
        Builder {
            id,
            config: Config::default(),
            founds: false,
            store: Box::new(MemoryStore::new(Owner { id, cluster: String::new() })),
            clock: Arc::new(SystemClock::new()),
            machine: Box::new(NoState),
            upkeep: Upkeep::default(),
            seed: None,
            events_kept: EVENTS_KEPT,
        }
    }

    /// Returns a way to the node.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has the node tell others that it leaves its pools, flush what it wrote, and end. Who is registered stays so.
    pub async fn leave(self) -> Ended {
        self.end(Farewell::Told).await
    }

    /// Has the node flush what it wrote and end, without a word to others.
    pub async fn stop(self) -> Ended {
        self.end(Farewell::Silent).await
    }

    /// Waits until the node ends.
    pub async fn ended(self) -> Ended {
        let Self { handle, task } = self;
        drop(handle);
        task.await.unwrap_or(Ended::Panicked)
    }

    async fn end(self, farewell: Farewell) -> Ended {
        // Whoever has ended already needs not be asked.
        let (Ok(()) | Err(Failure::Stopped | Failure::Rejected(_))) = self.handle.ask(Ask::Stop(farewell)).await;
        self.task.await.unwrap_or(Ended::Panicked)
    }
}
