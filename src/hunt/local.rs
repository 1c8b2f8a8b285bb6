//! A hunt on one machine: all its cores take place after place.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use delian_shell::daemon::wait_for_interrupt;

use super::bag::Bag;
use super::ground::Ground;
use super::told::Told;

/// How often progress is told, and the end looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A hunt, shared by all who take part.
struct Hunt<'a> {
    ground: &'a Ground,
    bag: &'a Bag,
    span: Duration,
    is_over: AtomicBool,
    next: AtomicU64,
}

/// Hunts until the time is over, or somebody asks for the end.
pub(super) fn hunt(ground: &Ground, bag: &Bag, span: Duration, jobs: usize) -> Told {
    let hunt = Hunt { ground, bag, span, is_over: AtomicBool::new(false), next: AtomicU64::new(0) };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| hunt.work())).collect();
        hunt.watch_over(|| workers.iter().all(thread::ScopedJoinHandle::is_finished));
    });
    bag.to_told(ground)
}

impl Hunt<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed) && self.bag.elapsed() < self.span
    }

    /// Tells how far it is, and ends it when somebody asks for that.
    fn watch_over(&self, are_done: impl Fn() -> bool) {
        let (interrupt, interrupted) = std::sync::mpsc::channel();
        // Held here, too, so that it is a pause also when nobody will interrupt any more.
        let _held = interrupt.clone();
        // It lives as long as the process: nobody can take back that somebody waits for a signal.
        thread::spawn(move || {
            // A system that gives no way to wait ends this process itself.
            if wait_for_interrupt().is_ok() {
                let _ = interrupt.send(());
            }
        });
        while !are_done() {
            if interrupted.recv_timeout(LOOK_EVERY).is_ok() {
                self.is_over.store(true, Ordering::Relaxed);
            }
            self.bag.tell_progress("", self.span.saturating_sub(self.bag.elapsed()));
        }
    }

    /// Takes the next run until there is no time for another.
    fn work(&self) {
        while self.goes_on() {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((story, seed)) = self.ground.at(place) else { return };
            self.bag.take(story, seed, &self.ground.look(story, seed));
        }
    }
}
