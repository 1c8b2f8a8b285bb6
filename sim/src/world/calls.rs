//! Operations of clients over all their attempts: who was asked, what is still open, when to ask somebody else.
//!
//! A client with retries asks the next process when the answer stays away or is of no use. Within a session it may repeat
//! anything, for a copy takes no second effect. Without one it repeats a command only after an answer that rules out an
//! effect, and otherwise calls its fate unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use delian_core::raft::QuorumChange;
use delian_core::topology::Command;
use delian_core::{Applied, Consistency, Input, NodeId, Operation, ReadAt, Rejected, RequestId, Sequence, SessionId};
use delian_core::{SessionRequest, Time};

use super::World;
use super::clients::{Answer, Exchange};
use super::process::Hearing;
use super::queue::Happening;
use crate::invariants::{Asked, Conclusion, Observation};
use crate::linearizability::history::OperationId;

/// How long a client with retries waits for an answer before it asks somebody else: longer than most elections.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it waits after an answer that was of no use.
const PAUSE: Duration = Duration::from_millis(200);

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Command(Command),
    InSession(SessionId, Sequence, Command),
    OpenSession,
    Quorum(QuorumChange),
    Read(Consistency, NodeId),
}

/// An operation that is not concluded yet.
#[derive(Clone, Debug)]
pub(super) struct Call {
    client: Option<u16>,
    wish: Wish,
    retries_left: u8,
    attempts: u32,
    /// The attempts that may still be answered.
    waiting: BTreeSet<RequestId>,
    /// The process asked last.
    via: u16,
    /// Whether the fate of some attempt is not known.
    uncertain: bool,
}

/// A client's session, as the client sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    opened: Option<SessionId>,
    /// Whether it asked for one.
    opening: bool,
    last: Sequence,
    /// The commands whose outcome it waits for.
    awaited: BTreeSet<Sequence>,
    /// The planned operations that wait for the session, each with the process to ask.
    queued: Vec<(u32, u16)>,
}

/// The operations under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<OperationId, Call>,
    /// Which operation each attempt belongs to, and the process that was asked.
    attempts: BTreeMap<RequestId, (OperationId, u16)>,
    sessions: BTreeMap<u16, Session>,
    requests: u64,
}

/// What an answer means for the operation that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It is the answer.
    Final,
    /// This attempt had no effect; another may.
    NoEffect,
    /// Nobody knows.
    Uncertain,
}

impl Meaning {
    /// Returns what a refusal means.
    pub const fn of(rejected: &Rejected) -> Self {
        match rejected {
            Rejected::NotLeader(_)
            | Rejected::Busy
            | Rejected::Superseded
            | Rejected::Halted
            | Rejected::OutsideWindow { .. }
            | Rejected::Transferring(_)
            | Rejected::TooOften { .. } => Self::NoEffect,
            Rejected::Unknown | Rejected::TimedOut => Self::Uncertain,
            Rejected::Refused(_)
            | Rejected::QuorumRefused(_)
            | Rejected::LeaseDisabled
            | Rejected::TransferRefused(_)
            | Rejected::SessionExpired(_)
            | Rejected::Forgotten { .. } => Self::Final,
        }
    }
}

impl Calls {
    /// Returns whether an attempt may still be answered.
    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        self.attempts.contains_key(&request)
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(self.requests)
    }
}

impl Wish {
    fn asked(&self) -> Asked {
        match self {
            Self::Command(command) | Self::InSession(_, _, command) => Asked::Command(command.clone()),
            Self::OpenSession => Asked::Session(SessionRequest::Open),
            Self::Quorum(change) => Asked::Quorum(change.clone()),
            Self::Read(consistency, subject) => Asked::Read(*consistency, *subject),
        }
    }

    /// Returns whether a second attempt does no harm, whatever came of the first.
    fn may_be_repeated(&self) -> bool {
        match self {
            // A session too many is closed by silence.
            Self::InSession(..) | Self::Read(..) | Self::OpenSession => true,
            Self::Command(_) | Self::Quorum(_) => false,
        }
    }
}

impl World {
    /// Asks a process within the client's session, which is opened first if there is none.
    pub(super) fn within_session(&mut self, client: u16, number: u32, process: u16) {
        let plan = Arc::clone(&self.plan);
        let crate::scenario::Operation { action, manner, .. } = &plan.operations[number as usize];
        let Some(process) = self.door(process, manner.retries) else { return };
        let command = self.formulate(process, action);
        let session = self.calls.sessions.entry(client).or_default();
        if let Some(id) = session.opened {
            let Some(command) = command else { return };
            session.last = session.last.next();
            session.awaited.insert(session.last);
            let wish = Wish::InSession(id, session.last, command);
            self.call(process, Some(client), wish, manner.retries);
        } else {
            session.queued.push((number, process));
            if !std::mem::replace(&mut session.opening, true) {
                self.call(process, Some(client), Wish::OpenSession, manner.retries);
            }
        }
    }

    /// Returns the process that a client gets a connection to: the one it wants or, if it would ask again, the next.
    pub(super) fn door(&self, process: u16, retries: u8) -> Option<u16> {
        if retries > 0 { self.next_listening(process) } else { Some(process).filter(|process| self.listens(*process)) }
    }

