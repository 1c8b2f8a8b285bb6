//! Scenario files with a `[pool]`: TOML in, [`PoolScenario`] out.

use std::path::Path;
use std::time::Duration;

use super::check::{self, MEMBERS, QUEUE, check};
use super::faults::{Comeback, Fault, Gap, Incarnations, Way, Where};
use super::settings::{FALLBACKS, SETTINGS, Setting};
use super::words::{INCARNATIONS, PLACES, TIERS, WAYS, beginning, read_between, read_member, read_target, some_time};
use super::{Between, Discovery, PoolScenario, PoolSwarm, Region, Step, Target, Tier};
use crate::pool::world::Service;
use crate::scenario::ScenarioError;
use crate::scenario::check::Section;
use crate::scenario::file::sections::{put, read_counts, read_number, read_time};
use crate::scenario::file::steps::read_repeats;
use crate::scenario::file::table::{Entry, Reader, Table};
use crate::scenario::file::{complete, load, parse, stem_of};
use crate::scenario::words::{choice, nearest, read_bounds, read_permille, read_span};

impl PoolScenario {
    /// Reads a scenario from the text of a file; `path` gives the name and appears in errors.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the text.
    pub fn from_toml(text: &str, path: &str) -> Result<Self, ScenarioError> {
        let document = parse(text, path)?;
        let mut reader = Reader::new(text);
        let top = Table::new(&mut reader, Section::Top, "a scenario of a pool", 0..0, document.get_ref());
        let mut draft =
            Draft { scenario: Self::plain(stem_of(path), Tier::Local), steps: Vec::new(), says_members: false };
        draft.scenario.path = path.to_string();
        draft.read(&mut reader, top);
        draft.steps.sort_by_key(|(step, _)| step.at);
        draft.scenario.steps = draft.steps.iter().map(|(step, _)| step.clone()).collect();
        // Where a part could not be read, what refers to it would look wrong.
        let findings = if reader.problem_count() > 0 { Vec::new() } else { check(&draft.scenario) };
        complete(text, path, reader, findings, |reader, finding| {
            let mut section = finding.section;
            if let Section::Step(position) = section {
                section = Section::Step(draft.steps[position].1);
            }
            if finding.key == "name" { None } else { reader.place(section, &finding.key) }
        })?;
        Ok(draft.scenario)
    }

    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        load(path, Self::from_toml)
    }
}

/// A scenario while it is read. A table may stand for many steps, so each step remembers its table.
struct Draft {
    scenario: PoolScenario,
    steps: Vec<(Step, usize)>,
    /// Whether it says how many members there are.
    says_members: bool,
}

