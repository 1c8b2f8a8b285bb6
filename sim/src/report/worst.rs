//! The seeds that came off worst, kept few.

use std::time::Duration;

/// How many are kept: enough to see whether the worst is alone.
pub(super) const WORST_MAX: usize = 3;

/// The longest spans and the seeds that had them, longest first; of equal ones the lowest seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worst(Vec<(Duration, u64)>);

impl Worst {
    /// Takes a seed's longest span into account; without one, the seed does not compete.
    pub(super) fn offer(&mut self, seed: u64, span: Option<Duration>) {
        if let Some(span) = span {
            self.0.push((span, seed));
            self.trim();
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
        self.trim();
    }

    /// Returns seeds and spans, the longest span first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Duration)> + '_ {
        self.0.iter().map(|(span, seed)| (*seed, *span))
    }

    fn trim(&mut self) {
        self.0.sort_unstable_by(|(a_span, a_seed), (b_span, b_seed)| b_span.cmp(a_span).then(a_seed.cmp(b_seed)));
        self.0.truncate(WORST_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_are_kept_and_ties_go_to_the_lowest_seeds() {
        let mut worst = Worst::default();
        for (seed, millis) in [(9, 5), (4, 7), (2, 5), (7, 5), (1, 1)] {
            worst.offer(seed, Some(Duration::from_millis(millis)));
        }
        worst.offer(8, None);
        assert_eq!(worst.iter().map(|(seed, _)| seed).collect::<Vec<_>>(), [4, 2, 7]);
    }
}
