//! Faults in force: what each step means when it is taken, laid over a pristine world.
//!
//! A step's targets are named when it begins, so `leader` is whoever leads then. Faults in force are kept as a list and
//! laid over pristine links, disks and ears whenever the list changes; healing is leaving one out, so two faults that
//! overlap never undo each other.

use std::sync::Arc;
use std::time::Duration;

use super::process::{Arrived, Down, Gag, Hearing, Reach};
use super::queue::Happening;
use super::{World, lifecycle};
use crate::disk::Health;
use crate::links::{self, pairs};
use crate::network::{LinkState, Packet};
use crate::random::nanos;
use crate::scenario::{Fault, Latency, LinkQuality, Target, facts};
use crate::trace::Line;

/// The faults that hold now, and the messages that they hold back.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultsInForce {
    laid: Vec<(u32, Laid)>,
    /// Messages held back by clogged links, in order of arrival.
    pub(super) held: Vec<Packet>,
}

/// A fault with its targets named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Laid {
    Links(Vec<(u16, u16)>, LinkState),
    Quality(Vec<(u16, u16)>, LinkQuality),
    Hears(u16, Hearing),
    SlowDisk(u16, Latency),
    StalledDisk(u16),
    FullDisk(u16),
    Down(u16),
    Drift(u16, i32),
    Mute(u16),
    MutePool(u16),
    DeafenPool(u16),
    Score(u16, u16),
}

impl World {
    pub(super) fn begin_fault(&mut self, number: u32) {
        let plan = Arc::clone(&self.plan);
        let step = &plan.steps[number as usize];
        let fault = &step.fault;
        if self.tracer.is_on() {
            self.tracer.write(Line::fault(self.now, "begins", &format!("{fault:?}")));
        }
        self.fingerprint.mix(u64::from(number) << 32);
        if self.take_hold(number, fault)
            && let Some(fact) = facts::of_fault(fault)
        {
            self.census.count_fault(fact);
        }
        if let Some(lasts) = step.lasts {
            self.queue.schedule(self.after(lasts), Happening::FaultEnds(number));
        }
    }

    pub(super) fn end_fault(&mut self, number: u32) {
        if !self.faults.laid.iter().any(|(laid, _)| *laid == number) {
            return;
        }
        if self.tracer.is_on() {
            let fault = format!("{:?}", self.plan.steps[number as usize].fault);
            self.tracer.write(Line::fault(self.now, "ends", &fault));
        }
        self.lift(|laid, _| laid == number);
    }

    /// Lifts every fault: the chaos is over.
    pub(super) fn lift_all(&mut self) {
        self.lift(|_, _| true);
    }

    /// Lifts the faults that `which` picks, and starts the processes that only they kept down.
    fn lift(&mut self, which: impl Fn(u32, &Laid) -> bool) {
        let (lifted, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.faults.laid).into_iter().partition(|(number, laid)| which(*number, laid));
        self.faults.laid = kept;
        for (_, laid) in &lifted {
            if let Laid::Drift(process, _) = laid {
                self.set_drift(*process, 0);
            }
        }
        self.lay_faults();
        for (_, laid) in lifted {
            if let Laid::Down(process) | Laid::FullDisk(process) = laid
                && !self.is_kept_down(process)
            {
                self.start(process);
            }
        }
    }

    pub(super) fn is_kept_down(&self, process: u16) -> bool {
        let keeps = |laid: &Laid| matches!(laid, Laid::Down(p) | Laid::FullDisk(p) if *p == process);
        self.faults.laid.iter().any(|(_, laid)| keeps(laid))
    }

