//! The sections that a file has at most once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use delian_core::FeatureLevel;
use delian_core::health::HealthConfig;

use super::table::{Entry, Reader, Table};
use super::{Draft, Frame};
use crate::plan::Fork;
use crate::scenario::check::{
    CLIENTS, LEARNERS, LEVELS, OBSERVERS, PROCESSES, RETRIES, SPARES, SUBJECTS, Section, VOTERS,
};
use crate::scenario::settings::{HEALTH_SETTINGS, SETTINGS, read_settings};
use crate::scenario::words::{
    FAMILIES, SHAPES, choice, meaning, read_bounds, read_permille, read_rate, read_span, read_target,
};
use crate::scenario::{
    Expectations, Family, Latency, LinkQuality, Manner, Mix, Operator, Swarm, Target, Workload, Worlds,
};
use crate::worlds::WorldKind;

impl Draft {
    /// Reads a whole document.
    pub(super) fn read<'t>(&mut self, reader: &mut Reader<'t>, mut top: Table<'t>) -> Frame {
        if let Some(entry) = top.require(reader, "about", r#"one line that says what must hold, about = "…""#) {
            match entry.str() {
                Some(about) => self.scenario.about = about.to_string(),
                None => entry.refuse(reader, "must be one line of text in quotes"),
            }
        }
        let mut section = |reader: &mut Reader<'t>, key, section, title| {
            top.take(reader, key).and_then(|entry| entry.table(reader, section, title))
        };
        let before = reader.problem_count();
        if let Some(table) = section(reader, "cluster", Section::Cluster, "[cluster]") {
            self.read_cluster(reader, table);
        }
        if let Some(table) = section(reader, "run", Section::Run, "[run]") {
            self.read_run(reader, table);
        }
        let frame = if reader.problem_count() == before { Frame::Whole } else { Frame::Broken };
        if let Some(table) = section(reader, "config", Section::Config, "[config]") {
            self.read_config(reader, table);
        }
        if let Some(table) = section(reader, "health", Section::Health, "[health]") {
            self.read_health(reader, table);
        }
        if let Some(mut table) = section(reader, "network", Section::Network, "[network]") {
            self.scenario.network = read_quality(reader, &mut table, LinkQuality::HEALTHY);
            table.finish(reader);
        }
        if let Some(mut table) = section(reader, "disk", Section::Disk, "[disk]") {
            self.scenario.flush = read_latency(reader, &mut table, "flush", Latency::FLUSH);
            table.finish(reader);
        }
        if let Some(table) = section(reader, "workload", Section::Workload, "[workload]") {
            self.scenario.workload = Some(read_workload(reader, table));
        }
        if let Some(table) = section(reader, "swarm", Section::Swarm, "[swarm]") {
            self.scenario.swarm = Some(read_swarm(reader, table));
        }
        if let Some(mut table) = section(reader, "operator", Section::Operator, "[operator]") {
            let mut operator = Operator::default();
            put(&mut operator.interval, read_time(reader, &mut table, "interval"));
            table.finish(reader);
            self.scenario.operator = Some(operator);
        }
        if let Some(table) = section(reader, "worlds", Section::Worlds, "[worlds]") {
            self.scenario.worlds = read_worlds(reader, table);
        }
        if let Some(table) = section(reader, "expect", Section::Expect, "[expect]") {
            self.read_expect(reader, table);
        }
        for (key, title) in [("step", "a [[step]]"), ("operation", "an [[operation]]")] {
            let tables = top.take(reader, key).and_then(|entry| entry.array(reader, &format!("[[{key}]]")));
            for (position, entry) in tables.unwrap_or_default().into_iter().enumerate() {
                let section = if key == "step" { Section::Step(position) } else { Section::Operation(position) };
                let Some(table) = entry.table(reader, section, title) else { continue };
                match key {
                    "step" => self.read_step(reader, table, position),
                    _ => self.read_operation(reader, table, position),
                }
            }
        }
        top.finish(reader);
        frame
    }

    fn read_cluster<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let cluster = &mut self.scenario.cluster;
        if let Some(voters) = read_number(reader, &mut table, "voters", &VOTERS) {
            cluster.voters = voters as u16;
        }
        if let Some(learners) = read_number(reader, &mut table, "learners", &LEARNERS) {
            cluster.learners = learners as u16;
        }
        if let Some(spares) = read_number(reader, &mut table, "spares", &SPARES) {
            cluster.spares = spares as u16;
        }
        if let Some(observers) = read_number(reader, &mut table, "observers", &OBSERVERS) {
            cluster.observers = observers as u16;
        }
        put(&mut cluster.pool, table.take(reader, "pool").and_then(|entry| entry.truth(reader)));
        cluster.absent = read_numbers(reader, &mut table, "absent", &PROCESSES).unwrap_or_default();
        cluster.levels = read_levels(reader, &mut table);
        table.finish(reader);
    }

    fn read_run<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        if let Some(chaos) = read_time(reader, &mut table, "chaos") {
            self.scenario.chaos = chaos;
        }
        if let Some(settle) = read_time(reader, &mut table, "settle") {
            self.scenario.settle = settle;
        }
        self.scenario.seed = read_number(reader, &mut table, "seed", &(0..=u64::MAX));
        self.scenario.seeds_max = read_number(reader, &mut table, "seeds_max", &(1..=u64::MAX));
        self.scenario.healed = read_numbers(reader, &mut table, "healed", &PROCESSES);
        if let Some(entry) = table.take(reader, "forks") {
            let forks = entry.array(reader, r#"["12.5s:swarm:3"]"#).unwrap_or_default();
            self.scenario.forks = forks.into_iter().filter_map(|fork| fork.parse(reader, str::parse::<Fork>)).collect();
        }
        table.finish(reader);
    }

    fn read_config<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let config = &mut self.scenario.cluster.config;
        read_settings(reader, &mut table, SETTINGS, config);
        for key in ["voters", "learners"] {
            if let Some(entry) = table.take(reader, key) {
                reader.find(entry.span(), format!("{key} belongs in [cluster], as a number"));
            }
        }
        table.finish(reader);
    }

    fn read_health<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let mut health = HealthConfig::default();
        read_settings(reader, &mut table, HEALTH_SETTINGS, &mut health);
        let again = table.take(reader, "registers_again").and_then(|entry| entry.truth(reader));
        put(&mut self.scenario.cluster.registers_again, again);
        self.scenario.cluster.config.health = Some(health);
        table.finish(reader);
    }

    fn read_expect<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let expect = &mut self.scenario.expect;
        read_counts(reader, &mut table, expect);
        expect.everywhere = read_numbers(reader, &mut table, "everywhere", &SUBJECTS).unwrap_or_default();
        expect.nowhere = read_numbers(reader, &mut table, "nowhere", &SUBJECTS).unwrap_or_default();
        table.finish(reader);
    }
}

