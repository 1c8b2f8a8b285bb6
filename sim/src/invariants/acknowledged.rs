//! A command that a client was told has taken effect, has: it is committed, as the client sent it.

use std::collections::BTreeMap;

use delian_core::projection::Names;
use delian_core::raft::{Configuration, Payload, QuorumChange};
use delian_core::{Applied, NodeId, Rejected, RequestId, SessionRequest};

use super::ledger::Ledger;
use super::{Asked, Breach, Invariant};

/// The commands that wait for an answer.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct AcknowledgedSurvive {
    asked: BTreeMap<RequestId, Asked>,
}

impl Invariant for AcknowledgedSurvive {
    const NAME: &'static str = "acknowledged-commands-survive";
    const SENTENCE: &'static str =
        "A command acknowledged to a client is in the committed log, where it was said to be.";
}

impl AcknowledgedSurvive {
    /// Renames those whom reads are about; whom a change is about stays.
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        for asked in self.asked.values_mut() {
            if let Asked::Read(_, subject) = asked {
                *subject = names(*subject);
            }
        }
    }

    pub(super) fn on_ask(&mut self, request: RequestId, asked: &Asked) {
        self.asked.insert(request, asked.clone());
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
            (Some(Payload::Command(bytes)), Some(Asked::Command(command))) => *bytes == command.encode(),
            (Some(Payload::Session(bytes)), Some(Asked::Session(request))) => is_about(bytes, request),
            (Some(Payload::Configuration(made)), Some(Asked::Quorum(change))) => is_made_by(made, change, before()),
            (
                Some(
                    Payload::Command(_)
                    | Payload::Noop
                    | Payload::Configuration(_)
                    | Payload::Session(_)
                    | Payload::Level(_),
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

/// Returns whether an entry is what a client asked, in this attempt or, within a session, in an earlier one.
fn is_about(entry: &[u8], asked: &SessionRequest) -> bool {
    match (SessionRequest::decode(entry), asked) {
        (Ok(SessionRequest::Do { operation: taken, command: did }), SessionRequest::Do { operation, command }) => {
            (taken.session, taken.sequence) == (operation.session, operation.sequence) && did == *command
        }
        (Ok(entry), asked) => entry == *asked,
        (Err(_), _) => false,
    }
}
