//! Clients: what they ask, what they are told, and the history of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::topology::{Command, Coordinates, Registration};
use delian_core::{Applied, Blob, Bytes, Epoch, Input, Node, NodeId, Rejected, RequestId, Time, WallTime};

use super::World;
use super::process::Hearing;
use crate::invariants::Observation;
use crate::scenario::Action;

/// Every operation with its outcome, and those that wait for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// The operations in the order they were given; the full history of the run.
    pub(super) history: Vec<Exchange>,
    /// Where in the history each open request stands.
    open: BTreeMap<RequestId, usize>,
    requests: u64,
}

/// One operation of a client and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Which client, or none for the proof that a healed cluster takes commands.
    pub client: Option<u16>,
    /// The node asked.
    pub node: NodeId,
    /// When it was asked.
    pub asked_at: Time,
    /// What it answered and when; nothing if it crashed or the run ended first.
    pub answer: Option<(Time, Answer)>,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command took effect.
    Applied(Applied),
    /// It did not, or nobody knows.
    Rejected(Rejected),
    /// A read: the epoch and the number of members that the node knew.
    Status(Epoch, usize),
}

impl Clients {
    /// Enters a request into the history.
    pub(super) fn open(&mut self, client: Option<u16>, node: NodeId, asked_at: Time) -> RequestId {
        self.requests += 1;
        let request = RequestId::new(self.requests);
        self.open.insert(request, self.history.len());
        self.history.push(Exchange { client, node, asked_at, answer: None });
        request
    }
}

impl World {
    /// Lets a client do what the plan says.
    pub(super) fn operate(&mut self, number: u32) {
        let plan = Arc::clone(&self.plan);
        let operation = &plan.operations[number as usize];
        for process in self.resolve(operation.via) {
            if let Action::Quorum(change) = &operation.action {
                self.ask_quorum(operation.via, process, operation.client, change);
                continue;
            }
            self.ask(process, Some(operation.client), &operation.action);
        }
    }

    /// Asks a process for something. Returns the request, if the process could be asked for a change.
    pub(super) fn ask(&mut self, number: u8, client: Option<u16>, action: &Action) -> Option<RequestId> {
        let process = &self.processes[usize::from(number)];
        // A client of a process that is down or frozen gets no connection.
        let node = process.node.as_ref().filter(|_| process.hearing != Hearing::Frozen)?;
        let mut exchange = Exchange { client, node: process.id, asked_at: self.now, answer: None };
        let Some(command) = command(action, node, process.clock.wall(self.now)) else {
            self.census.reads += 1;
            exchange.answer = Some((self.now, Answer::Status(node.topology().epoch(), node.topology().len())));
            self.clients.history.push(exchange);
            return None;
        };
        let request = self.clients.open(client, exchange.node, exchange.asked_at);
        self.observe(number, Observation::Asked(request, &command));
        self.feed(number, Input::Command(request, command));
        Some(request)
    }

    /// Writes a reply into the history.
    pub(super) fn note_reply(&mut self, request: RequestId, outcome: &Result<Applied, Rejected>) {
        let Some(place) = self.clients.open.remove(&request) else { return };
        let exchange = &mut self.clients.history[place];
        let answer = match outcome {
            Ok(applied) => {
                self.census.acknowledged += 1;
                self.census.commit_latencies.push(self.now.since(exchange.asked_at));
                Answer::Applied(*applied)
            }
            Err(rejected) => {
                let unknown = u64::from(*rejected == Rejected::Unknown);
                self.census.unknown += unknown;
                self.census.rejected += 1 - unknown;
                Answer::Rejected(rejected.clone())
            }
        };
        exchange.answer = Some((self.now, answer));
        self.note_proof(outcome.is_ok());
    }

    /// Returns what every client asked and was told so far.
    pub fn history(&self) -> &[Exchange] {
        &self.clients.history
    }
}

/// Returns the command of an action, as the asked node sees the world; nothing for a read.
fn command(action: &Action, node: &Node, wall: WallTime) -> Option<Command> {
    let subject = |number: &u16| NodeId::new(u64::from(*number));
    let life = |number: &u16| node.topology().get(subject(number)).map_or(Epoch::ZERO, |member| member.registered);
    Some(match action {
        Action::Register(number) => Command::Register(Box::new(registration(*number, wall))),
        Action::Deregister(number) => Command::Deregister(subject(number)),
        Action::Evict(number) => Command::Evict { node: subject(number), epoch: life(number) },
        Action::SetCondition(number, condition) => {
            Command::SetCondition { node: subject(number), epoch: life(number), condition: *condition }
        }
        Action::Custom(bytes) => Command::Custom(Blob::from(bytes.as_slice())),
        Action::Quorum(_) | Action::Read => return None,
    })
}

/// Returns what subject `number` says about itself: places spread over three regions, two datacenters each.
fn registration(number: u16, wall: WallTime) -> Registration {
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
        total: Bytes::new(1 << 40),
        free: Bytes::new(1 << 39),
        tags: [("disk".to_string(), "nvme".to_string())].into(),
        registered_at: wall,
    }
}
