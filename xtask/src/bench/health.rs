//! `cargo xtask bench health`: what it costs one leader to watch thousands of nodes, and to tell what changed.
//!
//! There is no peer that does the same, so what stands beside ours is the obvious design: a map of records that every
//! heartbeat overwrites, and a look at all of them every ten seconds.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::spread::Spread;
use crate::bench::{Options, circumstances, peers, publish};
use crate::{Answer, Problem, process};

/// How often everything is measured, each time in a process of its own; the median counts.
const TURNS: usize = 5;

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-health";

/// The package of `bench/`, and its program.
const PROGRAM: &str = "health-of-thousands";

const NODES: [u32; 3] = [100, 1_000, 10_000];
/// How many times each node beats, after a first time that is not measured.
const ROUNDS: u32 = 12;
/// How many epochs lie between who asks what changed and who answers.
const GAP: u32 = 100;

const INTRODUCTION: &str = "CPU time of one thread. Every node beats each ten seconds at one node that leads, which \
    decodes each frame, takes it in, and looks after whoever falls silent. *Plain* is the obvious design at the same \
    frames: a map of records that each heartbeat overwrites, and a look at all of them every ten seconds; it has no \
    lives, no evidence and no log. Numbers are medians over all turns, with the least and the greatest.";

/// What was measured of so many nodes.
struct Cell {
    nodes: u32,
    beats: Vec<Measured>,
    plain: Vec<Measured>,
    sweep: Vec<Measured>,
    delta: Vec<Measured>,
}

struct Report {
    machine: String,
    compiler: String,
    cells: Vec<Cell>,
}

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    peers::require(&root, PROGRAM)?;
    let program = peers::program(&root, PROGRAM);
    let new = |nodes| Cell { nodes, beats: vec![], plain: vec![], sweep: vec![], delta: vec![] };
    let mut cells: Vec<Cell> = NODES.map(new).into();
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS}");
        for cell in &mut cells {
            let nodes = cell.nodes;
            let of = |words: &str| Measured::of(&program, words);
            cell.beats.push(of(&format!("beats nodes={nodes} rounds={ROUNDS}"))?);
            if !options.no_peers {
                cell.plain.push(of(&format!("plain nodes={nodes} rounds={ROUNDS}"))?);
            }
            cell.sweep.push(of(&format!("sweep nodes={nodes}"))?);
            cell.delta.push(of(&format!("delta nodes={nodes} gap={GAP}"))?);
        }
    }
    let report = Report { machine: circumstances::machine(), compiler: circumstances::compiler()?, cells };
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

impl Cell {
    fn of(turns: &[Measured], number: impl Fn(&Measured) -> f64) -> Option<Spread> {
        Spread::of(turns.iter().map(number))
    }

    /// Returns what share of a core the leader takes, in percent.
    fn share(turns: &[Measured]) -> Option<Spread> {
        Self::of(turns, |turn| 100.0 / turn.speed())
    }

    fn nanos_of_a_beat(turns: &[Measured]) -> Option<Spread> {
        Self::of(turns, |turn| 1e9 / turn.per_cpu_second("beats"))
    }

    fn allocations(&self) -> Option<Spread> {
        Self::of(&self.beats, |turn| turn.number("allocations") as f64)
    }

    fn micros(turns: &[Measured], name: &str) -> Option<Spread> {
        Self::of(turns, |turn| turn.number(name) as f64 / 1e3)
    }
}

