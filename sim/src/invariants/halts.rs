//! A node stops for good only if its disk was made to fail.

use delian_core::{Halt, NodeId};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct NoHaltWithoutCause;

impl Invariant for NoHaltWithoutCause {
    const NAME: &'static str = "no-halt-without-cause";
    const SENTENCE: &'static str = "A node stops for good only when its disk was made to fail.";
}

pub(super) fn on_halt(id: NodeId, halt: Halt, view: &impl View) -> Result<(), Breach> {
    if matches!(halt, Halt::DiskFailed(_)) && view.disk_may_fail(id) {
        return Ok(());
    }
    Err(NoHaltWithoutCause::breach(vec![format!("{id} halted: {halt}"), "its disk kept every promise".to_string()]))
}
