//! How a story says what it shows, and reads what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::io::{Contradiction, SessionEnd, StepDown};
use delian_core::raft::{
    Append, Appended, Ballot, Body, Candidacy, Configuration, Entry, Pace, Payload, Probe, Progress, QuorumChange,
    Ranges, SnapshotForm,
};
use delian_core::topology::{Changed, Command, Coordinates, Registration};
use delian_core::wire::Request;
use delian_core::{
    Applied, Blob, Bytes, Event, FeatureLevel, LogIndex, Message, NodeId, Operation, Position, ReadAt, Rejected,
    SessionId, SessionRequest, Status, Term, WallTime,
};

/// A command line of a story, taken apart.
pub(crate) struct Line {
    pub(crate) words: Vec<String>,
    options: BTreeMap<String, String>,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Self {
        let (options, words): (Vec<_>, Vec<_>) = text.split_whitespace().partition(|word| word.contains('='));
        let options = options.into_iter().filter_map(|option| option.split_once('='));
        Self {
            words: words.into_iter().map(str::to_string).collect(),
            options: options.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        }
    }

    pub(crate) fn word(&self, place: usize) -> Result<&str, String> {
        self.words.get(place).map(String::as_str).ok_or_else(|| format!("word {place} is missing"))
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.iter().skip(1).any(|said| said == word)
    }

    /// Takes an option out, so that one nobody asked for is noticed.
    pub(crate) fn option(&mut self, key: &str) -> Option<String> {
        self.options.remove(key)
    }

    pub(crate) fn number(&mut self, key: &str, otherwise: u64) -> Result<u64, String> {
        self.option(key).map_or(Ok(otherwise), |value| number(&value))
    }

    pub(crate) fn finish(self) -> Result<(), String> {
        match self.options.into_iter().next() {
            Some((key, value)) => Err(format!("nobody reads the option {key}={value}")),
            None => Ok(()),
        }
    }
}

pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

pub(crate) fn prefixed(text: &str, prefix: char) -> Result<u64, String> {
    text.strip_prefix(prefix).ok_or_else(|| format!("{text} does not start with {prefix}")).and_then(number)
}

pub(crate) fn node(text: &str) -> Result<NodeId, String> {
    prefixed(text, 'n').map(NodeId::new)
}

/// Reads `s5`.
pub(crate) fn session(text: &str) -> Result<SessionId, String> {
    prefixed(text, 's').map(SessionId::new)
}

/// Reads `n2`, `n1..n3` or `n1,n3`.
pub(crate) fn nodes(text: &str) -> Result<Vec<NodeId>, String> {
    if let Some((first, last)) = text.split_once("..") {
        let (first, last) = (node(first)?.get(), node(last)?.get());
        return Ok((first..=last).map(NodeId::new).collect());
    }
    text.split(',').map(node).collect()
}

/// Reads `t2/i7`.
pub(crate) fn position(text: &str) -> Result<Position, String> {
    let (term, index) = text.split_once('/').ok_or_else(|| format!("{text} is no position such as t2/i7"))?;
    Ok(Position::new(Term::new(prefixed(term, 't')?), LogIndex::new(prefixed(index, 'i')?)))
}

/// Reads `300ms` or `2s`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    if let Some(millis) = text.strip_suffix("ms") {
        return number(millis).map(Duration::from_millis);
    }
    let seconds = text.strip_suffix('s').ok_or_else(|| format!("{text} is no span such as 300ms or 2s"))?;
    number(seconds).map(Duration::from_secs)
}

/// Reads the terms of a log such as `1x3,4x2,5`.
pub(crate) fn terms(text: &str) -> Result<Vec<Term>, String> {
    let mut terms = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (term, count) = run.split_once('x').unwrap_or((run, "1"));
        let (term, count) = (number(term)?, number(count)?);
        terms.extend((0..count).map(|_| Term::new(term)));
    }
    Ok(terms)
}

/// Reads `register m4`, `deregister n4` or `custom hello`.
pub(crate) fn command(words: &[String]) -> Result<Command, String> {
    let [verb, what] = words else { return Err("a command is two words, such as custom hello".to_string()) };
    match verb.as_str() {
        "register" => Ok(Command::Register(Box::new(registration(what)?))),
        "deregister" => node(what).map(Command::Deregister),
        "custom" => Ok(Command::Custom(Blob::from(what.as_bytes()))),
        other => Err(format!("{other} is no command: use register, deregister or custom")),
    }
}

