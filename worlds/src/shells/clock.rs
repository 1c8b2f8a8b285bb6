//! The two clocks of a process, which faults bend: they go on through its crashes, as those of a machine do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delian_core::{Time, WallTime};
use delian_shell::clock::Clock;
use delian_sim::clock::Clock as BentClock;
use madsim::time::Instant;

/// Returns the present instant of the world.
#[expect(clippy::disallowed_methods, reason = "the runtime answers it with simulated time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The clocks of one process; clones are the same ones.
#[derive(Clone, Debug)]
pub(super) struct WorldClock {
    world_began_at: Instant,
    bent: Arc<Mutex<BentClock>>,
}

impl WorldClock {
    /// Returns clocks that begin at some time: nobody may rely on equal ones.
    pub(super) fn new(own: Time, wall_offset_millis: i64) -> Self {
        let bent = BentClock::new(Time::ZERO, own, wall_offset_millis);
        Self { world_began_at: now(), bent: Arc::new(Mutex::new(bent)) }
    }

    /// Has the clocks run fast, or slow, from here on.
    pub(super) fn drift(&self, ppm: i32) {
        self.bent().drift(self.world(), ppm);
    }

    /// Moves the monotonic clock forward, as after a suspend.
    pub(super) fn leap(&self, span: Duration) {
        self.bent().leap(self.world(), u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Moves the wall clock.
    pub(super) fn jump_wall(&self, millis: i64) {
        self.bent().jump_wall(millis);
    }

    fn world(&self) -> Time {
        Time::ZERO + self.world_began_at.elapsed()
    }

    fn bent(&self) -> MutexGuard<'_, BentClock> {
        self.bent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Time {
        self.bent().monotonic(self.world())
    }

    fn wall(&self) -> WallTime {
        self.bent().wall(self.world())
    }
}
