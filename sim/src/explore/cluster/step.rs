//! Taking an action: one input to one node, all that it asks for carried out, and every property judged on the way.

use std::sync::Arc;

use delian_core::io::StepDown;
use delian_core::projection::Deadline;
use delian_core::raft::Body;
use delian_core::raft::Recovered;
use delian_core::{Blob, Effect, Event, Incarnation, Input, LogIndex, Message, Node, NodeId, Outbox, RequestId, Seed};
use delian_core::{Consistency, SessionRequest, Time};

use super::Cluster;
use super::abstract_raft::{Around, abs_next, abs_restart};
use super::action::Action;
use super::cell::{Cell, NOW, SEED};
use super::ghost::{Judge, Sight};
use super::model::{Asking, Disk, Forget, Goal, Network, UNBOUNDED, id_of, number_of};
use super::network::{Item, Letter, forget_round};
use super::state::State;
use crate::invariants::{Asked, Breach, Ledger, Observation};

/// The numbers of reads begin here, so that they are never those of commands.
const READS: u64 = 1_000;

/// The numbers of an operator's requests begin here.
const OPERATIONS: u64 = 2_000;

/// One step under way.
struct Step<'a> {
    cluster: &'a Cluster,
    number: u8,
    cells: &'a [Arc<Cell>],
    cell: Cell,
    judge: Judge,
    outbox: Outbox,
    sent: Vec<(NodeId, Message)>,
    /// The index of the snapshot for which the node wants the embedder's state.
    captured: Option<LogIndex>,
    /// What was committed before.
    committed: &'a Ledger,
    led_before: bool,
    shown: u64,
}

/// What a step brought about.
struct Done {
    cell: Cell,
    judge: Judge,
    sent: Vec<(NodeId, Message)>,
    shown: u64,
}

impl Cluster {
    /// Takes an action without asking whether it is enabled.
    pub(super) fn take(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        self.pay(state, action);
        match action {
            Action::Deliver(place) => {
                let place = usize::from(place);
                let stays = self.model().network == Network::Set;
                let item = if stays { state.flight.items()[place].clone() } else { state.flight.take(place) };
                self.arrive(state, item)
            }
            Action::Lose(place) => {
                state.flight.take(usize::from(place));
                Ok(())
            }
            Action::Duplicate(place) => {
                let item = state.flight.items()[usize::from(place)].clone();
                if matches!(self.model().network, Network::Delay { .. }) {
                    // The copy comes last.
                    state.flight.take(usize::from(place));
                    state.flight.send(self.model().network, item.clone());
                }
                self.arrive(state, item)
            }
            Action::Delay => {
                state.flight.delay_head();
                Ok(())
            }
            Action::Flush(number) => self.flush(state, number),
            Action::Fire(number, deadline) => self.feed(state, number, Input::Wake, Some(deadline), None),
            Action::Lapse(number, deadline) => {
                self.lapse(state, number, deadline);
                Ok(())
            }
            Action::Client(number) => self.ask(state, number),
            Action::Read(number) => {
                let (request, consistency) = (RequestId::new(READS + u64::from(state.left.reads)), self.model().reads);
                let asked = Asked::Read(consistency, id_of(number));
                self.feed(state, number, Input::Read(request, consistency), None, Some(&(request, asked)))
            }
            Action::Crash(number, kept) => self.crash(state, number, usize::from(kept)),
            Action::Wipe(number) => self.wipe(state, number),
            Action::Change(number, change) => {
                state.asked |= 1 << change;
                let request = RequestId::new(OPERATIONS + u64::from(change));
                let change = self.model().changes[usize::from(change)].clone();
                let asked = Asked::Quorum(change.clone());
                self.feed(state, number, Input::Quorum(request, change), None, Some(&(request, asked)))
            }
            Action::Transfer(number, to) => {
                let request = RequestId::new(OPERATIONS + 100 + u64::from(state.left.transfers));
                self.feed(state, number, Input::Transfer(request, id_of(to)), None, None)
            }
            Action::Forget(number) => self.feed(state, number, Input::ForgetLeader, None, None),
        }
    }

