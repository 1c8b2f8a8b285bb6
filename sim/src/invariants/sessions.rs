//! Within a session, each sequence takes effect once on every node, whatever the number of its copies in the log.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use delian_core::projection::Names;
use delian_core::raft::Payload;
use delian_core::{Applied, NodeId, Position, Rejected, RequestId, Sequence, SessionId, SessionRequest};

use super::ledger::Ledger;
use super::{Asked, Breach, Invariant};

/// Where each command of a session was executed, as nodes and their embedders did it and clients were told.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct OncePerSequence {
    executed: BTreeMap<(SessionId, Sequence), (Position, NodeId)>,
    asked: BTreeMap<RequestId, (SessionId, Sequence)>,
}

impl Invariant for OncePerSequence {
    const NAME: &'static str = "sessions-take-effect-once";
    const SENTENCE: &'static str = "A command of a session is executed at one place of the log, however often it is repeated, and answered from there.";
}

impl OncePerSequence {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.executed.values_mut().for_each(|(_, id)| *id = names(*id));
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.executed.iter().for_each(|(command, (position, _))| (command, position).hash(hasher));
    }

    pub(super) fn on_ask(&mut self, request: RequestId, asked: &Asked) {
        if let Asked::Session(SessionRequest::Do { operation, command: _ }) = asked {
            self.asked.insert(request, (operation.session, operation.sequence));
        }
    }

    pub(super) fn on_reply(
        &mut self,
        id: NodeId,
        request: RequestId,
        outcome: &Result<Applied, Rejected>,
    ) -> Result<(), Breach> {
        match (self.asked.remove(&request), outcome) {
            (Some(command), Ok(applied)) => self.executed_at(id, command, applied.position),
            (Some(_), Err(_)) | (None, _) => Ok(()),
        }
    }

    /// A node executed the command of an entry: it changed the topology, was refused by it, or went to the embedder.
    pub(super) fn on_effect(&mut self, id: NodeId, position: Position, ledger: &Ledger) -> Result<(), Breach> {
        match ledger.payload(position) {
            Some(Payload::Session(bytes)) => match SessionRequest::decode(bytes) {
                Ok(SessionRequest::Do { operation, command: _ }) => {
                    self.executed_at(id, (operation.session, operation.sequence), position)
                }
                Ok(SessionRequest::Open | SessionRequest::Close(_)) | Err(_) => Ok(()),
            },
            Some(Payload::Command(_) | Payload::Noop | Payload::Configuration(_) | Payload::Level(_)) | None => Ok(()),
        }
    }

    fn executed_at(&mut self, id: NodeId, command: (SessionId, Sequence), position: Position) -> Result<(), Breach> {
        let (first, by) = *self.executed.entry(command).or_insert((position, id));
        if first == position {
            return Ok(());
        }
        let (session, sequence) = command;
        Err(Self::breach(vec![
            format!("{by} executed {sequence} of session {session} at {first}"),
            format!("{id} executed it at {position}, or told its client so"),
        ]))
    }
}
