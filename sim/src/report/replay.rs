//! The one command that shows a run again.

use crate::plan::Fork;

/// How the command is called from a checkout.
const COMMAND: &str = "cargo run --release --";

/// Returns the command that replays a seed of a scenario, as it is or with forks, quoted for a POSIX shell.
///
/// A scenario that was built in Rust has no path and so no command; the line says where to look instead.
pub fn replay_line(path: &str, seed: u64, forks: &[Fork]) -> String {
    if path.is_empty() {
        return format!("# seed {seed} of a scenario built in Rust: run it from the test that builds it");
    }
    // A path that begins with a dash would be read as an option.
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    let mut line = format!("{COMMAND} replay {} --seed {seed}", quoted(&path));
    line.extend(forks.iter().flat_map(|fork| [" --fork ".to_owned(), fork.to_string()]));
    line
}

fn quoted(word: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "_-./,:+@%=".contains(letter);
    if word.chars().all(harmless) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_stays_plain() {
        let line = replay_line("scenarios/topology/a-fact.toml", 42, &[]);
        assert_eq!(line, "cargo run --release -- replay scenarios/topology/a-fact.toml --seed 42");
    }

    #[test]
    fn forks_follow_the_seed_in_their_order() {
        let forks = ["1.5s:swarm:2", "9s:plain:7"].map(|fork| fork.parse().expect("it is one"));
        let line = replay_line("a.toml", 3, &forks);
        assert_eq!(line, "cargo run --release -- replay a.toml --seed 3 --fork 1.5s:swarm:2 --fork 9s:plain:7");
    }

    #[test]
    fn a_hostile_path_reaches_the_command_as_one_word() {
        assert_eq!(replay_line("it's; rm.toml", 1, &[]), r"cargo run --release -- replay 'it'\''s; rm.toml' --seed 1");
        assert_eq!(replay_line("--seed", 1, &[]), "cargo run --release -- replay ./--seed --seed 1");
    }
}
