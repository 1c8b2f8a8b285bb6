//! Scenarios as text again: what the shrinker saves and a person reads.
//!
//! Whatever a reader would fill in by itself is left out, and reading the text gives the same scenario back.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::settings::{HEALTH_SETTINGS, SETTINGS, write_settings};
use super::words::{
    CONDITIONS, DIRECTIONS, FAMILIES, SHAPES, word, write_bounds, write_hex, write_permille, write_rate,
    write_signed_millis, write_span, write_target,
};
use super::{
    Action, Change, Direction, Expectations, Family, Fault, Latency, LinkQuality, Manner, Mix, Operation, Scenario,
    Step, Swarm, Target, Workload, Worlds,
};
use crate::plan::Plan;

impl Scenario {
    /// Writes the scenario as a file that [`Scenario::from_toml`] reads back exactly, but for the name and the path.
    pub fn to_toml(&self) -> String {
        let mut text = Text(String::new());
        let plain = Self::plain("");
        text.key("about", quoted(&self.about));
        write_worlds(&mut text, &self.worlds);
        self.write_cluster(&mut text);
        text.section("config", |text| write_settings(text, SETTINGS, &self.cluster.config));
        if let Some(health) = &self.cluster.config.health {
            text.header("[health]");
            write_settings(&mut text, HEALTH_SETTINGS, health);
            text.unless(&false, "registers_again", &self.cluster.registers_again, ToString::to_string);
        }
        text.section("run", |text| {
            text.unless(&plain.chaos, "chaos", &self.chaos, |span| quoted(&write_span(*span)));
            text.unless(&plain.settle, "settle", &self.settle, |span| quoted(&write_span(*span)));
            text.maybe("seed", self.seed);
            text.maybe("seeds_max", self.seeds_max);
            if !self.forks.is_empty() {
                text.key("forks", list(self.forks.iter().map(|fork| quoted(&fork.to_string()))));
            }
            text.maybe("healed", self.healed.as_deref().map(list));
        });
        text.section("network", |text| write_quality(text, &plain.network, &self.network));
        text.section("disk", |text| write_latency(text, "flush", plain.flush, self.flush));
        if let Some(workload) = &self.workload {
            text.header("[workload]");
            write_workload(&mut text, workload);
        }
        if let Some(swarm) = &self.swarm {
            text.header("[swarm]");
            write_swarm(&mut text, swarm);
        }
        if let Some(operator) = &self.operator {
            text.header("[operator]");
            text.key("interval", quoted(&write_span(operator.interval)));
        }
        for step in &self.steps {
            text.header("[[step]]");
            self.write_step(&mut text, step);
        }
        for operation in &self.operations {
            text.header("[[operation]]");
            write_operation(&mut text, operation);
        }
        text.section("expect", |text| write_expect(text, &self.expect));
        text.0
    }

    fn write_cluster(&self, text: &mut Text) {
        text.header("[cluster]");
        text.key("voters", self.cluster.voters);
        text.unless(&0, "learners", &self.cluster.learners, ToString::to_string);
        text.unless(&0, "spares", &self.cluster.spares, ToString::to_string);
        text.unless(&0, "observers", &self.cluster.observers, ToString::to_string);
        text.unless(&false, "pool", &self.cluster.pool, ToString::to_string);
        text.unless(&Vec::new(), "absent", &self.cluster.absent, |absent| list(absent));
        text.unless(&BTreeMap::new(), "levels", &self.cluster.levels, |levels| {
            pairs(levels.iter().map(|(process, level)| (format!("n{process}"), level.get())))
        });
    }

