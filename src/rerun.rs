//! `delian rerun`: the other side of [`crate::repeat`], in a fresh process.
//!
//! The scenario comes on standard input and not from its file, because a file may be edited while a campaign runs.

use std::io;
use std::sync::Arc;

use delian_sim::plan::Plan;
use delian_sim::run::{digest_embedder, run_traced};
use delian_sim::scenario::Scenario;
use delian_sim::trace::Tracer;

use crate::answer::{Answer, Problem};
use crate::cli::RerunArguments;
use crate::screen;

pub(crate) fn run(arguments: &RerunArguments) -> Result<Answer, Problem> {
    let text = io::read_to_string(io::stdin())
        .map_err(|error| Problem::new(format!("cannot read the scenario from standard input: {error}")))?;
    let scenario = Arc::new(Scenario::from_toml(&text, &arguments.path)?);
    let mut answer = String::new();
    for seed in &arguments.seeds {
        let plan = Arc::new(Plan::draw(&scenario, *seed));
        let tracer = if arguments.trace { Tracer::All(Vec::new()) } else { Tracer::Off };
        let (outcome, lines) = run_traced(&plan, &digest_embedder(), tracer);
        if arguments.trace {
            answer.extend(lines.iter().map(|line| format!("{line}\n")));
        } else {
            answer.extend([format!("{seed} {:016x}\n", outcome.fingerprint)]);
        }
    }
    screen::say(&answer)?;
    Ok(Answer::Yes)
}
