//! A host whose clocks and disk do as they are told: for test builds alone.

use std::io::{Error as IoError, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use delian_core::{Time, WallTime};
use delian_shell::clock::Clock;
use delian_shell::host::{FileBackend, Host, StorageBackend};
use delian_sim::clock::{Clock as BentClock, WORLD_BEGINS_AT};

use crate::client::pause;
use crate::draws::Draws;
use crate::faults::Faults;
use crate::screen;

/// How soon it is looked again whether a disk that hangs has come back.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The host; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Bent {
    began_at: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    clock: BentClock,
    draws: Draws,
}

impl Bent {
    /// Returns a host of which this is so from the beginning: its clock has leapt before this run.
    #[expect(clippy::disallowed_methods, reason = "these are the clocks of the machine, from which others are bent")]
    pub(super) fn new(faults: Faults) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let offset = i64::try_from(since_1970).unwrap_or(i64::MAX).saturating_sub_unsigned(WORLD_BEGINS_AT);
        let mut clock = BentClock::new(Time::ZERO, Time::ZERO, offset.saturating_add(faults.wall_millis));
        clock.drift(Time::ZERO, faults.drift_ppm);
        let draws = Draws::new(std::process::id().into());
        Self { began_at: Instant::now(), state: Arc::new(Mutex::new(State { faults, clock, draws })) }
    }

    /// Has this be so from now on.
    pub(super) fn set(&self, faults: Faults) {
        let now = self.real();
        let mut state = self.state();
        let before = std::mem::replace(&mut state.faults, faults);
        let leapt = faults.leapt_micros.saturating_sub(before.leapt_micros);
        state.clock.drift(now, faults.drift_ppm);
        state.clock.leap(now, leapt.saturating_mul(1000));
        state.clock.jump_wall(faults.wall_millis.saturating_sub(before.wall_millis));
    }

    /// Returns what takes in bytes, and has each line of them be so.
    pub(super) fn listener(&self) -> impl FnMut(&[u8]) + Send + 'static {
        let (bent, mut line) = (self.clone(), Vec::new());
        move |bytes| {
            for byte in bytes {
                if *byte != b'\n' {
                    line.push(*byte);
                    continue;
                }
                match serde_json::from_slice(&line) {
                    Ok(faults) => bent.set(faults),
                    Err(error) => screen::complain(&format!("a line that says no faults: {error}")),
                }
                line.clear();
            }
        }
    }

    fn real(&self) -> Time {
        Time::ZERO + self.began_at.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Bent {
    fn now(&self) -> Time {
        self.state().clock.monotonic(self.real())
    }

    fn wall(&self) -> WallTime {
        self.state().clock.wall(self.real())
    }
}

impl Host for Bent {
    type Disk = BentDisk;

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    fn disk(&self, file: FileBackend) -> BentDisk {
        BentDisk { file, bent: self.clone() }
    }
}

/// A file on the disk of such a host.
#[derive(Debug)]
pub(super) struct BentDisk {
    file: FileBackend,
    bent: Bent,
}

impl BentDisk {
    /// Refuses as a disk does that has no block left: this file is never overwritten in place.
    fn has_room(&self) -> Result<(), IoError> {
        let is_full = self.bent.state().faults.disk_is_full;
        if is_full {
            Err(IoError::new(ErrorKind::StorageFull, "no space left on device (told to be full)"))
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for BentDisk {
    fn len(&self) -> Result<u64, IoError> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        self.file.read(offset, out)
    }

    fn set_len(&self, bytes: u64) -> Result<(), IoError> {
        self.has_room()?;
        self.file.set_len(bytes)
    }

    fn sync_data(&self) -> Result<(), IoError> {
        self.file.sync_data()?;
        let takes = {
            let mut state = self.bent.state();
            let flush = state.faults.flush;
            flush.map(|flush| state.draws.span(flush.into()))
        };
        pause(takes.unwrap_or_default());
        while self.bent.state().faults.disk_hangs {
            pause(LOOK_EVERY);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), IoError> {
        self.has_room()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), IoError> {
        self.file.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_leaps_by_what_came_since_the_last_word_and_the_wall_moves_alone() {
        let leapt = |leapt_micros, wall_millis| Faults { leapt_micros, wall_millis, ..Faults::default() };
        let bent = Bent::new(leapt(5_000_000, -1_000));
        let mut heed = bent.listener();
        assert!(bent.now() < Time::from_millis(1_000), "what leapt before this run is over");
        let (before, wall_before) = (bent.now(), bent.wall());
        let line = serde_json::to_vec(&leapt(65_000_000, -61_000)).expect("it has a JSON form");
        // Said twice, in parts.
        [line.as_slice(), b"\n", &line[..9], &line[9..], b"\n"].into_iter().for_each(&mut heed);
        let gone = bent.now().since(before);
        assert!((60..70).contains(&gone.as_secs()), "{gone:?}");
        let back = wall_before.as_unix_millis() - bent.wall().as_unix_millis();
        assert!((50_000..=60_000).contains(&back), "{back}");
    }
}
