//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use hyper::{HeaderMap, Uri};

use super::fault::{Fault, Kind};
use super::state::Api;
use super::{assets, drain, guard, nodes, openapi, ring, status, topology, watch, why};

/// Returns all routes of an API.
pub(super) fn router(api: Arc<Api>) -> Router {
    let mut router = Router::new()
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(openapi::description))
        .route("/v1/status", get(status::status))
        .route("/v1/members", get(status::pool))
        .route("/v1/nodes", get(nodes::list))
        .route("/v1/nodes/{node}", get(nodes::one).put(nodes::register).delete(nodes::deregister))
        .route("/v1/nodes/{node}/why", get(why::why))
        .route("/v1/nodes/{node}/drain", post(drain::begin).merge(delete(drain::cancel)))
        .route("/v1/nodes/{node}/drain/progress", post(drain::progress))
        .route("/v1/nodes/{node}/drain/plan", get(drain::plan))
        .route("/v1/topology", get(topology::topology))
        .route("/v1/snapshot", get(topology::snapshot))
        .route("/v1/transfer", post(topology::transfer))
        .route("/v1/watch", get(watch::events))
        .route("/v1/ring", get(ring::shares))
        .route("/v1/ring/locate", get(ring::locate))
        .route("/v1/ring/diff", get(ring::diff));
    for asset in api.assets {
        router = router.route(asset.path, get(async move |headers: HeaderMap| assets::serve(asset, &headers)));
    }
    router
        .fallback(async |uri: Uri| {
            Fault::new(Kind::NoSuchPath, format!("nothing is at {}: /openapi.json lists all paths", uri.path()))
        })
        .method_not_allowed_fallback(async |uri: Uri| {
            let detail = format!("this method is not one of {}: the header Allow lists them", uri.path());
            Fault::new(Kind::MethodNotAllowed, detail)
        })
        .layer(from_fn_with_state(Arc::clone(&api), guard::around))
        .with_state(api)
}
