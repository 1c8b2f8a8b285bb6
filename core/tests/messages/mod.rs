//! Messages of every kind, drawn and fixed.

use std::sync::Arc;

use delian_core::raft::{self, Appended, Ballot, Body, Configuration, Entries, Entry, Payload, Snapshot};
use delian_core::topology::{Command, Refusal};
use delian_core::wire::{Answer, Forward, Ticket, WIRE_VERSION};
use delian_core::{Applied, Blob, Boot, Epoch, LogIndex, Message, NodeId, Position, Rejected, Term};
use proptest::prelude::*;

/// A number of any size, small ones often.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, any::<u64>()]
}

fn index() -> impl Strategy<Value = LogIndex> {
    number().prop_map(LogIndex::new)
}

fn position() -> impl Strategy<Value = Position> {
    (number(), number()).prop_map(|(term, index)| Position::new(Term::new(term), LogIndex::new(index)))
}

fn blob() -> impl Strategy<Value = Blob> {
    proptest::collection::vec(any::<u8>(), 0..50).prop_map(Blob::from)
}

fn entries() -> impl Strategy<Value = Entries> {
    let payload = prop_oneof![Just(Payload::Noop), blob().prop_map(Payload::Command)];
    let entry = (number(), payload).prop_map(|(term, payload)| Entry { term: Term::new(term), payload });
    proptest::collection::vec(entry, 0..6).prop_map(Entries::from)
}

fn snapshot() -> impl Strategy<Value = Arc<Snapshot>> {
    let nodes = || proptest::collection::btree_set(number().prop_map(NodeId::new), 0..5);
    (position(), nodes(), nodes(), blob()).prop_map(|(last, voters, learners, state)| {
        Arc::new(Snapshot { last, configuration: Configuration { voters, learners }, state })
    })
}

fn ballot() -> impl Strategy<Value = Ballot> {
    prop_oneof![Just(Ballot::Granted), Just(Ballot::Refused)]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        position().prop_map(|last| Body::PreVote { last }),
        ballot().prop_map(Body::PreVoteAnswer),
        position().prop_map(|last| Body::Vote { last }),
        ballot().prop_map(Body::VoteAnswer),
        (position(), entries(), index()).prop_map(|(prev, entries, commit)| Body::Append { prev, entries, commit }),
        index().prop_map(|matched| Body::AppendAnswer(Appended::Matched(matched))),
        (index(), position()).prop_map(|(refused, hint)| Body::AppendAnswer(Appended::Conflict { refused, hint })),
        index().prop_map(|commit| Body::Heartbeat { commit }),
        Just(Body::HeartbeatAnswer),
        index().prop_map(|commit| Body::Commit { commit }),
        snapshot().prop_map(Body::Snapshot),
        Just(Body::Outdated),
    ]
}

fn ticket() -> impl Strategy<Value = Ticket> {
    (number(), number()).prop_map(|(boot, number)| Ticket { boot: Boot::new(boot), number })
}

fn outcome() -> impl Strategy<Value = Result<Applied, Rejected>> {
    prop_oneof![
        (position(), number()).prop_map(|(position, epoch)| Ok(Applied { position, epoch: Epoch::new(epoch) })),
        proptest::option::of(number().prop_map(NodeId::new)).prop_map(|leader| Err(Rejected::NotLeader(leader))),
        Just(Err(Rejected::Busy)),
        Just(Err(Rejected::Superseded)),
        Just(Err(Rejected::Unknown)),
        Just(Err(Rejected::Halted)),
        (".{0,20}", number()).prop_map(|(name, holder)| {
            Err(Rejected::Refused(Refusal::DuplicateName { name, holder: NodeId::new(holder) }))
        }),
    ]
}

/// Any message at all, whether a node would send it or not.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        6 => (number(), body()).prop_map(|(term, body)| Message::Raft(raft::Message { term: Term::new(term), body })),
        1 => (number(), ticket(), blob()).prop_map(|(term, ticket, command)| {
            Message::Forward(Forward { term: Term::new(term), ticket, command })
        }),
        1 => (ticket(), outcome()).prop_map(|(ticket, outcome)| Message::Answer(Answer { ticket, outcome })),
    ]
}

/// One message of each kind, with its name.
pub(crate) fn one_of_each() -> Vec<(&'static str, Message)> {
    let last = Position::new(Term::new(3), LogIndex::new(300));
    let commit = LogIndex::new(299);
    let configuration =
        Configuration { voters: [1, 2, 300].map(NodeId::new).into(), learners: [4].map(NodeId::new).into() };
    let snapshot = Snapshot { last, configuration, state: Blob::from([7, 8].as_slice()) };
    let command = Command::Deregister(NodeId::new(4)).encode();
    let entry = |payload| Entry { term: Term::new(4), payload };
    let entries = Entries::from([entry(Payload::Noop), entry(Payload::Command(command.clone()))]);
    let ticket = Ticket { boot: Boot::new(2), number: 9 };
    let applied = Applied { position: last, epoch: Epoch::new(5) };
    let raft = |body| Message::Raft(raft::Message { term: Term::new(4), body });
    vec![
        ("pre-vote", raft(Body::PreVote { last })),
        ("pre-vote-answer", raft(Body::PreVoteAnswer(Ballot::Granted))),
        ("vote", raft(Body::Vote { last })),
        ("vote-answer", raft(Body::VoteAnswer(Ballot::Refused))),
        ("append", raft(Body::Append { prev: last, entries, commit })),
        ("append-answer-matched", raft(Body::AppendAnswer(Appended::Matched(commit)))),
        ("append-answer-conflict", raft(Body::AppendAnswer(Appended::Conflict { refused: commit, hint: last }))),
        ("heartbeat", raft(Body::Heartbeat { commit })),
        ("heartbeat-answer", raft(Body::HeartbeatAnswer)),
        ("commit", raft(Body::Commit { commit })),
        ("snapshot", raft(Body::Snapshot(Arc::new(snapshot)))),
        ("outdated", raft(Body::Outdated)),
        ("forward", Message::Forward(Forward { term: Term::new(4), ticket, command })),
        ("answer-applied", Message::Answer(Answer { ticket, outcome: Ok(applied) })),
        (
            "answer-rejected",
            Message::Answer(Answer { ticket, outcome: Err(Rejected::NotLeader(Some(NodeId::new(2)))) }),
        ),
    ]
}

/// The bytes of frames up to where a length comes: entries, a command within them, voters, learners, a snapshot's state,
/// a forwarded command.
pub(crate) fn prefixes_of_lengths() -> Vec<Vec<u8>> {
    vec![
        vec![WIRE_VERSION, 0, 1, 4, 1, 1],
        vec![WIRE_VERSION, 0, 1, 4, 1, 1, 1, 1, 1],
        vec![WIRE_VERSION, 0, 1, 9, 1, 1],
        vec![WIRE_VERSION, 0, 1, 9, 1, 1, 0],
        vec![WIRE_VERSION, 0, 1, 9, 1, 1, 0, 0],
        vec![WIRE_VERSION, 1, 1, 1, 1],
    ]
}
