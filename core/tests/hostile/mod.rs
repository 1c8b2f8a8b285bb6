//! A node among liars: bytes become inputs, and whatever they say, the node keeps its own promises.
//!
//! Small numbers are likely, so that the liars often come close to the truth.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use delian_core::ids::{Incarnation, ReplicationSession, Round};
use delian_core::raft::{
    self, Append, Appended, Ballot, Body, Candidacy, Configuration, Entries, Entry, Payload, QuorumChange, Record,
    Recovered, Role, Snapshot,
};
use delian_core::topology::Command;
use delian_core::wire::{Answer, Forward, ReadIndex, ReadIndexAnswer, Request, Ticket};
use delian_core::{
    Applied, Blob, Boot, Config, Consistency, Effect, Epoch, Event, Input, LogIndex, Message, Node, NodeId, Outbox,
    Position,
};
use delian_core::{Rejected, RequestId, Seed, Settings, Term, Time, Topology, WriteId};

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
    pub(crate) contradictions: usize,
    pub(crate) halts: usize,
    pub(crate) commands_applied: usize,
    pub(crate) reads: usize,
    pub(crate) requests_to_stand: usize,
}

impl Seen {
    fn note(&mut self, event: &Event) {
        self.elections_won += usize::from(matches!(event, Event::BecameLeader { .. }));
        self.commits += usize::from(matches!(event, Event::Committed { .. }));
        self.truncations += usize::from(matches!(event, Event::Truncated { .. }));
        self.snapshots_installed += usize::from(matches!(event, Event::SnapshotInstalled { .. }));
        self.snapshots_taken += usize::from(matches!(event, Event::Compacted { .. }));
        self.contradictions += usize::from(matches!(event, Event::PeerContradicted { .. }));
        self.requests_to_stand += usize::from(matches!(event, Event::ToldToStand { .. }));
        self.halts += usize::from(matches!(event, Event::Halted(_)));
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.take().is_multiple_of(count)
    }

    /// A number that is usually small, and at times at the end of the range.
    fn number(&mut self) -> u64 {
        match self.take() {
            byte @ 0..=239 => u64::from(byte % 12),
            byte => u64::MAX >> (byte % 4),
        }
    }

    fn position(&mut self) -> Position {
        Position::new(Term::new(self.number()), LogIndex::new(self.number()))
    }

    fn index(&mut self) -> LogIndex {
        LogIndex::new(self.number())
    }

    fn blob(&mut self) -> Blob {
        let length = usize::from(self.take() % 8);
        Blob::from((0..length).map(|_| self.take()).collect::<Vec<_>>())
    }

    fn quorum_change(&mut self) -> QuorumChange {
        let node = self.node();
        match self.take() % 6 {
            0 => QuorumChange::AddLearner { node, incarnation: Incarnation::new(self.number()) },
            1 => QuorumChange::Promote(node),
            2 => QuorumChange::Demote(node),
            3 => QuorumChange::Remove(node),
            4 => QuorumChange::Readmit { node, incarnation: Incarnation::new(self.number()) },
            _ => QuorumChange::Replace { voters: self.configuration().voters },
        }
    }

    /// A configuration that may make no sense at all.
    fn configuration(&mut self) -> Configuration {
        let mut nodes = || (0..self.take() % 5).map(|_| self.node()).collect();
        let (voters, learners, outgoing, learners_next) = (nodes(), nodes(), nodes(), nodes());
        let outgoing = if self.one_in(2) { outgoing } else { BTreeSet::new() };
        let incarnations = [(self.node(), Incarnation::new(self.number()))].into();
        Configuration { voters, outgoing, learners, learners_next, incarnations }
    }

