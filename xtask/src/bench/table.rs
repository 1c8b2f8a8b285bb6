//! What `cargo xtask bench sim` tells: tables for people and one document for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::programs::Simulator;

/// What a cluster of five voters must reach, in simulated seconds per CPU-second.
const SPEED_TARGET: f64 = 5_000.0;

/// What plain traffic must reach, in messages per CPU-second.
const MESSAGES_TARGET: f64 = 5e6;

/// All that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// How often each row was measured.
    pub(crate) turns: usize,
    pub(crate) clusters: Vec<Row>,
    pub(crate) traffic: Vec<Row>,
}

/// One piece of work for one simulator.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) nodes: Option<u8>,
    pub(crate) simulator: Simulator,
    pub(crate) arguments: &'static str,
    /// Every measurement; none if the program could not be built.
    pub(crate) turns: Vec<Measured>,
}

impl Row {
    pub(crate) fn new(what: &'static str, nodes: Option<u8>, simulator: Simulator, arguments: &'static str) -> Row {
        Row { what, nodes, simulator, arguments, turns: Vec::new() }
    }

    /// Returns the turn that took the median of CPU time.
    fn median(&self) -> Option<&Measured> {
        let mut turns: Vec<&Measured> = self.turns.iter().collect();
        turns.sort_by_key(|turn| turn.number("cpu_ns"));
        turns.get(turns.len() / 2).copied()
    }
}