impl Draft {
    fn read<'t>(&mut self, reader: &mut Reader<'t>, mut top: Table<'t>) {
        if let Some(entry) = top.require(reader, "about", r#"one line that says what must hold, about = "…""#) {
            match entry.str() {
                Some(about) => self.scenario.about = about.to_string(),
                None => entry.refuse(reader, "must be one line of text in quotes"),
            }
        }
        let mut section = |reader: &mut Reader<'t>, key, section, title| {
            top.take(reader, key).and_then(|entry| entry.table(reader, section, title))
        };
        if let Some(table) = section(reader, "pool", Section::Pool, "[pool]") {
            self.read_pool(reader, table);
        }
        let tables = top.take(reader, "region").and_then(|entry| entry.array(reader, "[[region]]"));
        for (position, entry) in tables.unwrap_or_default().into_iter().enumerate() {
            if let Some(table) = entry.table(reader, Section::Region(position), "a [[region]]") {
                self.read_region(reader, table);
            }
        }
        if !self.says_members && !self.scenario.regions.is_empty() {
            self.scenario.population.members = self.scenario.regions.iter().map(|region| region.members).sum();
        }
        let mut section = |reader: &mut Reader<'t>, key, section, title| {
            top.take(reader, key).and_then(|entry| entry.table(reader, section, title))
        };
        if let Some(table) = section(reader, "run", Section::Run, "[run]") {
            self.read_run(reader, table);
        }
        if let Some(table) = section(reader, "network", Section::Network, "[network]") {
            self.read_network(reader, table);
        }
        if let Some(table) = section(reader, "swarm", Section::Swarm, "[swarm]") {
            self.scenario.swarm = Some(read_swarm(reader, table));
        }
        if let Some(mut table) = section(reader, "expect", Section::Expect, "[expect]") {
            read_counts(reader, &mut table, &mut self.scenario.expect);
            table.finish(reader);
        }
        let tables = top.take(reader, "step").and_then(|entry| entry.array(reader, "[[step]]"));
        for (position, entry) in tables.unwrap_or_default().into_iter().enumerate() {
            if let Some(table) = entry.table(reader, Section::Step(position), "a [[step]]") {
                self.read_step(reader, table, position);
            }
        }
        top.finish(reader);
    }

    fn read_pool<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        if let Some(tier) = table.take(reader, "tier").and_then(|entry| entry.word(reader, &TIERS)) {
            let usual = PoolScenario::plain("", tier);
            (self.scenario.config, self.scenario.links) = (usual.config, usual.links);
            self.scenario.population.tier = tier;
        }
        let population = &mut self.scenario.population;
        let members = read_number(reader, &mut table, "members", &MEMBERS).map(|number| number as u32);
        self.says_members = members.is_some();
        put(&mut population.members, members);
        let none_to = |most: u64| 0..=most;
        let numbers = [
            ("seeds", MEMBERS, &mut population.seeds),
            ("absent", none_to(*MEMBERS.end()), &mut population.absent),
            ("strangers", none_to(*MEMBERS.end()), &mut population.strangers),
        ];
        for (key, range, field) in numbers {
            put(field, read_number(reader, &mut table, key, &range).map(|number| number as u32));
        }
        let preloaded = table.take(reader, "preloaded").and_then(|entry| entry.truth(reader));
        put(&mut population.beginning, preloaded.map(beginning));
        let config = &mut self.scenario.config;
        for (key, setting) in SETTINGS {
            let Some(entry) = table.take(reader, key) else { continue };
            match setting {
                Setting::Span(field) => put(field(config), entry.parse(reader, read_span)),
                Setting::Count(field) => put(field(config), entry.number(reader, &(0..=u64::MAX)).map(|n| n as usize)),
                Setting::Number(field) => put(field(config), entry.number(reader, &(0..=u32::MAX))),
                Setting::Small(field) => put(field(config), entry.number(reader, &(0..=u8::MAX))),
                Setting::Fallback(field) => put(field(config), entry.word(reader, &FALLBACKS)),
            }
        }
        table.finish(reader);
    }

    fn read_region<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let mut region = Region { members: 5, gateways: 1 };
        for (key, field) in [("members", &mut region.members), ("gateways", &mut region.gateways)] {
            put(field, read_number(reader, &mut table, key, &MEMBERS).map(|number| number as u32));
        }
        table.finish(reader);
        self.scenario.regions.push(region);
    }

    fn read_run<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        put(&mut self.scenario.chaos, read_time(reader, &mut table, "chaos"));
        put(&mut self.scenario.settle, read_time(reader, &mut table, "settle"));
        self.scenario.seed = read_number(reader, &mut table, "seed", &(0..=u64::MAX));
        self.scenario.seeds_max = read_number(reader, &mut table, "seeds_max", &(1..=u64::MAX));
        if let Some(again) = table.take(reader, "rediscover").and_then(|entry| entry.truth(reader)) {
            self.scenario.discovery = if again { Discovery::Again } else { Discovery::AtStart };
        }
        table.finish(reader);
    }

    fn read_network<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>) {
        let links = &mut self.scenario.links;
        if let Some((least, most)) = table.take(reader, "latency").and_then(|entry| entry.parse(reader, read_bounds)) {
            (links.delay_min, links.delay_max) = (least, most);
        }
        let chances =
            [("loss", &mut links.loss_ppm), ("duplicate", &mut links.duplicate_ppm), ("replay", &mut links.replay_ppm)];
        for (key, chance) in chances {
            let read = table.take(reader, key).and_then(|entry| entry.parse(reader, read_permille));
            put(chance, read.map(|permille| u32::from(permille) * check::PPM_PER_PERMILLE));
        }
        table.finish(reader);
    }

    fn read_step<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>, position: usize) {
        let at = match table.take(reader, "at") {
            Some(entry) => entry.parse(reader, read_between),
            None => Some(some_time(self.scenario.chaos)),
        };
        let repeats = read_repeats(reader, &mut table, at.map_or(Duration::ZERO, |at| at.most), self.scenario.chaos);
        let lasts = table.take(reader, "for").and_then(|entry| entry.parse(reader, read_between));
        let Some(kind) = table.require(reader, "fault", "what goes wrong, such as fault = \"crash\"") else {
            // Which other keys make sense depends on the kind.
            return;
        };
        let Some(kind) = read_kind(reader, &kind) else { return };
        let fault = read_fault(reader, &mut table, kind);
        let target = match fault.as_ref().map(Fault::usual_target) {
            Some(Some(usual)) => match table.take(reader, "target") {
                Some(entry) => read_targets(reader, &entry),
                None => Some(usual),
            },
            Some(None) => Some(Target::All),
            None => None,
        };
        table.finish(reader);
        if let (Some(at), Some(repeats), Some(fault), Some(target)) = (at, repeats, fault, target) {
            let moved = |by| Between { least: at.least.saturating_add(by), most: at.most.saturating_add(by) };
            let step = |by| Step { at: moved(by), lasts, fault: fault.clone(), target: target.clone() };
            self.steps.extend(repeats.into_iter().map(|by| (step(by), position)));
        }
    }
}

