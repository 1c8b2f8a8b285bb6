//! Operators: how they change the quorum, and what they do not ask for.
//!
//! Whoever runs a cluster does not take away the majority that is left. So a change after which the lost disks would be
//! more than a minority of the voters is not asked for, and a disk is not lost on purpose where it would be one too many
//! in any configuration that decides or may come to decide.

use delian_core::raft::{Configuration, QuorumChange};
use delian_core::{Incarnation, Input, NodeId};

use super::World;
use super::calls::Wish;
use super::process::{Down, Hearing};
use crate::disk::Health;
use crate::scenario::{Change, Target};

impl World {
    /// Asks a process for a change of the quorum, unless that is out of the question.
    pub(super) fn ask_quorum(&mut self, via: Target, number: u16, client: u16, change: &Change) {
        let process = &self.processes[usize::from(number)];
        let Some(node) = process.node.as_ref().filter(|_| process.hearing != Hearing::Frozen) else { return };
        // Where nobody leads, the role falls back to a process that would pass the change on, to act nobody knows when.
        if via == Target::Leader && !node.raft().is_leader() {
            return;
        }
        let Some(change) = self.name(change) else { return };
        let configuration = node.raft().configuration();
        if configuration.changed(&change).is_ok_and(|next| !self.is_affordable(&next, None)) {
            return;
        }
        self.call(number, Some(client), Wish::Quorum(change), 0);
    }

    /// Asks a process to hand over to another; through the role of the leader, a leader or nobody.
    pub(super) fn ask_transfer(&mut self, via: Target, number: u16, target: Target) {
        let leads = self.processes[usize::from(number)].node.as_ref().is_some_and(|node| node.raft().is_leader());
        if !self.listens(number) || via == Target::Leader && !leads {
            return;
        }
        for successor in self.resolve(target) {
            let (request, successor) = (self.calls.next_request(), self.processes[usize::from(successor)].id);
            self.feed(number, Input::Transfer(request, successor));
        }
    }

    /// Tells a process that its leader is gone.
    pub(super) fn ask_to_forget_leader(&mut self, number: u16) {
        if self.listens(number) {
            self.feed(number, Input::ForgetLeader);
        }
    }

    /// Returns whether everyone who decides, and may come to decide, could do without this process's memory.
    pub(super) fn may_lose(&self, number: u16) -> bool {
        let ledger = self.invariants.ledger();
        ledger.configurations_in_play().all(|configuration| self.is_affordable(configuration, Some(number)))
    }

    /// Returns the change with the processes named as they are now; nothing if it is about one that never ran.
    fn name(&self, change: &Change) -> Option<QuorumChange> {
        let id = |target: &Target| {
            let number = self.resolve(*target).first().copied()?;
            Some((number, self.processes[usize::from(number)].id))
        };
        Some(match change {
            Change::AddLearner(target) => {
                let (number, node) = id(target)?;
                QuorumChange::AddLearner { node, incarnation: self.incarnation(number)? }
            }
            Change::Promote(target) => QuorumChange::Promote(id(target)?.1),
            Change::Demote(target) => QuorumChange::Demote(id(target)?.1),
            Change::Remove(target) => QuorumChange::Remove(id(target)?.1),
            Change::Replace(targets) => {
                let voters = targets.iter().map(|target| Some(id(target)?.1)).collect::<Option<_>>()?;
                QuorumChange::Replace { voters }
            }
        })
    }

    /// Returns which memory a process has, once it is on its disk.
    fn incarnation(&self, number: u16) -> Option<Incarnation> {
        self.processes[usize::from(number)].disk.durable().hard_state.incarnation
    }

    /// Returns whether at most a minority of the voters, of each set, has lost the memory that was admitted; as if that
    /// of `victim` were lost as well.
    fn is_affordable(&self, configuration: &Configuration, victim: Option<u16>) -> bool {
        let is_kept = |voter: NodeId| {
            let admitted = Some(configuration.incarnation(voter));
            self.process_of(voter).is_some_and(|number| {
                let process = &self.processes[usize::from(number)];
                let is_there = process.down != Down::Lost && process.disk.health() != Health::Corrupt;
                is_there && self.incarnation(number) == admitted && victim != Some(number)
            })
        };
        configuration.is_quorum_of(is_kept)
    }
}
