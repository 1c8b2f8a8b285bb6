//! The report as JSON: `report.json`, and the document that `delian sim --json` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::plan::Fork;

use super::suite::{elections_and_commits, fault_count, faults_of};
use super::{Histogram, Measured, Report, Suite, Verdict, Worst};

/// Returns the document that `delian sim --json` prints: the only one that knows how long the command took.
pub fn cli_json(report: &Report, wall_seconds: f64, cpu_seconds: f64) -> Value {
    let scenarios: Vec<Value> = report.suites().iter().map(cli_scenario).collect();
    json!({
        "ok": report.ok(),
        "scenarios": scenarios,
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
    })
}

fn cli_scenario(suite: &Suite) -> Value {
    let failed: Vec<Value> = suite
        .failures()
        .map(|failure| {
            json!({
                "seed": failure.seed,
                "forks": forks(failure.forks()),
                "invariant": failure.violation.invariant,
                "at_ns": failure.violation.at.as_nanos(),
                "replay": failure.replay(),
            })
        })
        .collect();
    json!({
        "name": suite.name(),
        "path": suite.path(),
        "seeds": suite.seeds(),
        "failed": failed,
        "virtual_seconds": seconds(suite.virtual_nanos()),
        "events": suite.events(),
        "branches": suite.branches().0,
        "branch_events": suite.branches().1,
        "faults": faults_of(suite.counts()),
        "elections": suite.elections(),
        "commits": suite.commits(),
    })
}

pub(super) fn document(report: &Report) -> String {
    let totals = report.totals();
    let (elections, commits) = elections_and_commits(&totals.counts);
    let document = Document {
        ok: report.ok(),
        headline: report.headline(),
        totals: TotalsView {
            scenarios: report.suites().len(),
            seeds: totals.seeds,
            failed_seeds: totals.failed_seeds,
            virtual_seconds: seconds(totals.virtual_nanos),
            events: totals.events,
            faults: fault_count(&totals.counts),
            elections,
            commits,
        },
        scenarios: report.suites().iter().map(scenario).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("plain data with string keys is JSON");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document {
    ok: bool,
    headline: String,
    totals: TotalsView,
    scenarios: Vec<ScenarioView>,
}

#[derive(Serialize)]
struct TotalsView {
    scenarios: usize,
    seeds: u64,
    failed_seeds: u64,
    virtual_seconds: f64,
    events: u64,
    faults: u64,
    elections: u64,
    commits: u64,
}

#[derive(Serialize)]
struct ScenarioView {
    name: String,
    path: String,
    about: String,
    verdict: &'static str,
    seeds: u64,
    failure_rate_max_ppm: u32,
    failed: Vec<FailureView>,
    unmet: Vec<UnmetView>,
    virtual_seconds: f64,
    events: u64,
    branches: u64,
    branch_events: u64,
    fingerprint: String,
    elections: u64,
    commits: u64,
    faults: BTreeMap<&'static str, u64>,
    counts: BTreeMap<&'static str, u64>,
    commit_latency: SpansView,
    leaderless: SpansView,
    settle: SpansView,
    noticed: BTreeMap<&'static str, NoticedView>,
}

#[derive(Serialize)]
struct FailureView {
    seed: u64,
    forks: Vec<String>,
    invariant: &'static str,
    at_ns: u64,
    sentence: &'static str,
    facts: Vec<String>,
    trace: Vec<String>,
    replay: String,
}

#[derive(Serialize)]
struct UnmetView {
    fact: String,
    wanted: u64,
    counted: u64,
}

#[derive(Serialize)]
struct SpansView {
    count: u64,
    mean_ns: Option<u64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: Option<u64>,
    worst: Vec<WorstView>,
}

#[derive(Serialize)]
struct NoticedView {
    count: u64,
    mean_ns: Option<u64>,
    p50_ns: Option<u64>,
    p95_ns: Option<u64>,
    max_ns: Option<u64>,
    promised_least_ns: Option<u64>,
    promised_most_ns: Option<u64>,
    late: Option<u64>,
}

#[derive(Serialize)]
struct WorstView {
    seed: u64,
    ns: u64,
    replay: String,
}

fn scenario(suite: &Suite) -> ScenarioView {
    ScenarioView {
        name: suite.name().to_owned(),
        path: suite.path().to_owned(),
        about: suite.about().to_owned(),
        verdict: match suite.verdict() {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::NotRun => "not run",
        },
        seeds: suite.seeds(),
        failure_rate_max_ppm: suite.failure_rate_max(),
        failed: suite
            .failures()
            .map(|failure| FailureView {
                seed: failure.seed,
                forks: forks(failure.forks()),
                invariant: failure.violation.invariant,
                at_ns: failure.violation.at.as_nanos(),
                sentence: failure.violation.sentence,
                facts: failure.violation.facts.clone(),
                trace: failure.violation.tail.clone(),
                replay: failure.replay(),
            })
            .collect(),
        unmet: suite
            .unmet()
            .into_iter()
            .map(|unmet| UnmetView { fact: unmet.fact, wanted: unmet.wanted, counted: unmet.counted })
            .collect(),
        virtual_seconds: seconds(suite.virtual_nanos()),
        events: suite.events(),
        branches: suite.branches().0,
        branch_events: suite.branches().1,
        fingerprint: format!("{:016x}", suite.fingerprint()),
        elections: suite.elections(),
        commits: suite.commits(),
        faults: faults_of(suite.counts()),
        counts: suite.counts().iter().collect(),
        commit_latency: spans(suite, suite.commit_latency(), suite.worst_commit_latency()),
        leaderless: spans(suite, suite.leaderless(), suite.worst_leaderless()),
        settle: spans(suite, suite.settle(), suite.worst_settle()),
        noticed: suite.noticed().iter().map(|(notice, measured)| (notice.name(), noticed(measured))).collect(),
    }
}

fn noticed(measured: &Measured) -> NoticedView {
    let (histogram, promise) = (measured.spans(), measured.promise());
    NoticedView {
        count: histogram.count(),
        mean_ns: histogram.mean().map(nanos),
        p50_ns: histogram.quantile(500).map(nanos),
        p95_ns: histogram.quantile(950).map(nanos),
        max_ns: histogram.most().map(nanos),
        promised_least_ns: promise.map(|promise| nanos(promise.least)),
        promised_most_ns: promise.map(|promise| nanos(promise.most)),
        late: promise.map(|_| measured.late()),
    }
}

fn spans(suite: &Suite, histogram: &Histogram, worst: &Worst) -> SpansView {
    SpansView {
        count: histogram.count(),
        mean_ns: histogram.mean().map(nanos),
        p50_ns: histogram.quantile(500).map(nanos),
        p90_ns: histogram.quantile(900).map(nanos),
        p99_ns: histogram.quantile(990).map(nanos),
        max_ns: histogram.most().map(nanos),
        worst: worst
            .iter()
            .map(|(seed, span)| WorstView { seed, ns: nanos(span), replay: suite.replay(seed) })
            .collect(),
    }
}

fn forks(forks: &[Fork]) -> Vec<String> {
    forks.iter().map(Fork::to_string).collect()
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// One division, correctly rounded everywhere.
fn seconds(nanos: u128) -> f64 {
    nanos as f64 / 1e9
}
