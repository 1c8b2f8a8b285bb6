//! Sets the facts of worlds side by side.
//!
//! Luck decides who leads and how long it takes, and luck differs. So discrete events are run over many seeds, and what
//! they came to is what may be: a value that another world comes to agrees if some seed came to it, too. What every
//! world must come to alike, such as one leader in each term, has one value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{Facts, Fate, Named, Reached, WorldKind};
use crate::report::human;
use crate::scenario::Scenario;

/// One fact in every world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which fact.
    pub fact: String,
    /// What discrete events came to, each value with the number of runs where there are several.
    pub des: String,
    /// What the other worlds came to, in the order in which they were given.
    pub others: Vec<Cell>,
    /// Why they may come to something else, as the scenario says.
    pub explained: Option<String>,
}

impl Row {
    /// Returns whether every other world agrees with discrete events, or the scenario says why not.
    pub fn agrees(&self) -> bool {
        self.explained.is_some() || self.others.iter().all(|cell| cell.agrees)
    }

    /// Returns why some world may differ from discrete events and does.
    pub fn explanation(&self) -> Option<&str> {
        self.explained.as_deref().filter(|_| self.others.iter().any(|cell| !cell.agrees))
    }
}

/// One fact in a world beside discrete events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Where.
    pub world: WorldKind,
    /// What it came to there, each value with the number of runs where there are several.
    pub value: String,
    /// Whether that agrees.
    pub agrees: bool,
}

/// The runs of one scenario in a world beside discrete events: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Where.
    pub world: WorldKind,
    /// What each run came to.
    pub runs: Vec<Facts>,
}

/// What is compared: a scenario, and all that was run of it.
struct Told<'a> {
    scenario: &'a Scenario,
    des: &'a [Facts],
    others: &'a [Elsewhere],
}

/// Compares runs elsewhere with runs of discrete events.
pub fn compare(scenario: &Scenario, des: &[Facts], others: &[Elsewhere]) -> Vec<Row> {
    let told = Told { scenario, des, others };
    let mut rows = vec![
        told.alike("broken", |facts| if facts.holds() { "nothing".to_string() } else { facts.broken[0].clone() }),
        told.alike("leaders in a term", |facts| {
            let most = facts.leaders.values().map(BTreeSet::len).max().unwrap_or_default();
            if most <= 1 { "one at most".to_string() } else { most.to_string() }
        }),
        told.led(),
        told.among("another leads in between", |facts| {
            if facts.counts.get("leader_changes") > 0 { "yes".to_string() } else { "no".to_string() }
        }),
    ];
    let labels = des.first().map_or(&[][..], |facts| &facts.fates[..]);
    for (place, (label, _)) in labels.iter().enumerate() {
        // Two clients may ask for the same at one instant.
        let before = labels[..place].iter().filter(|(it, _)| it == label).count();
        rows.push(told.among(label, |facts| fate(facts, label, before).to_string()));
    }
    // What random clients left behind depends on what they asked for, which every seed draws anew.
    if scenario.workload.is_none() {
        rows.push(told.among("registered at the end", |facts| {
            let subjects: Vec<String> =
                facts.subjects.iter().map(|(subject, condition)| format!("m{subject} {condition}")).collect();
            if subjects.is_empty() { "nobody".to_string() } else { subjects.join(", ") }
        }));
    }
    rows.push(told.among("voters at the end", |facts| numbers(&facts.voters)));
    rows.extend(told.conditions());
    rows.push(told.settled());
    rows
}

