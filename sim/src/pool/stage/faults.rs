//! What goes wrong on stage, and how it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use delian_core::Blob;
use delian_core::swim::{Input, Standing, Urgency};

use super::{Act, Stage};
use crate::pool::member::address_of;
use crate::pool::network::{Links, Path};
use crate::pool::scenario::{Fault, Gap, Step, Target, Way};
use crate::pool::world::Service;

/// What one step does to the path to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Side(u16),
    Blocked,
    Mute,
    Deaf,
    Loss(u32),
    Slow(Duration),
    SlowService(Service),
    Paused,
}

const PPM_PER_PERMILLE: u32 = 1000;

impl Stage {
    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Begin(number) => self.begin_step(number),
            Act::Close(number) => self.close(number),
            Act::Open(number) => self.open(number),
            Act::End(number) => self.end_step(number),
        }
    }

    fn begin_step(&mut self, number: usize) {
        let Step { at, lasts, fault, target } = self.plan.steps[number].clone();
        let chaos = self.plan.scenario.chaos;
        let ends = lasts.map(|lasts| at.least.saturating_add(lasts.least).min(chaos));
        if let Some(ends) = ends.or(effect_of(&fault, number).map(|_| chaos)).or(fault.is_everywhere().then_some(chaos))
        {
            self.schedule(ends, Act::End(number));
        }
        let homes: Vec<u32> = match &target {
            Target::These(members) => members.iter().map(|member| member - 1).collect(),
            Target::Some(_) | Target::Share(_) | Target::All => Vec::new(),
        };
        let named: Vec<String> = homes.iter().take(NAMES_SHOWN).map(|home| format!("m{}", home + 1)).collect();
        let more =
            if homes.len() > NAMES_SHOWN { format!(" and {} more", homes.len() - NAMES_SHOWN) } else { String::new() };
        self.tell(fault.kind(), &format!("{}{more}", named.join(" ")));
        let halves: Vec<u32> = homes.iter().filter_map(|home| self.federation.other_half(*home)).collect();
        let mut hit: Vec<(u32, u32)> = homes.into_iter().filter_map(|home| self.strike(number, &fault, home)).collect();
        let hit_count = hit.len();
        hit.extend(halves.into_iter().filter_map(|half| self.strike(number, &fault, half)));
        if matches!(fault, Fault::Partition) {
            // Whoever is on the other side is as cut off.
            self.others(&hit).into_iter().for_each(|place| self.trouble(place));
        }
        self.count(&fault, hit_count);
        if let Fault::Replay(permille) = fault {
            let links = self.plan.scenario.links;
            self.world.set_links(Links { replay_ppm: u32::from(permille) * PPM_PER_PERMILLE, ..links });
        }
        self.hit.insert(number, hit);
        if let Fault::Block(Some(Gap { closed, .. })) = fault {
            self.schedule(at.least.saturating_add(closed), Act::Open(number));
        }
        if matches!(fault, Fault::Replace) && lasts.is_none() {
            self.end_step(number);
        }
    }

    fn count(&mut self, fault: &Fault, hit: usize) {
        let done = &mut self.world.watcher.done;
        let count = if matches!(fault, Fault::Partition | Fault::Replay(_)) { 1 } else { hit as u64 };
        if let Some(fact) = fault.fact() {
            done.add(fact, count);
        }
        match fault {
            Fault::Crash(_) | Fault::Replace => done.add("crashes", count),
            Fault::Broadcast => done.add("broadcasts", count),
            Fault::Pause
            | Fault::Block(_)
            | Fault::Partition
            | Fault::OneWay(_)
            | Fault::FlipFlop(..)
            | Fault::Loss(_)
            | Fault::Slow(_)
            | Fault::SlowService(_)
            | Fault::Join
            | Fault::Leave(_)
            | Fault::Churn(..)
            | Fault::Clone
            | Fault::Rename(_)
            | Fault::Metadata
            | Fault::Stray
            | Fault::Replay(_) => {}
        }
    }

    /// Lets a step hit one node. Returns the place and the node, if it could be hit.
    fn strike(&mut self, number: usize, fault: &Fault, home: u32) -> Option<(u32, u32)> {
        let place = self.nodes[home as usize].place;
        if let Some(effect) = effect_of(fault, number) {
            self.trouble(place);
            self.set(place, number, Some(effect));
            return Some((place, home));
        }
        if matches!(fault, Fault::Clone) {
            let elsewhere = self.take_spare();
            self.start(home, elsewhere);
            return Some((elsewhere, home));
        }
        // Only who is away can join, and only who is there can do anything else.
        if self.world.member(place).is_some() == matches!(fault, Fault::Join) {
            return None;
        }
        match fault {
            Fault::Join => self.start(home, place),
            Fault::Crash(_) | Fault::Replace => self.stop(place),
            Fault::Leave(_) => {
                let now = self.world.now();
                self.world.watcher.oracle.truth().asked_to_leave(now, place);
                self.ask(place, Input::Leave);
            }
            Fault::Rename(to) => self.rename(home, to - 1),
            Fault::Metadata => {
                let node = &mut self.nodes[home as usize];
                node.changes += 1;
                let metadata = Blob::from(format!("change {}", node.changes).as_bytes());
                self.ask(place, Input::SetMetadata(metadata));
            }
            Fault::Broadcast => {
                let payload = Blob::from(format!("step {number}").as_bytes());
                self.ask(place, Input::Broadcast(Urgency::Normal, payload));
            }
            Fault::Stray => {
                let seeds = (0..self.plan.scenario.population.seeds).map(|seed| self.nodes[seed as usize].place);
                let seeds = seeds.map(address_of).collect();
                self.ask(place, Input::Join(seeds));
            }
            Fault::Clone
            | Fault::Pause
            | Fault::Block(_)
            | Fault::Partition
            | Fault::OneWay(_)
            | Fault::FlipFlop(..)
            | Fault::Loss(_)
            | Fault::Slow(_)
            | Fault::SlowService(_)
            | Fault::Churn(..)
            | Fault::Replay(_) => unreachable!("{} hits no process", fault.kind()),
        }
        Some((place, home))
    }

    fn ask(&mut self, place: u32, input: Input) {
        self.world.ask(place, |member, now, shared, sink| member.feed(now, input, shared, sink));
    }

    fn end_step(&mut self, number: usize) {
        let fault = self.plan.steps[number].fault.clone();
        let hit = self.hit.remove(&number).unwrap_or_default();
        self.tell("end", fault.kind());
        if matches!(fault, Fault::Partition) {
            self.others(&hit).into_iter().for_each(|place| self.ease(place));
        }
        for (place, home) in hit {
            match &fault {
                Fault::Crash(comeback) => self.return_from(home, *comeback),
                Fault::Leave(comeback) => {
                    if self.world.member(place).is_some_and(|member| is_going(member.swim().standing())) {
                        self.stop(place);
                    }
                    self.return_from(home, *comeback);
                }
                Fault::Replace => self.take_over(home),
                Fault::Clone => self.stop(place),
                Fault::Stray => self.ask(place, Input::Join(Vec::new())),
                Fault::Pause
                | Fault::Block(_)
                | Fault::Partition
                | Fault::OneWay(_)
                | Fault::Loss(_)
                | Fault::Slow(_)
                | Fault::SlowService(_) => {
                    self.set(place, number, None);
                    self.ease(place);
                }
                Fault::FlipFlop(..)
                | Fault::Join
                | Fault::Churn(..)
                | Fault::Rename(_)
                | Fault::Metadata
                | Fault::Broadcast
                | Fault::Replay(_) => unreachable!("{} does not end for anyone", fault.kind()),
            }
        }
        if fault.is_everywhere() {
            self.world.set_links(self.plan.scenario.links);
        }
    }

    /// Brings a node back that was gone, unless something else did.
    fn return_from(&mut self, home: u32, comeback: crate::pool::scenario::Comeback) {
        if self.world.member(self.nodes[home as usize].place).is_none() {
            self.come_back(home, comeback);
        }
    }

    /// Lets packets through a block for a moment.
    fn open(&mut self, number: usize) {
        let Some(gap) = self.gap_of(number) else { return };
        for (place, _) in self.hit.get(&number).cloned().unwrap_or_default() {
            self.set(place, number, None);
        }
        self.schedule_after(gap.open, Act::Close(number));
    }

    fn close(&mut self, number: usize) {
        let Some(gap) = self.gap_of(number) else { return };
        for (place, _) in self.hit.get(&number).cloned().unwrap_or_default() {
            self.set(place, number, Some(Effect::Blocked));
        }
        self.schedule_after(gap.closed, Act::Open(number));
    }

    /// Returns the rhythm of a block that is still on.
    fn gap_of(&self, number: usize) -> Option<Gap> {
        let on = self.hit.contains_key(&number);
        if let Fault::Block(gap) = self.plan.steps[number].fault { gap.filter(|_| on) } else { None }
    }

    fn schedule_after(&mut self, span: Duration, act: Act) {
        let at = self.world.now().since(delian_core::Time::ZERO) + span;
        self.schedule(at, act);
    }

    /// Returns the places that a step did not hit.
    fn others(&self, hit: &[(u32, u32)]) -> Vec<u32> {
        let hit: BTreeSet<u32> = hit.iter().map(|(place, _)| *place).collect();
        (0..self.world.size()).filter(|place| !hit.contains(place)).collect()
    }

    fn trouble(&mut self, place: u32) {
        let now = self.world.now();
        self.world.watcher.oracle.truth().troubled(now, place);
    }

    fn ease(&mut self, place: u32) {
        let now = self.world.now();
        self.world.watcher.oracle.truth().eased(now, place);
    }

    /// Sets or takes away what a step does to a path.
    fn set(&mut self, place: u32, number: usize, effect: Option<Effect>) {
        match effect {
            Some(effect) => self.effects.insert((place, number), effect),
            None => self.effects.remove(&(place, number)),
        };
        self.lay(place);
    }

    /// Makes a place as far from others as the pool is in which the node is that lives there.
    pub(super) fn lay_path(&mut self, place: u32, home: u32) {
        let farness = self.federation.ground(home).farness;
        if self.farness.insert(place, farness).unwrap_or_default() != farness {
            self.lay(place);
        }
    }

    /// Makes a path what all steps together make it.
    fn lay(&mut self, place: u32) {
        let slow = self.farness.get(&place).copied().unwrap_or_default();
        let (mut path, mut paused, mut service) = (Path { slow, ..Path::default() }, false, None::<Service>);
        for (_, effect) in self.effects.range((place, 0)..=(place, usize::MAX)) {
            match *effect {
                Effect::Side(side) => path.side = side,
                Effect::Blocked => path.blocked = true,
                Effect::Mute => path.mute = true,
                Effect::Deaf => path.deaf = true,
                Effect::Loss(ppm) => path.loss_ppm = path.loss_ppm.max(ppm),
                Effect::Slow(by) => path.slow += by,
                Effect::SlowService(other) => {
                    // The slower of two, with the smaller queue.
                    let Service { takes, room } = service.unwrap_or(other);
                    service = Some(Service { takes: takes.max(other.takes), room: room.min(other.room) });
                }
                Effect::Paused => paused = true,
            }
        }
        self.world.set_path(place, |it| *it = path);
        self.world.set_service(place, service);
        if paused { self.world.pause(place) } else { self.world.resume(place) }
    }
}

