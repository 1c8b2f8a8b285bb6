//! Nobody is evicted on a whim: an operator asked for it, or nobody reached the node for as long as that takes.

use std::collections::BTreeSet;
use std::time::Duration;

use delian_core::topology::Command;
use delian_core::{Epoch, Node, NodeId, Time};

use super::super::{Breach, Invariant};
use super::span;
use super::watch::Watches;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug, Default)]
pub(in super::super) struct EvictedByWhatWasSeen {
    asked: BTreeSet<(NodeId, Epoch)>,
}

impl Invariant for EvictedByWhatWasSeen {
    const NAME: &'static str = "evicted-by-what-was-seen";
    const SENTENCE: &'static str = "Whoever leads evicts of its own accord only whom its pool held dead, or nobody knew and none heard, for the eviction time, or whose time to leave was up.";
}

impl EvictedByWhatWasSeen {
    /// Takes in that a client asks for an eviction.
    pub(super) fn ask(&mut self, node: NodeId, epoch: Epoch) {
        self.asked.insert((node, epoch));
    }

    pub(super) fn on_proposal(
        &self,
        id: NodeId,
        now: Time,
        command: &Command,
        node: &Node,
        watches: &Watches,
    ) -> Result<(), Breach> {
        let Command::Evict { node: of, epoch } = *command else { return Ok(()) };
        let Some(health) = node.health() else { return Ok(()) };
        let member = node.topology().get(of);
        let leaves = member.and_then(|member| member.drain).is_some_and(|drain| drain.within.is_some());
        if leaves || self.asked.contains(&(of, epoch)) {
            return Ok(());
        }
        let Some(after) = health.settings().evict_after() else {
            return Err(Self::breach(vec![format!("{id} evicts {of} of {epoch}, though only operators may")]));
        };
        let (lost, silent) = (watches.lost_since(id, of), watches.silent_since(id, of, epoch));
        let long = |since: Option<Time>, takes: Duration| since.is_some_and(|since| now.since(since) >= takes);
        if long(lost, after) || lost.is_none() && long(silent, health.settings().failed_after() + after) {
            return Ok(());
        }
        let held = if lost.is_some() { span(now, lost) } else { "not at all".to_string() };
        Err(Self::breach(vec![
            format!("{id} proposes at {now} of its clock to evict {of} of {epoch}, and no client asked for it"),
            format!(
                "its pool held it dead {held}, and it was silent {}; an eviction takes {after:?}",
                span(now, silent)
            ),
        ]))
    }
}
