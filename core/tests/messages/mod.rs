//! Messages of every kind, drawn and fixed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use delian_core::ids::{FeatureLevel, Incarnation, ReplicationSession, Round};
use delian_core::observe::{Fingerprint, Form, News, Pull, PullAnswer};
use delian_core::raft::{self, Append, Appended, Ballot, Body, Candidacy, Configuration};
use delian_core::raft::{Entries, Entry, Payload, QuorumChange, Range, Ranges, Snapshot, SnapshotIdentity};
use delian_core::topology::{
    Cause, Command, Condition, Coordinates, Delta, Drain, Member, Refusal, Registration, Removal,
};
use delian_core::wire::{Answer, Forward, ReadIndex, ReadIndexAnswer, Request, Ticket, WIRE_VERSION};
use delian_core::{Applied, Blob, Boot, Epoch, LogIndex, Message, NodeId, Operation, Position, Rejected, Sequence};
use delian_core::{Bytes, SessionId, SessionRequest, Term, WallTime};
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
    let payload = prop_oneof![
        Just(Payload::Noop),
        blob().prop_map(Payload::Command),
        blob().prop_map(Payload::Session),
        configuration().prop_map(|configuration| Payload::Configuration(Arc::new(configuration))),
        level().prop_map(Payload::Level),
    ];
    let entry = (number(), payload).prop_map(|(term, payload)| Entry { term: Term::new(term), payload });
    proptest::collection::vec(entry, 0..6).prop_map(Entries::from)
}

fn level() -> impl Strategy<Value = FeatureLevel> {
    number().prop_map(FeatureLevel::new)
}

fn identity() -> impl Strategy<Value = SnapshotIdentity> {
    (position(), number(), any::<u64>()).prop_map(|(last, bytes, checksum)| SnapshotIdentity { last, bytes, checksum })
}

fn ranges() -> impl Strategy<Value = Ranges> {
    proptest::collection::vec((number(), number()), 0..5).prop_map(|drawn| {
        let mut ranges = Ranges::default();
        for (start, end) in drawn {
            ranges.add(Range { start, end });
        }
        ranges
    })
}

fn node() -> impl Strategy<Value = NodeId> {
    number().prop_map(NodeId::new)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    number().prop_map(Incarnation::new)
}

fn session() -> impl Strategy<Value = ReplicationSession> {
    number().prop_map(ReplicationSession::new)
}

fn round() -> impl Strategy<Value = Round> {
    number().prop_map(Round::new)
}

fn nodes() -> impl Strategy<Value = BTreeSet<NodeId>> {
    proptest::collection::btree_set(node(), 0..5)
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let incarnations = proptest::collection::btree_map(node(), incarnation(), 0..3);
    (nodes(), nodes(), nodes(), nodes(), incarnations).prop_map(
        |(voters, outgoing, learners, learners_next, incarnations)| Configuration {
            voters,
            outgoing,
            learners,
            learners_next,
            incarnations,
        },
    )
}

fn snapshot() -> impl Strategy<Value = Arc<Snapshot>> {
    (position(), configuration(), level(), blob())
        .prop_map(|(last, configuration, level, state)| Arc::new(Snapshot { last, configuration, level, state }))
}

