//! Leading: replication, commit, heartbeats and the check that a quorum still answers (sections 3.5, 3.6.2, 6.2).

use alloc::collections::BTreeMap;

use super::message::{Appended, Body, Entries, Entry, Message, Payload};
use super::progress::{Pace, Probe, Progress};
use super::record::Record;
use super::{ProposeError, Raft, Role};
use crate::ids::{Blob, LogIndex, NodeId, Position, Term};
use crate::io::{Contradiction, Event, Outbox, StepDown, Wake, WakeReason};
use crate::time::Time;

/// What a leader keeps for its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leadership {
    progress: BTreeMap<NodeId, Progress>,
    heartbeat_at: Time,
    quorum_check_at: Time,
    /// The cost of the entries that are not committed yet.
    uncommitted_bytes: u64,
}

impl Leadership {
    /// Returns what the leader knows of each other member.
    pub const fn progress(&self) -> &BTreeMap<NodeId, Progress> {
        &self.progress
    }

    /// Returns the cost in bytes of the entries that are not committed yet.
    pub const fn uncommitted_bytes(&self) -> u64 {
        self.uncommitted_bytes
    }

    pub(super) fn next_wake(&self) -> Wake {
        let heartbeat = Wake { at: self.heartbeat_at, why: WakeReason::Heartbeat };
        heartbeat.min(Wake { at: self.quorum_check_at, why: WakeReason::QuorumCheck })
    }

    pub(super) fn assert_invariants(&self, last: LogIndex) {
        for (peer, progress) in &self.progress {
            let (matched, next) = (progress.matched, progress.next);
            assert!(matched <= last, "{peer} matched {matched}, but the log ends at {last}");
            assert!(matched < next, "{peer} matched {matched}, but gets {next} next");
            assert!(next <= last.next(), "{peer} gets {next} next, but the log ends at {last}");
        }
    }
}

impl Raft {
    pub(super) fn become_leader(&mut self, now: Time, out: &mut Outbox) {
        out.emit(Event::BecameLeader { term: self.term() });
        let next = self.log.last().index.next();
        let peers = self.configuration.members().filter(|member| *member != self.id);
        let inherited = (self.commit.next().get()..next.get()).filter_map(|index| self.log.entry(LogIndex::new(index)));
        self.role = Role::Leader(Leadership {
            progress: peers.map(|peer| (peer, Progress::new(next))).collect(),
            heartbeat_at: now + self.settings.raft.heartbeat_interval,
            quorum_check_at: now + self.settings.raft.election_timeout_min,
            uncommitted_bytes: inherited.map(Entry::cost).sum(),
        });
        self.leader = Some(self.id);
        self.append_own(Payload::Noop, out);
    }

    /// Puts a command into the log.
    pub(crate) fn propose(&mut self, command: Blob, out: &mut Outbox) -> Result<Position, ProposeError> {
        let Role::Leader(leadership) = &self.role else { return Err(ProposeError::NotLeader) };
        if leadership.uncommitted_bytes >= self.settings.raft.uncommitted_bytes_max {
            return Err(ProposeError::Busy);
        }
        Ok(self.append_own(Payload::Command(command), out))
    }

    fn append_own(&mut self, payload: Payload, out: &mut Outbox) -> Position {
        let after = self.log.last().index;
        let entry = Entry { term: self.term(), payload };
        if let Role::Leader(leadership) = &mut self.role {
            leadership.uncommitted_bytes += entry.cost();
        }
        self.log.push(entry.clone());
        self.save_hard_state(out);
        let record = Record::Append { after, entries: Entries::from([entry]) };
        self.writes.persist_log(record, after.next(), out);
        for peer in self.peers() {
            self.replicate_to(peer, out);
        }
        self.log.last()
    }