    /// Returns whether the fault changed anything.
    fn take_hold(&mut self, number: u32, fault: &Fault) -> bool {
        let targets = |target: &Target| self.resolve(*target);
        let laid: Vec<Laid> = match fault {
            Fault::Partition(sides) => vec![Laid::Links(self.links_between(sides), LinkState::Cut)],
            Fault::Isolate(target, direction) => targets(target)
                .into_iter()
                .map(|p| Laid::Links(links::of(p, *direction, &self.all()), LinkState::Cut))
                .collect(),
            Fault::Bridge(target) => vec![Laid::Links(links::around(targets(target)[0], &self.all()), LinkState::Cut)],
            Fault::Degrade(from, to, quality) => vec![Laid::Quality(pairs(&targets(from), &targets(to)), *quality)],
            Fault::Clog(from, to) => vec![Laid::Links(pairs(&targets(from), &targets(to)), LinkState::Clogged)],
            Fault::Crash(target) => {
                // Who is down already stays as it is: the end of a crash starts only whom the crash has stopped.
                let up = |process: &u16| self.processes[usize::from(*process)].is_up();
                targets(target).into_iter().filter(up).map(Laid::Down).collect()
            }
            Fault::Pause(target) => targets(target).into_iter().map(|p| Laid::Hears(p, Hearing::Frozen)).collect(),
            Fault::Deafen(target) => targets(target).into_iter().map(|p| Laid::Hears(p, Hearing::Deaf)).collect(),
            Fault::SlowDisk(target, flush) => targets(target).into_iter().map(|p| Laid::SlowDisk(p, *flush)).collect(),
            Fault::StallDisk(target) => targets(target).into_iter().map(Laid::StalledDisk).collect(),
            Fault::FullDisk(target) => targets(target).into_iter().map(Laid::FullDisk).collect(),
            Fault::Drift(target, ppm) => targets(target).into_iter().map(|p| Laid::Drift(p, *ppm)).collect(),
            Fault::Mute(target) => targets(target).into_iter().map(Laid::Mute).collect(),
            Fault::MutePool(target) => targets(target).into_iter().map(Laid::MutePool).collect(),
            Fault::DeafenPool(target) => targets(target).into_iter().map(Laid::DeafenPool).collect(),
            Fault::Score(target, score) => targets(target).into_iter().map(|p| Laid::Score(p, *score)).collect(),
            Fault::HealNetwork => return self.heal_network(),
            Fault::Start(target) => return self.start_targets(*target),
            Fault::Wipe(target) => return self.lose(*target, Self::wipe),
            Fault::Forget(target) => return self.forget_targets(*target),
            Fault::Upgrade(target) => return self.upgrade_targets(*target),
            Fault::CorruptDisk(target) => return self.lose(*target, Self::corrupt),
            Fault::WallJump(target, millis) => return self.jump_walls(*target, *millis),
            Fault::MonotonicJump(target, span) => return self.leap(*target, *span),
        };
        let took_hold = laid.iter().any(|laid| self.would_change(laid));
        for laid in laid {
            if let Laid::Down(process) = laid {
                self.crash(process);
            }
            if let Laid::Drift(process, ppm) = laid {
                self.set_drift(process, ppm);
            }
            if let Laid::FullDisk(process) = laid {
                self.processes[usize::from(process)].disk_failed = true;
            }
            self.faults.laid.push((number, laid));
        }
        self.lay_faults();
        took_hold
    }

    fn heal_network(&mut self) -> bool {
        self.lift(|_, laid| matches!(laid, Laid::Links(..) | Laid::Quality(..)));
        true
    }

    fn start_targets(&mut self, target: Target) -> bool {
        let targets = self.resolve(target);
        let down = targets.iter().any(|process| !self.processes[usize::from(*process)].is_up());
        self.lift(|_, laid| matches!(laid, Laid::Down(process) if targets.contains(process)));
        for process in targets {
            self.start(process);
        }
        down
    }

    fn jump_walls(&mut self, target: Target, millis: i64) -> bool {
        for process in self.resolve(target) {
            self.processes[usize::from(process)].clock.jump_wall(millis);
        }
        true
    }

    fn leap(&mut self, target: Target, span: Duration) -> bool {
        for process in self.resolve(target) {
            self.processes[usize::from(process)].clock.leap(self.now, nanos(span));
            self.schedule_wake(process);
        }
        true
    }

