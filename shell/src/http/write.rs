//! Commands: brought before the leader wherever it is, timed, and counted by what became of them.

use axum::Json;
use delian_core::topology::Command;
use tokio::time::Instant;

use super::fault::{Answer, Fault};
use super::state::Api;
use crate::shapes::AppliedDocument;

/// Has a command agreed on.
pub(super) async fn command(api: &Api, command: Command) -> Answer<Json<AppliedDocument>> {
    let asked_at = Instant::now();
    let outcome = api.handle.command(command).await.map_err(Fault::from);
    api.metrics.command(outcome.as_ref().map_or_else(|fault| fault.kind.word(), |_| "applied"), asked_at.elapsed());
    let applied = outcome?;
    Ok(Json(AppliedDocument {
        index: applied.position.index.get(),
        term: applied.position.term.get(),
        epoch: applied.epoch.get(),
    }))
}