    /// Begins an operation at a process that listens. Returns its first request.
    pub(super) fn call(&mut self, process: u16, client: Option<u16>, wish: Wish, retries: u8) -> Option<RequestId> {
        let operation = OperationId::new(self.clients.history.len());
        let node = self.processes[usize::from(process)].id;
        self.clients.history.push(Exchange { client, node, asked_at: self.now, answer: None });
        let asked = wish.asked();
        let call = Call {
            client,
            wish,
            retries_left: retries,
            attempts: 0,
            waiting: BTreeSet::new(),
            via: process,
            uncertain: false,
        };
        self.calls.open.insert(operation, call);
        self.observe(process, Observation::Called(operation, &asked));
        self.attempt(operation, process)
    }

    /// Asks one process.
    fn attempt(&mut self, operation: OperationId, process: u16) -> Option<RequestId> {
        let request = self.calls.next_request();
        let call = self.calls.open.get_mut(&operation)?;
        call.attempts += 1;
        call.via = process;
        call.waiting.insert(request);
        let (attempt, repeats) = (call.attempts, call.retries_left > 0 && call.wish.may_be_repeated());
        let awaited_from = |session: &Session| session.awaited.first().copied().unwrap_or_default();
        let (asked, input) = match call.wish.clone() {
            Wish::Command(command) => (Asked::Command(command.clone()), Input::Command(request, command)),
            Wish::InSession(session, sequence, command) => {
                let known = call.client.and_then(|client| self.calls.sessions.get(&client));
                let awaited_from = known.map(awaited_from).unwrap_or_default().min(sequence);
                let operation = Operation { session, sequence, awaited_from };
                let did = SessionRequest::Do { operation, command: command.encode() };
                (Asked::Session(did), Input::SessionCommand(request, operation, command))
            }
            Wish::OpenSession => (Asked::Session(SessionRequest::Open), Input::OpenSession(request)),
            Wish::Quorum(change) => (Asked::Quorum(change.clone()), Input::Quorum(request, change)),
            Wish::Read(consistency, subject) => (Asked::Read(consistency, subject), Input::Read(request, consistency)),
        };
        self.calls.attempts.insert(request, (operation, process));
        if repeats {
            self.queue.schedule(self.after(PATIENCE), Happening::AskAgain { operation, attempt });
        }
        self.observe(process, Observation::Asked(request, &asked));
        self.feed(process, input);
        Some(request)
    }

    /// Asks the next process, unless the operation is over or was asked again since.
    pub(super) fn ask_again(&mut self, operation: OperationId, attempt: u32) {
        let Some(call) = self.calls.open.get_mut(&operation).filter(|call| call.attempts == attempt) else { return };
        if call.retries_left == 0 {
            return self.give_up_if_nothing_comes(operation);
        }
        call.retries_left -= 1;
        let after = (call.via + 1) % self.processes.len() as u16;
        match self.next_listening(after) {
            Some(process) => {
                self.census.retries += 1;
                self.attempt(operation, process);
            }
            None => self.queue.schedule(self.after(PATIENCE), Happening::AskAgain { operation, attempt }),
        }
    }

    /// Returns the first process from this one on that takes a connection.
    fn next_listening(&self, from: u16) -> Option<u16> {
        let size = self.processes.len() as u16;
        (0..size).map(|step| (from + step) % size).find(|number| self.listens(*number))
    }

    /// A client of a process that is down or frozen gets no connection.
    pub(super) fn listens(&self, number: u16) -> bool {
        let process = &self.processes[usize::from(number)];
        process.is_up() && process.hearing != Hearing::Frozen
    }

    /// Takes in the answer to a change.
    pub(super) fn note_reply(&mut self, request: RequestId, outcome: &Result<Applied, Rejected>) {
        self.note_proof(outcome.is_ok());
        let meaning = match outcome {
            Ok(_) => Meaning::Final,
            Err(rejected) => Meaning::of(rejected),
        };
        self.note_answer(request, meaning, &Conclusion::Outcome(outcome.clone()));
    }

    /// Takes in the answer to a read, with the state of the node at that moment.
    pub(super) fn note_read(&mut self, number: u16, request: RequestId, outcome: &Result<ReadAt, Rejected>) {
        let Some((operation, _)) = self.calls.attempts.get(&request) else { return };
        let wish = self.calls.open.get(operation).map(|call| call.wish.clone());
        let conclusion = match (outcome, wish) {
            (Ok(at), Some(Wish::Read(_, subject))) => {
                let node = self.processes[usize::from(number)].node.as_ref();
                let since = node.and_then(|node| node.topology().get(subject)).map(|member| member.registered);
                Conclusion::Read(*at, since)
            }
            (Ok(_), _) => Conclusion::Nothing,
            (Err(rejected), _) => Conclusion::Outcome(Err(rejected.clone())),
        };
        let meaning = match outcome {
            Ok(_) => Meaning::Final,
            Err(rejected) => Meaning::of(rejected),
        };
        self.note_answer(request, meaning, &conclusion);
    }

