//! A node among liars: bytes become inputs, and whatever they say, the node keeps its own promises.
//!
//! Small numbers are likely, so that the liars often come close to the truth.

mod bytes;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use delian_core::ids::{FeatureLevel, Incarnation, ReplicationSession, Round};
use delian_core::raft::{
    self, Append, Appended, Ballot, Body, Candidacy, Configuration, Entries, Entry, HardState, Parcel, Payload,
    QuorumChange, Range, Ranges, Record, Recovered, Role, Snapshot, SnapshotIdentity,
};
use delian_core::topology::Command;
use delian_core::wire::{Answer, Forward, ReadIndex, ReadIndexAnswer, Request, Ticket};
use delian_core::{
    Applied, Blob, Boot, Config, Consistency, Effect, Epoch, Event, Input, LogIndex, Message, Node, NodeId, Outbox,
    Position,
};
use delian_core::{Operation, Rejected, RequestId, Seed, Sequence, SessionId, SessionRequest, Sessions, Settings};
use delian_core::{Term, Time, Topology, WriteId};

use self::bytes::Bytes;

/// Runs one node over the inputs that the bytes spell.
///
/// # Panics
///
/// Panics if the node breaks an invariant, goes back, or answers a client twice.
pub(crate) fn run(bytes: &[u8]) -> Seen {
    let mut bytes = Bytes(bytes);
    let mut bench = Bench::new(&mut bytes);
    while !bytes.0.is_empty() {
        if bytes.one_in(32) {
            bench.restart(&mut bytes);
        } else {
            let input = bench.input(&mut bytes);
            bench.step(input);
        }
    }
    bench.seen
}

/// What happened in a run, so that a test can tell that it exercised something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) elections_won: usize,
    pub(crate) commits: usize,
    pub(crate) truncations: usize,
    pub(crate) snapshots_installed: usize,
    pub(crate) snapshots_taken: usize,
    pub(crate) chunks_kept: usize,
    pub(crate) chunks_sent: usize,
    pub(crate) levels_raised: usize,
    pub(crate) contradictions: usize,
    pub(crate) halts: usize,
    pub(crate) commands_applied: usize,
    pub(crate) sessions_opened: usize,
    pub(crate) sessions_ended: usize,
    pub(crate) reads: usize,
    pub(crate) requests_to_stand: usize,
}

impl Seen {
    fn note(&mut self, event: &Event) {
        self.elections_won += usize::from(matches!(event, Event::BecameLeader { .. }));
        self.commits += usize::from(matches!(event, Event::Committed { .. }));
        self.truncations += usize::from(matches!(event, Event::Truncated { .. }));
        self.snapshots_installed += usize::from(matches!(event, Event::SnapshotInstalled { .. }));
        self.levels_raised += usize::from(matches!(event, Event::LevelRaised { .. }));
        self.snapshots_taken += usize::from(matches!(event, Event::Compacted { .. }));
        self.contradictions += usize::from(matches!(event, Event::PeerContradicted { .. }));
        self.requests_to_stand += usize::from(matches!(event, Event::ToldToStand { .. }));
        self.halts += usize::from(matches!(event, Event::Halted(_)));
        self.sessions_opened += usize::from(matches!(event, Event::SessionOpened { .. }));
        self.sessions_ended += usize::from(matches!(event, Event::SessionEnded { .. }));
    }
}

fn heartbeat_answer(bytes: &mut Bytes<'_>) -> Body {
    Body::HeartbeatAnswer { round: Round::new(bytes.number()), level: bytes.level() }
}

struct Bench {
    settings: Arc<Settings>,
    node: Node,
    now: Time,
    kept: Recovered,
    waiting: VecDeque<(WriteId, Record)>,
    asked: u64,
    open: BTreeSet<RequestId>,
    /// The index of the latest state that the node asked for.
    capture: LogIndex,
    seen: Seen,
}

