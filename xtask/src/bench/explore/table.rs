//! What `cargo xtask bench explore` tells: tables for people and one document for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::spread::{Spread, median};
use crate::bench::table::{by_thousands, grouped};

/// What replication in a queue must reach, in transitions per CPU-second.
const SPEED_TARGET: f64 = 300_000.0;

/// What share of the limit of steps that are taken anew an exploration must reach, in percent.
const SHARE_TARGET: f64 = 60.0;

/// What a visited state may take beside the queue of states that wait, in bytes.
const BYTES_TARGET: f64 = 32.0;

const STATES: &str = "Nanoseconds of CPU time, over states that a search of the model met first, few enough to lie in \
    a cache. A *copy* shares all that differs in nothing; *and print* is that and its fingerprint, in which every part \
    counts by a hash that was taken when the part was made. *And one node* is the same with the node that steps copied \
    and hashed: no explorer that takes its steps anew is faster than that, so it is called the limit. *All nodes* is \
    what a copy and a hash cost without sharing. A *step* is a copy, a step with every invariant judged, and the \
    fingerprint; *recalled*, where the search has taken an equal step before.";

const MODELS: &str = "Transitions per CPU-second, every invariant judged and every quiet state healed. A share of the \
    limit above 100 % is what steps that were taken before are worth. Beside ours, stateright searches breadth-first \
    on one thread, on the same system as its plain `Model`: as it comes, which takes every step anew, and *recalling*, \
    handed what ours keeps of steps. A ratio says how often faster ours is: the median of the ratios of one turn each, \
    with the least and the greatest. *Bytes* are fingerprints and the trail, for each state that was visited, when \
    none waits any more; what is kept of steps is a fixed number of slots beside them.";

/// All that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// How often each row was measured.
    pub(crate) turns: usize,
    pub(crate) models: &'static [&'static str],
    pub(crate) rows: Vec<Row>,
}

/// What is to be done fast with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Copy,
    Print,
    Node,
    Whole,
    Step,
    Recalled,
    Search,
    Stateright,
    Recalling,
}

impl Work {
    pub(crate) const ALL: [Work; 9] = [
        Work::Copy,
        Work::Print,
        Work::Node,
        Work::Whole,
        Work::Step,
        Work::Recalled,
        Work::Search,
        Work::Stateright,
        Work::Recalling,
    ];

    /// The works with single states, in the order of the table.
    const STATES: [Work; 6] = [Work::Copy, Work::Print, Work::Node, Work::Whole, Work::Step, Work::Recalled];

    /// Returns what the measuring program calls it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Work::Copy => "copy",
            Work::Print => "limit",
            Work::Node => "node",
            Work::Whole => "whole",
            Work::Step => "step",
            Work::Recalled => "recall",
            Work::Search => "search",
            Work::Stateright => "stateright",
            Work::Recalling => "recalling",
        }
    }

    /// Returns what is counted.
    const fn unit(self) -> &'static str {
        match self {
            Work::Copy | Work::Print | Work::Node | Work::Whole | Work::Step | Work::Recalled => "rounds",
            Work::Search | Work::Stateright | Work::Recalling => "transitions",
        }
    }
}

/// One piece of work.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) model: &'static str,
    pub(crate) work: Work,
    pub(crate) turns: Vec<Measured>,
}

impl Row {
    pub(crate) const fn new(model: &'static str, work: Work) -> Row {
        Row { model, work, turns: Vec::new() }
    }

    fn speeds(&self) -> impl Iterator<Item = f64> {
        self.turns.iter().map(|turn| turn.per_cpu_second(self.work.unit()))
    }

    fn speed(&self) -> Option<f64> {
        median(self.speeds())
    }
}

impl Report {
    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from("# How fast the explorer is\n\n");
        let _ = writeln!(
            out,
            "Remade by `cargo xtask bench explore --write`. The median of {} turns in which every row was measured \
             once, on one thread. Targets: {} transitions per CPU-second on `replication`, {SHARE_TARGET} % of the \
             limit on each model, stateright not faster in any turn, and at most {BYTES_TARGET} bytes.\n",
            self.turns,
            grouped(SPEED_TARGET)
        );
        let _ = writeln!(out, "## One state\n\n{STATES}\n");
        out.push_str("| model | copy | and print | and one node | all nodes | step | step recalled |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|---:|\n");
        for model in self.models {
            let _ = write!(out, "| {model} |");
            for work in Work::STATES {
                let told = self.speed(model, work).map_or_else(String::new, |speed| grouped(1e9 / speed));
                let _ = write!(out, " {told} |");
            }
            out.push('\n');
        }
        let _ = writeln!(out, "\n## Whole models\n\n{MODELS}\n");
        out.push_str("| model | states | Delian | of the limit | bytes | stateright | ratio | recalling | ratio |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        self.models.iter().for_each(|model| self.model_line(model, &mut out));
        out
    }

