//! Reads on their way: who waits for which confirmation, here as a leader or for the leader's word.
//!
//! Every read ends in exactly one answer: from where on to read, or why not. A leader's reads wait for Raft's word on
//! their marks and are all rejected when it steps down. A follower hands a read to the leader of its term under a ticket
//! and waits until it has applied what the leader named; ticket and answer may be copied and delayed at will, for an
//! answer is true from when the leader confirmed it on, and no ticket is made twice.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Node;
use crate::ids::{Boot, Incarnation, LogIndex, NodeId, RequestId};
use crate::io::{Consistency, Effect, Outbox, ReadAt, Rejected, Wake, WakeReason};
use crate::projection::{Deadline, Names};
use crate::raft::{ReadFate, ReadMark};
use crate::time::Time;
use crate::wire::{Message, ReadIndex, ReadIndexAnswer, Ticket};

/// The reads that wait for an answer at this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reads {
    incarnation: Incarnation,
    boot: Boot,
    /// At this node as a leader, in the order of their marks and deadlines.
    led: VecDeque<Led>,
    /// At the leader, by the number of their ticket, and so in the order of their deadlines.
    asked: BTreeMap<u64, Asked>,
    /// Those that the leader answered, by the index that is still to be applied here.
    answered: BTreeSet<(LogIndex, u64)>,
    last_ticket: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Led {
    mark: ReadMark,
    origin: Origin,
    deadline: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Local(RequestId),
    Remote(NodeId, Ticket),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    request: RequestId,
    deadline: Time,
    /// What is to be applied first, once the leader said so.
    index: Option<LogIndex>,
}

impl Reads {
    pub(super) const fn new(incarnation: Incarnation, boot: Boot) -> Self {
        Self {
            incarnation,
            boot,
            led: VecDeque::new(),
            asked: BTreeMap::new(),
            answered: BTreeSet::new(),
            last_ticket: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.led.len() + self.asked.len()
    }

    pub(super) fn next_wake(&self) -> Option<Wake> {
        let led = self.led.front().map(|read| read.deadline);
        let asked = self.asked.first_key_value().map(|(_, read)| read.deadline);
        led.into_iter().chain(asked).min().map(|at| Wake { at, why: WakeReason::ReadTimeout })
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        let led = self.led.iter_mut().map(|read| &mut read.deadline);
        let asked = self.asked.values_mut().map(|read| &mut read.deadline);
        led.chain(asked).for_each(|deadline| *deadline = map(Deadline::Read, *deadline));
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        for read in &mut self.led {
            if let Origin::Remote(node, _) = &mut read.origin {
                *node = names(*node);
            }
        }
    }

    /// Gives up waiting for what is overdue.
    pub(super) fn expire(&mut self, now: Time, out: &mut Outbox) {
        while let Some(read) = self.led.pop_front_if(|read| read.deadline <= now) {
            reject(read.origin, Rejected::TimedOut, out);
        }
        while let Some(first) = self.asked.first_entry()
            && first.get().deadline <= now
        {
            let (number, read) = first.remove_entry();
            self.forget_answer(number, &read);
            out.push(Effect::Read(read.request, Err(Rejected::TimedOut)));
        }
    }

    fn forget_answer(&mut self, number: u64, read: &Asked) {
        if let Some(index) = read.index {
            self.answered.remove(&(index, number));
        }
    }
}

fn reject(origin: Origin, rejected: Rejected, out: &mut Outbox) {
    out.push(match origin {
        Origin::Local(request) => Effect::Read(request, Err(rejected)),
        Origin::Remote(node, ticket) => send_answer(node, ticket, Err(rejected)),
    });
}

fn send_answer(node: NodeId, ticket: Ticket, outcome: Result<LogIndex, Rejected>) -> Effect {
    Effect::Send(node, Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome }))
}

impl Node {
    /// Answers a local client's read, or lets it wait.
    pub(super) fn on_read(&mut self, now: Time, request: RequestId, consistency: Consistency, out: &mut Outbox) {
        let under_lease = match consistency {
            Consistency::Local => Some(self.raft.applied()),
            Consistency::Lease if self.settings.raft.lease_timeout.is_none() => {
                return out.push(Effect::Read(request, Err(Rejected::LeaseDisabled)));
            }
            Consistency::Lease => self.raft.index_under_lease(now).filter(|index| *index <= self.raft.applied()),
            Consistency::Quorum => None,
        };
        if let Some(index) = under_lease {
            return out.push(Effect::Read(request, Ok(self.read_at(index))));
        }
        let waits = if self.raft.is_leader() {
            self.lead_read(now, Origin::Local(request), out)
        } else {
            self.ask_leader(now, request, out)
        };
        if let Err(rejected) = waits {
            out.push(Effect::Read(request, Err(rejected)));
        }
    }

    /// Takes in a read of another node.
    pub(super) fn on_read_index(&mut self, now: Time, from: NodeId, asked: &ReadIndex, out: &mut Outbox) {
        let origin = Origin::Remote(from, asked.ticket);
        let waits = if self.raft.is_leader() && self.raft.term() == asked.term {
            self.lead_read(now, origin, out)
        } else {
            Err(Rejected::NotLeader(self.raft.leader()))
        };
        if let Err(rejected) = waits {
            reject(origin, rejected, out);
        }
    }

