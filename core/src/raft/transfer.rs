//! Handing over to another voter on purpose (Ongaro 2014, section 3.10).
//!
//! The leader stops taking proposals, brings the target up to date and tells it to stand for election at once, without a
//! pre-vote; voters then ignore the leader that they presume. The log stays what decides: the target wins only with one
//! that is as complete as any election asks for. If nobody took over within an election timeout, the leader takes
//! proposals again. A request to stand counts in the term it was sent in alone, so a late one does nothing.

use super::message::{Body, Candidacy};
use super::{Raft, Role};
use crate::ids::{LogIndex, NodeId};
use crate::io::{Event, Outbox, Wake, WakeReason};
use crate::projection::{Deadline, Names};
use crate::time::Time;

/// A hand-over under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transfer {
    /// Who is to take over.
    target: NodeId,
    /// When the leader gives up and takes proposals again.
    abort_at: Time,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// The target lacks a part of the log.
    CatchingUp,
    /// The target was told to stand.
    Told,
}

impl Transfer {
    pub(super) const fn target(&self) -> NodeId {
        self.target
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.abort_at = map(Deadline::TransferAbort, self.abort_at);
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.target = names(self.target);
    }

    pub(super) const fn next_wake(&self) -> Wake {
        Wake { at: self.abort_at, why: WakeReason::TransferTimeout }
    }
}

/// Why a leader does not hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferError {
    NotLeader,
    /// A hand-over to this node is under way.
    UnderWay(NodeId),
    /// The target is this node, or has no voice in the configuration to come.
    NoOtherVoter,
}

impl Raft {
    /// Begins to hand over to another voter.
    pub(crate) fn transfer(&mut self, now: Time, target: NodeId, out: &mut Outbox) -> Result<(), TransferError> {
        let abort_at = now + self.settings.raft.election_timeout_min;
        // A voter that a joint configuration is about to leave behind would step down as soon as it led.
        let is_other_voter = target != self.id && self.configuration().voters.contains(&target);
        let Role::Leader(leadership) = &mut self.role else { return Err(TransferError::NotLeader) };
        if let Some(transfer) = &leadership.transfer {
            return Err(TransferError::UnderWay(transfer.target));
        }
        if !is_other_voter {
            return Err(TransferError::NoOtherVoter);
        }
        leadership.transfer = Some(Transfer { target, abort_at, stage: Stage::CatchingUp });
        out.emit(Event::TransferBegan { term: self.term(), target });
        self.hand_over_if_ready(target, out);
        Ok(())
    }

    /// Returns to whom this leader is handing over.
    pub fn transfer_target(&self) -> Option<NodeId> {
        match &self.role {
            Role::Leader(leadership) => leadership.transfer.as_ref().map(Transfer::target),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Tells the target to stand once its disk holds the whole log; called whenever a member's match moved, by an append
    /// or a snapshot.
    pub(super) fn hand_over_if_ready(&mut self, member: NodeId, out: &mut Outbox) {
        let last = self.log.last().index;
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(transfer) = &mut leadership.transfer else { return };
        let matched = leadership.progress.get(transfer.target).map(|progress| progress.matched);
        if transfer.target == member && transfer.stage == Stage::CatchingUp && matched == Some(last) {
            transfer.stage = Stage::Told;
            self.tell_to_stand(member, last, out);
        }
    }

    /// Gives up a hand-over that takes too long, or whose target lost its voice.
    pub(super) fn abort_transfer_if_due(&mut self, now: Time, out: &mut Outbox) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let voters = &self.configurations.latest().voters;
        let due = |transfer: &mut Transfer| now >= transfer.abort_at || !voters.contains(&transfer.target);
        if let Some(Transfer { target, .. }) = leadership.transfer.take_if(due) {
            out.emit(Event::TransferAborted { term: self.term(), target });
        }
    }

    /// Lets the voter with the longest log stand at once, so that a leader without a voice leaves no gap.
    pub(super) fn hand_over_without_voice(&mut self, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        let progress = &leadership.progress;
        let voters = self.configurations.latest().voters.iter();
        let reached = voters.filter_map(|voter| Some((progress.get(*voter)?.matched, *voter)));
        // Of equals the lowest id.
        let best = reached.reduce(|best, other| if other.0 > best.0 { other } else { best });
        if let Some((matched, voter)) = best {
            self.tell_to_stand(voter, matched, out);
        }
    }

    fn tell_to_stand(&mut self, target: NodeId, reaches: LogIndex, out: &mut Outbox) {
        if let Role::Leader(leadership) = &mut self.role {
            // Voters will break the promise that the lease counts on, now or whenever the message arrives.
            leadership.rounds.forgo_lease();
        }
        out.emit(Event::ToldToStand { term: self.term(), target });
        self.ask(target, Body::TimeoutNow { reaches }, out);
    }

    /// Stands at once, as the leader of this term asks.
    pub(super) fn on_timeout_now(&mut self, now: Time, reaches: LogIndex, out: &mut Outbox) {
        // The leader counted on a voter with that log; one that is not it any more would only disturb.
        if self.is_voter() && self.log.last().index >= reaches {
            self.campaign(now, Candidacy::Transfer, out);
        }
    }

    /// Drops the leader, which an operator knows to be gone, so that others may stand without waiting for the silence.
    ///
    /// Under leases the promise to that leader is what its reads count on, so it is kept.
    pub(crate) fn forget_leader(&mut self, out: &mut Outbox) {
        let Some(leader) = self.leader.filter(|_| matches!(self.role, Role::Follower)) else { return };
        let term = self.term();
        if self.settings.raft.lease_timeout.is_some() {
            return out.emit(Event::LeaderKept { term, leader });
        }
        self.leader = None;
        self.leader_presumed_until = Time::ZERO;
        out.emit(Event::LeaderForgotten { term, leader });
    }
}
