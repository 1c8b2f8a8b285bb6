//! What `cargo xtask bench swim` tells: tables for people and one document for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::Problem;
use crate::bench::circumstances;
use crate::bench::measured::Measured;
use crate::bench::spread::Spread;
use crate::bench::swim::rows::{AGREED_WITHIN, BLOCK_MILLIS, BLOCKED, Contender, HUGE, MANY, Row, Work};
use crate::bench::swim::summary::{bytes_each, cpu_per_second, kilobytes_each, seconds, told};

const INTRODUCTION: &str = "Members of Delian and of foca on the same simulated links (0.2 to 1 ms, each way as likely), \
    with the same faults and the same oracle, both with their defaults for a local network, packets as bytes. Numbers \
    are medians over seeds, with the least and the greatest. Times are virtual; CPU time is of one thread, measured \
    one process at a time. A ratio says how many times foca's number is ours.";

const COST: &str = "Nothing happens for a minute, with a loss of 1 %. *Memory* is what the process has resident after \
    the warm-up of 5 s and did not have before, shared by the members: their views, the world and, for ours, the \
    directory of names, addresses and metadata, which a world holds once. Members begin with all others in \
    mind, as each library lets them: ours is handed a view, foca's is filled through `apply_many`, which is not measured.";

const DEATHS: &str = "One member dies without a word, with a loss of 1 %; observed for a minute. *Last* is when the last \
    of all others knows. *Wrong* counts those taken for dead who were alive, at all observers, over all seeds. \
    *Payload* is of that minute, per member and second.";

const MEMBERLIST: &str = "For comparison, hashicorp's memberlist 0.7.0, as kinship published it for 100 processes on \
    real sockets, 2 ms ± 1 ms and 1 % loss, 30 runs: first notice 9.86 s at the median, 11.98 s at the 99th percentile.";

const GRID: &str = "Of 128 members some have their packets, in and out, held for a time, are open for 64 ms, and so on \
    for two minutes, while their timers run; nothing is lost. Cells: how many others were taken for dead wrongly, and \
    after the stroke how many of these at observers that were not blocked; medians of the seeds.";

/// All that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) circumstances: Circumstances,
    pub(crate) rows: Vec<Row>,
}

/// What a number depends on beside the code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) compiler: String,
    /// The version of foca.
    pub(crate) foca: String,
}

impl Circumstances {
    /// Asks the machine, the compiler and the lock file.
    ///
    /// # Errors
    /// When there is no compiler or no lock file.
    pub(crate) fn here(root: &Path) -> Result<Circumstances, Problem> {
        let (machine, compiler) = (circumstances::machine(), circumstances::compiler()?);
        let foca = circumstances::peer(root, "foca")?;
        Ok(Circumstances { command: String::new(), machine, compiler, foca })
    }
}

