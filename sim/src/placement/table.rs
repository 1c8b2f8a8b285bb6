//! The TOML form of a file of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::ring::{Place, PointsPerUnit, Weight};

use super::nodes::{Draft, Listed, wrong_with_name};
use crate::scenario::ScenarioError;
use crate::scenario::check::Section;
use crate::scenario::error::Spot;
use crate::scenario::file::table::{Entry, Reader, Table};
use crate::scenario::file::{complete, parse};

/// Reads a file of nodes.
///
/// # Errors
///
/// Returns everything that is wrong with it.
pub(super) fn read(text: &str, path: &str) -> Result<Draft, ScenarioError> {
    let document = parse(text, path)?;
    let mut reader = Reader::new(text);
    let mut top = Table::new(&mut reader, Section::Top, "a file of nodes", 0..0, document.get_ref());
    let mut draft = Draft::default();
    if let Some(entry) = top.take(&mut reader, "points_per_weight")
        && let Some(points) = entry.number(&mut reader, &(1..=PointsPerUnit::MAX.get()))
        && let Ok(points) = PointsPerUnit::new(points)
    {
        draft.points_per_unit = points;
    }
    let nodes = top.require(&mut reader, "node", "one [[node]] with name = \"…\" for each node");
    let nodes = nodes.and_then(|entry| entry.array(&mut reader, "[[node]]")).unwrap_or_default();
    let mut names = BTreeMap::new();
    for (position, entry) in nodes.into_iter().enumerate() {
        if let Some(table) = entry.table(&mut reader, Section::Node(position), "a [[node]]") {
            draft.nodes.extend(read_node(text, &mut reader, table, &mut names));
        }
    }
    top.finish(&mut reader);
    complete(text, path, reader, Vec::new(), |_, _| None)?;
    Ok(draft)
}

/// Reads one node; `names` knows where each name was first.
fn read_node<'t>(
    text: &str,
    reader: &mut Reader<'t>,
    mut table: Table<'t>,
    names: &mut BTreeMap<&'t str, usize>,
) -> Option<Listed> {
    let name = table.require(reader, "name", "points follow from it, name = \"…\"");
    let name = name.and_then(|entry| read_name(text, reader, &entry, names));
    let mut node = Listed::new(name.unwrap_or(""));
    if let Some(weight) = table.take(reader, "weight").and_then(|entry| read_weight(reader, &entry)) {
        node.member.weight = weight;
    }
    let Place { region, datacenter, rack } = &mut node.member.place;
    for (key, place) in [("region", region), ("datacenter", datacenter), ("rack", rack)] {
        let Some(entry) = table.take(reader, key) else { continue };
        match entry.str() {
            Some(text) if !text.chars().any(char::is_control) => *place = Arc::from(text),
            Some(_) => entry.refuse(reader, "must not contain control characters"),
            None => entry.refuse(reader, "must be text in quotes"),
        }
    }
    if let Some(is_eligible) = table.take(reader, "eligible").and_then(|entry| entry.truth(reader)) {
        node.is_eligible = is_eligible;
    }
    table.finish(reader);
    name.map(|_| node)
}

fn read_name<'t>(
    text: &str,
    reader: &mut Reader<'t>,
    entry: &Entry<'t>,
    names: &mut BTreeMap<&'t str, usize>,
) -> Option<&'t str> {
    let Some(name) = entry.str() else {
        entry.refuse(reader, "must be text in quotes");
        return None;
    };
    if let Some(wrong) = wrong_with_name(name) {
        entry.refuse(reader, &wrong);
        return None;
    }
    if let Some(start) = names.get(name) {
        let line = Spot::locate(text, &(*start..*start)).line;
        entry.refuse(reader, &format!("line {line} has it already: names are unique"));
        return None;
    }
    names.insert(name, entry.span().start);
    Some(name)
}

fn read_weight<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<Weight> {
    let weight = entry.thousandths().and_then(|number| Weight::of_thousandths(number).ok());
    if weight.is_none() {
        let right = "must be from 0.001 to 1000, with at most three decimals; eligible = false keeps keys away";
        entry.refuse(reader, right);
    }
    weight
}
