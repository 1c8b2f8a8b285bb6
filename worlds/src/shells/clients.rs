//! Clients: each operation is a task outside of all processes, which asks one node and, if it may, another.
//!
//! What a client may repeat is as in the simulator: within a session anything, without one a command only after an answer
//! that rules out an effect.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delian_core::raft::QuorumChange;
use delian_core::{Applied, Consistency, Epoch, Node, NodeId, ReadAt, Rejected, SessionId, Time, WallTime};
use delian_shell::clock::Clock;
use delian_shell::{Failure, Handle};
use delian_sim::linearizability::topology_model::{Heard, Output, heard};
use delian_sim::scenario::{Action, Change, Manner, Target};
use delian_sim::world::{Meaning, command};
use delian_sim::worlds::Reply;
use delian_sim::worlds::des::word;
use madsim::time::{sleep, timeout};

use super::clock::WorldClock;
use super::process::Common;
use super::record::{Record, Seen};
use super::sessions::{Session, Sessions};
use super::world::World;

/// How long a client with retries waits for an answer before it asks somebody else: longer than most elections.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it waits after an answer that was of no use.
const PAUSE: Duration = Duration::from_millis(200);

/// How to talk to each process that takes connections; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Doors(Arc<Mutex<Vec<Option<Door>>>>);

/// How to talk to one process.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) handle: Handle,
    pub(super) clock: WorldClock,
}

impl Doors {
    /// Sets who takes connections.
    pub(super) fn set(&self, doors: Vec<Option<Door>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = doors;
    }

    /// Returns the way to a process, or with `or_next` to the first one from it on that takes a connection.
    fn find(&self, process: u16, or_next: bool) -> Option<(u16, Door)> {
        let doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let size = doors.len() as u16;
        let tried = if or_next { size } else { 1 };
        let mut numbers = (0..tried).map(|step| (process + step) % size);
        numbers.find_map(|number| Some((number, doors[usize::from(number)].clone()?)))
    }

    fn size(&self) -> u16 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u16
    }
}

/// What came of one attempt.
enum Answer {
    Applied(Applied),
    /// Since when the subject is registered.
    Read(Consistency, ReadAt, Option<Epoch>),
    /// A status that nobody else vouches for.
    Looked,
    Failed(Rejected),
    /// Nobody knows: the connection is gone, or the client gave up.
    Nothing,
}

/// One operation of one client.
struct Call {
    /// Its place among all operations of the plan.
    number: usize,
    common: Arc<Common>,
    sessions: Sessions,
    client: u16,
    action: Action,
    manner: Manner,
}

impl World {
    /// Lets a client do what the plan says.
    pub(super) fn operate(&mut self, number: usize) {
        let operation = self.plan.operations[number].clone();
        self.common.record.with(|seen| seen.mix(&format!("operation {number}")));
        let asked = self.resolve(operation.via);
        self.common.record.with(|seen| seen.has_chorus |= asked.len() > 1);
        for process in asked {
            if let Action::Transfer(target) = &operation.action {
                self.transfer(operation.via, process, *target);
                continue;
            }
            if let Action::Quorum(change) = &operation.action {
                self.change_quorum(operation.via, process, change);
                continue;
            }
            let call = Call {
                number,
                common: Arc::clone(&self.common),
                sessions: self.sessions.clone(),
                client: operation.client,
                action: operation.action.clone(),
                manner: operation.manner,
            };
            tokio::spawn(call.carry(process));
        }
    }

    /// Asks a process to hand over; through the role of the leader, a leader or nobody.
    fn transfer(&self, via: Target, process: u16, target: Target) {
        if via == Target::Leader && self.leads() != Some(process) {
            return;
        }
        let Some((_, door)) = self.common.doors.find(process, false) else { return };
        for successor in self.resolve(target) {
            let (handle, id, record) = (door.handle.clone(), self.process(successor).id, self.common.record.clone());
            tokio::spawn(async move {
                if handle.transfer(id).await.is_ok() {
                    record.with(|seen| seen.counts.add("transfers", 1));
                }
            });
        }
    }

