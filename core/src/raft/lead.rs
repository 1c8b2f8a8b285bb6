//! Leading: replication, commit, heartbeats and the check that a quorum still answers (sections 3.5, 3.6.2, 6.2).

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::configuration::Configuration;
use super::message::{Append, Appended, Body, Entries, Entry, Message, Payload};
use super::progress::{Pace, Peers, Probe, Progress};
use super::read::Rounds;
use super::record::Record;
use super::shipment::Shipment;
use super::transfer::Transfer;
use super::{ProposeError, Raft, Role};
use crate::ids::{FeatureLevel, Incarnation, LogIndex, NodeId, Position, ReplicationSession, Round};
use crate::io::{Contradiction, Event, Outbox, StepDown, Wake, WakeReason};
use crate::projection::{Deadline, Names, rename_keys};
use crate::time::Time;

/// The most visitors that a leader remembers; who is turned away asks again.
const VISITORS_MAX: usize = 64;

/// What a leader keeps for its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leadership {
    pub(super) progress: Peers,
    pub(super) rounds: Rounds,
    /// The hand-over under way, during which no proposal is taken.
    pub(super) transfer: Option<Transfer>,
    heartbeat_at: Time,
    quorum_check_at: Time,
    /// The cost of the entries that are not committed yet.
    uncommitted_bytes: u64,
    /// Nodes of no configuration that asked to join, with their memory.
    visitors: BTreeMap<NodeId, Incarnation>,
}

impl Leadership {
    /// Returns what the leader knows of each other member.
    pub const fn progress(&self) -> &Peers {
        &self.progress
    }

    /// Returns the nodes of no configuration that asked to join, with their memory.
    pub const fn visitors(&self) -> &BTreeMap<NodeId, Incarnation> {
        &self.visitors
    }

    /// Notes that a node of no configuration asks to join.
    pub(super) fn welcome(&mut self, node: NodeId, incarnation: Incarnation) {
        if self.visitors.len() < VISITORS_MAX || self.visitors.contains_key(&node) {
            self.visitors.insert(node, incarnation);
        }
    }

    /// Returns the cost in bytes of the entries that are not committed yet.
    pub const fn uncommitted_bytes(&self) -> u64 {
        self.uncommitted_bytes
    }

    /// Follows the members of a configuration; who is new is sent what comes from `next` on.
    pub(super) fn take_up(&mut self, own: NodeId, configuration: &Configuration, next: LogIndex) {
        let others = configuration.members().filter(|member| *member != own);
        self.progress.follow(others.map(|member| (member, configuration.incarnation(member))), next);
        self.visitors.retain(|visitor, _| !configuration.is_member(*visitor));
    }

    pub(super) fn next_wake(&self) -> Wake {
        let heartbeat = Wake { at: self.heartbeat_at, why: WakeReason::Heartbeat };
        let own = heartbeat.min(Wake { at: self.quorum_check_at, why: WakeReason::QuorumCheck });
        self.transfer.as_ref().map_or(own, |transfer| own.min(transfer.next_wake()))
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.heartbeat_at = map(Deadline::Heartbeat, self.heartbeat_at);
        self.quorum_check_at = map(Deadline::QuorumCheck, self.quorum_check_at);
        if let Some(transfer) = &mut self.transfer {
            transfer.map_instants(map);
        }
        self.rounds.map_instants(map);
        self.progress.iter_mut().for_each(|(_, progress)| progress.map_instants(map));
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a field that is added is decided on here.
        let Self { progress, rounds: _, transfer, heartbeat_at: _, quorum_check_at: _, uncommitted_bytes: _, visitors } =
            self;
        progress.map_ids(names);
        if let Some(transfer) = transfer {
            transfer.map_ids(names);
        }
        rename_keys(visitors, names);
    }

    pub(super) fn assert_invariants(&self, last: LogIndex, chunks_max: usize) {
        for (peer, progress) in self.progress.iter() {
            let (matched, next) = (progress.matched, progress.next);
            assert!(matched <= last, "{peer} matched {matched}, but the log ends at {last}");
            assert!(matched < next, "{peer} matched {matched}, but gets {next} next");
            assert!(next <= last.next(), "{peer} gets {next} next, but the log ends at {last}");
            let chunks = progress.pace.shipment().map_or(0, Shipment::len);
            assert!(chunks <= chunks_max, "{chunks} chunks are out to {peer}, above the limit of {chunks_max}");
        }
        self.rounds.assert_invariants(&self.progress, last);
    }
}

