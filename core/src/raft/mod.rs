//! Agreement on a log: Raft as in Ongaro's dissertation (2014), with pre-vote and check-quorum.
//!
//! What this machine guarantees: one leader per term, logs that agree up to any entry they share, and that a committed
//! entry stays. It keeps these promises through any loss, delay, duplication or reordering of messages, through any
//! pause or clock, and through crashes of every node, as long as a disk keeps what it acknowledged. What it refuses to
//! know: what the entries mean, where its messages and writes go, and what time it is beyond the deadlines it sets.
//!
//! When a disk or a peer contradicts what was promised, the node halts rather than guess.

mod configuration;
mod configurations;
mod change;
mod chunks;
mod election;
mod follow;
mod lead;
mod level;
mod log;
mod message;
mod progress;
mod projection;
mod read;
mod receive;
mod record;
mod shipment;
mod snapshot;
mod transfer;
mod writes;

use alloc::sync::Arc;
use core::time::Duration;

pub use change::{QuorumChange, QuorumRefusal, VOTERS_MAX};
pub use chunks::{Parcel, RANGES_MAX, Range, Ranges, SnapshotIdentity};
pub use configuration::Configuration;
pub use election::Votes;
pub use lead::Leadership;
pub use log::Log;
pub use message::{Append, Appended, Ballot, Body, Candidacy, Entries, Entry, Message, Payload};
pub use progress::{Pace, Peers, Probe, Progress, SnapshotForm, Window};
pub use record::{HardState, RECORD_VERSION, Record, RecordError, Recovered, Snapshot};
pub use shipment::Shipment;

pub(crate) use change::ChangeError;
pub(crate) use read::{ReadFate, ReadMark};
pub(crate) use snapshot::Offered;
pub(crate) use transfer::TransferError;

use self::chunks::Partial;
use self::configurations::Configurations;
use self::writes::Writes;
use crate::config::Settings;
use crate::ids::{Boot, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Round, Term, WriteId};
use crate::io::{Event, Halt, Outbox, StepDown, Wake, WakeReason};
use crate::rng::{Seed, Stream};
use crate::time::Time;

/// One node's part in the agreement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    id: NodeId,
    settings: Arc<Settings>,
    rng: Stream,
    hard_state: HardState,
    /// Whether `hard_state` differs from what was last written.
    hard_state_changed: bool,
    writes: Writes,
    log: Log,
    configurations: Configurations,
    role: Role,
    leader: Option<NodeId>,
    /// The last round of heartbeats that came from the leader of this term.
    leader_round: Round,
    commit: LogIndex,
    applied: LogIndex,
    /// The cost of the entries applied since the last snapshot.
    applied_bytes: u64,
    /// The feature level in force at `applied`.
    level: FeatureLevel,
    /// The part of a leader's snapshot that has come so far.
    partial: Option<Partial>,
    election_at: Time,
    election_timeout: Duration,
    /// Until then a live leader is presumed, and nobody else gets a vote (section 4.2.3).
    leader_presumed_until: Time,
    halted: Option<Halt>,
}

/// What a node does in its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It answers.
    Follower,
    /// It asks whether it could win.
    PreCandidate(Votes),
    /// It asks for votes.
    Candidate(Votes),
    /// It leads.
    Leader(Leadership),
}

/// Why a command did not get into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProposeError {
    NotLeader,
    Busy,
    /// The leader is handing over to this node.
    Transferring(NodeId),
}

impl Raft {
    /// Starts or restarts; every start is a boot of its own, written before anything is said.
    pub(crate) fn start(
        now: Time,
        id: NodeId,
        settings: Arc<Settings>,
        seed: Seed,
        recovered: Recovered,
        out: &mut Outbox,
    ) -> Self {
        let boot = recovered.hard_state.boot.next();
        let mut rng = Stream::new(seed.derive("boot", boot.get()), "raft");
        let founding = recovered.hard_state.incarnation == Some(Incarnation::FOUNDING);
        // Zero is the founding one, which no other memory may take.
        let incarnation = recovered.hard_state.incarnation.or_else(|| Some(Incarnation::new(rng.next_u64().max(1))));
        // An earlier run may have promised a leader's lease to vote for nobody else, and forgot until when.
        let may_have_promised = recovered.hard_state.boot > Boot::ZERO && settings.raft.lease_timeout.is_some();
        let leader_presumed_until =
            if may_have_promised { now + settings.raft.election_timeout_min } else { Time::ZERO };
        let hard_state = HardState { boot, incarnation, ..recovered.hard_state };
        let (log, refusal) = match Log::recover(recovered) {
            Ok(log) => (log, None),
            Err(what) => (Log::default(), Some(what)),
        };
        // A disk that was never written may be one that was lost, so only a founding member believes its settings.
        let first = if founding {
            Configuration::founding(settings.voters.clone(), settings.learners.clone())
        } else {
            Configuration::default()
        };
        let configurations = Configurations::recover(&log, first);
        let covered = log.covered().index;
        let mut raft = Self {
            id,
            rng,
            hard_state,
            hard_state_changed: true,
            writes: Writes::new(log.last().index, settings.raft.withheld_max),
            settings,
            log,
            configurations,
            role: Role::Follower,
            leader: None,
            leader_round: Round::ZERO,
            commit: covered,
            applied: covered,
            applied_bytes: 0,
            level: FeatureLevel::FIRST,
            partial: None,
            election_at: Time::NEVER,
            election_timeout: Duration::ZERO,
            leader_presumed_until,
            halted: None,
        };
        if let Some(what) = refusal {
            raft.halt(Halt::RecoveryContradicted(what), out);
            return raft;
        }
        let level = raft.level_at(covered);
        if raft.halt_if_unknown(level, out) {
            return raft;
        }
        raft.level = level;
        out.emit(Event::Started { boot, last: raft.log.last() });
        raft.draw_election_timeout(now);
        raft.save_hard_state(out);
        // The log of a sole voter may lack the entry that made another node a voter, and that one's lease counts on this.
        if raft.is_sole_voter() && !may_have_promised {
            raft.campaign(now, Candidacy::Silence, out);
        }
        raft
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Time, out: &mut Outbox) {
        if matches!(self.role, Role::Leader(_)) {
            self.lead(now, out);
        } else if now >= self.election_at {
            self.stand(now, out);
        }
    }

