//! The sessions of clients, as clients see them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use delian_core::{Operation, Sequence, SessionId};
use delian_shell::{Failure, Handle};

/// The session of each client; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<BTreeMap<u16, Arc<Session>>>>);

/// The session of one client.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Held while it is being opened, so that one is opened at a time.
    opened: tokio::sync::Mutex<Option<SessionId>>,
    commands: Mutex<Commands>,
}

#[derive(Debug, Default)]
struct Commands {
    last: Sequence,
    /// The commands whose outcome the client waits for.
    awaited: BTreeSet<Sequence>,
}

impl Sessions {
    /// Returns the session of a client, opened or not.
    pub(super) fn of(&self, client: u16) -> Arc<Session> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sessions.entry(client).or_default())
    }

    /// Has a client begin anew, if this is the session that it has.
    pub(super) fn forget(&self, client: u16, session: &Arc<Session>) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.get(&client).is_some_and(|it| Arc::ptr_eq(it, session)) {
            sessions.remove(&client);
        }
    }
}

impl Session {
    /// Returns its identity, opened at this node if it was not yet.
    pub(super) async fn id(&self, handle: &Handle) -> Result<SessionId, Failure> {
        let mut opened = self.opened.lock().await;
        if let Some(id) = *opened {
            return Ok(id);
        }
        let id = handle.open_session().await?;
        *opened = Some(id);
        Ok(id)
    }

    /// Returns the number of a new command.
    pub(super) fn begin(&self) -> Sequence {
        self.with(|commands| {
            commands.last = commands.last.next();
            commands.awaited.insert(commands.last);
            commands.last
        })
    }

    /// Returns what a command is asked for under.
    pub(super) fn operation(&self, session: SessionId, sequence: Sequence) -> Operation {
        let awaited_from = self.with(|commands| commands.awaited.first().copied().unwrap_or(sequence).min(sequence));
        Operation { session, sequence, awaited_from }
    }

    /// Notes that the outcome of a command is not waited for any more.
    pub(super) fn end(&self, sequence: Sequence) {
        self.with(|commands| commands.awaited.remove(&sequence));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Commands) -> T) -> T {
        act(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