fn quorum_change() -> impl Strategy<Value = QuorumChange> {
    prop_oneof![
        (node(), incarnation()).prop_map(|(node, incarnation)| QuorumChange::AddLearner { node, incarnation }),
        node().prop_map(QuorumChange::Promote),
        node().prop_map(QuorumChange::Demote),
        node().prop_map(QuorumChange::Remove),
        (node(), incarnation()).prop_map(|(node, incarnation)| QuorumChange::Readmit { node, incarnation }),
        nodes().prop_map(|voters| QuorumChange::Replace { voters }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        blob().prop_map(Request::Command),
        quorum_change().prop_map(Request::Quorum),
        blob().prop_map(Request::Session),
    ]
}

fn ballot() -> impl Strategy<Value = Ballot> {
    prop_oneof![Just(Ballot::Granted), Just(Ballot::Refused)]
}

fn candidacy() -> impl Strategy<Value = Candidacy> {
    prop_oneof![Just(Candidacy::Silence), Just(Candidacy::Transfer)]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        position().prop_map(|last| Body::PreVote { last }),
        ballot().prop_map(Body::PreVoteAnswer),
        (position(), candidacy()).prop_map(|(last, candidacy)| Body::Vote { last, candidacy }),
        ballot().prop_map(Body::VoteAnswer),
        (session(), position(), entries(), index()).prop_map(|(session, prev, entries, commit)| Body::Append(Append {
            session,
            prev,
            entries,
            commit
        })),
        (session(), index())
            .prop_map(|(session, matched)| Body::AppendAnswer { session, appended: Appended::Matched(matched) }),
        (session(), index(), position()).prop_map(|(session, refused, hint)| Body::AppendAnswer {
            session,
            appended: Appended::Conflict { refused, hint }
        }),
        (index(), round()).prop_map(|(commit, round)| Body::Heartbeat { commit, round }),
        (round(), level()).prop_map(|(round, level)| Body::HeartbeatAnswer { round, level }),
        index().prop_map(|commit| Body::Commit { commit }),
        (session(), snapshot()).prop_map(|(session, snapshot)| Body::Snapshot { session, snapshot }),
        Just(Body::Outdated),
        incarnation().prop_map(|incarnation| Body::Stranger { incarnation }),
        (session(), position())
            .prop_map(|(session, last)| Body::AppendAnswer { session, appended: Appended::SnapshotRefused(last) }),
        (session(), identity(), number(), blob()).prop_map(|(session, identity, offset, bytes)| Body::Chunk {
            session,
            identity,
            offset,
            bytes
        }),
        (session(), identity(), ranges()).prop_map(|(session, identity, held)| Body::ChunkAnswer {
            session,
            identity,
            held
        }),
        index().prop_map(|reaches| Body::TimeoutNow { reaches }),
    ]
}

fn ticket() -> impl Strategy<Value = Ticket> {
    let parts = (incarnation(), number(), number());
    parts.prop_map(|(incarnation, boot, number)| Ticket { incarnation, boot: Boot::new(boot), number })
}

fn outcome() -> impl Strategy<Value = Result<Applied, Rejected>> {
    prop_oneof![
        (position(), number()).prop_map(|(position, epoch)| Ok(Applied { position, epoch: Epoch::new(epoch) })),
        proptest::option::of(number().prop_map(NodeId::new)).prop_map(|leader| Err(Rejected::NotLeader(leader))),
        Just(Err(Rejected::Busy)),
        Just(Err(Rejected::Superseded)),
        Just(Err(Rejected::Unknown)),
        Just(Err(Rejected::Halted)),
        Just(Err(Rejected::TimedOut)),
        Just(Err(Rejected::LeaseDisabled)),
        node().prop_map(|node| Err(Rejected::Transferring(node))),
        node().prop_map(|node| Err(Rejected::TransferRefused(node))),
        number().prop_map(|session| Err(Rejected::SessionExpired(SessionId::new(session)))),
        (number(), number()).prop_map(|(sequence, awaited_from)| Err(Rejected::Forgotten {
            sequence: Sequence::new(sequence),
            awaited_from: Sequence::new(awaited_from)
        })),
        (number(), number(), number()).prop_map(|(sequence, awaited_from, window)| Err(Rejected::OutsideWindow {
            sequence: Sequence::new(sequence),
            awaited_from: Sequence::new(awaited_from),
            window
        })),
        (".{0,20}", number()).prop_map(|(name, holder)| {
            Err(Rejected::Refused(Refusal::DuplicateName { name, holder: NodeId::new(holder) }))
        }),
    ]
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    number().prop_map(Fingerprint::new)
}

fn member() -> impl Strategy<Value = Member> {
    (node(), "[a-z]{0,8}", number(), number()).prop_map(|(node, name, registered, changed)| {
        let (registered, changed) = (Epoch::new(registered), Epoch::new(changed));
        let (registration, condition, cause) = (registration(node, name), Condition::Healthy, Cause::Asked);
        Member { registration, registered, changed, condition, since: changed, cause, drain: None }
    })
}

fn registration(node: NodeId, name: String) -> Registration {
    Registration {
        node,
        name,
        address: "10.0.0.1".to_string(),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "zrh1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(400),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }
}

fn delta() -> impl Strategy<Value = Delta> {
    let removal = (node(), number()).prop_map(|(node, epoch)| Removal { node, epoch: Epoch::new(epoch) });
    let (changed, removed) = (proptest::collection::vec(member(), 0..4), proptest::collection::vec(removal, 0..4));
    (number(), number(), changed, removed).prop_map(|(from, to, changed, removed)| Delta {
        from: Epoch::new(from),
        to: Epoch::new(to),
        changed,
        removed,
    })
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        (delta(), fingerprint()).prop_map(|(delta, fingerprint)| News::Delta { delta: Box::new(delta), fingerprint }),
        (blob(), fingerprint()).prop_map(|(bytes, fingerprint)| News::Whole { bytes, fingerprint }),
        (number(), fingerprint())
            .prop_map(|(epoch, fingerprint)| News::Nothing { epoch: Epoch::new(epoch), fingerprint }),
        Just(News::Busy),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Delta), Just(Form::Whole)]
}

