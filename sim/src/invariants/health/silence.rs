//! Who is found silent was silent for so long, by the clock and the ears of whoever leads.

use delian_core::health::SilenceLevel;
use delian_core::topology::{Cause, Command};
use delian_core::{Node, NodeId, Time};

use super::super::{Breach, Invariant};
use super::span;
use super::watch::Watches;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(in super::super) struct SilenceIsWatched;

impl Invariant for SilenceIsWatched {
    const NAME: &'static str = "silence-is-watched-by-who-leads";
    const SENTENCE: &'static str =
        "Whoever is found silent was not heard for as long as that takes by the one who leads, since it leads.";
}

impl SilenceIsWatched {
    pub(super) fn on_proposal(
        id: NodeId,
        now: Time,
        command: &Command,
        node: &Node,
        watches: &Watches,
    ) -> Result<(), Breach> {
        let Command::SetCondition { node: of, epoch, condition, cause: Cause::Silence { level } } = *command else {
            return Ok(());
        };
        // A node hears itself without a message.
        let Some(health) = node.health().filter(|_| of != id) else { return Ok(()) };
        let since = watches.silent_since(id, of, epoch);
        let takes = SilenceLevel::new(level).begins_after(health.settings());
        if since.is_none_or(|since| now.since(since) >= takes) {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{id} proposes at {now} of its clock that {of} of {epoch} is {condition}, silent at level {level}"),
            format!("it was silent {} there, and that level takes {takes:?}", span(now, since)),
        ]))
    }
}
