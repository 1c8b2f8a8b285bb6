//! Every command ends at most once, and nobody is told about a command they did not give.

use std::collections::BTreeSet;

use delian_core::{Applied, NodeId, Rejected, RequestId};

use super::{Breach, Invariant};

/// The commands given and not answered yet.
#[derive(Clone, Debug, Default)]
pub(super) struct OneOutcome {
    open: BTreeSet<RequestId>,
}

impl Invariant for OneOutcome {
    const NAME: &'static str = "one-outcome-per-command";
    const SENTENCE: &'static str = "Every command is answered at most once.";
}

impl OneOutcome {
    pub(super) fn on_ask(&mut self, request: RequestId) {
        self.open.insert(request);
    }

    pub(super) fn on_reply(
        &mut self,
        id: NodeId,
        request: RequestId,
        outcome: &Result<Applied, Rejected>,
    ) -> Result<(), Breach> {
        if self.open.remove(&request) {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{id} answered {request} with {outcome:?}"),
            format!("{request} is not open: it was answered before, or never asked"),
        ]))
    }
}
