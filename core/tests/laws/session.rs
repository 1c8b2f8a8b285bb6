//! The laws of sessions, checked against a model that remembers everything that ever happened.
//!
//! A single voter runs random histories with tiny limits, takes snapshots and restarts from its disk. The model looks at
//! the whole history for every question: it keeps each outcome forever and finds out by scanning what is still open.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::raft::{Record, Recovered};
use delian_core::topology::{Cause, Command, Condition};
use delian_core::{
    Applied, Blob, Config, Effect, Epoch, Halt, Input, LogIndex, Node, NodeId, Operation, Outbox, Rejected, RequestId,
    Seed, Sequence, SessionId, Sessions, Settings, Time, Topology,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

const SESSIONS_MAX: usize = 2;
const WINDOW: usize = 3;
const ENTRIES_MAX: u64 = 7;

/// One thing that a client does; numbers are small, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Open,
    /// A command of one of the sessions so far, or of none that ever was.
    Do {
        session: Index,
        sequence: u64,
        back: u64,
        command: Command,
    },
    Close {
        session: Index,
    },
    Plain,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let command = prop_oneof![
        Just(Command::Custom(Blob::from([7].as_slice()))),
        // Nobody is registered, so it is refused.
        Just(Command::SetCondition {
            node: NodeId::new(1),
            epoch: Epoch::new(1),
            condition: Condition::Silent,
            cause: Cause::Asked
        }),
    ];
    prop_oneof![
        2 => Just(Step::Open),
        12 => (any::<Index>(), 0..8_u64, 0..4_u64, command)
            .prop_map(|(session, sequence, back, command)| Step::Do { session, sequence, back, command }),
        1 => any::<Index>().prop_map(|session| Step::Close { session }),
        2 => Just(Step::Plain),
        1 => Just(Step::Restart),
    ]
}

/// Everything that ever happened to one session.
#[derive(Debug)]
struct Past {
    session: SessionId,
    last_active: u64,
    awaited_from: u64,
    closed: bool,
    outcomes: BTreeMap<u64, Result<Applied, Rejected>>,
}

impl Past {
    fn is_open(&self, index: u64) -> bool {
        !self.closed && index - self.last_active <= ENTRIES_MAX
    }
}

/// All sessions that ever were, and the topology without any.
struct Model {
    sessions: Vec<Past>,
    topology: Topology,
}

impl Model {
    fn open_at(&self, index: u64) -> impl Iterator<Item = &Past> {
        self.sessions.iter().filter(move |past| past.is_open(index))
    }

    /// Returns one of the sessions so far, or one that never was.
    fn session(&self, drawn: Index) -> SessionId {
        match drawn.index(self.sessions.len() + 1) {
            0 => SessionId::new(900),
            place => self.sessions[place - 1].session,
        }
    }

    fn open(&mut self, index: u64) {
        if self.open_at(index).count() == SESSIONS_MAX {
            let longest = self.open_at(index).map(|past| past.last_active).min();
            self.sessions
                .iter_mut()
                .filter(|past| Some(past.last_active) == longest)
                .for_each(|past| past.closed = true);
        }
        let session = SessionId::new(index);
        let outcomes = BTreeMap::new();
        self.sessions.push(Past { session, last_active: index, awaited_from: 0, closed: false, outcomes });
    }

    /// Returns what the entry at a place comes to, and whether it has an effect.
    fn execute(&mut self, applied: Applied, asked: Operation, command: &Command) -> (Result<Applied, Rejected>, bool) {
        let index = applied.position.index.get();
        let expired = (Err(Rejected::SessionExpired(asked.session)), false);
        let Some(place) = self.sessions.iter().position(|past| past.session == asked.session) else { return expired };
        if !self.sessions[place].is_open(index) {
            return expired;
        }
        let past = &mut self.sessions[place];
        past.last_active = index;
        past.awaited_from = past.awaited_from.max(asked.awaited_from.get());
        if asked.sequence.get() < past.awaited_from {
            let awaited_from = Sequence::new(past.awaited_from);
            return (Err(Rejected::Forgotten { sequence: asked.sequence, awaited_from }), false);
        }
        if let Some(outcome) = past.outcomes.get(&asked.sequence.get()) {
            return (outcome.clone(), false);
        }
        let outcome = match self.topology.apply(command) {
            Ok(change) => Ok(Applied { epoch: change.epoch, ..applied }),
            Err(refusal) => Err(Rejected::Refused(refusal)),
        };
        past.outcomes.insert(asked.sequence.get(), outcome.clone());
        let has_effect = outcome.is_ok();
        (outcome, has_effect)
    }

    fn assert_equals(&self, node: &Node) {
        let index = node.raft().applied().get();
        let remembered = |past: &Past| past.outcomes.range(past.awaited_from..).count();
        let expected: Vec<_> = self.open_at(index).map(|past| (past.session, remembered(past))).collect();
        assert_eq!(node.sessions().iter().collect::<Vec<_>>(), expected);
        assert_eq!(node.topology().epoch(), self.topology.epoch());
    }
}