impl Report {
    fn to_markdown(&self) -> String {
        let Self { machine, compiler, cells } = self;
        let mut out = String::from("# What it costs to watch thousands of nodes\n\n");
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench health --write` on {machine}, {compiler}, in {TURNS} turns. {INTRODUCTION}\n"
        );
        write_asked(cells, &mut out);
        out.push_str(
            "## All sizes\n\n| nodes | share of a core, % | a heartbeat, ns | plain, ns | a look when nothing is ",
        );
        out.push_str("due, ns | a look that finds one silent, µs |\n|---:|---:|---:|---:|---:|---:|\n");
        for cell in cells {
            let idle = Cell::of(&cell.sweep, |turn| turn.number("idle_ps") as f64 / 1e3);
            let row = [
                Cell::share(&cell.beats),
                Cell::nanos_of_a_beat(&cell.beats),
                Cell::nanos_of_a_beat(&cell.plain),
                idle,
                Cell::micros(&cell.sweep, "silence_ns"),
            ];
            let _ = writeln!(out, "| {} | {} |", cell.nodes, row.map(told).join(" | "));
        }
        let _ = writeln!(out, "\nWhat changed in {GAP} epochs, each of another node, in microseconds.\n");
        out.push_str("| nodes | told | taken in | all of the topology as bytes |\n|---:|---:|---:|---:|\n");
        for cell in cells {
            let row = ["delta_ns", "apply_ns", "whole_ns"].map(|name| told(Cell::micros(&cell.delta, name)));
            let _ = writeln!(out, "| {} | {} |", cell.nodes, row.join(" | "));
        }
        out
    }

    fn to_json(&self) -> Value {
        let Self { machine, compiler, cells } = self;
        let turns = |turns: &[Measured]| -> Vec<Value> {
            let numbers =
                |turn: &Measured| turn.names().map(|name| (name.to_owned(), turn.number(name).into())).collect();
            turns.iter().map(numbers).map(Value::Object).collect()
        };
        let cells = cells.iter().map(|cell| {
            let Cell { nodes, beats, plain, sweep, delta } = cell;
            json!({
                "nodes": nodes,
                "beats": turns(beats),
                "plain": turns(plain),
                "sweep": turns(sweep),
                "delta": turns(delta),
            })
        });
        json!({ "turns": TURNS, "machine": machine, "compiler": compiler, "cells": cells.collect::<Vec<Value>>() })
    }
}

/// Says what was asked, and whether it is so.
fn write_asked(cells: &[Cell], out: &mut String) {
    out.push_str("## Asked\n\n| what | asked at most | Delian | |\n|---|---:|---:|---|\n");
    let Some(most) = cells.iter().max_by_key(|cell| cell.nodes) else { return };
    let nodes = most.nodes;
    let growth = cells.iter().min_by_key(|cell| cell.nodes).and_then(|least| {
        let idle = |cell: &Cell| Cell::of(&cell.sweep, |turn| turn.number("idle_ps") as f64);
        Some(idle(most)?.times(1.0 / idle(least)?.median))
    });
    let goals = [
        (format!("{nodes} nodes at one leader, of a core"), Cell::share(&most.beats), " %", 2.0),
        ("a heartbeat".to_string(), Cell::nanos_of_a_beat(&most.beats).map(|nanos| nanos.times(1e-3)), " µs", 2.0),
        ("allocations of all heartbeats".to_string(), most.allocations(), "", 0.0),
        (format!("what changed in {GAP} epochs, told"), Cell::micros(&most.delta, "delta_ns"), " µs", 100.0),
        (format!("a look when nothing is due: {nodes} nodes over {}", NODES[0]), growth, "", 2.0),
    ];
    for (what, ours, unit, most) in goals {
        let verdict = ours.map_or("not measured", |ours| if ours.median <= most { "met" } else { "**missed**" });
        let _ = writeln!(out, "| {what} | {most}{unit} | {} | {verdict} |", told(ours));
    }
    out.push('\n');
}

fn told(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| spread.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(allocations: u32) -> Report {
        let beats = format!("cpu_ns=50000000 simulated_ns=60000000000 beats=60000 allocations={allocations}");
        let measured = |line: &str| vec![Measured::sample(line)];
        let cell = |nodes| Cell {
            nodes,
            beats: measured(&beats),
            plain: Vec::new(),
            sweep: measured("cpu_ns=9 idle_ps=220000 silence_ns=2800"),
            delta: measured("cpu_ns=9 changed=100 delta_ns=100100 apply_ns=1 whole_ns=1"),
        };
        Report { machine: "a machine".to_string(), compiler: "rustc".to_string(), cells: NODES.map(cell).into() }
    }

    #[test]
    fn what_was_asked_is_judged_at_the_greatest_size() {
        let text = report(0).to_markdown();
        for line in [
            "| 10000 nodes at one leader, of a core | 2 % | 0.08 (0.08–0.08) | met |\n",
            "| a heartbeat | 2 µs | 0.83 (0.83–0.83) | met |\n",
            "| allocations of all heartbeats | 0 | 0.00 (0.00–0.00) | met |\n",
            "| what changed in 100 epochs, told | 100 µs | 100.10 (100.10–100.10) | **missed** |\n",
            "| 1000 | 0.08 (0.08–0.08) | 833.33 (833.33–833.33) |  | 220.00 (220.00–220.00) | 2.80 (2.80–2.80) |\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        let one = "| allocations of all heartbeats | 0 | 1.00 (1.00–1.00) | **missed** |\n";
        assert!(report(1).to_markdown().contains(one));
    }

    #[test]
    fn the_document_has_every_turn() {
        let json = report(0).to_json();
        assert_eq!(json["cells"][2]["beats"][0]["beats"].as_u64(), Some(60_000));
        assert_eq!(json["cells"][2]["plain"].as_array().map(Vec::len), Some(0));
    }
}
