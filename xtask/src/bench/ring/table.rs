//! What `cargo xtask bench ring` tells: tables for people and one document for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::ring::cells::{Cell, JOIN_NODES, KEY_BYTES, OUT_PERMILLE, PICK_NODES, RING_NODES, RINGS, Work};
use crate::bench::spread::Spread;

const INTRODUCTION: &str = "CPU time of one thread. Of a lookup the *limit* is the XXH32 hash of the key and one random \
    read of eight bytes in a table of eight bytes for each point, rounded up to a power of two; of a pick it is one draw \
    of random bits and one such read in a table of eight bytes for each node. Contenders are measured slice by slice, \
    each slice right after one of the limit. A ratio says how many times the limit an operation took. Numbers are \
    medians over all turns, those of Delian with the least and the greatest; nanoseconds and microseconds are of the best \
    slice of a turn, for a processor that others share only adds to them.";

const LOOKUPS: &str = "As multiples of the limit. All have 150 points a node, pingora 160. *Plain* is an ordered map \
    from the places of points to nodes. hashring has no walk over different nodes.";

const CHANGES: &str = "One node joins 1,000, in microseconds. *In place* is a ring that nobody shares, *copy* one that \
    readers hold on to, *from scratch* a ring built of all names. pingora and consistent_hash have no other way than \
    from scratch; hashring sorts all points, which are nearly sorted, once.";

const MEMORY: &str = "Bytes for each point. *Points* is what Delian's points and their index take, *whole* is all of the \
    ring, names, weights and places included; the others are whole.";

const PICKS: &str = "In nanoseconds. *Decision* is one through `Strategy::select`, with who, why and the seat to report \
    on; *draw* is that of a place alone. rand's two draw a place and nothing else: an alias table, and a search in sums \
    of weights. *Plain* is the same rule for two that are drawn, in floating point with two exponentials, and returns \
    a place alone.";

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// How often each cell was measured.
    pub(crate) turns: usize,
    pub(crate) circumstances: Circumstances,
    pub(crate) cells: Vec<Cell>,
}

/// What a number depends on beside the code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    pub(crate) machine: String,
    pub(crate) compiler: String,
    /// Packages of others, with their versions.
    pub(crate) peers: Vec<(&'static str, String)>,
}

