//! Sample keys, and whether they fall as the shares of the circle foretell.

use std::iter;

use delian_core::ring::{Ring, Slot};
use delian_core::{Seed, Stream};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::share;

/// How many hits a class must foretell at least, or Pearson's statistic does not follow its distribution.
const FORETOLD_LEAST: f64 = 5.0;
/// How many keys are looked up together.
const BATCH: usize = 4096;
/// Below which chance a sample is no chance: one healthy ring in ten thousand is called uneven.
const CHANCE_LEAST: f64 = 1e-4;

/// Where so many keys came to lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// How many keys there were.
    pub keys: u64,
    /// How many of them each member owns, by slot.
    pub hits: Vec<u64>,
    /// Pearson's statistic of the hits against the exact shares.
    pub statistic: f64,
    /// Its degrees of freedom: the classes but one; members with few hits make one class together.
    pub freedom: u64,
    /// How likely a statistic is that is as great or greater, if keys fall as the shares foretell.
    pub chance: f64,
}

impl Sample {
    /// Looks up keys that a seed draws, each sixteen hexadecimal digits.
    ///
    /// # Panics
    ///
    /// Panics if the ring has no members.
    pub fn draw(ring: &Ring, keys: u64, seed: Seed) -> Self {
        let mut stream = Stream::new(seed, "placement");
        let mut hits = vec![0; ring.len()];
        let mut owners = vec![None; BATCH];
        let mut left = keys;
        while left > 0 {
            let batch = left.min(BATCH as u64) as usize;
            let names: Vec<String> = iter::repeat_with(|| format!("{:016x}", stream.next_u64())).take(batch).collect();
            ring.owners(&names, &mut owners[..batch]);
            for owner in &owners[..batch] {
                hits[owner.expect("a ring with members has owners").index()] += 1;
            }
            left -= batch as u64;
        }
        let (statistic, freedom) = pearson(&hits, &ring.shares());
        Self { keys, hits, statistic, freedom, chance: chance_of(statistic, freedom) }
    }

    /// Says whether chance alone explains where the keys lie.
    pub fn is_plausible(&self) -> bool {
        self.chance >= CHANCE_LEAST
    }

    /// Returns how many hits a member's share of so many tokens foretells.
    pub fn foretold(&self, tokens: u64) -> f64 {
        share(tokens) * self.keys as f64
    }

    /// Returns how many keys a member owns.
    pub fn of(&self, slot: Slot) -> u64 {
        self.hits[slot.index()]
    }
}

/// Returns Pearson's statistic of hits against weights, and its degrees of freedom.
pub fn pearson(hits: &[u64], weights: &[u64]) -> (f64, u64) {
    let (keys, all): (u64, u64) = (hits.iter().sum(), weights.iter().sum());
    let mut classes: Vec<(f64, f64)> = Vec::new();
    let mut open = (0.0, 0.0);
    for (hits, weight) in hits.iter().zip(weights) {
        open.0 += *hits as f64;
        open.1 += *weight as f64 / all as f64 * keys as f64;
        if open.1 >= FORETOLD_LEAST {
            classes.push(std::mem::take(&mut open));
        }
    }
    match classes.last_mut() {
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => classes.push(open),
    }
    let off = |(hits, foretold): &(f64, f64)| if *foretold > 0.0 { (hits - foretold).powi(2) / foretold } else { 0.0 };
    (classes.iter().map(off).sum(), classes.len() as u64 - 1)
}

/// Returns how likely a statistic is that is as great or greater.
pub fn chance_of(statistic: f64, freedom: u64) -> f64 {
    if freedom == 0 {
        return 1.0;
    }
    ChiSquared::new(freedom as f64).expect("the degrees of freedom are positive").sf(statistic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::NodeList;

    #[test]
    fn the_statistic_is_the_one_of_the_textbook() {
        // Mendel's peas (1866): 315, 101, 108 and 32 at 9:3:3:1.
        let (statistic, freedom) = pearson(&[315, 101, 108, 32], &[9, 3, 3, 1]);
        assert!((statistic - 0.470).abs() < 0.001 && freedom == 3, "{statistic} at {freedom}");
        assert!((chance_of(statistic, freedom) - 0.925).abs() < 0.001);
        assert!((chance_of(7.815, 3) - 0.05).abs() < 0.0001);
    }

    #[test]
    fn classes_that_foretell_little_are_put_together() {
        assert_eq!(pearson(&[1, 2, 2, 5, 1], &[2, 2, 1, 5, 1]).1, 1);
        assert_eq!(pearson(&[1], &[7]), (0.0, 0));
        assert!((chance_of(0.0, 0) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_seed_draws_the_same_keys_and_all_of_them_are_counted() {
        let ring = NodeList::from_text("ada\nbob\neve", "n").unwrap().ring;
        let sample = Sample::draw(&ring, 10_000, Seed::new(7));
        assert_eq!(sample, Sample::draw(&ring, 10_000, Seed::new(7)));
        assert_ne!(sample.hits, Sample::draw(&ring, 10_000, Seed::new(8)).hits);
        assert_eq!((sample.hits.iter().sum::<u64>(), sample.freedom), (10_000, 2));
        assert!(sample.is_plausible(), "{sample:?}");
    }

    #[test]
    fn keys_that_fall_otherwise_are_not_plausible() {
        let (statistic, freedom) = pearson(&[1100, 900], &[1, 1]);
        assert!(chance_of(statistic, freedom) < CHANCE_LEAST);
    }
}
