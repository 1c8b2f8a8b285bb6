//! The transport on the loopback interface: what arrives, what is refused and told, and what one peer can do to another.
#![cfg(test)]

mod cluster;
mod datagrams;
mod flow;
mod junk;
#[path = "../../../core/tests/messages/mod.rs"]
#[expect(dead_code, reason = "of the messages that are drawn and fixed there, the fixed ones are sent here")]
mod messages;
mod refusals;
mod rounds;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use delian_core::NodeId;
use delian_shell::security::keyring::{Key, Keyring};
use delian_shell::security::pki::{Authority, NODE_VALID_FOR};
use delian_shell::security::tls::{Pems, Tls};
use delian_shell::security::{ClusterLabel, Identity};
use delian_shell::transport::{Arrival, Bound, Links, LinksConfig, Note, Refused, Security, TransportCounters};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How long anything may take before it counts as a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many arrivals wait for a test.
const ARRIVALS_MAX: usize = 64;

static ALPHA: LazyLock<Authority> = LazyLock::new(|| Authority::new(&label("alpha")).unwrap());
static KEY: LazyLock<Key> = LazyLock::new(|| Key::generate().unwrap());

fn label(label: &str) -> ClusterLabel {
    ClusterLabel::new(label).unwrap()
}

fn issued(authority: &Authority, node: u64) -> Pems {
    Pems::from(&authority.issue(NodeId::new(node), "a name", &["127.0.0.1"], NODE_VALID_FOR).unwrap())
}

fn keys(keys: &[&Key]) -> Arc<Keyring> {
    Arc::new(Keyring::new(&keys.iter().map(|key| (*key).clone()).collect::<Vec<_>>()).unwrap())
}

fn armed(authority: &Authority, node: u64, keys: Arc<Keyring>) -> Security {
    let identity = Identity { node: NodeId::new(node), cluster: authority.cluster().clone() };
    Security::Tls { tls: Arc::new(Tls::new(&identity, &issued(authority, node)).unwrap()), keys }
}

/// The two ways in which nodes know each other.
#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    Tls,
}

fn config(way: Way, node: u64) -> LinksConfig {
    let security = match way {
        Way::Plain => Security::Plain,
        Way::Tls => armed(&ALPHA, node, keys(&[&KEY])),
    };
    LinksConfig::new(NodeId::new(node), label("alpha"), "127.0.0.1:0".parse().unwrap(), security)
}

/// A transport without a driver.
struct End {
    id: NodeId,
    address: SocketAddr,
    links: Links,
    arrivals: mpsc::Receiver<Arrival>,
    counters: Arc<TransportCounters>,
}

impl End {
    async fn new(config: LinksConfig) -> Self {
        let id = config.id;
        let bound = Bound::bind(config).await.unwrap();
        let (address, counters) = (bound.address(), bound.counters());
        let (arrived, arrivals) = mpsc::channel(ARRIVALS_MAX);
        Self { id, address, links: bound.start(arrived), arrivals, counters }
    }

    async fn next(&mut self) -> Arrival {
        let next = timeout(PATIENCE, self.arrivals.recv()).await;
        next.unwrap_or_else(|_| panic!("nothing arrived; refused: {:?}", self.counters.notes())).expect("it runs")
    }

    /// Waits until something was refused so, and returns the last of it in words.
    async fn refusal(&self, refused: Refused) -> Note {
        until(|| self.counters.refused(refused) > 0).await;
        let mut found = None;
        until(|| {
            found = self.counters.notes().into_iter().rfind(|note| note.refused == refused);
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }
}

/// Waits until this holds.
async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it did not come about");
}

/// Does something over and over until this holds.
async fn repeat_until(mut act: impl FnMut(), mut holds: impl FnMut() -> bool) {
    until(|| {
        act();
        holds()
    })
    .await;
}