impl Report {
    pub(crate) fn cell(&self, work: Work, nodes: u32) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.work == work && cell.nodes == nodes)
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from("# How fast keys and requests find their node\n\n");
        let Circumstances { machine, compiler, peers } = &self.circumstances;
        let peers =
            peers.iter().map(|(package, version)| format!("{package} {version}")).collect::<Vec<_>>().join(", ");
        let turns = self.turns;
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench ring --write` on {machine}, {compiler}, {peers}, in {turns} turns. {INTRODUCTION}\n"
        );
        self.write_asked(&mut out);
        self.write_lookups(&mut out);
        self.write_changes(&mut out);
        self.write_memory(&mut out);
        self.write_picks(&mut out);
        out
    }

    fn write_lookups(&self, out: &mut String) {
        let _ = writeln!(out, "## Lookups\n\n{LOOKUPS}\n");
        out.push_str("| what | nodes | limit, ns | Delian, ns | Delian | batch of 16 | plain | pingora | hashring ");
        out.push_str("| consistent_hash |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        let owners = KEY_BYTES.map(|key| (format!("owner, keys of {key} bytes"), Work::Owner { key }));
        let walks = OUT_PERMILLE.map(|out| (format!("eligible owner, {} % are not", out / 10), Work::Walk { out }));
        for (what, work) in owners.into_iter().chain([("three replicas".to_owned(), Work::Replicas)]).chain(walks) {
            for nodes in RING_NODES {
                let Some(cell) = self.cell(work, nodes) else { continue };
                let _ = write!(
                    out,
                    "| {what} | {nodes} | {} | {} | {} | {} |",
                    one(cell.best_nanos("limit"), 1),
                    one(cell.best_nanos("delian"), 1),
                    all(cell.ratio("delian")),
                    all(cell.ratio("batch")),
                );
                for name in ["plain"].into_iter().chain(RINGS.map(|ring| ring.name)) {
                    let _ = write!(out, " {} |", one(cell.ratio(name), 1));
                }
                out.push('\n');
            }
        }
        out.push('\n');
    }

    fn write_changes(&self, out: &mut String) {
        let _ = writeln!(out, "## Changes\n\n{CHANGES}\n");
        out.push_str("| Delian, in place | Delian, a copy | Delian, from scratch | plain | pingora | hashring ");
        out.push_str("| consistent_hash |\n");
        out.push_str("|---:|---:|---:|---:|---:|---:|---:|\n");
        let Some(cell) = self.cell(Work::Join, JOIN_NODES) else { return out.push('\n') };
        out.push('|');
        let micros = |name: &str| cell.best_nanos(name).map(|nanos| nanos.times(1e-3));
        for name in ["delian", "copy", "scratch"] {
            let _ = write!(out, " {} |", all(micros(name)));
        }
        for name in ["plain"].into_iter().chain(RINGS.map(|ring| ring.name)) {
            let _ = write!(out, " {} |", one(micros(name), 0));
        }
        out.push_str("\n\n");
    }

    fn write_memory(&self, out: &mut String) {
        let _ = writeln!(out, "## Memory\n\n{MEMORY}\n");
        out.push_str("| nodes | Delian, points | Delian, whole | plain | pingora | hashring | consistent_hash |\n");
        out.push_str("|---:|---:|---:|---:|---:|---:|---:|\n");
        for nodes in RING_NODES {
            let Some(cell) = self.cell(Work::Memory, nodes) else { continue };
            let _ = write!(out, "| {nodes} |");
            for name in ["delian", "whole", "plain"].into_iter().chain(RINGS.map(|ring| ring.name)) {
                let _ = write!(out, " {} |", one(cell.nanos(name), 1));
            }
            out.push('\n');
        }
        out.push('\n');
    }

    fn write_picks(&self, out: &mut String) {
        let _ = writeln!(out, "## Picks\n\n{PICKS}\n");
        out.push_str(
            "| what | nodes | limit | Delian, decision | × limit | Delian, draw | rand's alias | rand's sums ",
        );
        out.push_str("| plain |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for (what, work) in
            [("weighted", Work::Weighted), ("PeakEWMA", Work::Ewma), ("table of weighted, built", Work::Table)]
        {
            for nodes in PICK_NODES {
                let Some(cell) = self.cell(work, nodes) else { continue };
                // A table is not to be compared with a draw.
                let ratio = cell.ratio("delian").filter(|_| work != Work::Table);
                let _ = writeln!(
                    out,
                    "| {what} | {nodes} | {} | {} | {} | {} | {} | {} | {} |",
                    one(cell.best_nanos("limit").filter(|_| work != Work::Table), 1),
                    all(cell.best_nanos("delian")),
                    one(ratio, 1),
                    all(cell.best_nanos("draw")),
                    one(cell.best_nanos("rand-alias"), 1),
                    one(cell.best_nanos("rand-prefix"), 1),
                    one(cell.best_nanos("plain"), 1),
                );
            }
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let Circumstances { machine, compiler, peers } = &self.circumstances;
        let peers = peers.iter().map(|(package, version)| ((*package).to_owned(), version.as_str().into()));
        let cells = self.cells.iter().filter(|cell| !cell.turns.is_empty()).map(|cell| {
            let names = cell.turns.iter().flat_map(Measured::names).collect::<std::collections::BTreeSet<&str>>();
            let turns = names.into_iter().map(|name| {
                let numbers = cell.turns.iter().map(|turn| turn.number(name));
                (name.to_owned(), numbers.collect::<Vec<u64>>().into())
            });
            let turns = turns.collect::<serde_json::Map<String, Value>>();
            json!({ "work": cell.words(true), "thousandths": turns })
        });
        json!({
            "turns": self.turns,
            "machine": machine,
            "compiler": compiler,
            "peers": peers.collect::<serde_json::Map<String, Value>>(),
            "cells": cells.collect::<Vec<Value>>(),
        })
    }
}

/// Tells the median alone.
fn one(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(String::new, |spread| format!("{:.digits$}", spread.median))
}

/// Tells the whole spread.
fn all(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| spread.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cells: Vec<Cell>) -> Report {
        let peers = vec![("hashring", "0.3.6".to_owned())];
        Report { turns: 3, circumstances: Circumstances { peers, ..Circumstances::default() }, cells }
    }

    #[test]
    fn lookups_are_told_as_multiples_of_the_limit() {
        let said = ["best-limit=7000 best-delian=14000 of-delian=2000 best-plain=70000 of-plain=10000"; 3];
        let text = report(vec![Cell::sample(Work::Owner { key: 16 }, 100, &said)]).to_markdown();
        let line = "| owner, keys of 16 bytes | 100 | 7.0 | 14.0 | 2.00 (2.00–2.00) |  | 10.0 |  |  |  |\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("hashring 0.3.6, in 3 turns"), "{text}");
    }

    #[test]
    fn changes_are_told_in_microseconds() {
        let said = [
            "best-limit=7000 best-delian=80000000 best-copy=200000000 best-scratch=6000000000 best-hashring=745000000",
        ];
        let text = report(vec![Cell::sample(Work::Join, JOIN_NODES, &said)]).to_markdown();
        let line = "| 80.00 (80.00–80.00) | 200.00 (200.00–200.00) | 6000.00 (6000.00–6000.00) |  |  | 745 |  |\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_built_table_is_not_compared_with_a_draw() {
        let said = ["best-limit=1600 best-delian=7000000 of-delian=4000000 best-rand-alias=6000000"];
        let text = report(vec![Cell::sample(Work::Table, 1_000, &said)]).to_markdown();
        assert!(
            text.contains("| table of weighted, built | 1000 |  | 7000.00 (7000.00–7000.00) |  |  | 6000.0 |  |  |\n")
        );
    }

    #[test]
    fn the_document_has_every_turn() {
        let json = report(vec![Cell::sample(Work::Memory, 10, &["delian=5000"])]).to_json();
        assert_eq!(json["cells"][0]["thousandths"]["delian"][0].as_u64(), Some(5000));
        assert_eq!(json["peers"]["hashring"], "0.3.6");
    }
}