    fn write_step(&self, text: &mut Text, Step { at, lasts, fault }: &Step) {
        text.key("at", quoted(&write_span(*at)));
        text.maybe("for", lasts.map(|span| quoted(&write_span(span))));
        text.key("fault", quoted(fault.kind()));
        match fault {
            Fault::Partition(sides) => {
                let side = |side: &Vec<Target>| list(side.iter().map(|target| quoted(&write_target(*target))));
                text.key("sides", list(sides.iter().map(side)));
            }
            Fault::Isolate(target, direction) => {
                text.target("target", *target);
                text.unless(&Direction::Both, "direction", direction, |it| quoted(word(&DIRECTIONS, *it)));
            }
            Fault::Degrade(from, to, quality) => {
                text.link(*from, *to);
                write_quality(text, &self.network, quality);
            }
            Fault::Clog(from, to) => text.link(*from, *to),
            Fault::HealNetwork => {}
            Fault::Bridge(target)
            | Fault::Crash(target)
            | Fault::Start(target)
            | Fault::Wipe(target)
            | Fault::Forget(target)
            | Fault::Upgrade(target)
            | Fault::Pause(target)
            | Fault::Deafen(target)
            | Fault::StallDisk(target)
            | Fault::FullDisk(target)
            | Fault::CorruptDisk(target)
            | Fault::Mute(target)
            | Fault::MutePool(target)
            | Fault::DeafenPool(target) => text.target("target", *target),
            Fault::Score(target, score) => {
                text.target("target", *target);
                text.key("score", score);
            }
            Fault::SlowDisk(target, flush) => {
                text.target("target", *target);
                write_latency(text, "flush", self.flush, *flush);
            }
            Fault::Drift(target, ppm) => {
                text.target("target", *target);
                text.key("ppm", ppm);
            }
            Fault::WallJump(target, millis) => {
                text.target("target", *target);
                text.key("by", quoted(&write_signed_millis(*millis)));
            }
            Fault::MonotonicJump(target, by) => {
                text.target("target", *target);
                text.key("by", quoted(&write_span(*by)));
            }
        }
    }
}

impl Plan {
    /// Returns the scenario that has nothing left to draw: drawn with the same seed, it gives this plan's steps,
    /// operations, healed processes and forks, of which only other luck of networks and disks is left.
    ///
    /// The expectations stay as they are; whoever leaves out parts of a plan decides which of them still make sense.
    pub fn to_scenario(&self, name: &str, about: &str) -> Scenario {
        let mut scenario = Scenario::clone(&self.scenario);
        scenario.name = name.to_string();
        scenario.about = about.to_string();
        scenario.path = String::new();
        scenario.seed = Some(self.seed);
        scenario.forks.clone_from(&self.forks);
        scenario.workload = None;
        scenario.swarm = None;
        scenario.operator = None;
        scenario.steps.clone_from(&self.steps);
        scenario.operations.clone_from(&self.operations);
        scenario.healed = (!scenario.changes_quorum()).then(|| self.healed.iter().copied().collect());
        // What was drawn may be more than another world can do.
        scenario.worlds = Worlds::default();
        scenario
    }
}

fn write_worlds(text: &mut Text, worlds: &Worlds) {
    if *worlds == Worlds::default() {
        return;
    }
    text.header("[worlds]");
    text.key("in", list(worlds.run_in.iter().map(|world| quoted(world.name()))));
    text.unless(&BTreeMap::new(), "not_in", &worlds.not_in, |not_in| {
        pairs(not_in.iter().map(|(world, why)| (world.name().to_string(), quoted(why))))
    });
    text.unless(&BTreeMap::new(), "differs", &worlds.differs, |differs| {
        pairs(differs.iter().map(|(fact, why)| (quoted(fact), quoted(why))))
    });
    text.unless(&Worlds::REAL, "scale", &worlds.scale, |scale| quoted(&write_permille(*scale)));
}

fn write_quality(text: &mut Text, usual: &LinkQuality, quality: &LinkQuality) {
    write_latency(text, "latency", usual.latency, quality.latency);
    let chances = [
        ("loss", usual.loss, quality.loss),
        ("duplicate", usual.duplicate, quality.duplicate),
        ("reorder", usual.reorder, quality.reorder),
        ("replay", usual.replay, quality.replay),
    ];
    for (key, usual, chance) in chances {
        text.unless(&usual, key, &chance, |permille| quoted(&write_permille(*permille)));
    }
    text.unless(&usual.rate, "rate", &quality.rate, |rate| quoted(&write_rate(*rate)));
}