    /// Sends heartbeats and checks the quorum, whichever is due.
    pub(super) fn lead(&mut self, now: Time, out: &mut Outbox) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if now >= leadership.quorum_check_at {
            leadership.quorum_check_at = now + self.settings.raft.election_timeout_min;
            let mut answering = alloc::collections::BTreeSet::from([self.id]);
            for (peer, progress) in &mut leadership.progress {
                if core::mem::take(&mut progress.heard) {
                    answering.insert(*peer);
                }
            }
            if !self.configuration.is_quorum(&answering) {
                out.emit(Event::SteppedDown { term: self.term(), reason: StepDown::QuorumLost });
                let term = self.term();
                return self.become_follower(now, term, None, out);
            }
        }
        let Role::Leader(leadership) = &mut self.role else { return };
        if now >= leadership.heartbeat_at {
            leadership.heartbeat_at = now + self.settings.raft.heartbeat_interval;
            for peer in self.peers() {
                let commit = self.commit_known_by(peer);
                self.say(peer, Body::Heartbeat { commit }, out);
            }
        }
    }

    pub(super) fn on_append_answer(
        &mut self,
        now: Time,
        from: NodeId,
        term: Term,
        appended: Appended,
        out: &mut Outbox,
    ) {
        debug_assert_eq!(term, self.term(), "answers of other terms are sorted out before");
        let (last, dropped, commit_before) = (self.log.last().index, self.log.dropped().index, self.commit);
        let Some(progress) = self.progress_mut(from) else { return };
        progress.heard = true;
        match appended {
            Appended::Matched(matched) if matched > last => {
                let claim = Contradiction::MatchBeyondLog { matched, last };
                return out.emit(Event::PeerContradicted { peer: from, claim });
            }
            Appended::Matched(matched) => {
                let known_before = commit_before.min(progress.matched);
                let further = progress.advance(matched);
                match &mut progress.pace {
                    Pace::Probe(_) if matched == progress.matched => progress.replicate(),
                    Pace::Snapshot { .. } if progress.matched >= dropped => progress.replicate(),
                    // The snapshot arrived, but what follows it is forgotten by now: a probe there sends the newer one.
                    Pace::Snapshot { last, .. } if progress.matched >= *last => progress.probe_from(progress.next),
                    Pace::Replicate(window) => window.free_through(matched),
                    Pace::Probe(_) | Pace::Snapshot { .. } => {}
                }
                if further {
                    self.commit_what_a_majority_has(out);
                    if self.commit == commit_before {
                        self.tell_commit(from, known_before, out);
                    }
                }
            }
            Appended::Conflict { refused, hint } => self.on_conflict(from, refused, hint),
        }
        self.replicate_to(from, out);
        self.resend_snapshot_if_due(now, from, out);
    }

    /// Finds where to probe next after a refusal; an old refusal changes nothing.
    fn on_conflict(&mut self, from: NodeId, refused: LogIndex, hint: Position) {
        let limit = hint.index.min(refused.previous());
        // Below what is forgotten there is nothing to compare: probing there sends the snapshot.
        let searchable = limit >= self.log.dropped().index;
        let agreed = if searchable { self.log.latest_at_or_below(limit, hint.term).index } else { limit };
        let Some(progress) = self.progress_mut(from) else { return };
        match progress.pace {
            Pace::Probe(_) if progress.next.previous() == refused => progress.probe_from(agreed.next()),
            Pace::Replicate(_) if refused > progress.matched => progress.probe_from(agreed.next()),
            Pace::Probe(_) | Pace::Replicate(_) | Pace::Snapshot { .. } => {}
        }
    }

    pub(super) fn on_heartbeat_answer(&mut self, now: Time, from: NodeId, term: Term, out: &mut Outbox) {
        debug_assert_eq!(term, self.term(), "answers of other terms are sorted out before");
        let messages_max = self.settings.raft.inflight_messages_max;
        let bytes_max = self.settings.raft.inflight_bytes_max;
        let last = self.log.last().index;
        let Some(progress) = self.progress_mut(from) else { return };
        progress.heard = true;
        match &mut progress.pace {
            Pace::Probe(probe) => *probe = Probe::Ready,
            Pace::Replicate(window) => {
                if !window.has_room(messages_max, bytes_max) {
                    window.free_oldest();
                }
                if progress.matched < last && progress.next > last {
                    // All was sent and not all was answered: an empty append finds out whether something got lost.
                    return self.send_append(from, out);
                }
            }
            Pace::Snapshot { .. } => return self.resend_snapshot_if_due(now, from, out),
        }
        if progress.matched < last {
            self.replicate_to(from, out);
        }
    }

    /// Counts the leader's own log as far as its disk has it.
    pub(super) fn count_own_log(&mut self, out: &mut Outbox) {
        if self.is_leader() {
            self.commit_what_a_majority_has(out);
        }
    }

    /// Commits by counting, but only entries of the own term: an older one may still be replaced by a newer leader that
    /// never saw it (section 3.6.2, figure 3.7).
    fn commit_what_a_majority_has(&mut self, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        let own = self.writes.log_durable();
        let reached = |voter| {
            if voter == self.id { own } else { leadership.progress.get(&voter).map_or(LogIndex::ZERO, |p| p.matched) }
        };
        let index = self.configuration.majority_index(reached);
        if index <= self.commit || self.log.term_at(index) != Some(self.term()) {
            return;
        }
        let newly = (self.commit.next().get()..=index.get()).filter_map(|place| self.log.entry(LogIndex::new(place)));
        let cost: u64 = newly.map(Entry::cost).sum();
        if let Role::Leader(leadership) = &mut self.role {
            leadership.uncommitted_bytes = leadership.uncommitted_bytes.saturating_sub(cost);
        }
        let before = self.commit;
        self.commit_to(index, out);
        for peer in self.peers() {
            self.tell_commit(peer, before, out);
        }
    }

    /// Tells a peer how far it may commit, if that is further than `known_before`; the next heartbeat says it again.
    fn tell_commit(&mut self, peer: NodeId, known_before: LogIndex, out: &mut Outbox) {
        let commit = self.commit_known_by(peer);
        if commit > known_before {
            self.say(peer, Body::Commit { commit }, out);
        }
    }

    /// Sends what the peer lacks, as far as its pace allows.
    pub(super) fn replicate_to(&mut self, to: NodeId, out: &mut Outbox) {
        let raft = &self.settings.raft;
        let (messages_max, bytes_max) = (raft.inflight_messages_max, raft.inflight_bytes_max);
        let last = self.log.last().index;
        loop {
            let Role::Leader(leadership) = &self.role else { return };
            let Some(progress) = leadership.progress.get(&to) else { return };
            let may_send = match &progress.pace {
                Pace::Probe(Probe::Ready) => true,
                Pace::Replicate(window) => progress.next <= last && window.has_room(messages_max, bytes_max),
                Pace::Probe(Probe::Waiting) | Pace::Snapshot { .. } => false,
            };
            if !may_send {
                return;
            }
            self.send_append(to, out);
        }
    }

    /// Sends one append, or the snapshot if what comes before the append is forgotten.
    fn send_append(&mut self, to: NodeId, out: &mut Outbox) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(progress) = leadership.progress.get_mut(&to) else { return };
        let prev_index = progress.next.previous();
        let Some(prev_term) = self.log.term_at(prev_index) else {
            return self.send_snapshot(to, out);
        };
        let (entries, bytes) = self.log.entries_after(prev_index, self.settings.raft.append_bytes_max);
        match &mut progress.pace {
            Pace::Probe(probe) => *probe = Probe::Waiting,
            Pace::Replicate(window) => {
                if !entries.is_empty() {
                    progress.next = progress.next.advanced_by(entries.len());
                    window.add(progress.next.previous(), bytes);
                }
            }
            Pace::Snapshot { .. } => {}
        }
        let prev = Position::new(prev_term, prev_index);
        let message = Message { term: self.hard_state.term, body: Body::Append { prev, entries, commit: self.commit } };
        self.writes.send_after_hard_state(to, message, out);
    }

    pub(super) fn progress_mut(&mut self, peer: NodeId) -> Option<&mut Progress> {
        match &mut self.role {
            Role::Leader(leadership) => leadership.progress.get_mut(&peer),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// The commit index as far as the peer's log is known to equal the leader's: beyond it, the peer may hold entries
    /// of another leader, and committing those would be wrong.
    fn commit_known_by(&self, peer: NodeId) -> LogIndex {
        match &self.role {
            Role::Leader(leadership) => {
                leadership.progress.get(&peer).map_or(LogIndex::ZERO, |progress| progress.matched.min(self.commit))
            }
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => LogIndex::ZERO,
        }
    }

    fn peers(&self) -> alloc::vec::Vec<NodeId> {
        match &self.role {
            Role::Leader(leadership) => leadership.progress.keys().copied().collect(),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => alloc::vec::Vec::new(),
        }
    }
}
