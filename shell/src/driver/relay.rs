//! Commands of nodes that are outside of the log: brought to the leader by letter.

use std::collections::BTreeMap;
use std::time::Duration;

use delian_core::topology::Command;
use delian_core::{Applied, Blob, Input, NodeId, Rejected, Time};

use super::Driver;
use crate::handle::Outcome;
use crate::transport::Letter;

/// How many such commands may wait for an outcome.
const PENDING_MAX: usize = 1024;

/// How long before nobody knows what became of one; the core's own commands are called unknown after that time, too.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who asked by letter, and with which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) node: NodeId,
    pub(super) number: u64,
}

/// The commands of this node that were brought to another.
#[derive(Default)]
pub(super) struct Relay {
    last: u64,
    pending: BTreeMap<u64, Pending>,
}

struct Pending {
    to: NodeId,
    until: Time,
    outcome: Outcome,
}

impl Relay {
    fn expect(&mut self, to: NodeId, until: Time, outcome: Outcome) -> u64 {
        self.last += 1;
        self.pending.insert(self.last, Pending { to, until, outcome });
        self.last
    }

    /// Takes in an answer, if it comes from who was asked.
    pub(super) fn told(&mut self, from: NodeId, number: u64, outcome: Result<Applied, Rejected>) {
        if self.pending.get(&number).is_some_and(|pending| pending.to == from)
            && let Some(pending) = self.pending.remove(&number)
        {
            // Who asked may have gone away meanwhile.
            let _ = pending.outcome.send(outcome);
        }
    }

    /// Gives up on answers that are overdue. Numbers and deadlines rise together.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(first) = self.pending.first_entry().filter(|first| first.get().until <= now) {
            let _ = first.remove().outcome.send(Err(Rejected::Unknown));
        }
    }

    /// Returns when the next answer is overdue; far away if none is awaited.
    pub(super) fn next_at(&self) -> Time {
        self.pending.values().next().map_or(Time::from_nanos(u64::MAX), |pending| pending.until)
    }
}

impl Driver {
    /// Whether this node is in no configuration: then the core forwards nothing.
    pub(super) fn is_outside_of_the_log(&self) -> bool {
        let raft = self.node.raft();
        !raft.configuration().is_member(raft.id())
    }

    /// Asks the leader, as far as it is known, to bring in a command.
    pub(super) fn relay_command(&mut self, command: &Command, outcome: Outcome) {
        let rejected = match self.node.known_leader() {
            Some(_) if self.relay.pending.len() >= PENDING_MAX => Rejected::Busy,
            Some((_, leader)) => {
                let number = self.relay.expect(leader, self.clock.now() + TIMEOUT, outcome);
                return self.post(leader, Letter::Ask { number, command: command.encode() });
            }
            None => Rejected::NotLeader(None),
        };
        let _ = outcome.send(Err(rejected));
    }

    /// Brings in a command that another node asked for.
    pub(super) async fn bring(&mut self, from: NodeId, number: u64, command: &Blob) {
        let asker = Asker { node: from, number };
        match Command::decode(command) {
            Ok(command) => {
                let request = self.waiting.remote(&mut self.numbers, asker);
                self.step(Input::Command(request, command)).await;
            }
            Err(refusal) => self.answer(asker, Err(Rejected::Refused(refusal))),
        }
    }

    pub(super) fn answer(&mut self, asker: Asker, outcome: Result<Applied, Rejected>) {
        self.post(asker.node, Letter::Told { number: asker.number, outcome });
    }
}