impl Fault {
    /// Returns whom it hits if a file does not say; nothing for one that hits nobody in particular.
    pub(super) const fn usual_target(&self) -> Option<Target> {
        match self {
            Self::Replay(_) => None,
            Self::Partition => Some(Target::Share(500)),
            Self::Join | Self::Stray | Self::Churn(..) => Some(Target::All),
            Self::Crash(_)
            | Self::Replace
            | Self::Pause
            | Self::Block(_)
            | Self::OneWay(_)
            | Self::FlipFlop(..)
            | Self::Loss(_)
            | Self::Slow(_)
            | Self::SlowService(_)
            | Self::Leave(_)
            | Self::Clone
            | Self::Rename(_)
            | Self::Metadata
            | Self::Broadcast => Some(Target::Some(1)),
        }
    }
}

/// Reads a kind of fault.
fn read_kind<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<&'static str> {
    let known = Fault::KINDS.into_iter().find(|kind| Some(*kind) == entry.str());
    if known.is_none() {
        let right = match entry.str().and_then(|word| nearest(word, Fault::KINDS)) {
            Some(near) => format!("there is no such fault: did you mean `{near}`?"),
            None => format!("a fault of a pool is {}", choice(Fault::KINDS)),
        };
        entry.refuse(reader, &right);
    }
    known
}