fn registration(name: &str) -> Result<Registration, String> {
    Ok(Registration {
        node: NodeId::new(prefixed(name, 'm')?),
        name: name.to_string(),
        address: format!("{name}.example.net"),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "d1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_000_000, 8_000_000),
        total: Bytes::new(1000),
        free: Bytes::new(900),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    })
}

pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Started { boot, last } => format!("starts as {boot} with its log at {last}"),
        Event::PreVoteStarted { term } => format!("asks whether it could win {term}"),
        Event::ElectionStarted { term } => format!("stands for {term}"),
        Event::BecameLeader { term } => format!("leads {term}"),
        Event::FollowsLeader { term, leader } => format!("follows {leader} in {term}"),
        Event::SteppedDown { term, reason } => match reason {
            StepDown::NewerTerm(newer) => format!("steps down from {term}: it saw {newer}"),
            StepDown::QuorumLost => format!("steps down from {term}: no quorum answers"),
            StepDown::Removed => format!("steps down from {term}: it has no voice"),
        },
        Event::Committed { last } => format!("commits up to {last}"),
        Event::Truncated { after } => format!("drops its entries after {after}"),
        Event::QuorumChanged { position, configuration: found } => {
            format!("knows {position} committed: {}", configuration(found))
        }
        Event::AutopilotProposed { advice } => {
            format!("is advised to {}: {}", quorum_change(&advice.change), advice.reason)
        }
        Event::MemoryLost { node, incarnation: _ } => format!("hears that {node} lost its memory"),
        Event::Changed { position, epoch, what } => format!("applies {position} as {epoch}: {}", changed(*what)),
        Event::Refused { position, refusal } => format!("applies {position} without effect: {refusal}"),
        Event::SessionOpened { position } => format!("applies {position}: session s{} is open", position.index.get()),
        Event::SessionEnded { session, why } => match why {
            SessionEnd::Closed => format!("ends {session}: it is closed"),
            SessionEnd::Silent => format!("ends {session}: it was silent for too long"),
            SessionEnd::Crowded => format!("ends {session}: it was silent longest, and another needs its place"),
        },
        Event::Repeated { position, operation: Operation { session, sequence, awaited_from: _ } } => {
            format!("applies {position} without effect: {session} {sequence} has its outcome")
        }
        Event::SessionRefused { position, rejected } => format!("applies {position} without effect: {rejected}"),
        Event::Compacted { last, bytes: _ } => format!("keeps a snapshot of {last}"),
        Event::SnapshotSent { to, last } => format!("sends {to} its snapshot of {last}"),
        Event::LevelRaised { position, level } => format!("speaks {level} from {position} on"),
        Event::SnapshotRefused { by, last } => format!("hears that {by} refuses its snapshot of {last}"),
        Event::SnapshotInstalled { last, epoch } => format!("installs a snapshot of {last}, {epoch}"),
        Event::PeerContradicted { peer, claim } => format!("ignores {peer}: {}", contradiction(claim)),
        Event::Halted(halt) => format!("halts: {halt}"),
        Event::TurnedAway { rejected } => format!("turns a command away: {rejected}"),
        Event::TransferBegan { term, target } => format!("hands {term} over to {target}"),
        Event::ToldToStand { term, target } => format!("tells {target} to stand after {term}"),
        Event::TransferAborted { term, target } => format!("keeps {term}: {target} did not take over"),
        Event::LeaderForgotten { term, leader } => format!("forgets {leader}, the leader of {term}"),
        Event::LeaderKept { term, leader } => format!("keeps {leader}, the leader of {term}, for its lease"),
        Event::LeaderChanged { term, leader } => format!("learns that {leader} leads {term}"),
        Event::Pool { tier, event } => format!("in its {tier} pool: {event:?}"),
        Event::NodeFailed { node, epoch, condition } => format!("{node} of {epoch} has failed: {condition}"),
        Event::NodeRecovered { node, epoch } => format!("{node} of {epoch} is back"),
        Event::HeartbeatRejected { from, why } => format!("rejects a heartbeat of {from}: {why}"),
        Event::SelfSuspicion { doubt, watched, overdue } => {
            format!("suspects itself, {doubt:?}: {overdue} of {watched} are overdue")
        }
        Event::RingChanged { epoch, members } => format!("has a ring of {members} as of {epoch}"),
        Event::RingStays { epoch, why } => format!("keeps its ring of {epoch}: {why}"),
        Event::TopologyFollowed(followed) => {
            format!("follows from {} to {}, as {} tells", followed.from, followed.to, followed.source)
        }
        Event::TopologyRefused(refused) => format!("refuses {} of {}: {}", refused.epoch, refused.peer, refused.why),
        other => format!("{other:?}"),
    }
}