    /// Takes in the leader's word on a read of a local client.
    pub(super) fn on_read_index_answer(&mut self, answer: ReadIndexAnswer, out: &mut Outbox) {
        let ReadIndexAnswer { ticket, outcome } = answer;
        let reads = &mut self.reads;
        if (ticket.incarnation, ticket.boot) != (reads.incarnation, reads.boot) {
            return;
        }
        match outcome {
            Ok(index) => {
                // The first word counts; a copy of it, or a second one to a copy of the question, says nothing better.
                if let Some(read) = reads.asked.get_mut(&ticket.number).filter(|read| read.index.is_none()) {
                    read.index = Some(index);
                    reads.answered.insert((index, ticket.number));
                }
            }
            Err(rejected) => {
                if let Some(read) = reads.asked.remove(&ticket.number) {
                    reads.forget_answer(ticket.number, &read);
                    out.push(Effect::Read(read.request, Err(rejected)));
                }
            }
        }
    }

    /// Answers the reads whose wait is over; called when everything committed is applied.
    pub(super) fn settle_reads(&mut self, out: &mut Outbox) {
        while let Some(Led { mark, origin, .. }) = self.reads.led.front().copied() {
            match self.raft.judge_read(mark) {
                ReadFate::Waits => break,
                ReadFate::Confirmed if self.raft.applied() < mark.index => break,
                ReadFate::Confirmed => out.push(match origin {
                    Origin::Local(request) => Effect::Read(request, Ok(self.read_at(mark.index))),
                    Origin::Remote(node, ticket) => send_answer(node, ticket, Ok(mark.index)),
                }),
                ReadFate::Deposed => reject(origin, Rejected::NotLeader(self.raft.leader()), out),
            }
            self.reads.led.pop_front();
        }
        while let Some((index, number)) = self.reads.answered.first().copied()
            && index <= self.raft.applied()
        {
            self.reads.answered.pop_first();
            if let Some(read) = self.reads.asked.remove(&number) {
                out.push(Effect::Read(read.request, Ok(self.read_at(index))));
            }
        }
    }

    /// Tells local clients of a node that stopped that nothing more will be answered here.
    pub(super) fn abandon_reads(&mut self, out: &mut Outbox) {
        let led = core::mem::take(&mut self.reads.led).into_iter().filter_map(|read| match read.origin {
            Origin::Local(request) => Some(request),
            Origin::Remote(..) => None,
        });
        let asked = core::mem::take(&mut self.reads.asked).into_values().map(|read| read.request);
        led.chain(asked).for_each(|request| out.push(Effect::Read(request, Err(Rejected::Halted))));
        self.reads.answered.clear();
    }

    pub(super) fn assert_reads(&self) {
        let (reads, bound) = (&self.reads, self.settings.commands.reads_max);
        assert!(reads.len() <= bound, "{} reads wait, above the bound of {bound}", reads.len());
        for (index, number) in &reads.answered {
            let found = reads.asked.get(number).and_then(|read| read.index);
            assert_eq!(found, Some(*index), "read {number} waits for {index} to be applied");
        }
        if let Some(read) = reads.led.front() {
            assert_eq!(self.raft.judge_read(read.mark), ReadFate::Waits, "{read:?} was not answered");
        }
    }

    /// Lets a read wait for a quorum that confirms this leader.
    fn lead_read(&mut self, now: Time, origin: Origin, out: &mut Outbox) -> Result<(), Rejected> {
        self.admit_read()?;
        let mark = self.raft.mark_read(now, out).ok_or(Rejected::NotLeader(self.raft.leader()))?;
        let deadline = now + self.settings.commands.timeout;
        self.reads.led.push_back(Led { mark, origin, deadline });
        Ok(())
    }

    /// Hands a local client's read to the leader.
    fn ask_leader(&mut self, now: Time, request: RequestId, out: &mut Outbox) -> Result<(), Rejected> {
        self.admit_read()?;
        // Without its boot on disk, a crash could bring the same boot about again, and with it the same tickets: the
        // answer to this read would then be taken for the answer to a later one, whose state it does not reach.
        let leader = self.raft.leader().filter(|leader| *leader != self.raft.id() && self.raft.boot_is_durable());
        let leader = leader.ok_or(Rejected::NotLeader(self.raft.leader()))?;
        let reads = &mut self.reads;
        reads.last_ticket += 1;
        let number = reads.last_ticket;
        let deadline = now + self.settings.commands.timeout;
        reads.asked.insert(number, Asked { request, deadline, index: None });
        let ticket = Ticket { incarnation: reads.incarnation, boot: reads.boot, number };
        out.push(Effect::Send(leader, Message::ReadIndex(ReadIndex { term: self.raft.term(), ticket })));
        Ok(())
    }

    fn admit_read(&self) -> Result<(), Rejected> {
        if self.reads.len() >= self.settings.commands.reads_max { Err(Rejected::Busy) } else { Ok(()) }
    }

    fn read_at(&self, index: LogIndex) -> ReadAt {
        ReadAt { index, applied: self.raft.applied(), epoch: self.topology.epoch() }
    }
}
