//! Where keys live.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node that holds a copy of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnerDocument {
    /// Its name.
    pub name: String,
    /// Its identity, if it is registered.
    pub id: Option<String>,
    /// The region it stands in.
    pub region: String,
    /// The datacenter.
    pub datacenter: String,
    /// The rack.
    pub rack: String,
}

/// `GET /v1/ring/locate?key=…`: who holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LocateDocument {
    /// The key.
    pub key: String,
    /// Its place on the circle of 32 bits.
    pub token: u32,
    /// The epoch of the ring.
    pub epoch: u64,
    /// Who holds it, the owner first.
    pub owners: Vec<OwnerDocument>,
}

/// Keys that another node is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveDocument {
    /// The token before the range.
    pub after: u32,
    /// The last token of the range.
    pub through: u32,
    /// Which copy, the owner's being 0.
    pub copy: usize,
    /// Who held it; absent if nobody did.
    pub from: Option<String>,
    /// Who is to hold it; absent if nobody is left.
    pub to: Option<String>,
}

/// `GET /v1/ring/diff`: what moves if a node is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovesDocument {
    /// The epoch of the ring that it is compared with.
    pub epoch: u64,
    /// How much of all keys moves, in millionths.
    pub moved_millionths: u32,
    /// Every range, in order.
    pub moves: Vec<MoveDocument>,
}

/// A node's share of the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RingShareDocument {
    /// Its name.
    pub name: String,
    /// Its share of all keys, in millionths.
    pub millionths: u32,
    /// How many points it has.
    pub points: u32,
}

/// `GET /v1/ring`: how keys are spread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SharesDocument {
    /// The epoch of the ring.
    pub epoch: u64,
    /// How many points there are.
    pub points: usize,
    /// Every node's share, by name.
    pub shares: Vec<RingShareDocument>,
}
