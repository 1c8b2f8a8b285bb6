//! What each fault means when it begins, and what follows when it ends.

use std::sync::Arc;

use delian_core::{FeatureLevel, NodeId};
use delian_sim::links::{self, pairs};
use delian_sim::scenario::{Fault, LinkQuality, Target, facts};
use madsim::net::NetSim;

use super::clients::Door;
use super::disk::Rot;
use super::process::{Down, Process, address_of};
use super::world::World;
use crate::laid::{Laid, Sum};

impl World {
    pub(super) async fn begin_fault(&mut self, step: usize) {
        let fault = self.plan.steps[step].fault.clone();
        self.common.record.with(|seen| seen.mix(&format!("fault {step} begins: {fault:?}")));
        let took_hold = match self.named(&fault) {
            Some(laid) => self.lay(step, laid),
            None => self.act(&fault).await,
        };
        if took_hold && let Some(fact) = facts::of_fault(&fault) {
            self.common.record.with(|seen| seen.census.count_fault(fact));
        }
        self.plan_end(step);
    }

    pub(super) async fn end_fault(&mut self, step: usize) {
        self.common.record.with(|seen| seen.mix(&format!("fault {step} ends")));
        let lifted = self.faults.lift(step);
        self.rise(&lifted).await;
    }

    /// Ends all faults.
    pub(super) async fn lift_all(&mut self) {
        let lifted = self.faults.lift_if(|_, _| true);
        self.rise(&lifted).await;
    }

    /// Lays what is still in force, and starts whom no fault keeps down any more.
    async fn rise(&mut self, lifted: &[Laid]) {
        self.lay_all();
        for laid in lifted {
            let restarts = match laid {
                Laid::Down(process) => Some(*process),
                Laid::FullDisk(process) => {
                    // A node whose disk refused it has stopped itself, and only its next run is rid of that.
                    let id = self.process(*process).id;
                    let has_stopped = self.common.record.with(|seen| seen.ended.contains(&id));
                    if has_stopped {
                        self.crash(*process);
                    }
                    Some(*process)
                }
                Laid::Cut(_)
                | Laid::Quality(..)
                | Laid::Frozen(_)
                | Laid::SlowDisk(..)
                | Laid::StalledDisk(_)
                | Laid::Drift(..)
                | Laid::Mute(_)
                | Laid::MutePool(_)
                | Laid::DeafPool(_)
                | Laid::Score(..) => None,
            };
            if let Some(process) = restarts.filter(|process| !self.laid.down.contains(process))
                && self.process(process).down == Down::Crashed
            {
                self.start(process).await;
            }
        }
    }

    /// Names the targets of a fault that lasts; nothing for one that happens at once.
    fn named(&self, fault: &Fault) -> Option<Vec<Laid>> {
        let all: Vec<u16> = self.resolve(Target::Everyone);
        let each = |target: &Target, laid: fn(u16) -> Laid| self.resolve(*target).into_iter().map(laid).collect();
        Some(match fault {
            Fault::Partition(sides) => {
                let side = |side: &Vec<Target>| side.iter().flat_map(|target| self.resolve(*target)).collect();
                let sides: Vec<Vec<u16>> = sides.iter().map(side).collect();
                vec![Laid::Cut(links::between(&sides, &all))]
            }
            Fault::Isolate(target, direction) => {
                let cut = |process| Laid::Cut(links::of(process, *direction, &all));
                self.resolve(*target).into_iter().map(cut).collect()
            }
            Fault::Bridge(target) => vec![Laid::Cut(links::around(self.resolve(*target)[0], &all))],
            Fault::Degrade(_, _, LinkQuality { latency, loss, .. }) => vec![Laid::Quality(*latency, *loss)],
            Fault::Clog(from, to) => vec![Laid::Cut(pairs(&self.resolve(*from), &self.resolve(*to)))],
            Fault::Deafen(target) => {
                self.resolve(*target).into_iter().map(|it| Laid::Cut(pairs(&all, &[it]))).collect()
            }
            Fault::Crash(target) => {
                let up = |process: &u16| self.process(*process).is_up();
                self.resolve(*target).into_iter().filter(up).map(Laid::Down).collect()
            }
            Fault::Pause(target) => each(target, Laid::Frozen),
            Fault::SlowDisk(target, flush) => {
                self.resolve(*target).into_iter().map(|it| Laid::SlowDisk(it, *flush)).collect()
            }
            Fault::StallDisk(target) => each(target, Laid::StalledDisk),
            Fault::FullDisk(target) => each(target, Laid::FullDisk),
            Fault::Drift(target, ppm) => self.resolve(*target).into_iter().map(|it| Laid::Drift(it, *ppm)).collect(),
            Fault::Mute(target) => each(target, Laid::Mute),
            Fault::MutePool(target) => each(target, Laid::MutePool),
            Fault::DeafenPool(target) => each(target, Laid::DeafPool),
            Fault::Score(target, score) => {
                self.resolve(*target).into_iter().map(|it| Laid::Score(it, *score)).collect()
            }
            Fault::HealNetwork
            | Fault::Start(_)
            | Fault::Wipe(_)
            | Fault::Forget(_)
            | Fault::Upgrade(_)
            | Fault::CorruptDisk(_)
            | Fault::WallJump(..)
            | Fault::MonotonicJump(..) => return None,
        })
    }

