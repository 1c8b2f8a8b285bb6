//! The loop that drives a node: inputs in, effects out.
//!
//! What has arrived is handed in before a due deadline fires, for a node that was starved must not blame its peers. All
//! effects of a step are carried out before the next. Nothing here decides: the loop knows neither terms nor members.

mod effects;
mod farewell;
mod relay;
mod upkeep;
mod waiting;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use delian_core::node::Tier;
use delian_core::raft::Recovered;
use delian_core::topology::Command;
use delian_core::{Blob, Effect, Event, Halt, Input, Node, NodeId, Outbox, Seed, Settings, swim};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::clock::{Clock, StepWatch};
use crate::handle::{Ask, Farewell, Numbers, Outcome};
use crate::journal::Journal;
use crate::machine::StateMachine;
use crate::store::{Store, StoreError};
use crate::transport::{Arrival, Letter, Network};

use farewell::Leaving;
use relay::Relay;
pub use upkeep::Upkeep;
use upkeep::{Chore, Keeper};
use waiting::Waiting;
use writer::{Flushed, Writer};

/// How many things that arrived are handed in before deadlines are looked at again: more than the queues hold.
const TURN_MAX: usize = 8192;

/// After how many arrivals a question is taken in, however many arrivals wait.
const ASK_EVERY: usize = 64;

/// How many commands go into the log together.
const COMMANDS_MAX: usize = 256;

/// How late a deadline may be looked at before the node must have been kept from looking.
const LATE: Duration = Duration::from_millis(50);

/// How long a late node listens before it looks at its deadlines: what others sent meanwhile may lie in buffers of the
/// operating system still.
const LISTEN: Duration = Duration::from_millis(10);

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) id: NodeId,
    pub(crate) settings: Arc<Settings>,
    pub(crate) seed: Seed,
    /// Whether a store that was never written founds a federation.
    pub(crate) founds: bool,
    pub(crate) store: Box<dyn Store>,
    pub(crate) network: Box<dyn Network>,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) machine: Box<dyn StateMachine>,
    pub(crate) journal: Journal,
    pub(crate) upkeep: Upkeep,
}

/// Drives one node.
pub(crate) struct Driver {
    node: Node,
    out: Outbox,
    network: Box<dyn Network>,
    arrivals: mpsc::Receiver<Arrival>,
    asks: mpsc::Receiver<Ask>,
    clock: Arc<dyn Clock>,
    machine: Box<dyn StateMachine>,
    journal: Journal,
    writer: Writer,
    flushed: watch::Receiver<Flushed>,
    waiting: Waiting,
    numbers: Numbers,
    relay: Relay,
    keeper: Keeper,
    steps: StepWatch,
    /// Inputs that effects call for, to be handed in before anything else.
    next: VecDeque<Input>,
    leaving: Leaving,
    departed: Option<Ended>,
}

/// Why a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Asked,
    /// It can promise nothing any more.
    Halted(Halt),
    /// Another process lives under its identity and came later.
    Yielded,
    /// The task that drove it panicked, which says why.
    Panicked,
}

impl Driver {
    /// Reads the store back and starts the node on it.
    ///
    /// # Errors
    /// When the store cannot be read whole.
    pub(crate) fn start(parts: Parts) -> Result<Self, StoreError> {
        let Parts { id, settings, seed, founds, mut store, network, arrivals, asks, clock, machine, journal, upkeep } =
            parts;
        let mut recovered = store.recover()?;
        if founds && recovered == Recovered::default() {
            recovered = Recovered::founding();
        }
        let mut out = Outbox::new();
        let now = clock.now();
        let node = Node::start(now, id, settings, seed, recovered, &mut out);
        let (writer, flushed) = Writer::start(store);
        Ok(Self {
            node,
            out,
            network,
            arrivals,
            asks,
            steps: StepWatch::new(now, clock.wall()),
            clock,
            machine,
            journal,
            writer,
            flushed,
            waiting: Waiting::default(),
            numbers: Numbers::default(),
            relay: Relay::default(),
            keeper: Keeper::new(upkeep),
            next: VecDeque::new(),
            leaving: Leaving::default(),
            departed: None,
        })
    }

