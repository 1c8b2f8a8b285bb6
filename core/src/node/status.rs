//! What a node can say about itself.

use core::fmt;

use super::Node;
use crate::ids::{Boot, Epoch, FeatureLevel, LogIndex, NodeId, Position, Term};
use crate::io::Halt;
use crate::raft::{Raft, Role};
use crate::time::Time;

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
            epoch: self.topology.epoch(),
            members: self.topology.len(),
            withheld: raft.withheld_count(),
            pending_commands: self.commands.len(),
            pending_reads: self.reads.len(),
            transfer: raft.transfer_target(),
            lease_until: raft.lease_until(),
            halted: raft.halted(),
        }
    }
}
