//! What is said of many runs: a table for people, in Markdown, and one document for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::fleet::Outcome;
use super::{Candidate, of};

/// What the runs of one scenario came to.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: String,
    seeds: usize,
    /// What went wrong, a sentence each.
    pub(super) failures: Vec<String>,
    simulated_seconds: f64,
    cpu_seconds: f64,
    without: Vec<String>,
    /// Facts that the scenario expects and nobody counts.
    unjudged: Vec<String>,
}

impl Row {
    fn verdict(&self) -> &'static str {
        if self.failures.is_empty() { "green" } else { "red" }
    }

    fn speed(&self) -> f64 {
        self.simulated_seconds / self.cpu_seconds.max(1e-3)
    }
}

/// Sums up the runs of each scenario, of which the first two have the same seed.
pub(super) fn rows(told: &[&Candidate], outcomes: &[Outcome]) -> Vec<Row> {
    let row = |(number, candidate): (usize, &&Candidate)| {
        let runs: Vec<&Outcome> = of(number, outcomes).collect();
        let mut failures: Vec<String> = runs.iter().skip(1).filter_map(|run| failure(run)).collect();
        failures.extend(unequal(&runs));
        let said = |key: &str| runs.iter().filter_map(|run| run.said.as_ref().ok()?[key].as_f64()).sum::<f64>();
        let unjudged = runs.iter().find_map(|run| run.said.as_ref().ok()?["unjudged"].as_array());
        Row {
            name: candidate.name.clone(),
            seeds: runs.len() - 1,
            failures,
            simulated_seconds: said("simulated_seconds"),
            cpu_seconds: runs.iter().map(|run| run.cpu_seconds).sum(),
            without: candidate.without.clone(),
            unjudged: unjudged.into_iter().flatten().filter_map(|fact| fact.as_str().map(str::to_owned)).collect(),
        }
    };
    told.iter().enumerate().map(row).collect()
}

