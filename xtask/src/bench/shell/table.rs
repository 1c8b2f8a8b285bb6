//! What was measured, as tables and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::CLIENTS;
use super::clusters::Contender;
use super::load::Load;
use crate::bench::spread::Spread;

const INTRODUCTION: &str = "Three nodes on loopback with their stores on one disk; every client writes about 200 bytes by \
    one HTTP request to the leader after the other. A write is answered when a majority has it on its disk, flushed. \
    Numbers are medians over all turns, with the least and the greatest; a ratio is that of medians. The processes, the \
    clients among them, share the processors of the machine.";

/// What is asked of a failover with default timings, in milliseconds, and of an idle node: megabytes and a share of a core.
const FAILOVER_MAX: f64 = 1000.0;
const RESIDENT_MAX: f64 = 15.0;
const SHARE_MAX: f64 = 0.2;

/// What was measured of one contender.
pub(super) struct Cell {
    pub(super) contender: Contender,
    /// By number of clients, each over all turns.
    pub(super) loads: Vec<Vec<Load>>,
    /// In milliseconds.
    pub(super) failovers: Vec<f64>,
    /// Megabytes, and per cent of a core.
    pub(super) idle: Option<(f64, f64)>,
}

pub(super) struct Report {
    pub(super) machine: String,
    pub(super) compiler: String,
    /// Its version, if it was measured.
    pub(super) etcd: Option<String>,
    pub(super) cells: Vec<Cell>,
}

impl Cell {
    pub(super) fn new(contender: Contender) -> Self {
        Self { contender, loads: vec![Vec::new(); CLIENTS.len()], failovers: Vec::new(), idle: None }
    }

    fn spread(&self, place: usize, number: impl Fn(&Load) -> f64) -> Option<Spread> {
        Spread::of(self.loads[place].iter().map(number))
    }

    fn failover(&self, permille: usize) -> Option<f64> {
        let mut sorted = self.failovers.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get((sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1))).copied()
    }
}

impl Report {
    fn cell(&self, contender: Contender) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.contender == contender)
    }

    pub(super) fn to_markdown(&self) -> String {
        let mut out = String::from("# What a write through three real nodes costs\n\n");
        let peer = match &self.etcd {
            Some(version) => format!("etcd {version}"),
            None => "without etcd, which this machine does not have".to_owned(),
        };
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench shell --write` on {}, {}, {peer}. {INTRODUCTION}\n",
            self.machine, self.compiler
        );
        self.write_asked(&mut out);
        out.push_str(
            "## Writes\n\n| clients | who | in a second | median, µs | p99, µs |\n|---:|---|---:|---:|---:|\n",
        );
        let text = |spread: Option<Spread>| spread.map_or_else(String::new, |spread| spread.to_string());
        for (place, clients) in CLIENTS.into_iter().enumerate() {
            for cell in &self.cells {
                let _ = writeln!(
                    out,
                    "| {clients} | {} | {} | {} | {} |",
                    cell.contender.name(),
                    text(cell.spread(place, |load| load.per_second)),
                    text(cell.spread(place, |load| load.median)),
                    text(cell.spread(place, |load| load.p99)),
                );
            }
        }
        out.push_str("\n## Failover and rest\n\n");
        out.push_str("| who | leaders killed | median, ms | p99, ms | idle, MB resident | idle, % of a core |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|\n");
        for cell in &self.cells {
            let one = |number: Option<f64>, digits| number.map_or_else(String::new, |it| format!("{it:.digits$}"));
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                cell.contender.name(),
                cell.failovers.len(),
                one(cell.failover(500), 0),
                one(cell.failover(990), 0),
                one(cell.idle.map(|(resident, _)| resident), 1),
                one(cell.idle.map(|(_, share)| share), 2),
            );
        }
        out
    }

    fn write_asked(&self, out: &mut String) {
        let Some(ours) = self.cell(Contender::Delian) else { return };
        out.push_str("## Asked\n\n| what | asked | Delian | |\n|---|---:|---:|---|\n");
        let mut row = |what: &str, asked: &str, ours: String, is_met: bool| {
            let _ = writeln!(out, "| {what} | {asked} | {ours} | {} |", if is_met { "met" } else { "**missed**" });
        };
        if let Some(theirs) = self.cell(Contender::Etcd) {
            for (place, clients) in CLIENTS.into_iter().enumerate() {
                let ratio = |number: fn(&Load) -> f64| {
                    Some(ours.spread(place, number)?.median / theirs.spread(place, number)?.median)
                };
                if let Some(ratio) = ratio(|load| load.per_second) {
                    let what = format!("writes in a second, {clients} clients, over etcd's");
                    row(&what, "at least 1", format!("{ratio:.2}"), ratio >= 1.0);
                }
                if let Some(ratio) = ratio(|load| load.p99) {
                    let what = format!("p99, {clients} clients, over etcd's");
                    row(&what, "at most 1", format!("{ratio:.2}"), ratio <= 1.0);
                }
            }
        }
        for (what, permille) in [("median", 500), ("p99", 990)] {
            if let Some(took) = ours.failover(permille) {
                let asked = format!("below {FAILOVER_MAX} ms");
                row(&format!("failover, {what}"), &asked, format!("{took:.0} ms"), took < FAILOVER_MAX);
            }
        }
        if let Some((resident, share)) = ours.idle {
            row(
                "idle, resident",
                &format!("at most {RESIDENT_MAX} MB"),
                format!("{resident:.1} MB"),
                resident <= RESIDENT_MAX,
            );
            row("idle, of a core", &format!("at most {SHARE_MAX} %"), format!("{share:.2} %"), share <= SHARE_MAX);
        }
        out.push('\n');
    }

    pub(super) fn to_json(&self) -> Value {
        let load = |load: &Load| {
            json!({
                "per_second": load.per_second, "median_us": load.median, "p99_us": load.p99, "refused": load.refused,
            })
        };
        let cell = |cell: &Cell| {
            let loads = CLIENTS.iter().zip(&cell.loads).map(
                |(clients, turns)| json!({ "clients": clients, "turns": turns.iter().map(load).collect::<Vec<_>>() }),
            );
            json!({
                "name": cell.contender.name(),
                "loads": loads.collect::<Vec<_>>(),
                "failovers_ms": cell.failovers,
                "idle_resident_mb": cell.idle.map(|(resident, _)| resident),
                "idle_core_percent": cell.idle.map(|(_, share)| share),
            })
        };
        json!({
            "machine": self.machine,
            "compiler": self.compiler,
            "etcd": self.etcd,
            "contenders": self.cells.iter().map(cell).collect::<Vec<_>>(),
        })
    }
}
