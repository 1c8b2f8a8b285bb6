//! The discrete-event world: real nodes on simulated clocks, links and disks.
//!
//! A world is a plain value. It pops one happening at a time off an ordered queue, lets it reach the process it
//! concerns, carries out the effects, and tells the invariants what it saw. It is `Clone`, so a run can be forked at any
//! moment. All its randomness comes from the seed, one stream per purpose, and every happening goes into a running
//! fingerprint.

mod beats;
mod calls;
mod census;
mod clients;
mod effects;
mod faults;
mod footsteps;
mod forks;
mod lifecycle;
mod notices;
mod operators;
mod outline;
mod pools;
mod process;
mod queue;
mod registrations;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use delian_core::raft::Recovered;
use delian_core::{Incarnation, Input, Message, Node, NodeId, Outbox, Seed, Time};

use self::calls::Calls;
pub use self::calls::Meaning;
pub use self::census::Census;
use self::clients::Clients;
pub use self::clients::{Answer, Exchange, command, registration};
use self::faults::FaultsInForce;
use self::footsteps::Footsteps;
pub use self::footsteps::{Footstep, Kept, Office, Unnoted};
use self::forks::Forks;
use self::notices::Notices;
pub(crate) use self::outline::Outline;
use self::process::{Arrived, Hearing, Process};
pub(crate) use self::queue::{Happening, Queue};
use self::settle::Phase;
use crate::embedder::Embedder;
use crate::fingerprint::Fingerprint;
use crate::invariants::{Breach, Invariants, Observation, View};
use crate::network::{LinkState, Load, Network, Packet};
use crate::plan::Plan;
use crate::random::nanos;
use crate::trace::{Line, Tracer};

/// How often a node may be woken at one instant: one that wants more would keep its machine busy for nothing.
const WAKES_MAX: u32 = 1_000;

/// Makes the embedder of each process.
pub type EmbedderFactory = Arc<dyn Fn() -> Box<dyn Embedder> + Send + Sync>;

/// A whole simulated cluster at one moment.
#[derive(Clone)]
pub struct World {
    plan: Arc<Plan>,
    embedders: EmbedderFactory,
    now: Time,
    queue: Queue,
    processes: Vec<Process>,
    network: Network,
    faults: FaultsInForce,
    clients: Clients,
    calls: Calls,
    invariants: Invariants,
    phase: Phase,
    census: Census,
    notices: Notices,
    fingerprint: Fingerprint,
    tracer: Tracer,
    outbox: Outbox,
    breach: Option<Breach>,
    /// How many forks of the plan have been taken, and when the next one is.
    forks: Forks,
    /// What each node became, if anyone asked to know.
    footsteps: Option<Footsteps>,
}

impl World {
    /// Sets up the world of a plan: every process started that is not absent, every fault and operation scheduled.
    pub fn new(plan: Arc<Plan>, embedders: EmbedderFactory, tracer: Tracer) -> Self {
        let scenario = Arc::clone(&plan.scenario);
        let seed = Seed::new(plan.seed);
        let size = usize::from(scenario.cluster.processes());
        let mut world = Self {
            now: Time::ZERO,
            queue: Queue::default(),
            processes: lifecycle::processes(&plan, &embedders),
            network: Network::new(size, scenario.network, seed),
            faults: FaultsInForce::default(),
            clients: Clients::default(),
            calls: Calls::default(),
            invariants: invariants(&plan),
            phase: Phase::Chaos,
            census: Census::default(),
            notices: Notices::of(&scenario.cluster),
            fingerprint: Fingerprint::new(plan.seed),
            tracer,
            outbox: Outbox::new(),
            breach: None,
            forks: Forks::of(&plan),
            footsteps: None,
            embedders,
            plan,
        };
        world.schedule_plan();
        world.start_all();
        world
    }

    /// Lets the next happening happen. Returns false when the run is over, by its end or by a breach.
    pub fn step(&mut self) -> bool {
        if self.breach.is_some() || self.phase == Phase::Over {
            return false;
        }
        self.take_forks();
        let Some((at, happening)) = self.queue.pop() else { return false };
        assert!(at >= self.now, "{happening:?} was scheduled at {at}, but it is {} already", self.now);
        self.now = at;
        self.census.events += 1;
        self.fingerprint.mix(at.as_nanos());
        self.happen(happening);
        self.breach.is_none() && self.phase != Phase::Over
    }

    /// Returns the present time of the world.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Returns what the world has counted so far.
    pub(crate) const fn census(&self) -> &Census {
        &self.census
    }

