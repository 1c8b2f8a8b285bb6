//! The subcommands that only tell, and the way between `sim` and its fresh processes.

use std::io::Write;
use std::process::Stdio;

use crate::desk::{Desk, GREEN};

#[test]
fn scenarios_are_listed_one_line_each() {
    let desk = Desk::new("scenarios");
    let ended = desk.delian("scenarios scenarios red.toml").with(0);
    let lines: Vec<&str> = ended.output.lines().collect();
    assert_eq!(lines[0], "scenarios/green.toml  3+0  20.0s  When the leader crashes, another takes over.");
    assert_eq!(lines[1], "red.toml              3+0  5.00s  A thousand elections are too many to ask for.");
    assert_eq!(lines.len(), 2);
    insta::assert_json_snapshot!(desk.delian("scenarios --json").with(0).shape());
    desk.delian("scenarios nowhere").with(2).complains("nowhere");
}

#[test]
fn invariants_are_listed_with_their_sentences() {
    let ended = Desk::new("invariants").delian("invariants").with(0).says("one-leader-per-term ");
    let ended = ended.says("No term has two leaders.").says("equal-seeds-give-equal-runs ");
    assert_eq!(
        ended.output.lines().count(),
        delian_sim::invariants::catalogue().len() + delian_sim::pool::pool_catalogue().len()
    );
}

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    let desk = Desk::new("pages");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        desk.delian(&format!("completions {shell}")).with(0).says("fail-fast");
    }
    desk.delian("completions tcsh").with(2).complains("possible values");
    desk.delian("man").with(0).says(".TH delian 1");
    for command in [
        "demo",
        "node",
        "cert",
        "store",
        "status",
        "members",
        "topology",
        "why",
        "transfer",
        "sim",
        "replay",
        "shrink",
        "hunt",
        "check",
        "balance",
        "ring",
        "scenarios",
        "invariants",
        "completions",
        "man",
    ] {
        desk.delian(&format!("man {command}")).with(0).says(&format!(".TH delian-{command} 1"));
        desk.delian(&format!("{command} --help")).with(0).says("Usage: delian ");
    }
    for command in ["locate", "replicas", "diff", "balance"] {
        desk.delian(&format!("man ring {command}")).with(0).says(&format!(".TH delian-ring-{command} 1"));
        desk.delian(&format!("ring {command} --help")).with(0).says("Usage: delian ring ").says("Examples:");
    }
    desk.delian("man ring nothing").with(2).complains("there is no command `nothing`, but locate, replicas");
    desk.delian("man nothing").with(2).complains("there is no command `nothing`, but node, demo");
}

#[test]
fn an_unknown_word_is_bad_input() {
    let desk = Desk::new("unknown");
    desk.delian("simm").with(2).complains("similar");
    desk.delian("").with(2);
    desk.delian("--help").with(0).says("Exit codes:");
    desk.delian("--version").with(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_fresh_process_runs_the_scenario_it_is_handed_and_not_the_file() {
    let desk = Desk::new("rerun");
    let rerun = |words: &str, text: &str| {
        let mut command = desk.command();
        command.args(words.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command was built");
        child.stdin.take().expect("it was piped").write_all(text.as_bytes()).expect("it listens");
        child.wait_with_output().expect("it ends")
    };
    let output = rerun("rerun --run=3 --run=4 -- scenarios/edited-since.toml", GREEN).stdout;
    let told = String::from_utf8(output).expect("numbers are UTF-8");
    for (line, seed) in told.lines().zip([3, 4]) {
        let document = desk.delian(&format!("replay scenarios/green.toml --seed {seed} --json")).json();
        let fingerprint = document["fingerprint"].as_str().expect("a fingerprint is text");
        assert_eq!(line, format!("{seed} {fingerprint}"));
    }
    assert_eq!(told.lines().count(), 2);
    let trace = rerun("rerun --run=3 --trace -- scenarios/green.toml", GREEN).stdout;
    assert_eq!(trace, desk.delian("replay scenarios/green.toml --seed 3 --trace -").output.as_bytes());
    assert_eq!(rerun("rerun --run=3 -- scenarios/green.toml", "nonsense").status.code(), Some(2));
}
