//! What a model is: a cluster, a network, bounds, and what is looked for.

use std::collections::BTreeSet;

use delian_core::projection::Deadline;
use delian_core::raft::QuorumChange;
use delian_core::{Config, Consistency, FeatureLevel, NodeId, Settings};

pub use crate::explore::flight::Network;
pub use crate::explore::shipped::{Counts, Heal, Tier, UNBOUNDED};

use crate::explore::shipped::Listing;

/// One model: everything that its state space is a function of.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it explores, in one sentence.
    pub sentence: &'static str,
    /// How many voters the cluster is founded with.
    pub voters: u8,
    /// How many learners beside them; they come last.
    pub learners: u8,
    /// What differs from the default configuration.
    pub config: fn(&mut Config),
    /// How messages travel.
    pub network: Network,
    /// How fast writes are done.
    pub disk: Disk,
    /// Where the exploration begins.
    pub start: Start,
    /// How often each thing may happen.
    pub budgets: Budgets,
    /// How clients ask for commands.
    pub asking: Asking,
    /// How recent reads must be.
    pub reads: Consistency,
    /// Which deadlines may fire or lapse on their own.
    pub deadlines: &'static [Deadline],
    /// The changes of the quorum that an operator may ask a leader for, in any order.
    pub changes: Vec<QuorumChange>,
    /// What of the nodes' states is forgotten.
    pub forget: &'static [Forget],
    /// Whether states that differ by the names of nodes are one.
    pub symmetry: Symmetry,
    /// Whether quiet states must heal.
    pub heal: Heal,
    /// What some state must show.
    pub goals: &'static [Goal],
    /// When it is explored.
    pub tier: Tier,
    /// What a complete exploration counts.
    pub pinned: Option<Counts>,
}

/// How fast writes are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Within the step that issued them.
    Instant,
    /// Whenever a flush happens, which takes all that waits. In the queue of [`Network::Delay`], a flush takes its place as
    /// a message does.
    Slow,
}

/// Where the exploration begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All nodes have started for the first time.
    Founded,
    /// The first node leads term 1, and everyone knows that its first entry is committed.
    Led,
}

/// How clients ask for commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Each command is new and given to a node that leads.
    AtLeaders,
    /// Each is new and given to any node that follows a leader, which forwards it, or leads.
    Anywhere,
    /// All are tries of the same command of one session, at any node that leads or follows; the session is open.
    Retrying,
}

/// Whether states that differ by the names of nodes are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetry {
    /// They are: only where [no identity decides](Model::names_decide).
    Reduced {
        /// What a complete exploration counts that tells them apart, if that is kept.
        from: Option<Counts>,
    },
    /// They are told apart.
    Unreduced,
}

/// How often each thing may happen; the rest of it is part of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// The highest term that anyone may stand for.
    pub terms: u8,
    /// Elections that a silence brings about.
    pub elections: u8,
    /// Rounds of heartbeats.
    pub heartbeats: u8,
    /// Checks of the quorum by a leader.
    pub checks: u8,
    /// Commands of clients.
    pub commands: u8,
    /// Reads of clients.
    pub reads: u8,
    /// Crashes, each with a restart.
    pub crashes: u8,
    /// Crashes that take the disk along, each with a restart from an empty one.
    pub wipes: u8,
    /// Promises to a leader that run out before its lease does, because clocks drift beyond the bound.
    pub drifts: u8,
    /// Changes of the quorum.
    pub changes: u8,
    /// Hand-overs.
    pub transfers: u8,
    /// Leaders forgotten on an operator's word.
    pub forgets: u8,
    /// Messages doubled by the network; a set doubles for nothing.
    pub duplicates: u8,
    /// Deviations left; what a model says here is replaced by what its network allows.
    pub deviations: u8,
}

impl Budgets {
    /// Nothing at all.
    pub const NONE: Self = Self {
        terms: 0,
        elections: 0,
        heartbeats: 0,
        checks: 0,
        commands: 0,
        reads: 0,
        crashes: 0,
        wipes: 0,
        drifts: 0,
        changes: 0,
        transfers: 0,
        forgets: 0,
        duplicates: 0,
        deviations: 0,
    };
}

/// A projection of [`delian_core::projection`] that a model may take; those of instants and chance always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// Writes are numbered from the last one done.
    WriteNumbers,
    /// Rounds of heartbeats are not told apart. Not with reads.
    Rounds,
    /// Leaders forget whom they heard from. Not with checks or changes of the quorum.
    Hearing,
    /// Leaders forget which feature level their peers speak. Only where all speak the first.
    Levels,
}

