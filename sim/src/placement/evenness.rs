//! How evenly members share the circle, beside what ideal points would do.
//!
//! With `m` ideal points of which a member has `v`, its share follows a Beta distribution with shapes `v` and `m-v`
//! (spacings of uniform order statistics). So its coefficient of variation is `√((m-v)/(v(m+1)))`, and the greatest of
//! many shares has a usual value, too.

use std::collections::BTreeMap;

use delian_core::ring::{Ring, Rule, Shortage, Slot};
use statrs::distribution::{Beta, ContinuousCDF};

/// How far apart shares are, each as a multiple of what is fair for the weight of its member.
#[derive(Clone, Debug, PartialEq)]
pub struct Evenness {
    /// By slot: the share as a multiple of the fair one.
    pub relative: Vec<f64>,
    /// The coefficient of variation: the root of the mean square of what shares deviate by.
    pub deviation: f64,
    /// The greatest multiple.
    pub most: f64,
    /// The least multiple.
    pub least: f64,
}

/// What ideal points would come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foretold {
    /// The coefficient of variation.
    pub deviation: f64,
    /// The median of the greatest multiple.
    pub most: f64,
    /// The median of the least multiple.
    pub least: f64,
}

impl Evenness {
    /// Judges what each member has, by slot and in any unit.
    ///
    /// # Panics
    ///
    /// Panics if there is not one number for each member, or if nobody has anything.
    pub fn of(ring: &Ring, held: &[u64]) -> Self {
        assert_eq!(held.len(), ring.len(), "each member holds something");
        let all: u64 = held.iter().sum();
        assert!(all > 0, "nobody holds anything");
        let multiple = |(slot, held): (Slot, &u64)| *held as f64 / all as f64 / fair(ring, slot);
        let relative: Vec<f64> = ring.slots().zip(held).map(multiple).collect();
        let squares: f64 = relative.iter().map(|multiple| (multiple - 1.0).powi(2)).sum();
        Self {
            deviation: (squares / relative.len() as f64).sqrt(),
            most: relative.iter().copied().fold(f64::MIN, f64::max),
            least: relative.iter().copied().fold(f64::MAX, f64::min),
            relative,
        }
    }
}

impl Foretold {
    /// Returns what as many ideal points with the weights of these members come to; nothing for fewer than two members.
    pub fn of(ring: &Ring) -> Option<Self> {
        if ring.len() < 2 {
            return None;
        }
        let m = ring.point_count() as f64;
        let mut weights = BTreeMap::new();
        for slot in ring.slots() {
            let (_, count) = weights.entry(ring.weight(slot)).or_insert((slot, 0_u32));
            *count += 1;
        }
        let mut squares = 0.0;
        let mut spreads: Vec<Spread> = Vec::with_capacity(weights.len());
        for (weight, (slot, count)) in weights {
            let v = f64::from(ring.points_per_unit().points(weight));
            let fair = fair(ring, slot);
            let (mean, deviation) = (v / m / fair, ((m - v) / (v * (m + 1.0))).sqrt());
            squares += f64::from(count) * ((mean * deviation).powi(2) + (mean - 1.0).powi(2));
            let share = Beta::new(v, m - v).expect("every member has a point, and not all of them");
            spreads.push(Spread { share, fair, count });
        }
        let all_below = |x: f64| spreads.iter().map(|it| it.share.cdf(x * it.fair).powf(f64::from(it.count))).product();
        let none_below =
            |x: f64| 1.0 - spreads.iter().map(|it| it.share.sf(x * it.fair).powf(f64::from(it.count))).product::<f64>();
        // No share is above the whole circle.
        let widest = spreads.iter().map(|it| 1.0 / it.fair).fold(1.0, f64::max);
        Some(Self {
            deviation: (squares / ring.len() as f64).sqrt(),
            most: median(widest, all_below),
            least: median(widest, none_below),
        })
    }
}

/// The ideal share of each of so many members of one weight.
struct Spread {
    share: Beta,
    fair: f64,
    count: u32,
}

/// Returns where a probability that rises from zero to `most` passes one half.
fn median(most: f64, probability: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        *(if probability(middle) < 0.5 { &mut low } else { &mut high }) = middle;
    }
    f64::midpoint(low, high)
}

/// Returns the part of the circle that is fair for the weight of a member.
pub(super) fn fair(ring: &Ring, slot: Slot) -> f64 {
    f64::from(ring.weight(slot).thousandths()) / ring.weight_of_all() as f64
}

/// Returns of how many tokens each member bears a copy, by slot, where each token has so many.
///
/// # Errors
///
/// Returns what there is too little of for so many copies.
pub fn copies_borne(ring: &Ring, copies: usize, rule: Rule) -> Result<Vec<u64>, Shortage> {
    let mut borne = vec![0; ring.len()];
    let mut replicas = vec![Slot::new(0); copies];
    for (range, _) in ring.arcs() {
        ring.replicas_at(range.through, rule, None, &mut replicas)?;
        for slot in &replicas {
            borne[slot.index()] += range.tokens();
        }
    }
    Ok(borne)
}