    /// Notes that writes are done: what waited for them goes out, and what they decide is decided.
    pub(crate) fn persisted(&mut self, now: Time, id: WriteId, out: &mut Outbox) {
        if self.writes.acknowledge(id, out).is_err() {
            return self.halt(Halt::DiskContradicted(id), out);
        }
        self.count_own_vote(now, out);
        self.count_own_log(now, out);
    }

    /// Writes the hard state if it changed; called at the end of every step.
    ///
    /// A node that halted writes nothing more: what its disk holds is evidence.
    pub(crate) fn save_hard_state(&mut self, out: &mut Outbox) {
        if self.hard_state_changed && self.halted.is_none() {
            self.hard_state_changed = false;
            self.writes.persist_hard_state(Record::HardState(self.hard_state), out);
        }
    }

    /// Takes the next committed entry to apply, if any.
    pub(crate) fn next_committed(&mut self) -> Option<(Position, &Entry)> {
        if self.applied >= self.commit {
            return None;
        }
        let index = self.applied.next();
        let entry = self.log.entry(index).expect("entries after the applied one stay until they are applied");
        self.applied = index;
        self.applied_bytes += entry.cost();
        Some((Position::new(entry.term, index), entry))
    }

    /// Stops the node for good.
    pub(crate) fn halt(&mut self, halt: Halt, out: &mut Outbox) {
        if self.halted.is_none() {
            self.halted = Some(halt);
            out.emit(Event::Halted(halt));
        }
    }

