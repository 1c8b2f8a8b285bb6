//! Random faults: for each seed first which families are on, then how strong, then when and whom they hit.
//!
//! Swarm testing (Groce and others, ISSTA 2012): leaving out whole families at random finds more than having all of
//! them on all the time, because faults mask each other. Under weights all are on, each as often as its weight says. A plan stays within the fault budget of the protocol: disks
//! are lost for good by a minority of the voters at most, and every other fault ends when the chaos ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Dice;
use super::present;
use super::weights::Leaning;
use crate::scenario::{
    Direction, FAMILIES, Family, Fault, Latency, LinkQuality, Scenario, Shape, Step, Target, minority,
};

/// The strongest a family can be; its strength scales how often it strikes and how hard.
const STRENGTH_MAX: u8 = 4;

/// Both ends of every link.
const EVERYWHERE: (Target, Target) = (Target::Everyone, Target::Everyone);

/// Draws which families are on, at least one, and their strength; under weights all are on.
pub(super) fn families(
    scenario: &Scenario,
    leaning: Leaning<'_>,
    dice: impl Fn(&str, u64) -> Dice,
) -> BTreeMap<Family, u8> {
    let Some(swarm) = &scenario.swarm else { return BTreeMap::new() };
    let mut on = BTreeMap::new();
    let mut off = BTreeMap::new();
    for family in &swarm.families {
        let mut dice = dice(label(*family), 0);
        let state = if dice.chance(1, 2) || leaning.weights.is_some() { &mut on } else { &mut off };
        state.insert(*family, dice.number(1, STRENGTH_MAX.into()) as u8);
    }
    if on.is_empty() {
        let choices: Vec<(Family, u8)> = off.into_iter().collect();
        on.extend([dice("the only family", 0).pick(&choices)]);
    }
    on
}

/// Draws every fault of one family, in no particular order.
pub(super) fn schedule(
    scenario: &Scenario,
    family: Family,
    strength: u8,
    leaning: Leaning<'_>,
    dice: impl Fn(&str, u64) -> Dice,
) -> Vec<Step> {
    let Some(swarm) = &scenario.swarm else { return Vec::new() };
    let dice = dice(label(family), 1);
    let (lasting, steps) = (swarm.lasting, Vec::new());
    let mut drawing = Drawing { scenario, strength: strength.into(), lasting, leaning, dice, steps };
    if family == Family::LoseDisk {
        if leaning.weights.is_none_or(|weights| drawing.dice.chance(weights.family(family), 100)) {
            drawing.lose_disks();
        }
        return drawing.steps;
    }
    // Twice the mean pause for the weakest, half of it for the strongest; under weights strength is only how hard it hits.
    let mean = match leaning.weights {
        None => swarm.interval * 2 / u32::from(strength),
        Some(weights) => swarm.interval * 100 / weights.family(family) as u32,
    };
    let mut at = leaning.from + drawing.dice.span(Duration::ZERO, mean);
    while at < scenario.chaos {
        drawing.strike(family, at);
        at += drawing.dice.span(mean / 2, mean + mean / 2).max(Duration::from_micros(1));
    }
    drawing.steps
}

fn label(family: Family) -> &'static str {
    FAMILIES.iter().find(|(_, other)| *other == family).expect("every family has a word").0
}

/// One family's schedule while it is drawn.
struct Drawing<'a> {
    scenario: &'a Scenario,
    strength: u64,
    lasting: Duration,
    leaning: Leaning<'a>,
    dice: Dice,
    steps: Vec<Step>,
}