/// Reads the facts that are to be counted.
pub(crate) fn read_counts<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, expect: &mut Expectations) {
    let lists = [("at_least", &mut expect.at_least), ("at_most", &mut expect.at_most), ("suite", &mut expect.suite)];
    for (key, facts) in lists {
        let Some(entry) = table.take(reader, key) else { continue };
        for (fact, span, count) in entry.pairs(reader, r#"{ elections = 2, "fault.partition" = 1 }"#) {
            reader.remember(Section::Expect, &format!("{key}.{fact}"), span);
            if let Some(count) = count.number(reader, &(0..=u64::MAX)) {
                facts.insert(fact, count);
            }
        }
    }
}

/// Reads in which worlds a scenario runs, and why not in the others.
fn read_worlds<'t>(reader: &mut Reader<'t>, mut table: Table<'t>) -> Worlds {
    let mut worlds = Worlds::default();
    let before = reader.problem_count();
    let right = r#"the worlds in which it runs, such as in = ["des", "process"]"#;
    if let Some(entries) =
        table.require(reader, "in", right).and_then(|entry| entry.array(reader, r#"["des", "process"]"#))
    {
        worlds.run_in = entries.iter().filter_map(|entry| entry.word(reader, &WorldKind::NAMES)).collect();
    }
    if let Some(entry) = table.take(reader, "not_in") {
        for (name, span, why) in entry.pairs(reader, r#"{ process = "why not" }"#) {
            let Some(world) = meaning(&WorldKind::NAMES, &name) else {
                let known = choice(WorldKind::NAMES.iter().map(|(name, _)| *name));
                reader.find(span, format!("not_in names `{name}`, but the worlds are {known}"));
                continue;
            };
            reader.remember(Section::Worlds, &format!("not_in.{name}"), span);
            match why.str() {
                Some(why) => drop(worlds.not_in.insert(world, why.to_string())),
                None => why.refuse(reader, r#"must say why not, such as { process = "its disks are real" }"#),
            }
        }
    }
    if let Some(entry) = table.take(reader, "differs") {
        for (fact, span, why) in entry.pairs(reader, r#"{ "n3 is silent" = "why" }"#) {
            reader.remember(Section::Worlds, &format!("differs.{fact}"), span);
            match why.str() {
                Some(why) => drop(worlds.differs.insert(fact, why.to_string())),
                None => why.refuse(reader, r#"must say why, such as { "n3 is silent" = "it dials first" }"#),
            }
        }
    }
    put(&mut worlds.scale, table.take(reader, "scale").and_then(|entry| entry.parse(reader, read_permille)));
    table.finish(reader);
    // A world that is misspelt is not one that is left out.
    if reader.problem_count() == before { worlds } else { Worlds::default() }
}

/// Reads which processes start as an older release.
fn read_levels<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> BTreeMap<u16, FeatureLevel> {
    let mut levels = BTreeMap::new();
    let Some(entry) = table.take(reader, "levels") else { return levels };
    for (name, span, level) in entry.pairs(reader, "{ n3 = 1 }") {
        let Ok(Target::Process(process)) = read_target(&name) else {
            reader.find(span, format!("levels names `{name}`, but must name processes, such as {{ n3 = 1 }}"));
            continue;
        };
        if let Some(level) = level.number(reader, &LEVELS) {
            levels.insert(process, FeatureLevel::new(level));
        }
    }
    levels
}

fn read_workload<'t>(reader: &mut Reader<'t>, mut table: Table<'t>) -> Workload {
    let mut workload = Workload::default();
    if let Some(clients) = read_number(reader, &mut table, "clients", &CLIENTS) {
        workload.clients = clients as u16;
    }
    put(&mut workload.interval, read_time(reader, &mut table, "interval"));
    if let Some(subjects) = read_number(reader, &mut table, "subjects", &SUBJECTS) {
        workload.subjects = subjects as u16;
    }
    let mix = table.take(reader, "mix").and_then(|entry| entry.table(reader, Section::Workload, "mix"));
    if let Some(mut table) = mix {
        let mut mix = Mix::NOTHING;
        let weights = [
            ("register", &mut mix.register),
            ("deregister", &mut mix.deregister),
            ("evict", &mut mix.evict),
            ("condition", &mut mix.condition),
            ("custom", &mut mix.custom),
            ("read", &mut mix.read),
            ("read-quorum", &mut mix.read_quorum),
            ("read-lease", &mut mix.read_lease),
        ];
        for (key, weight) in weights {
            put(weight, table.take(reader, key).and_then(|entry| entry.number(reader, &(0..=u16::MAX))));
        }
        table.finish(reader);
        workload.mix = mix;
    }
    workload.manner = read_manner(reader, &mut table, "sessions");
    table.finish(reader);
    workload
}

/// Reads how clients hold on to what they ask for; `session` is the key that says whether they do it in a session.
pub(super) fn read_manner<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, session: &'static str) -> Manner {
    let in_session = table.take(reader, session).and_then(|entry| entry.truth(reader));
    let retries = read_number(reader, table, "retries", &RETRIES);
    Manner { in_session: in_session.unwrap_or_default(), retries: retries.unwrap_or_default() as u8 }
}

fn read_swarm<'t>(reader: &mut Reader<'t>, mut table: Table<'t>) -> Swarm {
    let mut swarm = Swarm::default();
    put(&mut swarm.families, table.take(reader, "families").and_then(|entry| read_families(reader, &entry)));
    put(&mut swarm.interval, read_time(reader, &mut table, "interval"));
    put(&mut swarm.lasting, read_time(reader, &mut table, "lasting"));
    table.finish(reader);
    swarm
}

