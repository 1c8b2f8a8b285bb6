//! `delian man`: manual pages, made of the same definitions as the help.

use clap::CommandFactory;
use clap_mangen::Man;

use crate::answer::{Answer, Problem};
use crate::cli::{Arguments, ManArguments};
use crate::screen;

pub(crate) fn run(arguments: &ManArguments) -> Result<Answer, Problem> {
    let mut command = Arguments::command();
    command.build();
    for name in &arguments.command {
        let names: Vec<String> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(|sub| sub.get_name().to_string()).collect();
        command = command
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Problem::new(format!("there is no command `{name}`, but {}", names.join(", "))))?;
    }
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|error| Problem::new(format!("cannot make the manual page: {error}")))?;
    screen::say(&String::from_utf8_lossy(&page))?;
    Ok(Answer::Yes)
}
