//! A scenario of a pool made concrete by a seed: when each thing goes wrong, for how long, and whom it hits.
//!
//! Each step draws from a stream of its own, and what is drawn is data, so a plan can be written as a scenario that
//! leaves nothing to chance, and a shrinker can leave parts of it out.

use std::sync::Arc;
use std::time::Duration;

use delian_core::Seed;

use super::scenario::{Between, Comeback, Fault, Gap, Incarnations, PoolScenario, PoolSwarm, Step, Target, Way, Where};
use super::world::Service;
use crate::plan::Dice;

/// A run as data; equal plans give equal runs.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPlan {
    /// The scenario it was drawn from: population, numbers, links, expectations.
    pub scenario: Arc<PoolScenario>,
    /// The seed that drives what is not fixed here: delays, losses, the members' own draws.
    pub seed: u64,
    /// Everything that goes wrong, in order of time; each at one instant, to members that are named.
    pub steps: Vec<Step>,
}

impl PoolPlan {
    /// Draws the plan of a scenario for a seed.
    pub fn draw(scenario: &Arc<PoolScenario>, seed: u64) -> Self {
        let dice = |purpose: &str, number| Dice::new(Seed::new(seed).derive("pool-plan", number), purpose);
        let mut steps = Vec::new();
        for (number, step) in scenario.steps.iter().enumerate() {
            draw_step(scenario, step, &mut dice("step", number as u64), &mut steps);
        }
        if let Some(swarm) = &scenario.swarm {
            let on = kinds(swarm, &mut dice("kinds", 0));
            for kind in on {
                let dice = dice(kind, 0);
                draw_kind(scenario, swarm, kind, dice, &mut steps);
            }
        }
        steps.sort_by_key(|step| step.at);
        Self { scenario: Arc::clone(scenario), seed, steps }
    }

    /// Returns the scenario of this one run, pinned to its seed.
    pub fn to_scenario(&self, name: &str, about: &str) -> PoolScenario {
        PoolScenario {
            name: name.to_string(),
            about: about.to_string(),
            path: String::new(),
            seed: Some(self.seed),
            seeds_max: None,
            swarm: None,
            steps: self.steps.clone(),
            ..PoolScenario::clone(&self.scenario)
        }
    }
}

/// Decides what a step leaves to chance, and takes apart what stands for many.
fn draw_step(scenario: &PoolScenario, step: &Step, dice: &mut Dice, steps: &mut Vec<Step>) {
    let chaos = scenario.chaos;
    let at = draw_between(step.at, dice);
    let lasts = step.lasts.map(|lasts| draw_between(lasts, dice));
    let members = draw_members(scenario, &step.fault, &step.target, dice);
    let ends = lasts.map_or(chaos, |lasts| at.saturating_add(lasts).min(chaos));
    match &step.fault {
        Fault::FlipFlop(way, each) => {
            let mut turn = at;
            while turn < ends {
                steps.push(concrete(turn, Some(*each), Fault::OneWay(*way), members.clone()));
                turn = turn.saturating_add(*each * 2);
            }
        }
        Fault::Churn(interval, away) => churn(*interval, *away, (at, ends), &members, dice, steps),
        fault @ (Fault::Crash(_)
        | Fault::Replace
        | Fault::Pause
        | Fault::Block(_)
        | Fault::Partition
        | Fault::OneWay(_)
        | Fault::Loss(_)
        | Fault::Slow(_)
        | Fault::SlowService(_)
        | Fault::Join
        | Fault::Leave(_)
        | Fault::Clone
        | Fault::Rename(_)
        | Fault::Metadata
        | Fault::Broadcast
        | Fault::Stray
        | Fault::Replay(_)) => steps.push(concrete(at, lasts, fault.clone(), members)),
    }
}

/// Somebody goes every now and then, and nobody who is away already.
fn churn(
    interval: Duration,
    away: Duration,
    (begins, ends): (Duration, Duration),
    members: &[u32],
    dice: &mut Dice,
    steps: &mut Vec<Step>,
) {
    let mut back_at: Vec<Duration> = vec![Duration::ZERO; members.len()];
    let mut at = begins;
    while at < ends {
        let there: Vec<usize> = (0..members.len()).filter(|place| back_at[*place] <= at).collect();
        if !there.is_empty() {
            let place = dice.pick(&there);
            back_at[place] = at.saturating_add(away);
            steps.push(concrete(at, Some(away), Fault::Crash(Comeback::USUAL), vec![members[place]]));
        }
        at = at.saturating_add(dice.span(Duration::from_millis(1), interval * 2));
    }
}

