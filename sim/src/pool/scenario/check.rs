//! What a scenario of a pool must satisfy.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::faults::{Fault, Gap, fact_names};
use super::words::{TIERS, write_between};
use super::{Between, PoolScenario, PoolSwarm, Step, Target, Tier};
use crate::pool::world::Service;
use crate::scenario::check::{Finding, RUN_MAX, Section, common, outside};
use crate::scenario::words::{word, write_span};

/// How many members a pool may have: more take minutes, and the benchmark measures them.
pub(super) const MEMBERS: RangeInclusive<u64> = 1..=4096;

/// How many packets may wait for a slow member: from one at a time to more than a socket's buffer holds.
pub(super) const QUEUE: RangeInclusive<u32> = 1..=65_536;

pub(super) const PPM_PER_PERMILLE: u32 = 1000;

/// The most steps that a swarm or a churn may draw of one kind, so that a plan fits in memory.
const DRAWN_MAX: u128 = 20_000;

/// Finds everything that is wrong with a scenario.
pub(super) fn check(scenario: &PoolScenario) -> Vec<Finding> {
    let mut checker = Checker { scenario, findings: common::heading(&scenario.name, &scenario.about) };
    checker.pool();
    checker.run();
    checker.network();
    if let Some(swarm) = &scenario.swarm {
        checker.swarm(swarm);
    }
    for (position, step) in scenario.steps.iter().enumerate() {
        checker.step(Section::Step(position), step);
    }
    checker.findings.extend(common::counts(&scenario.expect, &fact_names()));
    checker.findings
}

