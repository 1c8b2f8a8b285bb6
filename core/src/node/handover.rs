//! The operator who waits for a hand-over: one at a time, and each is told how it ended.

use super::Node;
use crate::ids::{NodeId, RequestId, Term};
use crate::io::{Effect, Outbox, Rejected, Wake, WakeReason};
use crate::projection::{Deadline, Names};
use crate::raft::TransferError;
use crate::time::Time;

/// A request to hand over that is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Handover {
    request: RequestId,
    /// The term in which this node led.
    term: Term,
    target: NodeId,
    /// When it stops waiting to learn who leads instead.
    deadline: Time,
}

impl Handover {
    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.deadline = map(Deadline::Handover, self.deadline);
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.target = names(self.target);
    }
}

impl Node {
    /// Begins to hand over, or says why not.
    pub(super) fn on_transfer(&mut self, now: Time, request: RequestId, target: NodeId, out: &mut Outbox) {
        let began = match &self.handover {
            // Whether that one succeeded is about to be known.
            Some(handover) => Err(Rejected::Transferring(handover.target)),
            None => self.raft.transfer(now, target, out).map_err(|error| match error {
                TransferError::NotLeader => Rejected::NotLeader(self.raft.leader()),
                TransferError::UnderWay(target) => Rejected::Transferring(target),
                TransferError::NoOtherVoter => Rejected::TransferRefused(target),
            }),
        };
        match began {
            Ok(()) => {
                let deadline = now + self.settings.commands.timeout;
                self.handover = Some(Handover { request, term: self.raft.term(), target, deadline });
            }
            Err(rejected) => out.push(Effect::Transferred(request, Err(rejected))),
        }
    }

    /// Answers the operator as soon as it is known who leads.
    pub(super) fn settle_handover(&mut self, now: Time, out: &mut Outbox) {
        let Some(Handover { request, term, target, deadline }) = self.handover else { return };
        let leads = self.raft.is_leader() && self.raft.term() == term;
        let outcome = match self.raft.leader().filter(|_| self.raft.term() > term) {
            Some(leader) if leader == target => Ok(self.raft.term()),
            Some(other) => Err(Rejected::NotLeader(Some(other))),
            None if leads && self.raft.transfer_target().is_some() => return,
            None if !leads && now < deadline => return,
            None => Err(Rejected::TimedOut),
        };
        self.handover = None;
        out.push(Effect::Transferred(request, outcome));
    }

    /// Returns when the operator is told that nobody is known to have taken over; while this node leads, Raft ends it.
    pub(super) fn handover_wake(&self) -> Option<Wake> {
        let waiting = self.handover.as_ref().filter(|_| self.raft.transfer_target().is_none());
        waiting.map(|handover| Wake { at: handover.deadline, why: WakeReason::TransferTimeout })
    }

    /// Tells everyone who asked a node that stopped that nothing more will be answered here.
    pub(super) fn abandon_questions(&mut self, out: &mut Outbox) {
        self.abandon_reads(out);
        if let Some(handover) = self.handover.take() {
            out.push(Effect::Transferred(handover.request, Err(Rejected::Halted)));
        }
    }
}