/// A line has room for so many.
const NAMES_SHOWN: usize = 16;

/// Returns what a fault does to the paths that it hits; nothing if it does something else.
fn effect_of(fault: &Fault, number: usize) -> Option<Effect> {
    match fault {
        Fault::Pause => Some(Effect::Paused),
        Fault::Block(_) => Some(Effect::Blocked),
        // Sides of their own, so that two partitions at once part those of one from those of the other.
        Fault::Partition => Some(Effect::Side((number % usize::from(u16::MAX)) as u16 + 1)),
        Fault::OneWay(Way::Mute) => Some(Effect::Mute),
        Fault::OneWay(Way::Deaf) => Some(Effect::Deaf),
        Fault::Loss(permille) => Some(Effect::Loss(u32::from(*permille) * PPM_PER_PERMILLE)),
        Fault::Slow(by) => Some(Effect::Slow(*by)),
        Fault::SlowService(service) => Some(Effect::SlowService(*service)),
        Fault::Crash(_)
        | Fault::Replace
        | Fault::FlipFlop(..)
        | Fault::Join
        | Fault::Leave(_)
        | Fault::Churn(..)
        | Fault::Clone
        | Fault::Rename(_)
        | Fault::Metadata
        | Fault::Broadcast
        | Fault::Stray
        | Fault::Replay(_) => None,
    }
}

const fn is_going(standing: &Standing) -> bool {
    matches!(standing, Standing::Leaving(_) | Standing::Departed)
}