/// Entries that were just appended, to be shared by the messages to all peers that need exactly these.
struct Fresh {
    after: Position,
    entries: Entries,
    bytes: u64,
}

impl Raft {
    pub(super) fn become_leader(&mut self, now: Time, out: &mut Outbox) {
        out.emit(Event::BecameLeader { term: self.term() });
        let next = self.log.last().index.next();
        let inherited = (self.commit.next().get()..next.get()).filter_map(|index| self.log.entry(LogIndex::new(index)));
        self.role = Role::Leader(Leadership {
            progress: Peers::default(),
            rounds: Rounds::new(next, self.settings.raft.lease_timeout),
            transfer: None,
            heartbeat_at: now + self.settings.raft.heartbeat_interval,
            quorum_check_at: now + self.settings.raft.election_timeout_min,
            uncommitted_bytes: inherited.map(Entry::cost).sum(),
            visitors: BTreeMap::new(),
        });
        self.leader = Some(self.id);
        self.take_up_configuration();
        // The first leader of all writes the founding configuration down, so that every log tells who decides.
        let founding = self.configurations.changed_at() == LogIndex::ZERO;
        let first = Payload::Configuration(Arc::clone(self.configurations.latest()));
        self.append_own(if founding { first } else { Payload::Noop }, out);
    }

    /// Returns whether a leader takes proposals, beside `bytes` of them that are about to go into the log.
    pub(crate) fn admits_proposal(&self, bytes: u64) -> Result<(), ProposeError> {
        let Role::Leader(leadership) = &self.role else { return Err(ProposeError::NotLeader) };
        if let Some(transfer) = &leadership.transfer {
            // What the target would have to catch up with must not grow.
            return Err(ProposeError::Transferring(transfer.target()));
        }
        // Followers commit without the leader's disk, so what waits for that has a limit of its own.
        let waiting = leadership.uncommitted_bytes.max(self.writes.proposed_bytes());
        if waiting.saturating_add(bytes) >= self.settings.raft.uncommitted_bytes_max {
            return Err(ProposeError::Busy);
        }
        Ok(())
    }

    /// Puts proposals of this term that were admitted into the log, at least one. Returns the place of the last.
    pub(crate) fn propose(&mut self, entries: Entries, out: &mut Outbox) -> Position {
        assert!(self.is_leader() && !entries.is_empty(), "only a leader proposes, and something");
        self.append(entries, out)
    }

    /// Puts one entry into the log. Returns its place.
    pub(super) fn append_own(&mut self, payload: Payload, out: &mut Outbox) -> Position {
        self.append(Entries::one(Entry { term: self.term(), payload }), out)
    }

    fn append(&mut self, entries: Entries, out: &mut Outbox) -> Position {
        let after = self.log.last();
        let bytes = entries.iter().map(Entry::cost).sum();
        if let Role::Leader(leadership) = &mut self.role {
            leadership.uncommitted_bytes += bytes;
        }
        self.log.extend(&entries);
        for entry in entries.iter() {
            if let Payload::Configuration(configuration) = &entry.payload {
                // Alone in its append, for the next change waits until this one is committed.
                self.configurations.push(self.log.last().index, Arc::clone(configuration));
                self.take_up_configuration();
            }
        }
        self.save_hard_state(out);
        let record = Record::Append { after: after.index, entries: entries.clone() };
        self.writes.persist_proposed(record, self.log.last().index, bytes, out);
        let fresh = Fresh { after, entries, bytes };
        let mut place = 0;
        while let Some(peer) = self.peer_at(place) {
            self.replicate(peer, Some(&fresh), out);
            place += 1;
        }
        self.log.last()
    }

