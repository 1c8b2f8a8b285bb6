//! `delian replay`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::desk::{Desk, GREEN};

#[test]
fn a_replay_tells_what_was_drawn_what_happened_and_the_verdict() {
    let desk = Desk::new("replay-story");
    let swarm = GREEN.replace("[expect]", "[workload]\n[swarm]\n[expect]").replace("everywhere = [1]\n", "");
    desk.write("swarm.toml", &swarm);
    let ended = desk.delian("replay swarm.toml --seed 4");
    ended
        .says("swarm  seed 4")
        .says("cluster    3 voters, 0 learners")
        .says("(family and strength, 1 to 4)")
        .says("made whole")
        .says("fingerprint ")
        .says("leader_changes ");
}

#[test]
fn the_same_seed_is_the_same_run_in_every_process() {
    let desk = Desk::new("replay-same");
    let words = "replay scenarios/green.toml --seed 3 --trace -";
    let trace = desk.delian(words).with(0).output;
    assert!(trace.lines().count() > 100, "only {} lines", trace.lines().count());
    assert_eq!(desk.delian(words).output, trace);
    assert_ne!(desk.delian("replay scenarios/green.toml --seed 4 --trace -").output, trace);
}

#[test]
fn the_last_lines_are_the_end_of_the_trace() {
    let desk = Desk::new("replay-last");
    let trace = desk.delian("replay scenarios/green.toml --seed 3 --trace -").output;
    let last = desk.delian("replay scenarios/green.toml --seed 3 --last 7").with(0);
    assert_eq!(last.output.lines().count(), 7);
    assert!(trace.ends_with(&last.output));
    last.complains("Every invariant held.");
}

#[test]
fn a_trace_goes_to_a_file_as_text_or_as_json_lines() {
    let desk = Desk::new("replay-file");
    desk.delian("replay scenarios/green.toml --seed 3 --trace trace.txt").with(0).says("Every invariant held.");
    let document = desk.delian("replay scenarios/green.toml --seed 3 --trace trace.jsonl --json").with(0).json();
    assert_eq!(document["ok"], true);
    let (text, json) = (desk.read("trace.txt"), desk.read("trace.jsonl"));
    assert_eq!(text.lines().count(), json.lines().count());
    for line in json.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is a document");
        assert!(line["at_ns"].is_u64() && line["kind"].is_string(), "{line}");
    }
    let lines = desk.delian("replay scenarios/green.toml --seed 3 --trace - --json").with(0);
    assert_eq!(lines.output, json);
    desk.delian("replay scenarios/green.toml --seed 3 --trace no/such/folder").with(2).complains("no/such/folder");
}

#[test]
fn the_document_of_a_failure_keeps_its_shape() {
    let desk = Desk::new("replay-json");
    let ended = desk.delian("replay red.toml --seed 7 --json").with(1);
    assert_eq!(ended.json()["violation"]["trace"].as_array().map(Vec::len), Some(20));
    let mut shape = ended.shape();
    for varies in ["/fingerprint", "/violation/trace", "/violation/facts"] {
        *shape.pointer_mut(varies).expect("the document has it") = "varies".into();
    }
    insta::assert_json_snapshot!(shape);
}

#[test]
fn a_seed_is_asked_for_unless_the_scenario_is_pinned_to_one() {
    let desk = Desk::new("replay-seed");
    desk.delian("replay red.toml").with(2).complains("say which, with --seed S");
    desk.write("pinned.toml", &GREEN.replace("[run]", "[run]\nseed = 5"));
    let pinned = desk.delian("replay pinned.toml").with(0).says("pinned  seed 5");
    assert_eq!(desk.delian("replay pinned.toml --seed 5").output, pinned.output);
    desk.delian("replay pinned.toml --seed 6").with(2).complains("pinned to seed 5");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::new("replay-pipe");
    let mut command = desk.command();
    command.args(["replay", "scenarios/green.toml", "--seed", "3", "--trace", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command was built");
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("it was piped"));
    output.read_line(&mut first).expect("there is a line");
    drop(output);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&ended.stderr).contains("panicked"));
}

#[test]
fn a_fork_goes_like_its_seed_up_to_its_instant_and_elsewhere_after_it() {
    let desk = Desk::new("replay-fork");
    let swarm = GREEN.replace("[expect]", "[workload]\n[swarm]\n[expect]").replace("everywhere = [1]\n", "");
    desk.write("swarm.toml", &swarm);
    let trunk = desk.delian("replay swarm.toml --seed 4 --trace -").output;
    let words = "replay swarm.toml --seed 4 --fork 6.5s:swarm:1";
    let forked = desk.delian(&format!("{words} --trace -")).with(0).output;
    let (before, after) = forked.split_once("forks 6.5s:swarm:1").expect("the trace tells where it forks");
    let shared = before.rfind('\n').expect("something happens before the fork");
    assert!(shared > 1_000 && trunk.starts_with(&before[..=shared]), "the fork has another past");
    assert!(after.len() > 1_000 && !trunk.ends_with(after), "the fork has the same future");
    desk.delian(words).with(0).says("forked     6.5s:swarm:1");
    assert_eq!(desk.delian(&format!("{words} --json")).with(0).json()["forks"][0], "6.5s:swarm:1");
}

#[test]
fn a_fork_that_makes_no_sense_is_refused_with_what_would() {
    let desk = Desk::new("replay-no-fork");
    let complaint = |forks: &str, told: &str| {
        desk.delian(&format!("replay scenarios/green.toml --seed 4 {forks}")).with(2).says_nothing().complains(told);
    };
    complaint("--fork soon", "12.5s:swarm:3");
    complaint("--fork 20s:swarm:1", "not before the end of the chaos, at 20s");
    complaint("--fork 5s:swarm:1 --fork 5s:plain:2", "not behind 5s:swarm:1");
}