    /// Returns when and why this machine wants to be woken.
    pub(crate) fn next_wake(&self) -> Option<Wake> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership.next_wake()),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.may_stand().then_some(Wake { at: self.election_at, why: WakeReason::Election })
            }
        }
    }

    /// Returns whether the entries applied since the last snapshot are worth a new one.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.applied_bytes >= self.settings.raft.log_bytes_max
    }

    /// Returns this node's id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Returns the present term.
    pub const fn term(&self) -> Term {
        self.hard_state.term
    }

    /// Returns who has this node's vote in the present term.
    pub const fn voted_for(&self) -> Option<NodeId> {
        self.hard_state.voted_for
    }

    /// Returns which run of the node this is.
    pub const fn boot(&self) -> Boot {
        self.hard_state.boot
    }

    /// Returns what the node does in its term.
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// Returns whether the node leads its term.
    pub const fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Returns who leads the present term, if that is known.
    pub const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// Returns when this node last heard from the leader that it follows; nothing at a leader, or where none is followed.
    pub fn leader_heard_at(&self) -> Option<Time> {
        let until = self.leader.filter(|leader| *leader != self.id).map(|_| self.leader_presumed_until)?;
        // A presumption that was given up says nothing of when the leader was heard.
        (until > Time::ZERO).then(|| Time::ZERO + until.since(Time::ZERO + self.settings.raft.election_timeout_min))
    }

    /// Returns the log in memory.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the last index known to be committed.
    pub const fn commit(&self) -> LogIndex {
        self.commit
    }

    /// Returns the last index applied.
    pub const fn applied(&self) -> LogIndex {
        self.applied
    }

    /// Returns the configuration in force: the last one in the log, committed or not, and not who is reachable.
    pub fn configuration(&self) -> &Configuration {
        self.configurations.latest()
    }

    /// Returns the entry that brought the configuration in force; zero for the founding one.
    pub fn configuration_index(&self) -> LogIndex {
        self.configurations.changed_at()
    }

    /// Returns which memory of the node this is.
    pub fn incarnation(&self) -> Incarnation {
        self.hard_state.incarnation.unwrap_or_default()
    }

    /// Returns the last index that is on this node's own disk.
    pub const fn log_durable(&self) -> LogIndex {
        self.writes.log_durable()
    }

    /// Returns the cost in bytes of the entries that this node proposed and that are not on its own disk.
    pub const fn undurable_bytes(&self) -> u64 {
        self.writes.proposed_bytes()
    }

    /// Returns whether even after a crash no other run takes this run's boot.
    pub(crate) fn boot_is_durable(&self) -> bool {
        // The first write of every run is the hard state with its boot.
        self.writes.done() > WriteId::ZERO
    }

    /// Returns how many messages wait for the disk.
    pub fn withheld_count(&self) -> usize {
        self.writes.withheld_count()
    }

    /// Returns why the node stopped, if it did.
    pub const fn halted(&self) -> Option<Halt> {
        self.halted
    }

    /// Asserts what must hold between any two steps.
    ///
    /// # Panics
    ///
    /// Panics if the machine is wrong; no peer and no disk can bring that about.
    pub fn assert_invariants(&self) {
        let last = self.log.last();
        assert!(self.applied <= self.commit, "applied {} passed commit {}", self.applied, self.commit);
        assert!(self.commit <= last.index, "commit {} passed last {last}", self.commit);
        assert!(self.log.covered().index <= self.applied, "a snapshot covers more than was applied");
        assert!(last.term <= self.term(), "the log reached {last} in term {}", self.term());
        let (durable, issued, done) = (self.writes.log_durable(), self.writes.issued(), self.writes.done());
        assert!(durable <= last.index, "{durable} is durable, but the log ends at {last}");
        assert!(done <= issued, "write {done} is done, but {issued} was the last issued");
        if let Role::Leader(leadership) = &self.role {
            assert_eq!(self.leader, Some(self.id), "a leader that follows another");
            leadership.assert_invariants(last.index, self.settings.raft.snapshot_chunks_max);
        }
    }

    fn is_voter(&self) -> bool {
        self.configuration().is_voter(self.id)
    }

    /// Whether the node stands for election when it misses a leader.
    ///
    /// One that the latest configuration takes the voice from may be the only one with that entry, without which nobody
    /// else can win: until it knows the entry committed it stands, without counting itself (section 4.2.2).
    fn may_stand(&self) -> bool {
        let had_a_voice = || self.configurations.previous().is_some_and(|previous| previous.is_voter(self.id));
        self.is_voter() || (self.configurations.changed_at() > self.commit && had_a_voice())
    }

    fn is_sole_voter(&self) -> bool {
        self.is_voter() && self.configuration().all_voters().count() == 1
    }

    fn become_follower(&mut self, now: Time, term: Term, leader: Option<NodeId>, out: &mut Outbox) {
        let newer = term > self.term();
        if newer {
            if self.is_leader() {
                out.emit(Event::SteppedDown { term: self.term(), reason: StepDown::NewerTerm(term) });
            }
            self.hard_state = HardState { term, voted_for: None, ..self.hard_state };
            self.hard_state_changed = true;
            self.leader_round = Round::ZERO;
            self.writes.drop_withheld();
            if self.settings.raft.lease_timeout.is_none() {
                self.leader_presumed_until = Time::ZERO;
            }
        }
        self.role = Role::Follower;
        if let Some(leader) = leader.filter(|leader| newer || self.leader != Some(*leader)) {
            out.emit(Event::FollowsLeader { term, leader });
        }
        self.leader = leader;
        self.draw_election_timeout(now);
    }

    /// Says something that speaks for the present term, once that term is on disk.
    fn say(&mut self, to: NodeId, body: Body, out: &mut Outbox) {
        self.save_hard_state(out);
        let message = Message { term: self.term(), to: None, body };
        self.writes.send_after_hard_state(to, message, out);
    }

    /// Asks something of a member, as [`Self::say`] does; only the memory that was admitted may answer.
    fn ask(&mut self, to: NodeId, body: Body, out: &mut Outbox) {
        self.save_hard_state(out);
        let message = Message { term: self.term(), to: Some(self.configuration().incarnation(to)), body };
        self.writes.send_after_hard_state(to, message, out);
    }

    /// Promises something, once everything written so far is on disk.
    fn promise(&mut self, to: NodeId, body: Body, out: &mut Outbox) {
        self.save_hard_state(out);
        let message = Message { term: self.term(), to: None, body };
        self.writes.send_after_everything(to, message, out);
    }

    /// Commits up to `index`, which the caller knows to be committed and in the log.
    fn commit_to(&mut self, index: LogIndex, out: &mut Outbox) {
        if index > self.commit {
            let term = self.log.term_at(index).expect("only entries of the log are committed");
            self.commit = index;
            self.partial.take_if(|partial| partial.identity().last.index <= index);
            out.emit_routine(|| Event::Committed { last: Position::new(term, index) });
        }
    }
}
