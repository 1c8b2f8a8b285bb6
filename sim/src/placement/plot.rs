//! How shares are distributed, as a picture that stands alone.
//!
//! Bars are the members, the line is what ideal points of the same number foretell. Colours are those of a page with a
//! light ground, for a file does not know what it is shown on; the ground is painted along.

use delian_core::ring::Ring;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use statrs::distribution::{Beta, ContinuousCDF};

use super::evenness::fair;
use super::{Bins, Evenness, Foretold};
use crate::report::human::plural;

const WIDTH: i32 = 720;
const HEIGHT: i32 = 420;
const LEFT: i32 = 64;
const RIGHT: i32 = WIDTH - 24;
const TOP: i32 = 76;
const BOTTOM: i32 = HEIGHT - 56;

const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const QUIET: RGBColor = RGBColor(0x6e, 0x77, 0x81);
const LINE: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
const BAR: RGBColor = RGBColor(0x5b, 0x8d, 0xc9);
const IDEAL: RGBColor = RGBColor(0xb3, 0x4a, 0x2e);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws the shares of all members beside those of ideal points.
pub fn distribution(ring: &Ring, evenness: &Evenness, foretold: Option<&Foretold>) -> String {
    let bins = Bins::of(&evenness.relative);
    let ideal = ideal_counts(ring, &bins);
    let highest = bins.counts.iter().map(|count| *count as f64).chain(ideal.iter().copied()).fold(1.0, f64::max);
    let step = round_step(highest);
    let scale = Scale {
        least: bins.least as f64 / 1000.0,
        most: bins.iter().last().map_or(1.0, |(_, end, _)| end),
        highest: (highest / step).ceil() * step,
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs())).into_drawing_area();
        put(&area, &Rectangle::new([(0, 0), (WIDTH, HEIGHT)], WHITE.filled()));
        heading(&area, ring, evenness, foretold, ideal.is_empty());
        axes(&area, &scale, &bins, step);
        for (begin, end, count) in bins.iter() {
            let corners = [(scale.x(begin) + 1, scale.y(count as f64)), (scale.x(end) - 1, BOTTOM)];
            put(&area, &Rectangle::new(corners, BAR.filled()));
        }
        let middles = bins.iter().map(|(begin, end, _)| scale.x(f64::midpoint(begin, end)));
        let points: Vec<(i32, i32)> = middles.zip(&ideal).map(|(x, count)| (x, scale.y(*count))).collect();
        if points.len() > 1 {
            put(&area, &PathElement::new(points.clone(), IDEAL.stroke_width(2)));
        }
        for point in points {
            put(&area, &Circle::new(point, 3, IDEAL.filled()));
        }
        area.present().expect("drawing into a String cannot fail");
    }
    svg.replacen("<svg ", "<svg role=\"img\" aria-label=\"How many nodes have which share of the ring\" ", 1)
}

/// Where values lie in the picture.
struct Scale {
    least: f64,
    most: f64,
    highest: f64,
}

impl Scale {
    fn x(&self, relative: f64) -> i32 {
        LEFT + ((relative - self.least) / (self.most - self.least) * f64::from(RIGHT - LEFT)).round() as i32
    }

    fn y(&self, count: f64) -> i32 {
        BOTTOM - (count / self.highest * f64::from(BOTTOM - TOP)).round() as i32
    }
}

fn heading(area: &Area<'_>, ring: &Ring, evenness: &Evenness, foretold: Option<&Foretold>, is_alone: bool) {
    let (nodes, points) = (plural(ring.len() as u64, "node"), plural(ring.point_count() as u64, "point"));
    let title = format!("Shares of the ring: {nodes}, {points}");
    label(area, &title, (LEFT, 22), HPos::Left, 17, INK);
    let Evenness { deviation, most, least, .. } = evenness;
    let text = format!("cv {deviation:.4}, greatest {most:.3}, least {least:.3} of the fair share");
    put(area, &Rectangle::new([(LEFT, 39), (LEFT + 12, 49)], BAR.filled()));
    label(area, &text, (LEFT + 18, 44), HPos::Left, 13, INK);
    if let Some(Foretold { deviation, most, least }) = foretold.filter(|_| !is_alone) {
        let text = format!("ideal points: cv {deviation:.4}, greatest about {most:.3}, least about {least:.3}");
        put(area, &Rectangle::new([(LEFT, 61), (LEFT + 12, 63)], IDEAL.filled()));
        label(area, &text, (LEFT + 18, 62), HPos::Left, 13, INK);
    }
}

