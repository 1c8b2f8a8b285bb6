//! The report on a terminal: verdicts, what was injected and survived, failures.
//!
//! Everything but trace lines and commands keeps to the width it is given. A table that does not fit gives up columns,
//! the least telling first, and breaks long names at hyphens; those two are never broken, because they are copied.

use super::human::{compact, plural, span, span_or_dash};
use super::suite::{elections_and_commits, fault_count, faults_of, span_of};
use super::{Failure, Report, Suite, Verdict, push, push_line};

/// Failures shown in full for each scenario.
const FULL_MAX: usize = 3;

/// Further failures of a scenario that get a line.
const LISTED_MAX: usize = 10;

/// The name column breaks names rather than getting narrower than this while there are columns to give up.
const NAME_LEAST: usize = 24;

/// Whether to paint with ANSI escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Paint.
    On,
    /// Plain text.
    Off,
}

#[derive(Clone, Copy)]
enum Paint {
    Good,
    Bad,
    Quiet,
    Strong,
}

/// One figure of a scenario: its heading, and how early it is given up on narrow terminals (1 first).
struct Column {
    heading: [&'static str; 2],
    given_up: u8,
}

const COLUMNS: [Column; 8] = [
    Column { heading: ["", "seeds"], given_up: 8 },
    Column { heading: ["virtual", "time"], given_up: 4 },
    Column { heading: ["elec-", "tions"], given_up: 2 },
    Column { heading: ["", "commits"], given_up: 1 },
    Column { heading: ["", "faults"], given_up: 7 },
    Column { heading: ["commit", "p50"], given_up: 3 },
    Column { heading: ["commit", "p99"], given_up: 5 },
    Column { heading: ["slowest", "recovery"], given_up: 6 },
];

struct Row {
    verdict: Verdict,
    name: String,
    figures: [String; COLUMNS.len()],
}

pub(super) fn screen(report: &Report, width: usize, color: Color) -> String {
    let mut out = String::new();
    table(report, width, color, &mut out);
    survived(report, width, color, &mut out);
    out.push_str(&all_failures(report, width, color));
    let paint = if report.ok() { Paint::Good } else { Paint::Bad };
    push_line!(out);
    for part in report.beside().iter().flat_map(|beside| wrapped(beside, width)) {
        push_line!(out, "{part}");
    }
    for part in wrapped(&report.headline(), width) {
        push_line!(out, "{}", painted(&part, paint, color));
    }
    out
}

pub(super) fn all_failures(report: &Report, width: usize, color: Color) -> String {
    let mut out = String::new();
    for suite in report.suites() {
        failures(suite, width, color, &mut out);
    }
    out
}

fn table(report: &Report, width: usize, color: Color, out: &mut String) {
    let mut rows: Vec<Row> = report.suites().iter().map(row).collect();
    rows.push(totals(report));
    let mark_width = rows.iter().map(|row| mark(row.verdict).0.len()).max().unwrap_or(0);
    let widths: Vec<usize> = COLUMNS
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let figures = rows.iter().map(|row| length(&row.figures[place]));
            figures.chain(column.heading.iter().map(|word| length(word))).max().unwrap_or(0)
        })
        .collect();
    let name_longest = rows.iter().map(|row| length(&row.name)).max().unwrap_or(0);
    let shown = columns_that_fit(&widths, width.saturating_sub(mark_width + 2), name_longest.min(NAME_LEAST));
    let figures_width: usize = shown.iter().map(|place| widths[*place] + 2).sum();
    let name_width = width.saturating_sub(mark_width + 2 + figures_width).clamp(8, name_longest.max(8));

    for heading in 0..2 {
        let mut text = format!("{:mark_width$}  {:name_width$}", "", if heading == 1 { "scenario" } else { "" });
        for place in &shown {
            push!(text, "  {:>1$}", COLUMNS[*place].heading[heading], widths[*place]);
        }
        push_line!(out, "{}", painted(text.trim_end(), Paint::Quiet, color));
    }
    let last = rows.len() - 1;
    for (number, row) in rows.iter().enumerate() {
        if number == last {
            let rule = "─".repeat(mark_width + 2 + name_width + figures_width);
            push_line!(out, "{}", painted(&rule, Paint::Quiet, color));
        }
        let (word, paint) = mark(row.verdict);
        let word = if number == last { "" } else { word };
        let mut names = broken(&row.name, name_width).into_iter();
        let mut text = painted(&format!("{word:mark_width$}"), paint, color);
        push!(text, "  {:name_width$}", names.next().unwrap_or_default());
        for place in &shown {
            push!(text, "  {:>1$}", row.figures[*place], widths[*place]);
        }
        push_line!(out, "{}", text.trim_end());
        for rest in names {
            push_line!(out, "{:mark_width$}  {rest}", "");
        }
    }
}

