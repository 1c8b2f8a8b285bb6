//! What is wrong with the clocks and the disk of one process, all faults together.

use std::time::Duration;

use delian_sim::scenario::{Fault, Latency};
use delian_sim::worlds::Moment;

use super::scale::Scale;
use crate::faults::Faults;

/// The faults of one process through all its runs.
#[derive(Clone, Debug)]
pub(super) struct Bent {
    scale: Scale,
    /// What happened once and for all.
    moved: Faults,
    /// What is in force, in the order in which it began.
    laid: Vec<Fault>,
}

impl Bent {
    /// Returns one with which nothing is wrong.
    pub(super) fn new(scale: Scale) -> Self {
        Self { scale, moved: Faults::default(), laid: Vec::new() }
    }

    /// Takes note of a fault that begins or ends.
    pub(super) fn note(&mut self, fault: &Fault, moment: Moment) {
        let moved = &mut self.moved;
        match (fault, moment) {
            (Fault::WallJump(_, millis), Moment::Begins) => {
                let span = self.scale.real(Duration::from_millis(millis.unsigned_abs())).as_millis();
                let millis = i64::try_from(span).unwrap_or(i64::MAX) * millis.signum();
                moved.wall_millis = moved.wall_millis.saturating_add(millis);
            }
            (Fault::MonotonicJump(_, span), Moment::Begins) => {
                let micros = u64::try_from(self.scale.real(*span).as_micros()).unwrap_or(u64::MAX);
                moved.leapt_micros = moved.leapt_micros.saturating_add(micros);
            }
            // What happened once has no end.
            (Fault::WallJump(..) | Fault::MonotonicJump(..), Moment::Ends) => {}
            (lasting, Moment::Begins) => self.laid.push(lasting.clone()),
            (lasting, Moment::Ends) => {
                if let Some(place) = self.laid.iter().position(|laid| laid == lasting) {
                    self.laid.remove(place);
                }
            }
        }
    }

    /// Returns all that is in force; of two that say the same thing differently the later one counts.
    pub(super) fn sum(&self) -> Faults {
        let mut sum = self.moved;
        for fault in &self.laid {
            if let Fault::Drift(_, ppm) = fault {
                sum.drift_ppm = *ppm;
            }
            if let Fault::SlowDisk(_, Latency { least, most, shape }) = fault {
                let (least, most) = (self.scale.real(*least), self.scale.real(*most));
                sum.flush = Some(Latency { least, most, shape: *shape }.into());
            }
            sum.disk_hangs |= matches!(fault, Fault::StallDisk(_));
            sum.disk_is_full |= matches!(fault, Fault::FullDisk(_));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use delian_sim::scenario::{Target, Worlds};

    use super::*;

    #[test]
    fn what_lasts_ends_once_and_what_happened_stays() {
        let it = Target::Process(1);
        let mut bent = Bent::new(Scale::of(&Worlds { scale: 500, ..Worlds::default() }));
        let faults = [
            Fault::Drift(it, 100),
            Fault::Drift(it, -200),
            Fault::FullDisk(it),
            Fault::FullDisk(it),
            Fault::WallJump(it, -3_000),
            Fault::MonotonicJump(it, Duration::from_secs(4)),
        ];
        for fault in &faults {
            bent.note(fault, Moment::Begins);
        }
        let moved = Faults { leapt_micros: 2_000_000, wall_millis: -1_500, ..Faults::default() };
        assert_eq!(bent.sum(), Faults { drift_ppm: -200, disk_is_full: true, ..moved });
        for fault in &faults[1..3] {
            bent.note(fault, Moment::Ends);
        }
        assert_eq!(bent.sum(), Faults { drift_ppm: 100, disk_is_full: true, ..moved });
        for fault in &faults {
            bent.note(fault, Moment::Ends);
        }
        assert_eq!(bent.sum(), moved);
    }
}
