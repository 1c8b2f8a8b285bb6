//! A failure is told once.

use std::collections::BTreeMap;

use delian_core::{Epoch, Event, NodeId};

use super::super::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug, Default)]
pub(in super::super) struct FailedOncePerEpisode {
    /// By who was told and of whom: the life that failed and did not recover since.
    failed: BTreeMap<(NodeId, NodeId), Epoch>,
}

impl Invariant for FailedOncePerEpisode {
    const NAME: &'static str = "a-failure-is-told-once";
    const SENTENCE: &'static str =
        "A node is not told a second time that a life has failed before it is told that it recovered.";
}

impl FailedOncePerEpisode {
    /// Takes in that a node started: what it was told before is gone.
    pub(super) fn begin(&mut self, id: NodeId) {
        self.failed.retain(|(told, _), _| *told != id);
    }

    pub(super) fn on_event(&mut self, id: NodeId, event: &Event) -> Result<(), Breach> {
        if let Event::NodeRecovered { node, .. } = event {
            self.failed.remove(&(id, *node));
        } else if let Event::NodeFailed { node, epoch, condition } = event
            && self.failed.insert((id, *node), *epoch) == Some(*epoch)
        {
            return Err(Self::breach(vec![
                format!("{id} is told that {node} of {epoch} has failed: it is {condition}"),
                "it was told so before, and not that it recovered".to_string(),
            ]));
        }
        Ok(())
    }
}
