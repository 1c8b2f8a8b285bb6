//! Liveness: safety alone is also kept by a cluster that does nothing. The world judges it once the faults have stopped.

use super::Invariant;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub struct HealsInTime;

impl Invariant for HealsInTime {
    const NAME: &'static str = "heals-in-time";
    const SENTENCE: &'static str =
        "Once the faults stop and a majority is whole, one leads, commands commit and all whole nodes agree in time.";
}
