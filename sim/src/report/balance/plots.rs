//! One plot for each setting: who stays how long.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{Balance, estimated, whole};
use crate::queueing::{Cell, Column, Origin, RANDOM, RECOMMENDED, known};
use crate::report::histogram::Bucket;
use crate::report::plots::{Area, Axis, INK, LINE, QUIET, SERIES, WIDTH, drawn, label, pixels, put, rule};

/// Right of the names.
const LEFT: i32 = 182;
/// Left of the numbers.
const RIGHT: i32 = WIDTH - 92;
const ROW: i32 = 22;

/// Draws a setting: a dot at the mean, a bar to the 99th percentile, a stroke at the first experiment's mean.
pub(super) fn setting(balance: &Balance, column: &Column) -> String {
    let cells: Vec<&Cell> = balance.findings.cells().iter().filter(|cell| cell.column == *column).collect();
    // One axis for all settings, so that they can be compared.
    let all = balance.findings.cells().iter();
    let most = all.map(|cell| thousandths(cell.p99.mean.max(cell.mean.mean))).max().unwrap_or(0);
    let axis = Axis::new(900, most.max(10_000), LEFT, RIGHT);
    let (top, bottom) = (6, pixels(cells.len()) * ROW + 8);
    drawn(bottom + 28, &format!("Time in the system in {}, in service times", column.name), |area| {
        for value in axis.ticks() {
            let x = axis.place(Bucket::of(value));
            rule(area, (x, top), (x, bottom), LINE);
            label(area, &compact(value), (x, bottom + 14), HPos::Center, QUIET);
        }
        if let Some(random) = balance.findings.cell(RANDOM, column.name) {
            let x = place(axis, random.mean.mean);
            rule(area, (x, top), (x, bottom), QUIET);
        }
        for (number, cell) in cells.iter().enumerate() {
            row(area, axis, pixels(number) * ROW + 18, cell);
        }
    })
}

fn row(area: &Area<'_>, axis: Axis, y: i32, cell: &Cell) {
    let color = match cell.policy.origin {
        _ if cell.policy.name == RECOMMENDED => SERIES[2],
        Origin::Core => SERIES[0],
        Origin::Reference => SERIES[7],
    };
    label(area, cell.policy.name, (LEFT - 10, y), HPos::Right, INK);
    if cell.runs.iter().all(|run| run.served == 0) {
        return label(area, "none served", (RIGHT + 8, y), HPos::Left, QUIET);
    }
    let (mean, p99) = (place(axis, cell.mean.mean), place(axis, cell.p99.mean));
    put(area, &Rectangle::new([(mean, y - 1), (p99, y + 1)], color.filled()));
    put(area, &Rectangle::new([(p99, y - 4), (p99 + 1, y + 4)], color.filled()));
    if cell.mean.half_width.is_finite() {
        let from = place(axis, cell.mean.mean - cell.mean.half_width);
        let to = place(axis, cell.mean.mean + cell.mean.half_width);
        put(area, &Rectangle::new([(from, y - 4), (to, y + 4)], color.filled()));
    }
    put(area, &Circle::new((mean, y), 4, color.filled()));
    if let Some(known) = known(cell.policy.name, cell.column.name) {
        let x = place(axis, known.mean);
        put(area, &Rectangle::new([(x, y - 8), (x + 1, y + 8)], INK.filled()));
    }
    label(area, &estimated(&cell.mean), (RIGHT + 8, y), HPos::Left, QUIET);
}

fn place(axis: Axis, time: f64) -> i32 {
    axis.place(Bucket::of(thousandths(time).max(900)))
}

fn thousandths(time: f64) -> u64 {
    whole((time * 1000.0).round())
}

/// Returns a round number of thousandths as a number of service times.
fn compact(value: u64) -> String {
    crate::report::human::grouped(value / 1000)
}