    /// Drives the node until it is asked to end, or cannot go on.
    pub(crate) async fn run(mut self) -> Ended {
        self.keeper.begin(&mut self.next);
        self.carry_out().await;
        loop {
            if let Some(ended) = self.ended() {
                self.waiting.abandon();
                self.writer.finish().await;
                return ended;
            }
            self.await_something().await;
            self.take_in_all().await;
            if let Some(late) = self.overdue() {
                if late > LATE {
                    sleep_until(Instant::now() + LISTEN).await;
                    self.take_in_all().await;
                }
                self.step(Input::Wake).await;
            }
            self.go_on_leaving().await;
            self.keep_up().await;
        }
    }

    fn ended(&self) -> Option<Ended> {
        if let Some(halt) = self.node.raft().halted() {
            return Some(Ended::Halted(halt));
        }
        self.departed.or_else(|| self.leaving.is_late().then_some(Ended::Asked))
    }

    /// Waits until anything has arrived or is due, and hands in what ended the wait, but for a deadline.
    async fn await_something(&mut self) {
        let wake_at = self.wake_at();
        let first = tokio::select! {
            biased;
            changed = self.flushed.changed() => {
                // The writer lives as long as the driver, so an error says that its task panicked: told by the flush.
                let _ = changed;
                First::Flush
            }
            Some(arrival) = self.arrivals.recv() => First::Arrival(arrival),
            // Who leaves answers nobody any more.
            ask = self.asks.recv(), if self.leaving.until().is_none() => First::Ask(ask),
            () = sleep_until(wake_at) => First::Deadline,
        };
        match first {
            First::Flush => self.take_flush().await,
            First::Arrival(arrival) => self.take_arrival(arrival).await,
            First::Ask(Some(ask)) => self.take_ask(ask).await,
            // Every handle is gone: nobody can ask for anything any more, and so nobody can end the node otherwise.
            First::Ask(None) => self.leave().await,
            First::Deadline => {}
        }
    }

    /// How long ago a deadline of the node passed, if one did.
    fn overdue(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.node.next_wake().filter(|wake| wake.at <= now).map(|wake| now.since(wake.at))
    }

    fn wake_at(&self) -> Instant {
        let now = self.clock.now();
        let own = self.keeper.next_at().min(self.relay.next_at());
        let at = self.node.next_wake().map_or(own, |wake| wake.at.min(own));
        let at = Instant::now() + at.since(now);
        self.leaving.until().map_or(at, |until| until.min(at))
    }

    /// Hands in all that has arrived by now, so far as it is not more than a turn's worth.
    async fn take_in_all(&mut self) {
        for number in 1..=TURN_MAX {
            self.take_flush().await;
            let arrival = self.arrivals.try_recv().ok();
            // Peers that never pause must not keep clients, or a request to end, waiting for ever.
            let takes = self.leaving.until().is_none() && (arrival.is_none() || number % ASK_EVERY == 0);
            let ask = if takes { self.asks.try_recv().ok() } else { None };
            if arrival.is_none() && ask.is_none() {
                return;
            }
            if let Some(arrival) = arrival {
                self.take_arrival(arrival).await;
            }
            if let Some(ask) = ask {
                self.take_ask(ask).await;
            }
        }
    }

    async fn take_flush(&mut self) {
        if let Some(input) = self.writer.acknowledged(&mut self.flushed) {
            self.step(input).await;
        }
    }

