//! What an explorer may forget of the consensus machine; [`crate::projection`] says why one may forget at all.

use core::hash::{Hash, Hasher};

use super::{Raft, Role};
use crate::ids::Round;
use crate::projection::{Deadline, Names};
use crate::rng::{Seed, Stream};
use crate::time::Time;

impl Raft {
    /// Returns until when a live leader is presumed; of no meaning where none is followed and there are no leases.
    pub const fn leader_presumed_until(&self) -> Time {
        self.leader_presumed_until
    }

    pub(crate) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.election_at = map(Deadline::Election, self.election_at);
        self.leader_presumed_until = map(Deadline::Presumption, self.leader_presumed_until);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.map_instants(map);
        }
    }

    pub(crate) fn forget_chance(&mut self, seed: Seed) {
        self.rng = Stream::new(seed, "raft");
        self.election_timeout = self.settings.raft.election_timeout_min;
    }

    pub(crate) fn forget_dead_instants(&mut self) {
        if self.is_leader() {
            self.election_at = Time::NEVER;
        }
        if (self.leader.is_none() || self.is_leader()) && self.settings.raft.lease_timeout.is_none() {
            self.leader_presumed_until = Time::ZERO;
        }
    }

    pub(crate) fn forget_write_numbers(&mut self) -> u64 {
        self.writes.renumber()
    }

    pub(crate) fn forget_order(&mut self) {
        self.writes.forget_order();
    }

    pub(crate) fn forget_rounds(&mut self) {
        self.leader_round = Round::ZERO;
        if let Role::Leader(leadership) = &mut self.role {
            leadership.rounds.forget_numbers(&mut leadership.progress);
        }
    }

    pub(crate) fn forget_hearing(&mut self) {
        if let Role::Leader(leadership) = &mut self.role {
            for (_, progress) in leadership.progress.iter_mut() {
                (progress.heard, progress.answered) = (false, false);
            }
        }
    }

    pub(crate) fn forget_levels(&mut self) {
        if let Role::Leader(leadership) = &mut self.role {
            leadership.progress.iter_mut().for_each(|(_, progress)| progress.level = None);
        }
    }

    pub(crate) fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a field that is added is decided on here.
        let Self {
            id,
            settings: _,
            rng: _,
            hard_state,
            hard_state_changed: _,
            writes,
            log,
            configurations,
            role,
            leader,
            leader_round: _,
            commit: _,
            applied: _,
            applied_bytes: _,
            level: _,
            partial: _,
            election_at: _,
            election_timeout: _,
            leader_presumed_until: _,
            halted,
        } = self;
        (*id, *leader) = (names(*id), leader.map(names));
        hard_state.map_ids(names);
        writes.map_ids(names);
        log.map_ids(names);
        configurations.map_ids(names);
        match role {
            Role::Follower => {}
            Role::PreCandidate(votes) | Role::Candidate(votes) => votes.map_ids(names),
            Role::Leader(leadership) => leadership.map_ids(names),
        }
        if let Some(halt) = halted {
            halt.map_ids(names);
        }
    }

    pub(crate) fn hash_state(&self, hasher: &mut impl Hasher) {
        // In full, so that a field that is added is decided on here.
        let Self {
            id,
            settings: _,
            rng,
            hard_state,
            hard_state_changed,
            writes,
            log,
            configurations,
            role,
            leader,
            leader_round,
            commit,
            applied,
            applied_bytes,
            level,
            partial,
            election_at,
            election_timeout,
            leader_presumed_until,
            halted,
        } = self;
        (id, rng, hard_state, hard_state_changed, writes, log, configurations, role, leader).hash(hasher);
        (leader_round, commit, applied, applied_bytes, level, partial).hash(hasher);
        (election_at, election_timeout, leader_presumed_until, halted).hash(hasher);
    }
}
