//! What `cargo xtask bench raft` tells: tables for people and one document for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::raft::programs::Contender;
use crate::bench::spread::{Spread, median};
use crate::bench::table::grouped;

/// How many bytes of a command are the client's own.
const PAYLOAD_BYTES: f64 = 64.0;

const INTRODUCTION: &str = "Clusters in one process and one thread; messages are handed over as values and disks are \
    memory. A client hands commands of 64 bytes to the leader and the next ones when the cluster is at rest: no \
    message is left and followers have applied too. A ratio says how often faster Delian is: the median of the ratios \
    of one turn each, with the least and the greatest.";

const LENIENT: &str = "Those marked with * do less: they count as at rest when the leader has applied, before \
    followers hear of the commit. Of sailing-proto, a follower that answered after the majority hears of it; one that \
    answered before does so with the next command.";

const MEMORY: &str = "Bytes as asked of the allocator. *Idle* is a node of three after its election, with its store. \
    *Entry* is what a leader holds for each of a million commands beside their 64 bytes. What a command allocates is \
    of all three nodes, one command at a time, without its payload; so is what a round of heartbeats allocates.";

/// All that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// How often each speed was measured.
    pub(crate) turns: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) memory: Vec<Memory>,
}

/// What is to be done fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Commit { voters: u8, inflight: u32 },
    Heartbeat,
}

/// One piece of work for one Raft.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    /// How it is driven, if there are several ways.
    pub(crate) form: &'static str,
    pub(crate) work: Work,
    pub(crate) arguments: String,
    /// Every measurement; none if the program could not be built.
    pub(crate) turns: Vec<Measured>,
}

/// What one Raft holds and allocates.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) contender: Contender,
    pub(crate) idle: Measured,
    pub(crate) log: Measured,
    pub(crate) steady: Measured,
}

impl Row {
    pub(crate) fn new(contender: Contender, form: &'static str, work: Work, arguments: String) -> Row {
        Row { contender, form, work, arguments, turns: Vec::new() }
    }

    /// Returns how many units of its work each turn did in a second of CPU time.
    fn speeds(&self) -> impl Iterator<Item = f64> {
        let unit = match self.work {
            Work::Commit { .. } => "commands",
            Work::Heartbeat => "answers",
        };
        self.turns.iter().map(move |turn| turn.per_cpu_second(unit))
    }

    fn speed(&self) -> Option<f64> {
        median(self.speeds())
    }

    fn messages_each(&self) -> f64 {
        let turn = self.turns.first();
        turn.map_or(0.0, |turn| turn.number("messages") as f64 / turn.number("commands").max(1) as f64)
    }

    fn name(&self) -> String {
        let form = if self.form.is_empty() { String::new() } else { format!(", {}", self.form) };
        format!("{}{form}{}", self.contender.name(), if self.contender.is_strict() { "" } else { " *" })
    }
}

impl Memory {
    fn idle_bytes(&self) -> f64 {
        per(&self.idle, "held_bytes", "nodes")
    }

    fn entry_bytes(&self) -> f64 {
        per(&self.log, "held_bytes", "entries") - PAYLOAD_BYTES
    }

    fn allocations(&self) -> f64 {
        per(&self.steady, "allocations", "rounds")
    }

    fn allocated_bytes(&self) -> f64 {
        per(&self.steady, "bytes", "rounds")
    }

    fn heartbeat_allocations(&self) -> f64 {
        per(&self.steady, "heartbeat_allocations", "rounds")
    }
}