fn write_latency(text: &mut Text, key: &str, usual: Latency, latency: Latency) {
    text.unless(&write_bounds(usual), key, &write_bounds(latency), |bounds| quoted(bounds));
    text.unless(&usual.shape, "shape", &latency.shape, |shape| quoted(word(&SHAPES, *shape)));
}

fn write_workload(text: &mut Text, workload: &Workload) {
    text.key("clients", workload.clients);
    text.key("interval", quoted(&write_span(workload.interval)));
    text.key("subjects", workload.subjects);
    let Mix { register, deregister, evict, condition, custom, read, read_quorum, read_lease } = workload.mix;
    let weights = [
        ("register", register),
        ("deregister", deregister),
        ("evict", evict),
        ("condition", condition),
        ("custom", custom),
        ("read", read),
        ("read-quorum", read_quorum),
        ("read-lease", read_lease),
    ];
    text.unless(&Mix::USUAL, "mix", &workload.mix, |_| {
        pairs(weights.into_iter().filter(|(_, weight)| *weight > 0).map(|(key, weight)| (key.to_string(), weight)))
    });
    write_manner(text, "sessions", workload.manner);
}

/// Writes how clients hold on to what they ask for; a workload has sessions where an operation has one.
fn write_manner(text: &mut Text, session: &str, Manner { in_session, retries }: Manner) {
    text.unless(&false, session, &in_session, ToString::to_string);
    text.unless(&0, "retries", &retries, ToString::to_string);
}

fn write_swarm(text: &mut Text, swarm: &Swarm) {
    if swarm.families == Family::ALL {
        text.key("families", quoted("all"));
    } else {
        text.key("families", list(swarm.families.iter().map(|family| quoted(word(&FAMILIES, *family)))));
    }
    text.key("interval", quoted(&write_span(swarm.interval)));
    text.key("lasting", quoted(&write_span(swarm.lasting)));
}

fn write_operation(text: &mut Text, Operation { at, client, via, action, manner }: &Operation) {
    text.key("at", quoted(&write_span(*at)));
    text.unless(&1, "client", client, ToString::to_string);
    text.target("via", *via);
    let (verb, subject) = match action {
        Action::Register(subject) => ("register", Some(subject)),
        Action::Deregister(subject) => ("deregister", Some(subject)),
        Action::Evict(subject) => ("evict", Some(subject)),
        Action::SetCondition(subject, _) => ("condition", Some(subject)),
        Action::Drain(subject, _) => ("drain", Some(subject)),
        Action::Moved(subject, _) => ("moved", Some(subject)),
        Action::Custom(_) => ("custom", None),
        Action::Quorum(Change::AddLearner(_)) => ("add-learner", None),
        Action::Quorum(Change::Promote(_)) => ("promote", None),
        Action::Quorum(Change::Demote(_)) => ("demote", None),
        Action::Quorum(Change::Remove(_)) => ("remove", None),
        Action::Quorum(Change::Replace(_)) => ("replace", None),
        Action::Transfer(_) => ("transfer", None),
        Action::ForgetLeader => ("forget-leader", None),
        Action::Read => ("read", None),
        Action::ReadQuorum(subject) => ("read-quorum", Some(subject)),
        Action::ReadLease(subject) => ("read-lease", Some(subject)),
    };
    text.key("do", quoted(verb));
    text.maybe("subject", subject);
    match action {
        Action::SetCondition(_, condition) => text.key("condition", quoted(word(&CONDITIONS, *condition))),
        Action::Drain(_, within) => text.maybe("within", within.map(|within| quoted(&write_span(within)))),
        Action::Moved(_, permille) => text.key("permille", permille),
        Action::Custom(bytes) if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            text.key("text", quoted(&String::from_utf8_lossy(bytes)));
        }
        Action::Custom(bytes) => text.key("hex", quoted(&write_hex(bytes))),
        Action::Quorum(Change::Replace(voters)) => {
            text.key("voters", list(voters.iter().map(|voter| quoted(&write_target(*voter)))));
        }
        Action::Quorum(
            Change::AddLearner(target) | Change::Promote(target) | Change::Demote(target) | Change::Remove(target),
        ) => text.target("process", *target),
        Action::Transfer(target) => text.target("to", *target),
        Action::Register(_)
        | Action::Deregister(_)
        | Action::Evict(_)
        | Action::ForgetLeader
        | Action::Read
        | Action::ReadQuorum(_)
        | Action::ReadLease(_) => {}
    }
    write_manner(text, "session", *manner);
}

