//! The part of a path that names a node.

use axum::extract::{FromRequestParts, Path};
use hyper::http::request::Parts;

use super::fault::{Fault, Kind};

/// What a path calls a node.
#[derive(Debug)]
pub(super) struct NodeName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for NodeName {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Fault::new(Kind::BadPath, format!("the path cannot be read: {}", error.body_text())))?;
        Ok(Self(name))
    }
}
