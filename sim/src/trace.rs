//! The trace of a run: one line per event, in fixed columns.
//!
//! A line is `time node kind facts`; `reports/README.md` explains the columns. Lines are made only when someone reads
//! them, so a run without a trace pays nothing.

use std::collections::VecDeque;
use std::fmt;

use delian_core::health::Heartbeat;
use delian_core::raft::{Append, Appended, Ballot, Body, Candidacy, HardState, Record};
use delian_core::swim::{self, Carrier};
use delian_core::topology::{Cause, Command};
use delian_core::wire::Request;
use delian_core::{
    Applied, Event, Input, Message, NodeId, Operation, ReadAt, Rejected, RequestId, SessionRequest, Term, Time, WriteId,
};
use serde::Serialize;

use crate::network::{Load, Packet};

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in the world's time.
    pub at: Time,
    /// Where; none for what concerns the whole world.
    pub who: Option<Who>,
    /// What kind of event.
    pub kind: &'static str,
    /// What there is to know about it.
    pub facts: String,
}

/// At whom something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A node of a cluster.
    Node(NodeId),
    /// A member of a pool, by its number.
    Member(u32),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Member(number) => write!(f, "m{number}"),
        }
    }
}

/// Where the lines of a run go.
#[derive(Clone, Debug)]
pub enum Tracer {
    /// Nowhere.
    Off,
    /// The last so many are kept.
    Last(usize, VecDeque<Line>),
    /// All are kept.
    All(Vec<Line>),
}

impl Tracer {
    /// Keeps the last `count` lines.
    pub const fn last(count: usize) -> Self {
        Self::Last(count, VecDeque::new())
    }

