//! Sets the facts of worlds side by side.
//!
//! Luck decides who leads and how long it takes, and luck differs. So discrete events are run over many seeds, and what
//! they came to is what may be: a value that another world comes to agrees if some seed came to it, too. What every
//! world must come to alike, such as one leader in each term, has one value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{Facts, Fate, Named, Reached};
use crate::report::human;
use crate::scenario::Scenario;

/// One fact in two worlds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which fact.
    pub fact: String,
    /// What discrete events came to, each value with the number of runs where there are several.
    pub des: String,
    /// What the other world came to.
    pub other: String,
    /// Whether that agrees.
    pub agrees: bool,
}

/// Compares a run elsewhere with runs of discrete events.
pub fn compare(scenario: &Scenario, des: &[Facts], other: &Facts) -> Vec<Row> {
    let mut rows = vec![
        alike(
            "broken",
            des,
            other,
            |facts| if facts.holds() { "nothing".to_string() } else { facts.broken[0].clone() },
        ),
        alike("leaders in a term", des, other, |facts| {
            let most = facts.leaders.values().map(BTreeSet::len).max().unwrap_or_default();
            if most <= 1 { "one at most".to_string() } else { most.to_string() }
        }),
        led(des, other),
        among("another leads in between", des, other, |facts| {
            if facts.counts.get("leader_changes") > 0 { "yes".to_string() } else { "no".to_string() }
        }),
    ];
    for (place, (label, _)) in other.fates.iter().enumerate() {
        let fate = |facts: &Facts| facts.fates.get(place).map_or(Fate::NotAsked, |(_, fate)| fate.clone()).to_string();
        rows.push(among(label, des, other, fate));
    }
    // What random clients left behind depends on what they asked for, which every seed draws anew.
    if scenario.workload.is_none() {
        rows.push(among("registered at the end", des, other, |facts| {
            let subjects: Vec<String> =
                facts.subjects.iter().map(|(subject, condition)| format!("m{subject} {condition}")).collect();
            if subjects.is_empty() { "nobody".to_string() } else { subjects.join(", ") }
        }));
    }
    rows.push(among("voters at the end", des, other, |facts| numbers(&facts.voters)));
    rows.extend(conditions(scenario, des, other));
    rows.push(settled(scenario, des, other));
    rows
}

/// A fact that has the same value in every run of every world.
fn alike(fact: &str, des: &[Facts], other: &Facts, value: impl Fn(&Facts) -> String) -> Row {
    let row = among(fact, des, other, &value);
    let agrees = des.iter().all(|facts| value(facts) == row.other);
    Row { agrees, ..row }
}

/// A fact that has a value that some run of discrete events has.
fn among(fact: &str, des: &[Facts], other: &Facts, value: impl Fn(&Facts) -> String) -> Row {
    let mut values: BTreeMap<String, usize> = BTreeMap::new();
    for facts in des {
        *values.entry(value(facts)).or_default() += 1;
    }
    let other = value(other);
    let agrees = values.contains_key(&other);
    let des = match values.len() {
        1 => values.into_keys().collect(),
        _ => values.iter().map(|(value, runs)| format!("{value} ({runs})")).collect::<Vec<_>>().join(", "),
    };
    Row { fact: fact.to_string(), des, other, agrees }
}

/// Who led: nobody who never does in any run of discrete events.
fn led(des: &[Facts], other: &Facts) -> Row {
    let who = |facts: &Facts| facts.leaders.values().flatten().copied().collect::<BTreeSet<u16>>();
    let may: BTreeSet<u16> = des.iter().flat_map(who).collect();
    let did = who(other);
    let agrees = !did.is_empty() && did.is_subset(&may);
    Row { fact: "who led".to_string(), des: numbers(&may), other: numbers(&did), agrees }
}

