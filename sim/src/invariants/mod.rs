//! What must never happen, one property per file.
//!
//! A world reports each [`Observation`] as it happens; the properties keep what they need to judge it and say which one
//! is broken, in one sentence, with the facts that contradict it. They see nodes and disks through [`View`] and nothing
//! of how time or messages are simulated, so any world and any explorer can use them.

mod acknowledged;
mod agreement;
mod bounded;
mod complete_log;
mod counted;
mod durable_majority;
mod durable_votes;
mod equal_runs;
mod expected;
mod halts;
mod heals;
mod leader_completeness;
mod ledger;
mod linearizable;
mod log_matching;
mod lost_memory;
mod matched;
mod minority;
mod monotonic;
mod no_panic;
mod once;
mod one_leader;
mod order;
mod outcomes;
mod own_term;
mod promises;
mod session_model;
mod sessions;
mod settled;
mod shared_quorum;
mod state_machine;

use std::collections::BTreeSet;

use delian_core::raft::{Configuration, QuorumChange, Record, Recovered};
use delian_core::topology::Command;
use delian_core::{Applied, Consistency, Epoch, Event, Incarnation, Message, Node, NodeId, Position, ReadAt, Rejected};
use delian_core::{RequestId, SessionRequest, Time};

use crate::linearizability::history::OperationId;

pub use self::equal_runs::EqualRuns;
pub use self::expected::Expected;
pub use self::heals::HealsInTime;
pub use self::ledger::Ledger;
pub use self::linearizable::Judged;
pub use self::no_panic::NoPanic;

/// What the properties may see of a world.
pub trait View {
    /// Returns the node with this identity, if it runs.
    fn node(&self, id: NodeId) -> Option<&Node>;
    /// Returns what is on the disk of the process that has this identity.
    fn disk(&self, id: NodeId) -> Option<&Recovered>;
    /// Returns what is on the disk of a node's memory, or was on it when it was destroyed.
    fn memory(&self, id: NodeId, incarnation: Incarnation) -> Option<&Recovered>;
    /// Returns what is on the disk of the process that has this identity, if no write is on its way there.
    fn settled_disk(&self, id: NodeId) -> Option<&Recovered>;
    /// Returns whether the network let a node reach another and hear it, each at some moment since then; a node always
    /// reaches itself.
    fn reached_since(&self, id: NodeId, peer: NodeId, since: Time) -> bool;
    /// Returns whether the disk of a node's memory holds an entry, or held it when it was destroyed.
    fn disk_holds(&self, id: NodeId, incarnation: Incarnation, position: Position) -> bool {
        self.memory(id, incarnation).is_some_and(|disk| holds(disk, position))
    }
    /// Returns whether a node runs and is not frozen.
    fn is_at_work(&self, id: NodeId) -> bool;
    /// Returns whether the node's disk was made to fail.
    fn disk_may_fail(&self, id: NodeId) -> bool;
}

/// Returns whether a disk holds an entry, in its log or behind its snapshot.
pub(super) fn holds(disk: &Recovered, position: Position) -> bool {
    let covered = disk.snapshot.as_ref().is_some_and(|snapshot| snapshot.last.index >= position.index);
    let place = position.index.get().checked_sub(disk.dropped.index.get() + 1);
    covered
        || place
            .and_then(|place| disk.entries.get(usize::try_from(place).ok()?))
            .is_some_and(|entry| entry.term == position.term)
}

/// Says who votes, such as `n1, n2, n3` or `n1, n2, n3 and n3, n4, n5`.
fn voters(configuration: &Configuration) -> String {
    let list = |voters: &BTreeSet<NodeId>| voters.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ");
    let incoming = list(&configuration.voters);
    if configuration.is_joint() { format!("{} and {incoming}", list(&configuration.outgoing)) } else { incoming }
}