impl Report {
    pub(crate) fn row(&self, contender: Contender, work: Work) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == contender && row.work == work && !row.turns.is_empty())
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from("# How well and how cheaply members watch each other\n\n");
        let Circumstances { command, machine, compiler, foca } = &self.circumstances;
        let _ = writeln!(out, "Remade by `{command} --write` on {machine}, {compiler}, foca {foca}. {INTRODUCTION}\n");
        self.write_summary(&mut out);
        self.write_cost(&mut out);
        self.write_deaths(&mut out);
        self.write_grid(&mut out);
        self.write_agreement(&mut out);
        out
    }

    fn write_cost(&self, out: &mut String) {
        let _ = writeln!(out, "## Quiet\n\n{COST}\n");
        out.push_str("| members | whose | seeds | CPU s per simulated s | KB each | GB at most | payload B/s each |\n");
        out.push_str("|---:|---|---:|---:|---:|---:|---:|\n");
        for row in &self.rows {
            let Work::Quiet { members } = row.work else { continue };
            let _ = writeln!(
                out,
                "| {members} | {} | {} | {} | {} | {} | {} |",
                row.contender.name(),
                row.seeds,
                told(row.spread(cpu_per_second), 3),
                told(row.spread(|turn| kilobytes_each(turn, members)), 1),
                told(row.spread(|turn| turn.number("resident_bytes_max") as f64 / 1e9), 2),
                told(row.spread(|turn| bytes_each(turn, members)), 1),
            );
        }
        if self.row(Contender::Shared, Work::Quiet { members: HUGE }).is_none() {
            let _ = writeln!(out, "| {HUGE} | not run: say `--huge` | | | | | |");
        }
        out.push('\n');
    }

    fn write_deaths(&self, out: &mut String) {
        let _ = writeln!(out, "## A death\n\n{DEATHS}\n");
        out.push_str("| members | whose | seeds | first, s | last, s | wrong | payload B/s each |\n");
        out.push_str("|---:|---|---:|---:|---:|---:|---:|\n");
        for members in [128, 1_000, MANY] {
            for contender in [Contender::Delian, Contender::Foca] {
                let Some(row) = self.death(contender, members) else { continue };
                let _ = writeln!(
                    out,
                    "| {members} | {} | {} | {} | {} | {} | {} |",
                    contender.name(),
                    row.seeds,
                    told(row.spread(|turn| seconds(turn, "first_ns")), 2),
                    told(row.spread(|turn| seconds(turn, "last_ns")), 2),
                    row.sum("wrong"),
                    told(row.spread(|turn| turn.number("death_bytes") as f64 / 60.0 / f64::from(members)), 1),
                );
            }
        }
        let _ = writeln!(out, "\n{MEMBERLIST}\n");
    }

    fn write_grid(&self, out: &mut String) {
        let _ = writeln!(out, "## Blocked members\n\n{GRID}\n");
        let heads = BLOCK_MILLIS.map(|millis| format!("{:.1} s", f64::from(millis) / 1e3)).join(" | ");
        let _ = writeln!(out, "| blocked | whose | {heads} |\n|---:|---|{}", "---:|".repeat(BLOCK_MILLIS.len()));
        for count in BLOCKED {
            for contender in [Contender::Delian, Contender::Foca] {
                let cells = BLOCK_MILLIS.map(|millis| self.row(contender, Work::Blocks { count, millis }));
                if cells.iter().all(Option::is_none) {
                    continue;
                }
                let median =
                    |row: &Row, name: &str| row.spread(|turn| turn.number(name) as f64).map_or(0.0, |it| it.median);
                let cell = |row: Option<&Row>| {
                    row.map_or_else(String::new, |row| {
                        format!("{} / {}", median(row, "wrong"), median(row, "wrong_at_healthy"))
                    })
                };
                let _ = writeln!(out, "| {count} | {} | {} |", contender.name(), cells.map(cell).join(" | "));
            }
        }
        out.push('\n');
    }

    fn write_agreement(&self, out: &mut String) {
        out.push_str("## Agreement\n\n512 members, a loss of 1 %, looked at every 100 ms.\n\n");
        out.push_str("| what | whose | seeds | agreed | after, s | new identities |\n|---|---|---:|---:|---:|---:|\n");
        for (what, work) in
            [("healed after a minute in halves", Work::Heal), ("begun at once, knowing one", Work::Join)]
        {
            for contender in [Contender::Delian, Contender::Foca] {
                let Some(row) = self.row(contender, work) else { continue };
                let renewed = row.spread(|turn| turn.number("renewed") as f64).filter(|_| work == Work::Heal);
                let _ = writeln!(
                    out,
                    "| {what} | {} | {} | {} | {} | {} |",
                    contender.name(),
                    row.seeds,
                    row.sum("agreed"),
                    told(row.spread(|turn| seconds(turn, "agreed_ns")), 1),
                    told(renewed, 0),
                );
            }
        }
        let _ = writeln!(out, "\nWho has not agreed after {AGREED_WITHIN} s, or 300 s of joining, is not waited for.");
    }

    pub(crate) fn to_json(&self) -> Value {
        let Circumstances { command, machine, compiler, foca } = &self.circumstances;
        let spread =
            |Spread { median, least, greatest }| json!({"median": median, "least": least, "greatest": greatest});
        let rows = self.rows.iter().filter(|row| !row.turns.is_empty()).map(|row| {
            let names = row.turns.iter().flat_map(Measured::names).collect::<std::collections::BTreeSet<&str>>();
            let numbers = names
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), spread(row.spread(|turn| turn.number(name) as f64)?))));
            json!({
                "contender": row.contender.name(),
                "work": row.words(1),
                "seeds": row.seeds,
                "numbers": numbers.collect::<serde_json::Map<String, Value>>(),
            })
        });
        json!({
            "command": command,
            "machine": machine,
            "compiler": compiler,
            "foca": foca,
            "rows": rows.collect::<Vec<Value>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contender: Contender, work: Work, said: &[&str]) -> Row {
        let turns: Vec<Measured> = said.iter().map(|line| Measured::sample(&format!("cpu_ns=1 {line}"))).collect();
        Row { turns, ..Row::new(contender, work, said.len() as u64) }
    }

    fn report(rows: Vec<Row>) -> Report {
        Report { circumstances: Circumstances::default(), rows }
    }

    #[test]
    fn a_goal_is_judged_by_the_median_of_all_seeds() {
        let healed = |last: u64| {
            let said = [3, last, 2].map(|seconds| format!("agreed=1 renewed=0 agreed_ns={seconds}000000000"));
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            report(vec![
                row(Contender::Delian, Work::Heal, &said),
                row(Contender::Foca, Work::Heal, &["agreed_ns=300000000000"]),
            ])
        };
        let line = |target| format!("| half of 512 parted for a minute: all agree after, s | {target} |\n");
        let text = healed(40).to_markdown();
        assert!(text.contains(&line("3.0 (2.0–40.0) | 300.0 | 100.0 | at most 30 | met")), "{text}");
        let missed = report(vec![row(Contender::Delian, Work::Heal, &["agreed_ns=31000000000"])]).to_markdown();
        assert!(missed.contains(&line("31.0 |  |  | at most 30 | **missed**")), "{missed}");
    }

    #[test]
    fn wrong_deaths_of_the_grid_are_added_up_seed_by_seed() {
        let cells = BLOCKED.into_iter().flat_map(|count| BLOCK_MILLIS.map(|millis| Work::Blocks { count, millis }));
        let said = ["wrong=100 wrong_at_healthy=1", "wrong=1 wrong_at_healthy=0"];
        let text = report(cells.map(|work| row(Contender::Delian, work, &said)).collect()).to_markdown();
        assert!(text.contains("wrong deaths per seed | 1600 (16–1600) |  |  | at most 750 | **missed** |\n"), "{text}");
        assert!(text.contains("at healthy observers | 16 (0–16) |  |  | at most 600 | met |\n"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let text = report(Vec::new()).to_markdown();
        assert!(
            text.contains(
                "| 100,000 members for a minute: GB at most |  |  |  | done once, in 24 GB | not measured |\n"
            )
        );
        assert!(!text.contains(" met |"), "{text}");
    }
}