fn row(suite: &Suite) -> Row {
    Row {
        verdict: suite.verdict(),
        name: printable(suite.name()),
        figures: [
            compact(suite.seeds()),
            tight(&span(span_of(suite.virtual_nanos()))),
            compact(suite.elections()),
            compact(suite.commits()),
            compact(fault_count(suite.counts())),
            tight(&span_or_dash(suite.commit_latency().quantile(500))),
            tight(&span_or_dash(suite.commit_latency().quantile(990))),
            tight(&span_or_dash(suite.settle().most())),
        ],
    }
}

fn totals(report: &Report) -> Row {
    let totals = report.totals();
    let (elections, commits) = elections_and_commits(&totals.counts);
    Row {
        verdict: if report.ok() { Verdict::Passed } else { Verdict::Failed },
        name: plural(report.suites().len() as u64, "scenario"),
        figures: [
            compact(totals.seeds),
            tight(&span(span_of(totals.virtual_nanos))),
            compact(elections),
            compact(commits),
            compact(fault_count(&totals.counts)),
            tight(&span_or_dash(totals.commit_latency.quantile(500))),
            tight(&span_or_dash(totals.commit_latency.quantile(990))),
            tight(&span_or_dash(totals.settle.most())),
        ],
    }
}

/// Gives up columns until the others leave the name its least width.
fn columns_that_fit(widths: &[usize], width: usize, name_least: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    while !shown.is_empty() && shown.iter().map(|place| widths[*place] + 2).sum::<usize>() + name_least > width {
        let first = shown.iter().copied().min_by_key(|place| COLUMNS[*place].given_up);
        shown.retain(|place| Some(*place) != first);
    }
    shown
}

fn survived(report: &Report, width: usize, color: Color, out: &mut String) {
    let counts = report.totals().counts;
    let mut faults: Vec<(&str, u64)> = faults_of(&counts).into_iter().filter(|(_, count)| *count > 0).collect();
    if faults.is_empty() {
        return;
    }
    faults.sort_by(|(a_kind, a_count), (b_kind, b_count)| b_count.cmp(a_count).then(a_kind.cmp(b_kind)));
    let heading = if report.ok() { "Injected and survived" } else { "Injected" };
    push_line!(out);
    push_line!(out, "{}", painted(heading, Paint::Strong, color));
    let entries: Vec<String> = faults.iter().map(|(kind, count)| format!("{} {kind}", compact(*count))).collect();
    let cell = entries.iter().map(|entry| length(entry)).max().unwrap_or(0) + 3;
    let count_width = faults.iter().map(|(_, count)| length(&compact(*count))).max().unwrap_or(0);
    let kind_width = faults.iter().map(|(kind, _)| length(kind)).max().unwrap_or(0);
    let columns = (width.saturating_sub(2) / cell.max(count_width + kind_width + 4)).max(1);
    let height = faults.len().div_ceil(columns);
    for place in 0..height {
        let mut text = String::new();
        for (kind, count) in faults.iter().skip(place).step_by(height) {
            push!(text, "  {:>count_width$} {kind:kind_width$} ", compact(*count));
        }
        push_line!(out, "{}", text.trim_end());
    }
}

