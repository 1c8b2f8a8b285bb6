//! Standing for election and voting (sections 3.4, 4.2.3, 9.6).
//!
//! A follower that misses its leader first asks whether it could win (pre-vote), which disturbs nobody; only then does
//! it raise its term. Nobody supports a challenger while a live leader is presumed. A vote counts, also the candidate's
//! own, only when it is on disk.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::message::{Ballot, Body, Message};
use super::{HardState, Raft, Role};
use crate::ids::{NodeId, Position, Term};
use crate::io::{Event, Outbox};
use crate::time::Time;

/// Who granted a vote so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Votes {
    granted: BTreeSet<NodeId>,
}

impl Votes {
    /// Returns who granted a vote.
    pub const fn granted(&self) -> &BTreeSet<NodeId> {
        &self.granted
    }
}

impl Raft {
    /// Answers a silence: asks for pre-votes, or campaigns at once if there is nobody to ask.
    pub(super) fn stand(&mut self, now: Time, out: &mut Outbox) {
        if !self.may_stand() {
            self.election_at = Time::NEVER;
            return;
        }
        if self.is_sole_voter() {
            return self.campaign(now, out);
        }
        self.leader = None;
        // What still waits for the disk speaks to a leader that went silent.
        self.writes.drop_withheld();
        self.draw_election_timeout(now);
        let term = self.term().next();
        out.emit(Event::PreVoteStarted { term });
        self.role = Role::PreCandidate(Votes { granted: BTreeSet::from([self.id]) });
        self.ask_voters(term, &Body::PreVote { last: self.log.last() }, out);
    }

    pub(super) fn campaign(&mut self, now: Time, out: &mut Outbox) {
        let term = self.term().next();
        self.hard_state = HardState { term, voted_for: Some(self.id), ..self.hard_state };
        self.hard_state_changed = true;
        self.writes.drop_withheld();
        self.leader = None;
        self.draw_election_timeout(now);
        out.emit(Event::ElectionStarted { term });
        self.role = Role::Candidate(Votes::default());
        self.ask_voters(term, &Body::Vote { last: self.log.last() }, out);
    }

    /// A request speaks for the log it names, so it waits until that log is on disk: a candidate that lost unflushed
    /// entries in a crash must not win by votes that were given to the longer log.
    fn ask_voters(&mut self, term: Term, body: &Body, out: &mut Outbox) {
        self.save_hard_state(out);
        let configuration = Arc::clone(self.configurations.latest());
        for voter in configuration.all_voters().filter(|voter| *voter != self.id) {
            let message = Message { term, to: Some(configuration.incarnation(voter)), body: body.clone() };
            self.writes.send_after_everything(voter, message, out);
        }
    }

    pub(super) fn on_pre_vote(&mut self, now: Time, from: NodeId, term: Term, last: Position, out: &mut Outbox) {
        if term <= self.term() {
            // The refusal carries the newer term, or two nodes with different terms could refuse each other for ever.
            return self.say(from, Body::PreVoteAnswer(Ballot::Refused), out);
        }
        if self.presumes_leader(now) {
            return;
        }
        if last >= self.log.last() {
            self.save_hard_state(out);
            let grant = Message { term, to: None, body: Body::PreVoteAnswer(Ballot::Granted) };
            self.writes.send_after_hard_state(from, grant, out);
        } else {
            self.say(from, Body::PreVoteAnswer(Ballot::Refused), out);
        }
    }

    pub(super) fn on_pre_vote_answer(&mut self, now: Time, from: NodeId, term: Term, ballot: Ballot, out: &mut Outbox) {
        match ballot {
            Ballot::Refused => {
                self.follow_newer(now, term, out);
            }
            Ballot::Granted => {
                let asked = self.term().next();
                if let Role::PreCandidate(votes) = &mut self.role
                    && term == asked
                {
                    votes.granted.insert(from);
                    if self.configurations.latest().is_quorum(&votes.granted) {
                        self.campaign(now, out);
                    }
                }
            }
        }
    }

    pub(super) fn on_vote(&mut self, now: Time, from: NodeId, term: Term, last: Position, out: &mut Outbox) {
        if term > self.term() {
            if self.presumes_leader(now) {
                return;
            }
            self.become_follower(now, term, None, out);
        }
        let free = self.hard_state.voted_for.is_none_or(|candidate| candidate == from);
        if term == self.term() && free && self.leader.is_none() && last >= self.log.last() {
            if self.hard_state.voted_for.is_none() {
                self.hard_state.voted_for = Some(from);
                self.hard_state_changed = true;
            }
            self.election_at = now + self.election_timeout;
            self.promise(from, Body::VoteAnswer(Ballot::Granted), out);
        } else {
            self.say(from, Body::VoteAnswer(Ballot::Refused), out);
        }
    }

    pub(super) fn on_vote_answer(&mut self, now: Time, from: NodeId, term: Term, ballot: Ballot, out: &mut Outbox) {
        debug_assert_eq!(term, self.term(), "answers of other terms are sorted out before");
        if let (Role::Candidate(votes), Ballot::Granted) = (&mut self.role, ballot) {
            votes.granted.insert(from);
            self.lead_if_elected(now, out);
        }
    }

    /// Counts the candidate's own vote once it is on disk.
    pub(super) fn count_own_vote(&mut self, now: Time, out: &mut Outbox) {
        if let Role::Candidate(votes) = &mut self.role
            && self.writes.hard_state_is_durable()
            && votes.granted.insert(self.id)
        {
            self.lead_if_elected(now, out);
        }
    }

    pub(super) fn draw_election_timeout(&mut self, now: Time) {
        let (least, most) = (self.settings.raft.election_timeout_min, self.settings.raft.election_timeout_max);
        self.election_timeout = self.rng.span(least, most);
        self.election_at = now + self.election_timeout;
    }

    fn lead_if_elected(&mut self, now: Time, out: &mut Outbox) {
        // Without its own vote on disk a candidate could win, crash, forget and vote for another in the same term.
        if let Role::Candidate(votes) = &self.role
            && votes.granted.contains(&self.id)
            && self.configurations.latest().is_quorum(&votes.granted)
        {
            self.become_leader(now, out);
        }
    }

    fn presumes_leader(&self, now: Time) -> bool {
        self.is_leader() || (self.leader.is_some() && now < self.leader_presumed_until)
    }
}