impl Told<'_> {
    /// Makes a row of what each world came to.
    fn row(&self, fact: &str, des: String, other: impl Fn(&[Facts]) -> (String, bool)) -> Row {
        let cell = |elsewhere: &Elsewhere| {
            let (value, agrees) = other(&elsewhere.runs);
            Cell { world: elsewhere.world, value, agrees }
        };
        let explained = self.scenario.worlds.differs.get(fact).cloned();
        Row { fact: fact.to_string(), des, others: self.others.iter().map(cell).collect(), explained }
    }

    /// A fact that has the same value in every run of every world.
    fn alike(&self, fact: &str, value: impl Fn(&Facts) -> String) -> Row {
        let known = values(self.des, &value);
        self.row(fact, listed(&known), |runs| {
            let here = values(runs, &value);
            (listed(&here), known.len() == 1 && here.keys().eq(known.keys()))
        })
    }

    /// A fact that has a value that some run of discrete events has.
    fn among(&self, fact: &str, value: impl Fn(&Facts) -> String) -> Row {
        let known = values(self.des, &value);
        self.row(fact, listed(&known), |runs| {
            let here = values(runs, &value);
            (listed(&here), here.keys().all(|it| known.contains_key(it)))
        })
    }

    /// Who led: nobody who never does in any run of discrete events.
    fn led(&self) -> Row {
        let who = |facts: &Facts| facts.leaders.values().flatten().copied().collect::<BTreeSet<u16>>();
        let of = |runs: &[Facts]| runs.iter().flat_map(who).collect::<BTreeSet<u16>>();
        let may = of(self.des);
        self.row("who led", numbers(&may), |runs| {
            let did = of(runs);
            (numbers(&did), did.is_subset(&may) && runs.iter().all(|facts| !facts.leaders.is_empty()))
        })
    }

    /// Conditions: what every run of discrete events reached is reached, and nothing that none did.
    fn conditions(&self) -> Vec<Row> {
        let elsewhere = self.others.iter().flat_map(|other| &other.runs);
        let reached = |facts: &Facts| facts.conditions.keys().cloned().collect::<BTreeSet<Reached>>();
        let all: BTreeSet<Reached> = self.des.iter().chain(elsewhere).flat_map(reached).collect();
        let watches = self.scenario.cluster.config.health.is_some();
        let row = |condition: &Reached| {
            let known = times(self.des, condition);
            let (is_possible, is_certain) = (!known.is_empty(), known.len() == self.des.len());
            let fact = format!("{} is {}", condition.who, condition.condition);
            self.row(&fact, at(&known, self.des.len()), |runs| {
                let here = times(runs, condition);
                let agrees = (here.is_empty() || is_possible) && (here.len() == runs.len() || !is_certain);
                let within = runs.first().is_none_or(|facts| lies_within(&here, &known, allowance(facts.world)));
                (at(&here, runs.len()), agrees && within)
            })
        };
        all.iter().filter(|condition| is_compared(condition, watches)).map(row).collect()
    }

    /// Settling: within the scenario's bound, and what the world may take beyond it.
    fn settled(&self) -> Row {
        let has = |runs: &[Facts]| runs.iter().all(|facts| facts.settled_after.is_some());
        let told = |runs: &[Facts]| match runs.iter().filter_map(|facts| facts.settled_after).max() {
            _ if !has(runs) => "never".to_string(),
            Some(slowest) if runs.len() > 1 => format!("in {} at most", human::span(slowest)),
            slowest => format!("in {}", human::span(slowest.unwrap_or_default())),
        };
        let fact = format!("settled within {}", human::span(self.scenario.settle));
        self.row(&fact, told(self.des), |runs| {
            let more = runs.first().map_or(Duration::ZERO, |facts| facts.world.settles_later());
            let is_late = runs.iter().any(|facts| facts.settled_after > Some(self.scenario.settle));
            let allowed = if is_late { format!(", of {} more here", human::span(more)) } else { String::new() };
            let in_time = runs.iter().all(|facts| facts.settled_after <= Some(self.scenario.settle + more));
            (told(runs) + &allowed, has(runs) && has(self.des) && in_time)
        })
    }
}

/// Returns each value with the number of runs that have it.
fn values(runs: &[Facts], value: impl Fn(&Facts) -> String) -> BTreeMap<String, usize> {
    let mut values: BTreeMap<String, usize> = BTreeMap::new();
    for facts in runs {
        *values.entry(value(facts)).or_default() += 1;
    }
    values
}

fn listed(values: &BTreeMap<String, usize>) -> String {
    match values.len() {
        1 => values.keys().cloned().collect(),
        _ => values.iter().map(|(value, runs)| format!("{value} ({runs})")).collect::<Vec<_>>().join(", "),
    }
}

/// Returns when a condition was reached first, in each run in which it was.
fn times(runs: &[Facts], condition: &Reached) -> Vec<Duration> {
    runs.iter().filter_map(|facts| facts.conditions.get(condition).copied()).collect()
}

/// How much earlier or later than with discrete events a condition may be reached in a world: real processes are also
/// scheduled, and asked over HTTP.
const fn allowance(world: WorldKind) -> Duration {
    match world {
        WorldKind::Des => Duration::ZERO,
        WorldKind::Madsim => Duration::from_secs(1),
        WorldKind::Process => Duration::from_secs(4),
    }
}

/// Whether all of these times lie between the least and the most of those known, or so close to them.
fn lies_within(here: &[Duration], known: &[Duration], close: Duration) -> bool {
    let (Some(least), Some(most)) = (known.iter().min(), known.iter().max()) else { return true };
    here.iter().all(|time| *time + close >= *least && *time <= *most + close)
}

/// Returns what became of an operation, told apart from those with the same label by how many of them came before.
fn fate(facts: &Facts, label: &str, before: usize) -> Fate {
    let mut alike = facts.fates.iter().filter(|(it, _)| it == label);
    alike.nth(before).map_or(Fate::NotAsked, |(_, fate)| fate.clone())
}

fn at(times: &[Duration], runs: usize) -> String {
    let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) else { return "never".to_string() };
    let often =
        if times.len() == runs { String::new() } else { format!(" ({})", human::plural(times.len() as u64, "run")) };
    match (human::span(*least), human::span(*most)) {
        (least, most) if least == most => format!("at {least}{often}"),
        (least, most) => format!("at {least} to {most}{often}"),
    }
}

/// Whether a condition says more than that somebody is well, of somebody whose health is watched in every world.
fn is_compared(condition: &Reached, watches: bool) -> bool {
    let is_watched = match condition.who {
        Named::Process(_) => watches,
        Named::Subject(_) => true,
    };
    is_watched && condition.condition != "healthy"
}

