//! Reads that take no place in the log: rounds of heartbeats that confirm the leader, and leases (Ongaro 2014,
//! section 6.4).
//!
//! A read waits until a quorum answered a round of heartbeats that began after the read came in: then nobody else had been
//! elected when it came in, so the leader knows of every command that was committed by then. Rounds are numbered within
//! their term and no number is used twice; every answer names its round. So a late or doubled answer confirms what was
//! asked before its round began, and nothing else. One round at a time serves reads: those that come in while it is out
//! share the next.
//!
//! A lease spares the round. Whoever hears from a leader promises to support nobody else for the shortest election
//! timeout; a quorum of such promises, counted from when their round *began*, holds at least until the lease ends, as long
//! as no clock drifts beyond the bound. Leases never outlive their term, and a leader that told another node to stand at
//! once gives them up for the rest of it, for that candidate may be voted for in spite of all promises.

use core::time::Duration;

use super::configuration::Configuration;
use super::progress::Peers;
use super::{Raft, Role};
use crate::ids::{LogIndex, NodeId, Round, Term};
use crate::io::Outbox;
use crate::projection::Deadline;
use crate::time::Time;

/// The rounds of heartbeats of one leader, and what their answers confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rounds {
    /// The last round that was begun.
    begun: Round,
    /// The last round that a quorum is known to have answered; behind the truth while nothing depends on it.
    confirmed: Round,
    /// The last round that a read waits for, at most the one after the last begun.
    wanted: Round,
    /// The first entry of the term. What earlier terms left committed lies before it, so nothing is read until it is
    /// committed.
    first: LogIndex,
    lease: Lease,
}

/// How long the promises of a quorum hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lease {
    /// Until then; the round that will prolong it is out, since then.
    Kept { until: Time, measured: Option<(Round, Time)> },
    /// There is none, because no bound on clock drift is given, or none for the rest of the term.
    Forgone,
}

/// What a read at a leader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReadMark {
    /// The term in which the leader took it in.
    pub(crate) term: Term,
    /// The round that confirms it.
    pub(crate) round: Round,
    /// The index up to which everything must be committed here.
    pub(crate) index: LogIndex,
}

/// What became of a read at a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFate {
    /// The leader is not confirmed yet, or has not committed an entry of its term.
    Waits,
    /// What the node has committed may be read.
    Confirmed,
    /// The node does not lead that term any more.
    Deposed,
}

impl Rounds {
    /// Opens the rounds of a term whose first entry will be at `first`.
    pub(super) const fn new(first: LogIndex, lease_timeout: Option<Duration>) -> Self {
        let lease = match lease_timeout {
            Some(_) => Lease::Kept { until: Time::ZERO, measured: None },
            None => Lease::Forgone,
        };
        Self { begun: Round::ZERO, confirmed: Round::ZERO, wanted: Round::ZERO, first, lease }
    }

    pub(super) const fn begun(&self) -> Round {
        self.begun
    }

    /// Gives the lease up for the rest of the term.
    pub(super) const fn forgo_lease(&mut self) {
        self.lease = Lease::Forgone;
    }

    /// Returns until when the lease lasts: zero as long as no quorum promised it, nothing if there is none in this term.
    pub(super) const fn lease_until(&self) -> Option<Time> {
        match self.lease {
            Lease::Kept { until, .. } => Some(until),
            Lease::Forgone => None,
        }
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        if let Lease::Kept { until, measured } = &mut self.lease {
            *until = map(Deadline::Lease, *until);
            if let Some((_, began_at)) = measured {
                *began_at = map(Deadline::LeaseMeasured, *began_at);
            }
        }
    }

    pub(super) fn forget_numbers(&mut self, peers: &mut Peers) {
        (self.begun, self.confirmed, self.wanted) = (Round::ZERO, Round::ZERO, Round::ZERO);
        peers.iter_mut().for_each(|(_, progress)| progress.round = Round::ZERO);
    }

    pub(super) fn assert_invariants(&self, peers: &Peers, last: LogIndex) {
        let Self { begun, confirmed, wanted, first, lease } = self;
        assert!(confirmed <= begun, "round {confirmed} is confirmed, but {begun} was the last begun");
        assert!(*wanted <= begun.next(), "a read waits for round {wanted}, but {begun} was the last begun");
        assert!(*first <= last, "the term begins with {first}, but the log ends at {last}");
        for (peer, progress) in peers.iter() {
            assert!(progress.round <= *begun, "{peer} answered round {}, but {begun} was the last", progress.round);
        }
        if let Lease::Kept { measured: Some((round, _)), .. } = lease {
            assert!(confirmed < round && round <= begun, "the lease waits for {round} between {confirmed} and {begun}");
        }
    }

