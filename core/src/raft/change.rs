//! Changing who decides: one voter at a time, or many at once through a joint configuration (Ongaro 2014, chapter 4).
//!
//! A change is proposed only when the one before it is committed and the leader has committed an entry of its own term:
//! without the latter, two leaders could each commit a change of their own that no common majority saw (Ongaro, raft-dev,
//! July 2015). A joint configuration is left by whoever leads when it is committed, and the leave is proposed once, since
//! it is in force as soon as it is appended. A leader without a voice in the configuration steps down when that is
//! committed.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use super::message::{Body, Payload};
use super::progress::Progress;
use super::{Raft, Role};
use crate::ids::{FeatureLevel, Incarnation, NodeId, Position, Term};
use crate::io::{Event, Outbox, StepDown};
use crate::time::Time;

/// How the quorum is to change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuorumChange {
    /// Lets a node receive the log.
    AddLearner {
        /// The node.
        node: NodeId,
        /// The memory that is admitted: what the node's status shows.
        incarnation: Incarnation,
    },
    /// Gives a learner a voice.
    Promote(NodeId),
    /// Takes a voter's voice; it stays as a learner.
    Demote(NodeId),
    /// Lets a node, voter or learner, receive nothing more.
    Remove(NodeId),
    /// Takes a member that lost its memory in again, as a learner.
    Readmit {
        /// The node.
        node: NodeId,
        /// Its new memory.
        incarnation: Incarnation,
    },
    /// Makes these members the voters, all at once; voters that are not among them stay as learners.
    Replace {
        /// The voters to be.
        voters: BTreeSet<NodeId>,
    },
}

/// Why a change of the quorum was not proposed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuorumRefusal {
    /// The leader has not committed an entry of its term yet, or an earlier change is under way.
    ChangeUnderWay,
    /// The node is a member already, under this memory.
    AlreadyMember(NodeId),
    /// The node is a voter already.
    AlreadyVoter(NodeId),
    /// The node has no voice.
    NotVoter(NodeId),
    /// The node is no member.
    NotMember(NodeId),
    /// Nobody would decide.
    NoVoters,
    /// There would be more voters than a quorum is worth waiting for.
    TooManyVoters {
        /// How many there would be.
        voters: usize,
        /// The most there may be.
        max: usize,
    },
    /// The node lacks too much of the log to vote.
    Behind {
        /// The node.
        node: NodeId,
        /// How many committed entries it is not known to hold.
        entries: u64,
    },
    /// It is so already.
    NothingChanges,
    /// Too few of the voters to be answer the leader, so nothing could be decided.
    TooFewAnswer {
        /// How many answer, the leader included if it is one of them.
        answering: usize,
        /// How many are a majority.
        needed: usize,
    },
    /// The node does not speak the feature level in force, and halts as soon as it learns of it.
    LevelTooLow {
        /// The node.
        node: NodeId,
        /// The highest level that it speaks.
        level: FeatureLevel,
        /// The level in force.
        needed: FeatureLevel,
    },
}

impl fmt::Display for QuorumRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeUnderWay => {
                write!(f, "another change of the quorum is under way: try again when it is committed")
            }
            Self::AlreadyMember(node) => write!(f, "{node} is a member already"),
            Self::AlreadyVoter(node) => write!(f, "{node} is a voter already"),
            Self::NotVoter(node) => write!(f, "{node} is no voter"),
            Self::NotMember(node) => write!(f, "{node} is no member of this log: add it as a learner first"),
            Self::NoVoters => write!(f, "no voter would remain"),
            Self::TooManyVoters { voters, max } => write!(f, "{voters} voters are above the limit of {max}"),
            Self::Behind { node, entries } => {
                write!(f, "{node} lacks {entries} committed entries: promote it when it has caught up")
            }
            Self::TooFewAnswer { answering, needed } => write!(
                f,
                "of the voters to be only {answering} answer, and {needed} are a majority: start the others, or try again"
            ),
            Self::NothingChanges => write!(f, "the voters are these already"),
            Self::LevelTooLow { node, level, needed } => {
                write!(f, "{node} speaks feature level {level}, but {needed} is in force: upgrade it first")
            }
        }
    }
}

impl core::error::Error for QuorumRefusal {}

/// The most voters: a majority of nine survives four failures, and each more makes every commit wait for more disks.
pub const VOTERS_MAX: usize = 9;

