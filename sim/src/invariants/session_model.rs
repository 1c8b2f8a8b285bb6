//! What the committed entries make, sessions included, by a second way that forgets nothing and is in no hurry.

use std::collections::BTreeMap;

use delian_core::config::Settings;
use delian_core::raft::Payload;
use delian_core::topology::Command;
use delian_core::{Blob, Epoch, Sequence, SessionId, SessionRequest, Topology};

use super::ledger::Ledger;

/// A session that is open, and everything that was ever executed in it.
struct Session {
    last_active: u64,
    awaited_from: Sequence,
    executed: Vec<Sequence>,
}

/// What a committed history makes.
pub(super) struct Made {
    pub(super) topology: Topology,
    /// The sessions that are open at its end.
    pub(super) open: Vec<SessionId>,
    /// The commands that were accepted, in order, each with the epoch that it began.
    pub(super) accepted: Vec<(Epoch, Blob)>,
}

/// Replays the committed history from nothing.
pub(super) fn replay(ledger: &Ledger, settings: &Settings) -> Made {
    let mut topology = Topology::new(settings.topology());
    let mut accepted = Vec::new();
    let mut execute = |bytes: &Blob| {
        // A refused command changes nothing, here as on every node.
        if let Ok(change) = Command::decode(bytes).and_then(|command| topology.apply(&command)) {
            accepted.push((change.epoch, bytes.clone()));
        }
    };
    let mut open: BTreeMap<SessionId, Session> = BTreeMap::new();
    for (position, payload) in ledger.committed() {
        let index = position.index.get();
        open.retain(|_, session| index - session.last_active <= settings.sessions().entries_max());
        match payload {
            Payload::Noop | Payload::Configuration(_) | Payload::Level(_) => {}
            Payload::Command(bytes) => execute(bytes),
            Payload::Session(bytes) => match SessionRequest::decode(bytes) {
                Ok(SessionRequest::Open) => {
                    if open.len() >= settings.sessions().sessions_max() {
                        let silent = open.iter().min_by_key(|(_, session)| session.last_active).map(|(id, _)| *id);
                        silent.and_then(|id| open.remove(&id));
                    }
                    let session = Session { last_active: index, awaited_from: Sequence::ZERO, executed: Vec::new() };
                    open.insert(SessionId::new(index), session);
                }
                Ok(SessionRequest::Close(session)) => {
                    open.remove(&session);
                }
                Ok(SessionRequest::Do { operation, command }) => {
                    let Some(session) = open.get_mut(&operation.session) else { continue };
                    // What does not fit the window is turned away before it gets into a log.
                    session.last_active = index;
                    session.awaited_from = session.awaited_from.max(operation.awaited_from);
                    let is_new = !session.executed.contains(&operation.sequence);
                    if is_new && operation.sequence >= session.awaited_from {
                        session.executed.push(operation.sequence);
                        execute(&command);
                    }
                }
                Err(_) => {}
            },
        }
    }
    Made { topology, open: open.into_keys().collect(), accepted }
}
