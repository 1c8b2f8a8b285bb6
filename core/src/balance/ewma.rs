//! A node's latency, as an average that remembers peaks and forgets with time.
//!
//! Peak EWMA, as Finagle has it: a slower answer is believed at once, a faster one as much as time has passed since the last
//! one, by the weight `1 - e^(-elapsed/decay)`. The exponential is a table of 256 steps per halving with a straight line
//! between them, in integers, so every machine comes to the same nanosecond; it is off by less than 2^-16 of its value.

use core::time::Duration;

use crate::time::Time;

/// The longest latency that is told apart from longer ones: 68 seconds. Times the number of requests it has to fit a word.
pub(super) const LATENCY_MAX: u64 = (1 << 36) - 1;
/// The bits behind the point of a factor.
const FACTOR_BITS: u32 = 32;
/// The steps of a halving in the table, as bits.
const STEP_BITS: u32 = 8;
/// The bits of the exponent behind the point.
const EXPONENT_BITS: u32 = 16;
/// log2(e) times 2^80.
const LOG2_E: u128 = 1_744_111_284_760_651_037_637_903;

/// `HALVING[i]` is 2^(-i/256).
const HALVING: [u64; (1 << STEP_BITS) + 1] = halving();

/// How fast an average forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Decay {
    /// What a nanosecond adds to the exponent of a half, times 2^80.
    rate: u64,
}

impl Decay {
    /// The shortest time in which an average may forget: the rate of a shorter one does not fit a word.
    pub(super) const SHORTEST: Duration = Duration::from_millis(1);
    /// The longest time in which an average may forget: the rate of a longer one is not exact enough.
    pub(super) const LONGEST: Duration = Duration::from_hours(1);

    /// Returns the decay that leaves `1/e` of an average after `span`, which lies between the two above.
    pub(super) fn new(span: Duration) -> Self {
        let span = span.clamp(Self::SHORTEST, Self::LONGEST);
        Self { rate: (LOG2_E / span.as_nanos()) as u64 }
    }

    /// Returns e^(-elapsed/decay), times 2^32.
    #[inline]
    fn factor(self, elapsed: u64) -> u64 {
        let exponent = ((u128::from(elapsed) * u128::from(self.rate)) >> 64) as u64;
        let halvings = (exponent >> EXPONENT_BITS).min(63);
        let fraction = exponent & ((1 << EXPONENT_BITS) - 1);
        let step = (fraction >> (EXPONENT_BITS - STEP_BITS)) as usize;
        let between = fraction & ((1 << (EXPONENT_BITS - STEP_BITS)) - 1);
        let (above, below) = (HALVING[step], HALVING[step + 1]);
        (above - (((above - below) * between) >> (EXPONENT_BITS - STEP_BITS))) >> halvings
    }
}

/// An average of latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct PeakEwma {
    nanos: u64,
    updated_at: Time,
}

impl PeakEwma {
    /// Returns an average of `nanos` at `now`.
    pub(super) const fn new(now: Time, nanos: u64) -> Self {
        Self { nanos, updated_at: now }
    }

    /// Takes in a latency.
    pub(super) fn observe(&mut self, now: Time, latency: Duration, decay: Decay) {
        let latency = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).min(LATENCY_MAX);
        if latency < self.nanos {
            let old = decay.factor(elapsed(now, self.updated_at));
            let new = (1 << FACTOR_BITS) - old;
            // Both latencies have 36 bits and the factors sum up to 2^32, so 68 bits are needed.
            let sum = u128::from(self.nanos) * u128::from(old) + u128::from(latency) * u128::from(new);
            self.nanos = ((sum + (1 << (FACTOR_BITS - 1))) >> FACTOR_BITS) as u64;
        } else {
            self.nanos = latency;
        }
        self.updated_at = self.updated_at.max(now);
    }

    /// Returns the average as it was after the last latency.
    pub(super) const fn last(&self) -> u64 {
        self.nanos
    }

    /// Returns what is left of the average at `now`: with nothing to observe it fades, and the node is tried again.
    #[inline]
    pub(super) fn faded(&self, now: Time, decay: Decay) -> u64 {
        ((u128::from(self.nanos) * u128::from(decay.factor(elapsed(now, self.updated_at)))) >> FACTOR_BITS) as u64
    }
}

#[inline]
const fn elapsed(now: Time, before: Time) -> u64 {
    now.as_nanos().saturating_sub(before.as_nanos())
}

const fn halving() -> [u64; (1 << STEP_BITS) + 1] {
    const BITS: u32 = 62;
    // 2^(-1/256) is the eighth root of a root of one half.
    let mut root: u64 = 1 << (BITS - 1);
    let mut roots = 0;
    while roots < STEP_BITS {
        root = ((root as u128) << BITS).isqrt() as u64;
        roots += 1;
    }
    let mut table = [0; (1 << STEP_BITS) + 1];
    let (mut step, mut value) = (0, 1u64 << BITS);
    while step <= 1 << STEP_BITS {
        table[step] = (value + (1 << (BITS - FACTOR_BITS - 1))) >> (BITS - FACTOR_BITS);
        value = ((value as u128 * root as u128) >> BITS) as u64;
        step += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_the_exponential_within_its_bound() {
        for span in [Decay::SHORTEST, Duration::from_secs(10), Decay::LONGEST] {
            let decay = Decay::new(span);
            for step in 0..20_000u64 {
                let elapsed = span.as_nanos() as u64 / 1000 * step;
                let exact = (-(elapsed as f64) / span.as_nanos() as f64).exp();
                let ours = decay.factor(elapsed) as f64 / 2f64.powi(32);
                // 2^-16 of the value, and the last two bits of what is kept.
                assert!((ours - exact).abs() <= exact / 65_536.0 + 2f64.powi(-31), "{ours} is not {exact}");
            }
            assert_eq!(decay.factor(0), 1 << 32);
            assert_eq!(decay.factor(u64::MAX), 0);
        }
    }

    #[test]
    fn a_factor_never_grows_with_time() {
        let decay = Decay::new(Duration::from_millis(1));
        let factors: alloc::vec::Vec<u64> = (0..3_000_000).step_by(7).map(|nanos| decay.factor(nanos)).collect();
        assert!(factors.is_sorted_by(|before, after| before >= after));
    }

    #[test]
    fn a_peak_is_believed_at_once_and_forgotten_with_time() {
        let decay = Decay::new(Duration::from_secs(10));
        let mut average = PeakEwma::default();
        average.observe(Time::ZERO, Duration::from_millis(10), decay);
        average.observe(Time::ZERO, Duration::from_millis(100), decay);
        assert_eq!(average.last(), 100_000_000);
        average.observe(Time::from_millis(10_000), Duration::from_millis(10), decay);
        // 10 + 90/e milliseconds.
        assert!(average.last().abs_diff(43_109_149) < 1000, "{average:?}");
        assert!(average.faded(Time::from_millis(20_000), decay).abs_diff(15_858_970) < 1000);
        assert_eq!(average.faded(Time::from_millis(10_000), decay), average.last());
    }

    #[test]
    fn no_latency_and_no_clock_makes_it_overflow() {
        let decay = Decay::new(Decay::SHORTEST);
        let mut average = PeakEwma::default();
        average.observe(Time::NEVER, Duration::MAX, decay);
        assert_eq!(average.last(), LATENCY_MAX);
        average.observe(Time::ZERO, Duration::ZERO, decay);
        assert_eq!(average.faded(Time::ZERO, decay), LATENCY_MAX);
    }
}