fn concrete(at: Duration, lasts: Option<Duration>, fault: Fault, members: Vec<u32>) -> Step {
    let target = if fault.is_everywhere() { Target::All } else { Target::These(members) };
    Step { at: Between::exactly(at), lasts: lasts.map(Between::exactly), fault, target }
}

fn draw_between(Between { least, most }: Between, dice: &mut Dice) -> Duration {
    if least == most { least } else { dice.span(least, most) }
}

/// Returns the numbers of those whom a step hits, in order.
fn draw_members(scenario: &PoolScenario, fault: &Fault, target: &Target, dice: &mut Dice) -> Vec<u32> {
    let mut candidates: Vec<u32> = scenario.can_hit(fault).map(|place| place + 1).collect();
    let count = match target {
        Target::These(members) => return members.clone(),
        Target::All => return candidates,
        Target::Some(count) => *count as usize,
        Target::Share(permille) => (candidates.len() * usize::from(*permille)).div_ceil(1000),
    };
    dice.shuffle(&mut candidates);
    candidates.truncate(count);
    candidates.sort_unstable();
    candidates
}

/// Draws which kinds are on: each by the toss of a coin, and one at least.
fn kinds(swarm: &PoolSwarm, dice: &mut Dice) -> Vec<&'static str> {
    let tossed: Vec<&'static str> = swarm.faults.iter().copied().filter(|_| dice.chance(1, 2)).collect();
    let one = dice.pick(&swarm.faults);
    if tossed.is_empty() { vec![one] } else { tossed }
}

/// Draws the steps of one kind.
fn draw_kind(scenario: &PoolScenario, swarm: &PoolSwarm, kind: &str, mut dice: Dice, steps: &mut Vec<Step>) {
    let mut at = dice.span(Duration::ZERO, swarm.interval * 2);
    while at < scenario.chaos {
        let fault = draw_fault(scenario, kind, &mut dice);
        let candidates = scenario.can_hit(&fault);
        if candidates.is_empty() {
            return;
        }
        let most = u64::from(candidates.end - candidates.start);
        // Mostly one or a few, now and then all.
        let count = if dice.chance(1, 8) { most } else { dice.number(1, most.div_ceil(2)) };
        let lasts = dice.span(Duration::from_millis(100), swarm.lasting);
        let lasts = (!fault.is_momentary()).then(|| Between::exactly(lasts));
        let step = Step { at: Between::exactly(at), lasts, fault, target: Target::Some(count as u32) };
        draw_step(scenario, &step, &mut dice, steps);
        at = at.saturating_add(dice.span(Duration::from_millis(1), swarm.interval * 2));
    }
}

/// Draws how a kind of fault strikes.
fn draw_fault(scenario: &PoolScenario, kind: &str, dice: &mut Dice) -> Fault {
    let millis = |dice: &mut Dice, least, most| Duration::from_millis(dice.number(least, most));
    let comeback = |dice: &mut Dice| Comeback {
        incarnations: if dice.chance(1, 3) { Incarnations::Lost } else { Incarnations::Kept },
        place: if dice.chance(1, 4) { Where::New } else { Where::Same },
    };
    let way = |dice: &mut Dice| if dice.chance(1, 2) { Way::Mute } else { Way::Deaf };
    match kind {
        "crash" => Fault::Crash(comeback(dice)),
        "replace" => Fault::Replace,
        "pause" => Fault::Pause,
        "block" if dice.chance(1, 2) => Fault::Block(None),
        "block" => Fault::Block(Some(Gap { closed: millis(dice, 500, 10_000), open: millis(dice, 10, 200) })),
        "partition" => Fault::Partition,
        "one-way" => Fault::OneWay(way(dice)),
        "flip-flop" => Fault::FlipFlop(way(dice), millis(dice, 1_000, 20_000)),
        "loss" => Fault::Loss(dice.number(50, 1000) as u16),
        "slow" => Fault::Slow(millis(dice, 50, 2_000)),
        "slow-service" => {
            let takes = millis(dice, 50, 2_000);
            Fault::SlowService(Service { takes, room: dice.number(1, 256) as u32 })
        }
        "join" => Fault::Join,
        "leave" => Fault::Leave(comeback(dice)),
        "churn" => Fault::Churn(millis(dice, 2_000, 10_000), millis(dice, 500, 20_000)),
        "clone" => Fault::Clone,
        "rename" => Fault::Rename(dice.number(1, scenario.population.present().into()) as u32),
        "metadata" => Fault::Metadata,
        "broadcast" => Fault::Broadcast,
        "stray" => Fault::Stray,
        "replay" => Fault::Replay(dice.number(10, 500) as u16),
        other => unreachable!("{other} is no kind of fault"),
    }
}
