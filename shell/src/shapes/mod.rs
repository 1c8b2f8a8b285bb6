//! The documents of the API: what the HTTP server says, and what the command line and the dashboard read.
//!
//! Identities are texts, `n7`, for a number of 64 bits does not survive a browser. Spans are in milliseconds, instants are
//! milliseconds since 1970, sizes are bytes, shares and scores are in thousandths; a field's name says which. A field that
//! is absent is unknown. New fields may be added; who reads ignores what it does not know.

mod events;
mod nodes;
mod problem;
mod ring;
mod status;
mod topology;

pub use events::{EventDocument, Severity, WatchNotice};
pub use nodes::{
    DrainDocument, DrainPlanDocument, DrainRequest, DrainStepDocument, MemberDocument, MembersDocument, NodeDocument,
    NodesDocument, PlaceDocument, ProgressRequest, RegistrationRequest, WhyDocument,
};
pub use problem::Problem;
pub use ring::{LocateDocument, MoveDocument, MovesDocument, OwnerDocument, RingShareDocument, SharesDocument};
pub use status::{Consistency, NodeReference, RingDocument, StatusDocument, VoterDocument};
pub use topology::{AppliedDocument, RemovalDocument, TopologyDocument, TransferDocument, TransferRequest};