fn failures(suite: &Suite, width: usize, color: Color, out: &mut String) {
    for unmet in suite.unmet() {
        push_line!(out);
        title(&printable(suite.name()), width, color, out);
        let text = format!(
            "all seeds together were to count {} at least {} times and counted {}",
            unmet.fact, unmet.wanted, unmet.counted
        );
        indented(&text, "  ", "  ", width, out);
    }
    for failure in suite.failures().take(FULL_MAX) {
        block(suite, &failure, width, color, out);
    }
    let rest = suite.failure_count().saturating_sub(FULL_MAX as u64);
    if rest == 0 {
        return;
    }
    push_line!(out);
    title(&format!("{}, {rest} more", printable(suite.name())), width, color, out);
    for Failure { seed, violation, .. } in suite.failures().skip(FULL_MAX).take(LISTED_MAX) {
        indented(&format!("seed {seed} at {}: {}", violation.at, violation.invariant), "  ", "    ", width, out);
    }
    let unlisted = rest.saturating_sub(LISTED_MAX as u64);
    if unlisted > 0 {
        indented(&format!("and {unlisted} more, all in the written report"), "  ", "  ", width, out);
    }
}

fn block(suite: &Suite, failure: &Failure<'_>, width: usize, color: Color, out: &mut String) {
    let violation = failure.violation;
    push_line!(out);
    title(&format!("{}  seed {}", printable(suite.name()), failure.seed), width, color, out);
    push_line!(out, "  {} at {}", painted(violation.invariant, Paint::Bad, color), violation.at);
    indented(violation.sentence, "  ", "  ", width, out);
    for fact in &violation.facts {
        indented(fact, "  - ", "    ", width, out);
    }
    if !violation.tail.is_empty() {
        push_line!(out);
        push_line!(out, "  {}", painted("what happened last", Paint::Quiet, color));
        for event in &violation.tail {
            push_line!(out, "  {}", printable(event));
        }
    }
    push_line!(out);
    push_line!(out, "  {}", painted(&printable(&failure.replay()), Paint::Strong, color));
}

fn title(text: &str, width: usize, color: Color, out: &mut String) {
    for (number, part) in broken(text, width.saturating_sub(8).max(8)).iter().enumerate() {
        let word = if number == 0 { "FAILED" } else { "      " };
        push_line!(out, "{}  {}", painted(word, Paint::Bad, color), painted(part, Paint::Strong, color));
    }
}

fn indented(text: &str, first: &str, further: &str, width: usize, out: &mut String) {
    for (number, part) in wrapped(&printable(text), width.saturating_sub(further.len())).iter().enumerate() {
        push_line!(out, "{}{part}", if number == 0 { first } else { further });
    }
}

fn mark(verdict: Verdict) -> (&'static str, Paint) {
    match verdict {
        Verdict::Passed => ("ok", Paint::Good),
        Verdict::Failed => ("FAILED", Paint::Bad),
        Verdict::NotRun => ("not run", Paint::Quiet),
    }
}

fn painted(text: &str, paint: Paint, color: Color) -> String {
    if color == Color::Off || text.is_empty() {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Good => "32",
        Paint::Bad => "1;31",
        Paint::Quiet => "2",
        Paint::Strong => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Wraps at spaces; a word longer than a line keeps a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if length(last) + 1 + length(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Breaks a name into lines of at most `width`, after hyphens where it can.
fn broken(name: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in name.split_inclusive(['-', ' ']) {
        for letter_run in piece.chars().collect::<Vec<_>>().chunks(width) {
            let last = lines.last_mut().expect("there is always a line");
            if length(last) + letter_run.len() > width {
                lines.push(letter_run.iter().collect());
            } else {
                last.extend(letter_run);
            }
        }
    }
    lines
}

/// Replaces control characters: a name or a fact must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

fn tight(span: &str) -> String {
    span.replace(' ', "")
}

fn length(text: &str) -> usize {
    text.chars().count()
}