    /// Takes what an action costs from what may still happen.
    fn pay(&self, state: &mut State, action: Action) {
        let in_flight = !state.flight.is_empty();
        let queued = matches!(self.model().network, Network::Delay { .. });
        let is_bound = |number| state.is_bound(number);
        let breaks_promise = match action {
            Action::Fire(number, Deadline::Election) | Action::Lapse(number, Deadline::Presumption) => is_bound(number),
            _ => false,
        };
        let left = &mut state.left;
        left.drifts = left.drifts.saturating_sub(u8::from(breaks_promise));
        let spend = |budget: &mut u8| {
            if *budget != UNBOUNDED {
                *budget = budget.saturating_sub(1);
            }
        };
        match action {
            Action::Deliver(_) | Action::Flush(_) => return,
            Action::Duplicate(_) => spend(&mut left.duplicates),
            Action::Fire(_, Deadline::Election) => spend(&mut left.elections),
            Action::Fire(_, Deadline::Heartbeat) => spend(&mut left.heartbeats),
            Action::Fire(_, Deadline::QuorumCheck) => spend(&mut left.checks),
            Action::Fire(..) | Action::Lapse(..) | Action::Lose(_) | Action::Delay => {}
            Action::Client(_) => spend(&mut left.commands),
            Action::Read(_) => spend(&mut left.reads),
            Action::Crash(..) => spend(&mut left.crashes),
            Action::Wipe(_) => spend(&mut left.wipes),
            Action::Change(..) => spend(&mut left.changes),
            Action::Transfer(..) => spend(&mut left.transfers),
            Action::Forget(_) => spend(&mut left.forgets),
        }
        if queued && in_flight {
            left.deviations = left.deviations.saturating_sub(1);
        }
    }

    /// Delivers what is first, whatever the network.
    pub(super) fn deliver_first(&self, state: &mut State) -> Result<(), Breach> {
        let item = state.flight.take(0);
        self.arrive(state, item)
    }

    fn arrive(&self, state: &mut State, item: Item) -> Result<(), Breach> {
        match item {
            Item::Flush(number) => self.flush(state, number),
            Item::Letter(letter) => {
                let input = Input::Receive(id_of(letter.from), letter.message.clone());
                self.feed(state, letter.to, input, None, None)?;
                self.note_promise(state, &letter);
                Ok(())
            }
        }
    }

    /// Under leases, whoever takes in a leader's heartbeat promises something.
    fn note_promise(&self, state: &mut State, letter: &Letter) {
        if self.model().reads != Consistency::Lease {
            return;
        }
        let Message::Raft(message) = &letter.message else { return };
        let raft = state.cells[usize::from(letter.to)].node.raft();
        let follows = raft.leader() == Some(id_of(letter.from)) && raft.term() == message.term;
        if matches!(message.body, Body::Heartbeat { .. }) && follows {
            state.promise(letter.to, letter.from);
        }
    }

    /// A client gives a node its next command, or tries the same one again.
    fn ask(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        let place = usize::from(self.model().budgets.commands - state.left.commands - 1);
        let request = RequestId::new(place as u64 + 1);
        let (input, asked) = match self.model().asking {
            Asking::AtLeaders | Asking::Anywhere => {
                let command = self.commands[place].clone();
                (Input::Command(request, command.clone()), Asked::Command(command))
            }
            Asking::Retrying => {
                let (operation, command) = (self.operation(), self.commands[0].clone());
                let asked = SessionRequest::Do { operation, command: command.encode() };
                (Input::SessionCommand(request, operation, command), Asked::Session(asked))
            }
        };
        self.feed(state, number, input, None, Some(&(request, asked)))
    }

    /// Opens the session in which clients try again.
    pub(super) fn open_session(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        let request = RequestId::new(OPERATIONS + 200);
        let asked = Asked::Session(SessionRequest::Open);
        self.feed(state, number, Input::OpenSession(request), None, Some(&(request, asked)))
    }

    /// Starts a node for the first time.
    pub(super) fn found(&self, state: &mut State, number: u8, founding: &Arc<Recovered>) -> Result<(), Breach> {
        let mut outbox = Outbox::new();
        let recovered = Recovered::clone(founding);
        let node = Node::start(NOW, id_of(number), Arc::clone(&self.settings), SEED, recovered, &mut outbox);
        let cell = Cell::new(node, Arc::clone(founding));
        let mut step = self.begin(state, number, cell);
        step.outbox = outbox;
        step.observe(Observation::Started)?;
        step.carry_out()?;
        let made = self.end(state, number, step.done());
        state.cells.push(Arc::new(made));
        Ok(())
    }

    fn feed(
        &self,
        state: &mut State,
        number: u8,
        input: Input,
        due: Option<Deadline>,
        asked: Option<&(RequestId, Asked)>,
    ) -> Result<(), Breach> {
        let before = Arc::clone(&state.cells[usize::from(number)]);
        let mut step = self.begin(state, number, Cell::clone(&before));
        if let Some(due) = due {
            step.cell.node.map_instants(|deadline, at| if deadline == due { NOW } else { at });
        }
        if let Some((request, asked)) = asked {
            step.observe(Observation::Asked(*request, asked))?;
        }
        step.input(input)?;
        step.refines(&before)?;
        let cell = self.end(state, number, step.done());
        if cell.hash() != before.hash() {
            state.cells[usize::from(number)] = Arc::new(cell);
        }
        Ok(())
    }

