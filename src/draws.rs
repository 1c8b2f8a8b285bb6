//! Numbers drawn where nothing is repeated: real processes have their own luck.

use std::time::Duration;

use delian_sim::scenario::{Latency, Shape};

/// Draws numbers (`SplitMix64`, Steele and others, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws whether something of this probability happens.
    pub(crate) const fn happens(&mut self, permille: u16) -> bool {
        permille > 0 && self.draw() % 1000 < permille as u64
    }

    /// Draws how long something takes.
    pub(crate) fn span(&mut self, latency: Latency) -> Duration {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let (least, most) = (micros(latency.least), micros(latency.most));
        let width = most.saturating_sub(least);
        let drawn = self.draw() % width.saturating_add(1);
        let spread = match latency.shape {
            Shape::Uniform => drawn,
            Shape::Skewed => (u128::from(drawn).pow(2) / u128::from(width.max(1))) as u64,
        };
        Duration::from_micros(least.saturating_add(spread))
    }

    const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lie_between_their_bounds_and_most_of_a_skewed_one_near_the_least() {
        let mut draws = Draws::new(7);
        let latency = |shape| Latency { least: Duration::from_millis(10), most: Duration::from_millis(20), shape };
        let mut late = |shape| {
            let spans: Vec<Duration> = (0..1000).map(|_| draws.span(latency(shape))).collect();
            assert!(spans.iter().all(|span| (10..=20).contains(&span.as_millis())), "{shape:?}");
            spans.iter().filter(|span| span.as_millis() >= 15).count()
        };
        assert!((400..600).contains(&late(Shape::Uniform)));
        assert!((200..400).contains(&late(Shape::Skewed)));
        let one = latency(Shape::Skewed);
        assert_eq!(draws.span(Latency { most: one.least, ..one }), one.least);
        let widest = Latency { most: Duration::MAX, ..one };
        assert!((0..1000).all(|_| draws.span(widest) >= one.least));
    }
}
