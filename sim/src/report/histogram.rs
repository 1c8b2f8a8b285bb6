//! Spans of time counted in logarithmic buckets.
//!
//! A bucket is at most 1/64 as wide as its least value, so a quantile is within 0.8 % of the true one, however many
//! spans were counted and in however little memory. Buckets are integers found with `leading_zeros`: no logarithm is
//! taken, so every platform counts alike. Adding and merging commute, so the order of runs and threads cannot show.
//! The layout is that of `HdrHistogram`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Each doubling of a value is divided into `2^DIVISION` buckets.
const DIVISION: u32 = 6;

/// A bounded, exactly mergeable summary of any number of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: BTreeMap<Bucket, u64>,
    count: u64,
    sum_nanos: u128,
    extremes: Option<(u64, u64)>,
}

/// The number of a bucket: linear below 64, then 64 to each doubling. There are 3,776 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Histogram {
    /// Counts one span; one of more than 584 years is counted as 584 years.
    pub fn add(&mut self, span: Duration) {
        let nanos = nanos_of(span);
        *self.buckets.entry(Bucket::of(nanos)).or_default() += 1;
        self.count += 1;
        self.sum_nanos += u128::from(nanos);
        self.widen(nanos, nanos);
    }

    /// Adds all that another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.count += other.count;
        self.sum_nanos += other.sum_nanos;
        if let Some((least, most)) = other.extremes {
            self.widen(least, most);
        }
    }

    /// Returns how many spans were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the shortest span, exactly.
    pub fn least(&self) -> Option<Duration> {
        self.extremes.map(|(least, _)| Duration::from_nanos(least))
    }

    /// Returns the longest span, exactly.
    pub fn most(&self) -> Option<Duration> {
        self.extremes.map(|(_, most)| Duration::from_nanos(most))
    }

    /// Returns the arithmetic mean, rounded down to a nanosecond.
    pub fn mean(&self) -> Option<Duration> {
        self.sum_nanos.checked_div(u128::from(self.count)).map(|mean| Duration::from_nanos(mean as u64))
    }

    /// Returns the span that `permille` of all spans do not exceed (nearest rank), within 0.8 %.
    ///
    /// # Panics
    /// If `permille` is above 1000.
    pub fn quantile(&self, permille: u16) -> Option<Duration> {
        assert!(permille <= 1000, "quantile {permille} is above 1000 per mille");
        let (least, most) = self.extremes?;
        let rank = (u128::from(self.count) * u128::from(permille)).div_ceil(1000).max(1);
        let mut passed = 0;
        for (bucket, count) in &self.buckets {
            passed += u128::from(*count);
            if passed >= rank {
                return Some(Duration::from_nanos(bucket.middle().clamp(least, most)));
            }
        }
        unreachable!("rank {rank} is at most the {} spans counted", self.count)
    }

    /// Returns every bucket that counted something, in order, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.buckets.iter().map(|(bucket, count)| (*bucket, *count))
    }

    fn widen(&mut self, least: u64, most: u64) {
        let (low, high) = self.extremes.unwrap_or((least, most));
        self.extremes = Some((low.min(least), high.max(most)));
    }
}

impl Bucket {
    /// Returns the bucket that counts a value.
    pub fn of(value: u64) -> Self {
        let shift = (u64::BITS - value.leading_zeros()).saturating_sub(DIVISION + 1);
        Self(((shift << DIVISION) + (value >> shift) as u32) as u16)
    }

    /// Returns its number, which grows with the logarithm of the value: a position on a logarithmic axis.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Returns the value in its middle.
    pub fn middle(self) -> u64 {
        let shift = (u32::from(self.0) >> DIVISION).saturating_sub(1);
        let least = (u64::from(self.0) - (u64::from(shift) << DIVISION)) << shift;
        least + ((1 << shift) >> 1)
    }
}

fn nanos_of(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(spans: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for nanos in spans {
            histogram.add(Duration::from_nanos(*nanos));
        }
        histogram
    }

    /// Spans of every magnitude, as often short as long.
    fn spans() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec((any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift), 0..200)
    }

    proptest! {
        #[test]
        fn merging_counts_the_union(left in spans(), right in spans()) {
            let mut merged = counted(&left);
            merged.merge(&counted(&right));
            prop_assert_eq!(merged, counted(&[left, right].concat()));
        }

        #[test]
        fn the_order_of_counting_does_not_show(spans in spans()) {
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            prop_assert_eq!(counted(&spans), counted(&sorted));
        }

        #[test]
        fn a_quantile_is_within_the_resolution_of_the_sorted_list(spans in spans(), permille in 0_u16..=1000) {
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() * usize::from(permille)).div_ceil(1000).max(1);
            let found = counted(&spans).quantile(permille).map(|span| span.as_nanos() as u64);
            match (sorted.get(rank - 1), found) {
                (None, None) => {}
                (Some(exact), Some(found)) => prop_assert!(
                    exact.abs_diff(found) <= exact / 128, "quantile {permille} is {exact}, the histogram says {found}"
                ),
                other => prop_assert!(false, "one of the two is empty: {other:?}"),
            }
        }

        #[test]
        fn the_mean_and_the_extremes_are_exact(spans in spans()) {
            let histogram = counted(&spans);
            let sum: u128 = spans.iter().map(|nanos| u128::from(*nanos)).sum();
            let mean = sum.checked_div(spans.len() as u128);
            prop_assert_eq!(histogram.mean().map(|span| span.as_nanos()), mean);
            prop_assert_eq!(histogram.least(), spans.iter().min().copied().map(Duration::from_nanos));
            prop_assert_eq!(histogram.most(), spans.iter().max().copied().map(Duration::from_nanos));
        }
    }

    #[test]
    fn buckets_rise_without_gaps_and_end_at_the_largest_number() {
        assert_eq!(Bucket::of(0), Bucket(0));
        assert_eq!(Bucket::of(u64::MAX), Bucket(3775));
        for number in 0..=3775 {
            assert_eq!(Bucket::of(Bucket(number).middle()), Bucket(number));
        }
    }
}
