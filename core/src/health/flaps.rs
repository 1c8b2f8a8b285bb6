//! Who comes and goes, and how long the good word for it is held back.
//!
//! Route flap damping (RFC 2439) with recoveries in place of withdrawals: each adds one to a penalty that fades to half with
//! every half-life. A node whose penalty has reached the limit is on hold until it has faded to one; bad news of it is told
//! as ever, so a hold costs the log one change, and nobody is sent to a node that fails.

use core::time::Duration;

use super::settings::HealthSettings;
use crate::time::Time;

/// The memory of one node's recoveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flaps {
    /// In thousandths of a recovery, as of `since`.
    penalty: u64,
    since: Time,
    held: bool,
}

/// One recovery, in the unit of a penalty.
const ONE: u64 = 1000;

/// How many times the limit a penalty is at most, so that a hold ends soon after the last of however many recoveries.
const PENALTY_LIMITS: u64 = 2;

impl Flaps {
    /// Remembers a recovery.
    pub(super) fn recovered(&mut self, now: Time, settings: &HealthSettings) {
        let limit = u64::from(settings.flap_limit) * ONE;
        let goes_on = self.held_until(now, settings).is_some();
        self.penalty = (self.penalty(now, settings) + ONE).min(limit * PENALTY_LIMITS);
        self.since = now;
        // One alone is no flapping, whatever the limit.
        self.held = goes_on || (self.penalty >= limit && self.penalty > ONE);
    }

    /// Returns until when the node is on hold; none if it is not.
    pub(super) fn held_until(&self, now: Time, settings: &HealthSettings) -> Option<Time> {
        let until = self.free_at(settings)?;
        (until > now).then_some(until)
    }

    /// Returns what is left of the penalty: half after each half-life, and on a straight line in between.
    fn penalty(&self, now: Time, settings: &HealthSettings) -> u64 {
        let (age, half_life) = (now.since(self.since).as_nanos(), settings.flap_half_life.as_nanos());
        let halvings = u32::try_from(age / half_life).unwrap_or(u32::MAX);
        let whole = self.penalty.checked_shr(halvings).unwrap_or(0);
        whole - (u128::from(whole - whole / 2) * (age % half_life) / half_life) as u64
    }

    /// Returns when the penalty has faded to one, if the node was put on hold.
    fn free_at(&self, settings: &HealthSettings) -> Option<Time> {
        if !self.held {
            return None;
        }
        let (mut penalty, mut span) = (self.penalty, Duration::ZERO);
        while penalty / 2 > ONE {
            (penalty, span) = (penalty / 2, span.saturating_add(settings.flap_half_life));
        }
        let (beyond, fades) = (u128::from(penalty.saturating_sub(ONE)), u128::from(penalty - penalty / 2));
        let rest = (beyond * settings.flap_half_life.as_nanos()).div_ceil(fades);
        Some(self.since + span.saturating_add(Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::settings;
    use super::super::settings::HealthConfig;
    use super::*;
    use proptest::prelude::*;

    fn after(flaps: &mut Flaps, recoveries: u64, apart: u64) -> Option<u64> {
        let last = (0..recoveries)
            .map(|turn| Time::from_millis(turn * apart))
            .inspect(|now| flaps.recovered(*now, &settings()))
            .last()?;
        Some(flaps.held_until(last, &settings())?.since(last).as_secs())
    }

    #[test]
    fn recoveries_that_follow_one_another_put_a_node_on_hold() {
        assert_eq!(after(&mut Flaps::default(), 1, 0), None);
        assert_eq!(after(&mut Flaps::default(), 2, 0), None);
        // From three to one and a half takes a half-life of five minutes, from there to one two thirds of another.
        assert_eq!(after(&mut Flaps::default(), 3, 0), Some(500));
        assert_eq!(after(&mut Flaps::default(), 20, 300_000), None, "a recovery each five minutes is no flapping");
    }

    #[test]
    fn a_hold_is_bounded_however_often_a_node_flaps() {
        // Twice the limit fades to the limit in one half-life.
        assert_eq!(after(&mut Flaps::default(), 1000, 0), Some(800));
    }

    proptest! {
        #[test]
        fn a_hold_ends_when_the_penalty_has_faded_to_one(
            limit in 1u8..=20, half_life in 1u64..1_000_000, gaps in proptest::collection::vec(0u64..200_000, 1..30)
        ) {
            let config = HealthConfig { flap_limit: limit, flap_half_life: Duration::from_millis(half_life), ..HealthConfig::default() };
            let (settings, mut flaps, mut now) = (config.check().unwrap(), Flaps::default(), Time::ZERO);
            for gap in gaps {
                now = now + Duration::from_millis(gap);
                flaps.recovered(now, &settings);
                if let Some(until) = flaps.held_until(now, &settings) {
                    prop_assert!(flaps.penalty(until, &settings) <= ONE, "{flaps:?}");
                    prop_assert!(flaps.penalty(Time::from_nanos(until.as_nanos() - 1), &settings) >= ONE, "{flaps:?}");
                    prop_assert_eq!(flaps.held_until(until, &settings), None);
                }
            }
        }
    }
}
