//! What all requests share, and how they look at the node.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use delian_core::{Boot, Epoch, Node, NodeId, Time};
use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::{Semaphore, watch};

use super::assets::Assets;
use super::config::ApiConfig;
use super::fault::Answer;
use super::query::Parameters;
use super::rates::Rates;
use super::ring::Shares;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::shapes::{Consistency, TopologyDocument};
use crate::telemetry::metrics::Metrics;

/// The API of one node.
pub(super) struct Api {
    pub(super) handle: Handle,
    pub(super) boot: Boot,
    pub(super) config: ApiConfig,
    pub(super) address: SocketAddr,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) assets: Assets,
    pub(super) requests: Semaphore,
    pub(super) rates: Mutex<Rates>,
    pub(super) watchers: Arc<AtomicUsize>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) topology: Cached<Epoch, TopologyDocument>,
    pub(super) shares: Cached<Epoch, Shares>,
}

/// What was made last of something that changes seldom, by what it was made of.
pub(super) struct Cached<K, V>(Mutex<Option<(K, Arc<V>)>>);

impl<K, V> Default for Cached<K, V> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, V> Cached<K, V> {
    /// Returns what was made of this, if it was the last.
    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(made_of, _)| made_of == key).map(|(_, value)| Arc::clone(value))
    }

    /// Keeps it.
    pub(super) fn put(&self, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, Arc::clone(&value)));
        value
    }
}

/// From which state of the node an answer was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) node: NodeId,
    pub(super) epoch: Epoch,
    pub(super) applied: u64,
    pub(super) leader: Option<NodeId>,
    /// How long ago the leader was heard; nothing at the leader.
    pub(super) leader_heard: Option<Duration>,
    pub(super) consistency: Consistency,
}

impl Seen {
    pub(super) fn of(node: &Node, now: Time, consistency: Consistency) -> Self {
        let raft = node.raft();
        let leader = node.known_leader().map(|(_, leader)| leader);
        let leader_heard =
            if raft.is_leader() { Some(Duration::ZERO) } else { raft.leader_heard_at().map(|at| now.since(at)) };
        let (epoch, applied) = (node.topology().epoch(), raft.applied().get());
        Self { node: raft.id(), epoch, applied, leader, leader_heard, consistency }
    }

    pub(super) fn heard_ms(&self) -> Option<u64> {
        self.leader_heard.map(|heard| u64::try_from(heard.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Says in headers from which state an answer was made.
impl IntoResponseParts for Seen {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let mut put = |name: &'static str, value: String| {
            // Numbers and short words are header values always.
            if let Ok(value) = HeaderValue::try_from(value) {
                parts.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        put("delian-node", self.node.to_string());
        put("delian-epoch", self.epoch.get().to_string());
        put("delian-applied", self.applied.to_string());
        put("delian-leader", self.leader.map_or_else(|| "unknown".to_string(), |leader| leader.to_string()));
        let heard = self.heard_ms().filter(|_| self.consistency == Consistency::Local);
        if let Some(heard) = heard {
            put("delian-leader-heard-ms", heard.to_string());
        }
        let word = match self.consistency {
            Consistency::Local => "local",
            Consistency::Lease => "lease",
            Consistency::Quorum => "quorum",
        };
        put("delian-consistency", word.to_string());
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// An answer with the state that it was made from.
pub(super) struct Stamped<T>(pub(super) Seen, pub(super) T);

impl<T: IntoResponse> IntoResponse for Stamped<T> {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl Api {
    /// Looks at the node when it is as recent as asked for. `look` runs on the driver's task, so it must be quick.
    pub(super) async fn view<T, F>(&self, consistency: Consistency, look: F) -> Answer<(Seen, T)>
    where
        T: Send + 'static,
        F: FnOnce(&Node, Time) -> T + Send + 'static,
    {
        let look = move |node: &Node, now| (Seen::of(node, now, consistency), look(node, now));
        Ok(match consistency {
            Consistency::Local => self.handle.look(look).await?,
            Consistency::Lease => self.handle.read(delian_core::Consistency::Lease, look).await?.1,
            Consistency::Quorum => self.handle.read(delian_core::Consistency::Quorum, look).await?.1,
        })
    }
}

/// Takes from a query how recent an answer is to be.
pub(super) fn consistency(parameters: &mut Parameters) -> Answer<Consistency> {
    let words = [("local", Consistency::Local), ("lease", Consistency::Lease), ("quorum", Consistency::Quorum)];
    Ok(parameters.word("consistency", &words)?.unwrap_or_default())
}