    /// Takes the memories of processes, each only if those that decide can do without it.
    fn forget_targets(&mut self, target: Target) -> bool {
        let mut any = false;
        for process in self.resolve(target) {
            let down = self.processes[usize::from(process)].down;
            if down != Down::Lost && down != Down::Absent && self.may_lose(process) {
                self.forget(process);
                any = true;
            }
        }
        any
    }

    fn upgrade_targets(&mut self, target: Target) -> bool {
        let mut any = false;
        for process in self.resolve(target) {
            any |= self.upgrade(process);
        }
        any
    }

    /// Destroys the disks of processes that still have their first identity and an undamaged disk, if those that decide
    /// can do without it.
    fn lose(&mut self, target: Target, how: fn(&mut Self, u16)) -> bool {
        let has_disk = |world: &Self, process: u16| {
            let is_first = world.processes[usize::from(process)].id == lifecycle::first_id(process);
            let down = world.processes[usize::from(process)].down;
            down != Down::Lost && down != Down::Absent && is_first && world.may_lose(process)
        };
        let mut any = false;
        for process in self.resolve(target) {
            if has_disk(self, process) {
                how(self, process);
                any = true;
            }
        }
        any
    }

    fn would_change(&self, laid: &Laid) -> bool {
        match laid {
            Laid::Links(links, _) | Laid::Quality(links, _) => !links.is_empty(),
            Laid::Down(process)
            | Laid::Hears(process, _)
            | Laid::SlowDisk(process, _)
            | Laid::StalledDisk(process)
            | Laid::FullDisk(process)
            | Laid::Drift(process, _)
            | Laid::Mute(process)
            | Laid::MutePool(process)
            | Laid::DeafenPool(process)
            | Laid::Score(process, _) => self.processes[usize::from(*process)].is_up(),
        }
    }

    /// Lays the faults in force over pristine links, disks and ears, and lets go what no fault holds back any more.
    pub(super) fn lay_faults(&mut self) {
        let pristine = self.plan.scenario.flush;
        let mut hearing = vec![Hearing::Listens; self.processes.len()];
        let mut flush = vec![pristine; self.processes.len()];
        let mut stalled = vec![false; self.processes.len()];
        let mut full = vec![false; self.processes.len()];
        let mut gags = vec![Gag::default(); self.processes.len()];
        self.network.reset();
        for (_, laid) in &self.faults.laid {
            match laid {
                Laid::Links(links, state) => {
                    for (a, b) in links {
                        self.network.worsen(*a, *b, *state);
                    }
                }
                Laid::Quality(links, quality) => {
                    for (a, b) in links {
                        self.network.set_quality(*a, *b, *quality);
                    }
                }
                Laid::Hears(p, how) => hearing[usize::from(*p)] = hearing[usize::from(*p)].max(*how),
                Laid::SlowDisk(p, slow) => flush[usize::from(*p)] = *slow,
                Laid::StalledDisk(p) => stalled[usize::from(*p)] = true,
                Laid::FullDisk(p) => full[usize::from(*p)] = true,
                Laid::Mute(p) => gags[usize::from(*p)].is_mute = true,
                Laid::MutePool(p) => gags[usize::from(*p)].is_mute_in_pool = true,
                Laid::DeafenPool(p) => gags[usize::from(*p)].is_deaf_in_pool = true,
                Laid::Score(p, score) => gags[usize::from(*p)].score = Some(*score),
                Laid::Down(_) | Laid::Drift(..) => {}
            }
        }
        for number in 0..self.processes.len() as u16 {
            let place = usize::from(number);
            let process = &mut self.processes[place];
            process.disk.set_flush(flush[place].into());
            if process.disk.health() != Health::Corrupt {
                process.disk.set_health(if full[place] { Health::Full } else { Health::Sound });
            }
            let run = process.run;
            if process.disk.set_stalled(stalled[place]) {
                self.queue.schedule(self.now, Happening::Flushed { process: number, run });
            }
            self.set_hearing(number, hearing[place]);
            self.set_gag(number, gags[place]);
        }
        self.let_go();
        self.note_reach();
    }

