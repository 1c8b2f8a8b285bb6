//! The two clocks of a process, which faults bend: they go on through its crashes, as those of a machine do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delian_core::{Time, WallTime};
use delian_shell::clock::Clock;
use madsim::time::Instant;

/// What wall clocks show when a world begins: some day of 2023.
const WALL_MILLIS: u64 = 1_700_000_000_000;

/// Returns the present instant of the world.
#[expect(clippy::disallowed_methods, reason = "the runtime answers it with simulated time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The clocks of one process; clones are the same ones.
#[derive(Clone, Debug)]
pub(super) struct WorldClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    world_began_at: Instant,
    /// When the drift was set last, and what the monotonic clock showed then.
    since: (Instant, Time),
    ppm: i32,
    wall_offset_millis: i64,
}

impl WorldClock {
    /// Returns clocks that begin at some time: nobody may rely on equal ones.
    pub(super) fn new(own: Time, wall_offset_millis: i64) -> Self {
        let now = now();
        Self(Arc::new(Mutex::new(State { world_began_at: now, since: (now, own), ppm: 0, wall_offset_millis })))
    }

    /// Has the monotonic clock run fast, or slow, from here on.
    pub(super) fn drift(&self, ppm: i32) {
        let mut state = self.state();
        state.since = (now(), state.monotonic());
        state.ppm = ppm;
    }

    /// Moves the monotonic clock forward, as after a suspend.
    pub(super) fn leap(&self, span: Duration) {
        let mut state = self.state();
        state.since = (now(), state.monotonic() + span);
    }

    /// Moves the wall clock.
    pub(super) fn jump_wall(&self, millis: i64) {
        let mut state = self.state();
        state.wall_offset_millis = state.wall_offset_millis.saturating_add(millis);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn monotonic(&self) -> Time {
        let (since, shown) = self.since;
        let nanos = since.elapsed().as_nanos();
        let rate = 1_000_000_i64.saturating_add(i64::from(self.ppm)).unsigned_abs();
        let passed = nanos * u128::from(rate) / 1_000_000;
        shown + Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Time {
        self.state().monotonic()
    }

    fn wall(&self) -> WallTime {
        let state = self.state();
        let passed = u64::try_from(state.world_began_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        WallTime::from_unix_millis((WALL_MILLIS + passed).saturating_add_signed(state.wall_offset_millis))
    }
}