fn changed(what: Changed) -> String {
    match what {
        Changed::Registered(node) => format!("{node} is registered"),
        Changed::Updated(node) => format!("{node} is registered again"),
        Changed::Deregistered(node) => format!("{node} is gone"),
        Changed::Evicted(node) => format!("{node} is evicted"),
        Changed::ConditionSet(node, condition) => format!("{node} is {condition}"),
        Changed::Custom => "a custom command".to_string(),
        Changed::Moved(node, moved) => format!("{moved} ‰ of {node} are elsewhere"),
        Changed::Drained(node) => format!("{node} is drained and gone"),
    }
}

fn contradiction(claim: &Contradiction) -> String {
    match claim {
        Contradiction::MatchBeyondLog { matched, last } => format!("it matched {matched}, but the log ends at {last}"),
        Contradiction::RoundNotBegun { round, begun } => format!("it answers {round}, but {begun} was the last begun"),
        Contradiction::TermsOutOfOrder => "its terms are out of order".to_string(),
        Contradiction::SnapshotMalformed => "its snapshot does not decode".to_string(),
        Contradiction::SnapshotDamaged => "its snapshot is damaged".to_string(),
        Contradiction::SnapshotTooLarge { bytes, max } => {
            format!("its snapshot of {bytes} bytes is above the limit of {max}")
        }
        Contradiction::ChunkOutside => "its chunk lies outside of the snapshot".to_string(),
        Contradiction::LevelUnknown(level) => format!("it speaks in a form of {level}"),
        Contradiction::OutOfReach => "no history reaches its numbers".to_string(),
    }
}

pub(crate) fn outcome(outcome: &Result<Applied, Rejected>) -> String {
    match outcome {
        Ok(applied) => format!("applied at {} as {}", applied.position, applied.epoch),
        Err(rejected) => rejected.to_string(),
    }
}

pub(crate) fn read_outcome(outcome: &Result<ReadAt, Rejected>) -> String {
    match outcome {
        Ok(ReadAt { index, applied, epoch }) => format!("read from {index} on, at {applied} with {epoch}"),
        Err(rejected) => rejected.to_string(),
    }
}

pub(crate) fn transferred(outcome: &Result<Term, Rejected>) -> String {
    match outcome {
        Ok(term) => format!("handed over in {term}"),
        Err(rejected) => rejected.to_string(),
    }
}

/// Returns the name by which stories select messages.
pub(crate) fn kind(message: &Message) -> &'static str {
    let message = match message {
        Message::Raft(message) => message,
        Message::Forward(_) => return "forward",
        Message::Answer(_) => return "answer",
        Message::Visitor { .. } => return "visitor",
        Message::ReadIndex(_) => return "read-index",
        Message::ReadIndexAnswer(_) => return "read-index-answer",
        Message::Heartbeat(_) => return "node-heartbeat",
        Message::Pull(_) => return "pull",
        Message::PullAnswer(_) => return "pull-answer",
    };
    match message.body {
        Body::PreVote { .. } => "pre-vote",
        Body::PreVoteAnswer(_) => "pre-vote-answer",
        Body::Vote { .. } => "vote",
        Body::VoteAnswer(_) => "vote-answer",
        Body::Append(_) => "append",
        Body::AppendAnswer { .. } => "append-answer",
        Body::Heartbeat { .. } => "heartbeat",
        Body::HeartbeatAnswer { .. } => "heartbeat-answer",
        Body::Commit { .. } => "commit",
        Body::Snapshot { .. } => "snapshot",
        Body::Outdated => "outdated",
        Body::Stranger { .. } => "stranger",
        Body::Chunk { .. } => "chunk",
        Body::ChunkAnswer { .. } => "chunk-answer",
        Body::TimeoutNow { .. } => "timeout-now",
    }
}

