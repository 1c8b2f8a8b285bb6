//! Everything that can go wrong, with its status, and as a problem document (RFC 9457).
//!
//! A handler returns a [`Fault`]; the outermost layer turns it into a document, with the node that says so. What some
//! library answers by itself becomes a document there, too, so no error leaves without one.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use delian_core::topology::Refusal;
use delian_core::{NodeId, Rejected};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{StatusCode, header};

use crate::handle::Failure;
use crate::shapes::Problem;

/// After how long to ask again where nothing better is known: an election takes a second or two.
const AGAIN: Duration = Duration::from_secs(1);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $status:ident, $word:literal, $title:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            pub(super) const ALL: &[Self] = &[$(Self::$name,)+];

            pub(super) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// Returns the word that ends the type of the problem.
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            pub(super) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

kinds! {
    BadQuery => BAD_REQUEST, "bad-query", "The query makes no sense";
    BadPath => BAD_REQUEST, "bad-path", "The path makes no sense";
    BadBody => BAD_REQUEST, "bad-body", "The body cannot be read";
    BadRequest => BAD_REQUEST, "bad-request", "The request makes no sense";
    WrongHost => MISDIRECTED_REQUEST, "wrong-host", "Another host was asked for";
    Unauthenticated => UNAUTHORIZED, "unauthenticated", "A token is needed";
    Forbidden => FORBIDDEN, "forbidden", "The token may not do this";
    CrossOrigin => FORBIDDEN, "cross-origin", "Another site may not do this";
    NoSuchPath => NOT_FOUND, "no-such-path", "Nothing is here";
    NotRegistered => NOT_FOUND, "not-registered", "The node is not registered";
    NoRing => NOT_FOUND, "no-ring", "This node holds no ring";
    MethodNotAllowed => METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not one of this path";
    NotAcceptable => NOT_ACCEPTABLE, "not-acceptable", "The answer has another form";
    Stalled => REQUEST_TIMEOUT, "request-timeout", "The request took too long to come";
    Conflict => CONFLICT, "conflict", "The topology is not such that this can be done";
    NameTaken => CONFLICT, "name-taken", "Another node holds the name";
    OtherLife => CONFLICT, "other-life", "The node has registered again";
    Full => CONFLICT, "full", "As many nodes are registered as may be";
    QuorumRefused => CONFLICT, "quorum-refused", "The quorum cannot be changed so";
    Session => CONFLICT, "session", "The session does not allow this";
    /// It is the asker who is ahead, of this node at this moment; nothing is wrong with either.
    Ahead => CONFLICT, "ahead", "This node has not come that far";
    Forgotten => GONE, "delta-forgotten", "What changed since then is forgotten";
    TooLarge => PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    UriTooLong => URI_TOO_LONG, "uri-too-long", "The address is too long";
    NotJson => UNSUPPORTED_MEDIA_TYPE, "not-json", "The body is not said to be JSON";
    Invalid => UNPROCESSABLE_ENTITY, "invalid", "A value is not acceptable";
    Shortage => UNPROCESSABLE_ENTITY, "too-few-nodes", "There are too few nodes for so many copies";
    LeaseDisabled => UNPROCESSABLE_ENTITY, "lease-disabled", "This node may not read under a lease";
    TransferRefused => UNPROCESSABLE_ENTITY, "transfer-refused", "The leader cannot hand over to this node";
    TooOften => TOO_MANY_REQUESTS, "too-often", "The node registers too often";
    RateExceeded => TOO_MANY_REQUESTS, "rate-exceeded", "Too many requests";
    HeadersTooLarge => REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", "The headers are too large";
    Other => INTERNAL_SERVER_ERROR, "other", "The request failed";
    NotLeader => SERVICE_UNAVAILABLE, "not-leader", "No leader takes this here";
    Superseded => SERVICE_UNAVAILABLE, "superseded", "A newer leader did not take this over";
    Transferring => SERVICE_UNAVAILABLE, "transferring", "The leader is handing over";
    Busy => SERVICE_UNAVAILABLE, "busy", "Too much waits here";
    NotReady => SERVICE_UNAVAILABLE, "not-ready", "The node is not ready";
    Stopped => SERVICE_UNAVAILABLE, "stopped", "The node has stopped";
    Unknown => GATEWAY_TIMEOUT, "unknown-outcome", "Nobody knows what became of it";
    TimedOut => GATEWAY_TIMEOUT, "timed-out", "It was not settled in time";
}

