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

/// How things stand, as functions of the time since the host began.
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
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let state = State::new(faults, u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
        Self { began_at: Instant::now(), state: Arc::new(Mutex::new(state)) }
    }

    /// Returns what takes in bytes, has each line of them be so, and says that line when it is. Once nobody can say
    /// anything more, the disk hangs for nobody.
    pub(super) fn listener(&self) -> impl FnMut(&[u8]) + Send + 'static {
        let (told, mut line) = (Told(self.clone()), Vec::new());
        move |bytes| {
            for byte in bytes {
                if *byte != b'\n' {
                    line.push(*byte);
                    continue;
                }
                told.heed(&line);
                line.clear();
            }
        }
    }

    fn set(&self, faults: Faults) {
        let mut state = self.state();
        let real = self.real();
        state.set(real, faults);
    }

    fn real(&self) -> Time {
        Time::ZERO + self.began_at.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins with a wall clock that showed so many milliseconds since 1970 before anything was done to it.
    fn new(faults: Faults, unix_millis: u64) -> Self {
        let offset = i64::try_from(unix_millis).unwrap_or(i64::MAX).saturating_sub_unsigned(WORLD_BEGINS_AT);
        let mut clock = BentClock::new(Time::ZERO, Time::ZERO, offset.saturating_add(faults.wall_millis));
        clock.drift(Time::ZERO, faults.drift_ppm);
        Self { faults, clock, draws: Draws::new(std::process::id().into()) }
    }

    fn set(&mut self, real: Time, faults: Faults) {
        let before = std::mem::replace(&mut self.faults, faults);
        let leapt = faults.leapt_micros.saturating_sub(before.leapt_micros);
        self.clock.drift(real, faults.drift_ppm);
        self.clock.leap(real, leapt.saturating_mul(1000));
        self.clock.jump_wall(faults.wall_millis.saturating_sub(before.wall_millis));
    }
}

/// Whoever tells a host what to do. With it goes what would keep the node from ending.
struct Told(Bent);

impl Told {
    fn heed(&self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(faults) => {
                self.0.set(faults);
                // Whoever told it may have gone.
                drop(screen::say(&format!("{}\n", String::from_utf8_lossy(line))));
            }
            Err(error) => screen::complain(&format!("a line that says no faults: {error}")),
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let faults = self.0.state().faults;
        self.0.set(Faults { disk_hangs: false, flush: None, ..faults });
    }
}

impl Clock for Bent {
    fn now(&self) -> Time {
        let state = self.state();
        state.clock.monotonic(self.real())
    }

    fn wall(&self) -> WallTime {
        let state = self.state();
        state.clock.wall(self.real())
    }
}

impl Host for Bent {
    type Disk = BentDisk<FileBackend>;

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    fn disk(&self, file: FileBackend) -> BentDisk<FileBackend> {
        BentDisk { file, bent: self.clone() }
    }
}

/// A file on the disk of such a host.
#[derive(Debug)]
pub(super) struct BentDisk<F> {
    file: F,
    bent: Bent,
}

impl<F> BentDisk<F> {
    /// Refuses every write while the disk is full, as a file system does that never writes in place.
    fn has_room(&self) -> Result<(), IoError> {
        if self.bent.state().faults.disk_is_full {
            return Err(IoError::new(ErrorKind::StorageFull, "no space left on device, as a test says"));
        }
        Ok(())
    }
}

impl<F: StorageBackend> StorageBackend for BentDisk<F> {
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

    /// A file that takes everything.
    #[derive(Debug)]
    struct Taking;

    impl StorageBackend for Taking {
        fn len(&self) -> Result<u64, IoError> {
            Ok(0)
        }

        fn read(&self, _: u64, _: &mut [u8]) -> Result<(), IoError> {
            Ok(())
        }

        fn set_len(&self, _: u64) -> Result<(), IoError> {
            Ok(())
        }

        fn sync_data(&self) -> Result<(), IoError> {
            Ok(())
        }

        fn write(&self, _: u64, _: &[u8]) -> Result<(), IoError> {
            Ok(())
        }
    }

    #[test]
    fn a_clock_leaps_by_what_came_since_the_last_word_and_the_wall_moves_alone() {
        let leapt = |leapt_micros, wall_millis| Faults { leapt_micros, wall_millis, ..Faults::default() };
        let at = Time::from_millis;
        let mut state = State::new(leapt(5_000_000, -1_000), 1_800_000_000_000);
        assert_eq!(state.clock.monotonic(at(10)), at(10), "what leapt before this run is over");
        assert_eq!(state.clock.wall(at(10)).as_unix_millis(), 1_800_000_000_000 - 1_000 + 10);
        for _ in 0..2 {
            state.set(at(10), Faults { drift_ppm: 500_000, ..leapt(65_000_000, -61_000) });
        }
        assert_eq!(state.clock.monotonic(at(30)), at(60_000 + 10 + 30));
        assert_eq!(state.clock.wall(at(30)).as_unix_millis(), 1_800_000_000_000 - 61_000 + 10 + 30);
    }

    #[test]
    fn a_disk_that_is_full_refuses_until_the_word_that_it_has_room() {
        let bent = Bent::new(Faults { disk_is_full: true, ..Faults::default() });
        let disk = BentDisk { file: Taking, bent: bent.clone() };
        let refused = disk.write(0, b"x").map_err(|error| error.kind());
        assert_eq!((refused, disk.set_len(9).is_err()), (Err(ErrorKind::StorageFull), true));
        let mut heed = bent.listener();
        // In parts, after a line that says nothing.
        [b"junk\n{\"disk_is".as_slice(), b"_full\":false}", b"\n"].into_iter().for_each(&mut heed);
        assert!(disk.write(0, b"x").is_ok() && disk.set_len(9).is_ok());
    }

    #[test]
    fn a_disk_hangs_only_while_somebody_can_say_otherwise() {
        let bent = Bent::new(Faults::default());
        let mut heed = bent.listener();
        heed(b"{\"disk_hangs\":true,\"disk_is_full\":true}\n");
        assert!(bent.state().faults.disk_hangs);
        drop(heed);
        let disk = BentDisk { file: Taking, bent };
        assert!(disk.sync_data().is_ok() && disk.write(0, b"x").is_err(), "it is full still");
    }
}