/// A single voter with a disk and an embedder that answer at once.
struct Bench {
    settings: Arc<Settings>,
    node: Node,
    kept: Recovered,
    replies: Vec<Result<Applied, Rejected>>,
    effects: usize,
}

impl Bench {
    fn new() -> Self {
        let config = Config {
            voters: [NodeId::new(1)].into(),
            sessions_max: SESSIONS_MAX,
            session_window: WINDOW,
            session_entries_max: ENTRIES_MAX,
            log_bytes_max: 300,
            trailing_entries: 1,
            ..Config::default()
        };
        let settings = Arc::new(config.check().expect("the numbers make sense"));
        let mut out = Outbox::new();
        let node = start(&settings, Recovered::founding(), &mut out);
        let mut bench = Self { settings, node, kept: Recovered::founding(), replies: Vec::new(), effects: 0 };
        bench.carry_out(&mut out);
        bench
    }

    fn restart(&mut self) {
        let mut out = Outbox::new();
        self.node = start(&self.settings, self.kept.clone(), &mut out);
        let effects = self.effects;
        self.carry_out(&mut out);
        // What is applied again after a start is nothing new.
        self.effects = effects;
    }

    /// Returns the answer and how many effects there were.
    fn ask(&mut self, input: impl FnOnce(RequestId) -> Input) -> (Result<Applied, Rejected>, usize) {
        let (mut out, before) = (Outbox::new(), self.effects);
        self.node.step(Time::ZERO, input(RequestId::new(1)), &mut out);
        self.carry_out(&mut out);
        let answer = self.replies.pop().expect("a sole voter answers at once");
        assert!(self.replies.is_empty(), "a second answer");
        (answer, self.effects - before)
    }

    fn carry_out(&mut self, out: &mut Outbox) {
        let mut waiting: Vec<Effect> = out.drain().collect();
        while !waiting.is_empty() {
            let mut inputs = Vec::new();
            for effect in waiting.drain(..) {
                match effect {
                    Effect::Persist(write, record) => {
                        assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Ok(&record));
                        self.kept.fold(record);
                        inputs.push(Input::Persisted(write));
                    }
                    Effect::Capture(index) => inputs.push(Input::Captured(index, Blob::default())),
                    Effect::Reply(_, outcome) => self.replies.push(outcome),
                    Effect::Apply(..) => self.effects += 1,
                    Effect::Send(..)
                    | Effect::Restore(_)
                    | Effect::Emit(_)
                    | Effect::Read(..)
                    | Effect::Transferred(..)
                    | Effect::SendPacket(..)
                    | Effect::Deliver(..) => {}
                }
            }
            for input in inputs {
                self.node.step(Time::ZERO, input, out);
                self.node.assert_invariants();
                waiting.extend(out.drain());
            }
        }
    }
}

fn start(settings: &Arc<Settings>, kept: Recovered, out: &mut Outbox) -> Node {
    Node::start(Time::ZERO, NodeId::new(1), Arc::clone(settings), Seed::new(7), kept, out)
}

/// Runs a history at a node and at the model, and notes how often each kind of thing happened.
fn live(steps: Vec<Step>, seen: &RefCell<BTreeMap<&'static str, usize>>) -> Bench {
    let mut bench = Bench::new();
    let mut model = Model { sessions: Vec::new(), topology: Topology::new(bench.settings.topology()) };
    for step in steps {
        let what = live_on(&mut bench, &mut model, step);
        *seen.borrow_mut().entry(what).or_default() += 1;
        model.assert_equals(&bench.node);
    }
    bench
}

fn live_on(bench: &mut Bench, model: &mut Model, step: Step) -> &'static str {
    match step {
        Step::Open => {
            let (opened, _) = bench.ask(Input::OpenSession);
            let index = opened.expect("a session can be opened at any time").position.index.get();
            model.open(index);
            "opened"
        }
        Step::Plain => {
            let command = Command::Custom(Blob::default());
            let (applied, _) = bench.ask(|request| Input::Command(request, command.clone()));
            let change = model.topology.apply(&command).expect("a small command is accepted");
            assert_eq!(applied.map(|applied| applied.epoch), Ok(change.epoch));
            "plain"
        }
        Step::Restart => {
            let compacted = bench.kept.snapshot.is_some();
            bench.restart();
            if compacted { "restarts from a snapshot" } else { "restarts without one" }
        }
        Step::Close { session } => {
            let session = model.session(session);
            let (closed, _) = bench.ask(|request| Input::CloseSession(request, session));
            let index = bench.node.raft().applied().get();
            let was_open = model.open_at(index).any(|past| past.session == session);
            assert_eq!(closed.is_ok(), was_open, "{session} was closed: {closed:?}");
            model.sessions.iter_mut().filter(|past| past.session == session).for_each(|past| past.closed = true);
            "closed"
        }
        Step::Do { session, sequence, back, command } => {
            let awaited_from = Sequence::new(sequence.saturating_sub(back));
            let asked = Operation { session: model.session(session), sequence: Sequence::new(sequence), awaited_from };
            do_one(bench, model, asked, &command)
        }
    }
}

