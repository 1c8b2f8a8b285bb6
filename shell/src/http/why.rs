//! Why a node is in its condition, as the asked one knows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use delian_core::health::Reach;
use delian_core::topology::Member;
use delian_core::{Node, Time};

use super::fault::{Answer, Fault};
use super::path::NodeName;
use super::query::Parameters;
use super::state::{Api, Stamped};
use super::view::{find, millis, millis_until, seen};
use crate::shapes::{Consistency, Problem, WhyDocument};

/// The evidence about a node, as the asked one has it.
#[utoipa::path(get, path = "/v1/nodes/{node}/why", tag = "nodes", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
), responses(
    (status = 200, description = "The evidence", body = WhyDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn why(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
) -> Answer<Stamped<Json<WhyDocument>>> {
    query.end(&[])?;
    let look = move |node: &Node, now: Time| Ok::<_, Fault>(document(node, now, find(node, &name)?));
    let (seen, found) = api.view(Consistency::Local, look).await?;
    Ok(Stamped(seen, Json(found?)))
}

fn document(node: &Node, now: Time, member: &Member) -> WhyDocument {
    let why = node.why(now, member.node());
    let evidence = why.as_ref().and_then(|why| why.evidence);
    // Before the first heartbeat there is a silence, but no heartbeat to tell of.
    let beaten = evidence.filter(|it| it.seen.sequence > 0);
    WhyDocument {
        node: seen(node, member),
        asked: node.raft().id().to_string(),
        watches: evidence.is_some(),
        heartbeat_age_ms: beaten.map(|it| millis(it.seen.age)),
        heartbeat_sequence: beaten.map(|it| it.seen.sequence),
        reported_permille: evidence.and_then(|it| it.seen.report).map(|report| report.score.permille()),
        effective_permille: evidence.map(|it| it.evidence.score.permille()),
        silence_level: evidence.map(|it| it.seen.level.get()),
        reach: evidence.map(|it| {
            let word = match it.evidence.reach {
                Reach::Unknown => "unknown",
                Reach::Reachable => "reachable",
                Reach::Unreachable => "unreachable",
            };
            word.to_string()
        }),
        finding: evidence.map(|it| it.finding.to_string()),
        finding_cause: evidence.map(|it| it.cause.to_string()),
        held_for_ms: evidence.and_then(|it| it.held_until).map(|until| millis_until(now, until)),
        withheld: evidence.is_some_and(|it| it.withheld),
        removed_in_ms: evidence.and_then(|it| it.removed_at).map(|at| millis_until(now, at)),
        lines: why.map(|why| why.to_string().lines().map(str::to_string).collect()).unwrap_or_default(),
    }
}
