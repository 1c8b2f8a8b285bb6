//! After the faults: what is to be whole is made whole, and must agree again within the scenario's bound.

use std::time::Duration;

use delian_core::{Node, NodeId, RequestId, Time};

use super::process::{Down, Process};
use super::queue::Happening;
use super::{Sight, World};
use crate::invariants::{HealsInTime, Invariant};
use crate::scenario::{Action, Manner};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Faults may happen.
    Chaos,
    /// None do, and the cluster has until `until` to agree.
    Settling { since: Time, until: Time, proof: Proof },
    /// It agreed, or the run ended otherwise.
    Over,
}

/// Whether the healed cluster was seen to take a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is asked to, through one process after another.
    Asked { request: RequestId, via: u16 },
    /// It did.
    Given,
}

/// How often agreement is looked for.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// How long a proof may take before another process is asked for one.
const PROOF_PATIENCE: Duration = Duration::from_millis(500);

impl World {
    pub(super) fn end_chaos(&mut self) {
        for number in 0..self.processes.len() as u16 {
            if !self.is_healed(number) {
                self.crash(number);
            }
        }
        self.lift_all();
        for number in 0..self.processes.len() as u16 {
            let is_healed = self.is_healed(number);
            let process = &self.processes[usize::from(number)];
            if is_healed && process.down == Down::Crashed {
                self.start(number);
            } else if !is_healed && process.is_up() {
                // It was crashed above and a fault that ended started it again.
                self.crash(number);
            }
        }
        let nobody = Proof::Asked { request: RequestId::ZERO, via: 0 };
        self.phase = Phase::Settling { since: self.now, until: self.after(self.plan.scenario.settle), proof: nobody };
        self.queue.schedule(self.now, Happening::Proof(RequestId::ZERO));
        self.queue.schedule(self.now, Happening::SettleCheck);
    }

    /// Asks the next whole process for a command, unless the one asked last has answered.
    pub(super) fn propose_proof(&mut self, last: RequestId) {
        let Phase::Settling { proof: Proof::Asked { request, via }, .. } = self.phase else { return };
        if request != last {
            return;
        }
        let size = self.processes.len() as u16;
        let next = (1..=size).map(|step| (via + step) % size).find(|number| self.is_whole(*number));
        let Some(next) = next else { return };
        // Set before the question, because a lone voter may answer at once.
        let asked = self.ask(next, None, &Action::Custom(b"proof".to_vec()), Manner::default()).unwrap_or_default();
        if let Phase::Settling { proof: proof @ Proof::Asked { .. }, .. } = &mut self.phase {
            *proof = Proof::Asked { request: asked, via: next };
        }
        self.queue.schedule(self.after(PROOF_PATIENCE), Happening::Proof(asked));
    }

    pub(super) fn note_proof(&mut self, applied: bool) {
        if let Phase::Settling { proof, .. } = &mut self.phase
            && applied
        {
            // Any command that takes effect now proves it, also one of a client that had waited through the chaos.
            *proof = Proof::Given;
        }
    }

    pub(super) fn check_settled(&mut self) {
        let Phase::Settling { since, until, proof } = self.phase else { return };
        let whole: Vec<u16> = (0..self.processes.len() as u16).filter(|number| self.is_whole(*number)).collect();
        if proof == Proof::Given && self.agree(&whole) {
            self.census.settled_after = Some(self.now.since(since));
            self.phase = Phase::Over;
            return self.judge_end(&whole);
        }
        if self.now >= until {
            self.phase = Phase::Over;
            let mut facts = vec![format!("the faults stopped at {since}; it is {}", self.now)];
            facts.push(format!("a command was committed since then: {}", proof == Proof::Given));
            facts.extend(whole.iter().filter_map(|number| self.describe(*number)));
            self.breach.get_or_insert(HealsInTime::breach(facts));
            return;
        }
        self.queue.schedule(self.after(CHECK_EVERY), Happening::SettleCheck);
    }

    /// Judges what must hold of whole nodes that agree.
    fn judge_end(&mut self, whole: &[u16]) {
        let ids: Vec<NodeId> = whole.iter().map(|number| self.processes[usize::from(*number)].id).collect();
        let view = Sight { now: self.now, processes: &self.processes };
        match self.invariants.at_end(&ids, &view) {
            Ok(judged) => self.census.judged = judged,
            Err(breach) => {
                self.breach.get_or_insert(breach);
            }
        }
    }

    /// Whom the plan heals, and every observer; where the quorum changes, the plan cannot know who decides, and everyone is
    /// who can be.
    fn is_healed(&self, number: u16) -> bool {
        let is_observer = number >= self.plan.scenario.cluster.participants();
        is_observer || self.plan.healed.contains(&(number + 1)) || self.plan.scenario.changes_quorum()
    }

    /// A process is whole if it was healed, runs, and has an identity that the committed configuration knows.
    pub(super) fn is_whole(&self, number: u16) -> bool {
        let process = &self.processes[usize::from(number)];
        let configuration = self.invariants.ledger().committed_configuration().1;
        self.is_healed(number) && process.is_up() && configuration.is_member(process.id)
    }

    /// Returns the running nodes that are whole.
    pub(crate) fn whole_nodes(&self) -> impl Iterator<Item = &Node> + '_ {
        let numbers = (0..self.processes.len() as u16).filter(|number| self.is_whole(*number));
        numbers.filter_map(|number| self.processes[usize::from(number)].node.as_ref())
    }

    fn agree(&self, whole: &[u16]) -> bool {
        let nodes = || whole.iter().filter_map(|number| self.processes[usize::from(*number)].node.as_ref());
        let Some(first) = nodes().next() else { return false };
        let stand = |node: &Node| {
            let raft = node.raft();
            (raft.term(), raft.leader(), raft.log().last(), raft.commit(), raft.applied(), node.topology().epoch())
        };
        let expected = stand(first);
        let embedder = |number: &u16| self.processes[usize::from(*number)].embedder.fingerprint();
        nodes().any(|node| node.raft().is_leader())
            && first.raft().commit() == first.raft().log().last().index
            && nodes().all(|node| stand(node) == expected)
            && whole.iter().all(|number| embedder(number) == embedder(&whole[0]))
    }

    fn describe(&self, number: u16) -> Option<String> {
        let process: &Process = &self.processes[usize::from(number)];
        let status = process.node.as_ref()?.status();
        let leader = status.leader.map_or("nobody".to_string(), |leader| leader.to_string());
        Some(format!(
            "{} is {} of {} and follows {leader}; log up to {}, commit {}, {}, embedder {:x}",
            status.id,
            status.role,
            status.term,
            status.last,
            status.commit,
            status.epoch,
            process.embedder.fingerprint()
        ))
    }
}