/// Any message at all, whether a node would send it or not.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        6 => (number(), proptest::option::of(incarnation()), body())
            .prop_map(|(term, to, body)| Message::Raft(raft::Message { term: Term::new(term), to, body })),
        1 => (number(), ticket(), request()).prop_map(|(term, ticket, request)| {
            Message::Forward(Forward { term: Term::new(term), to: ticket.incarnation, ticket, request })
        }),
        1 => (node(), incarnation())
            .prop_map(|(node, incarnation)| Message::Visitor { node, incarnation }),
        1 => (ticket(), outcome()).prop_map(|(ticket, outcome)| Message::Answer(Answer { ticket, outcome })),
        1 => (number(), ticket())
            .prop_map(|(term, ticket)| Message::ReadIndex(ReadIndex { term: Term::new(term), ticket })),
        1 => (ticket(), outcome(), index()).prop_map(|(ticket, outcome, index)| {
            Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome: outcome.map(|_| index) })
        }),
        1 => (number(), number(), form())
            .prop_map(|(number, have, form)| Message::Pull(Pull { number, have: Epoch::new(have), form })),
        1 => (number(), news())
            .prop_map(|(number, news)| Message::PullAnswer(Box::new(PullAnswer { number, news }))),
    ]
}

/// One message of each kind, with its name.
// Long on purpose: one message of each kind, as a list that is read beside its golden bytes.
pub(crate) fn one_of_each() -> Vec<(&'static str, Message)> {
    let last = Position::new(Term::new(3), LogIndex::new(300));
    let commit = LogIndex::new(299);
    let configuration = Configuration::founding([1, 2, 300].map(NodeId::new).into(), [4].map(NodeId::new).into());
    let level = FeatureLevel::CHUNKS;
    let identity = SnapshotIdentity { last, bytes: 400, checksum: 1 << 60 };
    let mut held = Ranges::default();
    for (start, end) in [(0, 40), (80, 120)] {
        held.add(Range { start, end });
    }
    let bytes = Blob::from([7, 8, 9].as_slice());
    let snapshot = Snapshot { last, configuration, level, state: Blob::from([7, 8].as_slice()) };
    let command = Command::Deregister(NodeId::new(4)).encode();
    let entry = |payload| Entry { term: Term::new(4), payload };
    let entries = [Payload::Noop, Payload::Command(command.clone()), Payload::Level(level)];
    let entries = Entries::from(entries.map(entry));
    let operation =
        Operation { session: SessionId::new(300), sequence: Sequence::new(7), awaited_from: Sequence::new(5) };
    let asked = SessionRequest::Do { operation, command: command.clone() }.encode();
    let in_session = Entries::one(entry(Payload::Session(asked.clone())));
    let ticket = Ticket { incarnation: Incarnation::new(3), boot: Boot::new(2), number: 9 };
    let applied = Applied { position: last, epoch: Epoch::new(5) };
    let raft = |body| Message::Raft(raft::Message { term: Term::new(4), to: None, body });
    let session = ReplicationSession::new(8);
    let round = Round::new(6);
    vec![
        ("pre-vote", raft(Body::PreVote { last })),
        ("pre-vote-answer", raft(Body::PreVoteAnswer(Ballot::Granted))),
        ("vote", raft(Body::Vote { last, candidacy: Candidacy::Silence })),
        ("vote-by-transfer", raft(Body::Vote { last, candidacy: Candidacy::Transfer })),
        ("timeout-now", raft(Body::TimeoutNow { reaches: commit })),
        ("vote-answer", raft(Body::VoteAnswer(Ballot::Refused))),
        ("append", raft(Body::Append(Append { session, prev: last, entries, commit }))),
        ("append-session", raft(Body::Append(Append { session, prev: last, entries: in_session, commit }))),
        ("append-answer-matched", raft(Body::AppendAnswer { session, appended: Appended::Matched(commit) })),
        (
            "append-answer-conflict",
            raft(Body::AppendAnswer { session, appended: Appended::Conflict { refused: commit, hint: last } }),
        ),
        ("heartbeat", raft(Body::Heartbeat { commit, round })),
        ("heartbeat-answer", raft(Body::HeartbeatAnswer { round, level })),
        ("commit", raft(Body::Commit { commit })),
        ("snapshot", raft(Body::Snapshot { session, snapshot: Arc::new(snapshot) })),
        ("outdated", raft(Body::Outdated)),
        ("stranger", raft(Body::Stranger { incarnation: Incarnation::new(77) })),
        ("chunk", raft(Body::Chunk { session, identity, offset: 40, bytes })),
        ("chunk-answer", raft(Body::ChunkAnswer { session, identity, held })),
        ("snapshot-refused", raft(Body::AppendAnswer { session, appended: Appended::SnapshotRefused(last) })),
        (
            "forward",
            Message::Forward(Forward {
                term: Term::new(4),
                to: Incarnation::FOUNDING,
                ticket,
                request: Request::Command(command),
            }),
        ),
        ("visitor", Message::Visitor { node: NodeId::new(4), incarnation: Incarnation::new(77) }),
        (
            "forward-session",
            Message::Forward(Forward {
                term: Term::new(4),
                to: Incarnation::FOUNDING,
                ticket,
                request: Request::Session(asked),
            }),
        ),
        ("answer-applied", Message::Answer(Answer { ticket, outcome: Ok(applied) })),
        (
            "answer-rejected",
            Message::Answer(Answer { ticket, outcome: Err(Rejected::NotLeader(Some(NodeId::new(2)))) }),
        ),
        ("read-index", Message::ReadIndex(ReadIndex { term: Term::new(4), ticket })),
        ("read-index-answer", Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome: Ok(commit) })),
        (
            "read-index-rejected",
            Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome: Err(Rejected::NotLeader(None)) }),
        ),
    ]
    .into_iter()
    .chain(one_pull_of_each())
    .collect()
}