    /// Sends heartbeats and checks the quorum, whichever is due.
    pub(super) fn lead(&mut self, now: Time, out: &mut Outbox) {
        self.abort_transfer_if_due(now, out);
        let Role::Leader(leadership) = &mut self.role else { return };
        if now >= leadership.quorum_check_at {
            leadership.quorum_check_at = now + self.settings.raft.election_timeout_min;
            let (own, progress) = (self.id, &leadership.progress);
            let answers = |voter| voter == own || progress.get(voter).is_some_and(|progress| progress.heard);
            if !self.configurations.latest().is_quorum_of(answers) {
                out.emit(Event::SteppedDown { term: self.term(), reason: StepDown::QuorumLost });
                let term = self.term();
                return self.become_follower(now, term, None, out);
            }
            leadership
                .progress
                .iter_mut()
                .for_each(|(_, progress)| progress.answered = core::mem::take(&mut progress.heard));
        }
        let Role::Leader(leadership) = &mut self.role else { return };
        if now >= leadership.heartbeat_at {
            leadership.heartbeat_at = now + self.settings.raft.heartbeat_interval;
            self.readmit_strangers(out);
            self.begin_round(now, out);
            self.propose_level(out);
        }
    }

    /// Begins a round of heartbeats.
    pub(super) fn begin_round(&mut self, now: Time, out: &mut Outbox) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let round = leadership.rounds.begin(now);
        let mut place = 0;
        while let Some(peer) = self.peer_at(place) {
            let commit = self.commit_known_by(peer);
            self.ask(peer, Body::Heartbeat { commit, round }, out);
            place += 1;
        }
        // A sole voter has nobody to wait for.
        self.confirm_rounds(now, out);
    }

    pub(super) fn on_append_answer(
        &mut self,
        now: Time,
        from: NodeId,
        session: ReplicationSession,
        appended: Appended,
        out: &mut Outbox,
    ) {
        let (last, dropped, commit_before) = (self.log.last().index, self.log.dropped().index, self.commit);
        let Some(progress) = self.progress_mut(from).filter(|progress| progress.session == session) else { return };
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
                    self.commit_what_a_majority_has(now, matched, out);
                    if self.commit == commit_before {
                        self.tell_commit(from, known_before, out);
                    }
                }
            }
            Appended::Conflict { refused, hint } => self.on_conflict(from, refused, hint),
            Appended::SnapshotRefused(position) => self.on_snapshot_refused(from, position, out),
        }
        self.replicate(from, None, out);
        self.resend_snapshot_if_due(now, from, out);
        self.hand_over_if_ready(from, out);
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

    pub(super) fn on_heartbeat_answer(
        &mut self,
        now: Time,
        from: NodeId,
        (round, level): (Round, FeatureLevel),
        out: &mut Outbox,
    ) {
        let messages_max = self.settings.raft.inflight_messages_max;
        let bytes_max = self.settings.raft.inflight_bytes_max;
        let last = self.log.last().index;
        let Role::Leader(leadership) = &mut self.role else { return };
        let begun = leadership.rounds.begun();
        if round > begun {
            let claim = Contradiction::RoundNotBegun { round, begun };
            return out.emit(Event::PeerContradicted { peer: from, claim });
        }
        let Some(progress) = leadership.progress.get_mut(from) else { return };
        progress.heard = true;
        if round >= progress.round {
            // A late answer may be of a release that the peer does not run any more.
            progress.level = Some(level);
            progress.stranger = None;
        }
        if round > progress.round {
            progress.round = round;
            self.on_round_answered(now, out);
        }
        let Some(progress) = self.progress_mut(from) else { return };
        match &mut progress.pace {
            Pace::Probe(probe) => *probe = Probe::Ready,
            Pace::Replicate(window) => {
                if !window.has_room(messages_max, bytes_max) {
                    window.free_oldest();
                }
                if progress.matched < last && progress.next > last {
                    // All was sent and not all was answered: an empty append finds out whether something got lost.
                    return self.send_append(from, None, out);
                }
            }
            Pace::Snapshot { .. } => return self.resend_snapshot_if_due(now, from, out),
        }
        if progress.matched < last {
            self.replicate(from, None, out);
        }
    }

    /// Counts the leader's own log as far as its disk has it.
    pub(super) fn count_own_log(&mut self, now: Time, out: &mut Outbox) {
        if self.is_leader() {
            self.commit_what_a_majority_has(now, self.writes.log_durable(), out);
        }
    }

    /// Commits by counting, but only entries of the own term: an older one may still be replaced by a newer leader that
    /// never saw it (section 3.6.2, figure 3.7). `reached` is how far one more of them is known to be.
    fn commit_what_a_majority_has(&mut self, now: Time, reached: LogIndex, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        let own = self.writes.log_durable();
        let past_commit = |reached: LogIndex| usize::from(reached > self.commit);
        let others = leadership.progress.iter().map(|(_, progress)| past_commit(progress.matched));
        // Whoever is not past the commit cannot help a majority past it; nor can a few, learners among them or not.
        if reached <= self.commit
            || past_commit(own) + others.sum::<usize>() <= self.configurations.latest().voters.len() / 2
        {
            return;
        }
        let reached = |voter| {
            if voter == self.id { own } else { leadership.progress.get(voter).map_or(LogIndex::ZERO, |p| p.matched) }
        };
        let index = self.configurations.latest().majority_index(reached);
        if index <= self.commit || self.log.term_at(index) != Some(self.term()) {
            return;
        }
        let cost = self.log.cost_between(self.commit, index);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.uncommitted_bytes = leadership.uncommitted_bytes.saturating_sub(cost);
        }
        let before = self.commit;
        self.commit_to(index, out);
        let mut place = 0;
        while let Some(peer) = self.peer_at(place) {
            self.tell_commit(peer, before, out);
            place += 1;
        }
        self.follow_up_configuration(now, out);
    }

    /// Tells a peer how far it may commit, if that is further than `known_before`; the next heartbeat says it again.
    fn tell_commit(&mut self, peer: NodeId, known_before: LogIndex, out: &mut Outbox) {
        let commit = self.commit_known_by(peer);
        if commit > known_before {
            self.ask(peer, Body::Commit { commit }, out);
        }
    }

    /// Sends what the peer lacks, as far as its pace allows; `fresh` was just appended and may be shared.
    fn replicate(&mut self, to: NodeId, fresh: Option<&Fresh>, out: &mut Outbox) {
        let raft = &self.settings.raft;
        let (messages_max, bytes_max) = (raft.inflight_messages_max, raft.inflight_bytes_max);
        let last = self.log.last().index;
        loop {
            let Some(progress) = self.progress_mut(to) else { return };
            let may_send = match &progress.pace {
                Pace::Probe(Probe::Ready) => true,
                Pace::Replicate(window) => progress.next <= last && window.has_room(messages_max, bytes_max),
                Pace::Probe(Probe::Waiting) | Pace::Snapshot { .. } => false,
            };
            if !may_send {
                return;
            }
            self.send_append(to, fresh, out);
        }
    }

    /// Sends one append, or the snapshot if what comes before the append is forgotten.
    fn send_append(&mut self, to: NodeId, fresh: Option<&Fresh>, out: &mut Outbox) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(progress) = leadership.progress.get_mut(to) else { return };
        let prev_index = progress.next.previous();
        let Some(prev_term) = self.log.term_at(prev_index) else {
            return self.send_snapshot(to, out);
        };
        let bytes_max = self.settings.raft.append_bytes_max;
        let (entries, bytes) = match fresh.filter(|fresh| fresh.after.index == prev_index && fresh.bytes <= bytes_max) {
            Some(fresh) => (fresh.entries.clone(), fresh.bytes),
            None => self.log.entries_after(prev_index, bytes_max),
        };
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
        let append = Append { session: progress.session, prev, entries, commit: self.commit };
        let message =
            Message { term: self.hard_state.term, to: Some(progress.incarnation), body: Body::Append(append) };
        self.writes.send_after_hard_state(to, message, out);
    }

    pub(super) fn progress_mut(&mut self, peer: NodeId) -> Option<&mut Progress> {
        match &mut self.role {
            Role::Leader(leadership) => leadership.progress.get_mut(peer),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// The commit index as far as the peer's log is known to equal the leader's: beyond it, the peer may hold entries
    /// of another leader, and committing those would be wrong.
    fn commit_known_by(&self, peer: NodeId) -> LogIndex {
        match &self.role {
            Role::Leader(leadership) => {
                leadership.progress.get(peer).map_or(LogIndex::ZERO, |progress| progress.matched.min(self.commit))
            }
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => LogIndex::ZERO,
        }
    }

    /// Returns the peer at a place in the order of ids, for a walk during which messages go out.
    fn peer_at(&self, place: usize) -> Option<NodeId> {
        match &self.role {
            Role::Leader(leadership) => leadership.progress.at(place),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }
}
