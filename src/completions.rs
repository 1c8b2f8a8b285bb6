//! `delian completions`: what a shell needs to complete this command.

use clap::CommandFactory;

use crate::answer::{Answer, Problem};
use crate::cli::{Arguments, CompletionsArguments};
use crate::screen;

pub(crate) fn run(arguments: &CompletionsArguments) -> Result<Answer, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "delian", &mut script);
    screen::say(&String::from_utf8_lossy(&script))?;
    Ok(Answer::Yes)
}
