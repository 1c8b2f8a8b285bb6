//! Starting, crashing and losing processes.

use std::collections::VecDeque;
use std::sync::Arc;

use delian_core::raft::Configuration;
use delian_core::{Config, FeatureLevel, Node, NodeId, Seed, Settings, Time};

use super::process::{Down, Gag, Hearing, Process};
use super::registrations::Standing;
use super::{EmbedderFactory, World, pools};
use crate::clock::Clock;
use crate::disk::{Disk, Health};
use crate::invariants::Observation;
use crate::plan::Plan;
use crate::trace::Line;

/// Identities: of so many processes, `p`, from 0, is node `p + 1`; after each wipe it is a stranger, a generation further.
const fn generation(processes: usize) -> u64 {
    if processes < 1_000 { 1_000 } else { 10_000 }
}

/// Returns the number of the process, of so many, that has or had an identity.
pub(super) fn number_of(id: NodeId, processes: usize) -> Option<u16> {
    u16::try_from((id.get() % generation(processes)).checked_sub(1)?).ok()
}

/// Returns the identity that a process begins with.
pub(super) fn first_id(number: u16) -> NodeId {
    NodeId::new(u64::from(number) + 1)
}

/// Makes all processes of a plan, none of them started.
pub(super) fn processes(plan: &Plan, embedders: &EmbedderFactory) -> Vec<Process> {
    let cluster = &plan.scenario.cluster;
    let seed = Seed::new(plan.seed);
    let flush = plan.scenario.flush;
    (0..cluster.processes())
        .map(|number| {
            let is_founder = number < founders(plan);
            let level = cluster.levels.get(&(number + 1)).copied().unwrap_or(cluster.config.feature_level_max);
            let absent = cluster.absent.contains(&(number + 1));
            let own_seed = seed.derive("process", u64::from(number));
            // Clocks start at different times of up to an hour, so that nobody can rely on equal ones.
            let offset = own_seed.derive("clock", 0).get() % 3_600_000;
            // Wall clocks disagree by up to two seconds either way, as they do where nobody keeps them.
            let wall_offset = (own_seed.derive("wall", 0).get() % 4_001).cast_signed() - 2_000;
            Process {
                id: first_id(number),
                node: None,
                down: if absent { Down::Absent } else { Down::Crashed },
                settings: Arc::new(settings(plan, number, first_id(number), level)),
                level,
                seed: own_seed,
                clock: Clock::new(Time::ZERO, Time::from_millis(offset), wall_offset),
                disk: if is_founder {
                    Disk::founding(flush.into(), own_seed)
                } else {
                    Disk::new(flush.into(), own_seed)
                },
                embedder: embedders(),
                run: 0,
                wake_at: None,
                woke: (Time::ZERO, 0),
                hearing: Hearing::Listens,
                inbox: VecDeque::new(),
                captured: None,
                reach: Vec::new(),
                graves: Vec::new(),
                disk_failed: false,
                standing: Standing::default(),
                measures_at: Time::NEVER,
                gag: Gag::default(),
            }
        })
        .collect()
}

/// Returns who votes and who listens when the cluster of a plan is founded.
pub(super) fn founding(plan: &Plan) -> Configuration {
    let cluster = &plan.scenario.cluster;
    let ids = |range: std::ops::RangeInclusive<u16>| range.map(|number| NodeId::new(u64::from(number))).collect();
    let (voters, all) = (cluster.voters, cluster.voters + cluster.learners);
    Configuration::founding(ids(1..=voters), ids(voters + 1..=all))
}

/// Returns how many processes the cluster of a plan is founded with.
fn founders(plan: &Plan) -> u16 {
    plan.scenario.cluster.voters + plan.scenario.cluster.learners
}

/// Returns the settings of a process under some identity; a stranger belongs to no configuration.
fn settings(plan: &Plan, number: u16, id: NodeId, feature_level_max: FeatureLevel) -> Settings {
    let cluster = &plan.scenario.cluster;
    let mut config = Config { feature_level_max, ..cluster.config.clone() };
    if number < founders(plan) && id == first_id(number) {
        let Configuration { voters, learners, .. } = founding(plan);
        (config.voters, config.learners) = (voters, learners);
    }
    config.pools = cluster.pool.then(|| pools::config(number, id));
    config.check().expect("a scenario's settings are checked when it is read or built")
}

impl World {
    /// Starts a process from what its disk holds, unless it is lost or its disk is damaged.
    pub(super) fn start(&mut self, number: u16) {
        if self.boot(number) {
            self.lay_faults();
            self.begin_pool(number);
            self.begin_watch(number);
        }
    }

    /// Starts all processes that are there at the beginning.
    pub(super) fn start_all(&mut self) {
        let there = |number: &u16| self.processes[usize::from(*number)].down == Down::Crashed;
        let all: Vec<u16> = (0..self.processes.len() as u16).filter(there).collect();
        for number in &all {
            self.boot(*number);
        }
        self.lay_faults();
        for number in all {
            self.begin_pool(number);
            self.begin_watch(number);
        }
    }

