//! Registered nodes and members of the pool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceDocument {
    /// The region.
    pub region: String,
    /// The datacenter, identified within its region.
    pub datacenter: String,
    /// The rack, identified within its datacenter.
    pub rack: String,
    /// Millionths of a degree north.
    pub latitude_microdegrees: i32,
    /// Millionths of a degree east.
    pub longitude_microdegrees: i32,
}

/// How far a node that leaves has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainDocument {
    /// How much of what it held is elsewhere.
    pub moved_permille: u16,
    /// How long it may take from the moment it was asked for; without limit if absent.
    pub within_ms: Option<u64>,
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeDocument {
    /// Its identity.
    #[schema(example = "n7")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// The host name or IP address at which its peers reach it.
    pub address: String,
    /// The port there.
    pub port: u16,
    /// Where it stands.
    pub place: PlaceDocument,
    /// Its storage.
    pub total_bytes: u64,
    /// The part that was free at registration.
    pub free_bytes: u64,
    /// What an operator adds.
    pub tags: BTreeMap<String, String>,
    /// When it registered, by its own wall clock.
    pub registered_at_ms: u64,
    /// The epoch that began its present life.
    pub registered_epoch: u64,
    /// The epoch of its last change.
    pub changed_epoch: u64,
    /// `healthy`, `degraded`, `silent`, `leaving` or `unreachable`.
    pub condition: String,
    /// Since which epoch.
    pub since_epoch: u64,
    /// What spoke for it, in words.
    pub cause: String,
    /// How far it has come, if it leaves.
    pub drain: Option<DrainDocument>,
    /// How the answering node's pool sees it: `alive`, `suspect`, `dead` or `left`.
    pub pool: Option<String>,
    /// Its share of the ring, in thousandths of all keys.
    pub ring_permille: Option<u32>,
    /// What it does in the log: `leader`, `voter`, `learner`; absent if it is outside.
    pub log: Option<String>,
    /// Where its API answers, if it is known.
    pub api: Option<String>,
}

/// `GET /v1/nodes`: one page of the registered nodes, in the order of their identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodesDocument {
    /// The epoch of the topology.
    pub epoch: u64,
    /// How many nodes pass the filter, on all pages.
    pub total: usize,
    /// The page.
    pub nodes: Vec<NodeDocument>,
    /// What to ask for as `cursor` to get the next page; absent on the last.
    pub next: Option<String>,
}

/// `PUT /v1/nodes/{id}`: what registers a node, or begins its next life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    /// Its name, unique among registered nodes.
    pub name: String,
    /// The host name or IP address at which its peers reach it.
    pub address: String,
    /// The port there.
    pub port: u16,
    /// Where it stands.
    pub place: PlaceDocument,
    /// Its storage.
    #[serde(default)]
    pub total_bytes: u64,
    /// The part that is free.
    #[serde(default)]
    pub free_bytes: u64,
    /// What an operator adds.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// `POST /v1/nodes/{id}/drain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// How long it may take before the node is removed whatever it still holds; without limit if absent.
    #[serde(default)]
    pub within_ms: Option<u64>,
}

/// `POST /v1/nodes/{id}/drain/progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressRequest {
    /// How much of what it held is elsewhere; 1000 removes it.
    pub moved_permille: u16,
}

/// `GET /v1/nodes/{id}/why`: the evidence about a node, as the answering node has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyDocument {
    /// The node.
    pub node: NodeDocument,
    /// Who answers.
    pub asked: String,
    /// Whether the answering node hears heartbeats: without that it knows what was agreed on and no more.
    pub watches: bool,
    /// How long ago the last heartbeat came.
    pub heartbeat_age_ms: Option<u64>,
    /// Its number.
    pub heartbeat_sequence: Option<u64>,
    /// What the node gave itself then.
    pub reported_permille: Option<u16>,
    /// What that counts for by now.
    pub effective_permille: Option<u16>,
    /// How many levels of silence there are.
    pub silence_level: Option<u8>,
    /// What the failure detector says: `unknown`, `reachable` or `unreachable`.
    pub reach: Option<String>,
    /// What the answering node finds.
    pub finding: Option<String>,
    /// What speaks for that, in words.
    pub finding_cause: Option<String>,
    /// How long good news is held back, because the node comes and goes.
    pub held_for_ms: Option<u64>,
    /// Whether bad news is withheld, because too many are silent at once.
    pub withheld: bool,
    /// After how long its removal is proposed, if nothing changes.
    pub removed_in_ms: Option<u64>,
    /// The same in lines for people.
    pub lines: Vec<String>,
}

/// A member of a pool, as the answering node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberDocument {
    /// Its identity.
    #[schema(example = "n7")]
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Where it takes packets.
    pub address: Option<String>,
    /// `local` or `wide`.
    pub pool: String,
    /// `alive`, `suspect`, `dead` or `left`.
    pub state: String,
    /// Its incarnation in the pool.
    pub incarnation: u64,
    /// What its card says that it does in the log.
    pub role: Option<String>,
    /// The round trip to it as its coordinate tells.
    pub round_trip_us: Option<u64>,
    /// Where its API answers, if it is known.
    pub api: Option<String>,
}

/// `GET /v1/members`: who can be reached, as the answering node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersDocument {
    /// Who answers.
    pub asked: String,
    /// How many times slower than a healthy member it probes, less one.
    pub health: u8,
    /// The members, by pool and identity.
    pub members: Vec<MemberDocument>,
}

/// A copy of a range of keys that has to go from a node before it can go itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainStepDocument {
    /// Its number among all steps, from 0.
    pub number: usize,
    /// The token before the range.
    pub after: u32,
    /// The last token of the range.
    pub through: u32,
    /// Who takes the copy over; absent if there is one less from then on.
    pub to: Option<String>,
    /// What to report as moved when this step and all before it are done.
    pub moved_permille: u16,
}

/// `GET /v1/nodes/{id}/drain/plan`: one page of the steps, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainPlanDocument {
    /// The epoch of the ring that it was made for; another one makes another plan.
    pub epoch: u64,
    /// The node.
    pub node: String,
    /// How many steps there are on all pages.
    pub total: usize,
    /// The page.
    pub steps: Vec<DrainStepDocument>,
    /// What to ask for as `cursor` to get the next page; absent on the last.
    pub next: Option<String>,
}
