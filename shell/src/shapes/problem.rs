//! Errors, as RFC 9457 has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An `application/problem+json` document (RFC 9457, section 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, as a reference that does not change: `urn:delian:problem:not-leader`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, with the value and the mend.
    pub detail: String,
    /// Which node says so.
    pub node: Option<String>,
    /// Whom to ask instead.
    pub leader: Option<String>,
    /// Where that one's API answers, if it is known.
    #[serde(default)]
    pub leader_api: Option<String>,
    /// After how long to try again.
    pub retry_after_ms: Option<u64>,
}
