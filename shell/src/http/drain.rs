//! Nodes that are to leave: asked to, asked to stay, and told how far they have come.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use delian_core::node::{DrainQuestion, NoPlan};
use delian_core::ring::Plan;
use delian_core::topology::{Cause, Command, Condition};
use delian_core::{Node, Time};
use hyper::Request;

use super::body;
use super::fault::{Answer, Fault, Kind};
use super::nodes::{cursor, page, require_leaving};
use super::path::NodeName;
use super::query::Parameters;
use super::ring::aside;
use super::state::{Api, Stamped};
use super::view::find;
use super::write::command;
use crate::shapes::{
    AppliedDocument, Consistency, DrainPlanDocument, DrainRequest, DrainStepDocument, Problem, ProgressRequest,
};

/// Asks a node to leave.
#[utoipa::path(post, path = "/v1/nodes/{node}/drain", tag = "drain", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
), request_body(content = Option<DrainRequest>), responses(
    (status = 200, description = "It is leaving", body = AppliedDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<AppliedDocument>> {
    query.end(&[])?;
    let asked: DrainRequest = body::document_or_default(request, api.config.limits.body_bytes_max).await?;
    let target = api.target(&name).await?;
    let within = asked.within_ms.map(Duration::from_millis);
    command(&api, Command::Drain { node: target.node, epoch: target.epoch, within }).await
}

/// Asks a node that is leaving to stay.
#[utoipa::path(delete, path = "/v1/nodes/{node}/drain", tag = "drain", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
), responses(
    (status = 200, description = "It stays", body = AppliedDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<AppliedDocument>> {
    query.end(&[])?;
    body::nothing(request, api.config.limits.body_bytes_max).await?;
    let target = api.target(&name).await?;
    require_leaving(target)?;
    let (condition, cause) = (Condition::Healthy, Cause::Asked);
    command(&api, Command::SetCondition { node: target.node, epoch: target.epoch, condition, cause }).await
}

/// Says how much of what a leaving node held is elsewhere.
#[utoipa::path(post, path = "/v1/nodes/{node}/drain/progress", tag = "drain", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
), request_body = ProgressRequest, responses(
    (status = 200, description = "It is noted", body = AppliedDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn progress(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<AppliedDocument>> {
    query.end(&[])?;
    let asked: ProgressRequest = body::document(request, api.config.limits.body_bytes_max).await?;
    let target = api.target(&name).await?;
    let moved = asked.moved_permille;
    command(&api, Command::DrainProgress { node: target.node, epoch: target.epoch, moved }).await
}

/// What has to go from a node before it can go itself, in order.
#[utoipa::path(get, path = "/v1/nodes/{node}/drain/plan", tag = "drain", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
    ("limit" = Option<usize>, Query, description = "Steps per page; 100 if absent", minimum = 1, maximum = 1000),
    ("cursor" = Option<String>, Query, description = "What a page gave as next"),
), responses(
    (status = 200, description = "A page of steps", body = DrainPlanDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn plan(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    mut query: Parameters,
) -> Answer<Stamped<Json<DrainPlanDocument>>> {
    let (limit, after) = page(&mut query)?;
    query.end(&["limit", "cursor"])?;
    let look = move |node: &Node, _: Time| {
        let id = find(node, &name)?.node();
        Ok::<_, Fault>((id, node.drain_question(id)?))
    };
    let (seen, asked) = api.view(Consistency::Local, look).await?;
    let (id, question) = asked?;
    let (epoch, plan) = aside(move || answer(&question)).await??;
    let total = plan.steps().len();
    let first = after.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX).saturating_add(1)).min(total);
    let last = first.saturating_add(limit).min(total);
    let step = |number: usize| {
        let step = &plan.steps()[number];
        DrainStepDocument {
            number,
            after: step.range.after.get(),
            through: step.range.through.get(),
            to: step.to.as_ref().map(ToString::to_string),
            moved_permille: plan.moved_after(number + 1),
        }
    };
    let document = DrainPlanDocument {
        epoch,
        node: id.to_string(),
        total,
        steps: (first..last).map(step).collect(),
        next: (last < total).then(|| cursor(last as u64 - 1)),
    };
    Ok(Stamped(seen, Json(document)))
}

fn answer(question: &DrainQuestion) -> Result<(u64, Plan), NoPlan> {
    Ok((question.ring().epoch().get(), question.answer()?))
}

impl From<NoPlan> for Fault {
    fn from(why: NoPlan) -> Self {
        let kind = match why {
            NoPlan::NoRing => Kind::NoRing,
            NoPlan::Unknown(_) => Kind::NotRegistered,
            NoPlan::Short(_) => Kind::Shortage,
        };
        Self::new(kind, why.to_string())
    }
}
