//! Commands on their way: who waits for which entry, what was forwarded, and when an outcome becomes unknown.
//!
//! Every command ends in exactly one of applied, rejected or unknown. A proposal is known by its position: if its index
//! is applied with its term, it took effect; with another term, it never will. A forward is addressed to the leader of
//! one term and numbered, and that leader accepts each number once, so copies on the network have no second effect.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::accepted::Accepted;
use super::proposals::{Proposals, Proposed};
use super::{Node, SessionRequest};
use crate::ids::{Boot, Incarnation, LogIndex, NodeId, Position, RequestId, Term};
use crate::io::{Applied, Effect, Event, Outbox, Rejected, Wake, WakeReason};
use crate::projection::{Deadline, Names};
use crate::raft::{ChangeError, Entries, Entry, Payload, ProposeError, QuorumChange};
use crate::time::Time;
use crate::topology::Command;
use crate::wire::{Answer, Forward, Message, Request, Ticket};

/// The deadlines of resolved commands that may wait, beside as many as there are open ones, before they are cleared.
const RESOLVED_KEPT: usize = 64;

/// The commands that wait for an outcome at this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Commands {
    incarnation: Incarnation,
    boot: Boot,
    /// Proposals in the own log.
    proposed: Proposals,
    /// Commands of local clients at the leader, by the number of their forward, with the term of that leader.
    forwarded: BTreeMap<u64, (RequestId, Term)>,
    last_forward: u64,
    /// When each becomes unknown, in order; those that were resolved in time stay until they reach the front.
    deadlines: VecDeque<(Time, Waiting)>,
    /// The latest term that this node led, or may have led before its last start.
    led: Term,
    /// The forwards accepted in that term.
    accepted: BTreeMap<(NodeId, Incarnation), Accepted>,
}

/// Who waits for a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Local(RequestId),
    Remote(NodeId, Ticket),
}

/// Proposals of local clients that go into the log together, with who waits for each.
#[derive(Debug)]
struct Batch {
    entries: Vec<Entry>,
    requests: Vec<RequestId>,
    bytes: u64,
}

/// What a client asks to have put into the log.
#[derive(Debug)]
pub(super) enum Asked {
    Command(Command),
    Session(SessionRequest),
}

impl Asked {
    fn payload(self) -> Payload {
        match self {
            Self::Command(command) => Payload::Command(command.into_encoded()),
            Self::Session(request) => Payload::Session(request.encode()),
        }
    }

