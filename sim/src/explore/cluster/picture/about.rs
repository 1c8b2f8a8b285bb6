//! A model in words: what it is made of and what it may still spend.

use delian_core::projection::Deadline;
use serde::Serialize;

use super::{Row, name_of};
use crate::explore::cluster::Cluster;
use crate::explore::cluster::model::{Budgets, Disk, Heal, Model, Network, Start, Symmetry, UNBOUNDED};

/// A model, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What it explores.
    pub sentence: &'static str,
    /// What it is made of: a name and a text each.
    pub facts: Vec<(&'static str, String)>,
    /// What some state must show.
    pub goals: Vec<&'static str>,
    /// How many states it has, if that is known.
    pub states: Option<u64>,
}

impl Cluster {
    /// Tells what the model is.
    pub fn about(&self) -> About {
        let model = self.model();
        About {
            name: model.name,
            sentence: model.sentence,
            facts: facts(model),
            goals: model.goals.iter().map(|goal| goal.name()).collect(),
            states: model.pinned.map(|counts| counts.unique),
        }
    }
}

fn facts(model: &Model) -> Vec<(&'static str, String)> {
    let list = |range: std::ops::Range<u8>| range.map(name_of).collect::<Vec<_>>().join(" ");
    let learners = list(model.voters..model.size());
    let nodes = list(0..model.voters) + &if learners.is_empty() { learners } else { format!(", learners {learners}") };
    let network = match model.network {
        Network::Set => "a set: anything, anytime, again".to_owned(),
        Network::Fifo { cap } => format!("links that hold {cap} and lose any"),
        Network::Delay { .. } => "one queue, few deviations".to_owned(),
    };
    let disk = match model.disk {
        Disk::Instant => "writes within the step",
        Disk::Slow => "writes wait for a flush",
    };
    let start = match model.start {
        Start::Founded => "nobody leads",
        Start::Led => "n1 leads",
    };
    let heal = match model.heal {
        Heal::Required => "quiet states must heal",
        Heal::Skipped => "healing is not looked at",
    };
    let names = match model.symmetry {
        Symmetry::Reduced { .. } => "states that differ by them alone are one",
        Symmetry::Unreduced => "told apart",
    };
    let deadlines = model.deadlines.iter().map(|deadline| tell_deadline(*deadline)).collect::<Vec<_>>().join(", ");
    vec![
        ("voters", nodes),
        ("network", network),
        ("disks", disk.to_owned()),
        ("at the beginning", start.to_owned()),
        ("what falls due", deadlines),
        ("demanded", heal.to_owned()),
        ("names of nodes", names.to_owned()),
    ]
}

fn tell_deadline(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::Election => "elections",
        Deadline::Presumption => "presumptions",
        Deadline::Heartbeat => "heartbeats",
        Deadline::QuorumCheck => "quorum checks",
        Deadline::TransferAbort => "hand-overs",
        Deadline::Lease | Deadline::LeaseMeasured => "leases",
        Deadline::SnapshotResend => "snapshots",
        Deadline::Command => "commands",
        Deadline::Read => "reads",
        Deadline::Handover => "answers",
        Deadline::Autopilot => "autopilot",
    }
}

/// Returns what the model allows at all, and how much of it is left.
pub(super) fn budgets(model: &Model, before: Budgets, after: Budgets) -> Vec<Row> {
    let deviations = match model.network {
        Network::Delay { deviations } => deviations,
        Network::Set | Network::Fifo { .. } => 0,
    };
    let bounds = listed(Budgets { deviations, ..model.budgets });
    let rows = bounds.into_iter().zip(listed(before)).zip(listed(after));
    let allowed = rows.filter(|(((_, bound), _), _)| *bound > 0);
    allowed
        .map(|(((name, bound), (_, before)), (_, after))| {
            let left = |count| match count {
                UNBOUNDED => "as often as wished".to_owned(),
                // No budget but the highest term that there may be.
                _ if name == TERMS => count.to_string(),
                _ => format!("{count} of {bound}"),
            };
            Row::compared(name, vec![left(before)], vec![left(after)])
        })
        .collect()
}

const TERMS: &str = "highest term";

fn listed(budgets: Budgets) -> [(&'static str, u8); 14] {
    let Budgets {
        terms,
        elections,
        heartbeats,
        checks,
        commands,
        reads,
        crashes,
        wipes,
        drifts,
        changes,
        transfers,
        forgets,
        duplicates,
        deviations,
    } = budgets;
    [
        ("deviations", deviations),
        (TERMS, terms),
        ("elections", elections),
        ("heartbeats", heartbeats),
        ("quorum checks", checks),
        ("commands", commands),
        ("reads", reads),
        ("crashes", crashes),
        ("lost disks", wipes),
        ("clocks beyond the bound", drifts),
        ("changes", changes),
        ("hand-overs", transfers),
        ("forgotten leaders", forgets),
        ("doubled messages", duplicates),
    ]
}
