//! The agreed topology: whole, as what changed since, and as its canonical bytes.
//!
//! What is said here is the same at all nodes of one epoch, so the epoch is its tag, and a node makes the whole once.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use delian_core::topology::{Delta, DeltaUnavailable, Member, Removal};
use delian_core::{Epoch, Node, NodeId, Time, Topology};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use hyper::{HeaderMap, Request, StatusCode};

use super::assets::matches;
use super::body;
use super::fault::{Answer, Fault, Kind};
use super::query::Parameters;
use super::state::{Api, Stamped, consistency};
use super::view::{agreed, find, identity};
use crate::shapes::{Consistency, Problem, RemovalDocument, TopologyDocument, TransferDocument, TransferRequest};

/// What the node gave when it was asked for its topology.
enum Given {
    Whole(TopologyDocument),
    /// The asker has it.
    Same,
    /// This server made it before.
    Made(Arc<TopologyDocument>),
    Delta(TopologyDocument),
    None(DeltaUnavailable),
}

/// Who is registered, all of it or what changed.
#[utoipa::path(get, path = "/v1/topology", tag = "topology", params(
    ("since" = Option<u64>, Query, description = "An epoch: only what changed after it"),
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
    ("If-None-Match" = Option<String>, Header, description = "The tag of what the asker has"),
), responses(
    (status = 200, description = "The topology; its tag is the epoch", body = TopologyDocument,
        headers(("ETag" = String, description = "The epoch"))),
    (status = 304, description = "The asker has it"),
    (status = 410, description = "What changed is forgotten: ask for all of it", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn topology(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    mut query: Parameters,
) -> Answer<Stamped<Response>> {
    let consistency = consistency(&mut query)?;
    let since = query.number("since", 0..=u64::MAX)?;
    query.end(&["since", "consistency"])?;
    let (shared, held) = (Arc::clone(&api), headers);
    let look = move |node: &Node, _: Time| {
        let topology = node.topology();
        let epoch = topology.epoch();
        match since.map(|since| topology.delta(Epoch::new(since))) {
            Some(Ok(delta)) => Given::Delta(delta_of(&delta, topology.fingerprint())),
            Some(Err(unavailable)) => Given::None(unavailable),
            None if matches(&held, &tag(epoch)) => Given::Same,
            None => shared.topology.get(&epoch).map_or_else(|| Given::Whole(whole(topology)), Given::Made),
        }
    };
    let (seen, given) = api.view(consistency, look).await?;
    let answer = match given {
        Given::Same => (StatusCode::NOT_MODIFIED, [(ETAG, tag(seen.epoch))]).into_response(),
        Given::Made(document) => tagged(seen.epoch, &document),
        Given::Whole(document) => {
            let epoch = Epoch::new(document.epoch);
            tagged(epoch, &api.topology.put(epoch, document))
        }
        Given::Delta(document) => Json(document).into_response(),
        Given::None(unavailable) => return Err(unavailable.into()),
    };
    Ok(Stamped(seen, answer))
}

fn tag(epoch: Epoch) -> String {
    format!("\"{}\"", epoch.get())
}

fn tagged(epoch: Epoch, document: &TopologyDocument) -> Response {
    ([(ETAG, tag(epoch)), (CACHE_CONTROL, "no-cache".to_string())], Json(document)).into_response()
}

fn digits(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

fn whole(topology: &Topology) -> TopologyDocument {
    TopologyDocument {
        since: None,
        epoch: topology.epoch().get(),
        fingerprint: digits(topology.fingerprint()),
        nodes: topology.members().map(agreed).collect(),
        removed: Vec::new(),
    }
}

fn delta_of(delta: &Delta, fingerprint: u64) -> TopologyDocument {
    let removal = |it: &Removal| RemovalDocument { id: it.node.to_string(), epoch: it.epoch.get() };
    TopologyDocument {
        since: Some(delta.from.get()),
        epoch: delta.to.get(),
        fingerprint: digits(fingerprint),
        nodes: delta.changed.iter().map(agreed).collect(),
        removed: delta.removed.iter().map(removal).collect(),
    }
}

impl From<DeltaUnavailable> for Fault {
    fn from(unavailable: DeltaUnavailable) -> Self {
        match unavailable {
            DeltaUnavailable::TooOld { .. } => {
                Self::new(Kind::Forgotten, format!("{unavailable}: GET /v1/topology without since"))
            }
            // This node is behind the one that told the asker; it catches up with the leader's next heartbeat.
            DeltaUnavailable::Ahead { .. } => {
                Self::new(Kind::Ahead, unavailable.to_string()).again_in(std::time::Duration::from_secs(1))
            }
        }
    }
}

/// The canonical bytes of the topology, for a backup: equal topologies have equal bytes.
#[utoipa::path(get, path = "/v1/snapshot", tag = "topology", params(
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream", headers(
        ("Delian-Epoch" = u64, description = "The epoch"),
        ("Delian-Fingerprint" = String, description = "64 bits over all bytes, in hexadecimal digits"),
    )),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn snapshot(State(api): State<Arc<Api>>, mut query: Parameters) -> Answer<Stamped<Response>> {
    let consistency = consistency(&mut query)?;
    query.end(&["consistency"])?;
    let look = |node: &Node, _: Time| (node.topology().to_bytes(), node.topology().fingerprint());
    let (seen, (bytes, fingerprint)) = api.view(consistency, look).await?;
    let name = format!("attachment; filename=\"topology-{}.bin\"", seen.epoch.get());
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_string()),
        (hyper::header::CONTENT_DISPOSITION, name),
        (hyper::header::HeaderName::from_static("delian-fingerprint"), digits(fingerprint)),
    ];
    Ok(Stamped(seen, (headers, bytes).into_response()))
}

/// Has the leader, which is to be asked itself, hand over to another voter.
#[utoipa::path(post, path = "/v1/transfer", tag = "topology", request_body = TransferRequest, responses(
    (status = 200, description = "That one leads", body = TransferDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn transfer(
    State(api): State<Arc<Api>>,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<TransferDocument>> {
    query.end(&[])?;
    let asked: TransferRequest = body::document(request, api.config.limits.body_bytes_max).await?;
    let target: NodeId = match identity(&asked.to) {
        Some(id) => id,
        None => api.handle.look(move |node, _| find(node, &asked.to).map(Member::node)).await??,
    };
    let term = api.handle.transfer(target).await?;
    Ok(Json(TransferDocument { leader: target.to_string(), term: term.get() }))
}
