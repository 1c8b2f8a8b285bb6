//! How soon things were noticed: a table, and for each scenario what share was noticed within which time.
//!
//! What is promised stands beside what was measured: as a column, and in the plots as a pale band in the colour of its
//! line, or as its end alone where it begins at zero. Whether a span was late is judged on the span itself, not on the bucket that counts it.

use std::time::Duration;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::histogram::{Bucket, Histogram};
use super::html::{name_cell, number};
use super::human::{self, grouped};
use super::markdown::escaped;
use super::plots::{
    Area, Axis, INK, LINE, PLOT_LEFT, QUIET, SERIES, WIDTH, drawn, label, legend_places, nanos, put, rule, shares,
    time_ticks,
};
use super::{Report, Suite, push, push_line};
use crate::noticed::{Notice, Promise, ROUND, Spans};

/// What was noticed of one kind over all runs of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    spans: Histogram,
    promise: Option<Promise>,
    late: u64,
}

impl Measured {
    /// Takes in what one run noticed.
    pub fn add(&mut self, noticed: &Spans) {
        self.promise = self.promise.or(noticed.promise);
        for taken in &noticed.taken {
            self.spans.add(*taken);
            self.late += u64::from(noticed.promise.is_some_and(|promise| promise.is_broken_by(*taken)));
        }
    }

    /// Adds what other runs of the same scenario noticed.
    pub fn merge(&mut self, other: &Self) {
        self.promise = self.promise.or(other.promise);
        self.spans.merge(&other.spans);
        self.late += other.late;
    }

    /// Returns how long it took.
    pub fn spans(&self) -> &Histogram {
        &self.spans
    }

    /// Returns what is promised, if anything is.
    pub fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// Returns how many spans were not below what is promised.
    pub fn late(&self) -> u64 {
        self.late
    }
}

/// How much of a line's colour its promise has.
const PALE: f64 = 0.25;

const HEADINGS: [&str; 6] = ["measured", "p50", "p95", "max", "promised", "late"];

pub(super) fn markdown(report: &Report, out: &mut String) {
    if !any(report) {
        return;
    }
    out.push_str("\n## Detection and convergence\n\n| scenario | what |");
    for heading in HEADINGS {
        push!(out, " {heading} |");
    }
    out.push_str("\n|---|---|--:|--:|--:|--:|--:|--:|\n");
    for suite in report.suites() {
        for (notice, measured) in rows(suite) {
            push!(out, "| {} | {} |", escaped(suite.name()), notice.label());
            for cell in cells(notice, measured) {
                push!(out, " {cell} |");
            }
            push_line!(out);
        }
    }
}