pub(crate) fn write_expect(text: &mut Text, expect: &Expectations) {
    let facts = |facts: &BTreeMap<String, u64>| {
        pairs(facts.iter().map(|(fact, count)| (if fact.contains('.') { quoted(fact) } else { fact.clone() }, *count)))
    };
    let nothing = BTreeMap::new();
    text.unless(&nothing, "at_least", &expect.at_least, facts);
    text.unless(&nothing, "at_most", &expect.at_most, facts);
    text.unless(&nothing, "suite", &expect.suite, facts);
    text.unless(&Vec::new(), "everywhere", &expect.everywhere, |subjects| list(subjects));
    text.unless(&Vec::new(), "nowhere", &expect.nowhere, |subjects| list(subjects));
}

/// Text under construction.
pub(crate) struct Text(pub(crate) String);

impl Text {
    pub(crate) fn header(&mut self, header: &str) {
        self.0.extend(["\n", header, "\n"]);
    }

    /// Writes a section, and nothing at all if it turns out to be empty.
    pub(crate) fn section(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let before = self.0.len();
        self.header(&format!("[{name}]"));
        let filled_from = self.0.len();
        fill(self);
        if self.0.len() == filled_from {
            self.0.truncate(before);
        }
    }

    pub(crate) fn key(&mut self, key: &str, value: impl Display) {
        writeln!(self.0, "{key} = {value}").expect("a String takes whatever it is given");
    }

    pub(crate) fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.key(key, value);
        }
    }

    pub(crate) fn unless<T: PartialEq>(&mut self, usual: &T, key: &str, value: &T, write: impl FnOnce(&T) -> String) {
        if value != usual {
            self.key(key, write(value));
        }
    }

    fn target(&mut self, key: &str, target: Target) {
        self.key(key, quoted(&write_target(target)));
    }

    fn link(&mut self, from: Target, to: Target) {
        for (key, target) in [("from", from), ("to", to)] {
            self.unless(&Target::Everyone, key, &target, |target| quoted(&write_target(*target)));
        }
    }
}

/// Writes a string as TOML on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", c as u32).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(crate) fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

pub(crate) fn pairs(pairs: impl IntoIterator<Item = (String, impl Display)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::arbitrary::scenarios;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_what_was_written_gives_the_same_scenario(scenario in scenarios()) {
            let text = scenario.to_toml();
            let read = Scenario::from_toml(&text, "arbitrary.toml");
            let read = read.unwrap_or_else(|error| panic!("{error}\n\n{text}"));
            prop_assert_eq!(Scenario { path: String::new(), ..read }, scenario, "{}", text);
        }

        #[test]
        fn a_plan_saved_as_a_scenario_is_drawn_again_as_it_was(scenario in scenarios(), seed: u64) {
            let plan = Plan::draw(&Arc::new(scenario), seed);
            let saved = plan.to_scenario("saved", "What a seed drew.").to_toml();
            let read = Scenario::from_toml(&saved, "saved.toml").unwrap_or_else(|error| panic!("{error}\n\n{saved}"));
            prop_assert_eq!(read.seed, Some(seed));
            let again = Plan::draw(&Arc::new(read), seed);
            prop_assert_eq!(again.steps, plan.steps);
            prop_assert_eq!(again.operations, plan.operations);
            prop_assert_eq!(again.healed, plan.healed);
        }
    }

    #[test]
    fn a_scenario_says_only_what_is_not_usual() {
        let mut scenario = Scenario::plain("quiet");
        scenario.about = "Nothing \"much\" happens.".to_string();
        assert_eq!(scenario.to_toml(), "about = \"Nothing \\\"much\\\" happens.\"\n\n[cluster]\nvoters = 3\n");
    }
}
