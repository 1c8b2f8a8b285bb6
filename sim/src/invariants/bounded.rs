//! Queues and memory stay within the limits that the settings name.

use delian_core::raft::{Pace, Role};
use delian_core::{Node, NodeId};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct Bounded;

impl Invariant for Bounded {
    const NAME: &'static str = "queues-are-bounded";
    const SENTENCE: &'static str =
        "The log, the windows, the registrations and the queues of a node stay within their limits.";
}

pub(super) fn on_sample(id: NodeId, view: &impl View) -> Result<(), Breach> {
    let Some(node) = view.node(id) else { return Ok(()) };
    let limits = node.settings().bounds();
    let mut over = Vec::new();
    let mut check = |what: &str, is: u64, most: u64| {
        if is > most {
            over.push(format!("{what} of {id}: {is}, above {most}"));
        }
    };
    check("messages withheld", node.raft().withheld_count() as u64, limits.withheld as u64);
    check("commands waiting", node.pending_commands() as u64, limits.pending_commands as u64);
    check("log bytes", log_bytes(node), limits.log_bytes);
    check("registrations", node.topology().len() as u64, limits.registrations as u64);
    check("undurable bytes", node.raft().undurable_bytes(), limits.undurable_bytes);
    if let Role::Leader(leadership) = node.raft().role() {
        for (_, progress) in leadership.progress().iter() {
            if let Pace::Replicate(window) = &progress.pace {
                check("unanswered appends", window.len() as u64, limits.inflight_messages as u64);
                check("unanswered bytes", window.bytes(), limits.inflight_bytes);
            }
        }
    }
    if over.is_empty() { Ok(()) } else { Err(Bounded::breach(over)) }
}

/// The cost of what a node holds beyond its snapshot and the entries it keeps behind it.
fn log_bytes(node: &Node) -> u64 {
    let log = node.raft().log();
    let from = log.covered().index.get() + 1;
    (from..=log.last().index.get())
        .filter_map(|index| log.entry(delian_core::LogIndex::new(index)))
        .map(delian_core::raft::Entry::cost)
        .sum()
}