/// Says what went wrong in a run, if anything did.
fn failure(run: &Outcome) -> Option<String> {
    let seed = run.task.seed;
    let said = match &run.said {
        Ok(said) if said["verdict"] == "green" => return None,
        Ok(said) => said,
        Err(why) => return Some(format!("seed {seed}: {why}")),
    };
    let breach = &said["breach"];
    let facts: Vec<&str> = breach["facts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (invariant, at) = (breach["invariant"].as_str().unwrap_or("?"), breach["at_seconds"].as_f64().unwrap_or(0.0));
    Some(format!("seed {seed}: {invariant} does not hold at {at:.3} s: {}", facts.join("; ")))
}

/// Says whether the first two runs, of one seed, differ.
fn unequal(runs: &[&Outcome]) -> Option<String> {
    let fingerprint = |run: &&Outcome| run.said.as_ref().ok().map(|said| said["fingerprint"].clone());
    let (one, other) = (runs.first().and_then(fingerprint)?, runs.get(1).and_then(fingerprint)?);
    let seed = runs[0].task.seed;
    (one != other).then(|| format!("seed {seed} came to {one} in one process and to {other} in another"))
}

#[expect(clippy::print_stdout, reason = "printing is the job of a developer command")]
pub(super) fn tell(rows: &[Row], candidates: &[Candidate], json: bool) {
    if json {
        println!("{}", document(rows, candidates));
        return;
    }
    println!("| scenario | seeds | verdict | simulated s per CPU s | left out |\n|---|---|---|---|---|");
    for row in rows {
        let (seeds, verdict, speed) = (row.seeds, row.verdict(), row.speed());
        println!("| {} | {seeds} | {verdict} | {speed:.0} | {} |", row.name, row.without.join(", "));
    }
    for row in rows {
        row.failures.iter().for_each(|failure| println!("\n{}: {failure}", row.name));
        if let Some(seed) = row.failures.first().and_then(|it| it.split_whitespace().nth(1)) {
            let seed = seed.trim_end_matches(':');
            println!("again: cargo xtask madsim --scenario {} --first {seed} --seeds 1", row.name);
        }
    }
    let green = rows.iter().filter(|row| row.failures.is_empty()).count();
    let refused = candidates.len() - rows.len();
    let unjudged = rows.iter().filter(|row| !row.unjudged.is_empty()).count();
    println!("\n{green} of {} scenarios are green; {refused} cannot be told here, see --list.", rows.len());
    println!("The first seed of each ran twice. {unjudged} expect facts that nobody counts here, see --json.");
}

fn document(rows: &[Row], candidates: &[Candidate]) -> Value {
    let row = |row: &Row| {
        json!({
            "scenario": row.name, "seeds": row.seeds, "verdict": row.verdict(), "failures": row.failures,
            "simulated_seconds": row.simulated_seconds, "cpu_seconds": row.cpu_seconds, "without": row.without,
            "unjudged": row.unjudged,
        })
    };
    json!({ "scenarios": rows.iter().map(row).collect::<Vec<_>>(), "refused": refused(candidates) })
}

fn refused(candidates: &[Candidate]) -> Vec<Value> {
    let refused = candidates.iter().filter(|it| !it.obstacles.is_empty());
    refused.map(|it| json!({ "scenario": it.name, "reasons": it.obstacles })).collect()
}

/// Says where the program is.
#[expect(clippy::print_stdout, reason = "printing is the job of a developer command")]
pub(super) fn program(path: &Path) {
    println!("{}", path.display());
}

/// Says which scenarios can be told, and why not the others.
#[expect(clippy::print_stdout, reason = "printing is the job of a developer command")]
pub(super) fn list(candidates: &[Candidate], json: bool) {
    let told = candidates.iter().filter(|it| it.obstacles.is_empty());
    if json {
        let names: Vec<&str> = told.map(|it| it.name.as_str()).collect();
        println!("{}", json!({ "told": names, "refused": refused(candidates) }));
        return;
    }
    println!("| scenario | here |\n|---|---|");
    for candidate in candidates {
        let left_out = || format!("without {}", candidate.without.join(", "));
        let here = match (candidate.obstacles.as_slice(), candidate.without.as_slice()) {
            ([], []) => "yes".to_owned(),
            ([], _) => left_out(),
            (reasons, _) => format!("no: {}", reasons.join("; ")),
        };
        println!("| {} | {here} |", candidate.name);
    }
    println!("\n{} of {} can be told here.", told.count(), candidates.len());
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::fleet::Task;
    use super::*;

    fn outcome(seed: u64, said: Result<Value, String>) -> Outcome {
        Outcome { task: Task { scenario: 0, path: PathBuf::new(), seed }, said, cpu_seconds: 0.5 }
    }

    fn row(outcomes: &[Outcome]) -> Row {
        let candidate =
            Candidate { name: "a".to_owned(), path: PathBuf::new(), obstacles: Vec::new(), without: Vec::new() };
        rows(&[&candidate], outcomes).remove(0)
    }

    fn green(fingerprint: &str) -> Value {
        json!({ "verdict": "green", "fingerprint": fingerprint, "simulated_seconds": 60.0 })
    }

    #[test]
    fn a_seed_that_does_not_repeat_itself_is_a_failure() {
        let same = row(&[outcome(1, Ok(green("a"))), outcome(1, Ok(green("a"))), outcome(2, Ok(green("b")))]);
        assert_eq!((same.seeds, same.verdict(), same.speed()), (2, "green", 120.0));
        let other = row(&[outcome(1, Ok(green("a"))), outcome(1, Ok(green("b")))]);
        assert_eq!((other.verdict(), other.failures.len()), ("red", 1));
    }

    #[test]
    fn a_run_that_says_nothing_or_breaks_a_promise_is_told_with_its_seed() {
        let red = json!({ "verdict": "red", "breach": { "invariant": "settles", "at_seconds": 1.5, "facts": ["so"] } });
        let row = row(&[
            outcome(1, Ok(green("a"))),
            outcome(1, Ok(green("a"))),
            outcome(2, Ok(red)),
            outcome(3, Err("gone".into())),
        ]);
        assert_eq!(row.failures, ["seed 2: settles does not hold at 1.500 s: so", "seed 3: gone"]);
    }
}