    /// Asks a process to change who decides; through the role of the leader, a leader or nobody.
    fn change_quorum(&self, via: Target, process: u16, change: &Change) {
        if via == Target::Leader && self.leads() != Some(process) {
            return;
        }
        let Some((_, door)) = self.common.doors.find(process, false) else { return };
        let first = |target: &Target| self.resolve(*target).first().copied();
        let id = |target: &Target| first(target).map(|number| self.process(number).id);
        let change = match change {
            Change::AddLearner(target) => {
                let Some(newcomer) = first(target).and_then(|number| self.process(number).handle.clone()) else {
                    return;
                };
                let asked = ask_to_add(self.common.record.clone(), door.handle, newcomer);
                tokio::spawn(asked);
                return;
            }
            Change::Promote(target) => id(target).map(QuorumChange::Promote),
            Change::Demote(target) => id(target).map(QuorumChange::Demote),
            Change::Remove(target) => id(target).map(QuorumChange::Remove),
            Change::Replace(targets) => {
                let voters = targets.iter().map(id).collect::<Option<_>>();
                voters.map(|voters| QuorumChange::Replace { voters })
            }
        };
        if let Some(change) = change {
            tokio::spawn(ask_to_change(self.common.record.clone(), door.handle, change));
        }
    }
}

/// Has a node added to the log, with the memory that it has: an operator looks before it asks.
async fn ask_to_add(record: Record, handle: Handle, newcomer: Handle) {
    let node = newcomer.id();
    if let Ok(incarnation) = newcomer.look(|node, _| node.raft().incarnation()).await {
        ask_to_change(record, handle, QuorumChange::AddLearner { node, incarnation }).await;
    }
}

async fn ask_to_change(record: Record, handle: Handle, change: QuorumChange) {
    let asked = format!("{change:?}");
    let outcome = handle.change_quorum(change).await;
    record.with(|seen| {
        seen.mix(&format!("{asked} {outcome:?}"));
        match outcome {
            Ok(applied) => {
                seen.counts.add("acknowledged", 1);
                seen.ledger.on_agreed(applied);
            }
            Err(Failure::Rejected(Rejected::Unknown | Rejected::TimedOut) | Failure::Stopped) => {
                seen.counts.add("unknown", 1);
            }
            Err(Failure::Rejected(_)) => seen.counts.add("rejected", 1),
        }
    });
}

impl Call {
    async fn carry(self, first: u16) {
        let is_read = matches!(self.action, Action::Read | Action::ReadQuorum(_) | Action::ReadLease(_));
        let session = (self.manner.in_session && !is_read).then(|| self.sessions.of(self.client));
        let sequence = session.as_ref().map(|session| session.begin());
        let (mut via, mut left, mut uncertain) = (first, self.manner.retries, false);
        let asks_again = self.manner.retries > 0;
        let (mut command, mut reply) = (None, None);
        loop {
            let Some((number, door)) = self.common.doors.find(via, asks_again) else { break };
            if reply.is_none() {
                self.common.record.with(|seen| seen.exchanges.ask(self.number, seen.now().since(Time::ZERO)));
            }
            let in_session = session.as_ref().zip(sequence);
            let attempt = self.attempt(&door, in_session, &mut command);
            let repeats = is_read || session.is_some();
            let answer = if asks_again && repeats && left > 0 {
                timeout(PATIENCE, attempt).await.unwrap_or(Answer::Nothing)
            } else {
                attempt.await
            };
            let meaning = self.note(&answer);
            reply = Some(reply_of(answer));
            if meaning == Meaning::Final {
                uncertain = false;
                break;
            }
            uncertain |= meaning == Meaning::Uncertain;
            if left == 0 || meaning == Meaning::Uncertain && !repeats {
                break;
            }
            left -= 1;
            via = (number + 1) % self.common.doors.size();
            sleep(PAUSE).await;
            self.common.record.with(|seen| seen.counts.add("retries", 1));
        }
        if uncertain {
            reply = Some(Reply::Unknown);
            self.common.record.with(|seen| seen.counts.add("unknown", 1));
        }
        if let Some(reply) = reply {
            self.common.record.with(|seen| seen.exchanges.answer(self.number, seen.now().since(Time::ZERO), reply));
        }
        if let Some((session, sequence)) = session.zip(sequence) {
            session.end(sequence);
        }
    }