struct Checker<'a> {
    scenario: &'a PoolScenario,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn find(&mut self, section: Section, key: &str, message: String) {
        self.findings.push(Finding { section, key: key.to_string(), message });
    }

    fn span(&mut self, section: Section, key: &str, span: Duration, most: Duration) {
        if span.is_zero() || span > most {
            let (span, most) = (write_span(span), write_span(most));
            self.find(section, key, format!("{key} is {span}, but must be positive and at most {most}"));
        }
    }

    fn pool(&mut self) {
        let population = self.scenario.population;
        let members = u64::from(population.members);
        let numbers = [
            ("members", members, MEMBERS),
            ("seeds", population.seeds.into(), 1..=members.max(1)),
            ("absent", population.absent.into(), 0..=members.saturating_sub(1)),
            ("strangers", population.strangers.into(), 0..=*MEMBERS.end()),
        ];
        for (key, number, range) in numbers {
            if !range.contains(&number) {
                self.find(Section::Pool, key, outside(key, number, &range));
            }
        }
        self.regions();
        if let Err(error) = self.scenario.config.clone().check() {
            self.find(Section::Pool, error.field, error.to_string());
        }
    }

    fn regions(&mut self) {
        let (regions, population) = (&self.scenario.regions, self.scenario.population);
        let members: u32 = regions.iter().map(|region| region.members).sum();
        let mut wrong = Vec::new();
        for (position, region) in regions.iter().enumerate() {
            let numbers = [("gateways", region.gateways, region.members), ("seeds", population.seeds, region.members)];
            for (key, number, most) in numbers.into_iter().filter(|(_, number, most)| !(1..=*most).contains(number)) {
                wrong.push((Section::Region(position), key, outside(key, number, &(1..=most))));
            }
        }
        if !regions.is_empty() && members != population.members {
            let told = population.members;
            wrong.push((Section::Pool, "members", format!("members is {told}, but the regions have {members} in all")));
        }
        for (key, number) in [("absent", population.absent), ("strangers", population.strangers)] {
            if !regions.is_empty() && number > 0 {
                wrong.push((Section::Pool, key, format!("{key} is {number}, but regions have none: leave it out")));
            }
        }
        if !regions.is_empty() && population.tier == Tier::Wide {
            let message =
                "tier is wide, but regions have local pools, and the wide one has its own numbers".to_string();
            wrong.push((Section::Pool, "tier", message));
        }
        for (section, key, message) in wrong {
            self.find(section, key, message);
        }
    }

    fn run(&mut self) {
        self.span(Section::Run, "chaos", self.scenario.chaos, RUN_MAX);
        self.span(Section::Run, "settle", self.scenario.settle, RUN_MAX);
    }

    fn network(&mut self) {
        let links = self.scenario.links;
        if links.delay_min > links.delay_max {
            let (least, most) = (write_span(links.delay_min), write_span(links.delay_max));
            self.find(Section::Network, "latency", format!("latency is {least}..{most}, but the least comes first"));
        }
        if links.delay_max > Duration::from_mins(1) {
            let most = write_span(links.delay_max);
            self.find(Section::Network, "latency", format!("latency is up to {most}, but must be at most 60s"));
        }
    }

    fn swarm(&mut self, swarm: &PoolSwarm) {
        let chaos = self.scenario.chaos;
        self.span(Section::Swarm, "interval", swarm.interval, RUN_MAX);
        self.span(Section::Swarm, "lasting", swarm.lasting, RUN_MAX);
        if swarm.faults.is_empty() {
            self.find(Section::Swarm, "faults", "faults is empty, but a swarm needs one kind at least".to_string());
        }
        self.drawn(Section::Swarm, swarm.interval, chaos);
    }

    fn drawn(&mut self, section: Section, interval: Duration, within: Duration) {
        if !interval.is_zero() && within.as_nanos() / interval.as_nanos() > DRAWN_MAX {
            let interval = write_span(interval);
            self.find(section, "interval", format!("interval is {interval}, which makes more than {DRAWN_MAX} faults"));
        }
    }

    fn step(&mut self, section: Section, step: &Step) {
        let chaos = self.scenario.chaos;
        self.between(section, "at", step.at);
        if step.at.most > chaos {
            let (at, chaos) = (write_between(step.at), write_span(chaos));
            self.find(section, "at", format!("at is {at}, after the end of the chaos, {chaos}"));
        }
        if let Some(lasts) = step.lasts {
            self.between(section, "for", lasts);
            if step.fault.is_momentary() {
                let kind = step.fault.kind();
                self.find(section, "for", format!("`{kind}` happens at once and does not end: leave `for` out"));
            } else {
                self.span(section, "for", lasts.least, RUN_MAX);
                self.span(section, "for", lasts.most, RUN_MAX);
            }
        }
        self.fault(section, &step.fault);
        self.target(section, step);
    }

    fn between(&mut self, section: Section, key: &str, between: Between) {
        if between.least > between.most {
            let written = write_between(between);
            self.find(section, key, format!("{key} is {written}, but the least comes first"));
        }
    }

    fn fault(&mut self, section: Section, fault: &Fault) {
        match fault {
            Fault::Block(Some(Gap { closed, open })) => {
                self.span(section, "closed", *closed, RUN_MAX);
                self.span(section, "open", *open, RUN_MAX);
                let milli = Duration::from_millis(1);
                if *closed < milli || *open < milli {
                    self.find(section, "closed", "closed and open must be at least 1ms each".to_string());
                }
            }
            Fault::FlipFlop(_, each) => {
                self.span(section, "each", *each, RUN_MAX);
                if !each.is_zero() && self.scenario.chaos.as_nanos() / each.as_nanos() > DRAWN_MAX {
                    let message = format!("each is {}, which makes more than {DRAWN_MAX} turns", write_span(*each));
                    self.find(section, "each", message);
                }
            }
            Fault::SlowService(Service { takes, room }) => {
                self.span(section, "takes", *takes, Duration::from_mins(1));
                if !QUEUE.contains(room) {
                    self.find(section, "queue", outside("queue", *room, &QUEUE));
                }
            }
            Fault::Slow(by) => self.span(section, "by", *by, Duration::from_mins(1)),
            Fault::Churn(interval, away) => {
                self.span(section, "interval", *interval, RUN_MAX);
                self.span(section, "away", *away, RUN_MAX);
                self.drawn(section, *interval, self.scenario.chaos);
            }
            Fault::Rename(to) => {
                let members = self.scenario.population.members;
                if *to > members {
                    self.find(section, "to", format!("to is m{to}, but the members are m1 to m{members}"));
                }
            }
            Fault::Stray if self.scenario.population.strangers == 0 => {
                self.find(section, "fault", "nobody can stray: set `strangers` in [pool]".to_string());
            }
            Fault::Join if self.scenario.population.absent == 0 => {
                self.find(section, "fault", "nobody is left to join: set `absent` in [pool]".to_string());
            }
            Fault::Crash(_)
            | Fault::Replace
            | Fault::Pause
            | Fault::Block(None)
            | Fault::Partition
            | Fault::OneWay(_)
            | Fault::Loss(_)
            | Fault::Join
            | Fault::Leave(_)
            | Fault::Clone
            | Fault::Metadata
            | Fault::Broadcast
            | Fault::Stray
            | Fault::Replay(_) => {}
        }
    }

    fn target(&mut self, section: Section, step: &Step) {
        let range = self.scenario.can_hit(&step.fault);
        let (kind, first, last) = (step.fault.kind(), range.start + 1, range.end);
        match &step.target {
            Target::These(members) => {
                if members.is_empty() {
                    self.find(section, "target", "target is nobody: name one member at least".to_string());
                }
                for member in members.iter().filter(|member| **member < first || **member > last) {
                    let message = format!("target is m{member}, but `{kind}` can hit m{first} to m{last}");
                    self.find(section, "target", message);
                }
                let mut distinct = members.clone();
                distinct.sort_unstable();
                distinct.dedup();
                if distinct.len() < members.len() {
                    self.find(section, "target", "target names a member twice".to_string());
                }
            }
            Target::Some(count) => {
                let most = last - range.start;
                if *count == 0 || *count > most {
                    let message = format!("target is {count} of them, but `{kind}` can hit from 1 to {most}");
                    self.find(section, "target", message);
                }
            }
            Target::Share(permille) => {
                if !(1..=1000).contains(permille) {
                    self.find(section, "target", "target is a share of nothing: it must be above 0%".to_string());
                }
            }
            Target::All => {}
        }
    }
}

/// Names a tier.
pub(super) fn tier_name(scenario: &PoolScenario) -> &'static str {
    word(&TIERS, scenario.population.tier)
}
