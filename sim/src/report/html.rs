//! The report as one HTML page that needs nothing but itself: no script, no font, no picture from elsewhere.

use std::collections::BTreeSet;

use super::human::{grouped, percent, plural, span, span_or_dash};
use super::suite::{elections_and_commits, fault_count, faults_of, span_of};
use super::{Failure, Report, Suite, Verdict, Worst, detection, plots, push, push_line};

/// The style of all pages of Delian, light and dark.
pub const STYLE: &str = include_str!("page.css");

/// Failures of a scenario shown in full, the first with its trace unfolded; the others are listed with replay lines.
const FULL_MAX: usize = 3;

pub(super) fn page(report: &Report) -> String {
    let anchors = anchors(report);
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n<title>Simulation report · Delian</title>\n");
    push_line!(out, "<style>\n{STYLE}</style>\n</head>\n<body>\n<main>");
    header(report, &mut out);
    verdicts(report, &anchors, &mut out);
    failures(report, &anchors, &mut out);
    figures(report, &mut out);
    spans(report, &anchors, &mut out);
    detection::html(report, &anchors, &mut out);
    injected(report, &anchors, &mut out);
    out.push_str("<h2>Scenarios</h2>\n");
    for (suite, anchor) in report.suites().iter().zip(&anchors) {
        scenario(suite, anchor, &mut out);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn header(report: &Report, out: &mut String) {
    let totals = report.totals();
    let (elections, commits) = elections_and_commits(&totals.counts);
    let (class, word) = if report.ok() { ("ok", "Passed") } else { ("failed", "Failed") };
    out.push_str("<header>\n<p class=\"kind\">Delian · simulation report</p>\n");
    push_line!(out, "<h1 class=\"{class}\"><span class=\"word\">{word}</span></h1>");
    push_line!(out, "<p class=\"headline\">{}</p>", escaped(&report.headline()));
    out.push_str("<dl class=\"tiles\">\n");
    let tiles = [
        ("virtual time", span(span_of(totals.virtual_nanos))),
        ("faults injected", grouped(fault_count(&totals.counts))),
        ("elections", grouped(elections)),
        ("commits", grouped(commits)),
        ("commit latency, p50", span_or_dash(totals.commit_latency.quantile(500))),
        ("commit latency, p99", span_or_dash(totals.commit_latency.quantile(990))),
        ("slowest recovery", span_or_dash(totals.settle.most())),
        ("events", grouped(totals.events)),
    ];
    for (name, value) in tiles {
        push_line!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n</header>\n");
}

fn verdicts(report: &Report, anchors: &[String], out: &mut String) {
    out.push_str("<h2>Verdicts</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>verdict<th>scenario");
    let headings = ["seeds", "failed", "fails at most", "virtual time", "events", "elections", "commits", "faults"];
    for heading in &headings {
        push!(out, "<th class=\"n\">{heading}");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (suite, anchor) in report.suites().iter().zip(anchors) {
        let cells = [
            grouped(suite.seeds()),
            grouped(suite.failure_count()),
            percent(suite.failure_rate_max()),
            span(span_of(suite.virtual_nanos())),
            grouped(suite.events()),
            grouped(suite.elections()),
            grouped(suite.commits()),
            grouped(fault_count(suite.counts())),
        ];
        push!(out, "<tr><td>{}{}", mark(suite), name_cell(suite, anchor));
        for cell in &cells {
            out.push_str(&number(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    out.push_str(
        "<p class=\"note\">“Fails at most” is the failure rate that so many seeds rule out with 95 % confidence.</p>\n",
    );
}

fn figures(report: &Report, out: &mut String) {
    let left = [
        (
            "Commit latency",
            "From a client’s command to its answer; the share of commands answered within a time, by topic.",
            plots::commit_latency(report),
        ),
        ("Faults injected", "How many faults of each kind took hold; logarithmic.", plots::faults(report)),
    ];
    let right = [(
        "Recovery",
        "From the end of the faults until all whole nodes agreed: the dot is the median, the bar reaches to the 99th percentile, the mark is the slowest seed.",
        plots::recovery(report),
    )];
    out.push_str("<div class=\"figures\">\n");
    for column in [left.as_slice(), right.as_slice()] {
        out.push_str("<div>\n");
        for (heading, caption, plot) in column {
            if let Some(svg) = plot {
                push_line!(out, "<figure>\n<h2>{heading}</h2>\n<figcaption>{caption}</figcaption>\n{svg}</figure>");
            }
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
}

fn spans(report: &Report, anchors: &[String], out: &mut String) {
    out.push_str("<h2>Latency and recovery</h2>\n<div class=\"scroll\"><table class=\"groups\">\n<thead><tr><th rowspan=\"2\">scenario");
    for heading in ["commit latency", "without a leader", "recovery"] {
        push!(out, "<th class=\"g\" colspan=\"3\">{heading}");
    }
    out.push_str("</tr>\n<tr>");
    for _ in 0..3 {
        out.push_str("<th class=\"n\">p50<th class=\"n\">p99<th class=\"n\">max");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (suite, anchor) in report.suites().iter().zip(anchors) {
        push!(out, "<tr>{}", name_cell(suite, anchor));
        for histogram in [suite.commit_latency(), suite.leaderless(), suite.settle()] {
            let cells = [histogram.quantile(500), histogram.quantile(990), histogram.most()];
            for cell in &cells {
                out.push_str(&number(&span_or_dash(*cell)));
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn injected(report: &Report, anchors: &[String], out: &mut String) {
    let all = faults_of(&report.totals().counts);
    if all.is_empty() {
        return;
    }
    out.push_str("<h2>What was injected</h2>\n<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th>scenario");
    for kind in all.keys() {
        push!(out, "<th class=\"n\">{}", escaped(kind));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (suite, anchor) in report.suites().iter().zip(anchors) {
        push!(out, "<tr>{}", name_cell(suite, anchor));
        let faults = faults_of(suite.counts());
        for kind in all.keys() {
            let count = faults.get(kind).copied().unwrap_or(0);
            out.push_str(&if count == 0 { "<td class=\"n none\">·".to_owned() } else { number(&grouped(count)) });
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n<tfoot><tr><td>all");
    for count in all.values() {
        out.push_str(&number(&grouped(*count)));
    }
    out.push_str("</tr></tfoot>\n</table></div>\n");
}

fn scenario(suite: &Suite, anchor: &str, out: &mut String) {
    push_line!(out, "<section id=\"{anchor}\">\n<h3>{} {}</h3>", mark(suite), escaped(suite.name()));
    push_line!(out, "<p class=\"about\">{}</p>", escaped(suite.about()));
    let place = if suite.path().is_empty() { "built in Rust" } else { suite.path() };
    push_line!(
        out,
        "<p class=\"note\"><code>{}</code> · {} · fingerprint <code>{:016x}</code></p>",
        escaped(place),
        plural(suite.seeds(), "seed"),
        suite.fingerprint()
    );
    detection::figures(suite, out);
    out.push_str("<details>\n<summary>What happened, and the worst seeds</summary>\n<div class=\"scroll\"><table class=\"facts\">\n");
    let kinds: [(&str, &Worst); 3] = [
        ("recovery", suite.worst_settle()),
        ("commit latency", suite.worst_commit_latency()),
        ("without a leader", suite.worst_leaderless()),
    ];
    for (of_what, worst) in kinds {
        for (seed, longest) in worst.iter() {
            let replay = escaped(&suite.replay(seed));
            push_line!(out, "<tr><td>{of_what}{}<td><code>{replay}</code></tr>", number(&span(longest)));
        }
    }
    out.push_str("</table></div>\n<ul class=\"counts\">\n");
    for (fact, count) in suite.counts().iter() {
        push_line!(out, "<li><b>{}</b> {}</li>", grouped(count), escaped(fact));
    }
    out.push_str("</ul>\n</details>\n</section>\n");
}

fn failures(report: &Report, anchors: &[String], out: &mut String) {
    if report.suites().iter().all(|suite| suite.verdict() != Verdict::Failed) {
        return;
    }
    out.push_str("<h2>Failures</h2>\n");
    for (suite, anchor) in report.suites().iter().zip(anchors) {
        let name = escaped(suite.name());
        for unmet in suite.unmet() {
            push_line!(
                out,
                "<article class=\"failure\">\n<h3><a href=\"#{anchor}\">{name}</a></h3>\n<p>All seeds together were to \
                 count <b>{}</b> at least {} times and counted {}.</p>\n</article>",
                escaped(&unmet.fact),
                grouped(unmet.wanted),
                grouped(unmet.counted)
            );
        }
        let (full, short): (Vec<_>, Vec<_>) = suite.failures().enumerate().partition(|(number, _)| *number < FULL_MAX);
        for (number, failure) in &full {
            one_failure(&name, anchor, *number, failure, out);
        }
        if short.is_empty() {
            continue;
        }
        push_line!(
            out,
            "<details>\n<summary>{} of {name}</summary>\n<div class=\"scroll\"><table class=\"facts\">",
            plural(short.len() as u64, "further failure")
        );
        for (_, failure) in short {
            let Failure { violation, .. } = failure;
            let (invariant, replay) = (escaped(violation.invariant), escaped(&failure.replay()));
            push_line!(out, "<tr><td>{invariant}<td class=\"n\">{}<td><code>{replay}</code></tr>", violation.at);
        }
        out.push_str("</table></div>\n</details>\n");
    }
}

fn one_failure(name: &str, anchor: &str, number: usize, failure: &Failure<'_>, out: &mut String) {
    let violation = failure.violation;
    push_line!(out, "<article class=\"failure\">\n<h3><a href=\"#{anchor}\">{name}</a>, seed {}</h3>", failure.seed);
    push_line!(out, "<p class=\"note\">{} at {}</p>", escaped(violation.invariant), violation.at);
    push_line!(out, "<p class=\"sentence\">{}</p>\n<ul>", escaped(violation.sentence));
    for fact in &violation.facts {
        push_line!(out, "<li>{}</li>", escaped(fact));
    }
    out.push_str("</ul>\n");
    if !violation.tail.is_empty() {
        let tail: Vec<String> = violation.tail.iter().map(|event| escaped(event)).collect();
        push_line!(
            out,
            "<details{}>\n<summary>What happened last</summary>\n<pre>{}</pre>\n</details>",
            if number == 0 { " open" } else { "" },
            tail.join("\n")
        );
    }
    push_line!(out, "<pre class=\"replay\">{}</pre>\n</article>", escaped(&failure.replay()));
}

fn mark(suite: &Suite) -> String {
    let (class, word) = match suite.verdict() {
        Verdict::Passed => ("ok", "ok"),
        Verdict::Failed => ("failed", "FAILED"),
        Verdict::NotRun => ("idle", "not run"),
    };
    format!("<span class=\"mark {class}\">{word}</span>")
}

pub(super) fn name_cell(suite: &Suite, anchor: &str) -> String {
    format!("<td class=\"name\"><a href=\"#{anchor}\">{}</a>", escaped(suite.name()))
}

pub(super) fn number(text: &str) -> String {
    format!("<td class=\"n\">{}", escaped(text))
}

/// Returns an anchor for each suite: its name where that is unique, so that links keep.
fn anchors(report: &Report) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut anchors = Vec::new();
    for suite in report.suites() {
        let letters = suite.name().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
        let plain: String = letters.collect();
        let mut anchor = plain.clone();
        let mut number = 2;
        while anchor.is_empty() || !taken.insert(anchor.clone()) {
            anchor = format!("{plain}-{number}");
            number += 1;
        }
        anchors.push(anchor);
    }
    anchors
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if letter.is_control() && letter != '\n' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}