fn axes(area: &Area<'_>, scale: &Scale, bins: &Bins, step: f64) {
    let mut count = 0.0;
    while count <= scale.highest {
        let y = scale.y(count);
        put(area, &PathElement::new(vec![(LEFT, y), (RIGHT, y)], LINE.stroke_width(1)));
        label(area, &format!("{count}"), (LEFT - 8, y), HPos::Right, 12, QUIET);
        count += step;
    }
    let every = bins.counts.len().div_ceil(9);
    let edges = bins.iter().map(|(begin, ..)| begin).chain([scale.most]);
    let digits = if bins.width % 10 == 0 { 2 } else { 3 };
    for edge in edges.step_by(every) {
        label(area, &format!("{edge:.digits$}"), (scale.x(edge), BOTTOM + 14), HPos::Center, 12, QUIET);
    }
    if (scale.least..=scale.most).contains(&1.0) {
        let x = scale.x(1.0);
        put(area, &PathElement::new(vec![(x, TOP), (x, BOTTOM)], QUIET.stroke_width(1)));
    }
    let middle = i32::midpoint(LEFT, RIGHT);
    label(area, "share as a multiple of what is fair for the weight", (middle, BOTTOM + 38), HPos::Center, 13, INK);
    label(area, "nodes", (LEFT - 8, TOP - 14), HPos::Right, 12, QUIET);
}

/// Returns how many members of ideal points each bin would have; nothing for fewer than two members.
fn ideal_counts(ring: &Ring, bins: &Bins) -> Vec<f64> {
    if ring.len() < 2 {
        return Vec::new();
    }
    let mut weights = std::collections::BTreeMap::new();
    for slot in ring.slots() {
        let (_, count) = weights.entry(ring.weight(slot)).or_insert((slot, 0_u32));
        *count += 1;
    }
    let mut counts = vec![0.0; bins.counts.len()];
    for (weight, (slot, count)) in weights {
        let (m, v) = (ring.point_count() as f64, f64::from(ring.points_per_unit().points(weight)));
        let share = Beta::new(v, m - v).expect("every member has a point, and not all of them");
        let fair = fair(ring, slot);
        for (ideal, (begin, end, _)) in counts.iter_mut().zip(bins.iter()) {
            *ideal += f64::from(count) * (share.cdf(end * fair) - share.cdf(begin * fair));
        }
    }
    counts
}

/// Returns a round distance between lines, of which there are at most six.
fn round_step(highest: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        if let Some(step) = [1.0, 2.0, 5.0].map(|digit| digit * unit).into_iter().find(|step| highest / step <= 6.0) {
            return step;
        }
        unit *= 10.0;
    }
}

fn label(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos, letter: i32, color: RGBColor) {
    let style = ("sans-serif", letter).into_font().color(&color).pos(Pos::new(side, VPos::Center));
    put(area, &Text::new(text.to_string(), at, style));
}

fn put<'element, 'svg, E>(area: &Area<'svg>, element: &'element E)
where
    &'element E: plotters::element::PointCollection<'element, (i32, i32)>,
    E: plotters::element::Drawable<SVGBackend<'svg>>,
{
    area.draw(element).expect("drawing into a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::NodeList;

    #[test]
    fn a_picture_is_drawn_of_one_member_and_of_many() {
        for count in [1, 2, 300] {
            let names = (0..count).map(|node| format!("node-{node}\n")).collect::<Vec<_>>().concat();
            let ring = NodeList::from_text(&names, "names").unwrap().ring;
            let evenness = Evenness::of(&ring, &ring.shares());
            let svg = distribution(&ring, &evenness, Foretold::of(&ring).as_ref());
            assert!(svg.starts_with("<svg role=") && svg.trim_end().ends_with("</svg>"));
            assert_eq!(svg.contains("ideal points"), count > 1);
        }
    }

    #[test]
    fn lines_are_few_and_round() {
        let steps = [1.0, 6.0, 7.0, 29.0, 31.0, 1234.0].map(|highest| round_step(highest).to_string());
        assert_eq!(steps, ["1", "1", "2", "5", "10", "500"]);
    }
}
