//! `delian sim`.

use crate::desk::{Desk, GREEN};

#[test]
fn green_scenarios_exit_with_zero_and_leave_reports() {
    let desk = Desk::new("sim-green");
    let ended = desk.delian("sim --seeds 3").with(0).says("ok  green").says("every invariant held");
    let ended = ended.says("2 runs repeated in fresh processes: the same").says("reports/latest/report.md");
    assert_eq!(ended.errors, "", "nothing is told to a standard error that is no terminal");
    assert!(!ended.output.contains('\x1b'), "no colour for a pipe");
    for page in ["report.md", "report.html", "report.json"] {
        assert!(desk.has(&format!("reports/latest/{page}")), "{page} is missing");
    }
}

#[test]
fn a_world_in_which_no_scenario_runs_is_told_with_the_way_to_name_it() {
    let desk = Desk::new("sim-world");
    let ended =
        desk.delian("sim --world process").with(2).complains("none of these scenarios runs in the world process");
    ended.complains("add `[worlds]` to one");
    desk.delian("sim --world proces").with(2).complains("[possible values: des, madsim, process]");
}

#[test]
fn a_violation_exits_with_one_and_a_line_that_replays_it() {
    let desk = Desk::new("sim-red");
    let ended = desk.delian("sim red.toml --seeds 2").with(1);
    ended
        .says("FAILED  red  seed 0")
        .says("elections: 1, expected at least 1000")
        .says("cargo run --release -- replay red.toml --seed 1")
        .says("2 seeds of 2 failed");
    desk.delian("replay red.toml --seed 1").with(1);
}

#[test]
fn all_seeds_together_must_meet_what_the_suite_expects() {
    let desk = Desk::new("sim-suite");
    desk.write("together.toml", &format!("{GREEN}\n[expect.suite]\nhalts = 1\n"));
    desk.delian("sim together.toml --seeds 19").with(0);
    desk.delian("sim together.toml --seeds 20").with(1).says("count halts at least 1 times and counted 0");
    desk.delian("sim together.toml --seeds 20 --json").with(1).complains("halts at least 1 times");
}

#[test]
fn the_document_of_a_green_run_keeps_its_shape() {
    let desk = Desk::new("sim-json-green");
    let ended = desk.delian("sim --seeds 2 --json").with(0);
    insta::assert_json_snapshot!("green", ended.shape());
    for seconds in ["wall_seconds", "cpu_seconds"] {
        assert!(ended.json()[seconds].is_f64(), "{seconds} is a number of seconds");
    }
}

#[test]
fn the_document_of_a_failure_names_seed_invariant_time_and_command() {
    let desk = Desk::new("sim-json-red");
    insta::assert_json_snapshot!("red", desk.delian("sim red.toml --seed 7 --json").with(1).shape());
}

#[test]
fn the_report_does_not_depend_on_the_number_of_jobs() {
    let desk = Desk::new("sim-jobs");
    for jobs in ["1", "3"] {
        desk.delian(&format!("sim scenarios red.toml --seeds 8 --jobs {jobs} --report with-{jobs}")).with(1);
    }
    for page in ["report.md", "report.html", "report.json"] {
        assert_eq!(desk.read(&format!("with-1/{page}")), desk.read(&format!("with-3/{page}")), "{page} differs");
    }
}

#[test]
fn one_seed_is_one_run() {
    let desk = Desk::new("sim-seed");
    assert_eq!(desk.delian("sim --seed 18446744073709551615 --json").with(0).json()["scenarios"][0]["seeds"], 1);
    desk.delian("sim --seed 1 --seeds 2").with(2).says_nothing().complains("cannot be used with");
}

#[test]
fn a_scenario_pinned_to_a_seed_runs_once() {
    let desk = Desk::new("sim-pinned");
    desk.write("pinned.toml", &GREEN.replace("[run]", "[run]\nseed = 5"));
    let document = desk.delian("sim pinned.toml --seeds 9 --json").with(0).json();
    assert_eq!(document["scenarios"][0]["seeds"], 1);
}