/// One thing that happened in a world, at a node.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The node started or restarted.
    Started,
    /// It finished a step.
    Stepped,
    /// It emitted an event.
    Emitted(&'a Event),
    /// It issued a write.
    Wrote(&'a Record),
    /// It sent a message to another.
    Sent(NodeId, &'a Message),
    /// A client asked it for something.
    Asked(RequestId, &'a Asked),
    /// It told that client what became of a change.
    Replied(RequestId, &'a Result<Applied, Rejected>),
    /// It told that client from where on it may read.
    ReadReplied(RequestId, &'a Result<ReadAt, Rejected>),
    /// A client begins an operation, for which it may ask several nodes, and this one first.
    Called(OperationId, &'a Asked),
    /// The client has its answer, or gives up.
    Concluded(OperationId, &'a Conclusion),
    /// It handed a command to its embedder.
    HandedOver(&'a Applied),
    /// It crashed.
    Crashed,
    /// A second of time has passed.
    Sampled,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A change.
    Command(Command),
    /// To open or close a session, or a change within one.
    Session(SessionRequest),
    /// A change of who decides.
    Quorum(QuorumChange),
    /// Since when this subject is registered.
    Read(Consistency, NodeId),
}

/// What an operation came to, over all attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The answer to a change.
    Outcome(Result<Applied, Rejected>),
    /// The answer to a read: what it reflects, and since when the subject is registered there.
    Read(ReadAt, Option<Epoch>),
    /// No answer will come.
    Nothing,
}

/// A broken property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Its name.
    pub invariant: &'static str,
    /// The property in one sentence.
    pub sentence: &'static str,
    /// The facts that contradict it.
    pub facts: Vec<String>,
}

/// A property with its name.
pub trait Invariant {
    /// Its name, as in reports and bug descriptions.
    const NAME: &'static str;
    /// The property in one sentence.
    const SENTENCE: &'static str;

    /// Returns the breach that these facts show.
    fn breach(facts: Vec<String>) -> Breach {
        Breach { invariant: Self::NAME, sentence: Self::SENTENCE, facts }
    }
}

/// All properties, with what they remember of one run.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    ledger: Ledger,
    one_leader: one_leader::OneLeaderPerTerm,
    monotonic: monotonic::NothingGoesBack,
    state_machine: state_machine::StateMachineSafety,
    acknowledged: acknowledged::AcknowledgedSurvive,
    outcomes: outcomes::OneOutcome,
    once: once::AtMostOnce,
    sessions: sessions::OncePerSequence,
    order: order::KeepTheirOrder,
    linearizable: linearizable::Linearizable,
    complete_log: complete_log::CompleteLog,
}

/// The name and the sentence of every property that a run is judged by, for people and for bug descriptions.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    fn row<I: Invariant>() -> (&'static str, &'static str) {
        (I::NAME, I::SENTENCE)
    }
    vec![
        row::<one_leader::OneLeaderPerTerm>(),
        row::<durable_votes::DurableVotes>(),
        row::<complete_log::CompleteLog>(),
        row::<log_matching::LogMatching>(),
        row::<leader_completeness::LeaderCompleteness>(),
        row::<state_machine::StateMachineSafety>(),
        row::<durable_majority::DurableMajority>(),
        row::<shared_quorum::SharedQuorum>(),
        row::<lost_memory::LostMemory>(),
        row::<matched::MatchedIsOnDisk>(),
        row::<own_term::OwnTermOnly>(),
        row::<promises::PromisesAreDurable>(),
        row::<acknowledged::AcknowledgedSurvive>(),
        row::<outcomes::OneOutcome>(),
        row::<once::AtMostOnce>(),
        row::<sessions::OncePerSequence>(),
        row::<order::KeepTheirOrder>(),
        row::<linearizable::Linearizable>(),
        row::<minority::MinorityCommitsNothing>(),
        row::<monotonic::NothingGoesBack>(),
        row::<bounded::Bounded>(),
        row::<counted::CountedBytes>(),
        row::<settled::SettledDisk>(),
        row::<halts::NoHaltWithoutCause>(),
        row::<agreement::Agreement>(),
        row::<HealsInTime>(),
        row::<NoPanic>(),
        row::<Expected>(),
        row::<EqualRuns>(),
    ]
}

impl Invariants {
    /// Begins to watch a cluster that is founded with these members.
    pub fn new(founding: Configuration) -> Self {
        Self { ledger: Ledger::new(founding), ..Self::default() }
    }

    /// Judges one observation made at node `id` at `now`.
    ///
    /// # Errors
    ///
    /// Returns the first property that it breaks.
    pub fn observe(
        &mut self,
        now: Time,
        id: NodeId,
        observation: Observation<'_>,
        view: &impl View,
    ) -> Result<(), Breach> {
        match observation {
            Observation::Started => self.monotonic.on_start(id, view),
            Observation::Stepped => self.monotonic.on_step(id, view),
            Observation::Emitted(event) => self.on_event(now, id, event, view),
            Observation::Wrote(record) => {
                self.ledger.on_write(now, id, record, view)?;
                shared_quorum::on_write(id, record, &self.ledger, view)
            }
            Observation::Sent(to, message) => {
                self.monotonic.on_send(id, message, view);
                promises::on_send(id, to, message, view)?;
                self.complete_log.on_send(id, to, message, view)
            }
            Observation::Asked(request, asked) => {
                self.acknowledged.on_ask(request, asked);
                self.outcomes.on_ask(id, request);
                self.once.on_ask(request, asked);
                self.sessions.on_ask(request, asked);
                Ok(())
            }
            Observation::Replied(request, outcome) => {
                self.outcomes.on_reply(id, request, outcome)?;
                self.once.on_reply(request, outcome)?;
                self.sessions.on_reply(id, request, outcome)?;
                self.acknowledged.on_reply(id, request, outcome, &self.ledger)
            }
            Observation::ReadReplied(request, outcome) => self.outcomes.on_reply(id, request, outcome),
            Observation::Called(operation, asked) => {
                self.order.on_call(operation, now, asked);
                self.linearizable.on_call(operation, now, asked);
                Ok(())
            }
            Observation::Concluded(operation, conclusion) => {
                self.linearizable.on_conclusion(operation, now, conclusion);
                self.order.on_conclusion(operation, now, conclusion)
            }
            Observation::HandedOver(applied) => self.sessions.on_effect(id, applied.position, &self.ledger),
            Observation::Crashed => {
                self.outcomes.on_crash(id);
                Ok(())
            }
            Observation::Sampled => {
                bounded::on_sample(id, view)?;
                counted::on_sample(id, view)?;
                settled::on_sample(id, view)?;
                matched::on_sample(id, view)?;
                self.outcomes.on_sample(id, view)
            }
        }
    }

    /// Returns the committed history so far.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Judges the nodes that must agree at the end, and what all clients saw.
    ///
    /// # Errors
    ///
    /// Returns the agreement that is missing, or the answers that no order explains.
    pub fn at_end(&self, whole: &[NodeId], view: &impl View) -> Result<Judged, Breach> {
        let Some(first) = whole.iter().find_map(|id| view.node(*id)) else { return Ok(Judged::default()) };
        let made = session_model::replay(&self.ledger, first.settings());
        agreement::at_end(whole, &made, view)?;
        self.linearizable.at_end(&made.accepted)
    }

    fn on_event(&mut self, now: Time, id: NodeId, event: &Event, view: &impl View) -> Result<(), Breach> {
        match event {
            Event::BecameLeader { term } => {
                self.one_leader.on_leader(id, *term)?;
                durable_votes::on_leader(id, *term, &self.ledger, view)?;
                shared_quorum::on_leader(id, *term, &self.ledger, view)?;
                leader_completeness::on_leader(id, *term, &self.ledger, view)
            }
            Event::Committed { last } => {
                let before = self.ledger.tip();
                let created = self.ledger.on_commit(id, *last)?;
                if last.index > before.index {
                    durable_majority::on_commit(id, *last, &self.ledger, view)?;
                    shared_quorum::on_commit(id, before, &self.ledger, view)?;
                    own_term::on_commit(id, *last, view)?;
                    minority::on_commit(id, *last, created, &self.ledger, view)?;
                    for (_, payload) in self.ledger.committed_after(before.index) {
                        self.once.on_commit(payload)?;
                    }
                }
                Ok(())
            }
            Event::Changed { position, epoch, what } => {
                self.linearizable.on_change(*epoch, now);
                self.sessions.on_effect(id, *position, &self.ledger)?;
                self.state_machine.on_change(id, *position, *epoch, *what)
            }
            Event::Refused { position, refusal } => {
                self.sessions.on_effect(id, *position, &self.ledger)?;
                self.state_machine.on_refusal(id, *position, refusal)
            }
            Event::SnapshotInstalled { last, epoch } => self.state_machine.on_install(id, *last, *epoch),
            Event::Halted(halt) => halts::on_halt(id, *halt, view),
            Event::Started { .. }
            | Event::PreVoteStarted { .. }
            | Event::ElectionStarted { .. }
            | Event::FollowsLeader { .. }
            | Event::SteppedDown { .. }
            | Event::Truncated { .. }
            | Event::Compacted { .. }
            | Event::SnapshotSent { .. }
            | Event::PeerContradicted { .. }
            | Event::QuorumChanged { .. }
            | Event::MemoryLost { .. }
            | _ => Ok(()),
        }
    }
}