    /// Notes that another round goes out.
    pub(super) fn begin(&mut self, now: Time) -> Round {
        self.begun = self.begun.next();
        if let Lease::Kept { measured, .. } = &mut self.lease {
            // One round is measured at a time; those after it can confirm it as well.
            measured.get_or_insert((self.begun, now));
        }
        self.begun
    }

    /// Notes that a quorum answered `round`.
    fn confirm(&mut self, round: Round, lease_timeout: Option<Duration>) {
        self.confirmed = round;
        if let Lease::Kept { until, measured } = &mut self.lease
            && let Some(lease_timeout) = lease_timeout
            && let Some((_, began_at)) = measured.take_if(|(measured, _)| *measured <= round)
        {
            *until = (*until).max(began_at + lease_timeout);
        }
    }
}

impl Configuration {
    /// Returns the last round that a majority of the voters, of both sets if there are two, has answered.
    fn majority_round(&self, answered: impl Fn(NodeId) -> Round) -> Round {
        // Rounds rise like indices, so the same count serves.
        Round::new(self.majority_index(|voter| LogIndex::new(answered(voter).get())).get())
    }
}

impl Raft {
    /// Returns until when this leader may answer reads under its lease, if it ever had one in this term.
    pub fn lease_until(&self) -> Option<Time> {
        match &self.role {
            Role::Leader(leadership) => leadership.rounds.lease_until().filter(|until| *until > Time::ZERO),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Takes in a read and begins a round for it, unless one is out; nothing if this node does not lead.
    pub(crate) fn mark_read(&mut self, now: Time, out: &mut Outbox) -> Option<ReadMark> {
        self.confirm_rounds(now, out);
        let (term, commit) = (self.term(), self.commit);
        let Role::Leader(leadership) = &mut self.role else { return None };
        let rounds = &mut leadership.rounds;
        let round = rounds.begun.next();
        rounds.wanted = round;
        let mark = ReadMark { term, round, index: commit.max(rounds.first) };
        if rounds.confirmed == rounds.begun {
            self.begin_round(now, out);
        }
        Some(mark)
    }

    /// Returns what became of a read.
    pub(crate) fn judge_read(&self, mark: ReadMark) -> ReadFate {
        match &self.role {
            Role::Leader(leadership) if self.term() == mark.term => {
                let is_confirmed = leadership.rounds.confirmed >= mark.round && self.commit >= mark.index;
                if is_confirmed { ReadFate::Confirmed } else { ReadFate::Waits }
            }
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => ReadFate::Deposed,
        }
    }

    /// Returns from where on may be read at once under the lease, if this node leads and has one.
    pub(crate) fn index_under_lease(&self, now: Time) -> Option<LogIndex> {
        let Role::Leader(leadership) = &self.role else { return None };
        let until = leadership.rounds.lease_until()?;
        (now < until && self.commit >= leadership.rounds.first).then_some(self.commit)
    }

    /// Notes that a member answered a round of this term; most answers have nothing that waits for them.
    pub(super) fn on_round_answered(&mut self, now: Time, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        let rounds = &leadership.rounds;
        if rounds.wanted > rounds.confirmed || rounds.lease != Lease::Forgone {
            self.confirm_rounds(now, out);
        }
    }

    /// Counts who answered, and begins the round that later reads wait for.
    pub(super) fn confirm_rounds(&mut self, now: Time, out: &mut Outbox) {
        let own = self.id;
        let Role::Leader(leadership) = &mut self.role else { return };
        let (progress, begun) = (leadership.progress(), leadership.rounds.begun);
        let answered = |voter| {
            if voter == own { begun } else { progress.get(voter).map_or(Round::ZERO, |progress| progress.round) }
        };
        let confirmed = self.configurations.latest().majority_round(answered);
        let rounds = &mut leadership.rounds;
        if confirmed > rounds.confirmed {
            rounds.confirm(confirmed, self.settings.raft.lease_timeout);
        }
        if rounds.confirmed == begun && rounds.wanted > begun {
            self.begin_round(now, out);
        }
    }
}
