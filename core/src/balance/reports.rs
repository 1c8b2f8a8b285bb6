//! The newest report of each node, and whether it still counts.
//!
//! A report is as old as the span since this node received it: two wall clocks never agree, and one that is ahead would
//! keep a dead node healthy for as long as it is ahead. What arrives behind a newer one is dropped, however fresh it is
//! to the network, so a copy that a network kept for minutes cannot bring a dead node back.

use alloc::vec::Vec;
use core::time::Duration;

use super::health::LoadReport;
use super::roster::Slot;
use crate::time::Time;

/// How long a report counts, unless configured otherwise.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// The newest report of each node, by slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reports {
    stale_after: Duration,
    held: Vec<Option<Held>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    report: LoadReport,
    received_at: Time,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It is the newest of its node.
    Taken,
    /// A report that is as new or newer came before it, so it was dropped.
    Reordered,
}

impl Reports {
    /// Returns the reports of nobody, of which each will count for `stale_after`.
    pub const fn new(stale_after: Duration) -> Self {
        Self { stale_after, held: Vec::new() }
    }

    /// Takes in a report that was received at `now`.
    pub fn take(&mut self, now: Time, slot: Slot, report: LoadReport) -> Reception {
        if slot.index() >= self.held.len() {
            self.held.resize(slot.index() + 1, None);
        }
        let held = &mut self.held[slot.index()];
        if held.is_some_and(|held| held.report.number() >= report.number()) {
            return Reception::Reordered;
        }
        *held = Some(Held { report, received_at: now });
        Reception::Taken
    }

    /// Forgets what the node in a slot said, for it left.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(held) = self.held.get_mut(slot.index()) {
            *held = None;
        }
    }

    /// Returns the report of a node, if there is one that counts.
    #[inline]
    pub fn fresh(&self, now: Time, slot: Slot) -> Option<&LoadReport> {
        let held = self.held.get(slot.index())?.as_ref()?;
        (now.since(held.received_at) < self.stale_after).then_some(&held.report)
    }

    /// Returns when the report of a node stops counting; none if it does not count.
    pub fn stale_at(&self, now: Time, slot: Slot) -> Option<Time> {
        let held = self.held.get(slot.index())?.as_ref()?;
        let stale_at = held.received_at + self.stale_after;
        (now < stale_at).then_some(stale_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{self, claim};
    use crate::time::WallTime;

    const SLOT: Slot = Slot::new(0);

    #[test]
    fn a_report_counts_for_thirty_seconds_after_it_was_received() {
        let mut reports = Reports::new(STALE_AFTER);
        reports.take(Time::from_millis(5_000), SLOT, fixtures::report(1, 10, 10));
        assert!(reports.fresh(Time::from_millis(34_999), SLOT).is_some());
        assert!(reports.fresh(Time::from_millis(35_000), SLOT).is_none());
        assert_eq!(reports.stale_at(Time::from_millis(34_999), SLOT), Some(Time::from_millis(35_000)));
    }

    #[test]
    fn the_wall_clock_of_the_sender_changes_nothing() {
        for skewed in [0, 1, u64::MAX / 2, u64::MAX] {
            let mut reports = Reports::new(STALE_AFTER);
            let claim = crate::balance::Claim { taken_at: WallTime::from_unix_millis(skewed), ..claim(1, 10, 10) };
            reports.take(Time::from_millis(1_000), SLOT, LoadReport::new(claim).unwrap());
            assert!(reports.fresh(Time::from_millis(30_999), SLOT).is_some(), "sent at {skewed}");
            assert!(reports.fresh(Time::from_millis(31_000), SLOT).is_none(), "sent at {skewed}");
        }
    }

    #[test]
    fn a_report_behind_a_newer_one_is_dropped_even_when_that_one_is_stale() {
        let mut reports = Reports::new(STALE_AFTER);
        assert_eq!(reports.take(Time::ZERO, SLOT, fixtures::report(7, 80, 10)), Reception::Taken);
        assert_eq!(reports.take(Time::from_millis(1), SLOT, fixtures::report(7, 1, 1)), Reception::Reordered);
        assert_eq!(reports.take(Time::from_millis(60_000), SLOT, fixtures::report(6, 1, 1)), Reception::Reordered);
        assert!(reports.fresh(Time::from_millis(60_000), SLOT).is_none());
        reports.forget(SLOT);
        assert_eq!(reports.take(Time::from_millis(60_000), SLOT, fixtures::report(1, 1, 1)), Reception::Taken);
    }
}