pub(crate) fn message(message: &Message) -> String {
    let name = kind(message);
    let message = match message {
        Message::Raft(message) => message,
        Message::Forward(forward) => {
            let ticket = forward.ticket;
            let asked = match &forward.request {
                Request::Command(bytes) => payload(bytes),
                Request::Session(bytes) => session_request(bytes),
                Request::Quorum(change) => quorum_change(change),
            };
            return format!("{name} {} {}#{} {asked}", forward.term, ticket.boot, ticket.number);
        }
        Message::Visitor { node, incarnation: _ } => return format!("{name} {node}"),
        Message::Answer(answer) => {
            let ticket = answer.ticket;
            return format!("{name} {}#{} {}", ticket.boot, ticket.number, outcome(&answer.outcome));
        }
        Message::ReadIndex(asked) => {
            return format!("{name} {} {}#{}", asked.term, asked.ticket.boot, asked.ticket.number);
        }
        Message::ReadIndexAnswer(answer) => {
            let from = answer.outcome.as_ref().map_or_else(ToString::to_string, |index| format!("from {index} on"));
            return format!("{name} {}#{} {from}", answer.ticket.boot, answer.ticket.number);
        }
        Message::Heartbeat(heartbeat) => return format!("{name} {} {}", heartbeat.epoch, heartbeat.sequence),
        Message::Pull(pull) => return format!("{name} above {}", pull.have),
        Message::PullAnswer(answer) => return format!("{name} {:?}", answer.news),
    };
    let says = match &message.body {
        Body::PreVote { last } | Body::Vote { last, candidacy: Candidacy::Silence } => format!("log at {last}"),
        Body::Vote { last, candidacy: Candidacy::Transfer } => format!("log at {last}, as the leader asked"),
        Body::TimeoutNow { reaches } => format!("with a log up to {reaches}"),
        Body::PreVoteAnswer(ballot) | Body::VoteAnswer(ballot) => match ballot {
            Ballot::Granted => "granted".to_string(),
            Ballot::Refused => "refused".to_string(),
        },
        Body::Append(Append { session: _, prev, entries, commit }) => {
            format!("after {prev} [{}] commit {commit}", entries_in_short(entries.iter()))
        }
        Body::AppendAnswer { session: _, appended: Appended::Matched(index) } => format!("matched {index}"),
        Body::AppendAnswer { session: _, appended: Appended::Conflict { refused, hint } } => {
            format!("refused {refused}, may match {hint}")
        }
        Body::Heartbeat { commit, round: _ } | Body::Commit { commit } => format!("commit {commit}"),
        Body::Snapshot { session: _, snapshot } => format!("of {}", snapshot.last),
        Body::AppendAnswer { session: _, appended: Appended::SnapshotRefused(last) } => {
            format!("refused the snapshot of {last}")
        }
        Body::HeartbeatAnswer { round: _, level } if *level == FeatureLevel::FIRST => String::new(),
        Body::HeartbeatAnswer { round: _, level } => format!("speaks {level}"),
        Body::Outdated => String::new(),
        Body::Chunk { session: _, identity, offset, bytes } => {
            format!("of {}: {offset} to {} of {}", identity.last, offset + bytes.len() as u64, identity.bytes)
        }
        Body::ChunkAnswer { session: _, identity, held } => {
            format!("of {}: has {} of {}", identity.last, ranges(held), identity.bytes)
        }
        Body::Stranger { incarnation } => format!("it is {incarnation}"),
    };
    format!("{name} {} {says}", message.term).trim_end().to_string()
}

/// Returns ranges as text: `0-40 80-95`.
fn ranges(ranges: &Ranges) -> String {
    ranges.iter().map(|range| format!("{}-{}", range.start, range.end)).collect::<Vec<_>>().join(" ")
}

/// Returns entries as text, a run of equal ones in short.
pub(crate) fn entries_in_short<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for entry in entries {
        let word = format!("{} {}", entry.term, entry_payload(&entry.payload));
        match runs.last_mut() {
            Some((last, count)) if *last == word => *count += 1,
            _ => runs.push((word, 1)),
        }
    }
    let words: Vec<_> =
        runs.into_iter().map(|(word, count)| if count > 1 { format!("{word} x{count}") } else { word }).collect();
    words.join(", ")
}

fn entry_payload(carried: &Payload) -> String {
    match carried {
        Payload::Noop => "-".to_string(),
        Payload::Command(bytes) => payload(bytes),
        Payload::Session(bytes) => session_request(bytes),
        Payload::Configuration(found) => configuration(found),
        Payload::Level(level) => format!("level {level}"),
    }
}