/// A request that failed.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    detail: String,
    leader: Option<NodeId>,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a handler returns.
pub(super) type Answer<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), leader: None, retry_after: None, headers: Vec::new() }
    }

    /// Says after how long to ask again.
    pub(super) const fn again_in(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// Says whom to ask instead.
    pub(super) const fn led_by(mut self, leader: Option<NodeId>) -> Self {
        self.leader = leader;
        self
    }

    pub(super) fn unauthenticated(detail: &str) -> Self {
        let mut fault = Self::new(Kind::Unauthenticated, detail);
        fault.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"delian\"")));
        fault
    }

    /// Returns a fault in place of an error that a library answered with.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let known = Kind::ALL.iter().copied().find(|kind| kind.status() == status);
        let kind = known.unwrap_or(if status.is_client_error() { Kind::BadRequest } else { Kind::Other });
        Self::new(kind, status.canonical_reason().unwrap_or("the request failed").to_lowercase())
    }

    pub(super) const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// Returns the answer.
    pub(super) fn render(self, node: NodeId, leader_api: Option<String>) -> Response {
        let status = self.kind.status();
        let problem = Problem {
            kind: format!("urn:delian:problem:{}", self.kind.word()),
            title: self.kind.title().to_string(),
            status: status.as_u16(),
            detail: self.detail,
            node: Some(node.to_string()),
            leader: self.leader.map(|leader| leader.to_string()),
            leader_api,
            retry_after_ms: self.retry_after.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        };
        // Texts and numbers always have a JSON form.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut answer = (status, body).into_response();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(span) = self.retry_after {
            // Whole seconds, and rounded up, for who comes back too early is turned away again.
            let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        headers.extend(self.headers);
        answer
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut answer = self.kind.status().into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// Turns an answer that is an error into a problem document, whoever gave it.
pub(super) fn to_problem(mut answer: Response, node: NodeId, leader_api: Option<String>) -> Response {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return answer;
    }
    let fault = answer.extensions_mut().remove::<Fault>().unwrap_or_else(|| Fault::of_status(status));
    let allowed = answer.headers_mut().remove(ALLOW);
    let mut problem = fault.render(node, leader_api);
    if let Some(allowed) = allowed {
        problem.headers_mut().insert(ALLOW, allowed);
    }
    problem
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejected) => rejected.into(),
            Failure::Stopped => Self::new(Kind::Stopped, failure.to_string()),
        }
    }
}

