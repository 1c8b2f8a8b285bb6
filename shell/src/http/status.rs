//! What a node says of itself: is it there, is it ready, how does it fare, and what does it count.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use delian_core::node::Tier;
use delian_core::topology::Condition;
use delian_core::{Node, Time};
use hyper::header::CONTENT_TYPE;

use super::fault::{Answer, Fault, Kind};
use super::query::Parameters;
use super::state::{Api, Stamped, consistency};
use super::view::{members, millis, reference};
use crate::shapes::{MembersDocument, Problem, RingDocument, StatusDocument, VoterDocument};
use crate::telemetry::metrics::Snapshot;

/// Is the node there?
#[utoipa::path(get, path = "/livez", tag = "probes", security(()), responses(
    (status = 200, description = "The node runs", body = String, content_type = "text/plain"),
    (status = 503, description = "The node has ended", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn livez(State(api): State<Arc<Api>>) -> Answer<&'static str> {
    api.handle.look(|_, _| ()).await?;
    Ok("alive\n")
}

/// May the node be asked: does it know a leader, and does its store work?
#[utoipa::path(get, path = "/readyz", tag = "probes", security(()), responses(
    (status = 200, description = "The node is ready", body = String, content_type = "text/plain"),
    (status = 503, description = "It is not, with the reason", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Answer<&'static str> {
    let ready = |node: &Node, _| match (node.raft().halted(), node.known_leader()) {
        (Some(halt), _) => Err(format!("the node stopped for good: {halt}")),
        (None, None) => {
            Err("no leader is known: see whether a majority of the voters runs and reaches this node".into())
        }
        (None, Some(_)) => Ok("ready\n"),
    };
    api.handle.look(ready).await?.map_err(|why: String| Fault::new(Kind::NotReady, why))
}

/// What the node counts, for scrapers.
#[utoipa::path(get, path = "/metrics", tag = "probes", responses(
    (status = 200, description = "OpenMetrics 1.0", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Answer<impl IntoResponse> {
    let snapshot = api.handle.look(Snapshot::of).await?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, media)], api.metrics.scrape(&snapshot)))
}

/// The node at one moment.
#[utoipa::path(get, path = "/v1/status", tag = "node", params(
    ("consistency" = inline(Option<crate::shapes::Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "How the node fares", body = StatusDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn status(
    State(api): State<Arc<Api>>,
    mut query: Parameters,
) -> Answer<Stamped<Json<StatusDocument>>> {
    let consistency = consistency(&mut query)?;
    query.end(&["consistency"])?;
    let (cluster, name) = (api.config.cluster.clone(), api.config.name.clone());
    let (at_ms, spans) = (api.clock.wall().as_unix_millis(), api.metrics.command_spans());
    let (seen, document) = api
        .view(consistency, move |node, now| StatusDocument {
            cluster,
            at_ms,
            commit_median_us: spans.map(|(median, _)| median),
            commit_p99_us: spans.map(|(_, slow)| slow),
            ..document(node, now, name)
        })
        .await?;
    Ok(Stamped(seen, Json(StatusDocument { leader_heard_ms: seen.heard_ms(), ..document })))
}

fn document(node: &Node, now: Time, configured: String) -> StatusDocument {
    let status = node.status();
    let configuration = node.raft().configuration();
    let voter = |id| VoterDocument { node: reference(node, id), votes: configuration.is_voter(id) };
    let counted = Condition::ALL.iter().zip(status.conditions);
    let conditions: BTreeMap<String, usize> = counted.map(|(it, count)| (it.to_string(), count)).collect();
    StatusDocument {
        id: status.id.to_string(),
        name: reference(node, status.id).name.unwrap_or(configured),
        cluster: String::new(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        boot: status.boot.get(),
        up_ms: millis(now.since(Time::ZERO)),
        at_ms: 0,
        term: status.term.get(),
        role: status.role.to_string(),
        leader: node.known_leader().map(|(_, leader)| reference(node, leader)),
        leader_heard_ms: None,
        log_settled: !configuration.is_joint() && node.raft().configuration_index() <= node.raft().commit(),
        log_members: configuration.members().map(voter).collect(),
        last: status.last.index.get(),
        durable: status.durable.get(),
        commit: status.commit.get(),
        snapshot: status.snapshot.get(),
        level: status.level.get(),
        epoch: status.epoch.get(),
        members: status.members,
        conditions,
        suspects_itself: status.suspects_itself,
        ring: status.ring.map(|ring| RingDocument {
            epoch: ring.epoch.get(),
            members: ring.members,
            points: ring.points,
        }),
        withheld: status.withheld,
        pending_commands: status.pending_commands,
        pending_reads: status.pending_reads,
        transfer: status.transfer.map(|target| target.to_string()),
        has_lease: status.lease_until.is_some_and(|until| now < until),
        halted: status.halted.map(|halt| halt.to_string()),
        commit_median_us: None,
        commit_p99_us: None,
    }
}

/// Who can be reached, as the node sees it.
#[utoipa::path(get, path = "/v1/members", tag = "node", responses(
    (status = 200, description = "The members of the node's pools", body = MembersDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn pool(State(api): State<Arc<Api>>, query: Parameters) -> Answer<Stamped<Json<MembersDocument>>> {
    query.end(&[])?;
    let look = |node: &Node, _: Time| MembersDocument {
        asked: node.raft().id().to_string(),
        health: node.pool(Tier::Local).map_or(0, |(swim, _)| swim.health()),
        members: [Tier::Local, Tier::Wide].into_iter().flat_map(|tier| members(node, tier)).collect(),
    };
    let (seen, document) = api.view(crate::shapes::Consistency::Local, look).await?;
    Ok(Stamped(seen, Json(document)))
}
