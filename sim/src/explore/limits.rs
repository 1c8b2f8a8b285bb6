//! What a search may use, how it meets a breach, and what it tells on the way.

use std::fmt;
use std::ops::ControlFlow;

/// What a search is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What it may use.
    pub limits: Limits,
    /// What it does when a property is broken.
    pub on_breach: OnBreach,
    /// After how many expanded states it tells its progress, again and again.
    pub progress_every: u64,
}

impl Default for Options {
    fn default() -> Self {
        // Several times a second for a system that takes a microsecond per transition.
        Self { limits: Limits::default(), on_breach: OnBreach::Stop, progress_every: 1 << 14 }
    }
}

/// What a search may use before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most states to visit. However high it is, no search visits more than 2³² − 1.
    pub states_max: u64,
    /// The most bytes to hold: fingerprints with the copy that growth makes, the trail, the states that wait, and what
    /// the system keeps of steps that were taken.
    pub memory_max: u64,
    /// What a waiting state is taken to weigh, with all it owns. Without it, the size of its type, which knows nothing of
    /// what lies on the heap.
    pub state_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        // A machine of 8 GiB keeps half of its memory for whatever else runs on it.
        Self { states_max: u64::from(u32::MAX), memory_max: 4 << 30, state_bytes: None }
    }
}

/// What ended a search before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One more state would have been above this number of them.
    States(u64),
    /// One more state would have taken the memory above this number of bytes.
    Memory(u64),
    /// One more state would have had no index: the trail names a state by 32 bits.
    Indices,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::States(max) => write!(f, "the limit of {max} states"),
            Self::Memory(max) => write!(f, "the limit of {max} bytes"),
            Self::Indices => write!(f, "the limit of 2^32 - 1 states that an index of 32 bits sets"),
        }
    }
}

/// What a search does when a property is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnBreach {
    /// It stops, with the shortest way there.
    #[default]
    Stop,
    /// It goes on and keeps the first breach of each property. Behind a broken transition it does not look; behind a
    /// state that [`check`](super::System::check) refused, it does.
    GoOn,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many states were visited.
    pub states: u64,
    /// How many transitions were taken.
    pub generated: u64,
    /// How far from the initial state the states lie that are being expanded.
    pub depth: u64,
    /// How many states wait for their expansion.
    pub frontier: u64,
    /// How many bytes are held.
    pub memory: u64,
}

/// Lets a search go on and tells nobody.
pub fn silent(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
