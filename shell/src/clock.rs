//! The two clocks of a node: one that never goes back, by which it decides, and one for people to read.

use std::fmt;
use std::sync::Arc;

use delian_core::{Time, WallTime};
use tokio::time::Instant;

/// What tells a node the time. A world that bends time has one of its own.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present instant of this process run; it never goes back.
    fn now(&self) -> Time;
    /// Returns what the wall clock shows, which may jump.
    fn wall(&self) -> WallTime;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Time {
        (**self).now()
    }

    fn wall(&self) -> WallTime {
        (**self).wall()
    }
}

/// The clocks of the machine.
#[derive(Clone, Copy)]
pub struct SystemClock {
    began_at: Instant,
}

impl SystemClock {
    /// Returns a clock that begins at zero.
    pub fn new() -> Self {
        Self { began_at: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemClock({:?})", self.now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::ZERO + self.began_at.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the driver's clock, and the wall time is data for people")]
    fn wall(&self) -> WallTime {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        WallTime::from_unix_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A step of the wall clock: how far it moved beside the one that never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Milliseconds, below zero if the wall clock was put back.
    pub millis: i64,
}

/// The least move that is called a step: what is less is a clock being steered.
const STEP_MILLIS_MIN: u64 = 500;

/// Watches how the two clocks of a node move beside each other.
#[derive(Clone, Copy, Debug)]
pub struct StepWatch {
    seen: (Time, WallTime),
}

impl StepWatch {
    /// Begins to watch.
    pub const fn new(now: Time, wall: WallTime) -> Self {
        Self { seen: (now, wall) }
    }

    /// Takes in what both show, and tells of a step since the last look.
    pub fn look(&mut self, now: Time, wall: WallTime) -> Option<ClockStep> {
        let (before, wall_before) = std::mem::replace(&mut self.seen, (now, wall));
        let expected = wall_before.as_unix_millis().saturating_add(now.since(before).as_millis() as u64);
        let moved = i128::from(wall.as_unix_millis()) - i128::from(expected);
        let millis = i64::try_from(moved).unwrap_or(if moved < 0 { i64::MIN } else { i64::MAX });
        (millis.unsigned_abs() >= STEP_MILLIS_MIN).then_some(ClockStep { millis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_jumps_is_told_with_its_sign() {
        let at = |millis| (Time::from_millis(millis), WallTime::from_unix_millis(1_000_000 + millis));
        let (now, wall) = at(0);
        let mut watch = StepWatch::new(now, wall);
        let (now, wall) = at(10_000);
        assert_eq!(watch.look(now, wall), None);
        let back = WallTime::from_unix_millis(900_000);
        assert_eq!(watch.look(now, back), Some(ClockStep { millis: -110_000 }));
        assert_eq!(watch.look(now, back), None, "the step is told once");
        let ahead = WallTime::from_unix_millis(u64::MAX);
        assert!(watch.look(now, ahead).is_some_and(|step| step.millis > 0));
    }
}