impl Bench {
    /// Starts the node new, or as a member of an old federation.
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let old = bytes.one_in(2);
        let config = Config {
            clock_drift_max_ppm: bytes.one_in(2).then_some(1_000),
            pending_reads_max: 4,
            voters: [1, 2, 3].map(NodeId::new).into(),
            learners: [4].map(NodeId::new).into(),
            snapshot_chunk_bytes: 7,
            snapshot_chunks_max: 2,
            log_bytes_max: 100,
            trailing_entries: 1,
            inflight_messages_max: 2,
            append_bytes_max: 80,
            uncommitted_bytes_max: 400,
            withheld_max: 4,
            pending_commands_max: 4,
            sessions_max: 1,
            session_window: 12,
            session_entries_max: 3,
            ..Config::default()
        };
        let settings = Arc::new(config.check().expect("the numbers make sense"));
        let kept = if old { old_member(&settings) } else { Recovered::founding() };
        let (node, effects) = start(Time::ZERO, &settings, kept.clone());
        let mut bench = Self {
            settings,
            node,
            now: Time::ZERO,
            kept,
            waiting: VecDeque::new(),
            asked: 0,
            open: BTreeSet::new(),
            capture: LogIndex::ZERO,
            seen: Seen::default(),
        };
        bench.carry_out(effects);
        bench
    }

    fn input(&mut self, bytes: &mut Bytes<'_>) -> Input {
        match bytes.take() % 16 {
            0 => {
                self.now = self.node.next_wake().map_or(self.now, |wake| self.now.max(wake.at));
                Input::Wake
            }
            1 => {
                self.now = self.now + std::time::Duration::from_millis(u64::from(bytes.take()));
                Input::Wake
            }
            2..=5 => match self.waiting.pop_front() {
                Some((write, record)) => {
                    self.kept.fold(record);
                    Input::Persisted(write)
                }
                None => Input::Wake,
            },
            6 => self.command(bytes),
            7 if bytes.one_in(3) => Input::Quorum(self.request(), bytes.quorum_change()),
            7 if bytes.one_in(2) => self.question(bytes),
            7 => Input::Captured(if bytes.one_in(2) { self.capture } else { bytes.index() }, bytes.blob()),
            8 if bytes.one_in(3) => self.question(bytes),
            8 => Input::Receive(bytes.node(), self.gossip(bytes)),
            _ => {
                let (mut term, body) = self.fitting_body(bytes);
                if bytes.one_in(16) {
                    term = Term::new(bytes.number());
                }
                let to = (!bytes.one_in(4)).then(|| Incarnation::new(u64::from(bytes.one_in(16))));
                Input::Receive(bytes.node(), Message::Raft(raft::Message { term, to, body }))
            }
        }
    }

    /// What clients and operators ask beside commands.
    fn question(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let what = bytes.take() % 8;
        if what == 0 {
            return Input::ForgetLeader;
        }
        let request = self.request();
        match what {
            1..=3 => {
                let target = bytes.node();
                Input::Transfer(request, if bytes.one_in(2) { NodeId::new(2) } else { target })
            }
            4 => Input::Read(request, Consistency::Local),
            5 => Input::Read(request, Consistency::Lease),
            _ => Input::Read(request, Consistency::Quorum),
        }
    }

    fn request(&mut self) -> RequestId {
        self.asked += 1;
        let request = RequestId::new(self.asked);
        self.open.insert(request);
        request
    }

    fn command(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let request = self.request();
        let open = self.open_session();
        match bytes.take() % 8 {
            0..=2 => Input::Command(request, Command::Custom(bytes.blob())),
            3 => Input::OpenSession(request),
            4 if open.is_none() => Input::OpenSession(request),
            4 => Input::CloseSession(request, open.unwrap_or_default()),
            _ => Input::SessionCommand(request, bytes.operation(open), Command::Custom(bytes.blob())),
        }
    }

    fn open_session(&self) -> Option<SessionId> {
        self.node.sessions().iter().map(|(session, _)| session).next()
    }

    /// Says mostly what the node might expect, in the term in which it might expect it.
    fn fitting_body(&self, bytes: &mut Bytes<'_>) -> (Term, Body) {
        let term = self.node.raft().term();
        let any = bytes.one_in(4);
        match self.node.raft().role() {
            Role::PreCandidate(_) if !any => (term.next(), Body::PreVoteAnswer(Ballot::Granted)),
            Role::Candidate(_) if !any => (term, Body::VoteAnswer(Ballot::Granted)),
            Role::Leader(_) if !bytes.one_in(32) => match bytes.take() % 3 {
                0 => (term, heartbeat_answer(bytes)),
                1 => {
                    let last = self.node.raft().log().last().index;
                    let appended = Appended::Matched(if bytes.one_in(2) { last } else { bytes.index() });
                    (term, Body::AppendAnswer { session: self.session(bytes), appended })
                }
                2 if bytes.one_in(3) => (term, self.chunk_answer(bytes)),
                _ => {
                    let appended = Appended::Conflict { refused: bytes.index(), hint: bytes.position() };
                    (term, Body::AppendAnswer { session: self.session(bytes), appended })
                }
            },
            Role::Leader(_) => (term.next(), self.body(bytes)),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => (term, self.body(bytes)),
        }
    }

    fn gossip(&self, bytes: &mut Bytes<'_>) -> Message {
        let incarnation = Incarnation::new(bytes.number());
        let ticket = Ticket { incarnation, boot: Boot::new(bytes.number()), number: bytes.number() };
        if bytes.one_in(2) {
            let term = if bytes.one_in(4) { Term::new(bytes.number()) } else { self.node.raft().term() };
            let request = match bytes.take() % 4 {
                0 => Request::Session(bytes.blob()),
                1 => Request::Session(bytes.session_request(self.open_session()).encode()),
                _ => Request::Command(Command::Custom(bytes.blob()).encode()),
            };
            let to = if bytes.one_in(4) { incarnation } else { self.node.raft().incarnation() };
            return Message::Forward(Forward { term, to, ticket, request });
        }
        if bytes.one_in(2) {
            return self.gossip_of_reads(bytes, ticket);
        }
        if bytes.one_in(8) {
            return bytes.gossip_of_the_topology();
        }
        let applied = Applied { position: bytes.position(), epoch: Epoch::new(bytes.number()) };
        let outcome = if bytes.one_in(2) { Ok(applied) } else { Err(Rejected::Busy) };
        Message::Answer(Answer { ticket, outcome })
    }

    /// Questions in a term that mostly is the node's own, and answers to what it mostly asked.
    fn gossip_of_reads(&self, bytes: &mut Bytes<'_>, drawn: Ticket) -> Message {
        if bytes.one_in(2) {
            let term = if bytes.one_in(4) { Term::new(bytes.number()) } else { self.node.raft().term() };
            return Message::ReadIndex(ReadIndex { term, ticket: drawn });
        }
        let raft = self.node.raft();
        let number = u64::from(bytes.take() % 16);
        let fitting = Ticket { incarnation: raft.incarnation(), boot: raft.boot(), number };
        let ticket = if bytes.one_in(4) { drawn } else { fitting };
        let outcome = if bytes.one_in(4) { Err(Rejected::Busy) } else { Ok(bytes.index()) };
        Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome })
    }

    fn body(&self, bytes: &mut Bytes<'_>) -> Body {
        let ballot = |bytes: &mut Bytes<'_>| if bytes.one_in(4) { Ballot::Refused } else { Ballot::Granted };
        match bytes.take() % 21 {
            0 => Body::PreVote { last: bytes.position() },
            1 => Body::PreVoteAnswer(ballot(bytes)),
            2 => {
                let candidacy = if bytes.one_in(2) { Candidacy::Transfer } else { Candidacy::Silence };
                Body::Vote { last: bytes.position(), candidacy }
            }
            3 | 4 => Body::VoteAnswer(ballot(bytes)),
            5 => Body::AppendAnswer { session: self.session(bytes), appended: Appended::Matched(bytes.index()) },
            6 => {
                let appended = Appended::Conflict { refused: bytes.index(), hint: bytes.position() };
                Body::AppendAnswer { session: self.session(bytes), appended }
            }
            7 => Body::Heartbeat { commit: self.commit(bytes), round: Round::new(bytes.number()) },
            8 => heartbeat_answer(bytes),
            9 => self.snapshot(bytes),
            10 => Body::Stranger { incarnation: Incarnation::new(bytes.number()) },
            11 => self.chunk_answer(bytes),
            12 => Body::AppendAnswer {
                session: self.session(bytes),
                appended: Appended::SnapshotRefused(bytes.position()),
            },
            13..=15 => self.chunk(bytes),
            16 => Body::TimeoutNow { reaches: bytes.index() },
            _ => self.append(bytes),
        }
    }

    /// A session that is mostly one of the node's own.
    fn session(&self, bytes: &mut Bytes<'_>) -> ReplicationSession {
        let own = match self.node.raft().role() {
            Role::Leader(leadership) => leadership.progress().iter().map(|(_, progress)| progress.session).next(),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        };
        let drawn = ReplicationSession::new(bytes.number());
        if bytes.one_in(8) { drawn } else { own.unwrap_or(drawn) }
    }

    /// A commit that the node's log mostly reaches.
    fn commit(&self, bytes: &mut Bytes<'_>) -> LogIndex {
        let index = bytes.index();
        if bytes.one_in(32) { index } else { index.min(self.node.raft().log().last().index) }
    }

    fn append(&self, bytes: &mut Bytes<'_>) -> Body {
        let session = self.session(bytes);
        let log = self.node.raft().log();
        let prev = match bytes.take() % 8 {
            0 => bytes.position(),
            1 => Position::ZERO,
            2 | 3 => {
                Position::new(log.term_at(self.node.raft().commit()).unwrap_or_default(), self.node.raft().commit())
            }
            _ => log.last(),
        };
        let mut term = prev.term.get();
        let entry = |bytes: &mut Bytes<'_>| {
            term = term.saturating_add(u64::from(bytes.take() % 8 / 6));
            let payload = match bytes.take() % 8 {
                0..=2 => Payload::Noop,
                3..=4 => Payload::Command(bytes.blob()),
                5..=6 if bytes.one_in(8) => Payload::Session(bytes.blob()),
                5..=6 => Payload::Session(bytes.session_request(self.open_session()).encode()),
                7 if bytes.one_in(2) => Payload::Level(bytes.level()),
                _ => Payload::Configuration(Arc::new(bytes.configuration())),
            };
            Entry { term: Term::new(term), payload }
        };
        let mut entry = entry;
        let entries: Vec<_> = (0..bytes.take() % 5).map(|_| entry(bytes)).collect();
        Body::Append(Append { session, prev, entries: Entries::from(entries), commit: self.commit(bytes) })
    }

    /// Mostly half of a real snapshot, the first or the second, at times damaged or announced as something else.
    fn chunk(&self, bytes: &mut Bytes<'_>) -> Body {
        let parcel = Parcel::new(&self.whole(bytes));
        let mut identity = parcel.identity();
        let half = identity.bytes / 2;
        let range = if bytes.one_in(2) { (0, half) } else { (half, identity.bytes) };
        let mut part = parcel.cut(Range { start: range.0, end: range.1 }).to_vec();
        if bytes.one_in(8) {
            part[0] ^= bytes.take();
        }
        match bytes.take() % 16 {
            0 => identity.checksum = bytes.number(),
            1 => identity.bytes = bytes.number(),
            2 => identity.last = bytes.position(),
            _ => {}
        }
        let offset = if bytes.one_in(8) { bytes.number() } else { range.0 };
        Body::Chunk { session: self.session(bytes), identity, offset, bytes: Blob::from(part) }
    }

    fn chunk_answer(&self, bytes: &mut Bytes<'_>) -> Body {
        let sent = match self.node.raft().role() {
            Role::Leader(lead) => lead.progress().iter().find_map(|(_, found)| Some(found.pace.shipment()?.identity())),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        };
        let drawn = SnapshotIdentity { last: bytes.position(), bytes: bytes.number(), checksum: bytes.number() };
        let mut held = Ranges::default();
        for _ in 0..bytes.take() % 4 {
            held.add(Range { start: bytes.number(), end: bytes.number() });
        }
        Body::ChunkAnswer { session: self.session(bytes), identity: sent.unwrap_or(drawn), held }
    }

    fn snapshot(&self, bytes: &mut Bytes<'_>) -> Body {
        Body::Snapshot { session: self.session(bytes), snapshot: self.whole(bytes) }
    }

    fn whole(&self, bytes: &mut Bytes<'_>) -> Arc<Snapshot> {
        let topology = Topology::new(self.settings.topology()).to_bytes();
        let length = u8::try_from(topology.len()).expect("an empty topology is short");
        let mut sessions = Sessions::new(self.settings.sessions()).to_bytes();
        if bytes.one_in(4) {
            // Mostly nonsense, at times one session that was opened by an early entry.
            let opened = bytes.take() % 12;
            sessions = vec![1, 1, opened, opened, bytes.take() % 2, 0];
        }
        let sessions_length = u8::try_from(sessions.len()).expect("few sessions are short");
        // The state of a node: its topology's bytes and its sessions' with their lengths, and no embedder's state.
        let state = [length].into_iter().chain(topology).chain([sessions_length]).chain(sessions).chain([0]);
        let state: Vec<u8> = state.collect();
        let ahead = u64::from(bytes.take() % 8);
        let own = self.node.raft().log().last();
        let beyond = Position::new(own.term, LogIndex::new(own.index.get().saturating_add(ahead)));
        let last = if bytes.one_in(2) { bytes.position() } else { beyond };
        let configuration = self.node.raft().configuration().clone();
        let configuration = if bytes.one_in(8) { Configuration::default() } else { configuration };
        Arc::new(Snapshot { last, configuration, level: bytes.level(), state: Blob::from(state) })
    }

    fn step(&mut self, input: Input) {
        let (term, commit) = (self.node.raft().term(), self.node.raft().commit());
        let (mut unwatched, mut rest) = (self.node.clone(), Outbox::without_routine());
        unwatched.step(self.now, input.clone(), &mut rest);
        let mut out = Outbox::new();
        self.node.step(self.now, input, &mut out);
        let effects: Vec<Effect> = out.drain().collect();
        let routine = |effect: &&Effect| matches!(effect, Effect::Emit(event) if event.is_routine());
        assert!(
            rest.drain().eq(effects.iter().filter(|effect| !routine(effect)).cloned()),
            "more was left out, or less"
        );
        assert!(unwatched == self.node, "what nobody watches changed the node");
        self.node.assert_invariants();
        assert!(self.node.raft().term() >= term, "the term went back from {term}");
        assert!(self.node.raft().commit() >= commit, "the commit went back from {commit}");
        self.carry_out(effects);
    }

    fn restart(&mut self, bytes: &mut Bytes<'_>) {
        let kept = usize::from(bytes.take() % 4);
        for (_, record) in self.waiting.drain(..).take(kept) {
            self.kept.fold(record);
        }
        self.open.clear();
        let (node, effects) = start(self.now, &self.settings, self.kept.clone());
        assert_eq!(node.raft().halted(), None, "what the disk took in order was refused");
        self.node = node;
        self.node.assert_invariants();
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(write, record) => self.waiting.push_back((write, record)),
                Effect::Reply(request, outcome) => {
                    assert!(self.open.remove(&request), "{request} is answered twice");
                    self.seen.commands_applied += usize::from(outcome.is_ok());
                }
                Effect::Read(request, outcome) => {
                    assert!(self.open.remove(&request), "{request} is answered twice");
                    self.seen.reads += usize::from(outcome.is_ok());
                }
                Effect::Transferred(request, _) => {
                    assert!(self.open.remove(&request), "{request} is answered twice");
                }
                Effect::Emit(event) => self.seen.note(&event),
                Effect::Send(_, message) => {
                    assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(&message));
                    if let Message::Raft(raft::Message { body, .. }) = &message {
                        self.seen.chunks_kept += usize::from(matches!(body, Body::ChunkAnswer { .. }));
                        self.seen.chunks_sent += usize::from(matches!(body, Body::Chunk { .. }));
                    }
                }
                Effect::Capture(index) => self.capture = index,
                Effect::Apply(..) | Effect::Restore(_) | Effect::SendPacket(..) | Effect::Deliver(..) => {}
            }
        }
    }
}