fn read_families<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<Vec<Family>> {
    if entry.str() == Some("all") {
        return Some(Family::ALL.to_vec());
    }
    let families = entry.array(reader, r#"["partition", "crash"], or "all""#)?;
    let read: Vec<Family> = families.iter().filter_map(|family| family.word(reader, &FAMILIES)).collect();
    // A list whose every word was wrong is not an empty list.
    (families.is_empty() || !read.is_empty()).then_some(read)
}

/// Reads the quality of a link; a key that is missing keeps what `usual` says.
pub(super) fn read_quality<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, usual: LinkQuality) -> LinkQuality {
    let mut quality = usual;
    quality.latency = read_latency(reader, table, "latency", usual.latency);
    let chances = [
        ("loss", &mut quality.loss),
        ("duplicate", &mut quality.duplicate),
        ("reorder", &mut quality.reorder),
        ("replay", &mut quality.replay),
    ];
    for (key, chance) in chances {
        put(chance, table.take(reader, key).and_then(|entry| entry.parse(reader, read_permille)));
    }
    put(&mut quality.rate, table.take(reader, "rate").and_then(|entry| entry.parse(reader, read_rate)));
    quality
}

/// Reads the bounds of a latency under a key, and its shape under `shape`.
pub(super) fn read_latency<'t>(
    reader: &mut Reader<'t>,
    table: &mut Table<'t>,
    key: &'static str,
    usual: Latency,
) -> Latency {
    let bounds = table.take(reader, key).and_then(|entry| entry.parse(reader, read_bounds));
    let (least, most) = bounds.unwrap_or((usual.least, usual.most));
    let shape = table.take(reader, "shape").and_then(|entry| entry.word(reader, &SHAPES));
    Latency { least, most, shape: shape.unwrap_or(usual.shape) }
}

pub(crate) fn read_time<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, key: &'static str) -> Option<Duration> {
    table.take(reader, key).and_then(|entry| entry.parse(reader, read_span))
}

pub(crate) fn read_number<'t>(
    reader: &mut Reader<'t>,
    table: &mut Table<'t>,
    key: &'static str,
    range: &RangeInclusive<u64>,
) -> Option<u64> {
    table.take(reader, key).and_then(|entry| entry.number(reader, range))
}

/// Reads a list of numbers, each of them within a range that `T` can hold.
fn read_numbers<'t, T: TryFrom<u64>>(
    reader: &mut Reader<'t>,
    table: &mut Table<'t>,
    key: &'static str,
    range: &RangeInclusive<u64>,
) -> Option<Vec<T>> {
    let entries = table.take(reader, key)?.array(reader, "[1, 2]")?;
    let numbers = entries.iter().filter_map(|entry| entry.number(reader, range));
    Some(numbers.filter_map(|number| T::try_from(number).ok()).collect())
}

/// Puts a value where it belongs, if there is one.
pub(crate) fn put<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
