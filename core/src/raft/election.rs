//! Standing for election and voting (sections 3.4, 4.2.3, 9.6).
//!
//! A follower that misses its leader first asks whether it could win (pre-vote), which disturbs nobody; only then does
//! it raise its term. Nobody supports a challenger while a live leader is presumed. A vote counts, also the candidate's
//! own, only when it is on disk.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::message::{Ballot, Body, Candidacy, Message, REACH_MAX};
use super::{HardState, Raft, Role};
use crate::ids::{NodeId, Position, Round, Term};
use crate::io::{Event, Outbox};
use crate::projection::{Names, rename_set};
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

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        rename_set(&mut self.granted, names);
    }
}

/// What a candidate says for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvass {
    pub(super) last: Position,
    pub(super) candidacy: Candidacy,
}

impl Raft {
    /// Answers a silence: asks for pre-votes, or campaigns at once if there is nobody to ask.
    pub(super) fn stand(&mut self, now: Time, out: &mut Outbox) {
        if !self.may_stand() {
            self.election_at = Time::NEVER;
            return;
        }
        if self.is_sole_voter() {
            return self.campaign(now, Candidacy::Silence, out);
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

    pub(super) fn campaign(&mut self, now: Time, candidacy: Candidacy, out: &mut Outbox) {
        if self.term().get() >= REACH_MAX {
            // Nobody believes in the next term, its own disk included. Only a peer that lies brings a node here.
            self.election_at = Time::NEVER;
            return;
        }
        let term = self.term().next();
        self.hard_state = HardState { term, voted_for: Some(self.id), ..self.hard_state };
        self.hard_state_changed = true;
        self.leader_round = Round::ZERO;
        self.writes.drop_withheld();
        self.leader = None;
        self.draw_election_timeout(now);
        out.emit(Event::ElectionStarted { term });
        self.role = Role::Candidate(Votes::default());
        self.ask_voters(term, &Body::Vote { last: self.log.last(), candidacy }, out);
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
                        self.campaign(now, Candidacy::Silence, out);
                    }
                }
            }
        }
    }

    pub(super) fn on_vote(&mut self, now: Time, from: NodeId, term: Term, ask: Canvass, out: &mut Outbox) {
        let Canvass { last, candidacy } = ask;
        let is_bound = match candidacy {
            // In the own term too: a newer term may have come by another way than the leader's, whose lease still counts.
            Candidacy::Silence => self.is_promised(now) && term >= self.term(),
            Candidacy::Transfer => false,
        };
        let is_loyal = candidacy == Candidacy::Silence && term > self.term() && self.presumes_leader(now);
        if is_bound || is_loyal {
            return;
        }
        if term > self.term() {
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
        let raft = &self.settings.raft;
        let (least, most) = (raft.election_timeout_min, raft.election_timeout_max);
        // Whole spans, so that who is of a lower rank and heard the leader as late stands first, whatever was drawn.
        let handicap = most.saturating_sub(least).saturating_mul(raft.election_priority);
        self.election_timeout = self.rng.span(least, most).saturating_add(handicap);
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
        self.is_leader() || (self.leader.is_some() && now < self.leader_presumed_until) || self.is_promised(now)
    }

    /// Whether a leader's lease may count on this node, whatever terms it heard of since and whoever it follows.
    ///
    /// A newer term by itself proves no election: whoever stood alone may have spread it, while the leader still answers
    /// reads under its lease. Waiting costs one election timeout at most, for only leaders prolong the promise.
    fn is_promised(&self, now: Time) -> bool {
        self.settings.raft.lease_timeout.is_some() && !self.is_leader() && now < self.leader_presumed_until
    }
}