fn numbers(processes: &BTreeSet<u16>) -> String {
    if processes.is_empty() {
        return "nobody".to_string();
    }
    processes.iter().map(|process| format!("n{process}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use delian_core::health::HealthConfig;

    use super::*;
    use crate::scenario::secs;

    fn facts(world: WorldKind, leader: u16, fate: Fate) -> Facts {
        let mut facts = Facts::new(world);
        facts.leaders.insert(1, [leader].into());
        facts.fates.push(("5s register m11 through n1".to_string(), fate));
        facts.voters = [1, 2, 3].into();
        facts.settled_after = Some(secs(2));
        facts
    }

    fn differences(des: &[Facts], runs: &[Facts]) -> Vec<String> {
        let scenario = Scenario::build("a-fact").about("It is real.").health(HealthConfig::default());
        let scenario = scenario.finish().expect("it makes sense");
        let elsewhere = [Elsewhere { world: WorldKind::Process, runs: runs.to_vec() }];
        let rows = compare(&scenario, des, &elsewhere).into_iter().filter(|row| !row.agrees());
        rows.map(|row| format!("{}: {} / {}", row.fact, row.des, row.others[0].value)).collect()
    }

    #[test]
    fn what_some_seed_came_to_agrees_and_all_else_is_a_difference() {
        let des = [facts(WorldKind::Des, 1, Fate::Acknowledged), facts(WorldKind::Des, 2, Fate::Unknown)];
        let likely = facts(WorldKind::Process, 2, Fate::Acknowledged);
        assert_eq!(differences(&des, std::slice::from_ref(&likely)), Vec::<String>::new());
        let stranger = facts(WorldKind::Process, 3, Fate::NotAsked);
        assert_eq!(
            differences(&des, std::slice::from_ref(&stranger)),
            ["who led: n1 n2 / n3", "5s register m11 through n1: acknowledged (1), unknown (1) / nobody listened",]
        );
        assert_eq!(
            differences(&des, &[likely, stranger]),
            [
                "who led: n1 n2 / n2 n3",
                "5s register m11 through n1: acknowledged (1), unknown (1) / acknowledged (1), nobody listened (1)",
            ],
            "one of many runs is enough"
        );
    }

    #[test]
    fn what_is_broken_anywhere_is_a_difference() {
        let des = [facts(WorldKind::Des, 1, Fate::Acknowledged)];
        let mut other = facts(WorldKind::Process, 1, Fate::Acknowledged);
        other.broken.push("one-leader-per-term: term 3 had two".to_string());
        other.leaders.insert(3, [1, 2].into());
        other.settled_after = None;
        let told = differences(&des, &[other]).join("\n");
        assert!(told.contains("broken: nothing / one-leader-per-term") && told.contains("leaders in a term"), "{told}");
        assert!(told.contains("settled within 30.0 s: in 2.00 s / never"), "{told}");
    }

    #[test]
    fn a_condition_that_every_seed_reached_must_be_reached() {
        let condition = |who| Reached { who, condition: "unreachable".to_string() };
        let mut one = facts(WorldKind::Des, 1, Fate::Acknowledged);
        one.conditions.insert(condition(Named::Process(3)), secs(9));
        let other = facts(WorldKind::Process, 1, Fate::Acknowledged);
        assert_eq!(differences(&[one.clone()], std::slice::from_ref(&other)), ["n3 is unreachable: at 9.00 s / never"]);
        assert_eq!(
            differences(&[one.clone()], &[one.clone(), other.clone()]),
            ["n3 is unreachable: at 9.00 s / at 9.00 s (1 run)"],
            "one of many runs did not"
        );
        let mut late = one.clone();
        (late.world, late.conditions) = (WorldKind::Process, [(condition(Named::Process(3)), secs(14))].into());
        assert_eq!(differences(&[one.clone()], &[late]), ["n3 is unreachable: at 9.00 s / at 14.0 s"], "far too late");
        let calm = facts(WorldKind::Des, 1, Fate::Acknowledged);
        assert_eq!(differences(&[one, calm], &[other]), Vec::<String>::new(), "some seeds did without");
    }

    #[test]
    fn a_difference_that_the_scenario_explains_is_told_and_held_against_nobody() {
        let mut worlds = crate::scenario::Worlds::default();
        worlds.differs.insert("who led".to_string(), "n3 is quick".to_string());
        let scenario =
            Scenario { worlds, ..Scenario::build("a-fact").about("It is real.").finish().expect("it is right") };
        let des = [facts(WorldKind::Des, 1, Fate::Acknowledged)];
        let led = |leader| {
            let runs = vec![facts(WorldKind::Madsim, leader, Fate::Acknowledged)];
            let rows = compare(&scenario, &des, &[Elsewhere { world: WorldKind::Madsim, runs }]);
            assert!(rows.iter().all(Row::agrees));
            rows.into_iter().find(|row| row.fact == "who led").expect("it is always told")
        };
        assert_eq!(led(3).explanation(), Some("n3 is quick"));
        assert_eq!(led(1).explanation(), None, "it agrees");
    }
}
