//! What a node says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How recent an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// Whatever the asked node holds.
    #[default]
    Local,
    /// All that was committed before the question, if no clock drifts more than is configured.
    Lease,
    /// All that was committed before the question: a quorum was asked.
    Quorum,
}

/// A node, as others call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeReference {
    /// Its identity.
    #[schema(example = "n7")]
    pub id: String,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// Where its API answers, if it is known.
    #[schema(example = "http://127.0.0.1:7001")]
    pub api: Option<String>,
}

/// A member of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoterDocument {
    /// Who.
    #[serde(flatten)]
    pub node: NodeReference,
    /// Whether it votes; otherwise it learns.
    pub votes: bool,
}

/// The ring that a node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RingDocument {
    /// The epoch of the topology that it follows: the last one that changed who is registered.
    pub epoch: u64,
    /// How many nodes are on it.
    pub members: usize,
    /// How many points they have.
    pub points: usize,
}

/// `GET /v1/status`: a node at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusDocument {
    /// Its identity.
    #[schema(example = "n7")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// The label of its cluster.
    pub cluster: String,
    /// The version of the program.
    pub version: String,
    /// Which run of the node this is.
    pub boot: u64,
    /// For how long it has run.
    pub up_ms: u64,
    /// What its wall clock shows.
    pub at_ms: u64,
    /// Its term.
    pub term: u64,
    /// What it does: `leader`, `follower`, `candidate`, `pre-candidate` or `observer`.
    pub role: String,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeReference>,
    /// How long ago it last heard of who leads; 0 at the leader itself. What it answers locally may be as old as that and
    /// a little older.
    pub leader_heard_ms: Option<u64>,
    /// Whether that is agreed on and no change of it is under way: until then those of before are needed, too.
    pub log_settled: bool,
    /// Who is in the log, as far as it knows.
    pub log_members: Vec<VoterDocument>,
    /// The last entry of its log.
    pub last: u64,
    /// The last entry that its disk holds.
    pub durable: u64,
    /// The last entry that is committed, as far as it knows.
    pub commit: u64,
    /// The last entry that its snapshot covers.
    pub snapshot: u64,
    /// The feature level in force.
    pub level: u64,
    /// The epoch of its topology.
    pub epoch: u64,
    /// How many nodes are registered.
    pub members: usize,
    /// How many of them are in each condition.
    pub conditions: BTreeMap<String, usize>,
    /// Whether it lays the silence of many to its own account.
    pub suspects_itself: bool,
    /// The ring that it holds.
    pub ring: Option<RingDocument>,
    /// How many messages wait for its disk.
    pub withheld: usize,
    /// How many commands wait for an outcome at it.
    pub pending_commands: usize,
    /// How many reads wait for an answer at it.
    pub pending_reads: usize,
    /// To whom it hands over, if it does.
    pub transfer: Option<String>,
    /// Whether it may answer reads under a lease at this moment.
    pub has_lease: bool,
    /// Why it stopped for good, if it did.
    pub halted: Option<String>,
    /// How long a command took from the question to its outcome, of those of late: the median.
    pub commit_median_us: Option<u64>,
    /// The same for the slowest of a hundred.
    pub commit_p99_us: Option<u64>,
}
