//! Every command ends exactly once and in time, and nobody is told about a command they did not give.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use delian_core::projection::Names;
use delian_core::{NodeId, RequestId};

use super::{Breach, Invariant, View};

/// The commands given and not answered yet.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct OneOutcome {
    open: BTreeMap<RequestId, Waiting>,
}

/// Who owes an answer, and for how many seconds it has been at work since it was asked.
#[derive(Clone, Copy, Debug, Hash)]
struct Waiting {
    node: NodeId,
    seconds: u64,
}

impl Invariant for OneOutcome {
    const NAME: &'static str = "one-outcome-per-command";
    const SENTENCE: &'static str =
        "Every command is answered once, and soon after its timeout at the latest, unless its node crashes.";
}

impl OneOutcome {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.open.values_mut().for_each(|waiting| waiting.node = names(waiting.node));
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.open.iter().for_each(|(request, waiting)| (request, waiting.node).hash(hasher));
    }

    pub(super) fn on_ask(&mut self, id: NodeId, request: RequestId) {
        self.open.insert(request, Waiting { node: id, seconds: 0 });
    }

    /// A crash answers nobody: its clients lose their connection.
    pub(super) fn on_crash(&mut self, id: NodeId) {
        self.open.retain(|_, waiting| waiting.node != id);
    }

    /// Half a timeout more than it may take on a perfect clock: a process may have a slow one, and wakes up late.
    pub(super) fn on_sample(&mut self, id: NodeId, view: &impl View) -> Result<(), Breach> {
        let Some(node) = view.node(id).filter(|_| view.is_at_work(id)) else { return Ok(()) };
        let timeout = node.settings().command_timeout().as_secs() + 1;
        for (request, waiting) in self.open.iter_mut().filter(|(_, waiting)| waiting.node == id) {
            waiting.seconds += 1;
            if waiting.seconds > timeout + timeout / 2 + 1 {
                return Err(Self::breach(vec![
                    format!("{id} was asked {request} and has been at work for {} seconds since", waiting.seconds),
                    format!("its commands time out after {:?}", node.settings().command_timeout()),
                ]));
            }
        }
        Ok(())
    }

    pub(super) fn on_reply(&mut self, id: NodeId, request: RequestId, outcome: &impl Debug) -> Result<(), Breach> {
        if self.open.remove(&request).is_some() {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{id} answered {request} with {outcome:?}"),
            format!("{request} is not open: it was answered before, or never asked"),
        ]))
    }
}
