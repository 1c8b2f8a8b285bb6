//! Clients: what they ask, what they are told, and the history of both.

use std::sync::Arc;

use delian_core::topology::{Cause, Command, Coordinates, Registration};
use delian_core::{
    Applied, Blob, Bytes, Consistency, Epoch, Node, NodeId, ReadAt, Rejected, RequestId, Time, WallTime,
};

use super::World;
use super::beats::TOTAL;
use super::calls::Wish;
use crate::scenario::{Action, Manner};

/// Every operation with its outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// The operations in the order they were given; the full history of the run.
    pub(super) history: Vec<Exchange>,
}

/// One operation of a client and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Which client, or none for a process that registers and for the proof that a healed cluster takes commands.
    pub client: Option<u16>,
    /// The node asked, or the first of them.
    pub node: NodeId,
    /// When it was asked.
    pub asked_at: Time,
    /// What the client was told and when; nothing if whom it asked crashed or the run ended first.
    pub answer: Option<(Time, Answer)>,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command took effect.
    Applied(Applied),
    /// It did not, or nobody knows.
    Rejected(Rejected),
    /// A read of the status: the epoch and the number of members that the node knew.
    Status(Epoch, usize),
    /// A read of a subject: what it reflects, and since when the subject is registered there.
    Read(ReadAt, Option<Epoch>),
}

impl World {
    /// Lets a client do what the plan says.
    pub(super) fn operate(&mut self, number: u32) {
        let plan = Arc::clone(&self.plan);
        let operation = &plan.operations[number as usize];
        let is_change = !matches!(operation.action, Action::Read | Action::ReadQuorum(_) | Action::ReadLease(_));
        for process in self.resolve(operation.via) {
            if let Action::Quorum(change) = &operation.action {
                self.ask_quorum(operation.via, process, operation.client, change);
            } else if let Action::Transfer(target) = &operation.action {
                self.ask_transfer(operation.via, process, *target);
            } else if operation.action == Action::ForgetLeader {
                self.ask_to_forget_leader(process);
            } else if operation.manner.in_session && is_change {
                self.within_session(operation.client, number, process);
            } else {
                self.ask(process, Some(operation.client), &operation.action, operation.manner);
            }
        }
    }

    /// Asks a process for something. Returns the request, if a process could be asked and has yet to answer.
    pub(super) fn ask(
        &mut self,
        number: u16,
        client: Option<u16>,
        action: &Action,
        manner: Manner,
    ) -> Option<RequestId> {
        let number = self.door(number, manner.retries)?;
        let subject = |number: &u16| NodeId::new(u64::from(*number));
        let wish = match action {
            Action::Read => {
                self.read_status(number, client);
                return None;
            }
            Action::ReadQuorum(number) => Wish::Read(Consistency::Quorum, subject(number)),
            Action::ReadLease(number) => Wish::Read(Consistency::Lease, subject(number)),
            Action::Register(_)
            | Action::Deregister(_)
            | Action::Evict(_)
            | Action::SetCondition(..)
            | Action::Drain(..)
            | Action::Moved(..)
            | Action::Custom(_) => Wish::Command(self.formulate(number, action)?),
            // An operator looks before it asks.
            Action::Quorum(_) | Action::Transfer(_) | Action::ForgetLeader => return None,
        };
        self.call(number, client, wish, manner.retries)
    }

    /// Returns the command of an action as the asked node sees the world; nothing for a read.
    pub(super) fn formulate(&self, number: u16, action: &Action) -> Option<Command> {
        let process = &self.processes[usize::from(number)];
        command(action, process.node.as_ref()?, process.clock.wall(self.now))
    }

    /// Reads what a node knows, however old it may be.
    fn read_status(&mut self, number: u16, client: Option<u16>) {
        let process = &self.processes[usize::from(number)];
        let Some(node) = process.node.as_ref() else { return };
        let answer = Answer::Status(node.topology().epoch(), node.topology().len());
        let exchange = Exchange { client, node: process.id, asked_at: self.now, answer: Some((self.now, answer)) };
        self.census.reads += 1;
        self.clients.history.push(exchange);
    }

    /// Returns what every client asked and was told so far.
    pub fn history(&self) -> &[Exchange] {
        &self.clients.history
    }
}

/// Returns the command of an action, as the asked node sees the world; nothing for a read.
pub fn command(action: &Action, node: &Node, wall: WallTime) -> Option<Command> {
    let subject = |number: &u16| NodeId::new(u64::from(*number));
    let life = |number: &u16| node.topology().get(subject(number)).map_or(Epoch::ZERO, |member| member.registered);
    Some(match action {
        Action::Register(number) => Command::Register(Box::new(registration(*number, wall))),
        Action::Deregister(number) => Command::Deregister(subject(number)),
        Action::Evict(number) => Command::Evict { node: subject(number), epoch: life(number) },
        Action::SetCondition(number, condition) => Command::SetCondition {
            node: subject(number),
            epoch: life(number),
            condition: *condition,
            cause: Cause::Asked,
        },
        Action::Drain(number, within) => Command::Drain { node: subject(number), epoch: life(number), within: *within },
        Action::Moved(number, moved) => {
            Command::DrainProgress { node: subject(number), epoch: life(number), moved: *moved }
        }
        Action::Custom(bytes) => Command::Custom(Blob::from(bytes.as_slice())),
        Action::Quorum(_)
        | Action::Transfer(_)
        | Action::ForgetLeader
        | Action::Read
        | Action::ReadQuorum(_)
        | Action::ReadLease(_) => return None,
    })
}

/// Returns what subject `number` says about itself: places spread over three regions, two datacenters each.
pub fn registration(number: u16, wall: WallTime) -> Registration {
    let region = number % 3;
    Registration {
        node: NodeId::new(u64::from(number)),
        name: format!("m{number}"),
        address: format!("10.{region}.0.{}", number % 250 + 1),
        port: 7_000 + number % 1_000,
        rack: format!("rack-{}", number % 4),
        datacenter: format!("dc-{}", number % 2),
        region: format!("region-{region}"),
        coordinates: Coordinates::new(i32::from(region) * 20_000_000, i32::from(number % 100) * 1_000_000),
        total: Bytes::new(TOTAL),
        free: Bytes::new(TOTAL / 2),
        tags: [("disk".to_string(), "nvme".to_string())].into(),
        registered_at: wall,
    }
}