/// Conditions: what every run of discrete events reached is reached, and nothing that none did.
fn conditions(scenario: &Scenario, des: &[Facts], other: &Facts) -> Vec<Row> {
    let reached = |facts: &Facts| facts.conditions.keys().cloned().collect::<BTreeSet<Reached>>();
    let all: BTreeSet<Reached> = des.iter().chain([other]).flat_map(reached).collect();
    let row = |condition: &Reached| {
        let times: Vec<Duration> = des.iter().filter_map(|facts| facts.conditions.get(condition).copied()).collect();
        let told = match (times.iter().min(), times.iter().max()) {
            (Some(least), Some(most)) => {
                let often = if times.len() == des.len() { String::new() } else { format!(" ({} runs)", times.len()) };
                format!("at {} to {}{often}", human::span(*least), human::span(*most))
            }
            _ => "never".to_string(),
        };
        let at = other.conditions.get(condition);
        let agrees = if at.is_some() { !times.is_empty() } else { times.len() < des.len() };
        let other = at.map_or("never".to_string(), |at| format!("at {}", human::span(*at)));
        Row { fact: format!("{} is {}", condition.who, condition.condition), des: told, other, agrees }
    };
    let watches = scenario.cluster.config.health.is_some();
    all.iter().filter(|condition| is_compared(condition, watches)).map(row).collect()
}

/// Whether a condition says more than that somebody is well, of somebody whose health is watched in every world.
fn is_compared(condition: &Reached, watches: bool) -> bool {
    let is_watched = match condition.who {
        Named::Process(_) => watches,
        Named::Subject(_) => true,
    };
    is_watched && condition.condition != "healthy"
}

/// Settling: within the scenario's bound.
fn settled(scenario: &Scenario, des: &[Facts], other: &Facts) -> Row {
    let slowest = des.iter().filter_map(|facts| facts.settled_after).max();
    let told =
        |after: Option<Duration>| after.map_or("never".to_string(), |after| format!("in {}", human::span(after)));
    let agrees = other.settled_after.is_some() && des.iter().all(|facts| facts.settled_after.is_some());
    let fact = format!("settled within {}", human::span(scenario.settle));
    Row { fact, des: format!("{} at most", told(slowest)), other: told(other.settled_after), agrees }
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
    use crate::worlds::WorldKind;

    fn facts(world: WorldKind, leader: u16, fate: Fate) -> Facts {
        let mut facts = Facts::new(world);
        facts.leaders.insert(1, [leader].into());
        facts.fates.push(("5s register m11 through n1".to_string(), fate));
        facts.voters = [1, 2, 3].into();
        facts.settled_after = Some(secs(2));
        facts
    }

    fn differences(des: &[Facts], other: &Facts) -> Vec<String> {
        let scenario = Scenario::build("a-fact").about("It is real.").health(HealthConfig::default());
        let scenario = scenario.finish().expect("it makes sense");
        let rows = compare(&scenario, des, other).into_iter();
        rows.filter(|row| !row.agrees).map(|row| format!("{}: {} / {}", row.fact, row.des, row.other)).collect()
    }

    #[test]
    fn what_some_seed_came_to_agrees_and_all_else_is_a_difference() {
        let des = [facts(WorldKind::Des, 1, Fate::Acknowledged), facts(WorldKind::Des, 2, Fate::Unknown)];
        assert_eq!(differences(&des, &facts(WorldKind::Process, 2, Fate::Acknowledged)), Vec::<String>::new());
        assert_eq!(
            differences(&des, &facts(WorldKind::Process, 3, Fate::NotAsked)),
            ["who led: n1 n2 / n3", "5s register m11 through n1: acknowledged (1), unknown (1) / nobody listened",]
        );
    }

    #[test]
    fn what_is_broken_anywhere_is_a_difference() {
        let des = [facts(WorldKind::Des, 1, Fate::Acknowledged)];
        let mut other = facts(WorldKind::Process, 1, Fate::Acknowledged);
        other.broken.push("one-leader-per-term: term 3 had two".to_string());
        other.leaders.insert(3, [1, 2].into());
        other.settled_after = None;
        let told = differences(&des, &other).join("\n");
        assert!(told.contains("broken: nothing / one-leader-per-term") && told.contains("leaders in a term"), "{told}");
        assert!(told.contains("settled within 30.0 s: in 2.00 s at most / never"), "{told}");
    }

    #[test]
    fn a_condition_that_every_seed_reached_must_be_reached() {
        let condition = |who| Reached { who, condition: "unreachable".to_string() };
        let mut one = facts(WorldKind::Des, 1, Fate::Acknowledged);
        one.conditions.insert(condition(Named::Process(3)), secs(9));
        let other = facts(WorldKind::Process, 1, Fate::Acknowledged);
        assert_eq!(differences(&[one.clone()], &other), ["n3 is unreachable: at 9.00 s to 9.00 s / never"]);
        let calm = facts(WorldKind::Des, 1, Fate::Acknowledged);
        assert_eq!(differences(&[one, calm], &other), Vec::<String>::new(), "some seeds did without");
    }
}