impl From<Rejected> for Fault {
    fn from(rejected: Rejected) -> Self {
        let detail = rejected.to_string();
        match rejected {
            Rejected::NotLeader(leader) => Self::new(Kind::NotLeader, detail).led_by(leader).again_in(AGAIN),
            Rejected::Busy => Self::new(Kind::Busy, detail).again_in(AGAIN),
            Rejected::Refused(refusal) => refusal.into(),
            Rejected::QuorumRefused(_) => Self::new(Kind::QuorumRefused, detail),
            Rejected::Superseded => Self::new(Kind::Superseded, detail).again_in(AGAIN),
            Rejected::Unknown => Self::new(Kind::Unknown, detail),
            Rejected::Halted => Self::new(Kind::Stopped, detail),
            Rejected::TimedOut => Self::new(Kind::TimedOut, detail).again_in(AGAIN),
            Rejected::Transferring(target) => {
                Self::new(Kind::Transferring, detail).led_by(Some(target)).again_in(AGAIN)
            }
            Rejected::LeaseDisabled => Self::new(Kind::LeaseDisabled, detail),
            Rejected::TransferRefused(_) => Self::new(Kind::TransferRefused, detail),
            Rejected::SessionExpired(_) | Rejected::Forgotten { .. } | Rejected::OutsideWindow { .. } => {
                Self::new(Kind::Session, detail)
            }
            Rejected::TooOften { again_in, .. } => Self::new(Kind::TooOften, detail).again_in(again_in),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NoIdentity
            | Refusal::Blank(_)
            | Refusal::TooLong { .. }
            | Refusal::ControlCharacter { .. }
            | Refusal::NoPort
            | Refusal::OffTheGlobe(_)
            | Refusal::FreeAboveTotal { .. }
            | Refusal::TooManyTags { .. }
            | Refusal::CustomTooLarge { .. }
            | Refusal::Malformed { .. }
            | Refusal::MovedMoreThanAll { .. } => Kind::Invalid,
            Refusal::DuplicateName { .. } => Kind::NameTaken,
            Refusal::Full { .. } => Kind::Full,
            Refusal::Unknown(_) => Kind::NotRegistered,
            Refusal::Superseded { .. } => Kind::OtherLife,
            Refusal::Exhausted | Refusal::Leaving(_) | Refusal::NotLeaving(_) => Kind::Conflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use delian_core::raft::QuorumRefusal;
    use delian_core::topology::{Coordinates, Field};
    use delian_core::{Bytes, Epoch, Sequence, SessionId};

    use super::*;

    fn table(faults: impl IntoIterator<Item = Fault>) -> String {
        let line = |fault: Fault| {
            let again = fault.retry_after.map_or_else(String::new, |span| format!(", again in {span:?}"));
            format!("{} {}{again}: {}", fault.kind.status().as_u16(), fault.kind.word(), fault.detail)
        };
        faults.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn kinds_have_words_of_their_own() {
        let words: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }

    #[test]
    fn every_rejection_has_its_status() {
        let (session, sequence, awaited_from) = (SessionId::new(3), Sequence::new(4), Sequence::new(5));
        let node = NodeId::new(7);
        let all = [
            Rejected::NotLeader(Some(node)),
            Rejected::NotLeader(None),
            Rejected::Busy,
            Rejected::QuorumRefused(QuorumRefusal::NoVoters),
            Rejected::Superseded,
            Rejected::Unknown,
            Rejected::Halted,
            Rejected::TimedOut,
            Rejected::Transferring(node),
            Rejected::LeaseDisabled,
            Rejected::TransferRefused(node),
            Rejected::SessionExpired(session),
            Rejected::Forgotten { sequence, awaited_from },
            Rejected::OutsideWindow { sequence, awaited_from, window: 6 },
            Rejected::TooOften { node, again_in: Duration::from_millis(1500) },
        ];
        insta::assert_snapshot!(table(all.map(Fault::from)));
    }

    #[test]
    fn every_refusal_has_its_status() {
        let (node, named, current) = (NodeId::new(7), Epoch::new(1), Epoch::new(2));
        let (field, text, starts) = (Field::Name, "a\nb".to_string(), "aaa".to_string());
        let all = [
            Refusal::NoIdentity,
            Refusal::Blank(field),
            Refusal::TooLong { field, starts, bytes: 300, max: 255 },
            Refusal::ControlCharacter { field, text },
            Refusal::NoPort,
            Refusal::OffTheGlobe(Coordinates::new(i32::MAX, 0)),
            Refusal::FreeAboveTotal { free: Bytes::new(2), total: Bytes::new(1) },
            Refusal::TooManyTags { tags: 33, max: 32 },
            Refusal::DuplicateName { name: "ada".to_string(), holder: node },
            Refusal::Full { max: 3 },
            Refusal::Unknown(node),
            Refusal::Superseded { node, named, current },
            Refusal::CustomTooLarge { bytes: 9, max: 8 },
            Refusal::Malformed { bytes: 3 },
            Refusal::Exhausted,
            Refusal::Leaving(node),
            Refusal::NotLeaving(node),
            Refusal::MovedMoreThanAll { moved: 1001 },
        ];
        insta::assert_snapshot!(table(all.map(Fault::from)));
    }
}