    fn node(&mut self) -> NodeId {
        NodeId::new(u64::from(self.take() % 5))
    }
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
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let config = Config {
            clock_drift_max_ppm: bytes.one_in(2).then_some(1_000),
            pending_reads_max: 4,
            voters: [1, 2, 3].map(NodeId::new).into(),
            learners: [4].map(NodeId::new).into(),
            log_bytes_max: 150,
            trailing_entries: 1,
            inflight_messages_max: 2,
            append_bytes_max: 80,
            uncommitted_bytes_max: 400,
            withheld_max: 4,
            pending_commands_max: 4,
            ..Config::default()
        };
        let settings = Arc::new(config.check().expect("the numbers make sense"));
        let (node, effects) = start(Time::ZERO, &settings, Recovered::founding());
        let mut bench = Self {
            settings,
            node,
            now: Time::ZERO,
            kept: Recovered::founding(),
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
            6 => {
                self.asked += 1;
                let request = RequestId::new(self.asked);
                self.open.insert(request);
                Input::Command(request, Command::Custom(bytes.blob()))
            }
            7 if bytes.one_in(3) => {
                self.asked += 1;
                let request = RequestId::new(self.asked);
                self.open.insert(request);
                Input::Quorum(request, bytes.quorum_change())
            }
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
        self.asked += 1;
        let request = RequestId::new(self.asked);
        self.open.insert(request);
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

    /// Says mostly what the node might expect, in the term in which it might expect it.
    fn fitting_body(&self, bytes: &mut Bytes<'_>) -> (Term, Body) {
        let term = self.node.raft().term();
        let any = bytes.one_in(4);
        match self.node.raft().role() {
            Role::PreCandidate(_) if !any => (term.next(), Body::PreVoteAnswer(Ballot::Granted)),
            Role::Candidate(_) if !any => (term, Body::VoteAnswer(Ballot::Granted)),
            Role::Leader(_) if !bytes.one_in(32) => match bytes.take() % 3 {
                0 => (term, Body::HeartbeatAnswer { round: Round::new(bytes.number()) }),
                1 => {
                    let last = self.node.raft().log().last().index;
                    let appended = Appended::Matched(if bytes.one_in(2) { last } else { bytes.index() });
                    (term, Body::AppendAnswer { session: self.session(bytes), appended })
                }
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
        let ticket = Ticket { boot: Boot::new(bytes.number()), number: bytes.number() };
        if bytes.one_in(2) {
            let term = if bytes.one_in(4) { Term::new(bytes.number()) } else { self.node.raft().term() };
            return Message::Forward(Forward {
                term,
                ticket,
                request: Request::Command(Command::Custom(bytes.blob()).encode()),
            });
        }
        if bytes.one_in(2) {
            return self.gossip_of_reads(bytes, ticket);
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
        let fitting = Ticket { boot: self.node.raft().boot(), number: u64::from(bytes.take() % 16) };
        let ticket = if bytes.one_in(4) { drawn } else { fitting };
        let outcome = if bytes.one_in(4) { Err(Rejected::Busy) } else { Ok(bytes.index()) };
        Message::ReadIndexAnswer(ReadIndexAnswer { ticket, outcome })
    }

    fn body(&self, bytes: &mut Bytes<'_>) -> Body {
        let ballot = |bytes: &mut Bytes<'_>| if bytes.one_in(4) { Ballot::Refused } else { Ballot::Granted };
        match bytes.take() % 14 {
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
            8 => Body::HeartbeatAnswer { round: Round::new(bytes.number()) },
            9 => self.snapshot(bytes),
            10 => Body::Stranger { incarnation: Incarnation::new(bytes.number()) },
            11 => Body::TimeoutNow { reaches: bytes.index() },
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
                0..=3 => Payload::Noop,
                4..=6 => Payload::Command(bytes.blob()),
                _ => Payload::Configuration(Arc::new(bytes.configuration())),
            };
            Entry { term: Term::new(term), payload }
        };
        let mut entry = entry;
        let entries: Vec<_> = (0..bytes.take() % 5).map(|_| entry(bytes)).collect();
        Body::Append(Append { session, prev, entries: Entries::from(entries), commit: self.commit(bytes) })
    }

    fn snapshot(&self, bytes: &mut Bytes<'_>) -> Body {
        let topology = Topology::new(self.settings.topology()).to_bytes();
        let length = u8::try_from(topology.len()).expect("an empty topology is short");
        // The state of a node: its topology's bytes with their length, and no embedder's state.
        let state: Vec<u8> = [length].into_iter().chain(topology).chain([0]).collect();
        let ahead = u64::from(bytes.take() % 8);
        let own = self.node.raft().log().last();
        let beyond = Position::new(own.term, LogIndex::new(own.index.get().saturating_add(ahead)));
        let last = if bytes.one_in(2) { bytes.position() } else { beyond };
        let configuration = self.node.raft().configuration().clone();
        let configuration = if bytes.one_in(8) { Configuration::default() } else { configuration };
        let snapshot = Arc::new(Snapshot { last, configuration, state: Blob::from(state) });
        Body::Snapshot { session: self.session(bytes), snapshot }
    }

    fn step(&mut self, input: Input) {
        let (term, commit) = (self.node.raft().term(), self.node.raft().commit());
        let mut out = Outbox::new();
        self.node.step(self.now, input, &mut out);
        self.node.assert_invariants();
        assert!(self.node.raft().term() >= term, "the term went back from {term}");
        assert!(self.node.raft().commit() >= commit, "the commit went back from {commit}");
        self.carry_out(out.drain().collect());
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
                Effect::Send(_, message) => assert_eq!(Message::decode(&message.encode()), Ok(message)),
                Effect::Capture(index) => self.capture = index,
                Effect::Apply(..) | Effect::Restore(_) => {}
            }
        }
    }
}

fn start(now: Time, settings: &Arc<Settings>, kept: Recovered) -> (Node, Vec<Effect>) {
    let mut out = Outbox::new();
    let node = Node::start(now, NodeId::new(1), Arc::clone(settings), Seed::new(7), kept, &mut out);
    let effects = out.drain().collect();
    (node, effects)
}