/// The most committed entries that a learner may lack when it is promoted: what replication carries within a moment.
const PROMOTION_LAG_MAX: u64 = 1_000;

impl Configuration {
    /// Returns the configuration that a change leads to: one step if a single voter comes or goes, else a joint one.
    ///
    /// # Errors
    ///
    /// Returns why the change makes no sense here.
    pub fn changed(&self, change: &QuorumChange) -> Result<Self, QuorumRefusal> {
        let mut next = self.clone();
        match change {
            QuorumChange::AddLearner { node, incarnation } => {
                if self.is_member(*node) {
                    return Err(QuorumRefusal::AlreadyMember(*node));
                }
                next.admit(*node, *incarnation);
            }
            QuorumChange::Promote(node) => {
                if self.voters.contains(node) {
                    return Err(QuorumRefusal::AlreadyVoter(*node));
                }
                if !next.learners.remove(node) {
                    return Err(QuorumRefusal::NotMember(*node));
                }
                next.voters.insert(*node);
            }
            QuorumChange::Demote(node) => {
                if !next.voters.remove(node) {
                    return Err(QuorumRefusal::NotVoter(*node));
                }
                next.learners.insert(*node);
            }
            QuorumChange::Remove(node) => {
                if !next.voters.remove(node) && !next.learners.remove(node) {
                    return Err(QuorumRefusal::NotMember(*node));
                }
                next.forget_strangers();
            }
            QuorumChange::Readmit { node, incarnation } => {
                if !self.is_member(*node) {
                    return Err(QuorumRefusal::NotMember(*node));
                }
                if self.incarnation(*node) == *incarnation {
                    return Err(QuorumRefusal::AlreadyMember(*node));
                }
                next.voters.remove(node);
                next.admit(*node, *incarnation);
            }
            QuorumChange::Replace { voters } => next = self.replaced(voters)?,
        }
        if next.voters.is_empty() {
            return Err(QuorumRefusal::NoVoters);
        }
        if next.voters.len() > VOTERS_MAX {
            return Err(QuorumRefusal::TooManyVoters { voters: next.voters.len(), max: VOTERS_MAX });
        }
        Ok(next)
    }

    fn admit(&mut self, node: NodeId, incarnation: Incarnation) {
        self.learners.insert(node);
        self.incarnations.insert(node, incarnation);
    }

    fn replaced(&self, voters: &BTreeSet<NodeId>) -> Result<Self, QuorumRefusal> {
        if let Some(stranger) = voters.iter().find(|node| !self.is_member(**node)) {
            return Err(QuorumRefusal::NotMember(*stranger));
        }
        if *voters == self.voters {
            return Err(QuorumRefusal::NothingChanges);
        }
        let leaving: BTreeSet<NodeId> = self.voters.difference(voters).copied().collect();
        let mut next = Self { voters: voters.clone(), ..self.clone() };
        next.learners.retain(|learner| !voters.contains(learner));
        if self.voters.symmetric_difference(voters).count() == 1 {
            next.learners.extend(leaving);
        } else {
            next.outgoing.clone_from(&self.voters);
            next.learners_next = leaving;
        }
        Ok(next)
    }
}

/// Why a change did not get into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    NotLeader,
    /// The leader is handing over to this node.
    Transferring(NodeId),
    Refused(QuorumRefusal),
}

impl Raft {
    /// Puts a change of the quorum into the log, where it is in force at once.
    pub(crate) fn change_quorum(&mut self, change: &QuorumChange, out: &mut Outbox) -> Result<Position, ChangeError> {
        if !self.is_leader() {
            return Err(ChangeError::NotLeader);
        }
        if let Some(target) = self.transfer_target() {
            return Err(ChangeError::Transferring(target));
        }
        if !self.may_change_quorum() {
            return Err(ChangeError::Refused(QuorumRefusal::ChangeUnderWay));
        }
        let next = self.configuration().changed(change).map_err(ChangeError::Refused)?;
        self.check_voices(&next).map_err(ChangeError::Refused)?;
        Ok(self.append_own(Payload::Configuration(Arc::new(next)), out))
    }