    /// Asks one node.
    async fn attempt(
        &self,
        door: &Door,
        session: Option<(&Arc<Session>, delian_core::Sequence)>,
        known: &mut Option<delian_core::topology::Command>,
    ) -> Answer {
        match &self.action {
            Action::Read => {
                let looked = door.handle.look(|node, _| node.topology().epoch()).await;
                self.common.record.with(|seen| seen.counts.add("reads", u64::from(looked.is_ok())));
                return if looked.is_ok() { Answer::Looked } else { Answer::Nothing };
            }
            Action::ReadQuorum(it) => return self.read(&door.handle, Consistency::Quorum, *it).await,
            Action::ReadLease(it) => return self.read(&door.handle, Consistency::Lease, *it).await,
            Action::Register(_)
            | Action::Deregister(_)
            | Action::Evict(_)
            | Action::SetCondition(..)
            | Action::Drain(..)
            | Action::Moved(..)
            | Action::Custom(_)
            | Action::Quorum(_)
            | Action::Transfer(_)
            | Action::ForgetLeader => {}
        }
        if known.is_none() {
            let (action, wall): (Action, WallTime) = (self.action.clone(), door.clock.wall());
            let Ok(formulated) = door.handle.look(move |node, _| command(&action, node, wall)).await else {
                return Answer::Nothing;
            };
            *known = formulated;
        }
        let Some(command) = known.clone() else { return Answer::Nothing };
        let Some((session, sequence)) = session else { return answer(door.handle.command(command).await) };
        let id: SessionId = match session.id(&door.handle).await {
            Ok(id) => id,
            Err(failure) => return answer(Err(failure)),
        };
        let outcome = door.handle.session_command(session.operation(id, sequence), command).await;
        if let Err(Failure::Rejected(Rejected::SessionExpired(_))) = outcome {
            self.sessions.forget(self.client, session);
        }
        answer(outcome)
    }

    async fn read(&self, handle: &Handle, consistency: Consistency, subject: u16) -> Answer {
        let known = self.common.record.with(|seen| seen.ledger.acknowledged());
        let subject = NodeId::new(u64::from(subject));
        let since = move |node: &Node, _| node.topology().get(subject).map(|member| member.registered);
        match handle.read(consistency, since).await {
            Ok((at, since)) => {
                self.common.record.with(|seen| {
                    let now = seen.now();
                    seen.ledger.on_read(now, known, at.applied);
                });
                Answer::Read(consistency, at, since)
            }
            Err(failure) => answer(Err(failure)),
        }
    }

    fn note(&self, answer: &Answer) -> Meaning {
        self.common.record.with(|seen| note(seen, answer, &self.action, self.client))
    }
}

fn note(seen: &mut Seen, answer: &Answer, action: &Action, client: u16) -> Meaning {
    let now = seen.now();
    match answer {
        Answer::Applied(applied) => {
            seen.mix(&format!("client {client} {action:?} {applied:?}"));
            seen.counts.add("acknowledged", 1);
            seen.ledger.on_acknowledged(now, *applied);
            Meaning::Final
        }
        Answer::Read(consistency, at, _) => {
            seen.mix(&format!("client {client} {action:?} {at:?}"));
            seen.counts.add(if *consistency == Consistency::Lease { "lease_reads" } else { "quorum_reads" }, 1);
            Meaning::Final
        }
        Answer::Failed(rejected) => {
            seen.mix(&format!("client {client} {action:?} {rejected:?}"));
            let meaning = Meaning::of(rejected);
            seen.counts.add("rejected", u64::from(meaning != Meaning::Uncertain));
            meaning
        }
        Answer::Looked => Meaning::Final,
        Answer::Nothing if *action == Action::Read => Meaning::Final,
        Answer::Nothing => Meaning::Uncertain,
    }
}

/// Returns what a client was told, as every world has it.
fn reply_of(answer: Answer) -> Reply {
    match answer {
        Answer::Applied(applied) => Reply::Applied(applied.epoch),
        Answer::Read(_, _, since) => Reply::Registered(since),
        Answer::Looked => Reply::Done,
        Answer::Failed(rejected) => match heard(&Err(rejected.clone())) {
            Heard::Answer(Output::Unregistered) => Reply::Unregistered,
            Heard::Answer(_) | Heard::NoEffect => Reply::Refused(word(&rejected).to_owned()),
            Heard::Unknown => Reply::Unknown,
        },
        Answer::Nothing => Reply::Unknown,
    }
}

fn answer(outcome: Result<Applied, Failure>) -> Answer {
    match outcome {
        Ok(applied) => Answer::Applied(applied),
        Err(Failure::Rejected(rejected)) => Answer::Failed(rejected),
        Err(Failure::Stopped) => Answer::Nothing,
    }
}

/// Asks a node for one more command, as a proof that the cluster takes some, and returns whether it did.
pub(super) async fn prove(record: Record, handle: Handle, node: NodeId) {
    let command = delian_core::topology::Command::custom(b"proof");
    let outcome = handle.command(command).await;
    record.with(|seen| {
        seen.mix(&format!("proof through {node}: {outcome:?}"));
        if let Ok(applied) = outcome {
            let now = seen.now();
            seen.ledger.on_acknowledged(now, applied);
            seen.is_proven = true;
        }
    });
}
