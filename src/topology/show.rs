//! `delian topology show`: who is registered.

use delian_shell::shapes::{NodeDocument, TopologyDocument};
use delian_sim::report::human::{bytes, plural};

use super::arguments::ShowArguments;
use crate::answer::{Answer, Problem};
use crate::client::{Client, Told, place, thousandths};
use crate::screen::Screen;
use crate::table::{Side, Table};

pub(super) fn run(arguments: &ShowArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.read.client)?;
    let since = arguments.since.map(|since| format!("?since={since}")).unwrap_or_default();
    let reply = client.read(&arguments.read.path(&format!("/v1/topology{since}")))?;
    client.tell(&reply, |topology: TopologyDocument| Told::yes(text(&topology)))
}

fn text(topology: &TopologyDocument) -> String {
    let TopologyDocument { since, epoch, fingerprint, nodes, removed } = topology;
    let count = nodes.len() as u64;
    let mut page = match since {
        Some(since) if nodes.is_empty() && removed.is_empty() => {
            return format!("epoch {epoch}: nothing changed after {since}\n");
        }
        Some(since) => {
            format!("epoch {epoch}, after {since}: {} changed, {} removed\n", plural(count, "node"), removed.len())
        }
        None if nodes.is_empty() => {
            return format!(
                "epoch {epoch}: nobody is registered: a node registers when it runs, see `delian node --help`, or by \
                 `delian topology register`\n"
            );
        }
        None => format!("epoch {epoch}, {}, fingerprint {fingerprint}\n", plural(count, "node")),
    };
    if !nodes.is_empty() {
        page.push('\n');
        page += &table(nodes).fitting(Screen::of_output().width());
    }
    if !removed.is_empty() {
        page.push('\n');
        page.extend(removed.iter().map(|removal| format!("{} was removed in epoch {}\n", removal.id, removal.epoch)));
    }
    page
}

fn table(nodes: &[NodeDocument]) -> Table {
    let mut table = Table::new(&[
        ("id", Side::Left),
        ("name", Side::Left),
        ("condition", Side::Left),
        ("since", Side::Right),
        ("place", Side::Left),
        ("in the log", Side::Left),
        ("pool", Side::Left),
        ("ring", Side::Right),
        ("storage", Side::Right),
        ("address", Side::Left),
        ("api", Side::Left),
        ("tags", Side::Left),
    ]);
    for node in nodes {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let drained = node.drain.as_ref().map(|drain| format!(", {} moved", thousandths(drain.moved_permille)));
        let tag =
            |(key, value): (&String, &String)| if value.is_empty() { key.clone() } else { format!("{key}={value}") };
        table.push(vec![
            node.id.clone(),
            node.name.clone(),
            format!("{}{}", node.condition, drained.unwrap_or_default()),
            format!("e{}", node.since_epoch),
            place(&node.place),
            text(&node.log),
            text(&node.pool),
            node.ring_permille.map(thousandths).unwrap_or_default(),
            if node.total_bytes == 0 { String::new() } else { bytes(node.total_bytes) },
            format!("{}:{}", node.address, node.port),
            text(&node.api),
            node.tags.iter().map(tag).collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}
