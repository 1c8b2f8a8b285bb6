//! A command that a client was told has taken effect, has: it is committed, as the client sent it.

use std::collections::BTreeMap;

use delian_core::raft::{Configuration, Payload, QuorumChange};
use delian_core::topology::Command;
use delian_core::{Applied, Blob, NodeId, Rejected, RequestId};

use super::ledger::Ledger;
use super::{Breach, Invariant};

/// The commands that wait for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct AcknowledgedSurvive {
    asked: BTreeMap<RequestId, Asked>,
}

#[derive(Clone, Debug)]
enum Asked {
    Command(Blob),
    Quorum(QuorumChange),
}

impl Invariant for AcknowledgedSurvive {
    const NAME: &'static str = "acknowledged-commands-survive";
    const SENTENCE: &'static str =
        "A command acknowledged to a client is in the committed log, where it was said to be.";
}

impl AcknowledgedSurvive {
    pub(super) fn on_ask(&mut self, request: RequestId, command: &Command) {
        self.asked.insert(request, Asked::Command(command.encode()));
    }

    pub(super) fn on_ask_quorum(&mut self, request: RequestId, change: &QuorumChange) {
        self.asked.insert(request, Asked::Quorum(change.clone()));
    }

    /// The ledger only grows, and every node is held to it, so being in it now means surviving.
    pub(super) fn on_reply(
        &mut self,
        id: NodeId,
        request: RequestId,
        outcome: &Result<Applied, Rejected>,
        ledger: &Ledger,
    ) -> Result<(), Breach> {
        let asked = self.asked.remove(&request);
        let Ok(applied) = outcome else { return Ok(()) };
        let position = applied.position;
        let committed = ledger.position(position.index) == Some(position);
        let before = || ledger.configuration(ledger.before(position)).1;
        let carries_it = match (ledger.payload(position), &asked) {
            (Some(Payload::Command(bytes)), Some(Asked::Command(asked))) => bytes == asked,
            (Some(Payload::Configuration(made)), Some(Asked::Quorum(change))) => is_made_by(made, change, before()),
            (
                Some(
                    Payload::Command(_)
                    | Payload::Noop
                    | Payload::Configuration(_)
                    | Payload::Level(_)
                    | Payload::Session(_),
                )
                | None,
                _,
            ) => false,
        };
        if committed && carries_it {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{id} told the client of {request} that its command took effect at {position}"),
            format!("committed there: {committed}; the entry carries the command: {carries_it}"),
        ]))
    }
}

/// Whether a configuration is what a change makes of the one before it.
fn is_made_by(made: &Configuration, change: &QuorumChange, before: &Configuration) -> bool {
    before.changed(change).is_ok_and(|changed| changed == *made)
}
