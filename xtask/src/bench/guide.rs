//! `cargo xtask bench guide`: how soon each way of choosing runs finds planted bugs.
//!
//! Every bug is built once and hunted in every way with the same CPU time. What a way finds in its time says how well it
//! chooses; a bug that all ways find at once, or none, says nothing, so the default list has those that take many seeds.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::bench::measured::Measured;
use crate::bench::publish;
use crate::{Answer, Problem, bugs, process};

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-guide";

/// The ways of choosing runs, as `sim/examples/guide.rs` knows them, with their headings.
const WAYS: [(&str, &str); 5] =
    [("even", "uniform"), ("none", "seed alone"), ("swarm", "`swarm`"), ("fork", "`fork`"), ("both", "`both`")];

/// Bugs of `tests/bugs` that take a simulation many seeds.
const HARD: [&str; 8] = [
    "a-vote-is-answered-before-it-is-on-disk",
    "a-voter-about-to-leave-never-stands",
    "a-blank-node-believes-its-settings",
    "an-older-snapshot-rewinds",
    "a-redundant-snapshot-drops-the-tail",
    "a-configuration-outlives-its-truncated-entry",
    "a-refused-pre-vote-teaches-no-term",
    "an-old-terms-entry-is-committed-by-counting",
];

/// What `cargo xtask bench guide` accepts.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The bugs to hunt [default: eight that take many seeds]
    #[arg(long, value_name = "NAME", num_args = 1..)]
    bugs: Vec<String>,
    /// How many hunts there are for each bug and each way; each has seeds of its own
    #[arg(long, default_value_t = 7)]
    hunts: u64,
    /// How many seconds of CPU time a hunt takes at most
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Writes the report that the repository keeps
    #[arg(long)]
    write: bool,
}

/// What all ways found of one bug, in the order of [`WAYS`].
struct Row {
    bug: String,
    ways: Vec<Measured>,
}

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let names: Vec<String> =
        if options.bugs.is_empty() { HARD.map(str::to_owned).into() } else { options.bugs.clone() };
    let mut rows = Vec::new();
    bugs::with_each(&names, "guide", |bug, program, scenario| {
        let (hunts, budget) = (options.hunts, options.seconds * 1_000);
        let hunt = |(way, _): &(&str, &str)| {
            let words = format!("{} way={way} hunts={hunts} budget_ms={budget}", scenario.display());
            Measured::of(program, &words)
        };
        let row = Row { bug: bug.to_owned(), ways: WAYS.iter().map(hunt).collect::<Result<_, _>>()? };
        eprintln!("{}", line(&row));
        rows.push(row);
        Ok(())
    })?;
    let report = super::Options { json: options.json, no_peers: false, write: options.write };
    publish(&report, &process::root(), BASELINE, &markdown(options, &rows), &document(options, &rows))?;
    Ok(Answer::Yes)
}

fn markdown(options: &Options, rows: &[Row]) -> String {
    let mut out = String::from("# How soon planted bugs are found\n\n");
    let _ = writeln!(
        out,
        "Remade by `cargo xtask bench guide --write`, with `--hunts {}` and `--seconds {}`. Each cell: how many of {} hunts \
         found the bug within {} s of CPU time, and the CPU seconds spent for each find. A hunt goes from seed to seed until \
         any invariant breaks, in the scenario that `tests/bugs` names for the bug.\n",
        options.hunts, options.seconds, options.hunts, options.seconds
    );
    out.push_str(
        "`uniform` has every family of faults on and makes all choices alike; `seed alone` is what a seed draws by itself, \
         which leaves families out (`--guide none`). The guides run that as well and look beside it, so a \
         good part of their time goes into the same runs as `seed alone`.\n\n",
    );
    let heading = |cell: &dyn Fn(&str) -> String| WAYS.iter().map(|(_, name)| cell(name)).collect::<String>();
    let _ = writeln!(out, "| bug |{}", heading(&|name| format!(" {name} |")));
    let _ = writeln!(out, "|---|{}", heading(&|_| "---:|".to_owned()));
    for row in rows.iter().chain(std::iter::once(&total(rows))) {
        let _ = writeln!(out, "{}", line(row));
    }
    out
}

fn line(row: &Row) -> String {
    let cell = |way: &Measured| match (way.number("finds"), way.number("cpu_ns") as f64 / 1e9) {
        (0, _) => format!(" 0/{} |", way.number("hunts")),
        (finds, seconds) => format!(" {finds}/{} ({:.2}) |", way.number("hunts"), seconds / finds as f64),
    };
    format!("| {} |{}", row.bug, row.ways.iter().map(cell).collect::<String>())
}

/// Adds up all bugs.
fn total(rows: &[Row]) -> Row {
    let ways = (0..WAYS.len()).map(|way| rows.iter().fold(Measured::default(), |sum, row| sum.plus(&row.ways[way])));
    Row { bug: "all".to_owned(), ways: ways.collect() }
}

fn document(options: &Options, rows: &[Row]) -> Value {
    let ways = |row: &Row| -> Value {
        let way = |((name, _), way): (&(&str, &str), &Measured)| {
            let (finds, seconds) = (way.number("finds"), way.number("cpu_ns") as f64 / 1e9);
            ((*name).to_owned(), json!({ "finds": finds, "cpu_seconds": seconds, "seeds": way.number("seeds") }))
        };
        WAYS.iter().zip(&row.ways).map(way).collect::<serde_json::Map<_, _>>().into()
    };
    let rows: Vec<Value> = rows.iter().map(|row| json!({ "bug": row.bug, "ways": ways(row) })).collect();
    json!({ "hunts": options.hunts, "seconds": options.seconds, "bugs": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_are_told_with_what_each_of_them_cost_and_added_up() {
        let way = |finds| Measured::sample(&format!("cpu_ns=6000000000 hunts=9 finds={finds} seeds=40"));
        let row = |bug: &str| Row { bug: bug.to_owned(), ways: [0, 1, 2, 3, 9].map(way).into() };
        assert_eq!(line(&row("a-bug")), "| a-bug | 0/9 | 1/9 (6.00) | 2/9 (3.00) | 3/9 (2.00) | 9/9 (0.67) |");
        let options = Options { bugs: Vec::new(), hunts: 9, seconds: 3, json: false, write: false };
        let text = markdown(&options, &[row("a-bug"), row("b-bug")]);
        assert!(text.ends_with("| all | 0/18 | 2/18 (6.00) | 4/18 (3.00) | 6/18 (2.00) | 18/18 (0.67) |\n"), "{text}");
        assert_eq!(document(&options, &[row("a-bug")])["bugs"][0]["ways"]["both"]["finds"], 9);
    }
}