    /// Returns how soon things were noticed so far.
    pub(crate) const fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Returns the fingerprint of everything that happened so far.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint.get()
    }

    /// Returns the plan that it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the breach that ended the run, if one did.
    pub const fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// Returns the trace so far.
    pub const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Returns the running node of a process, by its number from 1.
    pub fn node(&self, process: u16) -> Option<&Node> {
        self.processes.get(usize::from(process).checked_sub(1)?)?.node.as_ref()
    }

    /// Returns the invariants, with the committed history they keep.
    pub const fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    fn schedule_plan(&mut self) {
        let plan = Arc::clone(&self.plan);
        self.schedule_planned(Duration::ZERO);
        self.queue.schedule(Time::from_millis(1_000), Happening::Sample);
        self.queue.schedule(Time::ZERO + plan.scenario.chaos, Happening::ChaosEnds);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival(slot) => self.arrive(slot),
            Happening::Wake { process, run } => self.wake(process, run),
            Happening::Flushed { process, run } => self.flushed(process, run),
            Happening::WriteFailed { process, run, write } => {
                if self.is_run(process, run) && !self.waits_frozen(process, happening) {
                    self.feed(process, Input::PersistFailed(write));
                }
            }
            Happening::Captured { process, run } => {
                if self.is_run(process, run)
                    && !self.waits_frozen(process, happening)
                    && let Some((index, state)) = self.processes[usize::from(process)].captured.take()
                {
                    self.feed(process, Input::Captured(index, state));
                }
            }
            Happening::JoinPool { process, run } => self.join_pool(process, run),
            Happening::Announce { process, run } => self.announce(process, run),
            Happening::Measure { process, run } => self.measure(process, run),
            Happening::FaultBegins(number) => self.begin_fault(number),
            Happening::FaultEnds(number) => self.end_fault(number),
            Happening::Operation(number) => self.operate(number),
            Happening::InSession { number, process } => {
                let client = self.plan.operations[number as usize].client;
                self.within_session(client, number, process);
            }
            Happening::AskAgain { operation, attempt } => self.ask_again(operation, attempt),
            Happening::Sample => self.sample(),
            Happening::ChaosEnds => self.end_chaos(),
            Happening::SettleCheck => self.check_settled(),
            Happening::Proof(request) => self.propose_proof(request),
        }
    }

    fn arrive(&mut self, slot: u32) {
        let packet = self.network.in_flight.take(slot);
        match self.network.state(packet.from, packet.to) {
            LinkState::Cut => {
                self.census.cut += 1;
                self.trace_packet("cut", &packet);
            }
            LinkState::Clogged => {
                self.census.held += 1;
                self.trace_packet("held", &packet);
                self.faults.held.push(packet);
            }
            LinkState::Open => self.hand_over(packet),
        }
    }

    /// Gives a process what has come to its machine.
    fn hand_over(&mut self, packet: Packet) {
        let process = &mut self.processes[usize::from(packet.to)];
        let is_meant = match packet.load {
            Load::Message(_) => process.id == packet.receiver,
            Load::Pool(..) => true,
        };
        if !process.is_up() || !is_meant {
            self.census.undelivered += 1;
        } else if process.gag.is_deaf_in_pool && matches!(packet.load, Load::Pool(..)) {
            self.mute(&packet);
        } else if process.hearing == Hearing::Listens {
            let input = match packet.load {
                Load::Message(message) => Input::Receive(packet.sender, message),
                Load::Pool(tier, input) => Input::Pool(tier, input),
            };
            self.feed(packet.to, input);
        } else {
            self.census.held += 1;
            process.inbox.push_back(Arrived::Packet(packet));
        }
    }

    fn wake(&mut self, number: u16, run: u32) {
        if !self.is_run(number, run) {
            return;
        }
        let now = self.now;
        let process = &mut self.processes[usize::from(number)];
        if process.wake_at.is_none_or(|at| at > now) {
            return;
        }
        process.wake_at = None;
        if process.hearing == Hearing::Frozen {
            return;
        }
        let own = process.clock.monotonic(now);
        let due = process.node.as_ref().and_then(Node::next_wake).is_some_and(|wake| wake.at <= own);
        if due {
            process.woke = if process.woke.0 == now { (now, process.woke.1 + 1) } else { (now, 1) };
            assert!(process.woke.1 <= WAKES_MAX, "{} wants to be woken at {own} again and again", process.id);
            self.feed(number, Input::Wake);
        } else {
            self.schedule_wake(number);
        }
    }

    fn flushed(&mut self, number: u16, run: u32) {
        if !self.is_run(number, run) || self.waits_frozen(number, Happening::Flushed { process: number, run }) {
            return;
        }
        let process = &mut self.processes[usize::from(number)];
        if let Some(last) = process.disk.flushed() {
            if let Some(after) = process.disk.start_flush() {
                self.queue.schedule(
                    Time::from_nanos(self.now.as_nanos() + after),
                    Happening::Flushed { process: number, run },
                );
            }
            self.feed(number, Input::Persisted(last));
        }
    }

    /// Keeps back what a frozen process cannot take in until it thaws. Returns whether it did.
    fn waits_frozen(&mut self, number: u16, happening: Happening) -> bool {
        let process = &mut self.processes[usize::from(number)];
        let frozen = process.hearing == Hearing::Frozen;
        if frozen {
            process.inbox.push_back(Arrived::Own(happening));
        }
        frozen
    }

    /// Gives a process one input, carries out what follows, and lets the invariants look.
    fn feed(&mut self, number: u16, input: Input) {
        let mut heartbeat = None;
        if let Input::Receive(_, Message::Heartbeat(heard)) = &input {
            self.census.heartbeats += 1;
            heartbeat = Some(*heard);
            self.observe(number, Observation::Heard(heard));
        }
        let process = &mut self.processes[usize::from(number)];
        let Some(node) = &mut process.node else { return };
        if self.tracer.is_on() {
            self.tracer.write(Line::input(self.now, process.id, &input));
        }
        self.census.inputs += 1;
        node.step(process.clock.monotonic(self.now), input, &mut self.outbox);
        node.assert_invariants();
        let raft = node.raft();
        self.fingerprint.mix(raft.term().get() ^ raft.log().last().index.get() << 20 ^ raft.commit().get() << 40);
        if let Some(heartbeat) = heartbeat {
            self.note_heartbeat(number, &heartbeat);
        }
        self.carry_out(number);
        self.observe(number, Observation::Stepped);
        self.note_footstep(number);
        self.schedule_wake(number);
        self.note_halt(number);
    }

    /// Schedules the node's next wake, unless an earlier one will look again anyway.
    fn schedule_wake(&mut self, number: u16) {
        let process = &mut self.processes[usize::from(number)];
        let Some(wake) = process.node.as_ref().and_then(Node::next_wake) else { return };
        let at = process.clock.world_at(wake.at).max(self.now);
        if process.wake_at.is_none_or(|scheduled| at < scheduled) {
            process.wake_at = Some(at);
            self.queue.schedule(at, Happening::Wake { process: number, run: process.run });
        }
    }

    fn sample(&mut self) {
        for number in 0..self.processes.len() as u16 {
            self.observe(number, Observation::Sampled);
        }
        self.queue.schedule(Time::from_nanos(self.now.as_nanos() + 1_000_000_000), Happening::Sample);
    }

    fn is_run(&self, number: u16, run: u32) -> bool {
        let process = &self.processes[usize::from(number)];
        process.is_up() && process.run == run
    }

    /// Tells the invariants what happened at a process. The first breach ends the run.
    fn observe(&mut self, number: u16, observation: Observation<'_>) {
        let id = self.processes[usize::from(number)].id;
        let view = Sight { now: self.now, processes: &self.processes };
        if let Err(breach) = self.invariants.observe(self.now, id, observation, &view) {
            self.breach.get_or_insert(breach);
        }
    }

    /// Returns the number of the process that has, or had, an identity.
    fn number_of(&self, id: NodeId) -> Option<u16> {
        lifecycle::number_of(id, self.processes.len())
    }

    /// Returns the number of the process that has this identity now.
    fn process_of(&self, id: NodeId) -> Option<u16> {
        let has_it = |number: &u16| self.processes.get(usize::from(*number)).is_some_and(|process| process.id == id);
        self.number_of(id).filter(has_it)
    }

    fn after(&self, span: Duration) -> Time {
        Time::from_nanos(self.now.as_nanos().saturating_add(nanos(span)))
    }
}