fn read_targets<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<Target> {
    if entry.str().is_some() {
        return entry.parse(reader, read_target);
    }
    let members = entry.array(reader, r#"["m1", "m2"], or one target in quotes"#)?;
    let read: Vec<u32> = members.iter().filter_map(|member| member.parse(reader, read_member)).collect();
    (read.len() == members.len()).then_some(Target::These(read))
}

fn read_fault<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, kind: &'static str) -> Option<Fault> {
    let share = |reader: &mut Reader<'t>, table: &mut Table<'t>, key, usual: u16| match table.take(reader, key) {
        Some(entry) => entry.parse(reader, read_permille),
        None => Some(usual),
    };
    let span = |reader: &mut Reader<'t>, table: &mut Table<'t>, key, usual: Duration| match table.take(reader, key) {
        Some(entry) => entry.parse(reader, read_span),
        None => Some(usual),
    };
    Some(match kind {
        "crash" => Fault::Crash(read_comeback(reader, table)?),
        "leave" => Fault::Leave(read_comeback(reader, table)?),
        "replace" => Fault::Replace,
        "pause" => Fault::Pause,
        "block" => read_block(reader, table)?,
        "partition" => Fault::Partition,
        "one-way" => Fault::OneWay(read_way(reader, table)?),
        "flip-flop" => {
            let way = read_way(reader, table);
            Fault::FlipFlop(way?, span(reader, table, "each", FLIP_FLOP)?)
        }
        "loss" => Fault::Loss(share(reader, table, "loss", LOSS)?),
        "slow" => Fault::Slow(span(reader, table, "by", SLOW)?),
        "slow-service" => {
            let takes = span(reader, table, "takes", SERVICE.takes);
            let room = match table.take(reader, "queue") {
                Some(entry) => entry.number(reader, &QUEUE),
                None => Some(SERVICE.room),
            };
            Fault::SlowService(Service { takes: takes?, room: room? })
        }
        "join" => Fault::Join,
        "churn" => {
            let interval = span(reader, table, "interval", CHURN.0);
            Fault::Churn(interval?, span(reader, table, "away", CHURN.1)?)
        }
        "clone" => Fault::Clone,
        "rename" => {
            let to = table.require(reader, "to", "whose name they take, such as to = \"m1\"")?;
            Fault::Rename(to.parse(reader, read_member)?)
        }
        "metadata" => Fault::Metadata,
        "broadcast" => Fault::Broadcast,
        "stray" => Fault::Stray,
        "replay" => Fault::Replay(share(reader, table, "replay", REPLAY)?),
        other => unreachable!("{other} is no kind of fault"),
    })
}

/// The faults of the Rapid paper's section 7: 80 % loss, and turns of 20 s.
pub(super) const LOSS: u16 = 800;
pub(super) const FLIP_FLOP: Duration = Duration::from_secs(20);
/// Longer than a probe of the local tier waits.
pub(super) const SLOW: Duration = Duration::from_millis(600);
/// Longer than the packets of a quiet pool come apart, and a queue that takes most of a minute to work off.
pub(super) const SERVICE: Service = Service { takes: Duration::from_millis(600), room: 64 };
/// How often somebody goes, and for how long.
pub(super) const CHURN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));
pub(super) const REPLAY: u16 = 200;
/// How long a block of the Lifeguard paper's section 5 opens between two turns.
pub(super) const OPEN: Duration = Duration::from_millis(64);

fn read_comeback<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> Option<Comeback> {
    let incarnations = match table.take(reader, "incarnation") {
        Some(entry) => entry.word(reader, &INCARNATIONS),
        None => Some(Incarnations::Kept),
    };
    let place = match table.take(reader, "address") {
        Some(entry) => entry.word(reader, &PLACES),
        None => Some(Where::Same),
    };
    Some(Comeback { incarnations: incarnations?, place: place? })
}

fn read_way<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> Option<Way> {
    match table.take(reader, "direction") {
        Some(entry) => entry.word(reader, &WAYS),
        None => Some(Way::Deaf),
    }
}

/// Reads how a block opens now and then, if it says so.
fn read_block<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> Option<Fault> {
    let (closed, open) = (table.take(reader, "closed"), table.take(reader, "open"));
    match (closed, open) {
        (None, None) => Some(Fault::Block(None)),
        (None, Some(open)) => {
            let message = "`open` needs `closed`, such as closed = \"8.2s\" with open = \"64ms\"";
            reader.find(open.span(), message.to_string());
            None
        }
        (Some(closed), open) => {
            let open = open.map_or(Some(OPEN), |entry| entry.parse(reader, read_span));
            Some(Fault::Block(Some(Gap { closed: closed.parse(reader, read_span)?, open: open? })))
        }
    }
}

fn read_swarm<'t>(reader: &mut Reader<'t>, mut table: Table<'t>) -> PoolSwarm {
    let mut swarm = PoolSwarm::default();
    if let Some(entry) = table.take(reader, "faults").filter(|entry| entry.str() != Some("all")) {
        let kinds = entry.array(reader, r#"["crash", "leave"], or "all""#).unwrap_or_default();
        swarm.faults = kinds.iter().filter_map(|kind| read_kind(reader, kind)).collect();
    }
    put(&mut swarm.interval, read_time(reader, &mut table, "interval"));
    put(&mut swarm.lasting, read_time(reader, &mut table, "lasting"));
    table.finish(reader);
    swarm
}
