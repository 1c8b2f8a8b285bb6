//! A process's clocks: a monotonic one that may drift and leap, and a wall clock that may jump.
//!
//! All worlds bend clocks by this one; what differs is where they have the time from.

use delian_core::{Time, WallTime};

/// The wall time at which every simulated world begins, in milliseconds since the Unix epoch; any constant would do.
pub const WORLD_BEGINS_AT: u64 = 1_700_000_000_000;

/// Where a process's clocks stand, as functions of the world's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The world's time and the process's own at the last change of rate.
    world: Time,
    own: Time,
    drift_ppm: i32,
    /// The nanoseconds that the wall clock has run at that change; a drifting crystal drives both clocks.
    wall_run: u64,
    wall_offset_millis: i64,
}

const MILLION: u64 = 1_000_000;

impl Clock {
    /// Starts a clock that stands at `own` now, and whose wall clock is off by some milliseconds of one that stood at
    /// [`WORLD_BEGINS_AT`].
    #[must_use]
    pub const fn new(world: Time, own: Time, wall_offset_millis: i64) -> Self {
        Self { world, own, drift_ppm: 0, wall_run: 0, wall_offset_millis }
    }

    /// Returns the process's monotonic time.
    pub fn monotonic(&self, world: Time) -> Time {
        Time::from_nanos(self.own.as_nanos().saturating_add(self.passed(world)))
    }

    /// Returns the first instant of the world at which the process's clock has reached `own`.
    pub fn world_at(&self, own: Time) -> Time {
        let ahead = own.as_nanos().saturating_sub(self.own.as_nanos());
        let ahead = if self.drift_ppm == 0 {
            ahead
        } else {
            (u128::from(ahead) * u128::from(MILLION)).div_ceil(u128::from(self.rate())) as u64
        };
        Time::from_nanos(self.world.as_nanos().saturating_add(ahead))
    }

    /// Lets the monotonic clock run at another rate from now on, without a leap.
    pub fn drift(&mut self, world: Time, ppm: i32) {
        self.rebase(world);
        self.drift_ppm = ppm;
    }

    /// Moves the monotonic clock forward.
    pub fn leap(&mut self, world: Time, by_nanos: u64) {
        self.rebase(world);
        self.own = Time::from_nanos(self.own.as_nanos().saturating_add(by_nanos));
    }

    /// Moves the wall clock.
    pub const fn jump_wall(&mut self, by_millis: i64) {
        self.wall_offset_millis = self.wall_offset_millis.saturating_add(by_millis);
    }

    /// Returns the wall time that the process reads.
    pub fn wall(&self, world: Time) -> WallTime {
        let millis = WORLD_BEGINS_AT + self.wall_run.saturating_add(self.passed(world)) / 1_000_000;
        WallTime::from_unix_millis(millis.saturating_add_signed(self.wall_offset_millis))
    }

    /// Returns the nanoseconds that the clock has run since the last change.
    fn passed(&self, world: Time) -> u64 {
        let passed = world.as_nanos().saturating_sub(self.world.as_nanos());
        if self.drift_ppm == 0 {
            return passed;
        }
        (u128::from(passed) * u128::from(self.rate()) / u128::from(MILLION)) as u64
    }

    fn rebase(&mut self, world: Time) {
        let passed = self.passed(world);
        self.own = Time::from_nanos(self.own.as_nanos().saturating_add(passed));
        self.wall_run = self.wall_run.saturating_add(passed);
        self.world = world;
    }

    /// Returns how far the clock gets while the world passes a million of anything; a scenario's drift never stops it.
    fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(self.drift_ppm.into()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_exactly_when_the_clock_says_so() {
        for ppm in [0, 50_000, -50_000, 1, -1, 333] {
            let mut clock = Clock::new(Time::from_millis(3), Time::from_millis(700), 0);
            clock.drift(Time::from_millis(10), ppm);
            for own in [708, 720, 1_500, 99_999].map(Time::from_millis) {
                let world = clock.world_at(own);
                assert!(clock.monotonic(world) >= own, "{ppm} ppm: {own} is not reached at {world}");
                let before = Time::from_nanos(world.as_nanos() - 2);
                assert!(clock.monotonic(before) < own, "{ppm} ppm: {own} is reached before {world}");
            }
        }
    }

    #[test]
    fn a_change_of_rate_is_no_leap_and_a_leap_is_one() {
        let mut clock = Clock::new(Time::ZERO, Time::ZERO, 0);
        clock.drift(Time::from_millis(1_000), 100_000);
        assert_eq!(clock.monotonic(Time::from_millis(1_000)), Time::from_millis(1_000));
        assert_eq!(clock.monotonic(Time::from_millis(2_000)), Time::from_millis(2_100));
        clock.leap(Time::from_millis(2_000), 5_000_000);
        assert_eq!(clock.monotonic(Time::from_millis(2_000)), Time::from_millis(2_105));
    }

    #[test]
    fn the_wall_clock_drifts_and_jumps_but_does_not_leap() {
        let mut clock = Clock::new(Time::ZERO, Time::ZERO, 250);
        clock.drift(Time::ZERO, 100_000);
        clock.leap(Time::from_millis(1_000), 5_000_000);
        clock.jump_wall(-50);
        let expected = WORLD_BEGINS_AT + 2_200 + 250 - 50;
        assert_eq!(clock.wall(Time::from_millis(2_000)), WallTime::from_unix_millis(expected));
    }
}
