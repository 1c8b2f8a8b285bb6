//! How much a number of green seeds is worth.

use statrs::distribution::{Beta, ContinuousCDF};

/// Returns the failure rate, in parts per million, that the seeds rule out with 95 % confidence.
///
/// This is the upper bound of Clopper and Pearson (1934), one-sided: were more seeds than this bad, fewer than one
/// suite in twenty would have shown so few failures. It is rounded up to three digits.
#[expect(clippy::cast_sign_loss, reason = "a quantile of a Beta distribution lies between 0 and 1")]
pub(super) fn failure_rate_max(failures: u64, seeds: u64) -> u32 {
    assert!(failures <= seeds, "{failures} failures in {seeds} seeds");
    if failures == seeds {
        return 1_000_000;
    }
    let spread = Beta::new((failures + 1) as f64, (seeds - failures) as f64).expect("both shapes are positive");
    // The only logarithms and powers of a report. Platforms may differ in their last bits, some ten digits below the
    // three that are kept.
    let exact = (spread.inverse_cdf(0.95) * 1e6).ceil() as u32;
    let mut unit = 1;
    while exact / unit >= 1_000 {
        unit *= 10;
    }
    (exact.div_ceil(unit) * unit).min(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_failures_the_bound_is_about_three_in_the_number_of_seeds() {
        assert_eq!(failure_rate_max(0, 100), 29_600);
        assert_eq!(failure_rate_max(0, 1_000), 3_000);
        assert_eq!(failure_rate_max(0, 100_000), 30);
    }

    #[test]
    fn failures_raise_the_bound_and_none_run_rule_out_nothing() {
        assert!(failure_rate_max(1, 1_000) > failure_rate_max(0, 1_000));
        assert_eq!(failure_rate_max(5, 5), 1_000_000);
        assert_eq!(failure_rate_max(0, 0), 1_000_000);
    }
}
