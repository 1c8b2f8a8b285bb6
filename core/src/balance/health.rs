//! What a balancer is told of a node: what was sent to it, what came back, and what it says of itself.
//!
//! A node's own words come from another machine, so they are judged at the border: every number has a type that holds no
//! nonsense, and what does not fit is refused as a whole. The wall clock of the reporter is carried for people; how old
//! a report is follows from when it was received, by the receiver's clock.

use core::fmt;
use core::time::Duration;

use crate::ids::Boot;
use crate::time::WallTime;

/// A part of a whole, in millionths from zero to one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ratio(u32);

impl Ratio {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Half of it.
    pub const HALF: Self = Self(500_000);
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// Returns so many millionths; none if that is more than all.
    pub const fn of_millionths(millionths: u32) -> Option<Self> {
        if millionths <= Self::ALL.0 { Some(Self(millionths)) } else { None }
    }

    /// Returns so many hundredths.
    ///
    /// # Panics
    ///
    /// Panics if that is more than all: for constants, in which a compiler notices it.
    pub const fn of_percent(percent: u32) -> Self {
        assert!(percent <= 100, "a ratio is at most 100 percent");
        Self(percent * 10_000)
    }

    /// Returns `part` of `whole`, rounded down; all of it if the part is larger or the whole is zero.
    pub const fn of(part: u64, whole: u64) -> Self {
        if part >= whole {
            return Self::ALL;
        }
        Self((part as u128 * Self::ALL.0 as u128 / whole as u128) as u32)
    }

    /// Returns the number of millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Returns what is left of the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }
}

/// Writes percent, such as `12.5000 %`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a balancer is told of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// A request went to it.
    Started,
    /// A request that went to it is over.
    Finished(Answer),
    /// It says how busy it is.
    Load(LoadReport),
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// How long it took, by the clock of whoever sent it.
    pub latency: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was served.
    Success,
    /// The node failed it or did not answer in time.
    Failure,
    /// Whoever sent it gave up for a reason of its own: it says nothing of the node.
    Abandoned,
}

/// The place of a report among those of its node: later boots and later numbers of a boot are newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportNumber {
    /// Which start of the node sent it.
    pub boot: Boot,
    /// How many it sent before since that start.
    pub sequence: u64,
}

/// What a node claims, as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which report it is.
    pub number: ReportNumber,
    /// When it was made, by the wall clock of the node: for people, and part of no decision.
    pub taken_at: WallTime,
    /// How busy its processors are, in millionths.
    pub cpu_millionths: i64,
    /// How full its memory is, in millionths.
    pub memory_millionths: i64,
    /// How many connections it serves.
    pub connections: i64,
    /// How long it takes to answer, in nanoseconds.
    pub latency_nanos: i64,
}

/// Why a claim is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Junk {
    /// The processors are busy by less than nothing or more than all.
    Cpu(i64),
    /// The memory is full by less than nothing or more than all.
    Memory(i64),
    /// The number of connections is negative or above 2^32 - 1.
    Connections(i64),
    /// The latency is negative.
    Latency(i64),
}

impl fmt::Display for Junk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = Ratio::ALL.0;
        match self {
            Self::Cpu(cpu) => write!(f, "cpu of {cpu} millionths is not from 0 to {most}"),
            Self::Memory(memory) => write!(f, "memory of {memory} millionths is not from 0 to {most}"),
            Self::Connections(count) => write!(f, "{count} connections are not from 0 to {}", u32::MAX),
            Self::Latency(nanos) => write!(f, "latency of {nanos} ns is below zero"),
        }
    }
}

impl core::error::Error for Junk {}

/// What a node says of itself, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoadReport {
    number: ReportNumber,
    taken_at: WallTime,
    cpu: Ratio,
    memory: Ratio,
    connections: u32,
    latency: Duration,
}

impl LoadReport {
    /// Judges a claim.
    ///
    /// # Errors
    ///
    /// Returns the first number that no node can have.
    pub fn new(claim: Claim) -> Result<Self, Junk> {
        let ratio = |millionths: i64| u32::try_from(millionths).ok().and_then(Ratio::of_millionths);
        Ok(Self {
            number: claim.number,
            taken_at: claim.taken_at,
            cpu: ratio(claim.cpu_millionths).ok_or(Junk::Cpu(claim.cpu_millionths))?,
            memory: ratio(claim.memory_millionths).ok_or(Junk::Memory(claim.memory_millionths))?,
            connections: u32::try_from(claim.connections).map_err(|_| Junk::Connections(claim.connections))?,
            latency: u64::try_from(claim.latency_nanos)
                .map(Duration::from_nanos)
                .map_err(|_| Junk::Latency(claim.latency_nanos))?,
        })
    }

    /// Returns which report of its node it is.
    pub const fn number(&self) -> ReportNumber {
        self.number
    }

    /// Returns when it was made, by the wall clock of its node: for people.
    pub const fn taken_at(&self) -> WallTime {
        self.taken_at
    }

    /// Returns how busy the processors are.
    pub const fn cpu(&self) -> Ratio {
        self.cpu
    }

    /// Returns how full the memory is.
    pub const fn memory(&self) -> Ratio {
        self.memory
    }

    /// Returns how many connections there are.
    pub const fn connections(&self) -> u32 {
        self.connections
    }

    /// Returns how long the node takes to answer.
    pub const fn latency(&self) -> Duration {
        self.latency
    }

    /// Returns the busier one of processors and memory.
    pub fn load(&self) -> Ratio {
        self.cpu.max(self.memory)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const CLAIM: Claim = Claim {
        number: ReportNumber { boot: Boot::ZERO, sequence: 0 },
        taken_at: WallTime::from_unix_millis(0),
        cpu_millionths: 0,
        memory_millionths: 1_000_000,
        connections: 0,
        latency_nanos: 0,
    };

    #[test]
    fn what_no_node_can_have_is_refused_by_name() {
        assert!(LoadReport::new(CLAIM).is_ok());
        for junk in [i64::MIN, -1, 1_000_001, i64::MAX] {
            assert_eq!(LoadReport::new(Claim { cpu_millionths: junk, ..CLAIM }), Err(Junk::Cpu(junk)));
            assert_eq!(LoadReport::new(Claim { memory_millionths: junk, ..CLAIM }), Err(Junk::Memory(junk)));
        }
        for junk in [i64::MIN, -1, 1 << 32, i64::MAX] {
            assert_eq!(LoadReport::new(Claim { connections: junk, ..CLAIM }), Err(Junk::Connections(junk)));
        }
        assert_eq!(LoadReport::new(Claim { latency_nanos: -1, ..CLAIM }), Err(Junk::Latency(-1)));
        assert_eq!(Junk::Cpu(-1).to_string(), "cpu of -1 millionths is not from 0 to 1000000");
    }

    #[test]
    fn a_ratio_never_leaves_its_range() {
        assert_eq!(Ratio::of(0, 0), Ratio::ALL);
        assert_eq!(Ratio::of(u64::MAX, 1), Ratio::ALL);
        assert_eq!(Ratio::of(u64::MAX - 1, u64::MAX).millionths(), 999_999);
        assert_eq!(Ratio::of(1, 4).rest(), Ratio::of_percent(75));
    }
}
