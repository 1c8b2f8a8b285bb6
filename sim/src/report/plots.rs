//! Plots as inline SVG.
//!
//! Logarithmic axes are measured in [`Bucket`] numbers, which are integers, so a plot has the same bytes everywhere.
//! Colours are placeholders: the page's style sheet gives each its real colour, one for light and one for dark. The
//! drawing is narrow enough to be read on a telephone; labels stand above what they label instead of beside it.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use std::time::Duration;

use super::groups::by_topic;
use super::histogram::{Bucket, Histogram};
use super::human::{compact, span};
use super::suite::faults_of;
use super::{Report, Suite};

pub(super) const WIDTH: i32 = 520;
const LETTER: i32 = 12;

/// An estimate on the safe side: the page enlarges letters on narrow screens.
const LETTER_WIDTH: i32 = 8;

/// Where the commit latency plot begins, right of its percentages.
pub(super) const PLOT_LEFT: i32 = 52;

// The style sheet names the same colours.
pub(super) const INK: RGBColor = RGBColor(0x11, 0x11, 0x11);
pub(super) const QUIET: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub(super) const LINE: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const ACCENT: RGBColor = RGBColor(0xa0, 0x00, 0x01);
pub(super) const SERIES: [RGBColor; 8] = [
    RGBColor(0xa0, 0x00, 0x01),
    RGBColor(0xa0, 0x00, 0x02),
    RGBColor(0xa0, 0x00, 0x03),
    RGBColor(0xa0, 0x00, 0x04),
    RGBColor(0xa0, 0x00, 0x05),
    RGBColor(0xa0, 0x00, 0x06),
    RGBColor(0xa0, 0x00, 0x07),
    RGBColor(0xa0, 0x00, 0x08),
];

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A logarithmic axis along the width of a plot.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    least: i32,
    most: i32,
    left: i32,
    right: i32,
}

impl Axis {
    pub(super) fn new(least: u64, most: u64, left: i32, right: i32) -> Self {
        let (least, most) = (Bucket::of(least).number(), Bucket::of(most).number());
        Self { least, most: most.max(least + 1), left, right }
    }

    pub(super) fn place(self, bucket: Bucket) -> i32 {
        self.left + (bucket.number() - self.least) * (self.right - self.left) / (self.most - self.least)
    }

    /// Returns round values on the axis: each power of ten, with 2 and 5 between them where there is room.
    pub(super) fn ticks(self) -> Vec<u64> {
        let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
        let all: Vec<u64> = powers
            .flat_map(|power| [Some(power), power.checked_mul(2), power.checked_mul(5)])
            .flatten()
            .filter(|value| (self.least..=self.most).contains(&Bucket::of(*value).number()))
            .collect();
        if all.len() <= 7 {
            return all;
        }
        all.into_iter().filter(|value| value.to_string().starts_with('1')).collect()
    }
}

/// Draws how commit latencies are distributed, a line for each topic; nothing if none was measured.
pub(super) fn commit_latency(report: &Report) -> Option<String> {
    let mut lines: Vec<(&str, Histogram)> = Vec::new();
    for (topic, suites) in by_topic(report) {
        let mut merged = Histogram::default();
        for suite in &suites {
            merged.merge(suite.commit_latency());
        }
        if merged.count() > 0 {
            lines.push((topic, merged));
        }
    }
    let least = lines.iter().filter_map(|(_, line)| line.least()).min()?;
    let most = lines.iter().filter_map(|(_, line)| line.most()).max()?;
    let axis = Axis::new(nanos(least), nanos(most), PLOT_LEFT, WIDTH - 16);
    let legend = legend_places(lines.iter().map(|(topic, _)| *topic));
    let legend_height = legend.last().map_or(0, |(_, y)| y + 22);
    let (top, bottom) = (legend_height + 10, legend_height + 240);
    Some(drawn(bottom + 28, "Commit latency, cumulative, by topic", |area| {
        shares(area, (axis.left, axis.right), top, bottom);
        time_ticks(area, axis, top, bottom);
        for (number, (topic, line)) in lines.iter().enumerate() {
            let color = SERIES[number % SERIES.len()];
            put(area, &PathElement::new(steps(line, axis, top, bottom), color.stroke_width(2)));
            let (x, y) = legend[number];
            put(area, &Rectangle::new([(x, y + 5), (x + 14, y + 8)], color.filled()));
            label(area, topic, (x + 20, y + 6), HPos::Left, INK);
        }
    }))
}

/// Draws how long each scenario took to recover: a bar from the median to the longest, a mark at the 99th percentile.
pub(super) fn recovery(report: &Report) -> Option<String> {
    let rows: Vec<&Suite> = report.suites().iter().filter(|suite| suite.settle().count() > 0).collect();
    let least = rows.iter().filter_map(|suite| suite.settle().quantile(500)).min()?;
    let most = rows.iter().filter_map(|suite| suite.settle().most()).max()?;
    let axis = Axis::new(nanos(least), nanos(most), 12, WIDTH - 84);
    let height = 40;
    let bottom = pixels(rows.len()) * height + 8;
    Some(drawn(bottom + 28, "Recovery of each scenario: median, 99th percentile, longest", |area| {
        time_ticks(area, axis, 4, bottom);
        for (number, suite) in rows.iter().enumerate() {
            let y = pixels(number) * height + 26;
            let settle = suite.settle();
            let at = |found: Option<Duration>| axis.place(Bucket::of(found.map_or(0, nanos)));
            let (median, high, longest) = (at(settle.quantile(500)), at(settle.quantile(990)), at(settle.most()));
            label(area, &shortened(suite.name(), 62), (axis.left - 4, y - 15), HPos::Left, INK);
            rule(area, (median, y), (longest, y), ACCENT);
            put(area, &Rectangle::new([(median, y - 2), (high, y + 2)], ACCENT.filled()));
            put(area, &Circle::new((median, y), 4, ACCENT.filled()));
            put(area, &Rectangle::new([(longest, y - 5), (longest + 1, y + 5)], ACCENT.filled()));
            let text = settle.most().map_or_else(String::new, span);
            label(area, &text, (longest + 8, y), HPos::Left, QUIET);
        }
    }))
}

