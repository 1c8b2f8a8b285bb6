//! The agreed topology, and what changes it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NodeDocument;

/// A node that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovalDocument {
    /// The node.
    pub id: String,
    /// The epoch that removed it.
    pub epoch: u64,
}

/// `GET /v1/topology`: all of it, or with `?since=EPOCH` what changed after that epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopologyDocument {
    /// The epoch after which changes are told; absent if this is all of it.
    pub since: Option<u64>,
    /// The epoch.
    pub epoch: u64,
    /// 64 bits over all of it, in hexadecimal digits: nodes of one epoch have one fingerprint.
    pub fingerprint: String,
    /// The nodes, or those that changed, in the order of their identities.
    pub nodes: Vec<NodeDocument>,
    /// The removals after that epoch, in their order.
    pub removed: Vec<RemovalDocument>,
}

/// A command that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedDocument {
    /// Its place in the log.
    pub index: u64,
    /// The term there.
    pub term: u64,
    /// The epoch of the topology that it made.
    pub epoch: u64,
}

/// `POST /v1/transfer`: a hand-over by the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The voter that is to lead, by identity or name.
    pub to: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferDocument {
    /// Who leads.
    pub leader: String,
    /// In which term.
    pub term: u64,
}