pub(super) fn html(report: &Report, anchors: &[String], out: &mut String) {
    if !any(report) {
        return;
    }
    out.push_str("<h2>Detection and convergence</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>scenario<th>what");
    for heading in HEADINGS {
        push!(out, "<th class=\"n\">{heading}");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (suite, anchor) in report.suites().iter().zip(anchors) {
        for (place, (notice, measured)) in rows(suite).enumerate() {
            let name = if place == 0 { name_cell(suite, anchor) } else { "<td>".to_owned() };
            push!(out, "<tr>{name}<td>{}", notice.label());
            for cell in cells(notice, measured) {
                out.push_str(&number(&cell));
            }
            out.push_str("</tr>\n");
        }
    }
    out.push_str("</tbody>\n</table></div>\n");
    out.push_str(
        "<p class=\"note\">From the last heartbeat, from the return, or from the commit of an epoch; “late” were those not \
         below what the settings promise while nothing stands in the way.</p>\n",
    );
}

/// Draws what one scenario noticed; nothing if it noticed nothing.
pub(super) fn figures(suite: &Suite, out: &mut String) {
    type Choice = fn(Notice) -> bool;
    let is_silence: Choice = |notice| notice < Notice::Recovered;
    let plots: [(&str, &str, Option<String>); 3] = [
        (
            "Detection",
            "From the last heartbeat that the leader took in until a condition was agreed on and the failure told. What \
             the settings promise is pale: a band, or its end.",
            linear(suite, "Detection of silent nodes, cumulative", is_silence),
        ),
        (
            "Return",
            "From the return of a failed node until the leader was told; who comes and goes is held back.",
            returns(suite),
        ),
        (
            "Convergence",
            "From the commit of an epoch until so many of the observers that run followed it. The pale \
             stroke is at three rounds of gossip for each doubling of the members.",
            linear(suite, "Convergence of observers, cumulative", Notice::is_of_observers),
        ),
    ];
    if plots.iter().all(|(_, _, plot)| plot.is_none()) {
        return;
    }
    out.push_str("<div class=\"figures apart\">\n");
    for (heading, caption, plot) in plots {
        if let Some(svg) = plot {
            push_line!(out, "<figure>\n<h2>{heading}</h2>\n<figcaption>{caption}</figcaption>\n{svg}</figure>");
        }
    }
    out.push_str("</div>\n");
}

fn any(report: &Report) -> bool {
    report.suites().iter().any(|suite| rows(suite).next().is_some())
}

/// Returns what was measured at least once.
fn rows(suite: &Suite) -> impl Iterator<Item = (Notice, &Measured)> {
    suite.noticed().iter().map(|(notice, measured)| (*notice, measured)).filter(|(_, it)| it.spans.count() > 0)
}

fn cells(notice: Notice, measured: &Measured) -> [String; 6] {
    let spans = &measured.spans;
    let told = |found: Option<Duration>| match found {
        Some(found) if notice.is_of_observers() => with_rounds(found),
        Some(found) => span(found),
        None => "–".to_owned(),
    };
    [
        grouped(spans.count()),
        told(spans.quantile(500)),
        told(spans.quantile(950)),
        told(spans.most()),
        measured.promise.map_or_else(|| "–".to_owned(), |promise| promised(notice, promise)),
        measured.promise.map_or_else(|| "–".to_owned(), |_| grouped(measured.late)),
    ]
}

fn promised(notice: Notice, Promise { least, most }: Promise) -> String {
    if notice.is_of_observers() {
        format!("below {}", with_rounds(most))
    } else if least.is_zero() {
        format!("below {}", span(most))
    } else {
        format!("{} to {}", span(least), span(most))
    }
}

/// Returns a span, and one of minutes in seconds: what is promised is set in seconds, and beside that it is read.
fn span(taken: Duration) -> String {
    let tenths = taken.as_millis() / 100;
    if tenths < 100 { human::span(taken) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

/// Returns a span in seconds and in rounds of gossip, such as `2.40 s, 12.0 r`.
fn with_rounds(taken: Duration) -> String {
    let tenths = taken.as_nanos() * 10 / ROUND.as_nanos();
    format!("{}, {}.{} r", span(taken), tenths / 10, tenths % 10)
}

/// Draws the share that was noticed within a time, from zero on: where most was noticed within the same ten seconds, only
/// a linear scale shows it.
fn linear(suite: &Suite, title: &str, which: fn(Notice) -> bool) -> Option<String> {
    let lines: Vec<(Notice, &Measured)> = rows(suite).filter(|(notice, _)| which(*notice)).collect();
    let ends = |(_, it): &(Notice, &Measured)| it.spans.most().max(it.promise.map(|promise| promise.most));
    let most = nanos(lines.iter().filter_map(ends).max()?).max(1);
    let scale = Linear { most, left: PLOT_LEFT, right: WIDTH - 24 };
    Some(curves(title, &lines, |area, top, bottom| {
        for (number, (_, measured)) in lines.iter().enumerate() {
            let Some(Promise { least, most }) = measured.promise else { continue };
            let ends = [least, most].map(|end| scale.place(nanos(end)));
            // A promise from zero on would lie under all others: its end says the same.
            let from = if least.is_zero() { ends[1] - 2 } else { ends[0] };
            put(area, &Rectangle::new([(from, top), (ends[1], bottom)], color_of(number).mix(PALE).filled()));
        }
        shares(area, (scale.left, scale.right), top, bottom);
        for value in scale.ticks() {
            let x = scale.place(value);
            rule(area, (x, top), (x, bottom), LINE);
            label(area, &scale.told(value), (x, bottom + 14), HPos::Center, QUIET);
        }
        for (number, (_, measured)) in lines.iter().enumerate() {
            let (least, most) = (measured.spans.least(), measured.spans.most());
            let ends = (least.map_or(0, nanos), most.map_or(0, nanos));
            let place = |bucket: Bucket| scale.place(bucket.middle().clamp(ends.0, ends.1));
            curve(area, number, stairs(&measured.spans, place, scale.right, (top, bottom)));
        }
    }))
}

/// Draws the share of returns that was noticed within a time: from milliseconds to the minutes of a hold.
fn returns(suite: &Suite) -> Option<String> {
    let lines: Vec<(Notice, &Measured)> = rows(suite).filter(|(notice, _)| *notice == Notice::Recovered).collect();
    let spans = &lines.first()?.1.spans;
    let (least, most) = (nanos(spans.least()?), nanos(spans.most()?));
    // Room on both sides, so that there is a round value on the axis.
    let axis = Axis::new(least / 4, most.saturating_mul(4), PLOT_LEFT, WIDTH - 24);
    Some(curves("Return of failed nodes, cumulative", &lines, |area, top, bottom| {
        shares(area, (PLOT_LEFT, WIDTH - 24), top, bottom);
        time_ticks(area, axis, top, bottom);
        curve(area, 0, stairs(spans, |bucket| axis.place(bucket), WIDTH - 24, (top, bottom)));
    }))
}

fn curves(title: &str, lines: &[(Notice, &Measured)], draw: impl FnOnce(&Area<'_>, i32, i32)) -> String {
    let legend = legend_places(lines.iter().map(|(notice, _)| notice.label()));
    let legend_height = legend.last().map_or(0, |(_, y)| y + 22);
    let (top, bottom) = (legend_height + 10, legend_height + 190);
    drawn(bottom + 28, title, |area| {
        for (number, ((notice, _), (x, y))) in lines.iter().zip(&legend).enumerate() {
            put(area, &Rectangle::new([(*x, y + 5), (x + 14, y + 8)], color_of(number).filled()));
            label(area, notice.label(), (x + 20, y + 6), HPos::Left, INK);
        }
        draw(area, top, bottom);
    })
}

fn curve(area: &Area<'_>, number: usize, points: Vec<(i32, i32)>) {
    put(area, &PathElement::new(points, color_of(number).stroke_width(2)));
}

/// Returns the stairs of an empirical distribution: seeds may be few, and between two spans nothing was measured.
fn stairs(line: &Histogram, place: impl Fn(Bucket) -> i32, right: i32, (top, bottom): (i32, i32)) -> Vec<(i32, i32)> {
    let height = u128::from((bottom - top).unsigned_abs());
    let (mut passed, mut y, mut points) = (0_u128, bottom, Vec::new());
    for (bucket, count) in line.iter() {
        let x = place(bucket);
        points.push((x, y));
        passed += u128::from(count);
        y = bottom - i32::try_from(passed * height / u128::from(line.count())).expect("a share of a plot's height");
        points.push((x, y));
    }
    // A curve that ends early has reached the top for good.
    points.push((right, top));
    points
}

const fn color_of(number: usize) -> RGBColor {
    SERIES[number % SERIES.len()]
}

/// A linear axis of time that begins at zero.
#[derive(Clone, Copy)]
struct Linear {
    most: u64,
    left: i32,
    right: i32,
}

/// How many ticks a linear axis has at most, beside zero.
const TICKS_MAX: u64 = 8;

impl Linear {
    fn place(self, value: u64) -> i32 {
        let width = u128::from((self.right - self.left).unsigned_abs());
        let at = u128::from(value.min(self.most)) * width / u128::from(self.most);
        self.left + i32::try_from(at).expect("a place within the width is as small")
    }

    /// Returns the pause between ticks: one, two or five of a power of ten.
    fn pause(self) -> u64 {
        let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
        let all = powers.flat_map(|power| [1, 2, 5].map(|times| power.saturating_mul(times)));
        all.into_iter().find(|pause| self.most / pause <= TICKS_MAX).unwrap_or(u64::MAX)
    }

    fn ticks(self) -> impl Iterator<Item = u64> {
        let pause = self.pause();
        (0..=self.most / pause).map(move |number| number * pause)
    }

    /// Returns a tick in the unit that makes all of them whole.
    fn told(self, value: u64) -> String {
        match self.pause() {
            1_000_000_000.. => format!("{} s", value / 1_000_000_000),
            1_000_000.. => format!("{} ms", value / 1_000_000),
            1_000.. => format!("{} µs", value / 1_000),
            _ => format!("{value} ns"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample::{Health, outcome, scenarios};
    use super::*;
    use crate::noticed::Noticed;
    use delian_core::health::HealthConfig;

    fn noticed(seed: u64) -> Noticed {
        let mut noticed = Noticed::default();
        noticed.expect_findings(&HealthConfig::default());
        noticed.expect_observers(1003);
        noticed.add(Notice::Degraded, Duration::from_millis(30_000 + seed));
        noticed.add(Notice::Failed, Duration::from_secs(70 + seed));
        noticed.add(Notice::Recovered, Duration::from_millis(2 + seed));
        noticed.add(Notice::FollowedByAll, Duration::from_millis(2_400 + 200 * seed));
        noticed
    }

    fn suite(seeds: impl IntoIterator<Item = u64>) -> Suite {
        let mut suite = Suite::new(&scenarios()[0]);
        for seed in seeds {
            let mut run = outcome(0, seed, Health::Well);
            run.noticed = noticed(seed);
            suite.add(run);
        }
        suite
    }

    #[test]
    fn what_was_noticed_stands_beside_what_is_promised() {
        let text = Report::new(vec![suite(0..=10)]).to_markdown();
        // Quantiles are the middles of their buckets, the longest is exact, and so is what is late.
        let wanted = [
            "| added-node-is-seen-by-all | told as failed | 11 | 74.6 s | 79.9 s | 80.0 s | below 80.0 s | 1 |",
            "| degraded | 11 | 30.0 s | 30.0 s | 30.0 s | 30.0 s to 40.0 s | 0 |",
            "| told as recovered | 11 | 6.98 ms | 12.0 ms | 12.0 ms | – | – |",
            "4.40 s, 22.0 r | below 6.00 s, 30.0 r | 0 |",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("| unreachable |"), "what was never measured has no row:\n{text}");
    }

    #[test]
    fn what_is_late_does_not_depend_on_the_order_of_runs_nor_on_who_merges_them() {
        let mut merged = suite([7, 3, 10]);
        merged.merge(suite([12, 0]));
        assert_eq!(merged.noticed(), suite([0, 3, 7, 10, 12]).noticed());
        let failed = &merged.noticed()[&Notice::Failed];
        assert_eq!((failed.spans().count(), failed.late()), (5, 2));
    }

    #[test]
    fn the_document_has_also_what_was_never_measured() {
        let text = Report::new(vec![suite(0..3)]).to_json();
        let document: Value = serde_json::from_str(&text).expect("the report is JSON");
        let noticed = &document["scenarios"][0]["noticed"];
        assert_eq!(noticed["failed"]["count"], 3);
        assert_eq!(noticed["failed"]["late"], 0);
        assert_eq!(noticed["silent"]["promised_least_ns"], 70_000_000_000_u64);
        assert_eq!((&noticed["silent"]["count"], &noticed["silent"]["max_ns"]), (&Value::from(0), &Value::Null));
        assert_eq!(noticed["unreachable"]["late"], Value::Null);
    }

    #[test]
    fn each_scenario_that_noticed_something_has_its_plots() {
        let html = Report::new(vec![suite(0..3), Suite::new(&scenarios()[1])]).to_html();
        for heading in ["Detection", "Return", "Convergence"] {
            assert_eq!(html.matches(&format!("<h2>{heading}</h2>")).count(), 1, "{heading}");
        }
    }

    #[test]
    fn a_distribution_rises_where_something_was_measured_and_nowhere_else() {
        let mut line = Histogram::default();
        for nanos in [10, 10, 40, 60] {
            line.add(Duration::from_nanos(nanos));
        }
        let place = |bucket: Bucket| i32::try_from(bucket.middle()).unwrap();
        let expected = [(10, 100), (10, 50), (40, 50), (40, 25), (60, 25), (60, 0), (90, 0)];
        assert_eq!(stairs(&line, place, 90, (0, 100)), expected);
    }

    #[test]
    fn ticks_of_a_linear_axis_are_round_and_few() {
        let told = |most| {
            let scale = Linear { most, left: 0, right: 100 };
            scale.ticks().map(|value| scale.told(value)).collect::<Vec<_>>()
        };
        assert_eq!(told(80_000_000_000), ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s", "70 s", "80 s"]);
        assert_eq!(told(1_600_000_000).last().map(String::as_str), Some("1600 ms"));
        for most in [1, 7, 999, 6_000_000_000, u64::MAX] {
            assert!(told(most).len() <= 9, "{most}");
        }
    }
}