/// Draws how many faults of each kind took hold, on a logarithmic scale.
pub(super) fn faults(report: &Report) -> Option<String> {
    let counts = report.totals().counts;
    let mut rows: Vec<(&str, u64)> = faults_of(&counts).into_iter().filter(|(_, count)| *count > 0).collect();
    rows.sort_by(|(a_kind, a_count), (b_kind, b_count)| b_count.cmp(a_count).then(a_kind.cmp(b_kind)));
    let most = rows.first()?.1;
    let left = (rows.iter().map(|(kind, _)| pixels(kind.chars().count())).max()? * LETTER_WIDTH + 16).min(240);
    // The axis begins right of the labels: a bar for a single fault must show.
    let axis = Axis::new(1, most.max(10), left + 14, WIDTH - 68);
    let height = 24;
    Some(drawn(pixels(rows.len()) * height + 8, "Faults injected, by kind", |area| {
        for (number, (kind, count)) in rows.iter().enumerate() {
            let y = pixels(number) * height + 14;
            let end = axis.place(Bucket::of(*count));
            label(area, &shortened(kind, 30), (left - 8, y), HPos::Right, INK);
            put(area, &Rectangle::new([(left, y - 7), (end, y + 7)], ACCENT.filled()));
            label(area, &compact(*count), (end + 8, y), HPos::Left, QUIET);
        }
    }))
}

fn steps(line: &Histogram, axis: Axis, top: i32, bottom: i32) -> Vec<(i32, i32)> {
    let mut passed = 0_u128;
    let mut points = Vec::new();
    for (bucket, count) in line.iter() {
        let x = axis.place(bucket);
        if points.is_empty() {
            points.push((x, bottom));
        }
        passed += u128::from(count);
        let risen = passed * u128::from((bottom - top).unsigned_abs()) / u128::from(line.count());
        points.push((x, bottom - pixels(risen as usize)));
    }
    // A curve that ends early has reached the top for good.
    points.push((axis.right, top));
    points
}

/// Draws the lines of the shares of all that was measured.
pub(super) fn shares(area: &Area<'_>, (left, right): (i32, i32), top: i32, bottom: i32) {
    for share in [0, 25, 50, 75, 100] {
        let y = bottom - share * (bottom - top) / 100;
        rule(area, (left, y), (right, y), LINE);
        label(area, &format!("{share} %"), (left - 6, y), HPos::Right, QUIET);
    }
}

pub(super) fn time_ticks(area: &Area<'_>, axis: Axis, top: i32, bottom: i32) {
    for value in axis.ticks() {
        let x = axis.place(Bucket::of(value));
        rule(area, (x, top), (x, bottom), LINE);
        label(area, &round_span(value), (x, bottom + 14), HPos::Center, QUIET);
    }
}

/// Returns a round number of nanoseconds without decimals, such as `5 ms`, and of long spans the usual reading.
fn round_span(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{} s", nanos / 1_000_000_000),
    }
}

/// Lays out a legend in lines that fit the width.
pub(super) fn legend_places<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (PLOT_LEFT, 4);
    let mut places = Vec::new();
    for name in names {
        let width = 20 + pixels(name.chars().count()) * LETTER_WIDTH + 18;
        if x > PLOT_LEFT && x + width > WIDTH {
            (x, y) = (PLOT_LEFT, y + 20);
        }
        places.push((x, y));
        x += width;
    }
    places
}

pub(super) fn drawn(height: i32, title: &str, draw: impl FnOnce(&Area<'_>)) -> String {
    let mut svg = String::new();
    {
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area);
        area.present().expect("drawing into a String cannot fail");
    }
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{title}\" "), 1)
}

pub(super) fn rule(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) {
    put(area, &PathElement::new(vec![from, to], color.stroke_width(1)));
}

pub(super) fn label(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos, color: RGBColor) {
    let style = ("sans-serif", LETTER).into_font().color(&color).pos(Pos::new(side, VPos::Center));
    // The backend escapes mark-up and leaves control characters, which no page may contain.
    let text: String = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    put(area, &Text::new(text, at, style));
}

pub(super) fn put<'element, 'svg, E>(area: &Area<'svg>, element: &'element E)
where
    &'element E: plotters::element::PointCollection<'element, (i32, i32)>,
    E: plotters::element::Drawable<SVGBackend<'svg>>,
{
    area.draw(element).expect("drawing into a String cannot fail");
}

/// Plots have some dozens of rows; one that outgrew the picture would only be cut off.
pub(super) fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 64)
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