    fn model_line(&self, model: &str, out: &mut String) {
        let Some(search) = self.row(model, Work::Search) else { return };
        let (states, speed) = (states(search), search.speed().unwrap_or_default());
        let share = self.share(model).map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share.median));
        let _ = write!(out, "| {model} | {} | {} | {share} |", exact(states), grouped(speed));
        let _ = write!(out, " {:.1} |", bytes_each(search));
        for peer in [Work::Stateright, Work::Recalling] {
            let speed = self.speed(model, peer).map_or_else(String::new, grouped);
            let ratio = self.ratio(model, Work::Search, peer).map_or_else(String::new, |ratio| ratio.to_string());
            let _ = write!(out, " {speed} | {ratio} |");
        }
        out.push('\n');
    }

    fn row(&self, model: &str, work: Work) -> Option<&Row> {
        self.rows.iter().find(|row| row.model == model && row.work == work)
    }

    fn speed(&self, model: &str, work: Work) -> Option<f64> {
        self.row(model, work)?.speed()
    }

    /// Returns how many times as fast one work was as another, turn by turn.
    fn ratio(&self, model: &str, one: Work, other: Work) -> Option<Spread> {
        let pairs = self.row(model, one)?.speeds().zip(self.row(model, other)?.speeds());
        Spread::of(pairs.map(|(one, other)| one / other))
    }

    /// Returns how many transitions a search took for each one that a step anew might at best have been.
    fn share(&self, model: &str) -> Option<Spread> {
        self.ratio(model, Work::Search, Work::Node)
    }

    pub(crate) fn to_json(&self) -> Value {
        let spread = |spread: Option<Spread>| {
            spread.map(|spread| json!({"median": spread.median, "least": spread.least, "greatest": spread.greatest}))
        };
        let models = self.models.iter().map(|model| {
            let speeds = self.rows.iter().filter(|row| row.model == *model).map(|row| {
                let speeds: Vec<f64> = row.speeds().collect();
                (row.work.word().to_owned(), json!({"median": row.speed(), "turns": speeds}))
            });
            let search = self.row(model, Work::Search);
            json!({
                "model": model,
                "states": search.map(states),
                "bytes_per_state": search.map(bytes_each),
                "share_of_limit": spread(self.share(model)),
                "ratio_to_stateright": spread(self.ratio(model, Work::Search, Work::Stateright)),
                "ratio_to_recalling": spread(self.ratio(model, Work::Search, Work::Recalling)),
                "per_cpu_second": speeds.collect::<serde_json::Map<String, Value>>(),
            })
        });
        json!({ "turns": self.turns, "models": models.collect::<Vec<Value>>() })
    }
}

fn states(search: &Row) -> u64 {
    search.turns.first().map_or(0, |turn| turn.number("states"))
}

fn bytes_each(search: &Row) -> f64 {
    let bytes = search.turns.first().map_or(0, |turn| turn.number("beside_bytes"));
    bytes as f64 / states(search).max(1) as f64
}

/// Groups a count by thousands, every digit of which was counted.
fn exact(count: u64) -> String {
    by_thousands(&count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(work: Work, cpu_ms: [u64; 3]) -> Row {
        let rest = "rounds=1000 transitions=1000 states=7500 beside_bytes=225000";
        let turn = |cpu: u64| Measured::sample(&format!("cpu_ns={cpu}000000 {rest}"));
        Row { turns: cpu_ms.map(turn).into(), ..Row::new("replication", work) }
    }

    fn report() -> Report {
        let rows = vec![
            row(Work::Copy, [1, 1, 1]),
            row(Work::Node, [1, 3, 2]),
            row(Work::Search, [2, 4, 2]),
            row(Work::Stateright, [6, 4, 8]),
        ];
        Report { turns: 3, models: &["replication"], rows }
    }

    #[test]
    fn speeds_are_medians_and_ratios_are_of_one_turn_each() {
        let text = report().to_markdown();
        assert!(text.contains("| replication | 1,000 |  | 2,000 |  |  |  |\n"), "{text}");
        let line = "| replication | 7,500 | 500,000 | 75 % | 30.0 | 167,000 | 3.00 (1.00–4.00) |  |  |\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn the_document_holds_what_the_table_shows() {
        let model = &report().to_json()["models"][0];
        assert_eq!(model["states"], 7_500);
        assert_eq!(model["ratio_to_stateright"]["least"], 1.0);
        assert_eq!(model["share_of_limit"]["median"], 0.75);
        assert_eq!(model["ratio_to_recalling"], Value::Null);
        assert_eq!(model["per_cpu_second"]["search"]["turns"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn counts_keep_all_their_digits() {
        assert_eq!((exact(7), exact(999), exact(441_118)), ("7".to_owned(), "999".to_owned(), "441,118".to_owned()));
    }
}