    fn note_answer(&mut self, request: RequestId, meaning: Meaning, conclusion: &Conclusion) {
        let Some((operation, _)) = self.calls.attempts.remove(&request) else { return };
        let Some(call) = self.calls.open.get_mut(&operation) else { return };
        call.waiting.remove(&request);
        let may_repeat = match meaning {
            Meaning::Final => return self.conclude(operation, conclusion),
            Meaning::NoEffect => true,
            Meaning::Uncertain => {
                call.uncertain = true;
                call.wish.may_be_repeated()
            }
        };
        if call.retries_left > 0 && may_repeat {
            let attempt = call.attempts;
            return self.queue.schedule(self.after(PAUSE), Happening::AskAgain { operation, attempt });
        }
        if call.waiting.is_empty() {
            let uncertain = call.uncertain;
            let unknown = Conclusion::Outcome(Err(Rejected::Unknown));
            self.conclude(operation, if uncertain { &unknown } else { conclusion });
        }
    }

    /// The clients of a process lose their connection; whoever has no other attempt open and none left never hears more.
    pub(super) fn lose_attempts(&mut self, number: u16) {
        let lost = self.calls.attempts.iter().filter(|(_, (_, asked))| *asked == number);
        let lost: Vec<(RequestId, OperationId)> =
            lost.map(|(request, (operation, _))| (*request, *operation)).collect();
        for (request, operation) in lost {
            self.calls.attempts.remove(&request);
            let Some(call) = self.calls.open.get_mut(&operation) else { continue };
            call.waiting.remove(&request);
            call.uncertain = true;
            if call.retries_left > 0 && call.wish.may_be_repeated() {
                let attempt = call.attempts;
                self.queue.schedule(self.after(PAUSE), Happening::AskAgain { operation, attempt });
            } else {
                self.give_up_if_nothing_comes(operation);
            }
        }
    }

    fn give_up_if_nothing_comes(&mut self, operation: OperationId) {
        if self.calls.open.get(&operation).is_some_and(|call| call.waiting.is_empty()) {
            self.conclude(operation, &Conclusion::Nothing);
        }
    }

    /// Ends an operation, and lets what waited for it go on.
    fn conclude(&mut self, operation: OperationId, conclusion: &Conclusion) {
        let Some(call) = self.calls.open.remove(&operation) else { return };
        let now = self.now;
        let exchange = &mut self.clients.history[operation.get()];
        let answer = match conclusion {
            Conclusion::Outcome(Ok(applied)) => Some(Answer::Applied(*applied)),
            Conclusion::Outcome(Err(rejected)) => Some(Answer::Rejected(rejected.clone())),
            Conclusion::Read(at, since) => Some(Answer::Read(*at, *since)),
            Conclusion::Nothing => None,
        };
        exchange.answer = answer.map(|answer| (now, answer));
        let asked_at = exchange.asked_at;
        self.count(asked_at, &call.wish, conclusion);
        self.observe(call.via, Observation::Concluded(operation, conclusion));
        let Some(client) = call.client else { return };
        match (&call.wish, conclusion) {
            (Wish::OpenSession, Conclusion::Outcome(Ok(applied))) => {
                let session = self.calls.sessions.entry(client).or_default();
                let queued = std::mem::take(&mut session.queued);
                *session = Session { opened: Some(SessionId::new(applied.position.index.get())), ..Session::default() };
                // In the next moment, for a node may be in the middle of a step.
                let asked = queued.into_iter().map(|(number, process)| Happening::InSession { number, process });
                asked.for_each(|happening| self.queue.schedule(now, happening));
            }
            // Without a session nothing that waited for one is asked.
            (Wish::OpenSession, _) => {
                self.calls.sessions.remove(&client);
            }
            (Wish::InSession(id, sequence, _), conclusion) => {
                let session = self.calls.sessions.entry(client).or_default();
                session.awaited.remove(sequence);
                let expired = matches!(conclusion, Conclusion::Outcome(Err(Rejected::SessionExpired(_))));
                if expired && session.opened == Some(*id) {
                    self.calls.sessions.remove(&client);
                }
            }
            (Wish::Command(_) | Wish::Quorum(_) | Wish::Read(..), _) => {}
        }
    }

    fn count(&mut self, asked_at: Time, wish: &Wish, conclusion: &Conclusion) {
        let census = &mut self.census;
        match conclusion {
            Conclusion::Outcome(Ok(_)) => {
                census.acknowledged += 1;
                census.commit_latencies.push(self.now.since(asked_at));
            }
            Conclusion::Outcome(Err(Rejected::Unknown)) => census.unknown += 1,
            Conclusion::Outcome(Err(_)) => census.rejected += 1,
            Conclusion::Read(..) => match wish {
                Wish::Read(Consistency::Quorum, _) => census.quorum_reads += 1,
                Wish::Read(Consistency::Lease, _) => census.lease_reads += 1,
                Wish::Read(Consistency::Local, _)
                | Wish::Command(_)
                | Wish::InSession(..)
                | Wish::OpenSession
                | Wish::Quorum(_) => {}
            },
            Conclusion::Nothing => {}
        }
    }
}