    fn flush(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        let before = Arc::clone(&state.cells[usize::from(number)]);
        let mut step = self.begin(state, number, Cell::clone(&before));
        let all = step.cell.waiting.len();
        if let Some(write) = step.cell.flush(all) {
            step.input(Input::Persisted(write))?;
        }
        step.refines(&before)?;
        let cell = self.end(state, number, step.done());
        state.cells[usize::from(number)] = Arc::new(cell);
        Ok(())
    }

    fn lapse(&self, state: &mut State, number: u8, lapsed: Deadline) {
        let before = Arc::clone(&state.cells[usize::from(number)]);
        let mut step = self.begin(state, number, Cell::clone(&before));
        // With a lease goes what would prolong it: that began before.
        let ends = |deadline| deadline == lapsed || (lapsed == Deadline::Lease && deadline == Deadline::LeaseMeasured);
        step.cell.node.map_instants(|deadline, at| if ends(deadline) { Time::ZERO } else { at });
        let cell = self.end(state, number, step.done());
        state.cells[usize::from(number)] = Arc::new(cell);
        if lapsed == Deadline::Lease {
            state.release(number);
        }
    }

    fn crash(&self, state: &mut State, number: u8, kept: usize) -> Result<(), Breach> {
        let before = Arc::clone(&state.cells[usize::from(number)]);
        let mut step = self.begin(state, number, Cell::clone(&before));
        step.observe(Observation::Crashed)?;
        step.cell.flush(kept);
        step.cell.waiting.clear();
        let recovered = Recovered::clone(&step.cell.disk);
        let settings = Arc::clone(&self.settings);
        step.cell.node = Node::start(NOW, id_of(number), settings, SEED, recovered, &mut step.outbox);
        step.observe(Observation::Started)?;
        step.carry_out()?;
        step.show(Goal::Recovered);
        abs_restart(before.node.raft(), step.cell.node.raft())?;
        let done = step.done();
        state.flight.forget_flush(number);
        let cell = self.end(state, number, done);
        state.cells[usize::from(number)] = Arc::new(cell);
        Ok(())
    }

    fn wipe(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        let before = Arc::clone(&state.cells[usize::from(number)]);
        let mut step = self.begin(state, number, Cell::clone(&before));
        step.observe(Observation::Crashed)?;
        step.cell.lose_disk();
        let (recovered, settings) = (Recovered::default(), Arc::clone(&self.settings));
        // An empty disk needs a seed of its own, for the new memory is named by it.
        let seed = Seed::new(step.cell.graves.len() as u64);
        step.cell.node = Node::start(NOW, id_of(number), settings, seed, recovered, &mut step.outbox);
        step.observe(Observation::Started)?;
        step.carry_out()?;
        let done = step.done();
        state.flight.forget_flush(number);
        let cell = self.end(state, number, done);
        state.cells[usize::from(number)] = Arc::new(cell);
        Ok(())
    }

    fn begin<'a>(&'a self, state: &'a State, number: u8, cell: Cell) -> Step<'a> {
        let (cells, judge) = (state.cells.as_slice(), Judge::new(&state.ghost));
        let led_before = state.shown & Goal::Leader.bit() != 0;
        let (outbox, sent, committed) = (Outbox::new(), Vec::new(), state.ghost.consensus().ledger());
        Step {
            cluster: self,
            number,
            cells,
            cell,
            judge,
            outbox,
            sent,
            captured: None,
            committed,
            led_before,
            shown: 0,
        }
    }

    /// Keeps what a step brought about.
    fn end(&self, state: &mut State, number: u8, done: Done) -> Cell {
        let Done { mut cell, judge, sent, shown } = done;
        judge.close(self.seed, &mut state.ghost);
        state.shown |= shown;
        if state.promised != 0 && !cell.node.raft().is_leader() {
            state.release(number);
        }
        let network = self.model().network;
        for (to, mut message) in sent {
            let Some(to) = number_of(to, usize::from(self.model().size())) else { continue };
            if self.model().forget.contains(&Forget::Rounds) {
                forget_round(&mut message);
            }
            let letter = Letter::new(self.seed, number, to, message);
            state.flight.send(network, Item::Letter(Arc::new(letter)));
        }
        let queued = matches!(network, Network::Delay { .. });
        if queued && !cell.waiting.is_empty() && !state.flight.has_flush(number) {
            state.flight.send(network, Item::Flush(number));
        }
        cell.settle(self.model(), self.seed);
        cell
    }
}