impl Report {
    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from("# How fast the simulator is\n\n");
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench sim --write`. All numbers are per second of CPU time of one thread, the median \
             of {} turns in which every row was measured once.\n",
            self.turns
        );
        out.push_str(
            "## Clusters\n\nFive voters, default timings, three clients that each act twice a second, a minute ",
        );
        let _ = writeln!(
            out,
            "of simulated time per seed, every invariant on. Target: {} simulated seconds.\n",
            grouped(SPEED_TARGET)
        );
        out.push_str("| faults | simulated seconds | events | inputs of nodes | messages | commits |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|\n");
        for row in &self.clusters {
            let Some(median) = row.median() else { continue };
            let _ = write!(out, "| {} | {} |", row.what, grouped(median.speed()));
            for name in ["events", "inputs", "messages", "commits"] {
                let _ = write!(out, " {} |", grouped(median.per_cpu_second(name)));
            }
            out.push('\n');
        }
        out.push_str(
            "\n## Plain messages\n\nEvery node, out of step with the others, sends each of them a heartbeat of 64 bytes every 100 ms. Asked of ",
        );
        out.push_str(
            "every simulator: a latency of 1 ms to 10 ms, 5.5 ms in the mean, and a loss of 1 %. A ratio says ",
        );
        let _ = writeln!(out, "how often faster Delian is. Target: {} messages.\n", grouped(MESSAGES_TARGET));
        out.push_str("| nodes | simulator | messages | simulated seconds | mean latency | lost | ratio |\n");
        out.push_str("|---:|---|---:|---:|---:|---:|---:|\n");
        self.traffic.iter().for_each(|row| self.traffic_line(row, &mut out));
        out
    }

    fn traffic_line(&self, row: &Row, out: &mut String) {
        let (nodes, name) = (row.nodes.unwrap_or(0), row.simulator.name());
        let Some(median) = row.median() else {
            let _ = writeln!(out, "| {nodes} | {name} | could not be built | | | | |");
            return;
        };
        let ratio = self.ratio(row).map_or_else(String::new, |ratio| format!("{ratio:.1}"));
        let _ = writeln!(
            out,
            "| {nodes} | {name} | {} | {} | {:.2} ms | {:.2} % | {ratio} |",
            grouped(median.per_cpu_second("messages")),
            grouped(median.speed()),
            mean_latency_ms(median),
            100.0 * lost(median),
        );
    }

    /// Returns how many times as many messages Delian handles as the peer of this row.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let of_row = |other: &&Row| other.nodes == row.nodes && other.simulator == Simulator::Delian;
        let ours = self.traffic.iter().find(of_row)?.median()?.per_cpu_second("messages");
        (row.simulator != Simulator::Delian).then_some(ours / row.median()?.per_cpu_second("messages"))
    }

    pub(crate) fn to_json(&self) -> Value {
        let clusters = self.clusters.iter().map(|row| {
            let median = row.median().cloned().unwrap_or_default();
            json!({
                "faults": row.what,
                "work": row.arguments,
                "simulated_seconds": median.speed(),
                "events": median.per_cpu_second("events"),
                "inputs": median.per_cpu_second("inputs"),
                "messages": median.per_cpu_second("messages"),
                "commits": median.per_cpu_second("commits"),
            })
        });
        let traffic = self.traffic.iter().map(|row| {
            let measured = row.median().map(|median| {
                json!({
                    "messages": median.per_cpu_second("messages"),
                    "simulated_seconds": median.speed(),
                    "mean_latency_ms": mean_latency_ms(median),
                    "lost": lost(median),
                    "ratio": self.ratio(row),
                })
            });
            json!({
                "nodes": row.nodes,
                "simulator": row.simulator.name(),
                "work": row.arguments,
                "per_cpu_second": measured,
            })
        });
        json!({
            "turns": self.turns,
            "clusters": clusters.collect::<Vec<Value>>(),
            "traffic": traffic.collect::<Vec<Value>>(),
        })
    }
}

fn mean_latency_ms(measured: &Measured) -> f64 {
    measured.number("travelled_ns") as f64 / 1e6 / measured.number("delivered").max(1) as f64
}

fn lost(measured: &Measured) -> f64 {
    1.0 - measured.number("delivered") as f64 / measured.number("messages").max(1) as f64
}

/// Rounds to three digits that count and groups them by thousands: a measured speed has no more.
pub(crate) fn grouped(number: f64) -> String {
    let scale = 10_f64.powi((number.abs().max(1.0).log10() as i32 - 2).max(0));
    by_thousands(&format!("{:.0}", (number / scale).round() * scale))
}

/// Groups digits by thousands.
pub(crate) fn by_thousands(digits: &str) -> String {
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let measured = |cpu: u64, messages: u64| {
            let delivered = messages * 99 / 100;
            let line = format!(
                "cpu_ns={cpu} simulated_ns=60000000000 messages={messages} delivered={delivered} travelled_ns={}",
                delivered * 5_500_000
            );
            Measured::sample(&line)
        };
        let row = |simulator, turns| Row { turns, ..Row::new("traffic", Some(5), simulator, "nodes=5") };
        Report {
            turns: 3,
            clusters: Vec::new(),
            traffic: vec![
                row(
                    Simulator::Delian,
                    vec![
                        measured(90_000_000, 1_000_000),
                        measured(100_000_000, 1_000_000),
                        measured(900_000_000, 1_000_000),
                    ],
                ),
                row(Simulator::Madsim, vec![measured(1_000_000_000, 500_000); 3]),
                row(Simulator::Turmoil, Vec::new()),
            ],
        }
    }

    #[test]
    fn the_median_turn_counts_and_ratios_are_to_the_same_number_of_nodes() {
        let text = report().to_markdown();
        assert!(text.contains("| 5 | Delian | 10,000,000 | 600 | 5.50 ms | 1.00 % |  |\n"), "{text}");
        assert!(text.contains("| 5 | madsim | 500,000 | 60 | 5.50 ms | 1.00 % | 20.0 |\n"), "{text}");
    }

    #[test]
    fn a_peer_that_cannot_be_built_is_named() {
        assert!(report().to_markdown().contains("| 5 | turmoil | could not be built | | | | |\n"));
        assert_eq!(report().to_json()["traffic"][2]["per_cpu_second"], Value::Null);
    }

    #[test]
    fn the_document_holds_what_the_table_shows() {
        let traffic = &report().to_json()["traffic"];
        assert_eq!(traffic[0]["per_cpu_second"]["ratio"], Value::Null);
        assert_eq!(traffic[1]["per_cpu_second"]["ratio"].as_f64(), Some(20.0));
    }

    #[test]
    fn numbers_are_rounded_to_what_was_measured_and_grouped() {
        let rows = [(7.4, "7"), (999.6, "1,000"), (1_234.0, "1,230"), (30_456.0, "30,500"), (5_663_234.0, "5,660,000")];
        for (number, text) in rows {
            assert_eq!(grouped(number), text);
        }
    }
}