    async fn take_arrival(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Letter(from, Letter::Core(message)) => self.step(Input::Receive(from, message)).await,
            Arrival::Letter(from, Letter::Ask { number, command }) => self.bring(from, number, &command).await,
            Arrival::Letter(from, Letter::Told { number, outcome }) => self.relay.told(from, number, outcome),
            Arrival::Packet(tier, from, carrier, packet) => {
                let input = swim::Input::Receive(from, carrier, packet);
                self.step(Input::Pool(tier, Box::new(input))).await;
            }
        }
    }

    async fn take_ask(&mut self, ask: Ask) {
        let input = match ask {
            Ask::Command(command, outcome) => return self.take_commands(command, outcome).await,
            Ask::OpenSession(outcome) => Input::OpenSession(self.waiting.command(&mut self.numbers, outcome)),
            Ask::SessionCommand(operation, command, outcome) => {
                Input::SessionCommand(self.waiting.command(&mut self.numbers, outcome), operation, command)
            }
            Ask::CloseSession(session, outcome) => {
                Input::CloseSession(self.waiting.command(&mut self.numbers, outcome), session)
            }
            Ask::Quorum(change, outcome) => Input::Quorum(self.waiting.command(&mut self.numbers, outcome), change),
            Ask::Transfer(target, outcome) => {
                Input::Transfer(self.waiting.transfer(&mut self.numbers, outcome), target)
            }
            Ask::Read(consistency, answer) => Input::Read(self.waiting.read(&mut self.numbers, answer), consistency),
            Ask::Look(look) => return look(&self.node, self.clock.now()),
            Ask::Observed(sample) => Input::Observed(sample),
            Ask::Broadcast(bytes) => {
                let said = swim::Input::Broadcast(swim::Urgency::Normal, Blob::from(bytes.as_slice()));
                Input::Pool(Tier::Local, Box::new(said))
            }
            Ask::Stop(Farewell::Silent) => {
                self.departed = Some(Ended::Asked);
                return;
            }
            Ask::Stop(Farewell::Told) => return self.leave().await,
        };
        self.step(input).await;
    }

    /// Hands in a command, together with those that wait behind it, so that they share what it costs to reach the
    /// peers and the disk.
    async fn take_commands(&mut self, first: Command, outcome: Outcome) {
        if self.is_outside_of_the_log() {
            return self.relay_command(&first, outcome);
        }
        let mut commands = vec![(self.waiting.command(&mut self.numbers, outcome), first)];
        let mut behind = None;
        while commands.len() < COMMANDS_MAX && behind.is_none() {
            match self.asks.try_recv() {
                Ok(Ask::Command(command, outcome)) => {
                    commands.push((self.waiting.command(&mut self.numbers, outcome), command));
                }
                Ok(other) => behind = Some(other),
                Err(_) => break,
            }
        }
        self.step(Input::Commands(commands)).await;
        if let Some(ask) = behind {
            Box::pin(self.take_ask(ask)).await;
        }
    }

    /// Hands in one input and carries out what follows, and what follows from that.
    async fn step(&mut self, input: Input) {
        self.node.step(self.clock.now(), input, &mut self.out);
        self.carry_out().await;
    }

    async fn carry_out(&mut self) {
        loop {
            let effects: Vec<Effect> = self.out.drain().collect();
            for effect in effects {
                self.effect(effect).await;
            }
            let Some(input) = self.next.pop_front() else { return };
            self.node.step(self.clock.now(), input, &mut self.out);
        }
    }

    /// Does what is due beside the node's own deadlines.
    async fn keep_up(&mut self) {
        let now = self.clock.now();
        self.relay.expire(now);
        if self.keeper.is_due(now) {
            if let Some(step) = self.steps.look(now, self.clock.wall()) {
                tracing::warn!(millis = step.millis, "the wall clock was put");
            }
            for chore in self.keeper.tend(now, &self.node, self.clock.wall()) {
                match chore {
                    Chore::HandIn(input) => self.step(input).await,
                    Chore::Register(registration) => {
                        let command = Command::Register(Box::new(registration));
                        let outcome = self.keeper.expect_outcome();
                        self.take_commands(command, outcome).await;
                    }
                }
            }
        }
    }

    fn note(&mut self, event: Event) {
        if let Event::Pool { tier: Tier::Local, event: pool } = &event {
            if let swim::Event::Departed(_) = **pool {
                self.departed = Some(Ended::Asked);
            } else if let swim::Event::Yielded { .. } = **pool {
                self.departed = Some(Ended::Yielded);
            }
        }
        self.keeper.note(self.clock.now(), self.node.raft().id(), &event);
        self.journal.write(self.node.topology().epoch(), self.clock.wall(), event);
    }
}

/// What ended a wait.
enum First {
    Flush,
    Arrival(Arrival),
    Ask(Option<Ask>),
    Deadline,
}
