use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::sample::{Health, outcome, report, scenario, scenarios, violation};
use super::suite::{FULL_FAILURES_MAX, SUITE_SEEDS_LEAST};
use super::{Color, Report, Suite, Verdict, cli_json};
use crate::guide::{Branch, Explored};

fn bytes(report: &Report) -> [String; 3] {
    [report.to_markdown(), report.to_json(), report.to_html()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_runs_and_threads_does_not_show(
        (order, parts) in Just((0..60_u64).collect::<Vec<_>>()).prop_shuffle().prop_flat_map(|order| (Just(order), 1..6_usize))
    ) {
        let story = &scenarios()[2];
        let mut in_order = Suite::new(story);
        (0..60).for_each(|seed| in_order.add(outcome(2, seed, Health::Sick)));

        let mut merged = Suite::new(story);
        for part in order.chunks(order.len().div_ceil(parts)) {
            let mut suite = Suite::new(story);
            for seed in part {
                suite.add(outcome(2, *seed, Health::Sick));
            }
            merged.merge(suite);
        }
        prop_assert_eq!(&merged, &in_order);

        let other = Suite::new(&scenarios()[0]);
        let one = Report::new(vec![merged, other.clone()]);
        let two = Report::new(vec![other, in_order]);
        prop_assert_eq!(bytes(&one), bytes(&two));
    }
}

#[test]
fn which_failures_are_kept_in_full_does_not_depend_on_the_order() {
    let story = &scenarios()[2];
    let add = |seeds: &mut dyn Iterator<Item = u64>| {
        let mut suite = Suite::new(story);
        seeds.for_each(|seed| {
            let mut run = outcome(2, seed, Health::Well);
            run.violation = Some(violation(seed));
            suite.add(run);
        });
        suite
    };
    let upwards = add(&mut (0..50));
    assert_eq!(upwards, add(&mut (0..50).rev()));
    assert_eq!(upwards.failures().filter(|failure| !failure.violation.facts.is_empty()).count(), FULL_FAILURES_MAX);
    assert_eq!(upwards.failure_count(), 50);
}

#[test]
fn one_more_run_changes_the_fingerprint() {
    let mut suite = Suite::new(&scenarios()[0]);
    let mut seen = vec![suite.fingerprint()];
    for seed in 0..5 {
        suite.add(outcome(0, seed, Health::Well));
        assert!(!seen.contains(&suite.fingerprint()));
        seen.push(suite.fingerprint());
    }
}

#[test]
fn a_report_in_which_nothing_ran_is_not_ok() {
    assert!(!Report::new(Vec::new()).ok());
    let idle = Report::new(vec![Suite::new(&scenarios()[0])]);
    assert_eq!(idle.suites()[0].verdict(), Verdict::NotRun);
    assert!(!idle.ok());
    assert!(report(1, Health::Well).ok());
}

#[test]
fn a_missed_suite_expectation_fails_from_twenty_seeds_on() {
    let mut story = scenarios()[0].clone();
    story.expect.suite.insert("snapshots".to_owned(), u64::MAX);
    let mut suite = Suite::new(&story);
    for seed in 1..SUITE_SEEDS_LEAST {
        suite.add(outcome(0, seed, Health::Well));
    }
    assert_eq!(suite.verdict(), Verdict::Passed);
    suite.add(outcome(0, SUITE_SEEDS_LEAST, Health::Well));
    assert_eq!(suite.verdict(), Verdict::Failed);
    assert_eq!(suite.unmet()[0].fact, "snapshots");
}

#[test]
fn the_document_of_the_command_has_exactly_its_keys() {
    let report = report(40, Health::Sick);
    let document = cli_json(&report, 1.5, 2.5);
    assert_eq!(keys(&document), ["cpu_seconds", "ok", "scenarios", "wall_seconds"]);
    let scenarios = document["scenarios"].as_array().expect("scenarios are a list");
    assert_eq!(scenarios.len(), report.suites().len());
    let scenario = scenarios.iter().find(|one| one["failed"] != Value::Array(Vec::new())).expect("one failed");
    let runs = ["branch_events", "branches", "commits", "elections", "events", "failed", "faults"];
    assert_eq!(keys(scenario), [&runs[..], &["name", "path", "seeds", "virtual_seconds"]].concat());
    assert_eq!(keys(&scenario["failed"][0]), ["at_ns", "forks", "invariant", "replay", "seed"]);
    let replay = scenario["failed"][0]["replay"].as_str().expect("a replay line is text");
    assert_eq!(
        replay,
        "cargo run --release -- replay scenarios/raft/a-minority-side-cannot-change-the-topology.toml --seed 7"
    );
    let faults = scenario["faults"].as_object().expect("faults are a map");
    assert!(!faults.is_empty() && faults.keys().all(|kind| !kind.starts_with("fault.")));
}

#[test]
fn the_written_document_parses_and_knows_no_wall_clock() {
    let text = report(40, Health::Sick).to_json();
    let document: Value = serde_json::from_str(&text).expect("the report is JSON");
    assert_eq!(document["ok"], false);
    assert_eq!(document["totals"]["scenarios"], 14);
    assert!(!text.contains("wall_seconds") && !text.contains("cpu_seconds"));
}

#[test]
fn hostile_names_stay_text() {
    let evil = "</td><script>alert('x')</script>&amp;\"|`\u{1b}[31m";
    let mut suite = Suite::new(&scenario(evil, evil, &format!("{evil}.toml")));
    let mut run = outcome(0, 1, Health::Well);
    let mut found = violation(1);
    found.facts.push(evil.to_owned());
    found.tail.push(evil.to_owned());
    run.violation = Some(found);
    suite.add(run);
    let report = Report::new(vec![suite]);
    let html = report.to_html();
    assert!(!html.contains("<script") && !html.contains("</td>") && !html.contains('\u{1b}'));
    assert!(!report.to_terminal(100, Color::Off).contains('\u{1b}'));
    let markdown = report.to_markdown();
    let table_rows = markdown.lines().filter(|row| row.starts_with('|'));
    assert!(table_rows.clone().count() > 5);
    assert!(table_rows.into_iter().all(|row| !row.contains("<script") || row.contains("`` ")));
}

#[test]
fn the_page_asks_nothing_of_the_network() {
    let html = report(20, Health::Well).to_html();
    let links = html.matches("http").count();
    assert_eq!(links, html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("<script"));
    assert_eq!(html.matches("<svg ").count(), 3);
    assert!(html.contains("<text "), "the plots have no labels");
}

#[test]
fn the_table_fits_a_hundred_columns_and_gives_up_columns_below() {
    for health in [Health::Well, Health::Sick] {
        let report = report(40, health);
        for width in [40, 60, 80, 100, 160] {
            let screen = report.to_terminal(width, Color::Off);
            let keeps = |text: &&str| !text.contains("replay") && !text.contains("  n");
            for text in screen.lines().filter(keeps) {
                assert!(text.chars().count() <= width, "{} columns of {width}: {text}", text.chars().count());
            }
        }
    }
    let widest = report(40, Health::Well).to_terminal(100, Color::Off);
    let headings = widest.lines().nth(1).expect("two lines of headings");
    assert!(["seeds", "commits", "p99", "recovery"].iter().all(|word| headings.contains(word)), "{headings}");
}

#[test]
fn painting_adds_escapes_and_nothing_else() {
    let report = report(40, Health::Sick);
    let mut plain = report.to_terminal(100, Color::On);
    for code in ["0", "1", "2", "32", "1;31"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(plain, report.to_terminal(100, Color::Off));
}

#[test]
fn a_failure_tells_what_style_asks_for() {
    let screen = report(40, Health::Sick).to_terminal(100, Color::Off);
    let wanted = [
        "seed 7",
        "a-minority-side-cannot-change-the-topology",
        "one-leader-per-term at 12.350000007s",
        "In one term at most one node ever becomes leader",
        "- n1 became leader of term 3",
        "n3  become   leader t3",
        "cargo run --release -- replay scenarios/raft/a-minority-side-cannot-change-the-topology.toml --seed 7",
    ];
    for part in wanted {
        assert!(screen.contains(part), "{part} is missing:\n{screen}");
    }
}

#[test]
fn the_numbers_of_a_single_run_come_through() {
    let mut suite = Suite::new(&scenarios()[0]);
    let mut run = outcome(0, 3, Health::Well);
    run.commit_latencies = vec![Duration::from_millis(10)];
    run.settled_after = Some(Duration::from_secs(2));
    suite.add(run);
    assert_eq!(suite.commit_latency().quantile(990), Some(Duration::from_millis(10)));
    assert_eq!(suite.worst_settle().iter().collect::<Vec<_>>(), [(3, Duration::from_secs(2))]);
    let markdown = Report::new(vec![suite]).to_markdown();
    assert!(markdown.contains("| 10.0 ms | 10.0 ms | 10.0 ms |"));
    assert!(markdown.contains("replay scenarios/membership/added-node-is-seen-by-all.toml --seed 3"));
}

#[test]
fn writing_creates_the_directory_and_names_what_it_cannot_write() {
    let directory = sample_directory();
    for (name, health) in [("well", Health::Well), ("sick", Health::Sick)] {
        let report = report(200, health);
        report.write(&directory.join(name)).expect("the target directory is writable");
        let written = std::fs::read_to_string(directory.join(name).join("report.md")).expect("it was written");
        assert_eq!(written, report.to_markdown());
        let screen = report.to_terminal(100, Color::On);
        std::fs::write(directory.join(name).join("screen.txt"), screen).expect("the target directory is writable");
    }
    let file = directory.join("well/report.md");
    let refused = report(1, Health::Well).write(&file.join("below")).expect_err("a file is no directory");
    assert!(refused.to_string().contains("report.md/below"), "{refused}");
}

/// Samples for looking at are left in the target directory.
fn sample_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let target = test.ancestors().nth(3).expect("tests run from target/<profile>/deps");
    target.join("report-sample")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn what_breaks_in_a_fork_is_the_seeds_failure_and_is_replayed_with_it() {
    let fork = "12.5s:swarm:3".parse().expect("it is a fork");
    let branch = |violation| Branch { forks: vec![fork], events: 900, own_events: 100, fingerprint: 7, violation };
    let run = |seed, violation| Explored { trunk: outcome(0, seed, Health::Well), branches: vec![branch(violation)] };
    let mut suite = Suite::new(&scenarios()[0]);
    suite.add_explored(run(3, None));
    suite.add_explored(run(4, Some(violation(4))));
    let mut alone = Suite::new(&scenarios()[0]);
    alone.add(outcome(0, 3, Health::Well));
    alone.add(outcome(0, 4, Health::Well));

    assert_eq!((suite.verdict(), suite.seeds(), suite.branches()), (Verdict::Failed, 2, (2, 200)));
    assert_eq!((suite.counts(), suite.events()), (alone.counts(), alone.events()), "forks count for nothing else");
    assert_ne!(suite.fingerprint(), alone.fingerprint());
    let replays: Vec<String> = suite.failures().map(|failure| failure.replay()).collect();
    assert_eq!(replays.len(), 1);
    assert!(replays[0].ends_with("--seed 4 --fork 12.5s:swarm:3"), "{replays:?}");
}
