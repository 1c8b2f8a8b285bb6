//! From every quiet state the cluster heals: when nothing fails any more, one leader comes, all logs become equal and all
//! of them is committed.
//!
//! A quiet state has nothing on its way. From there a calm schedule runs: messages arrive in order, disks flush at once,
//! whoever leads sends heartbeats, and when nobody does, the nodes stand for election one after the other. What the
//! model's bounds forbid to happen on its own is not bounded here.

use std::hash::Hasher;

use delian_core::Node;
use delian_core::projection::Deadline;

use super::Cluster;
use super::action::Action;
use super::model::{Budgets, Disk, Network, UNBOUNDED};
use super::recall::Recall;
use super::state::State;
use crate::explore::hash::Hash128;
use crate::invariants::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct QuietStatesHeal;

impl Invariant for QuietStatesHeal {
    const NAME: &'static str = "quiet-states-heal";
    const SENTENCE: &'static str = "From every quiet state, a calm schedule brings one leader, equal logs and the commit of all entries, within a bound.";
}

/// Rounds of heartbeats or elections until a cluster must have healed: an election for each node that may not win, and
/// a few rounds for each entry that it may have to search back.
const ROUNDS_MAX: u8 = 24;

/// Deliveries within one round, far beyond what any needs.
const DELIVERIES_MAX: u32 = 500;

impl Cluster {
    /// Judges a quiet state.
    pub(super) fn heals(&self, recall: &mut Recall, quiet: &State) -> Result<(), Breach> {
        let mut state = quiet.clone();
        // The bound on terms is lifted and nothing else happens on its own.
        state.left = Budgets { terms: UNBOUNDED, elections: UNBOUNDED, heartbeats: UNBOUNDED, ..Budgets::NONE };
        let mut next = 0;
        let mut met = Vec::new();
        for round in 0..=ROUNDS_MAX {
            let left = if is_healed(&state) { Some(0) } else { self.rounds_left(recall, &state, next, &mut met) };
            if let Some(rounds) = left.map(|left| round + left).filter(|rounds| *rounds <= ROUNDS_MAX) {
                for (key, rounds) in met.into_iter().zip((0..=rounds).rev()) {
                    recall.heals.keep(key, rounds);
                }
                return Ok(());
            }
            if round < ROUNDS_MAX && !self.beat(recall, &mut state)? {
                self.elect(recall, &mut state, next)?;
                next = (next + 1) % self.model().size();
            }
        }
        let facts = state.nodes().map(describe).collect();
        Err(QuietStatesHeal::breach(facts))
    }

    /// Returns how many more rounds an equal state took before whose turn to stand for election is the same; each round is
    /// a function of both. Notes the key of this one.
    fn rounds_left(&self, recall: &Recall, state: &State, next: u8, met: &mut Vec<u128>) -> Option<u8> {
        if !recall.keeps() {
            return None;
        }
        let mut hasher = Hash128::new(self.seed);
        hasher.write_u8(next);
        hasher.write_u128(state.scene.record());
        state.flight.hash_into(&mut hasher);
        let key = hasher.finish_128();
        met.push(key);
        recall.heals.get(key).copied()
    }

    /// Lets everyone who leads send heartbeats. Returns whether anyone does.
    fn beat(&self, recall: &mut Recall, state: &mut State) -> Result<bool, Breach> {
        let leaders: Vec<u8> =
            (0..self.model().size()).filter(|number| state.scene.cell(*number).node.raft().is_leader()).collect();
        for number in &leaders {
            if state.scene.cell(*number).node.raft().is_leader() {
                // Between two rounds enough time passes for whatever waits to be tried again.
                self.take(recall, state, Action::Lapse(*number, Deadline::SnapshotResend))?;
                self.take(recall, state, Action::Fire(*number, Deadline::TransferAbort))?;
                self.take(recall, state, Action::Fire(*number, Deadline::Heartbeat))?;
                self.calm(recall, state)?;
            }
        }
        Ok(!leaders.is_empty())
    }

    /// Lets a node stand for election after everyone missed the leader.
    fn elect(&self, recall: &mut Recall, state: &mut State, number: u8) -> Result<(), Breach> {
        for other in 0..self.model().size() {
            self.take(recall, state, Action::Lapse(other, Deadline::Presumption))?;
        }
        self.take(recall, state, Action::Fire(number, Deadline::Election))?;
        self.calm(recall, state)
    }

    /// Delivers and flushes until all is quiet.
    pub(super) fn calm(&self, recall: &mut Recall, state: &mut State) -> Result<(), Breach> {
        for _ in 0..DELIVERIES_MAX {
            if state.is_quiet() {
                return Ok(());
            }
            let unflushed = state.scene.cells().iter().position(|cell| !cell.waiting.is_empty());
            let queued = matches!(self.model().network, Network::Delay { .. });
            match unflushed {
                Some(number) if self.model().disk == Disk::Slow && !queued => {
                    self.take(recall, state, Action::Flush(number as u8))?;
                }
                Some(_) | None => self.deliver_first(recall, state)?,
            }
        }
        let facts = state.nodes().map(describe).chain([format!("after {DELIVERIES_MAX} deliveries it is not quiet")]);
        Err(QuietStatesHeal::breach(facts.collect()))
    }
}

fn is_healed(state: &State) -> bool {
    let mut leaders = state.nodes().filter(|node| node.raft().is_leader());
    let (Some(leader), None) = (leaders.next(), leaders.next()) else { return false };
    let (raft, last) = (leader.raft(), leader.raft().log().last());
    let members = || state.nodes().filter(|node| raft.configuration().is_member(node.raft().id()));
    raft.commit() == last.index
        && raft.configuration().is_voter(raft.id())
        && !raft.configuration().is_joint()
        && members().all(|node| {
            let other = node.raft();
            other.leader() == raft.leader() && other.log().last() == last && other.commit() == last.index
        })
}

fn describe(node: &Node) -> String {
    let status = node.status();
    let leader = status.leader.map_or("nobody".to_string(), |leader| leader.to_string());
    let (id, role, term, last, commit) = (status.id, status.role, status.term, status.last, status.commit);
    format!("{id} is {role} of {term} and follows {leader}; log up to {last}, commit {commit}")
}
