//! The description of the API, made of the documents and routes themselves.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{drain, nodes, ring, status, topology, watch, why};
use crate::shapes::WatchNotice;

/// All routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Delian", description = "The API of one node: any node answers, and brings changes before the leader."),
    paths(
        status::livez, status::readyz, status::metrics, description, status::status, status::pool, nodes::list,
        nodes::one, nodes::register, nodes::deregister, drain::begin, drain::cancel, drain::progress, drain::plan,
        why::why, topology::topology, topology::snapshot, topology::transfer, watch::events, ring::shares, ring::locate,
        ring::diff,
    ),
    components(schemas(WatchNotice)),
    security(("token" = [])),
    modifiers(&Bearer),
    tags(
        (name = "probes", description = "For what runs and watches nodes"),
        (name = "node", description = "What one node says of itself"),
        (name = "nodes", description = "Registered nodes"),
        (name = "drain", description = "Nodes that are to leave"),
        (name = "topology", description = "What is agreed on"),
        (name = "ring", description = "Where keys live"),
    ),
)]
pub(super) struct Description;

/// Adds the one way to say who asks.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        description.components.get_or_insert_with(Default::default).add_security_scheme("token", scheme);
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "probes", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
pub(super) async fn description() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
