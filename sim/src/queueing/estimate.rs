//! A mean over seeds, and how far it may be off.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over seeds with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// How far the interval reaches to either side; infinite with one seed alone.
    pub half_width: f64,
}

impl Estimate {
    /// Estimates the mean from one number of each seed, by Student's t.
    ///
    /// # Panics
    ///
    /// Panics without numbers.
    pub fn of(numbers: &[f64]) -> Self {
        assert!(!numbers.is_empty(), "a mean of no numbers");
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        if numbers.len() == 1 {
            return Self { mean, half_width: f64::INFINITY };
        }
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let spread = StudentsT::new(0.0, 1.0, count - 1.0).expect("there are degrees of freedom");
        // Platforms may differ in the last bits of roots and quantiles, some ten digits below those that are shown.
        let half_width = spread.inverse_cdf(0.975) * (squares / (count - 1.0) / count).sqrt();
        Self { mean, half_width }
    }

    /// Returns whether a number lies within the interval.
    pub fn covers(&self, number: f64) -> bool {
        (number - self.mean).abs() <= self.half_width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_students_t() {
        let estimate = Estimate::of(&[9.0, 10.0, 11.0, 10.5, 9.5]);
        // t(4, .975) is 2.776445, the standard deviation .790569.
        assert!((estimate.mean - 10.0).abs() < 1e-9);
        assert!((estimate.half_width - 0.981_621).abs() < 1e-5, "{estimate:?}");
        assert!(estimate.covers(10.9) && !estimate.covers(11.1));
    }

    #[test]
    fn one_seed_tells_nothing_of_how_far_it_is_off() {
        assert!(Estimate::of(&[3.0]).half_width.is_infinite());
    }

    #[test]
    fn of_a_hundred_intervals_about_ninety_five_cover_the_truth() {
        let mut random = crate::random::Random::new(delian_core::Seed::new(1), "estimate");
        let mut uniform = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let covering = (0..2_000).filter(|_| {
            let numbers: Vec<f64> = (0..5).map(|_| (0..12).map(|_| uniform()).sum()).collect();
            Estimate::of(&numbers).covers(6.0)
        });
        let count = covering.count();
        assert!((1_870..=1_930).contains(&count), "{count} of 2,000");
    }
}