    /// Checks that the voters to be can decide: whoever gets a voice keeps up, and a majority answers.
    fn check_voices(&self, next: &Configuration) -> Result<(), QuorumRefusal> {
        let newcomers = next.voters.iter().filter(|voter| !self.configuration().voters.contains(voter));
        for node in newcomers {
            if let Some(entries) = self.entries_lacking_at(*node).filter(|entries| *entries > PROMOTION_LAG_MAX) {
                return Err(QuorumRefusal::Behind { node: *node, entries });
            }
            if let Some(refusal) = self.level_lacking_at(*node) {
                return Err(refusal);
            }
        }
        let (voters, max) = (next.all_voters().count(), self.settings.raft.withheld_max);
        if voters > max {
            // A candidate's requests wait for its disk, all at once: the same ones would be lost in every election.
            return Err(QuorumRefusal::TooManyVoters { voters, max });
        }
        let needed = next.voters.len() / 2 + 1;
        let answering = next.voters.iter().filter(|voter| self.answers(**voter)).count();
        if answering < needed {
            // In force, the change could neither be committed nor undone.
            return Err(QuorumRefusal::TooFewAnswer { answering, needed });
        }
        Ok(())
    }

    /// Whether a member was heard from since the quorum check before the last one.
    fn answers(&self, member: NodeId) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        let heard = |progress: &Progress| progress.heard || progress.answered;
        member == self.id || leadership.progress().get(member).is_some_and(heard)
    }

    /// Does what a leader owes a committed configuration: leaves a joint one, or steps down if it has no voice in it.
    pub(super) fn follow_up_configuration(&mut self, now: Time, out: &mut Outbox) {
        if !self.may_follow_up() {
            return;
        }
        let configuration = Arc::clone(self.configurations.latest());
        if configuration.is_joint() {
            self.append_own(Payload::Configuration(Arc::new(configuration.left())), out);
            self.abort_transfer_if_due(now, out);
        } else if !configuration.is_voter(self.id) {
            self.hand_over_without_voice(out);
            out.emit(Event::SteppedDown { term: self.term(), reason: StepDown::Removed });
            let term = self.term();
            self.become_follower(now, term, None, out);
        }
    }

    /// Takes members that lost their memory in again, one at a time.
    pub(super) fn readmit_strangers(&mut self, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        let begun = leadership.rounds.begun();
        // Whoever answered the last round has the memory that was admitted: the word of a stranger came late.
        let stranger = leadership.progress().iter().find_map(|(peer, progress)| {
            let incarnation = progress.stranger.filter(|_| progress.round < begun)?;
            Some((peer, incarnation))
        });
        if let Some((node, incarnation)) = stranger {
            // A change under way is waited for; the stranger goes on saying that it is one.
            let _ = self.change_quorum(&QuorumChange::Readmit { node, incarnation }, out);
        }
    }

    /// Takes in that a node has a memory that no configuration admitted: a member that lost its own, or a visitor.
    pub(crate) fn on_stranger(&mut self, from: NodeId, incarnation: Incarnation, out: &mut Outbox) {
        if !self.configuration().is_member(from) {
            if let Role::Leader(leadership) = &mut self.role {
                leadership.welcome(from, incarnation);
            }
            return;
        }
        if self.configuration().incarnation(from) == incarnation {
            return;
        }
        let Some(progress) = self.progress_mut(from) else { return };
        if progress.stranger.replace(incarnation) != Some(incarnation) {
            out.emit(Event::MemoryLost { node: from, incarnation });
        }
    }

    /// Tells the sender that its message is for a memory that this node does not have.
    pub(super) fn say_stranger(&mut self, to: NodeId, out: &mut Outbox) {
        let incarnation = self.incarnation();
        self.say(to, Body::Stranger { incarnation }, out);
    }

    /// Takes up the configuration that was just appended or rolled back to.
    pub(super) fn take_up_configuration(&mut self) {
        let configuration = Arc::clone(self.configurations.latest());
        let next = self.log.last().index.next();
        let own = self.id;
        if let Role::Leader(leadership) = &mut self.role {
            leadership.take_up(own, &configuration, next);
        }
    }

    fn may_change_quorum(&self) -> bool {
        self.may_follow_up() && !self.configuration().is_joint()
    }

    /// Whether the configuration in force and an entry of the leader's own term are committed.
    fn may_follow_up(&self) -> bool {
        let own_term_committed = self.term() > Term::ZERO && self.log.term_at(self.commit) == Some(self.term());
        self.is_leader() && own_term_committed && self.configurations.changed_at() <= self.commit
    }

    fn entries_lacking_at(&self, node: NodeId) -> Option<u64> {
        let Role::Leader(leadership) = &self.role else { return None };
        leadership.progress().get(node).map(|progress| self.commit.distance_from(progress.matched))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(voters: &[u64], learners: &[u64]) -> Configuration {
        let ids = |numbers: &[u64]| numbers.iter().copied().map(NodeId::new).collect();
        Configuration::founding(ids(voters), ids(learners))
    }

    fn node(number: u64) -> NodeId {
        NodeId::new(number)
    }

    #[test]
    fn one_voter_more_or_less_takes_one_step() {
        let three = configuration(&[1, 2, 3], &[4]);
        assert_eq!(three.changed(&QuorumChange::Promote(node(4))), Ok(configuration(&[1, 2, 3, 4], &[])));
        assert_eq!(three.changed(&QuorumChange::Demote(node(3))), Ok(configuration(&[1, 2], &[3, 4])));
        assert_eq!(three.changed(&QuorumChange::Remove(node(3))), Ok(configuration(&[1, 2], &[4])));
        let voters = [1, 2, 3, 4].map(node).into();
        assert_eq!(three.changed(&QuorumChange::Replace { voters }), Ok(configuration(&[1, 2, 3, 4], &[])));
    }

    #[test]
    fn several_at_once_go_through_a_joint_configuration() {
        let before = configuration(&[1, 2, 3], &[4, 5, 6]);
        let joint = before.changed(&QuorumChange::Replace { voters: [3, 4, 5].map(node).into() }).unwrap();
        assert_eq!(joint.outgoing, [1, 2, 3].map(node).into());
        assert_eq!(joint.members().count(), 6);
        assert_eq!(joint.left(), configuration(&[3, 4, 5], &[1, 2, 6]));
    }

    #[test]
    fn a_joint_quorum_needs_a_majority_of_both() {
        let before = configuration(&[1, 2, 3], &[4, 5]);
        let joint = before.changed(&QuorumChange::Replace { voters: [3, 4, 5].map(node).into() }).unwrap();
        let quorum = |numbers: &[u64]| joint.is_quorum(&numbers.iter().copied().map(NodeId::new).collect());
        assert!(!quorum(&[1, 2, 3]) && !quorum(&[3, 4, 5]) && !quorum(&[1, 2, 4]));
        assert!(quorum(&[2, 3, 4]));
    }

    #[test]
    fn a_member_that_lost_its_memory_is_admitted_anew_without_a_voice() {
        let before = configuration(&[1, 2, 3], &[]);
        let change = QuorumChange::Readmit { node: node(2), incarnation: Incarnation::new(77) };
        let after = before.changed(&change).unwrap();
        assert_eq!((after.voters.len(), after.incarnation(node(2))), (2, Incarnation::new(77)));
        assert_eq!(after.changed(&change), Err(QuorumRefusal::AlreadyMember(node(2))));
        let gone = after.changed(&QuorumChange::Remove(node(2))).unwrap();
        assert!(gone.incarnations.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_node_it_is_about() {
        let three = configuration(&[1, 2, 3], &[4]);
        let add = QuorumChange::AddLearner { node: node(4), incarnation: Incarnation::new(1) };
        assert_eq!(three.changed(&add), Err(QuorumRefusal::AlreadyMember(node(4))));
        assert_eq!(three.changed(&QuorumChange::Promote(node(1))), Err(QuorumRefusal::AlreadyVoter(node(1))));
        assert_eq!(three.changed(&QuorumChange::Promote(node(9))), Err(QuorumRefusal::NotMember(node(9))));
        assert_eq!(three.changed(&QuorumChange::Demote(node(4))), Err(QuorumRefusal::NotVoter(node(4))));
        assert_eq!(three.changed(&QuorumChange::Remove(node(9))), Err(QuorumRefusal::NotMember(node(9))));
        let same = QuorumChange::Replace { voters: three.voters.clone() };
        assert_eq!(three.changed(&same), Err(QuorumRefusal::NothingChanges));
        let strange = QuorumChange::Replace { voters: [9].map(node).into() };
        assert_eq!(three.changed(&strange), Err(QuorumRefusal::NotMember(node(9))));
        let one = configuration(&[1], &[]);
        assert_eq!(one.changed(&QuorumChange::Remove(node(1))), Err(QuorumRefusal::NoVoters));
    }
}