    /// Returns the lines kept, in order.
    pub fn lines(&self) -> Box<dyn Iterator<Item = &Line> + '_> {
        match self {
            Self::Off => Box::new(std::iter::empty()),
            Self::Last(_, lines) => Box::new(lines.iter()),
            Self::All(lines) => Box::new(lines.iter()),
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    pub(crate) fn write(&mut self, line: Line) {
        match self {
            Self::Off => {}
            Self::Last(count, lines) => {
                if lines.len() == *count {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            Self::All(lines) => lines.push(line),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.as_nanos();
        let who = self.who.map_or_else(|| "-".to_string(), |who| who.to_string());
        let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        write!(f, "{seconds:5}.{rest:09}  {who:<5} ")?;
        if self.facts.is_empty() { f.write_str(self.kind) } else { write!(f, "{:<8} {}", self.kind, self.facts) }
    }
}

impl Line {
    /// Returns the line as one JSON object, with the fields `at_ns`, `node`, `kind` and `facts`; at a member of a pool also
    /// with `member`, and `node` is null.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Fields<'a> {
            at_ns: u64,
            node: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            member: Option<u32>,
            kind: &'a str,
            facts: &'a str,
        }
        let (node, member) = match self.who {
            Some(Who::Node(node)) => (Some(node.get()), None),
            Some(Who::Member(number)) => (None, Some(number)),
            None => (None, None),
        };
        let fields = Fields { at_ns: self.at.as_nanos(), node, member, kind: self.kind, facts: &self.facts };
        serde_json::to_string(&fields).expect("strings and numbers have a JSON form")
    }

    pub(crate) fn input(at: Time, node: NodeId, input: &Input) -> Self {
        let (kind, facts) = match input {
            Input::Wake => ("wake", String::new()),
            Input::Receive(from, message) => ("receive", format!("{from} {}", describe(message))),
            Input::Command(request, command) => ("command", format!("{request} {}", describe_command(command))),
            Input::Commands(commands) => ("commands", format!("{} of them", commands.len())),
            Input::Join(contact) => ("join", format!("by {contact}")),
            Input::OpenSession(request) => ("session", format!("{request} open")),
            Input::SessionCommand(request, Operation { session, sequence, awaited_from: _ }, command) => {
                ("command", format!("{request} {session} {sequence} {}", describe_command(command)))
            }
            Input::CloseSession(request, session) => ("session", format!("{request} close {session}")),
            Input::Quorum(request, change) => ("quorum", format!("{request} {change:?}")),
            Input::Read(request, consistency) => ("read", format!("{request} {consistency:?}")),
            Input::Transfer(request, target) => ("transfer", format!("{request} to {target}")),
            Input::ForgetLeader => ("forget", String::new()),
            Input::Persisted(write) => ("flushed", format!("up to {write}")),
            Input::PersistFailed(write) => ("failed", format!("{write}")),
            Input::Captured(index, state) => ("captured", format!("{index}, {} bytes", state.len())),
            Input::Pool(tier, input) => ("pool", format!("{tier} {}", describe_pool(input))),
            Input::Observed(sample) => ("observed", format!("score {}", sample.score)),
        };
        Self { at, who: Some(Who::Node(node)), kind, facts }
    }

    pub(crate) fn packet(at: Time, kind: &'static str, packet: &Packet) -> Self {
        let Packet { sender, receiver, load, from: _, to: _ } = packet;
        let facts = match load {
            Load::Message(message) => format!("to {receiver} {}", describe(message)),
            Load::Pool(tier, input) => format!("to {receiver} {tier} {}", describe_pool(input)),
        };
        Self { at, who: Some(Who::Node(*sender)), kind, facts }
    }

    pub(crate) fn write(at: Time, node: NodeId, write: WriteId, record: &Record) -> Self {
        let facts = match record {
            Record::HardState(HardState { term, voted_for, boot, incarnation: _ }) => {
                let vote = voted_for.map_or("nobody".to_string(), |candidate| candidate.to_string());
                format!("{write} HardState {term} vote {vote} {boot}")
            }
            Record::Append { after, entries } => format!("{write} Append after {after} {} entries", entries.len()),
            Record::Compact { snapshot, dropped } => format!("{write} Compact {} dropped {dropped}", snapshot.last),
            Record::Install(snapshot) => format!("{write} Install {}", snapshot.last),
        };
        Self { at, who: Some(Who::Node(node)), kind: "write", facts }
    }

    pub(crate) fn reply(at: Time, node: NodeId, request: RequestId, outcome: &Result<Applied, Rejected>) -> Self {
        let facts = match outcome {
            Ok(applied) => format!("{request} applied at {}, {}", applied.position, applied.epoch),
            Err(rejected) => format!("{request} {rejected}"),
        };
        Self { at, who: Some(Who::Node(node)), kind: "reply", facts }
    }

    pub(crate) fn read(at: Time, node: NodeId, request: RequestId, outcome: &Result<ReadAt, Rejected>) -> Self {
        let facts = match outcome {
            Ok(ReadAt { index, applied, epoch }) => format!("{request} from {index}, applied {applied}, {epoch}"),
            Err(rejected) => format!("{request} {rejected}"),
        };
        Self { at, who: Some(Who::Node(node)), kind: "reply", facts }
    }

    pub(crate) fn transferred(at: Time, node: NodeId, request: RequestId, outcome: &Result<Term, Rejected>) -> Self {
        let facts = match outcome {
            Ok(term) => format!("{request} handed over, {term}"),
            Err(rejected) => format!("{request} {rejected}"),
        };
        Self { at, who: Some(Who::Node(node)), kind: "reply", facts }
    }

    pub(crate) fn event(at: Time, node: NodeId, event: &Event) -> Self {
        Self { at, who: Some(Who::Node(node)), kind: "event", facts: format!("{event:?}") }
    }

    pub(crate) fn of_member(at: Time, number: u32, kind: &'static str, facts: String) -> Self {
        Self { at, who: Some(Who::Member(number)), kind, facts }
    }

    pub(crate) fn fault(at: Time, kind: &'static str, fault: &str) -> Self {
        Self { at, who: None, kind: "fault", facts: format!("{kind} {fault}") }
    }

    pub(crate) fn note(at: Time, node: NodeId, kind: &'static str, facts: &str) -> Self {
        Self { at, who: Some(Who::Node(node)), kind, facts: facts.to_string() }
    }
}

/// Says in a few words what a command asks for.
fn describe_command(command: &Command) -> String {
    match command {
        Command::Register(registration) => format!("Register {} {}", registration.node, registration.name),
        Command::Deregister(node) => format!("Deregister {node}"),
        Command::Evict { node, epoch } => format!("Evict {node} {epoch}"),
        Command::SetCondition { node, epoch, condition, cause: Cause::Asked } => {
            format!("SetCondition {node} {epoch} {condition}")
        }
        Command::SetCondition { node, epoch, condition, cause } => {
            format!("SetCondition {node} {epoch} {condition}: {cause}")
        }
        Command::Drain { node, epoch, within: None } => format!("Drain {node} {epoch}"),
        Command::Drain { node, epoch, within: Some(within) } => format!("Drain {node} {epoch} within {within:?}"),
        Command::DrainProgress { node, epoch, moved } => format!("DrainProgress {node} {epoch} {moved} ‰"),
        Command::Custom(bytes) => format!("Custom {} bytes", bytes.len()),
    }
}

fn describe_session(bytes: &[u8]) -> String {
    match SessionRequest::decode(bytes) {
        Ok(SessionRequest::Open) => "open a session".to_string(),
        Ok(SessionRequest::Do { operation: Operation { session, sequence, awaited_from: _ }, command }) => {
            format!("{session} {sequence} {} bytes", command.len())
        }
        Ok(SessionRequest::Close(session)) => format!("close {session}"),
        Err(_) => format!("{} strange bytes", bytes.len()),
    }
}

/// Says in a few words what happens to a member of a pool.
fn describe_pool(input: &swim::Input) -> String {
    match input {
        swim::Input::Receive(from, carrier, packet) => {
            let shown = format!("{:?}", packet.body);
            let kind = shown.split(['(', ' ']).next().unwrap_or_default();
            let by = if *carrier == Carrier::Stream { " by stream" } else { "" };
            format!("{kind} {} of {} with {} news, from {from}{by}", packet.from, packet.incarnation, packet.news.len())
        }
        swim::Input::Join(contacts) => {
            let contacts: Vec<String> = contacts.iter().map(ToString::to_string).collect();
            format!("join through {}", contacts.join(", "))
        }
        swim::Input::Wake => "wake".to_string(),
        swim::Input::Leave => "leave".to_string(),
        swim::Input::SetMetadata(word) => format!("say {} bytes of itself", word.len()),
        swim::Input::Broadcast(_, word) => format!("say {} bytes to all", word.len()),
    }
}

/// Says in a few words what a message says.
pub(crate) fn describe(message: &Message) -> String {
    let raft = match message {
        Message::Raft(raft) => raft,
        Message::Forward(forward) => {
            let asked = match &forward.request {
                Request::Command(bytes) => format!("{} bytes", bytes.len()),
                Request::Session(bytes) => describe_session(bytes),
                Request::Quorum(change) => format!("{change:?}"),
            };
            return format!("Forward {} {:?} {asked}", forward.term, forward.ticket);
        }
        Message::Visitor { node, incarnation } => return format!("Visitor {node} {incarnation}"),
        Message::Answer(answer) => return format!("Answer {:?} {:?}", answer.ticket, answer.outcome),
        Message::ReadIndex(asked) => return format!("ReadIndex {} {:?}", asked.term, asked.ticket),
        Message::ReadIndexAnswer(answer) => return format!("ReadIndexAnswer {:?} {:?}", answer.ticket, answer.outcome),
        Message::Heartbeat(heartbeat) => {
            let Heartbeat { node: _, epoch, sequence, sample } = heartbeat;
            return format!("Heartbeat {epoch} {sequence} score {}", sample.score);
        }
        Message::Pull(pull) => return format!("Pull above {}", pull.have),
        Message::PullAnswer(answer) => return format!("PullAnswer {:?}", answer.news),
    };
    let term = raft.term;
    let ballot = |ballot: &Ballot| match ballot {
        Ballot::Granted => "granted",
        Ballot::Refused => "refused",
    };
    match &raft.body {
        Body::PreVote { last } => format!("PreVote {term} last {last}"),
        Body::PreVoteAnswer(answer) => format!("PreVoteAnswer {term} {}", ballot(answer)),
        Body::Vote { last, candidacy: Candidacy::Silence } => format!("Vote {term} last {last}"),
        Body::Vote { last, candidacy: Candidacy::Transfer } => format!("Vote {term} last {last} by transfer"),
        Body::VoteAnswer(answer) => format!("VoteAnswer {term} {}", ballot(answer)),
        Body::Append(Append { session: _, prev, entries, commit }) => {
            format!("Append {term} prev {prev} {} entries commit {commit}", entries.len())
        }
        Body::AppendAnswer { session: _, appended: Appended::Matched(matched) } => {
            format!("AppendAnswer {term} matched {matched}")
        }
        Body::AppendAnswer { session: _, appended: Appended::Conflict { refused, hint } } => {
            format!("AppendAnswer {term} refused {refused} hint {hint}")
        }
        Body::Heartbeat { commit, round } => format!("Heartbeat {term} {round} commit {commit}"),
        Body::AppendAnswer { session: _, appended: Appended::SnapshotRefused(last) } => {
            format!("AppendAnswer {term} refused the snapshot of {last}")
        }
        Body::HeartbeatAnswer { round, level } => format!("HeartbeatAnswer {term} {round} {level}"),
        Body::Commit { commit } => format!("Commit {term} {commit}"),
        Body::Snapshot { session: _, snapshot } => {
            format!("Snapshot {term} of {} {} bytes", snapshot.last, snapshot.state.len())
        }
        Body::Outdated => format!("Outdated {term}"),
        Body::TimeoutNow { reaches } => format!("TimeoutNow {term} reaches {reaches}"),
        Body::Stranger { incarnation } => format!("Stranger {term} {incarnation}"),
        Body::Chunk { session: _, identity, offset, bytes } => {
            format!("Chunk {term} of {} {} bytes at {offset} of {}", identity.last, bytes.len(), identity.bytes)
        }
        Body::ChunkAnswer { session: _, identity, held } => {
            format!("ChunkAnswer {term} of {} has {} of {}", identity.last, held.bytes(), identity.bytes)
        }
    }
}
