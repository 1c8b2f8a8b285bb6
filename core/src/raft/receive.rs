//! Where messages come in: who may speak, in which term, and which handler hears it.

use super::election::Canvass;
use super::message::{Body, Message};
use super::snapshot::Offered;
use super::{Raft, Role};
use crate::ids::{NodeId, Position, Term};
use crate::io::{Contradiction, Event, Halt, Outbox};
use crate::time::Time;

/// Whether a leader's message may be a late copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It says what the node did not know.
    Fresh,
    /// It says nothing new.
    Stale,
}

impl Raft {
    /// Takes in one message. Returns a snapshot that the state machine must take for the node to go on.
    // Long on purpose: one arm for each thing that may be said, so that none is overlooked.
    pub(crate) fn receive(&mut self, now: Time, from: NodeId, message: Message, out: &mut Outbox) -> Option<Offered> {
        if from == self.id {
            return None;
        }
        if !message.is_within_reach() {
            out.emit(Event::PeerContradicted { peer: from, claim: Contradiction::OutOfReach });
            return None;
        }
        let Message { term, to, body } = message;
        if to.is_some_and(|to| to != self.incarnation()) {
            self.say_stranger(from, out);
            return None;
        }
        let news = self.news_in(&body);
        match body {
            Body::PreVote { last } => self.on_pre_vote(now, from, term, last, out),
            Body::PreVoteAnswer(ballot) => self.on_pre_vote_answer(now, from, term, ballot, out),
            Body::Vote { last, candidacy } => self.on_vote(now, from, term, Canvass { last, candidacy }, out),
            Body::VoteAnswer(ballot) => {
                if self.follow_newer(now, term, out) {
                    self.on_vote_answer(now, from, term, ballot, out);
                }
            }
            Body::AppendAnswer { session, appended } => {
                if self.follow_newer(now, term, out) {
                    self.on_append_answer(now, from, session, appended, out);
                }
            }
            Body::HeartbeatAnswer { round, level } => {
                if self.follow_newer(now, term, out) {
                    self.on_heartbeat_answer(now, from, (round, level), out);
                }
            }
            Body::Outdated => {
                self.follow_newer(now, term, out);
            }
            Body::Stranger { incarnation } => self.on_stranger(from, incarnation, out),
            Body::Append(append) => {
                if self.follow_leader(now, from, term, news, out) {
                    self.on_append(from, &append, out);
                }
            }
            Body::Heartbeat { commit, round } => {
                if self.follow_leader(now, from, term, news, out) {
                    self.on_heartbeat(from, commit, round, out);
                }
            }
            Body::Commit { commit } => {
                if self.follow_leader(now, from, term, news, out) {
                    self.on_commit(from, commit, out);
                }
            }
            Body::TimeoutNow { reaches } => {
                if self.follow_leader(now, from, term, news, out) {
                    self.on_timeout_now(now, reaches, out);
                }
            }
            Body::Snapshot { session, snapshot } => {
                if self.follow_leader(now, from, term, news, out) {
                    return self.on_snapshot(from, session, snapshot, out);
                }
            }
            Body::Chunk { session, identity, offset, bytes } => {
                if self.follow_leader(now, from, term, news, out) {
                    return self.on_chunk(from, (session, identity), (offset, bytes), out);
                }
            }
            Body::ChunkAnswer { session, identity, held } => {
                if self.follow_newer(now, term, out) {
                    self.on_chunk_answer(now, from, (session, identity), &held, out);
                }
            }
        }
        None
    }

    /// Adopts a newer term, if it is one. Returns whether the node is in `term` now: if not, the message is old.
    pub(super) fn follow_newer(&mut self, now: Time, term: Term, out: &mut Outbox) -> bool {
        if term > self.term() {
            self.become_follower(now, term, None, out);
        }
        term == self.term()
    }

    /// Follows whoever leads `term`, unless that is over. Returns whether the message is to be read.
    pub(super) fn follow_leader(&mut self, now: Time, from: NodeId, term: Term, news: News, out: &mut Outbox) -> bool {
        if term < self.term() {
            // The old leader learns that it is one; without an answer it could disturb nobody and never step down.
            self.say(from, Body::Outdated, out);
            return false;
        }
        if term == self.term() && self.leader.is_some_and(|leader| leader != from) {
            self.halt(Halt::SecondLeader(from, term), out);
            return false;
        }
        if term == self.term() && news == News::Stale {
            // Read if it is from the leader that is followed, but no sign that this one lives.
            return self.leader == Some(from) && matches!(self.role, Role::Follower);
        }
        if term > self.term() || self.leader != Some(from) || !matches!(self.role, Role::Follower) {
            self.become_follower(now, term, Some(from), out);
        }
        self.election_at = now + self.election_timeout;
        self.leader_presumed_until = now + self.settings.raft.election_timeout_min;
        true
    }

    /// Returns whether a message from the leader of the present term says what this node does not know.
    ///
    /// The network may replay what a leader said long after it died; taken for signs of life, such copies would put off
    /// the election of another for as long as they come. For promises that a lease counts on nothing is lost: a round is
    /// stale only after a later one, which renewed the promise.
    fn news_in(&self, body: &Body) -> News {
        let is_news = match body {
            Body::Heartbeat { round, .. } => *round > self.leader_round,
            Body::Append(append) => {
                let last = append.entries.last().map_or(append.prev, |entry| {
                    Position::new(entry.term, append.prev.index.advanced_by(append.entries.len()))
                });
                append.commit > self.commit || (last.index > self.commit && !self.log.contains(last))
            }
            Body::Commit { commit } => *commit > self.commit,
            Body::Snapshot { snapshot, .. } => snapshot.last.index > self.commit,
            Body::Chunk { identity, .. } => identity.last.index > self.commit,
            Body::TimeoutNow { .. }
            | Body::PreVote { .. }
            | Body::PreVoteAnswer(_)
            | Body::Vote { .. }
            | Body::VoteAnswer(_)
            | Body::AppendAnswer { .. }
            | Body::HeartbeatAnswer { .. }
            | Body::Outdated
            | Body::Stranger { .. }
            | Body::ChunkAnswer { .. } => true,
        };
        if is_news { News::Fresh } else { News::Stale }
    }
}
