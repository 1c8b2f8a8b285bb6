//! `delian ring replicas`: where the copies of keys lie.

use std::collections::BTreeSet;

use delian_core::ring::{Level, Place, Shortage, Slot, Token};
use delian_sim::placement::NodeList;
use serde_json::{Value, json};

use super::arguments::ReplicasArguments;
use super::input::{keys, nodes, refuse_idle_rule, shown};
use super::{described, document};
use crate::answer::{Answer, Problem};
use crate::screen;
use crate::table::{Side, Table};

pub(crate) fn run(arguments: &ReplicasArguments) -> Result<Answer, Problem> {
    let list = nodes(&arguments.nodes)?;
    refuse_idle_rule(&arguments.rule, &list.path, &list.ring)?;
    let keys = keys(&arguments.keys, &arguments.nodes.nodes)?;
    let place = |key: &Vec<u8>| {
        let mut replicas = vec![Slot::new(0); arguments.copies];
        let placed = list.ring.replicas_at(Token::of(key), arguments.rule.rule(), Some(&list.eligible), &mut replicas);
        placed.map(|()| replicas)
    };
    match keys.iter().map(place).collect::<Result<Vec<_>, Shortage>>() {
        Ok(placed) => {
            let text =
                if arguments.json { to_json(&list, &keys, &placed) } else { to_text(arguments, &list, &keys, &placed) };
            screen::say(&text)?;
            Ok(Answer::Yes)
        }
        Err(shortage) => {
            if arguments.json {
                let eligible = list.eligible.len();
                let document = json!({
                    "ring": document(&list.ring), "eligible": eligible, "ok": false, "shortage": shortage.to_string(),
                });
                screen::say(&format!("{document:#}\n"))?;
            }
            screen::complain(&format!("{shortage}: {}", mend(shortage, &list)));
            Ok(Answer::No)
        }
    }
}

/// Says what to do about too few nodes.
fn mend(shortage: Shortage, list: &NodeList) -> String {
    let away = list.ring.len() - list.eligible.len();
    match shortage {
        Shortage::Nodes { eligible, .. } if away > 0 => {
            format!(
                "{away} of the {} nodes are left out; bring them back, or ask for {eligible} with -n",
                list.ring.len()
            )
        }
        Shortage::Nodes { eligible, .. } => format!("add nodes, or ask for {eligible} with -n"),
        Shortage::Domains { level, .. } => {
            format!("add nodes elsewhere, or let copies share a {level} with --spread {level} instead of --apart")
        }
        Shortage::TooMany { .. } => "ask for fewer".to_string(),
    }
}

fn to_text(arguments: &ReplicasArguments, list: &NodeList, keys: &[Vec<u8>], placed: &[Vec<Slot>]) -> String {
    let columns = ["key", "token", "copy", "node", "region", "datacenter", "rack"];
    let mut table =
        Table::new(&columns.map(|column| (column, if column == "copy" { Side::Right } else { Side::Left })));
    for (key, replicas) in keys.iter().zip(placed) {
        for (number, slot) in replicas.iter().enumerate() {
            let (key, token) =
                if number == 0 { (shown(key), Token::of(key).to_string()) } else { (String::new(), String::new()) };
            let Place { region, datacenter, rack } = list.ring.place(*slot);
            let (copy, node) = ((number + 1).to_string(), list.ring.name(*slot).to_string());
            table.push(vec![key, token, copy, node, region.to_string(), datacenter.to_string(), rack.to_string()]);
        }
    }
    let shared = arguments.rule.spread.map(|level| (level, list.eligible.domains(level)));
    let note = match shared.filter(|(_, domains)| *domains < arguments.copies) {
        Some((level, 1)) => format!("\nOnly one {level} has an eligible node, so copies share it.\n"),
        Some((level, domains)) => format!("\nOnly {domains} {level}s have an eligible node, so copies share one.\n"),
        None => String::new(),
    };
    format!("{}\n\n{}{note}", described(&list.ring), table.to_text())
}

fn to_json(list: &NodeList, keys: &[Vec<u8>], placed: &[Vec<Slot>]) -> String {
    let replica = |slot: &Slot| {
        let Place { region, datacenter, rack } = list.ring.place(*slot);
        json!({ "node": &**list.ring.name(*slot), "region": &**region, "datacenter": &**datacenter, "rack": &**rack })
    };
    let entry = |(key, replicas): (&Vec<u8>, &Vec<Slot>)| {
        let domains = Level::ALL.map(|level| {
            let ways: BTreeSet<_> = replicas.iter().map(|slot| way(list.ring.place(*slot), level)).collect();
            (format!("{level}s"), Value::from(ways.len()))
        });
        json!({
            "key": String::from_utf8_lossy(key),
            "token": Token::of(key).to_string(),
            "replicas": replicas.iter().map(replica).collect::<Vec<Value>>(),
            "distinct": domains.into_iter().collect::<serde_json::Map<String, Value>>(),
        })
    };
    let entries: Vec<Value> = keys.iter().zip(placed).map(entry).collect();
    let eligible = list.eligible.len();
    let document = json!({ "ring": document(&list.ring), "eligible": eligible, "ok": true, "keys": entries });
    format!("{document:#}\n")
}

/// Returns the way to the domain in which a place lies: racks of one name in two datacenters are two.
fn way(place: &Place, level: Level) -> [&str; 3] {
    match level {
        Level::Region => [&place.region, "", ""],
        Level::Datacenter => [&place.region, &place.datacenter, ""],
        Level::Rack => [&place.region, &place.datacenter, &place.rack],
    }
}
