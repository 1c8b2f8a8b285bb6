//! `delian rerun`: the other side of [`crate::repeat`], in a fresh process.
//!
//! The scenario comes on standard input and not from its file, because a file may be edited while a campaign runs.

use std::io;

use delian_sim::story::Story;
use delian_sim::trace::Tracer;

use crate::answer::{Answer, Problem};
use crate::cli::RerunArguments;
use crate::screen;

pub(crate) fn run(arguments: &RerunArguments) -> Result<Answer, Problem> {
    let text = io::read_to_string(io::stdin())
        .map_err(|error| Problem::new(format!("cannot read the scenario from standard input: {error}")))?;
    let scenario = Story::from_toml(&text, &arguments.path)?;
    let mut answer = String::new();
    for run in &arguments.runs {
        let tracer = if arguments.trace { Tracer::All(Vec::new()) } else { Tracer::Off };
        let (fingerprint, lines) = run.repeat(&scenario, tracer)?;
        if arguments.trace {
            answer.extend(lines.iter().map(|line| format!("{line}\n")));
        } else {
            answer.extend([format!("{run} {fingerprint:016x}\n")]);
        }
    }
    screen::say(&answer)?;
    Ok(Answer::Yes)
}