    fn lay(&mut self, step: usize, laid: Vec<Laid>) -> bool {
        let is_up = |process: &u16| self.process(*process).is_up();
        let took_hold = laid.iter().any(|laid| match laid {
            Laid::Cut(links) => !links.is_empty(),
            Laid::Quality(..) => true,
            Laid::Down(it)
            | Laid::Frozen(it)
            | Laid::SlowDisk(it, _)
            | Laid::StalledDisk(it)
            | Laid::FullDisk(it)
            | Laid::Drift(it, _)
            | Laid::Mute(it)
            | Laid::MutePool(it)
            | Laid::DeafPool(it)
            | Laid::Score(it, _) => is_up(it),
        });
        for laid in laid {
            if let Laid::Down(process) = laid {
                self.crash(process);
            }
            self.faults.lay(step, laid);
        }
        self.lay_all();
        took_hold
    }

    /// Does what happens at once. Returns whether it changed anything.
    async fn act(&mut self, fault: &Fault) -> bool {
        match fault {
            Fault::HealNetwork => {
                self.faults.lift_if(|_, laid| matches!(laid, Laid::Cut(_) | Laid::Quality(..)));
                self.lay_all();
                true
            }
            Fault::Start(target) => {
                let targets = self.resolve(*target);
                let was_down = targets.iter().any(|process| !self.process(*process).is_up());
                self.faults.lift_if(|_, laid| matches!(laid, Laid::Down(process) if targets.contains(process)));
                self.lay_all();
                for process in targets {
                    self.start(process).await;
                }
                was_down
            }
            Fault::Wipe(target) => {
                let victims = self.losers(*target);
                for process in &victims {
                    self.crash(*process);
                    let common = Arc::clone(&self.common);
                    self.processes[usize::from(*process)].become_stranger(&common);
                    self.processes[usize::from(*process)].down = Down::Crashed;
                    self.start(*process).await;
                }
                !victims.is_empty()
            }
            Fault::CorruptDisk(target) => {
                let victims = self.losers(*target);
                let mut any = false;
                for process in victims {
                    any |= self.corrupt(process).await;
                }
                any
            }
            Fault::Upgrade(target) => self.upgrade(*target).await,
            Fault::WallJump(target, millis) => {
                self.resolve(*target).into_iter().for_each(|it| self.process(it).clock.jump_wall(*millis));
                true
            }
            Fault::MonotonicJump(target, span) => {
                self.resolve(*target).into_iter().for_each(|it| self.process(it).clock.leap(*span));
                true
            }
            // Scenarios with the first are refused; all others last, and are laid.
            Fault::Forget(_)
            | Fault::Partition(_)
            | Fault::Isolate(..)
            | Fault::Bridge(_)
            | Fault::Degrade(..)
            | Fault::Clog(..)
            | Fault::Crash(_)
            | Fault::Pause(_)
            | Fault::Deafen(_)
            | Fault::SlowDisk(..)
            | Fault::StallDisk(_)
            | Fault::FullDisk(_)
            | Fault::Drift(..)
            | Fault::Mute(_)
            | Fault::MutePool(_)
            | Fault::DeafenPool(_)
            | Fault::Score(..) => false,
        }
    }

    /// Names the targets whose disks may be lost for good: they still have their first identity and an undamaged disk, and
    /// those that decide can do without all that is lost then.
    fn losers(&self, target: Target) -> Vec<u16> {
        let mut losers = Vec::new();
        for number in self.resolve(target) {
            let process = self.process(number);
            let has_disk = process.is_first() && !matches!(process.down, Down::Lost | Down::Absent);
            let is_kept = |voter: NodeId| {
                let holder = self.number_of(voter).map(|number| self.process(number));
                holder.is_some_and(|it| {
                    it.id == voter && it.down != Down::Lost && it.number != number && !losers.contains(&it.number)
                })
            };
            if has_disk && self.common.record.with(|seen| seen.configuration.1.is_quorum_of(is_kept)) {
                losers.push(number);
            }
        }
        losers
    }

