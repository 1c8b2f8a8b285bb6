//! `cargo xtask bench raft`: how fast the Raft node commits and what it holds, beside other Rafts at the same work.

mod programs;
mod table;

use std::collections::BTreeMap;

use crate::bench::measured::Measured;
use crate::bench::raft::programs::{Contender, Programs};
use crate::bench::raft::table::{Memory, Report, Row, Work};
use crate::bench::{Options, publish};
use crate::{Answer, Problem, process};

/// How often each speed is measured; the median counts.
const TURNS: usize = 9;

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-raft";

/// The sizes of clusters.
const VOTERS: [u8; 2] = [3, 5];

/// The commands under way at once, and how many times as many are committed in one measurement.
const INFLIGHT: [(u32, u32); 2] = [(1, 50_000), (256, 500)];

/// How many answers to a heartbeat a leader is handed in one measurement.
const ANSWERS: u32 = 2_000_000;

/// What is asked of each program that counts. Memory does not vary from turn to turn, so each is asked once.
const IDLE: &str = "idle voters=3";
const LOG: &str = "log entries=1000000";
const STEADY: &str = "steady voters=3 rounds=10000";

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    let mut programs = BTreeMap::new();
    for contender in Contender::ALL {
        if contender == Contender::Delian || !options.no_peers {
            programs.insert(contender, contender.build(&root)?);
        }
    }
    if programs[&Contender::Delian].is_none() {
        return Err("the programs of bench/raft/delian cannot be built".to_owned());
    }
    let report = measure(&programs)?;
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Measures every row in turn, several times over, so that whatever disturbs the machine disturbs all of them.
fn measure(programs: &BTreeMap<Contender, Option<Programs>>) -> Result<Report, Problem> {
    let mut report = Report { turns: TURNS, rows: rows(programs), memory: Vec::new() };
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS}");
        for row in &mut report.rows {
            if let Some(programs) = &programs[&row.contender] {
                row.turns.push(Measured::of(&programs.speed, &row.arguments)?);
            }
        }
    }
    eprintln!("memory");
    for (contender, programs) in programs {
        if let Some(Programs { memory, .. }) = programs {
            let (idle, log) = (Measured::of(memory, IDLE)?, Measured::of(memory, LOG)?);
            report.memory.push(Memory { contender: *contender, idle, log, steady: Measured::of(memory, STEADY)? });
        }
    }
    Ok(report)
}

/// All that is measured: each case of all Rafts before the next case.
fn rows(programs: &BTreeMap<Contender, Option<Programs>>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (inflight, rounds) in INFLIGHT {
        for voters in VOTERS {
            for contender in programs.keys() {
                let arguments = format!("commit voters={voters} inflight={inflight} rounds={rounds}");
                let work = Work::Commit { voters, inflight };
                rows.push(Row::new(*contender, "", work, arguments.clone()));
                if let Some(form) = contender.joined_form().filter(|_| inflight > 1) {
                    rows.push(Row::new(*contender, form, work, format!("{arguments} together")));
                }
            }
        }
    }
    for contender in programs.keys().filter(|contender| contender.answers_heartbeats()) {
        rows.push(Row::new(*contender, "", Work::Heartbeat, format!("heartbeat voters=3 answers={ANSWERS}")));
    }
    rows
}
