//! A replicated map of texts, as small as it can be and still be right.
//!
//! Every change goes through the log as a [`Custom`](Command::Custom) command, so all copies apply the same changes in the
//! same order. A read at [`Consistency::Quorum`] looks at the map in the very step in which the core says that it is
//! recent enough, so it sees every change that was answered before the read began: reads and writes together are
//! linearizable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delian_shell::delian_core::topology::Command;
use delian_shell::delian_core::{Applied, Consistency, NodeId};
use delian_shell::machine::StateMachine;
use delian_shell::{Failure, Handle};
use serde::{Deserialize, Serialize};

/// The map. Copies of this value are the same map: one goes to the node, which writes, and one stays with who reads.
#[derive(Clone, Debug, Default)]
pub struct Map {
    texts: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What changes the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The key has this value from here on.
    Put(String, String),
    /// The key has no value from here on.
    Remove(String),
}

impl Map {
    fn texts(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateMachine for Map {
    fn apply(&mut self, _applied: Applied, command: &[u8]) {
        // Every copy skips what is no change, so that they stay the same.
        match serde_json::from_slice(command) {
            Ok(Change::Put(key, value)) => drop(self.texts().insert(key, value)),
            Ok(Change::Remove(key)) => drop(self.texts().remove(&key)),
            Err(_) => {}
        }
    }

    fn capture(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.texts()).expect("texts have a JSON form")
    }

    fn restore(&mut self, state: &[u8]) {
        // No bytes mean that nothing was ever put; what is no map was not captured here.
        *self.texts() = serde_json::from_slice(state).unwrap_or_default();
    }
}

/// A way to the map through one node.
#[derive(Clone, Debug)]
pub struct Client {
    node: Handle,
    map: Map,
}

impl Client {
    /// Returns a way through this node to its copy of the map.
    pub const fn new(node: Handle, map: Map) -> Self {
        Self { node, map }
    }

    /// Returns the node's identity.
    pub const fn id(&self) -> NodeId {
        self.node.id()
    }

    /// Waits until the node knows who leads, and says who.
    ///
    /// # Errors
    ///
    /// Returns that the node has ended.
    pub async fn ready(&self) -> Result<NodeId, Failure> {
        self.node.ready().await
    }

    /// Makes a change; when this returns, every later read sees it.
    ///
    /// # Errors
    ///
    /// Returns why the change has no effect, or that nobody knows whether it has.
    pub async fn change(&self, change: &Change) -> Result<Applied, Failure> {
        let bytes = serde_json::to_vec(change).expect("texts have a JSON form");
        self.node.command(Command::custom(&bytes)).await
    }

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Returns why no recent value is known.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Failure> {
        let (map, key) = (self.map.clone(), key.to_owned());
        let read = self.node.read(Consistency::Quorum, move |_, _| map.texts().get(&key).cloned()).await;
        read.map(|(_, value)| value)
    }
}