/// Returns the voters, and what else there is to a configuration: `n1 n2 n3 leaving n1 n2; learners n4`.
pub(crate) fn configuration(configuration: &Configuration) -> String {
    let ids = |nodes: &BTreeSet<NodeId>| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ");
    let sets = [
        ("voters", &configuration.voters),
        ("leaving", &configuration.outgoing),
        ("learners", &configuration.learners),
        ("learners next", &configuration.learners_next),
    ];
    let sets = sets.into_iter().filter(|(_, nodes)| !nodes.is_empty());
    sets.map(|(name, nodes)| format!("{name} {}", ids(nodes))).collect::<Vec<_>>().join(", ")
}

fn quorum_change(change: &QuorumChange) -> String {
    match change {
        QuorumChange::AddLearner { node, incarnation: _ } => format!("add {node} as a learner"),
        QuorumChange::Promote(node) => format!("promote {node}"),
        QuorumChange::Demote(node) => format!("demote {node}"),
        QuorumChange::Remove(node) => format!("remove {node}"),
        QuorumChange::Readmit { node, incarnation: _ } => format!("readmit {node}"),
        QuorumChange::Replace { voters } => {
            let voters: Vec<_> = voters.iter().map(NodeId::to_string).collect();
            format!("make the voters {}", voters.join(" "))
        }
    }
}

fn session_request(bytes: &[u8]) -> String {
    match SessionRequest::decode(bytes) {
        Ok(SessionRequest::Open) => "open".to_string(),
        Ok(SessionRequest::Do { operation: Operation { session, sequence, awaited_from: _ }, command }) => {
            format!("{session} {sequence} {}", payload(&command))
        }
        Ok(SessionRequest::Close(session)) => format!("close {session}"),
        Err(_) => format!("{} strange bytes", bytes.len()),
    }
}

fn payload(bytes: &[u8]) -> String {
    match Command::decode(bytes) {
        Ok(Command::Register(registration)) => format!("register {}", registration.name),
        Ok(Command::Deregister(node)) => format!("deregister {node}"),
        Ok(Command::Custom(text)) => text_of(&text),
        Ok(other) => format!("{other:?}"),
        Err(_) => format!("{} strange bytes", bytes.len()),
    }
}

/// Returns the text of an embedder's command, or only its length if it is long.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    if bytes.len() > 24 { format!("{} bytes", bytes.len()) } else { String::from_utf8_lossy(bytes).into_owned() }
}

pub(crate) fn status(status: &Status) -> String {
    let leader = status.leader.map_or("nobody".to_string(), |leader| leader.to_string());
    let mut words = vec![
        format!("{} {} {} leader {leader}", status.id, status.role, status.term),
        format!("last {} durable {} commit {}", status.last, status.durable, status.commit),
        format!("{} members {}", status.epoch, status.members),
    ];
    if status.snapshot > LogIndex::ZERO {
        words.push(format!("snapshot {}", status.snapshot));
    }
    if status.level > FeatureLevel::FIRST {
        words.push(format!("level {}", status.level));
    }
    if status.withheld > 0 {
        words.push(format!("withheld {}", status.withheld));
    }
    if status.pending_commands > 0 {
        words.push(format!("pending {}", status.pending_commands));
    }
    if status.pending_reads > 0 {
        words.push(format!("reads {}", status.pending_reads));
    }
    if let Some(target) = status.transfer {
        words.push(format!("hands over to {target}"));
    }
    if let Some(until) = status.lease_until {
        words.push(format!("lease until {until}"));
    }
    if let Some(halt) = status.halted {
        words.push(format!("halted: {halt}"));
    }
    words.join(" ")
}

pub(crate) fn progress(peer: NodeId, progress: &Progress) -> String {
    let pace = match &progress.pace {
        Pace::Probe(Probe::Ready) => "probe".to_string(),
        Pace::Probe(Probe::Waiting) => "probe waiting".to_string(),
        Pace::Replicate(window) => format!("replicate, {} out", window.len()),
        Pace::Snapshot { form: SnapshotForm::Whole, .. } => "snapshot".to_string(),
        Pace::Snapshot { form: SnapshotForm::Chunks(shipment), .. } => {
            let identity = shipment.identity();
            let (held, bytes) = (ranges(shipment.held()), identity.bytes);
            format!("snapshot of {}, has [{held}] of {bytes}, {} out", identity.last, shipment.len())
        }
    };
    format!("{peer} matched {} next {} {pace}", progress.matched, progress.next)
}
