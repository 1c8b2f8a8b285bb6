//! What must never happen, one property per file.
//!
//! A world reports each [`Observation`] as it happens; the properties keep what they need to judge it and say which one
//! is broken, in one sentence, with the facts that contradict it. They see nodes and disks through [`View`] and nothing
//! of how time or messages are simulated, so any world and any explorer can use them.

mod acknowledged;
mod agreement;
mod bounded;
mod clients;
mod complete_log;
mod consensus;
mod counted;
mod durable_majority;
mod durable_votes;
mod equal_runs;
mod expected;
mod fresh_reads;
mod halts;
mod heals;
mod health;
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

use delian_core::health::{HealthConfig, Heartbeat};
use delian_core::raft::{Configuration, QuorumChange, Record, Recovered};
use delian_core::topology::Command;
use delian_core::{Applied, Consistency, Epoch, Event, Incarnation, Message, Node, NodeId, Position, ReadAt, Rejected};
use delian_core::{RequestId, SessionRequest, Term, Time};

use crate::linearizability::history::OperationId;

pub(crate) use self::clients::Clients;
pub(crate) use self::consensus::Consensus;
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
    /// Returns what the monotonic clock of a node's process shows, where time is told.
    fn clock(&self, id: NodeId) -> Option<Time>;
}

/// Returns whether a disk holds an entry, in its log or behind its snapshot.
pub(crate) fn holds(disk: &Recovered, position: Position) -> bool {
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
    /// A heartbeat of a registered node reached it, and it is about to take it in.
    Heard(&'a Heartbeat),
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    consensus: Consensus,
    clients: Clients,
    order: order::KeepTheirOrder,
    linearizable: linearizable::Linearizable,
    /// What is found of health, if nodes judge each other.
    health: Option<health::Health>,
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
        row::<fresh_reads::FreshReads>(),
        row::<linearizable::Linearizable>(),
        row::<minority::MinorityCommitsNothing>(),
        row::<monotonic::NothingGoesBack>(),
        row::<bounded::Bounded>(),
        row::<counted::CountedBytes>(),
        row::<settled::SettledDisk>(),
        row::<halts::NoHaltWithoutCause>(),
        row::<health::SilenceIsWatched>(),
        row::<health::FailedOncePerEpisode>(),
        row::<health::EvictedByWhatWasSeen>(),
        row::<health::FoundOfTheLife>(),
        row::<health::ToldInTime>(),
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
        Self { consensus: Consensus::new(founding), ..Self::default() }
    }

    /// Says that nodes judge each other's health by these numbers: conditions and evictions are committed that no client asked for.
    #[must_use]
    pub fn of_judging_nodes(mut self, config: &HealthConfig) -> Self {
        self.clients.expect_findings();
        self.linearizable.expect_findings();
        self.health = Some(health::Health::new(config));
        self
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
        self.clients.observe(id, observation, self.consensus.ledger())?;
        if let Some(growth) = self.consensus.observe(now, id, observation, view)? {
            let ledger = self.consensus.ledger();
            minority::on_commit(id, growth.last, growth.created, ledger, view)?;
            self.clients.on_growth(&growth, ledger)?;
        }
        if let Some(health) = &mut self.health {
            health.observe(id, observation, self.consensus.ledger(), view)?;
        }
        match observation {
            Observation::Emitted(Event::Changed { epoch, .. }) => {
                self.linearizable.on_change(*epoch, now);
                Ok(())
            }
            Observation::Called(operation, asked) => {
                self.order.on_call(operation, now, asked);
                self.linearizable.on_call(operation, now, asked);
                Ok(())
            }
            Observation::Concluded(operation, conclusion) => {
                self.linearizable.on_conclusion(operation, now, conclusion);
                self.order.on_conclusion(operation, now, conclusion)
            }
            Observation::Sampled => self.clients.on_second(id, view),
            Observation::Started
            | Observation::Stepped
            | Observation::Emitted(_)
            | Observation::Wrote(_)
            | Observation::Sent(..)
            | Observation::Heard(_)
            | Observation::Asked(..)
            | Observation::Replied(..)
            | Observation::ReadReplied(..)
            | Observation::HandedOver(_)
            | Observation::Crashed => Ok(()),
        }
    }

    /// Returns the committed history so far.
    pub fn ledger(&self) -> &Ledger {
        self.consensus.ledger()
    }

    /// Returns who led each term, in order.
    pub fn leaders(&self) -> impl Iterator<Item = (Term, NodeId)> + '_ {
        self.consensus.leaders()
    }

    /// Judges the nodes that must agree at the end, and what all clients saw.
    ///
    /// # Errors
    ///
    /// Returns the agreement that is missing, or the answers that no order explains.
    pub fn at_end(&self, whole: &[NodeId], view: &impl View) -> Result<Judged, Breach> {
        let Some(first) = whole.iter().find_map(|id| view.node(*id)) else { return Ok(Judged::default()) };
        let made = session_model::replay(self.ledger(), first.settings());
        agreement::at_end(whole, &made, view)?;
        self.linearizable.at_end(&made.accepted)
    }
}