impl Forget {
    /// All of them.
    pub const ALL: &[Self] = &[Self::WriteNumbers, Self::Rounds, Self::Hearing, Self::Levels];
}

/// Something that a model must bring about, or it is vacuous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Goal {
    /// A node leads.
    Leader,
    /// A second term has a leader.
    SecondLeader,
    /// An entry beyond the first of all is committed.
    Committed,
    /// A follower replaced entries.
    Truncated,
    /// A client heard that its command took effect.
    Answered,
    /// A node came back from a crash and commits.
    Recovered,
    /// A configuration beyond the founding one is committed.
    Reconfigured,
    /// A follower took a leader's snapshot.
    Installed,
    /// Another node took over on request.
    Transferred,
    /// A client was told from where on it may read.
    Read,
    /// A leader stepped down because a quorum was silent.
    QuorumLost,
    /// A command of a session was found to have taken effect before.
    Repeated,
    /// A node whose disk was lost commits again.
    Rejoined,
    /// A client was told from where on it may read while a lease lasted.
    LeaseRead,
}

impl Goal {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "a leader is elected",
            Self::SecondLeader => "a second term has a leader",
            Self::Committed => "an entry is committed",
            Self::Truncated => "an entry is truncated",
            Self::Answered => "a client is answered",
            Self::Recovered => "a crash is recovered from",
            Self::Reconfigured => "a configuration is committed",
            Self::Installed => "a snapshot is installed",
            Self::Transferred => "a hand-over succeeds",
            Self::Read => "a read is answered",
            Self::QuorumLost => "a leader without a quorum steps down",
            Self::Repeated => "a repeated command is told apart",
            Self::Rejoined => "a lost disk is recovered from",
            Self::LeaseRead => "a read is answered under a lease",
        }
    }

    /// Returns its bit.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl Model {
    /// Returns what the model says of itself.
    pub const fn listing(&self) -> Listing {
        let is_reduced = self.is_reduced();
        Listing { name: self.name, sentence: self.sentence, tier: self.tier, pinned: self.pinned, is_reduced }
    }

    /// Returns how many nodes there are.
    pub const fn size(&self) -> u8 {
        self.voters + self.learners
    }

    /// Returns how nodes come to differ by their names, if they do: then states that are equal but for names may not have
    /// an equal future.
    pub fn names_decide(&self) -> Option<&'static str> {
        if matches!(self.network, Network::Delay { .. }) {
            // A leader writes to its peers in their order, and the one queue keeps it.
            Some("the one queue keeps the order in which a node writes to its peers")
        } else if !self.changes.is_empty() {
            Some("changes of the quorum name nodes")
        } else if self.budgets.wipes > 1 {
            Some("of two nodes that lost their disks, the first by name is admitted first")
        } else if self.config().autopilot_voters.is_some() {
            Some("the autopilot breaks ties by name")
        } else {
            None
        }
    }

    /// Returns whether states that differ by names alone are one.
    pub const fn is_reduced(&self) -> bool {
        matches!(self.symmetry, Symmetry::Reduced { .. })
    }

    /// Tells states apart that differ by names alone.
    pub const fn tell_names_apart(&mut self) {
        if let Symmetry::Reduced { from } = self.symmetry {
            (self.symmetry, self.pinned) = (Symmetry::Unreduced, from);
        }
    }

    /// Returns who votes and who listens at the founding.
    pub(super) fn members(&self) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
        let ids = |range: std::ops::Range<u8>| range.map(id_of).collect();
        (ids(0..self.voters), ids(self.voters..self.size()))
    }

    /// Returns what all nodes run under.
    pub(super) fn settings(&self) -> Settings {
        self.config().check().expect("a model's configuration makes sense")
    }

    fn config(&self) -> Config {
        let (voters, learners) = self.members();
        // One feature level: what a rolling upgrade adds is explored where it is asked for.
        let mut config = Config { voters, learners, feature_level_max: FeatureLevel::FIRST, ..Config::default() };
        (self.config)(&mut config);
        config
    }
}

/// Returns the identity of the node with a number.
pub(super) fn id_of(number: u8) -> NodeId {
    NodeId::new(u64::from(number) + 1)
}

/// Returns the number of a node, if it is one of the cluster's.
pub(super) fn number_of(id: NodeId, size: usize) -> Option<u8> {
    u8::try_from(id.get().checked_sub(1)?).ok().filter(|number| usize::from(*number) < size)
}
