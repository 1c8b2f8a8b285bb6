//! Scenarios of pools as text again.
//!
//! Whatever a reader would fill in by itself is left out, and reading the text gives the same scenario back.

use delian_core::swim::PoolConfig;

use super::check::{PPM_PER_PERMILLE, tier_name};
use super::faults::{Comeback, Fault, Gap, Incarnations, Way, Where};
use super::settings::{FALLBACKS, SETTINGS, Setting};
use super::words::{INCARNATIONS, PLACES, WAYS, beginning, some_time, write_between, write_target};
use super::{Discovery, PoolScenario, PoolSwarm, Step, Tier};
use crate::pool::network::Links;
use crate::pool::world::Service;
use crate::scenario::words::{word, write_bounds, write_permille, write_span};
use crate::scenario::write::{Text, list, quoted, write_expect};
use crate::scenario::{Latency, Shape};

impl PoolScenario {
    /// Writes the scenario as a file that [`PoolScenario::from_toml`] reads back exactly, but for the name and the path.
    pub fn to_toml(&self) -> String {
        let mut text = Text(String::new());
        let plain = Self::plain("", self.population.tier);
        text.key("about", quoted(&self.about));
        text.header("[pool]");
        self.write_population(&mut text, &plain);
        write_config(&mut text, &plain.config, &self.config);
        for region in &self.regions {
            text.header("[[region]]");
            text.key("members", region.members);
            text.key("gateways", region.gateways);
        }
        text.section("run", |text| {
            text.unless(&plain.chaos, "chaos", &self.chaos, |span| quoted(&write_span(*span)));
            text.unless(&plain.settle, "settle", &self.settle, |span| quoted(&write_span(*span)));
            text.maybe("seed", self.seed);
            text.maybe("seeds_max", self.seeds_max);
            text.unless(&Discovery::AtStart, "rediscover", &self.discovery, |_| "true".to_string());
        });
        text.section("network", |text| write_links(text, plain.links, self.links));
        if let Some(swarm) = &self.swarm {
            text.header("[swarm]");
            write_swarm(&mut text, swarm);
        }
        for step in &self.steps {
            text.header("[[step]]");
            self.write_step(&mut text, step);
        }
        text.section("expect", |text| write_expect(text, &self.expect));
        text.0
    }

    fn write_population(&self, text: &mut Text, plain: &Self) {
        let (ours, usual) = (self.population, plain.population);
        if self.regions.is_empty() {
            text.key("members", ours.members);
        }
        text.unless(&beginning(true), "preloaded", &ours.beginning, |_| "false".to_string());
        text.unless(&usual.seeds, "seeds", &ours.seeds, ToString::to_string);
        text.unless(&usual.absent, "absent", &ours.absent, ToString::to_string);
        text.unless(&usual.strangers, "strangers", &ours.strangers, ToString::to_string);
        text.unless(&Tier::Local, "tier", &ours.tier, |_| quoted(tier_name(self)));
    }

    fn write_step(&self, text: &mut Text, Step { at, lasts, fault, target }: &Step) {
        text.unless(&some_time(self.chaos), "at", at, |at| quoted(&write_between(*at)));
        text.maybe("for", lasts.map(|lasts| quoted(&write_between(lasts))));
        text.key("fault", quoted(fault.kind()));
        match fault {
            Fault::Crash(comeback) | Fault::Leave(comeback) => write_comeback(text, *comeback),
            Fault::Block(Some(Gap { closed, open })) => {
                text.key("closed", quoted(&write_span(*closed)));
                text.key("open", quoted(&write_span(*open)));
            }
            Fault::OneWay(way) => write_way(text, *way),
            Fault::FlipFlop(way, each) => {
                write_way(text, *way);
                text.key("each", quoted(&write_span(*each)));
            }
            Fault::Loss(permille) => text.key("loss", quoted(&write_permille(*permille))),
            Fault::SlowService(Service { takes, room }) => {
                text.key("takes", quoted(&write_span(*takes)));
                text.key("queue", room);
            }
            Fault::Slow(by) => text.key("by", quoted(&write_span(*by))),
            Fault::Churn(interval, away) => {
                text.key("interval", quoted(&write_span(*interval)));
                text.key("away", quoted(&write_span(*away)));
            }
            Fault::Rename(to) => text.key("to", quoted(&format!("m{to}"))),
            Fault::Replay(permille) => text.key("replay", quoted(&write_permille(*permille))),
            Fault::Replace
            | Fault::Pause
            | Fault::Block(None)
            | Fault::Partition
            | Fault::Join
            | Fault::Clone
            | Fault::Metadata
            | Fault::Broadcast
            | Fault::Stray => {}
        }
        if let Some(usual) = fault.usual_target() {
            text.unless(&usual, "target", target, write_target);
        }
    }
}

fn write_comeback(text: &mut Text, Comeback { incarnations, place }: Comeback) {
    text.unless(&Incarnations::Kept, "incarnation", &incarnations, |it| quoted(word(&INCARNATIONS, *it)));
    text.unless(&Where::Same, "address", &place, |it| quoted(word(&PLACES, *it)));
}

fn write_way(text: &mut Text, way: Way) {
    text.unless(&Way::Deaf, "direction", &way, |it| quoted(word(&WAYS, *it)));
}

fn write_config(text: &mut Text, plain: &PoolConfig, config: &PoolConfig) {
    let (mut plain, mut config) = (plain.clone(), config.clone());
    for (key, setting) in SETTINGS {
        match setting {
            Setting::Span(field) => {
                text.unless(field(&mut plain), key, field(&mut config), |span| quoted(&write_span(*span)));
            }
            Setting::Count(field) => text.unless(field(&mut plain), key, field(&mut config), ToString::to_string),
            Setting::Number(field) => text.unless(field(&mut plain), key, field(&mut config), ToString::to_string),
            Setting::Small(field) => text.unless(field(&mut plain), key, field(&mut config), ToString::to_string),
            Setting::Fallback(field) => {
                text.unless(field(&mut plain), key, field(&mut config), |it| quoted(word(&FALLBACKS, *it)));
            }
        }
    }
}

fn write_links(text: &mut Text, plain: Links, links: Links) {
    let bounds = |links: Links| Latency { least: links.delay_min, most: links.delay_max, shape: Shape::Uniform };
    text.unless(&bounds(plain), "latency", &bounds(links), |latency| quoted(&write_bounds(*latency)));
    let chances = [
        ("loss", plain.loss_ppm, links.loss_ppm),
        ("duplicate", plain.duplicate_ppm, links.duplicate_ppm),
        ("replay", plain.replay_ppm, links.replay_ppm),
    ];
    for (key, plain, ppm) in chances {
        text.unless(&plain, key, &ppm, |ppm| quoted(&write_permille((ppm / PPM_PER_PERMILLE) as u16)));
    }
}

fn write_swarm(text: &mut Text, swarm: &PoolSwarm) {
    let usual = PoolSwarm::default();
    text.unless(&usual.faults, "faults", &swarm.faults, |kinds| list(kinds.iter().map(|kind| quoted(kind))));
    text.key("interval", quoted(&write_span(swarm.interval)));
    text.key("lasting", quoted(&write_span(swarm.lasting)));
}
