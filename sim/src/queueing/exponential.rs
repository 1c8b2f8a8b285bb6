//! Exponential spans without a logarithm.
//!
//! Von Neumann's method (1951) compares uniform numbers and does nothing else: of `u1 >= u2 >= … >= uk < u(k+1)` the run
//! has odd length with a chance of `e^-u1`, and then `u1` behind as many whole units as runs of even length came before
//! is exponential. So every machine draws the same nanosecond, which no library's `ln` promises.

use crate::random::Random;

/// Draws an exponential number of nanoseconds with this mean.
pub(super) fn exponential(mean: u64, random: &mut Random) -> u64 {
    let mut units = 0u64;
    loop {
        let first = random.next_u64();
        let (mut last, mut is_odd) = (first, true);
        loop {
            let next = random.next_u64();
            if next > last {
                break;
            }
            (last, is_odd) = (next, !is_odd);
        }
        if is_odd {
            let fraction = ((u128::from(first) * u128::from(mean)) >> 64) as u64;
            return units.saturating_mul(mean).saturating_add(fraction);
        }
        units += 1;
    }
}

#[cfg(test)]
mod tests {
    use delian_core::Seed;

    use super::*;

    #[test]
    fn spans_have_the_mean_the_spread_and_the_tail_of_an_exponential() {
        let mut random = Random::new(Seed::new(1), "exponential");
        let drawn: Vec<f64> = (0..200_000).map(|_| exponential(1_000_000, &mut random) as f64 / 1e6).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let square = drawn.iter().map(|span| span * span).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 1.0).abs() < 0.01, "the mean is {mean}");
        assert!((square - 2.0).abs() < 0.05, "the mean square is {square}");
        for after in [0.1, 0.5, 1.0, 2.0, 4.0] {
            let share = drawn.iter().filter(|span| **span > after).count() as f64 / drawn.len() as f64;
            assert!((share - f64::exp(-after)).abs() < 0.004, "{share} of all are above {after}");
        }
    }
}