impl Drawing<'_> {
    fn strike(&mut self, family: Family, at: Duration) {
        let candidates = present(self.scenario, at);
        if candidates.is_empty() {
            return;
        }
        match family {
            Family::Partition => self.partition(at, &candidates),
            Family::Degrade => {
                let (from, to) = if self.dice.chance(1, 2) { EVERYWHERE } else { self.link(&candidates) };
                let quality = self.quality();
                self.lasting_fault(at, Fault::Degrade(from, to, quality));
            }
            Family::Clog => {
                // A cluster whose every link is clogged does nothing, so it shows nothing: that must stay rare.
                let (from, to) = if self.dice.chance(1, 12) { EVERYWHERE } else { self.link(&candidates) };
                self.lasting_fault(at, Fault::Clog(from, to));
            }
            Family::Crash => {
                let everyone = self.dice.chance(self.strength, 40);
                let target = if everyone { Target::Everyone } else { self.target(&candidates) };
                self.lasting_fault(at, Fault::Crash(target));
            }
            Family::Pause => {
                let (target, longest) = (self.target(&candidates), Duration::from_secs(5 * self.strength));
                let lasts = self.dice.span(millis(100), longest.min(self.lasting));
                self.push(at, lasts, Fault::Pause(target));
            }
            Family::Deafen => {
                let target = self.target(&candidates);
                self.lasting_fault(at, Fault::Deafen(target));
            }
            Family::SlowDisk => {
                let target = self.target(&candidates);
                let fault = if self.dice.chance(1, 3) { Fault::StallDisk(target) } else { self.slow_disk(target) };
                self.lasting_fault(at, fault);
            }
            Family::FullDisk => {
                let target = self.target(&candidates);
                self.lasting_fault(at, Fault::FullDisk(target));
            }
            Family::Forget => {
                let target = self.target(&candidates);
                self.momentary(at, Fault::Forget(target));
            }
            Family::LoseDisk => unreachable!("lost disks are drawn for the whole run at once"),
            Family::Clock => self.clock(at, &candidates),
            Family::Health => self.health(at, &candidates),
        }
    }

    /// Draws whom to hit: half of the time by role, because what happens to a leader matters most.
    fn target(&mut self, candidates: &[Target]) -> Target {
        if let Some(weights) = self.leaning.weights {
            return weights.target(candidates, &mut self.dice);
        }
        match self.dice.number(1, 8) {
            1..=3 => Target::Leader,
            4 => Target::Follower,
            _ => self.dice.pick(candidates),
        }
    }

    /// Draws the two ends of a link; one of them may be everyone.
    fn link(&mut self, candidates: &[Target]) -> (Target, Target) {
        if candidates.len() < 2 {
            return EVERYWHERE;
        }
        let from = self.target(candidates);
        let others: Vec<Target> = candidates.iter().copied().filter(|target| *target != from).collect();
        let to = match self.leaning.weights {
            _ if self.dice.chance(1, 3) => Target::Everyone,
            Some(weights) => weights.end(from, &others, &mut self.dice),
            None => self.dice.pick(&others),
        };
        if self.dice.chance(1, 2) { (from, to) } else { (to, from) }
    }

    fn partition(&mut self, at: Duration, candidates: &[Target]) {
        let target = self.target(candidates);
        match self.dice.weighted(&[3, 3, 1, 1]) {
            0 if candidates.len() >= 2 => {
                let mut side = candidates.to_vec();
                self.dice.shuffle(&mut side);
                side.truncate(self.dice.number(1, candidates.len() as u64 - 1) as usize);
                side.sort();
                // Half of the time somebody by role stands on that side, whoever it is.
                if !side.contains(&target) {
                    side.pop();
                    side.push(target);
                }
                self.lasting_fault(at, Fault::Partition(vec![side]));
            }
            2 if candidates.len() >= 3 => self.lasting_fault(at, Fault::Bridge(target)),
            3 => self.flap(at, target),
            _ => {
                let direction = self.direction();
                self.lasting_fault(at, Fault::Isolate(target, direction));
            }
        }
    }

    fn direction(&mut self) -> Direction {
        self.dice.pick(&[Direction::Both, Direction::Inbound, Direction::Outbound])
    }

    /// Cuts one node off several times in a row, each time for about as long as an election takes.
    fn flap(&mut self, mut at: Duration, target: Target) {
        let direction = self.direction();
        for _ in 0..2 + self.strength {
            let lasts = self.dice.span(millis(100), millis(2000)).min(self.lasting);
            if at < self.scenario.chaos {
                self.push(at, lasts, Fault::Isolate(target, direction));
            }
            at += lasts + self.dice.span(millis(100), millis(1000));
        }
    }

    /// Draws a bad link: each of its qualities is bad half of the time, and one of them always.
    fn quality(&mut self) -> LinkQuality {
        let mut quality = self.scenario.network;
        let always = self.dice.number(0, 4);
        let bad: Vec<bool> = (0..5).map(|aspect| self.dice.chance(1, 2) || aspect == always).collect();
        // At full strength 30 % loss, half of all messages twice or overtaken, one in ten replayed.
        let chances = [
            (&mut quality.loss, 75),
            (&mut quality.duplicate, 125),
            (&mut quality.reorder, 125),
            (&mut quality.replay, 25),
        ];
        for ((chance, worst), bad) in chances.into_iter().zip(&bad) {
            if *bad {
                *chance = (*chance).max(self.dice.number(1, worst * self.strength) as u16);
            }
        }
        if bad[4] {
            let most = self.dice.span(millis(20), millis(250 * self.strength));
            let least = self.dice.span(millis(1), most);
            quality.latency = Latency { least, most, shape: self.dice.pick(&[Shape::Skewed, Shape::Uniform]) };
        }
        quality
    }

    fn slow_disk(&mut self, target: Target) -> Fault {
        let most = self.dice.span(millis(20), millis(500 * self.strength));
        let least = self.dice.span(millis(10), most);
        Fault::SlowDisk(target, Latency { least, most, shape: Shape::Uniform })
    }

    fn clock(&mut self, at: Duration, candidates: &[Target]) {
        let target = self.target(candidates);
        let back = self.dice.chance(1, 2);
        match self.dice.weighted(&[2, 1, 1]) {
            0 => {
                // At most 5 %: the worst quartz is off by 0.02 %, and a virtual machine by a little more.
                let ppm = self.dice.number(200, 12_500 * self.strength) as i32;
                self.lasting_fault(at, Fault::Drift(target, if back { -ppm } else { ppm }));
            }
            1 => {
                // In whole seconds, up to a quarter of an hour for each degree of strength.
                let millis = 1000 * self.dice.number(1, 900 * self.strength).cast_signed();
                self.momentary(at, Fault::WallJump(target, if back { -millis } else { millis }));
            }
            _ => {
                let by = self.dice.span(millis(10), millis(7500 * self.strength));
                self.momentary(at, Fault::MonotonicJump(target, by));
            }
        }
    }

    /// Silences one node: its heartbeats or, where there is a pool, one way of its packets; or lets it complain.
    fn health(&mut self, at: Duration, candidates: &[Target]) {
        let target = self.target(candidates);
        let of_pool = u64::from(self.scenario.cluster.pool);
        let fault = match self.dice.weighted(&[2, 1, of_pool, of_pool]) {
            0 => Fault::Mute(target),
            1 => Fault::Score(target, self.dice.number(0, 1000) as u16),
            2 => Fault::MutePool(target),
            _ => Fault::DeafenPool(target),
        };
        self.lasting_fault(at, fault);
    }

    /// Draws whose disks are lost over the whole run: a minority of the voters, counting those that are gone anyway.
    fn lose_disks(&mut self) {
        let voters = self.scenario.cluster.voters;
        let gone = self.scenario.gone();
        let mut victims: Vec<u16> =
            (1..=self.scenario.cluster.participants()).filter(|it| !gone.contains(it)).collect();
        // Whoever the scenario promises to heal keeps its disk.
        victims.retain(|victim| self.scenario.healed.as_ref().is_none_or(|healed| !healed.contains(victim)));
        self.dice.shuffle(&mut victims);
        let mut budget = minority(voters).saturating_sub(gone.iter().filter(|process| **process <= voters).count());
        for victim in victims.into_iter().take(self.strength as usize) {
            let from = self.scenario.present_from(victim).unwrap_or_default().max(self.leaning.from);
            let at = self.dice.span(from, self.scenario.chaos);
            let wiped = self.dice.chance(1, 2);
            if victim <= voters {
                if budget == 0 {
                    continue;
                }
                budget -= 1;
            }
            let target = Target::Process(victim);
            self.momentary(at, if wiped { Fault::Wipe(target) } else { Fault::CorruptDisk(target) });
        }
    }

    /// Adds a fault that lasts as long as the strength allows, and a twentieth of that at least.
    fn lasting_fault(&mut self, at: Duration, fault: Fault) {
        let most = self.lasting * self.strength as u32 / u32::from(STRENGTH_MAX);
        let lasts = self.dice.span(most / 20, most);
        self.push(at, lasts, fault);
    }

    fn push(&mut self, at: Duration, lasts: Duration, fault: Fault) {
        let lasts = lasts.max(Duration::from_nanos(1)).min(self.scenario.chaos.saturating_sub(at));
        self.steps.push(Step { at, lasts: Some(lasts), fault });
    }

    fn momentary(&mut self, at: Duration, fault: Fault) {
        self.steps.push(Step { at, lasts: None, fault });
    }
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