    /// Kills a process, damages what its disk keeps, and tries to start it from that: it must refuse, and stays down for
    /// good. Returns whether there was anything to damage.
    async fn corrupt(&mut self, number: u16) -> bool {
        self.crash(number);
        let common = Arc::clone(&self.common);
        let now = self.now();
        let process = &mut self.processes[usize::from(number)];
        let id = process.id;
        let surprise = match process.rot() {
            Ok(Rot::Unnoticed) => return false,
            Ok(Rot::Noticed) => match process.start(&common).await {
                Err(why) if why.contains("is damaged") || why.contains("has format") => None,
                Err(why) => Some(format!("{id} does not say that its disk is damaged: {why}")),
                Ok(()) => Some(format!("{id} started from a damaged disk")),
            },
            Err(why) => Some(why),
        };
        process.down = Down::Lost;
        self.common.record.with(|seen| {
            seen.mix(&format!("{id} is lost"));
            if let Some(surprise) = surprise {
                seen.ledger.note("damage-is-found", now, vec![surprise]);
            }
        });
        true
    }

    async fn upgrade(&mut self, target: Target) -> bool {
        let mut any = false;
        for number in self.resolve(target) {
            let process = &mut self.processes[usize::from(number)];
            if process.down == Down::Lost || process.level >= FeatureLevel::HIGHEST {
                continue;
            }
            process.level = FeatureLevel::HIGHEST;
            any = true;
            self.crash(number);
            if self.process(number).down == Down::Crashed && !self.laid.down.contains(&number) {
                self.start(number).await;
            }
        }
        any
    }

    /// Lays all faults in force over a world in which nothing is wrong.
    fn lay_all(&mut self) {
        let (sum, before) = (self.faults.sum(), std::mem::take(&mut self.laid));
        self.lay_on_network(&before, &sum);
        let deaf_pool = sum.deaf_pool.iter().map(|process| address_of(*process)).collect();
        self.common.gags.set(sum.mute.clone(), sum.mute_pool.clone(), deaf_pool, sum.scores.clone());
        for number in 0..self.size() {
            let is = |frozen: &Sum| frozen.frozen.contains(&number);
            let process = self.process(number);
            let (was, is) = (is(&before), is(&sum));
            if process.is_up() && was != is {
                let (runtime, node) = (madsim::runtime::Handle::current(), process.node.id());
                if is { runtime.pause(node) } else { runtime.resume(node) }
            }
            let drift = |sum: &Sum| sum.drift.get(&number).copied().unwrap_or(0);
            if drift(&before) != drift(&sum) {
                process.clock.drift(drift(&sum));
            }
        }
        self.laid = sum;
        (0..self.size()).for_each(|number| self.lay_on_disk(number));
        self.open_doors();
    }

    /// Lets clients in where a process runs and is not frozen.
    pub(super) fn open_doors(&self) {
        let door = |process: &Process| {
            let is_open = process.is_up() && !self.laid.frozen.contains(&process.number);
            let handle = process.handle.clone().filter(|_| is_open)?;
            Some(Door { handle, clock: process.clock.clone() })
        };
        self.common.doors.set(self.processes.iter().map(door).collect());
    }

    fn lay_on_network(&self, before: &Sum, sum: &Sum) {
        let network = NetSim::current();
        let node = |process: u16| self.process(process).node.id();
        before.cut.difference(&sum.cut).for_each(|(from, to)| network.unclog_link(node(*from), node(*to)));
        sum.cut.difference(&before.cut).for_each(|(from, to)| network.clog_link(node(*from), node(*to)));
        if before.quality != sum.quality {
            let usual = &self.plan.scenario.network;
            let (latency, loss) = sum.quality.unwrap_or((usual.latency, usual.loss));
            network.update_config(|config| {
                config.send_latency = super::range(latency);
                config.packet_loss_rate = f64::from(loss) / 1e3;
            });
        }
    }

    fn lay_on_disk(&mut self, number: u16) {
        let (stalled, full) = (self.laid.stalled.contains(&number), self.laid.full.contains(&number));
        let flush = self.laid.slow.get(&number).copied().unwrap_or(self.plan.scenario.flush);
        let process = &mut self.processes[usize::from(number)];
        process.drive.set(flush, stalled, full);
        if full {
            let id = process.id;
            self.common.record.with(|seen| seen.may_halt.insert(id));
        }
    }

    /// Lays on a process that has just started what is in force.
    pub(super) fn lay_on_process(&mut self, number: u16) {
        if self.laid.frozen.contains(&number) && self.process(number).is_up() {
            madsim::runtime::Handle::current().pause(self.process(number).node.id());
        }
        self.lay_on_disk(number);
        self.open_doors();
    }
}