fn invariants(plan: &Plan) -> Invariants {
    let invariants = Invariants::new(lifecycle::founding(plan));
    match &plan.scenario.cluster.config.health {
        Some(config) => invariants.of_judging_nodes(config),
        None => invariants,
    }
}

/// What the invariants see of the world.
struct Sight<'a> {
    now: Time,
    processes: &'a [Process],
}

impl Sight<'_> {
    fn number_of(&self, id: NodeId) -> Option<u16> {
        lifecycle::number_of(id, self.processes.len())
    }

    fn process(&self, id: NodeId) -> Option<&Process> {
        self.number_of(id).and_then(|number| self.processes.get(usize::from(number)))
    }
}

impl View for Sight<'_> {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.process(id).filter(|process| process.id == id)?.node.as_ref()
    }

    fn disk(&self, id: NodeId) -> Option<&Recovered> {
        self.process(id).filter(|process| process.id == id).map(|process| process.disk.durable())
    }

    fn memory(&self, id: NodeId, incarnation: Incarnation) -> Option<&Recovered> {
        let is_it = |disk: &Recovered| disk.hard_state.incarnation == Some(incarnation);
        let buried = || {
            let mut graves = self.process(id)?.graves.iter();
            graves.find(|(buried, held)| *buried == id && is_it(held)).map(|(_, held)| held)
        };
        self.disk(id).filter(|disk| is_it(disk)).or_else(buried)
    }

    fn settled_disk(&self, id: NodeId) -> Option<&Recovered> {
        let process = self.process(id).filter(|process| process.id == id)?;
        process.disk.is_settled().then(|| process.disk.durable())
    }

    fn reached_since(&self, id: NodeId, peer: NodeId, since: Time) -> bool {
        let peer = self.number_of(peer);
        self.process(id).zip(peer).is_some_and(|(process, peer)| process.reached_since(peer, since))
    }

    fn is_at_work(&self, id: NodeId) -> bool {
        self.process(id).is_some_and(|process| process.is_up() && process.hearing != Hearing::Frozen)
    }

    fn disk_may_fail(&self, id: NodeId) -> bool {
        self.process(id).is_some_and(|process| process.disk_failed)
    }

    fn clock(&self, id: NodeId) -> Option<Time> {
        self.process(id).filter(|process| process.id == id).map(|process| process.clock.monotonic(self.now))
    }
}