    /// Lets a process hear again, or work again although it hears nothing: what waited comes in before its timers fire, or
    /// it would blame its peers for its own absence.
    fn set_hearing(&mut self, number: u16, hearing: Hearing) {
        let process = &mut self.processes[usize::from(number)];
        let before = std::mem::replace(&mut process.hearing, hearing);
        if hearing >= before || !process.is_up() {
            return;
        }
        for arrived in std::mem::take(&mut process.inbox) {
            match arrived {
                // Who thaws and is deaf goes on with what is its own.
                Arrived::Packet(_) if hearing == Hearing::Deaf => {
                    self.processes[usize::from(number)].inbox.push_back(arrived);
                }
                // It has come already: no link lies before it any more.
                Arrived::Packet(packet) => self.deliver_after(0, Packet { from: number, ..packet }),
                Arrived::Own(happening) => self.queue.schedule(self.now, happening),
            }
        }
        let process = &mut self.processes[usize::from(number)];
        process.wake_at = None;
        self.schedule_wake(number);
    }

    /// Delivers the messages that clogged links held back and hold back no more.
    fn let_go(&mut self) {
        let held = std::mem::take(&mut self.faults.held);
        for packet in held {
            if self.network.state(packet.from, packet.to) == LinkState::Clogged {
                self.faults.held.push(packet);
            } else {
                self.deliver_after(0, packet);
            }
        }
    }

    /// Notes which participants each participant can send to and hear from now on: nobody counts on an observer.
    fn note_reach(&mut self) {
        let size = self.plan.scenario.cluster.participants();
        let mask = |open: &dyn Fn(u16) -> bool| (0..size).filter(|p| open(*p)).fold(0_u32, |mask, p| mask | 1 << p);
        for number in 0..size {
            let up = |peer: u16| peer == number || self.processes[usize::from(peer)].is_up();
            let gets_through = |a, b| a == b || self.network.state(a, b) != LinkState::Cut;
            let sends_to = mask(&|peer| up(peer) && gets_through(number, peer));
            let hears = mask(&|peer| up(peer) && gets_through(peer, number));
            let reach = &mut self.processes[usize::from(number)].reach;
            if reach.last().is_none_or(|last| last.sends_to != sends_to || last.hears != hears) {
                reach.push(Reach { from: self.now, sends_to, hears });
            }
        }
    }

    fn set_drift(&mut self, number: u16, ppm: i32) {
        self.processes[usize::from(number)].clock.drift(self.now, ppm);
        self.schedule_wake(number);
    }

    /// Names the processes that a target stands for now.
    pub(super) fn resolve(&self, target: Target) -> Vec<u16> {
        let configuration = self.invariants.ledger().committed_configuration().1;
        let voters = || configuration.all_voters().filter_map(|voter| self.number_of(voter));
        match target {
            Target::Process(number) => vec![number - 1],
            Target::Leader => vec![self.leader()],
            Target::Follower => {
                let leader = self.leader();
                let up = |number: &u16| self.processes[usize::from(*number)].is_up();
                let others = || voters().filter(|number| *number != leader);
                vec![others().find(up).or_else(|| others().next()).unwrap_or(leader)]
            }
            Target::Followers => voters().filter(|number| *number != self.leader()).collect(),
            Target::Everyone => self.all(),
        }
    }

    /// Returns who leads the highest term, or the first process if nobody leads.
    fn leader(&self) -> u16 {
        let leads = |number: &u16| {
            let node = self.processes[usize::from(*number)].node.as_ref()?;
            node.raft().is_leader().then(|| node.raft().term())
        };
        (0..self.processes.len() as u16).filter(|number| leads(number).is_some()).max_by_key(leads).unwrap_or(0)
    }

    fn links_between(&self, sides: &[Vec<Target>]) -> Vec<(u16, u16)> {
        let side = |targets: &Vec<Target>| targets.iter().flat_map(|target| self.resolve(*target)).collect();
        links::between(&sides.iter().map(side).collect::<Vec<_>>(), &self.all())
    }

    fn all(&self) -> Vec<u16> {
        (0..self.processes.len() as u16).collect()
    }
}