/// What the disk of a member holds that has a snapshot, in a federation that speaks in chunks.
fn old_member(settings: &Settings) -> Recovered {
    let last = Position::new(Term::new(1), LogIndex::new(4));
    let configuration = Configuration::founding([1, 2, 3].map(NodeId::new).into(), [4].map(NodeId::new).into());
    let snapshot = Snapshot { last, configuration, level: FeatureLevel::CHUNKS, state: empty_state(settings) };
    let founding = Recovered::founding();
    let hard_state = HardState { term: last.term, ..founding.hard_state };
    Recovered { hard_state, dropped: last, snapshot: Some(Arc::new(snapshot)), ..founding }
}

/// The state of a node: its topology's bytes with their length, and no embedder's state.
fn empty_state(settings: &Settings) -> Blob {
    let topology = Topology::new(settings.topology()).to_bytes();
    let length = u8::try_from(topology.len()).expect("an empty topology is short");
    let sessions = Sessions::new(settings.sessions()).to_bytes();
    let sessions_length = u8::try_from(sessions.len()).expect("no sessions are short");
    let state = [length].into_iter().chain(topology).chain([sessions_length]).chain(sessions).chain([0]);
    Blob::from(state.collect::<Vec<u8>>())
}

fn start(now: Time, settings: &Arc<Settings>, kept: Recovered) -> (Node, Vec<Effect>) {
    let mut out = Outbox::new();
    let node = Node::start(now, NodeId::new(1), Arc::clone(settings), Seed::new(7), kept, &mut out);
    let effects = out.drain().collect();
    (node, effects)
}
