//! The report as Markdown.

use super::human::{grouped, percent, span, span_or_dash};
use super::suite::{elections_and_commits, fault_count, faults_of, span_of};
use super::{Failure, Histogram, Report, Suite, Verdict, Worst, detection, push, push_line};

pub(super) fn page(report: &Report) -> String {
    let mut out = String::from("# Simulation report\n\n");
    push_line!(out, "**{}**\n", escaped(&report.headline()));
    out.push_str("Every column is explained in `reports/README.md`.\n");
    verdicts(report, &mut out);
    spans(report, &mut out);
    detection::markdown(report, &mut out);
    injected(report, &mut out);
    happened(report, &mut out);
    worst_seeds(report, &mut out);
    failures(report, &mut out);
    out
}

fn verdicts(report: &Report, out: &mut String) {
    out.push_str("\n## Verdicts\n\n");
    out.push_str("| verdict | scenario | seeds | failed | fails at most | virtual time | events | elections | commits | faults | fingerprint |\n");
    out.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n");
    for suite in report.suites() {
        push_line!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | `{:016x}` |",
            match suite.verdict() {
                Verdict::Passed => "ok",
                Verdict::Failed => "**FAILED**",
                Verdict::NotRun => "not run",
            },
            escaped(suite.name()),
            grouped(suite.seeds()),
            grouped(suite.failure_count()),
            percent(suite.failure_rate_max()),
            span(span_of(suite.virtual_nanos())),
            grouped(suite.events()),
            grouped(suite.elections()),
            grouped(suite.commits()),
            grouped(fault_count(suite.counts())),
            suite.fingerprint(),
        );
    }
    let totals = report.totals();
    let (elections, commits) = elections_and_commits(&totals.counts);
    push_line!(
        out,
        "| | all | {} | {} | | {} | {} | {} | {} | {} | |",
        grouped(totals.seeds),
        grouped(totals.failed_seeds),
        span(span_of(totals.virtual_nanos)),
        grouped(totals.events),
        grouped(elections),
        grouped(commits),
        grouped(fault_count(&totals.counts)),
    );
}

fn spans(report: &Report, out: &mut String) {
    type Choice = fn(&Suite) -> &Histogram;
    let tables: [(&str, Choice); 3] = [
        ("Commit latency", Suite::commit_latency),
        ("Time without a leader", Suite::leaderless),
        ("Recovery", Suite::settle),
    ];
    for (heading, of) in tables {
        push_line!(out, "\n## {heading}\n");
        out.push_str("| scenario | measured | mean | p50 | p90 | p99 | max |\n|---|--:|--:|--:|--:|--:|--:|\n");
        for suite in report.suites() {
            let histogram = of(suite);
            push_line!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} |",
                escaped(suite.name()),
                grouped(histogram.count()),
                span_or_dash(histogram.mean()),
                span_or_dash(histogram.quantile(500)),
                span_or_dash(histogram.quantile(900)),
                span_or_dash(histogram.quantile(990)),
                span_or_dash(histogram.most()),
            );
        }
    }
}

fn injected(report: &Report, out: &mut String) {
    out.push_str("\n## What was injected\n\n");
    let all = faults_of(&report.totals().counts);
    if all.is_empty() {
        out.push_str("Nothing.\n");
        return;
    }
    out.push_str("| scenario |");
    for kind in all.keys() {
        push!(out, " {} |", escaped(kind));
    }
    push_line!(out, "\n|---|{}", "--:|".repeat(all.len()));
    for suite in report.suites() {
        push!(out, "| {} |", escaped(suite.name()));
        let faults = faults_of(suite.counts());
        for kind in all.keys() {
            let count = faults.get(kind).copied().unwrap_or(0);
            let cell = if count == 0 { "·".to_owned() } else { grouped(count) };
            push!(out, " {cell} |");
        }
        push_line!(out);
    }
    out.push_str("| all |");
    for count in all.values() {
        push!(out, " {} |", grouped(*count));
    }
    push_line!(out);
}

fn happened(report: &Report, out: &mut String) {
    out.push_str("\n## What happened\n\n| fact | times |\n|---|--:|\n");
    for (fact, count) in report.totals().counts.iter().filter(|(fact, _)| !fact.starts_with("fault.")) {
        push_line!(out, "| {} | {} |", escaped(fact), grouped(count));
    }
}

fn worst_seeds(report: &Report, out: &mut String) {
    out.push_str("\n## Worst seeds\n\n| scenario | of what | span | replay |\n|---|---|--:|---|\n");
    for suite in report.suites() {
        let kinds: [(&str, &Worst); 3] = [
            ("recovery", suite.worst_settle()),
            ("commit latency", suite.worst_commit_latency()),
            ("without a leader", suite.worst_leaderless()),
        ];
        for (of_what, worst) in kinds {
            for (seed, longest) in worst.iter() {
                let replay = suite.replay(seed);
                push_line!(out, "| {} | {of_what} | {} | {} |", escaped(suite.name()), span(longest), code(&replay));
            }
        }
    }
}

fn failures(report: &Report, out: &mut String) {
    if report.suites().iter().all(|suite| suite.verdict() != Verdict::Failed) {
        return;
    }
    out.push_str("\n## Failures\n");
    for suite in report.suites() {
        for unmet in suite.unmet() {
            push_line!(out, "\n### {}: expectation missed\n", escaped(suite.name()));
            push_line!(
                out,
                "All seeds together were to count {} at least {} times and counted {}.",
                code(&unmet.fact),
                grouped(unmet.wanted),
                grouped(unmet.counted)
            );
        }
        for failure in suite.failures() {
            one_failure(suite, &failure, out);
        }
    }
}

fn one_failure(suite: &Suite, failure: &Failure<'_>, out: &mut String) {
    let violation = failure.violation;
    push_line!(out, "\n### {}, seed {}\n", escaped(suite.name()), failure.seed);
    push_line!(out, "**{}** at {}: {}\n", escaped(violation.invariant), violation.at, escaped(violation.sentence));
    for fact in &violation.facts {
        push_line!(out, "- {}", escaped(fact));
    }
    if !violation.facts.is_empty() {
        push_line!(out);
    }
    let replay = failure.replay();
    let mut block = violation.tail.clone();
    if !block.is_empty() {
        block.push(String::new());
    }
    block.push(replay);
    // A line that is itself a fence must not end the block.
    let fence = "`".repeat(block.iter().map(|text| longest_backticks(text)).max().unwrap_or(0).max(2) + 1);
    push_line!(out, "{fence}text");
    for text in &block {
        push_line!(out, "{}", text.replace(['\n', '\r'], " "));
    }
    push_line!(out, "{fence}");
}

/// Escapes what Markdown and its tables would read as their own.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '_' | '#' => out.extend(['\\', letter]),
            _ if letter.is_control() => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}

/// Returns a code span that survives backticks, bars and line ends.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|").replace(['\n', '\r'], " ");
    let fence = "`".repeat(longest_backticks(&text) + 1);
    if fence.len() == 1 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}

fn longest_backticks(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}