impl Step<'_> {
    fn observe(&mut self, observation: Observation<'_>) -> Result<(), Breach> {
        let sight = Sight { cells: self.cells, number: self.number, stepping: &self.cell };
        self.judge.observe(id_of(self.number), observation, &sight)
    }

    /// Gives the node an input, and all that follows from it within the same step.
    fn input(&mut self, input: Input) -> Result<(), Breach> {
        self.cell.node.step(NOW, input, &mut self.outbox);
        self.carry_out()
    }

    /// Carries out what the node asks for until it asks for nothing that happens at once.
    fn carry_out(&mut self) -> Result<(), Breach> {
        loop {
            let mut outbox = std::mem::take(&mut self.outbox);
            for effect in outbox.drain() {
                self.effect(effect)?;
            }
            self.outbox = outbox;
            self.observe(Observation::Stepped)?;
            let next = match self.captured.take() {
                // The embedder's state is a function of the log, so its place in the log stands for it.
                Some(index) => Input::Captured(index, Blob::from(index.get().to_le_bytes().as_slice())),
                None if self.cluster.model().disk == Disk::Instant && !self.cell.waiting.is_empty() => {
                    let all = self.cell.waiting.len();
                    let Some(write) = self.cell.flush(all) else { break };
                    Input::Persisted(write)
                }
                None => break,
            };
            self.cell.node.step(NOW, next, &mut self.outbox);
        }
        self.cell.node.assert_invariants();
        self.observe(Observation::Sampled)
    }

    fn effect(&mut self, effect: Effect) -> Result<(), Breach> {
        match effect {
            Effect::Send(to, message) => {
                self.observe(Observation::Sent(to, &message))?;
                self.sent.push((to, message));
            }
            Effect::Persist(write, record) => {
                self.observe(Observation::Wrote(&record))?;
                self.cell.waiting.push((write, record));
            }
            Effect::Reply(request, outcome) => {
                if outcome.is_ok() {
                    self.show(Goal::Answered);
                }
                self.observe(Observation::Replied(request, &outcome))?;
            }
            Effect::Read(request, outcome) => {
                if outcome.is_ok() {
                    self.show(Goal::Read);
                    if self.cell.node.raft().lease_until().is_some_and(|until| until > NOW) {
                        self.show(Goal::LeaseRead);
                    }
                }
                self.observe(Observation::ReadReplied(request, &outcome))?;
            }
            Effect::Transferred(_, outcome) => {
                if outcome.is_ok() {
                    self.show(Goal::Transferred);
                }
            }
            Effect::Apply(applied, _) => self.observe(Observation::HandedOver(&applied))?,
            Effect::Capture(index) => self.captured = Some(index),
            Effect::Restore(_) => {}
            Effect::Emit(event) => {
                self.note(&event);
                self.observe(Observation::Emitted(&event))?;
            }
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        let first = LogIndex::new(1);
        match event {
            Event::BecameLeader { .. } if self.led_before => self.show(Goal::SecondLeader),
            Event::BecameLeader { .. } => self.show(Goal::Leader),
            Event::Committed { last } if last.index > first => {
                self.show(Goal::Committed);
                if self.cell.node.raft().incarnation() != Incarnation::FOUNDING {
                    self.show(Goal::Rejoined);
                }
            }
            Event::Repeated { .. } => self.show(Goal::Repeated),
            Event::Truncated { .. } => self.show(Goal::Truncated),
            Event::QuorumChanged { position, .. } if position.index > first => self.show(Goal::Reconfigured),
            Event::SnapshotInstalled { .. } => self.show(Goal::Installed),
            Event::SteppedDown { reason: StepDown::QuorumLost, .. } => self.show(Goal::QuorumLost),
            Event::Started { .. } | _ => {}
        }
    }

    const fn show(&mut self, goal: Goal) {
        self.shown |= goal.bit();
    }

    /// Judges the step as a whole.
    fn refines(&self, before: &Cell) -> Result<&'static str, Breach> {
        let other = |id| {
            let number = number_of(id, self.cells.len())?;
            Some(self.cells[usize::from(number)].node.raft())
        };
        let around = Around { other, committed: self.committed };
        abs_next(&around, before.node.raft(), self.cell.node.raft())
    }

    fn done(self) -> Done {
        let Self { cell, judge, sent, shown, .. } = self;
        Done { cell, judge, sent, shown }
    }
}