impl Report {
    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from("# How fast the Raft node is\n\n");
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench raft --write`. Speeds are per second of CPU time of one thread, the median \
             of {} turns in which every row was measured once. {INTRODUCTION}\n",
            self.turns
        );
        self.write_summary(&mut out);
        self.write_commits(&mut out);
        self.write_heartbeats(&mut out);
        self.write_memory(&mut out);
        out
    }

    /// Delian beside the fastest peer that brings followers up to date, case by case.
    fn write_summary(&self, out: &mut String) {
        let lines: Vec<String> = self.rows.iter().filter_map(|ours| self.summary_line(ours)).collect();
        if lines.is_empty() {
            return;
        }
        out.push_str("## Beside the fastest peer that does the same\n\n");
        out.push_str("| work | Delian | fastest peer | its speed | ratio |\n|---|---:|---|---:|---:|\n");
        out.extend(lines);
        out.push('\n');
    }

    fn summary_line(&self, ours: &Row) -> Option<String> {
        let best = self.best_peer(ours)?;
        let work = match ours.work {
            Work::Commit { voters, inflight } => format!("{voters} voters, {inflight} in flight"),
            Work::Heartbeat => "answers to a heartbeat".to_owned(),
        };
        let (own, other) = (grouped(ours.speed()?), grouped(best.speed()?));
        Some(format!("| {work} | {own} | {} | {other} | {} |\n", best.name(), self.ratio(best)?))
    }

    /// Returns the fastest strict peer at the work of one of Delian's rows.
    fn best_peer(&self, ours: &Row) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| row.work == ours.work && row.contender != ours.contender);
        let strict = peers.filter(|row| row.contender.is_strict() && ours.contender == Contender::Delian);
        strict.filter(|row| row.speed().is_some()).max_by(|a, b| a.speed().partial_cmp(&b.speed()).expect("no NaN"))
    }

    fn write_commits(&self, out: &mut String) {
        let _ = writeln!(out, "## Committed commands\n\n{LENIENT}\n");
        out.push_str(
            "| voters | in flight | Raft | commands | messages each | ratio |\n|---:|---:|---|---:|---:|---:|\n",
        );
        for row in &self.rows {
            let Work::Commit { voters, inflight } = row.work else { continue };
            let _ = write!(out, "| {voters} | {inflight} | {} |", row.name());
            let _ = match row.speed() {
                None => writeln!(out, " could not be built | | |"),
                Some(speed) => {
                    let ratio = self.ratio(row).map_or_else(String::new, |ratio| ratio.to_string());
                    writeln!(out, " {} | {:.2} | {ratio} |", grouped(speed), row.messages_each())
                }
            };
        }
    }

    fn write_heartbeats(&self, out: &mut String) {
        out.push_str(
            "\n## One answer to a heartbeat\n\nAt the leader of three, which is up to date. Nanoseconds of CPU ",
        );
        out.push_str("time, net of a copy of the answer.\n\n| Raft | ns | ratio |\n|---|---:|---:|\n");
        for row in self.rows.iter().filter(|row| row.work == Work::Heartbeat) {
            let Some(speed) = row.speed() else { continue };
            let ratio = self.ratio(row).map_or_else(String::new, |ratio| ratio.to_string());
            let _ = writeln!(out, "| {} | {:.1} | {ratio} |", row.contender.name(), 1e9 / speed);
        }
    }

    fn write_memory(&self, out: &mut String) {
        let _ = writeln!(out, "\n## Memory\n\n{MEMORY}\n");
        out.push_str(
            "| Raft | idle | entry | allocations per command | bytes per command | allocations per heartbeat |\n",
        );
        out.push_str("|---|---:|---:|---:|---:|---:|\n");
        for memory in &self.memory {
            let (idle, bytes) = (grouped(memory.idle_bytes()), grouped(memory.allocated_bytes()));
            let (name, entry, beats) = (memory.contender.name(), memory.entry_bytes(), memory.heartbeat_allocations());
            let allocations = memory.allocations();
            let _ = writeln!(out, "| {name} | {idle} | {entry:.0} | {allocations:.1} | {bytes} | {beats:.1} |");
        }
    }

    /// Returns how often faster Delian was than the peer of this row, turn by turn.
    fn ratio(&self, row: &Row) -> Option<Spread> {
        let ours = self.rows.iter().find(|other| other.work == row.work && other.contender == Contender::Delian)?;
        let ratios = Spread::of(ours.speeds().zip(row.speeds()).map(|(ours, theirs)| ours / theirs))?;
        (row.contender != Contender::Delian).then_some(ratios)
    }

    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let (voters, inflight) = match row.work {
                Work::Commit { voters, inflight } => (Some(voters), Some(inflight)),
                Work::Heartbeat => (None, None),
            };
            let ratio = self.ratio(row);
            json!({
                "raft": row.contender.name(),
                "form": row.form,
                "followers_at_rest": row.contender.is_strict(),
                "work": row.arguments,
                "voters": voters,
                "inflight": inflight,
                "per_cpu_second": row.speed(),
                "turns_per_cpu_second": row.speeds().collect::<Vec<f64>>(),
                "messages_each": inflight.map(|_| row.messages_each()),
                "ratio": ratio.map(|ratio| ratio.median),
                "ratio_least": ratio.map(|ratio| ratio.least),
                "ratio_greatest": ratio.map(|ratio| ratio.greatest),
            })
        };
        let memory = |memory: &Memory| {
            json!({
                "raft": memory.contender.name(),
                "idle_node_bytes": memory.idle_bytes(),
                "entry_bytes_beside_payload": memory.entry_bytes(),
                "allocations_per_command": memory.allocations(),
                "allocated_bytes_per_command": memory.allocated_bytes(),
                "allocations_per_heartbeat_round": memory.heartbeat_allocations(),
            })
        };
        let (commits, heartbeats): (Vec<&Row>, Vec<&Row>) =
            self.rows.iter().partition(|row| row.work != Work::Heartbeat);
        json!({
            "turns": self.turns,
            "commits": commits.into_iter().map(row).collect::<Vec<Value>>(),
            "heartbeat_answers": heartbeats.into_iter().map(row).collect::<Vec<Value>>(),
            "memory": self.memory.iter().map(memory).collect::<Vec<Value>>(),
        })
    }
}

fn per(measured: &Measured, what: &str, unit: &str) -> f64 {
    measured.number(what) as f64 / measured.number(unit).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Work = Work::Commit { voters: 3, inflight: 1 };

    fn row(contender: Contender, form: &'static str, cpu_ms: &[u64]) -> Row {
        let turn = |cpu: &u64| Measured::sample(&format!("cpu_ns={cpu}000000 commands=1000 messages=6000"));
        Row { turns: cpu_ms.iter().map(turn).collect(), ..Row::new(contender, form, COMMIT, "commit".to_owned()) }
    }

    fn report() -> Report {
        let rows = vec![
            row(Contender::Delian, "", &[10, 20, 90]),
            row(Contender::RaftRs, "", &[40, 40, 45]),
            row(Contender::RaftRs, "one call", &[10, 30, 90]),
            row(Contender::RaftIo, "", &[1, 1, 1]),
            row(Contender::Openraft, "", &[]),
        ];
        let memory = Memory {
            contender: Contender::Delian,
            idle: Measured::sample("cpu_ns=1 nodes=3 held_bytes=6000"),
            log: Measured::sample("cpu_ns=1 entries=1000 held_bytes=164000"),
            steady: Measured::sample("cpu_ns=1 rounds=10 allocations=155 bytes=9000 heartbeat_allocations=12"),
        };
        Report { turns: 3, rows, memory: vec![memory] }
    }

    #[test]
    fn ratios_are_of_one_turn_each_and_their_median_counts() {
        let text = report().to_markdown();
        assert!(text.contains("| 3 | 1 | Delian | 50,000 | 6.00 |  |\n"), "{text}");
        assert!(text.contains("| 3 | 1 | raft-rs | 25,000 | 6.00 | 2.00 (0.50–4.00) |\n"), "{text}");
    }

    #[test]
    fn a_peer_that_does_less_is_marked_and_is_not_the_one_to_beat() {
        let text = report().to_markdown();
        assert!(text.contains("| 3 | 1 | raft-io * |"), "{text}");
        let summary = "| 3 voters, 1 in flight | 50,000 | raft-rs, one call | 33,300 | 1.00 (1.00–1.50) |\n";
        assert!(text.contains(summary), "{text}");
    }

    #[test]
    fn a_peer_that_cannot_be_built_is_named() {
        assert!(report().to_markdown().contains("| 3 | 1 | openraft * | could not be built | | |\n"));
        assert_eq!(report().to_json()["commits"][4]["per_cpu_second"], Value::Null);
    }

    #[test]
    fn the_payload_is_not_counted_as_a_cost() {
        assert!(report().to_markdown().contains("| Delian | 2,000 | 100 | 15.5 | 900 | 1.2 |\n"));
        assert_eq!(report().to_json()["memory"][0]["entry_bytes_beside_payload"], 100.0);
    }
}