    /// Starts a process, and leaves the faults in force to be laid on it. Returns whether it could be started.
    fn boot(&mut self, number: u16) -> bool {
        let embedder = self.embedder();
        let now = self.now;
        let process = &mut self.processes[usize::from(number)];
        if process.is_up() || process.down == Down::Lost || process.disk.health() != Health::Sound {
            return false;
        }
        process.run += 1;
        process.down = Down::Up;
        process.embedder = embedder;
        self.census.restarts += u64::from(process.run > 1);
        let recovered = process.disk.durable().clone();
        let own = process.clock.monotonic(now);
        let settings = Arc::clone(&process.settings);
        let node = Node::start(own, process.id, settings, process.seed, recovered, &mut self.outbox);
        process.node = Some(node);
        if self.tracer.is_on() {
            self.tracer.write(Line::note(now, process.id, "start", "the process starts from its disk"));
        }
        self.note_run(number);
        self.observe(number, Observation::Started);
        self.carry_out(number);
        self.note_footstep(number);
        self.schedule_wake(number);
        self.note_halt(number);
        true
    }

    /// Stops a process at once; what its disk had not flushed may be lost.
    pub(super) fn crash(&mut self, number: u16) {
        if !self.processes[usize::from(number)].is_up() {
            return;
        }
        self.census.crashes += 1;
        self.take_down(number, "crash");
    }

    /// Takes a process down, for the reason that the trace names.
    pub(super) fn take_down(&mut self, number: u16, reason: &'static str) {
        self.observe(number, Observation::Crashed);
        self.lose_attempts(number);
        let process = &mut self.processes[usize::from(number)];
        let loss = process.disk.crash();
        self.census.writes_lost += loss.lost;
        self.census.records_torn += loss.torn;
        if self.tracer.is_on() {
            let facts = format!("{} unflushed writes lost, {} torn", loss.lost, loss.torn);
            self.tracer.write(Line::note(self.now, process.id, reason, &facts));
        }
        let led = process.node.as_ref().is_some_and(|node| node.raft().is_leader());
        process.node = None;
        process.down = Down::Crashed;
        process.run += 1;
        process.wake_at = None;
        process.inbox.clear();
        process.captured = None;
        self.note_run(number);
        self.note_footstep(number);
        if led && !self.someone_leads() {
            self.census.leader_lost(self.now);
        }
        self.lay_faults();
    }

    /// Destroys a process's disk; in its place comes a stranger that belongs to no configuration.
    pub(super) fn wipe(&mut self, number: u16) {
        self.crash(number);
        let (plan, generation) = (Arc::clone(&self.plan), generation(self.processes.len()));
        let process = &mut self.processes[usize::from(number)];
        process.graves.push((process.id, process.disk.durable().clone()));
        process.id = NodeId::new(process.id.get() + generation);
        process.seed = process.seed.derive("stranger", process.id.get());
        process.disk = Disk::new(plan.scenario.flush.into(), process.seed);
        process.settings = Arc::new(settings(&plan, number, process.id, process.level));
        process.standing = Standing::default();
        process.down = Down::Crashed;
        self.start(number);
    }

    /// Destroys a process's disk; it comes back under the same identity and remembers nothing.
    pub(super) fn forget(&mut self, number: u16) {
        self.crash(number);
        let flush = self.plan.scenario.flush;
        let process = &mut self.processes[usize::from(number)];
        process.graves.push((process.id, process.disk.durable().clone()));
        // Equal seeds would draw the memory that was lost a second time.
        process.seed = process.seed.derive("forgotten", process.graves.len() as u64);
        process.disk = Disk::new(flush.into(), process.seed);
        process.down = Down::Crashed;
        self.lay_faults();
        if !self.is_kept_down(number) {
            self.start(number);
        }
    }

    /// Restarts a process as the newest release, unless it is or is lost. One that is down comes up as it whenever it
    /// does. Returns whether anything changed.
    pub(super) fn upgrade(&mut self, number: u16) -> bool {
        let plan = Arc::clone(&self.plan);
        let process = &mut self.processes[usize::from(number)];
        if process.down == Down::Lost || process.level >= FeatureLevel::HIGHEST {
            return false;
        }
        process.level = FeatureLevel::HIGHEST;
        process.settings = Arc::new(settings(&plan, number, process.id, process.level));
        self.crash(number);
        if self.processes[usize::from(number)].down == Down::Crashed && !self.is_kept_down(number) {
            self.start(number);
        }
        true
    }

    /// Destroys a flushed record. The restart finds the damage and refuses, so the process stays down for good.
    pub(super) fn corrupt(&mut self, number: u16) {
        self.crash(number);
        let process = &mut self.processes[usize::from(number)];
        process.disk.corrupt();
        process.down = if process.disk.health() == Health::Corrupt { Down::Lost } else { Down::Crashed };
    }
}
