//! What a node can say about itself.

use core::fmt;

use super::Node;
use super::why::Why;
use crate::condition::Condition;
use crate::health::Health;
use crate::ids::{Boot, Epoch, FeatureLevel, LogIndex, NodeId, Position, Term};
use crate::io::Halt;
use crate::raft::{Raft, Role};
use crate::time::Time;
use crate::topology::Member;

use serde::{Deserialize, Serialize};

/// A node at one moment, as plain data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// Its identity.
    pub id: NodeId,
    /// Which run of it this is.
    pub boot: Boot,
    /// Its term.
    pub term: Term,
    /// What it does in that term.
    pub role: RoleName,
    /// Who leads the term, if known.
    pub leader: Option<NodeId>,
    /// The last entry of its log.
    pub last: Position,
    /// The last entry that its own disk holds.
    pub durable: LogIndex,
    /// The last entry known to be committed.
    pub commit: LogIndex,
    /// The last entry that its snapshot covers.
    pub snapshot: LogIndex,
    /// The feature level in force.
    pub level: FeatureLevel,
    /// The epoch of its topology.
    pub epoch: Epoch,
    /// How many nodes are registered there.
    pub members: usize,
    /// How many of them are in each condition, in the order of [`Condition::ALL`].
    pub conditions: [usize; Condition::ALL.len()],
    /// Whether the node lays the silence of many to its own account.
    pub suspects_itself: bool,
    /// The ring that it holds, if it is configured to hold one.
    pub ring: Option<RingStatus>,
    /// How many messages wait for its disk.
    pub withheld: usize,
    /// How many commands wait for an outcome at it.
    pub pending_commands: usize,
    /// How many reads wait for an answer at it, of its own clients and of other nodes.
    pub pending_reads: usize,
    /// To whom it is handing over, if it is.
    pub transfer: Option<NodeId>,
    /// Until when it may answer reads under a lease, if it leads and ever had one in this term.
    pub lease_until: Option<Time>,
    /// Why it stopped, if it did.
    pub halted: Option<Halt>,
}

/// A ring in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RingStatus {
    /// The epoch of the topology that it follows: the last one that changed who is registered.
    pub epoch: Epoch,
    /// How many members it has.
    pub members: usize,
    /// How many points.
    pub points: usize,
}

/// Writes a few lines for whoever operates the node.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, role, term, boot, level, last, durable, commit, snapshot, epoch, members, .. } = self;
        write!(f, "{id}, {role} of {term} in {boot}")?;
        match self.leader {
            Some(leader) if leader != *id => writeln!(f, ", follows {leader}")?,
            Some(_) => writeln!(f)?,
            None => writeln!(f, ", knows no leader")?,
        }
        writeln!(f, "log       last {last}, durable {durable}, committed {commit}, snapshot {snapshot}, {level}")?;
        write!(f, "topology  {epoch}, {members} registered")?;
        let counted = Condition::ALL.iter().zip(self.conditions).filter(|(_, count)| *count > 0);
        for (number, (condition, count)) in counted.enumerate() {
            write!(f, "{} {count} {condition}", if number == 0 { ':' } else { ',' })?;
        }
        writeln!(f)?;
        if let Some(RingStatus { epoch, members, points }) = self.ring {
            writeln!(f, "ring      {epoch}, {members} members, {points} points")?;
        }
        let Self { withheld, pending_commands, pending_reads, .. } = self;
        write!(f, "waiting   {withheld} for the disk, {pending_commands} commands, {pending_reads} reads")?;
        if let Some(target) = self.transfer {
            write!(f, "\nhands over to {target}")?;
        }
        if self.suspects_itself {
            f.write_str("\nsuspects itself: too many are silent at once")?;
        }
        match self.halted {
            Some(halt) => write!(f, "\nstopped for good: {halt}"),
            None => Ok(()),
        }
    }
}

/// The name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum RoleName {
    /// It answers.
    #[default]
    Follower,
    /// It asks whether it could win an election.
    PreCandidate,
    /// It asks for votes.
    Candidate,
    /// It leads.
    Leader,
    /// It has no voice: it takes in the log, or only hears of it.
    Observer,
}

impl RoleName {
    pub(super) fn of(raft: &Raft) -> Self {
        match raft.role() {
            Role::Follower if !raft.configuration().is_voter(raft.id()) => Self::Observer,
            Role::Follower => Self::Follower,
            Role::PreCandidate(_) => Self::PreCandidate,
            Role::Candidate(_) => Self::Candidate,
            Role::Leader(_) => Self::Leader,
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Observer => "observer",
        })
    }
}

impl Node {
    /// Returns what the node can say about itself.
    pub fn status(&self) -> Status {
        let raft = &self.raft;
        Status {
            id: raft.id(),
            boot: raft.boot(),
            term: raft.term(),
            role: RoleName::of(raft),
            leader: raft.leader(),
            last: raft.log().last(),
            durable: raft.log_durable(),
            commit: raft.commit(),
            snapshot: raft.log().covered().index,
            level: raft.feature_level(),
            conditions: self.conditions(),
            suspects_itself: self.health().is_some_and(Health::doubts),
            ring: self.ring().map(|ring| RingStatus {
                epoch: ring.epoch(),
                members: ring.len(),
                points: ring.point_count(),
            }),
            epoch: self.topology().epoch(),
            members: self.topology().len(),
            withheld: raft.withheld_count(),
            pending_commands: self.commands.len(),
            pending_reads: self.reads.len(),
            transfer: raft.transfer_target(),
            lease_until: raft.lease_until(),
            halted: raft.halted(),
        }
    }

    /// Returns why a node is in its condition, with all the evidence that this node has; nothing if it is not registered.
    pub fn why(&self, now: Time, node: NodeId) -> Option<Why> {
        let member = self.topology().get(node)?;
        let Member { registered, condition, since, cause, drain, .. } = *member;
        let evidence = self.health().and_then(|health| health.explain(now, node));
        Some(Why { node, registered, condition, since, cause, drain, now, evidence })
    }

    fn conditions(&self) -> [usize; Condition::ALL.len()] {
        let mut conditions = [0; Condition::ALL.len()];
        for member in self.topology().members() {
            conditions[member.condition as usize] += 1;
        }
        conditions
    }
}