fn one_pull_of_each() -> Vec<(&'static str, Message)> {
    let (have, to, fingerprint) = (Epoch::new(4), Epoch::new(300), Fingerprint::new(1 << 60));
    let (registered, condition, cause) = (Epoch::new(5), Condition::Leaving, Cause::Asked);
    let drain = Some(Drain { within: None, moved: 400 });
    let registration = registration(NodeId::new(7), "ada".to_string());
    let changed = vec![Member { registration, registered, changed: to, condition, since: registered, cause, drain }];
    let removed = vec![Removal { node: NodeId::new(9), epoch: Epoch::new(6) }];
    let delta = Box::new(Delta { from: have, to, changed, removed });
    let bytes = Blob::from([7, 8].as_slice());
    let answer = |news| Message::PullAnswer(Box::new(PullAnswer { number: 9, news }));
    vec![
        ("pull", Message::Pull(Pull { number: 9, have, form: Form::Delta })),
        ("pull-whole", Message::Pull(Pull { number: 9, have, form: Form::Whole })),
        ("pull-answer-delta", answer(News::Delta { delta, fingerprint })),
        ("pull-answer-whole", answer(News::Whole { bytes, fingerprint })),
        ("pull-answer-nothing", answer(News::Nothing { epoch: to, fingerprint })),
        ("pull-answer-busy", answer(News::Busy)),
    ]
}

/// The bytes of frames up to where a length comes: entries, a command within them, voters, learners, a snapshot's state,
/// a chunk, the ranges that a peer has, a forwarded command, what a delta changed and removed, a whole topology.
pub(crate) fn prefixes_of_lengths() -> Vec<Vec<u8>> {
    vec![
        vec![WIRE_VERSION, 0, 1, 0, 4, 1, 1, 1],
        vec![WIRE_VERSION, 0, 1, 0, 4, 1, 1, 1, 1, 1, 1],
        vec![WIRE_VERSION, 0, 1, 0, 9, 1, 1, 1],
        vec![WIRE_VERSION, 0, 1, 0, 9, 1, 1, 1, 0],
        vec![WIRE_VERSION, 0, 1, 0, 9, 1, 1, 1, 0, 0, 0, 0, 0, 1],
        vec![WIRE_VERSION, 0, 1, 0, 12, 1, 1, 1, 1, 1, 1],
        vec![WIRE_VERSION, 0, 1, 0, 13, 1, 1, 1, 1, 1],
        vec![WIRE_VERSION, 1, 1, 1, 1, 0],
        vec![WIRE_VERSION, 8, 1, 0, 1, 1],
        vec![WIRE_VERSION, 8, 1, 0, 1, 1, 0],
        vec![WIRE_VERSION, 8, 1, 1],
    ]
}
