//! Following: taking a leader's entries in, and saying so once they are on disk (section 3.5).

use super::Raft;
use super::message::{Append, Appended, Body, Entries, Payload};
use super::record::Record;
use crate::ids::{LogIndex, NodeId, Position, Round};
use crate::io::{Contradiction, Event, Halt, Outbox};

impl Raft {
    pub(super) fn on_append(&mut self, from: NodeId, append: &Append, out: &mut Outbox) {
        let Append { session, prev, entries, commit } = append;
        let (session, prev, commit) = (*session, *prev, *commit);
        if !self.terms_in_order(prev, entries) {
            return out.emit(Event::PeerContradicted { peer: from, claim: Contradiction::TermsOutOfOrder });
        }
        if let Some(denied) = self.committed_but_denied(prev, entries) {
            return self.halt(Halt::CommittedEntryDenied(from, denied), out);
        }
        // What is committed here equals the leader's, so that part of the append says nothing new.
        let known = self.commit.distance_from(prev.index).min(entries.len() as u64) as usize;
        if prev.index >= self.commit && !self.log.contains(prev) {
            let hint = self.log.latest_at_or_below(prev.index.previous(), prev.term);
            let appended = Appended::Conflict { refused: prev.index, hint };
            return self.say(from, Body::AppendAnswer { session, appended }, out);
        }
        let first = prev.index.advanced_by(known).next();
        let fresh = &entries[known..];
        let agreeing = fresh
            .iter()
            .enumerate()
            .take_while(|(offset, entry)| self.log.term_at(first.advanced_by(*offset)) == Some(entry.term))
            .count();
        if agreeing < fresh.len() {
            // Shared with the message when all of it is news, as it is while nothing gets lost.
            let news = if known + agreeing == 0 { entries.clone() } else { Entries::from(&fresh[agreeing..]) };
            self.take_in(first.advanced_by(agreeing), news, out);
        }
        let matched = prev.index.advanced_by(entries.len()).max(self.commit.min(self.log.last().index));
        self.commit_to(commit.min(matched), out);
        self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(matched) }, out);
    }

    /// Returns the first committed position at which an append says something else.
    ///
    /// It is compared as far as the log still holds it. The last committed place always is, so entries that follow it
    /// cannot be of a lower term.
    fn committed_but_denied(&self, prev: Position, entries: &Entries) -> Option<Position> {
        let denied = |said: Position| {
            let committed = self.log.term_at(said.index).filter(|_| said.index <= self.commit)?;
            (committed != said.term).then_some(Position::new(committed, said.index))
        };
        let known = self.commit.distance_from(prev.index).min(entries.len() as u64) as usize;
        let mut places = entries[..known].iter().enumerate();
        denied(prev).or_else(|| {
            places.find_map(|(offset, entry)| denied(Position::new(entry.term, prev.index.advanced_by(offset).next())))
        })
    }

    /// Replaces everything from `first` on by these entries.
    fn take_in(&mut self, first: LogIndex, entries: Entries, out: &mut Outbox) {
        let after = first.previous();
        assert!(after >= self.commit, "entries after {after} replace committed ones up to {}", self.commit);
        if after < self.log.last().index {
            self.log.truncate_after(after);
            self.configurations.truncate_after(after);
            self.writes.truncated_after(after);
            out.emit(Event::Truncated { after });
        }
        for (offset, entry) in entries.iter().enumerate() {
            if let Payload::Configuration(configuration) = &entry.payload {
                self.configurations.push(first.advanced_by(offset), configuration.clone());
            }
        }
        self.log.extend(&entries);
        self.save_hard_state(out);
        self.writes.persist_log(Record::Append { after, entries }, self.log.last().index, out);
    }

    pub(super) fn on_heartbeat(&mut self, from: NodeId, commit: LogIndex, round: Round, out: &mut Outbox) {
        self.leader_round = self.leader_round.max(round);
        if self.follow_commit(from, commit, out) {
            let level = self.settings.raft.feature_level_max;
            self.say(from, Body::HeartbeatAnswer { round, level }, out);
        }
    }

    pub(super) fn on_commit(&mut self, from: NodeId, commit: LogIndex, out: &mut Outbox) {
        self.follow_commit(from, commit, out);
    }

    /// Commits up to an index that the leader knows to match here. Returns whether the node can go on.
    fn follow_commit(&mut self, from: NodeId, commit: LogIndex, out: &mut Outbox) -> bool {
        let last = self.log.last().index;
        if commit > last {
            // The leader counts on an entry that this node acknowledged: its disk lost what it had promised to keep.
            self.halt(Halt::AcknowledgedEntryLost { leader: from, commit, last }, out);
            return false;
        }
        self.commit_to(commit, out);
        true
    }

    /// Terms never fall along a log, and none exceeds that of the leader who sends it.
    fn terms_in_order(&self, prev: Position, entries: &Entries) -> bool {
        let mut last = prev.term;
        for entry in entries.iter() {
            if entry.term < last {
                return false;
            }
            last = entry.term;
        }
        last <= self.term()
    }
}
