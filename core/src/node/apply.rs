//! What committed entries do, in the order of the log and alike on every node.

use alloc::sync::Arc;

use super::sessions::{Admission, SessionRequest, Sessions};
use super::{Embedder, Node};
use crate::ids::{Blob, Epoch, Position};
use crate::io::{Applied, Effect, Event, Outbox, Rejected, SessionEnd};
use crate::observe::Published;
use crate::raft::Payload;
use crate::topology::{Changed, Command, Refusal, Topology};

/// The state that entries change, apart from the log they lie in.
struct State<'a> {
    topology: &'a mut Topology,
    sessions: &'a mut Sessions,
    embedder: &'a mut Embedder,
    /// What is told outside of the log, which takes in each command that takes effect.
    published: Option<&'a mut Published>,
}

impl Node {
    pub(super) fn apply_committed(&mut self, out: &mut Outbox) {
        if self.raft.halted().is_some() {
            return;
        }
        let Self { raft, topology, sessions, commands, embedder, observe, .. } = self;
        let published = observe.as_mut().map(|observe| &mut observe.published);
        let mut state = State { topology, sessions, embedder, published };
        let waiting_before = commands.len();
        while let Some((position, entry)) = raft.next_committed() {
            // A level is the log's own business, and one that this release does not speak halts the node.
            let raised = if let Payload::Level(level) = entry.payload { Some(level) } else { None };
            let outcome = state.apply(position, &entry.payload, out);
            commands.resolve(position, outcome, out);
            if let Some(level) = raised {
                raft.raise_level(position, level, out);
                if raft.halted().is_some() {
                    return;
                }
            }
        }
        if commands.len() < waiting_before {
            commands.forget_resolved();
        }
    }
}

impl State<'_> {
    fn apply(&mut self, position: Position, payload: &Payload, out: &mut Outbox) -> Result<Applied, Rejected> {
        while let Some(session) = self.sessions.end_silent(position.index) {
            out.emit(Event::SessionEnded { session, why: SessionEnd::Silent });
        }
        match payload {
            Payload::Noop | Payload::Level(_) => Ok(self.unchanged(position)),
            Payload::Configuration(configuration) => {
                out.emit(Event::QuorumChanged { position, configuration: Arc::clone(configuration) });
                Ok(self.unchanged(position))
            }
            Payload::Command(bytes) => self.apply_command(position, bytes, out).map_err(Rejected::Refused),
            Payload::Session(bytes) => self.apply_session(position, bytes, out),
        }
    }

    fn unchanged(&self, position: Position) -> Applied {
        Applied { position, epoch: self.topology.epoch() }
    }

    fn apply_command(&mut self, position: Position, bytes: &Blob, out: &mut Outbox) -> Result<Applied, Refusal> {
        let outcome = match Command::custom_within(bytes) {
            Some(custom) => self.order(position, custom, out),
            None => Command::decode(bytes).and_then(|command| self.change(position, command, out)),
        };
        match outcome {
            Ok(epoch) => Ok(Applied { position, epoch }),
            Err(refusal) => {
                out.emit(Event::Refused { position, refusal: refusal.clone().into() });
                Err(refusal)
            }
        }
    }

    /// Hands the embedder its command, without a look at the topology beyond the epoch.
    fn order(&mut self, position: Position, custom: Blob, out: &mut Outbox) -> Result<Epoch, Refusal> {
        let epoch = self.topology.order(custom.len())?;
        if let Some(published) = &mut self.published {
            published.ordered();
        }
        out.emit_routine(|| Event::Changed { position, epoch, what: Changed::Custom });
        self.embedder.has_state = true;
        out.push_with(|| Effect::Apply(Applied { position, epoch }, custom));
        Ok(epoch)
    }

    fn change(&mut self, position: Position, command: Command, out: &mut Outbox) -> Result<Epoch, Refusal> {
        if let Command::Custom(custom) = command {
            return self.order(position, custom, out);
        }
        let change = self.topology.apply(&command)?;
        if let Some(published) = &mut self.published {
            published.took_effect(&command);
        }
        out.emit(Event::Changed { position, epoch: change.epoch, what: change.what });
        Ok(change.epoch)
    }

    fn apply_session(&mut self, position: Position, bytes: &[u8], out: &mut Outbox) -> Result<Applied, Rejected> {
        let refuse = |rejected: Rejected, out: &mut Outbox| {
            out.emit(Event::SessionRefused { position, rejected: rejected.clone().into() });
            Err(rejected)
        };
        match SessionRequest::decode(bytes) {
            Ok(SessionRequest::Open) => {
                if let Some(session) = self.sessions.open(position.index) {
                    out.emit(Event::SessionEnded { session, why: SessionEnd::Crowded });
                }
                out.emit(Event::SessionOpened { position });
                Ok(self.unchanged(position))
            }
            Ok(SessionRequest::Close(session)) if self.sessions.close(session) => {
                out.emit(Event::SessionEnded { session, why: SessionEnd::Closed });
                Ok(self.unchanged(position))
            }
            Ok(SessionRequest::Close(session)) => refuse(Rejected::SessionExpired(session), out),
            Ok(SessionRequest::Do { operation, command }) => match self.sessions.admit(position.index, &operation) {
                Admission::Execute => {
                    let outcome = self.apply_command(position, &command, out);
                    self.sessions.remember(&operation, outcome.clone());
                    outcome.map_err(Rejected::Refused)
                }
                Admission::Repeat(outcome) => {
                    out.emit(Event::Repeated { position, operation });
                    outcome
                }
                Admission::Refuse(rejected) => refuse(rejected, out),
            },
            Err(refusal) => refuse(Rejected::Refused(refusal), out),
        }
    }
}
