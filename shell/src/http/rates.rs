//! How often somebody may ask: a bucket per asker, as the generic cell rate algorithm has it (ITU-T I.371, annex A).
//!
//! A bucket is one instant: when the asker will have paid for all that it asked. The table is bounded; who has paid costs no
//! place.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How many askers are remembered; beyond that whoever owes least is forgotten.
const ASKERS_MAX: usize = 4096;

/// The buckets of all askers.
#[derive(Debug)]
pub(super) struct Rates {
    cost: Duration,
    burst: Duration,
    paid_at: BTreeMap<String, Instant>,
}

impl Rates {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let cost = Duration::from_secs(1) / per_second.max(1);
        Self { cost, burst: cost.saturating_mul(burst.max(1)), paid_at: BTreeMap::new() }
    }

    /// Lets an asker ask, or says after how long it may.
    pub(super) fn take(&mut self, now: Instant, asker: &str) -> Result<(), Duration> {
        let paid_at = self.paid_at.get(asker).copied().map_or(now, |at| at.max(now)) + self.cost;
        let owed = paid_at.saturating_duration_since(now);
        if owed > self.burst {
            return Err(owed.saturating_sub(self.burst));
        }
        if self.paid_at.len() >= ASKERS_MAX && !self.paid_at.contains_key(asker) {
            self.make_room(now);
        }
        self.paid_at.insert(asker.to_string(), paid_at);
        Ok(())
    }

    fn make_room(&mut self, now: Instant) {
        self.paid_at.retain(|_, paid_at| *paid_at > now);
        if self.paid_at.len() >= ASKERS_MAX
            && let Some(least) =
                self.paid_at.iter().min_by_key(|(_, paid_at)| **paid_at).map(|(asker, _)| asker.clone())
        {
            self.paid_at.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_passes_and_then_the_rate_holds_for_each_asker() {
        let (mut rates, now) = (Rates::new(10, 3), Instant::now());
        for _ in 0..3 {
            assert_eq!(rates.take(now, "ada"), Ok(()));
        }
        assert_eq!(rates.take(now, "ada"), Err(Duration::from_millis(100)));
        assert_eq!(rates.take(now, "bob"), Ok(()), "each pays for itself");
        let later = now + Duration::from_millis(100);
        assert_eq!(rates.take(later, "ada"), Ok(()));
        assert_eq!(rates.take(later, "ada"), Err(Duration::from_millis(100)));
    }

    #[tokio::test]
    async fn the_table_stays_bounded_and_forgets_who_owes_least() {
        let (mut rates, now) = (Rates::new(1, 5), Instant::now());
        assert_eq!(rates.take(now, "greedy"), Ok(()));
        assert_eq!(rates.take(now, "greedy"), Ok(()));
        for asker in 0..2 * ASKERS_MAX {
            assert_eq!(rates.take(now, &format!("{asker:05}")), Ok(()));
        }
        assert_eq!(rates.paid_at.len(), ASKERS_MAX);
        assert!(rates.paid_at.contains_key("greedy"));
    }
}