fn do_one(bench: &mut Bench, model: &mut Model, asked: Operation, command: &Command) -> &'static str {
    let (answer, effects) = bench.ask(|request| Input::SessionCommand(request, asked, command.clone()));
    let Operation { session: _, sequence, awaited_from } = asked;
    if sequence.get() - awaited_from.get() >= WINDOW as u64 {
        assert_eq!(answer, Err(Rejected::OutsideWindow { sequence, awaited_from, window: WINDOW as u64 }));
        return "outside the window";
    }
    let here = Applied { position: bench.node.raft().log().last(), epoch: Epoch::ZERO };
    let (expected, has_effect) = model.execute(here, asked, command);
    assert_eq!(answer, expected, "{asked:?} at {here:?}");
    assert_eq!(effects, usize::from(has_effect && matches!(command, Command::Custom(_))), "{asked:?} at {here:?}");
    match (&answer, has_effect) {
        (Ok(_), true) => "executed",
        (Ok(_), false) => "repeated",
        (Err(Rejected::Refused(_)), _) => "refused",
        (Err(Rejected::Forgotten { .. }), _) => "forgotten",
        (Err(Rejected::SessionExpired(_)), _) => "expired",
        (Err(_), _) => "strange",
    }
}

#[test]
fn a_session_remembers_what_the_model_does() {
    let seen = RefCell::new(BTreeMap::new());
    for_all(1000, vec(step(), 0..60), |steps| drop(live(steps, &seen)));
    let seen = seen.borrow();
    let kinds = ["executed", "repeated", "refused", "forgotten", "expired", "outside the window"];
    for what in kinds.into_iter().chain(["restarts from a snapshot", "restarts without one"]) {
        let times = seen.get(what).copied().unwrap_or_default();
        assert!(times >= 100, "only {times} were {what}: {seen:?}");
    }
    assert_eq!(seen.get("strange"), None);
}

#[test]
fn a_damaged_snapshot_stops_the_node_or_makes_a_sound_one() {
    let (seen, sound, refused) = (RefCell::default(), RefCell::new(0), RefCell::new(0));
    let damage = vec((any::<Index>(), any::<u8>()), 1..4);
    for_all(2000, (vec(step(), 20..60), damage), |(steps, damage)| {
        let bench = live(steps, &seen);
        let mut kept = bench.kept.clone();
        let Some(snapshot) = &mut kept.snapshot else { return };
        let snapshot = Arc::make_mut(snapshot);
        let mut state = snapshot.state.to_vec();
        for (place, byte) in damage {
            let place = place.index(state.len());
            state[place] = byte;
        }
        snapshot.state = Blob::from(state);
        let mut out = Outbox::new();
        let mut node = start(&bench.settings, kept, &mut out);
        drop(out.drain());
        if let Some(halt) = node.raft().halted() {
            assert!(matches!(halt, Halt::RecoveryContradicted(_)), "{halt}");
            *refused.borrow_mut() += 1;
            return;
        }
        let session = SessionId::new(2);
        let operation = Operation { session, sequence: Sequence::new(3), awaited_from: Sequence::new(3) };
        let command = Command::Custom(Blob::default());
        node.step(Time::ZERO, Input::SessionCommand(RequestId::new(1), operation, command), &mut out);
        node.assert_invariants();
        *sound.borrow_mut() += 1;
    });
    let (sound, refused) = (*sound.borrow(), *refused.borrow());
    assert!(sound > 20 && refused > 200, "{sound} sound, {refused} refused");
}

#[test]
fn arbitrary_bytes_are_sessions_in_one_form_or_none() {
    let config = Config { session_window: WINDOW, ..Config::default() };
    let settings = config.check().expect("the numbers make sense");
    let read = RefCell::new(0);
    for_all(20_000, vec(0..4_u8, 0..12), |numbers| {
        let bytes = [&[1], numbers.as_slice()].concat();
        if let Some(sessions) = Sessions::from_bytes(&bytes, LogIndex::new(3), settings.sessions()) {
            assert_eq!(sessions.to_bytes(), bytes);
            *read.borrow_mut() += usize::from(!sessions.is_empty());
        }
    });
    assert!(*read.borrow() > 20, "only {read:?} times the bytes were sessions");
}

/// Checks a law for values drawn the same way in every run.
fn for_all<S: Strategy>(cases: u32, values: S, law: impl Fn(S::Value)) {
    let config = Cases { cases, failure_persistence: None, ..Cases::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let outcome = TestRunner::new_with_rng(config, rng).run(&values, |value| {
        law(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