#[test]
fn failing_fast_begins_nothing_new() {
    let desk = Desk::new("sim-fail-fast");
    let document = desk.delian("sim red.toml --seeds 1000 --jobs 1 --fail-fast --json").with(1).json();
    assert_eq!(document["scenarios"][0]["seeds"], 1);
}

#[test]
fn wrong_files_are_told_all_at_once_with_their_places() {
    let desk = Desk::new("sim-wrong");
    desk.write("scenarios/misspelt.toml", "abuot = \"A key is misspelt.\"\n[cluster]\nvoters = 3\n");
    desk.write("scenarios/nine.toml", "about = \"Nine are too many.\"\n[cluster]\nvoters = 9\n");
    let ended = desk.delian("sim --json").with(2).says_nothing();
    ended
        .complains("scenarios/misspelt.toml:1:1: a scenario has no `abuot`: did you mean `about`?")
        .complains("scenarios/nine.toml:3:10: voters is 9, but must be from 1 to 7")
        .complains("3 | voters = 9\n  |          ^");
}

#[test]
fn what_is_not_there_is_named() {
    let desk = Desk::new("sim-missing");
    desk.delian("sim nowhere.toml").with(2).complains("nowhere.toml: cannot be read");
    desk.delian("sim reports").with(2).complains("reports");
    desk.delian("sim --report red.toml/deeper").with(2).complains("cannot write the report to red.toml/deeper");
    std::fs::remove_dir_all(desk.path("scenarios")).expect("the desk can be cleared");
    desk.delian("sim").with(2).complains("there is no folder `scenarios` here");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let desk = Desk::new("sim-numbers");
    for words in ["sim --seeds 0", "sim --seeds many", "sim --jobs 0", "sim --jobs 1025", "sim --seed -1"] {
        desk.delian(words).with(2).says_nothing();
    }
}

#[test]
fn a_drift_beyond_what_leases_allow_is_refused_with_both_numbers() {
    let desk = Desk::new("sim-drift");
    let config = "[config]\nclock_drift_max_ppm = 50_000\n";
    let step = "[[step]]\nat = \"1s\"\nfault = \"drift\"\ntarget = \"n1\"\nppm = 60_000\n";
    desk.write("drift.toml", &format!("about = \"A clock drifts too far.\"\n{config}{step}"));
    desk.delian("sim drift.toml").with(2).says_nothing().complains(
        "ppm is 60000, but leases count on clocks that drift 50000 at most, as clock_drift_max_ppm says: drift less, or \
         raise it",
    );
}

#[test]
fn a_guide_looks_beside_the_seeds_and_changes_nothing_of_theirs() {
    let desk = Desk::new("sim-guide");
    let swarm = GREEN.replace("[expect]", "[workload]\n[swarm]\n[expect]").replace("everywhere = [1]\n", "");
    let swarm = swarm.replace("at_least = { leader_changes = 1 }\n", "");
    desk.write("swarm.toml", &swarm);
    let document = |guide: &str| desk.delian(&format!("sim swarm.toml --seeds 4 --json{guide}")).with(0).json();
    let (usual, alone) = (document(""), document(" --guide none"));
    for key in ["seeds", "events", "faults", "elections", "commits"] {
        assert_eq!(usual["scenarios"][0][key], alone["scenarios"][0][key], "{key}");
    }
    assert_eq!(alone["scenarios"][0]["branches"], 0);
    for guide in ["swarm", "fork", "both"] {
        let branches = document(&format!(" --guide {guide}"))["scenarios"][0]["branches"].as_u64();
        assert!(branches >= Some(4), "{guide} looked at {branches:?} runs beside 4 seeds");
    }
    desk.delian("sim swarm.toml --seeds 4").with(0).says("left what the seeds draw by themselves");
    desk.delian("sim --guide blindly").with(2).says_nothing().complains("possible values: none, swarm, fork, both");
}