    fn request(self) -> Request {
        match self {
            Self::Command(command) => Request::Command(command.into_encoded()),
            Self::Session(request) => Request::Session(request.encode()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waiting {
    /// Proposals of one term with the first and the last of their indices.
    Proposed(LogIndex, LogIndex, Term),
    Forwarded(u64),
}

impl Commands {
    pub(super) fn new(incarnation: Incarnation, boot: Boot, term: Term) -> Self {
        Self {
            incarnation,
            boot,
            proposed: Proposals::default(),
            forwarded: BTreeMap::new(),
            last_forward: 0,
            deadlines: VecDeque::new(),
            led: term,
            accepted: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.proposed.len() + self.forwarded.len()
    }

    pub(super) fn next_wake(&self) -> Option<Wake> {
        self.deadlines.front().map(|(at, _)| Wake { at: *at, why: WakeReason::CommandTimeout })
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a field that is added is decided on here.
        let Self { incarnation: _, boot: _, proposed, forwarded: _, last_forward: _, deadlines: _, led: _, accepted } =
            self;
        proposed.map_ids(names);
        let known = core::mem::take(accepted).into_iter();
        accepted.extend(known.map(|((node, incarnation), seen)| ((names(node), incarnation), seen)));
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.deadlines.iter_mut().for_each(|(at, _)| *at = map(Deadline::Command, *at));
    }

    /// Tells whoever waits for `position` what became of it; [`Self::forget_resolved`] is due after the last of several.
    pub(super) fn resolve(&mut self, position: Position, outcome: Result<Applied, Rejected>, out: &mut Outbox) {
        if let Some(proposed) = self.proposed.remove(position.index) {
            let outcome = if proposed.term == position.term { outcome } else { Err(Rejected::Superseded) };
            tell(&proposed.origin, outcome, out);
        }
    }

    /// Tells whoever waits for an index up to `index` that a snapshot has covered it: what it held is not known.
    pub(super) fn skipped_to(&mut self, index: LogIndex, out: &mut Outbox) {
        while let Some(proposed) = self.proposed.pop_through(index) {
            tell(&proposed.origin, Err(Rejected::Unknown), out);
        }
        self.forget_resolved();
    }

    /// Gives up waiting for what is overdue.
    pub(super) fn expire(&mut self, now: Time, out: &mut Outbox) {
        while let Some((_, waiting)) = self.deadlines.pop_front_if(|(at, _)| *at <= now) {
            match waiting {
                Waiting::Proposed(first, last, term) => {
                    while let Some(proposed) = self.proposed.take_between(first, last, term) {
                        tell(&proposed.origin, Err(Rejected::Unknown), out);
                    }
                }
                Waiting::Forwarded(number) => {
                    if let Some((request, _)) = self.forwarded.remove(&number) {
                        out.push(Effect::Reply(request, Err(Rejected::Unknown)));
                    }
                }
            }
        }
        self.forget_resolved();
    }

    /// Tells local clients of a node that stopped that nothing more will be known here.
    pub(super) fn abandon(&mut self, out: &mut Outbox) {
        for proposed in self.proposed.drain() {
            if let Origin::Local(request) = proposed.origin {
                out.push(Effect::Reply(request, Err(Rejected::Unknown)));
            }
        }
        for (request, _) in core::mem::take(&mut self.forwarded).into_values() {
            out.push(Effect::Reply(request, Err(Rejected::Unknown)));
        }
        self.deadlines.clear();
    }

    pub(super) fn on_answer(&mut self, answer: Answer, out: &mut Outbox) {
        if (answer.ticket.incarnation, answer.ticket.boot) == (self.incarnation, self.boot)
            && let Some((request, _)) = self.forwarded.remove(&answer.ticket.number)
        {
            out.push(Effect::Reply(request, answer.outcome));
            self.forget_resolved();
        }
    }

    /// Waits until `latest` at most for leaders of terms before this one: if one lives, it has learned by then what became
    /// of what it accepted, and if it does not, nobody else will ever tell.
    fn hurry(&mut self, term: Term, latest: Time) {
        // Later forwards are of later terms.
        if self.forwarded.first_key_value().is_none_or(|(_, (_, first))| *first >= term) {
            return;
        }
        let forwarded = &self.forwarded;
        let is_old = |number| forwarded.get(&number).is_some_and(|(_, of)| *of < term);
        let mut is_sorted = true;
        for (at, waiting) in &mut self.deadlines {
            if let Waiting::Forwarded(number) = *waiting
                && *at > latest
                && is_old(number)
            {
                (*at, is_sorted) = (latest, false);
            }
        }
        if !is_sorted {
            self.deadlines.make_contiguous().sort_by_key(|(at, _)| *at);
        }
    }

    /// Sets the deadline of a command.
    fn watch(&mut self, deadline: Time, waiting: Waiting) {
        // Behind one command that nobody answers, the deadlines of all that were resolved since would pile up.
        if self.deadlines.len() > 2 * self.len() + RESOLVED_KEPT {
            let deadlines = core::mem::take(&mut self.deadlines);
            self.deadlines = deadlines.into_iter().filter(|(_, waiting)| self.is_open(*waiting)).collect();
        }
        self.deadlines.push_back((deadline, waiting));
    }

    /// Keeps the front of the deadlines alive, so that no wake comes for what is long resolved.
    pub(super) fn forget_resolved(&mut self) {
        while self.deadlines.front().is_some_and(|(_, waiting)| !self.is_open(*waiting)) {
            self.deadlines.pop_front();
        }
    }

    fn is_open(&self, waiting: Waiting) -> bool {
        match waiting {
            Waiting::Proposed(first, last, term) => self.proposed.find_between(first, last, term).is_some(),
            Waiting::Forwarded(number) => self.forwarded.contains_key(&number),
        }
    }
}

fn tell(origin: &Origin, outcome: Result<Applied, Rejected>, out: &mut Outbox) {
    out.push(match *origin {
        Origin::Local(request) => Effect::Reply(request, outcome),
        Origin::Remote(node, ticket) => Effect::Send(node, Message::Answer(Answer { ticket, outcome })),
    });
}

/// Refuses a command that got no place in the log, for good: no copy of it was or will be accepted.
fn turn_away(origin: &Origin, rejected: Rejected, out: &mut Outbox) {
    out.emit(Event::TurnedAway { rejected: Box::new(rejected.clone()) });
    tell(origin, Err(rejected), out);
}

impl Node {
    /// Proposes or forwards the command of a local client.
    pub(super) fn on_command(&mut self, now: Time, request: RequestId, command: Command, out: &mut Outbox) {
        self.on_asked(now, request, Asked::Command(command), out);
    }

    /// Proposes or forwards what a local client asks within a session.
    pub(super) fn on_session(&mut self, now: Time, request: RequestId, asked: SessionRequest, out: &mut Outbox) {
        self.on_asked(now, request, Asked::Session(asked), out);
    }

    fn on_asked(&mut self, now: Time, request: RequestId, asked: Asked, out: &mut Outbox) {
        let origin = Origin::Local(request);
        let done = self.check_room(&asked, 0).and_then(|registrant| {
            if self.raft.is_leader() {
                self.admit_registration(now, registrant)?;
                return self.propose_one(now, origin.clone(), asked.payload(), out);
            }
            self.forward(now, request, || asked.request(), out)
        });
        if let Err(rejected) = done {
            turn_away(&origin, rejected, out);
        }
    }

    /// Proposes or forwards the commands of local clients; those that are proposed share one append.
    pub(super) fn on_commands(&mut self, now: Time, commands: Vec<(RequestId, Command)>, out: &mut Outbox) {
        let room = if self.raft.is_leader() { commands.len() } else { 0 };
        let mut batch = Batch { entries: Vec::with_capacity(room), requests: Vec::with_capacity(room), bytes: 0 };
        for (request, command) in commands {
            if let Err(rejected) = self.admit(now, request, Asked::Command(command), &mut batch, out) {
                turn_away(&Origin::Local(request), rejected, out);
            }
        }
        self.propose(now, batch, out);
    }

    /// Proposes or forwards a change of the quorum.
    pub(super) fn on_quorum_change(&mut self, now: Time, request: RequestId, change: QuorumChange, out: &mut Outbox) {
        let origin = Origin::Local(request);
        let done = if self.commands.len() >= self.settings.commands.pending_max {
            Err(Rejected::Busy)
        } else if self.raft.is_leader() {
            self.propose_quorum(now, origin.clone(), &change, out)
        } else {
            self.forward(now, request, || Request::Quorum(change), out)
        };
        if let Err(rejected) = done {
            turn_away(&origin, rejected, out);
        }
    }

    /// Takes what a local client asks into the batch, or forwards it.
    fn admit(
        &mut self,
        now: Time,
        request: RequestId,
        asked: Asked,
        batch: &mut Batch,
        out: &mut Outbox,
    ) -> Result<(), Rejected> {
        let registrant = self.check_room(&asked, batch.requests.len())?;
        if self.raft.is_leader() {
            self.admit_registration(now, registrant)?;
            return self.join(request, asked.payload(), batch);
        }
        self.forward(now, request, || asked.request(), out)
    }

    /// Checks the form of what a local client asks, and that it may wait beside those that are `joining`. Returns who is to
    /// be registered, if anybody.
    fn check_room(&self, asked: &Asked, joining: usize) -> Result<Option<NodeId>, Rejected> {
        let registrant = self.check_form(asked)?;
        if self.commands.len() + joining >= self.settings.commands.pending_max {
            return Err(Rejected::Busy);
        }
        Ok(registrant)
    }

    /// Takes a proposal into the batch, as far as the leader has room for it.
    fn join(&self, request: RequestId, payload: Payload, batch: &mut Batch) -> Result<(), Rejected> {
        self.check_admission(batch.bytes)?;
        batch.bytes += payload.cost();
        batch.entries.push(Entry { term: self.raft.term(), payload });
        batch.requests.push(request);
        Ok(())
    }

    fn check_admission(&self, bytes: u64) -> Result<(), Rejected> {
        self.raft.admits_proposal(bytes).map_err(|error| match error {
            ProposeError::NotLeader => Rejected::NotLeader(self.raft.leader()),
            ProposeError::Busy => Rejected::Busy,
            ProposeError::Transferring(target) => Rejected::Transferring(target),
        })
    }

    fn forward(
        &mut self,
        now: Time,
        request: RequestId,
        asked: impl FnOnce() -> Request,
        out: &mut Outbox,
    ) -> Result<(), Rejected> {
        // Without its boot on disk, a crash could bring the same boot about again, and with it the same tickets: the
        // answer to this command would then be taken for the answer to another one.
        let leader = self.raft.leader().filter(|leader| *leader != self.raft.id() && self.raft.boot_is_durable());
        let leader = leader.ok_or(Rejected::NotLeader(self.raft.leader()))?;
        let to = self.raft.configuration().incarnation(leader);
        let commands = &mut self.commands;
        commands.last_forward += 1;
        let number = commands.last_forward;
        commands.forwarded.insert(number, (request, self.raft.term()));
        commands.watch(now + self.settings.commands.timeout, Waiting::Forwarded(number));
        let ticket = Ticket { incarnation: commands.incarnation, boot: commands.boot, number };
        let forward = Forward { term: self.raft.term(), to, ticket, request: asked() };
        out.push(Effect::Send(leader, Message::Forward(forward)));
        Ok(())
    }

    /// Shortens the wait for leaders that were followed by another one.
    pub(super) fn hurry_forwards(&mut self, now: Time) {
        if self.raft.leader().is_some() {
            self.commands.hurry(self.raft.term(), now + self.settings.raft.election_timeout_max);
        }
    }

    /// Accepts a forward addressed to this leader, once, and answers one that no leader of its term can be this node.
    pub(super) fn on_forward(&mut self, now: Time, from: NodeId, forward: Forward, out: &mut Outbox) {
        let Forward { term, to, ticket, request } = forward;
        if to != self.raft.incarnation() {
            // A memory that was lost may have accepted a copy, so nothing can be said of it.
            return;
        }
        self.note_leading();
        let origin = Origin::Remote(from, ticket);
        if term > self.commands.led {
            // This node never led that term, so no copy of the forward was or will be accepted.
            return turn_away(&origin, Rejected::NotLeader(self.raft.leader()), out);
        }
        if !self.raft.is_leader() || term != self.raft.term() {
            // An earlier copy may have been accepted: its fate, not this copy's, is the answer.
            return;
        }
        let sender = (from, ticket.incarnation);
        if self.commands.accepted.len() >= self.settings.topology.registrations_max
            && !self.commands.accepted.contains_key(&sender)
        {
            // No room to remember what was accepted from one more peer: silence keeps its outcome honest.
            return;
        }
        let first = Accepted::nothing_of(ticket.boot);
        if !self.commands.accepted.entry(sender).or_insert(first).is_new(ticket) {
            return;
        }
        if self.commands.proposed.len() >= self.settings.commands.pending_max {
            return turn_away(&origin, Rejected::Busy, out);
        }
        if let Err(rejected) = self.propose_forwarded(now, origin.clone(), request, out) {
            turn_away(&origin, rejected, out);
        }
    }

    fn propose_forwarded(
        &mut self,
        now: Time,
        origin: Origin,
        request: Request,
        out: &mut Outbox,
    ) -> Result<(), Rejected> {
        let (asked, payload) = match request {
            Request::Command(bytes) => (Command::decode_shared(&bytes).map(Asked::Command), Payload::Command(bytes)),
            Request::Session(bytes) => (SessionRequest::decode(&bytes).map(Asked::Session), Payload::Session(bytes)),
            Request::Quorum(change) => return self.propose_quorum(now, origin, &change, out),
        };
        let asked = asked.map_err(Rejected::Refused)?;
        let registrant = self.check_form(&asked)?;
        self.admit_registration(now, registrant)?;
        self.propose_one(now, origin, payload, out)
    }

    fn propose_one(&mut self, now: Time, origin: Origin, payload: Payload, out: &mut Outbox) -> Result<(), Rejected> {
        self.check_admission(0)?;
        self.note_leading();
        let entry = Entry { term: self.raft.term(), payload };
        let position = self.raft.propose(Entries::one(entry), out);
        self.await_place(position, origin, out);
        self.watch_proposals(now, position.index, position);
        Ok(())
    }

    /// Puts a command of the node itself into the log, if it leads and has room for it; nobody waits for the outcome.
    pub(super) fn propose_own(&mut self, command: Command, out: &mut Outbox) -> Result<(), Rejected> {
        self.check_admission(0)?;
        let entry = Entry { term: self.raft.term(), payload: Asked::Command(command).payload() };
        self.raft.propose(Entries::one(entry), out);
        Ok(())
    }

    fn propose(&mut self, now: Time, batch: Batch, out: &mut Outbox) {
        let Batch { entries, requests, bytes: _ } = batch;
        if entries.is_empty() {
            return;
        }
        self.note_leading();
        let last = self.raft.propose(Entries::from(entries), out);
        let before = LogIndex::new(last.index.get() - requests.len() as u64);
        for (place, request) in requests.into_iter().enumerate() {
            let position = Position::new(last.term, before.advanced_by(place).next());
            self.await_place(position, Origin::Local(request), out);
        }
        self.watch_proposals(now, before.next(), last);
    }

    fn propose_quorum(
        &mut self,
        now: Time,
        origin: Origin,
        change: &QuorumChange,
        out: &mut Outbox,
    ) -> Result<(), Rejected> {
        self.note_leading();
        let position = self.raft.change_quorum(change, out).map_err(|error| match error {
            ChangeError::NotLeader => Rejected::NotLeader(self.raft.leader()),
            ChangeError::Transferring(target) => Rejected::Transferring(target),
            ChangeError::Refused(refusal) => Rejected::QuorumRefused(refusal),
        })?;
        self.await_place(position, origin, out);
        self.watch_proposals(now, position.index, position);
        Ok(())
    }

    /// Notes who waits for the entry at a position of the own log.
    fn await_place(&mut self, position: Position, origin: Origin, out: &mut Outbox) {
        // A proposal of an older term at this index was truncated; its fate is settled when the index is applied, but
        // one index can only be watched for one term, so the older one is told that it lost its place here.
        let proposed = Proposed { index: position.index, term: position.term, origin };
        if let Some(older) = self.commands.proposed.insert(proposed) {
            tell(&older.origin, Err(Rejected::Unknown), out);
        }
    }

    /// Sets the deadline of proposals that were made together, from `first` on.
    fn watch_proposals(&mut self, now: Time, first: LogIndex, last: Position) {
        let deadline = now + self.settings.commands.timeout;
        self.commands.watch(deadline, Waiting::Proposed(first, last.index, last.term));
    }

    /// Opens the books of a new term of leadership.
    fn note_leading(&mut self) {
        if self.raft.is_leader() && self.commands.led != self.raft.term() {
            self.commands.led = self.raft.term();
            self.commands.accepted.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(boot: u64, number: u64) -> Ticket {
        Ticket { incarnation: Incarnation::FOUNDING, boot: Boot::new(boot), number }
    }

    #[test]
    fn deadlines_do_not_pile_up_behind_a_command_that_nobody_answers() {
        let (mut commands, mut out) = (Commands::new(Incarnation::FOUNDING, Boot::new(1), Term::ZERO), Outbox::new());
        for number in 1..=10_000 {
            commands.forwarded.insert(number, (RequestId::new(number), Term::new(1)));
            commands.watch(Time::from_millis(number), Waiting::Forwarded(number));
            if number > 1 {
                let outcome = Err(Rejected::Busy);
                commands.on_answer(Answer { ticket: ticket(1, number), outcome }, &mut out);
            }
        }
        assert!(commands.deadlines.len() <= 2 * commands.len() + RESOLVED_KEPT + 1);
        assert_eq!(commands.next_wake().map(|wake| wake.at), Some(Time::from_millis(1)));
    }

    #[test]
    fn who_waits_for_a_leader_that_was_followed_by_another_waits_no_longer_than_it_may() {
        let (mut commands, mut out) = (Commands::new(Incarnation::FOUNDING, Boot::new(1), Term::ZERO), Outbox::new());
        for (number, term) in [(1, 1), (2, 1), (3, 2)] {
            commands.forwarded.insert(number, (RequestId::new(number), Term::new(term)));
            commands.watch(Time::from_millis(10 * number), Waiting::Forwarded(number));
        }
        let proposed = Waiting::Proposed(LogIndex::new(1), LogIndex::new(1), Term::new(1));
        commands.deadlines.push_front((Time::from_millis(5), proposed));
        commands.hurry(Term::new(1), Time::from_millis(4));
        assert_eq!(commands.next_wake().map(|wake| wake.at), Some(Time::from_millis(5)), "nobody followed that leader");
        commands.hurry(Term::new(2), Time::from_millis(4));
        let times: Vec<_> = commands.deadlines.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [4, 4, 5, 30].map(Time::from_millis));
        commands.expire(Time::from_millis(4), &mut out);
        assert_eq!(commands.forwarded.len(), 1, "who asked the leader of before is told that nobody knows");
    }

    #[test]
    fn an_answer_to_a_memory_that_was_lost_is_for_nobody() {
        let (mut commands, mut out) = (Commands::new(Incarnation::new(7), Boot::new(1), Term::ZERO), Outbox::new());
        commands.forwarded.insert(1, (RequestId::new(1), Term::new(1)));
        commands.on_answer(Answer { ticket: ticket(1, 1), outcome: Err(Rejected::Busy) }, &mut out);
        assert!(out.is_empty());
        let own = Ticket { incarnation: Incarnation::new(7), ..ticket(1, 1) };
        commands.on_answer(Answer { ticket: own, outcome: Err(Rejected::Busy) }, &mut out);
        assert!(!out.is_empty());
    }
}
