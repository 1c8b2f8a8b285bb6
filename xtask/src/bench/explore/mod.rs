//! `cargo xtask bench explore`: how fast small clusters are explored, beside stateright and beside what no explorer beats.

mod table;

use std::path::{Path, PathBuf};

use crate::bench::explore::table::{Report, Row, Work};
use crate::bench::measured::Measured;
use crate::bench::{Options, publish};
use crate::{Answer, Problem, process};

/// How often each row is measured; the median counts.
const TURNS: usize = 3;

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-explore";

/// Replication in a queue and over links, with slow disks, and changes of the quorum.
const MODELS: [&str; 4] = ["replication", "replication-links", "replication-disks", "changes-one-step"];

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    let program = build(&root)?;
    let is_ours = |work: &Work| !matches!(work, Work::Stateright | Work::Recalling);
    let works = || Work::ALL.into_iter().filter(|work| !options.no_peers || is_ours(work));
    let rows = MODELS.iter().flat_map(|model| works().map(|work| Row::new(model, work)));
    let mut report = Report { turns: TURNS, models: &MODELS, rows: rows.collect() };
    // Every row in turn, several times over, so that whatever disturbs the machine disturbs all of them.
    for turn in 1..=TURNS {
        eprintln!("turn {turn} of {TURNS}");
        for row in &mut report.rows {
            row.turns.push(Measured::of(&program, &format!("{} {}", row.work.word(), row.model))?);
        }
    }
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Builds the measuring program: an example, because stateright is nothing that ships depends on.
fn build(root: &Path) -> Result<PathBuf, Problem> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut cargo = process::cargo(root);
    cargo.args(["build", "--release", "--locked", "--package", "delian-sim", "--example", "explore"]);
    if !process::succeeds(&mut cargo)? {
        return Err("the example `explore` of delian-sim cannot be built".to_owned());
    }
    Ok(target.join("release/examples/explore").with_extension(std::env::consts::EXE_EXTENSION))
}
