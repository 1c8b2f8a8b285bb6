//! What happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How much an event matters to whoever operates the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It happens all the time.
    Routine,
    /// Worth a line.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must act.
    Error,
}

/// One event of a node, as `GET /v1/watch` sends it; its `id` there is `epoch:sequence:boot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventDocument {
    /// Its number in this run of the node, rising by one.
    pub sequence: u64,
    /// The epoch of the node's topology when it happened.
    pub epoch: u64,
    /// What the node's wall clock showed.
    pub at_ms: u64,
    /// What it is called, such as `became_leader`, `node_failed` or `pool_died`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// The event in a sentence.
    pub text: String,
    /// The node that it is about, if it is about one.
    pub node: Option<String>,
    /// Its parts, by name.
    pub fields: BTreeMap<String, Value>,
}

/// What `GET /v1/watch` says of itself, in its events `reset` and `cut`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchNotice {
    /// What happened and what to do, in a sentence.
    pub text: String,
    /// The run of the node.
    pub boot: u64,
    /// The oldest event that is still known.
    pub oldest: u64,
    /// The last event.
    pub newest: u64,
}
