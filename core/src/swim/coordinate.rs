//! Network coordinates: where members lie in a space whose distances are round-trip times.
//!
//! This is Vivaldi (Dabek, Cox, Kaashoek and Morris, SIGCOMM 2004): every measured round trip is a spring between two
//! points, and each point gives way a little (section 2.4) by as much as it is less sure than the other (section 2.5). The
//! height of a point is its way to the network, which lies on every path (section 5.4). A [`Locator`] is a member's own
//! point and a [`Coordinate`] is what it tells others; the round trip to a member that was never measured follows from
//! two of them. All of it is integers, so equal measurements move equal points on every machine. It knows nothing of
//! members and time.
//!
//! The paper's rule is mended in five places, for the field is noisy and members may be wrong:
//!
//! - A miss that is small for its round trip moves the point less than in proportion. In proportion, a tenth of jitter on
//!   110 ms shakes a data centre that is 0.3 ms wide to four times that; this way, to less than twice.
//! - A miss counts as at most [`OUTLIER_RATIO`] times the usual one. A late packet or an absurd coordinate moves a point no
//!   further, and for a member that did move large misses become usual within tens of samples. This stands in for the
//!   median of recent round trips per peer (Ledlie, Gardner and Seltzer, NSDI 2007), which would cost memory per peer.
//! - The step shrinks with the member's own error, so beginners are quick and settled members are calm.
//! - Nobody's error counts as less than [`ERROR_MIN`], so a claim of certainty is worth little.
//! - Gravity pulls every point to the origin, so the cloud does not drift away as a whole (Ledlie et al.).
//!
//! An adjustment term per member, as some deployments have, is left out: heights already take most of what it would.
//!
//! Measured by `core/tests/coordinate/accuracy.rs`, 60 members, each sample to a peer at random, jitter of ±10 %:
//!
//! | world | half of all estimates, after 100 samples each | after 1000 | nine in ten, after 1000 |
//! |---|---|---|---|
//! | plane of 100 ms with heights | within 3.9 % | 1.1 % | 3.6 % |
//! | globe of 200 ms with heights | 8.1 % | 6.6 % | 14.4 % |
//! | one data centre of 0.3 ms | 6.7 % | 3.5 % | 8.4 % |
//! | three of 0.3 ms, 31 to 110 ms apart | 1.4 % | 1.2 % | 125.7 % |
//!
//! `a_plane_and_a_globe_are_mapped_within_their_bounds`, `one_small_data_center_is_mapped_within_its_bounds` and
//! `jitter_between_data_centers_leaves_neighbours_neighbours` show these. The last world's tenth lies inside its data
//! centres: 8 ms of jitter blur what is 0.3 ms wide, so half of the estimates there miss by up to 63 %. The rule of
//! the paper, with one packet in fifty twenty times late, misses half of the estimates by 30 to 38 %, this one by 1.2 to
//! 6.7 % (`the_mended_rule_is_nearer_the_truth_than_the_paper`).
//!
//! Three axes are the least that hold a globe, which two miss by 13 %; four come as near as three and cost two bytes more.
//! What no space can hold is not estimated well: where A–B takes 1 ms and B–C 30 ms but A–C 80 ms, the short way is
//! overestimated many times, and the error says so (`members_know_when_no_space_holds_their_distances`).
//!
//! A coordinate takes 8 to 9 bytes on the wire within 131 ms of the origin on each axis, and 14 at most.

use core::array;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::packet::varint;
use crate::rng::Stream;

/// The axes of the space, besides the height.
pub const DIMENSIONS: usize = 3;

/// The longest round trip that is believed. Ten seconds is past every timeout of a probe, so it is no distance.
pub const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// What a coordinate is counted in. 16 µs keeps 131 ms to each side within two bytes on the wire, and is a twentieth of
/// a round trip inside a data centre.
const UNIT_NANOS: i64 = 16_000;
/// The furthest that a point may lie from the origin on one axis, and in height: 5 s, so two of them span the longest
/// round trip.
const UNITS_MAX: u32 = 312_500;
/// Grains in a unit: a member's own point moves in steps far below what it tells others, or small steps would round to none.
const UNIT_GRAINS: i64 = 256;
/// Grains in a millisecond.
const MILLISECOND_GRAINS: i64 = 1_000_000 * UNIT_GRAINS / UNIT_NANOS;
/// The bound of [`UNITS_MAX`] in grains.
const GRAINS_MAX: i64 = UNITS_MAX as i64 * UNIT_GRAINS;
/// The least height, one unit: heights of zero would never grow, for they grow in proportion.
const HEIGHT_MIN: i64 = UNIT_GRAINS;

/// The step of a member without error.
const STEP_MIN: Share = Share::of_parts(1, 8);
/// What a member's own error adds to the step, of that error.
const STEP_OF_ERROR: Share = Share::of_parts(5, 8);
/// The relative miss from which on a step is in proportion to the miss.
const FULL_STEP_MISS: Share = Share::of_parts(1, 5);
/// How much of the error estimate one sample may replace.
const ERROR_STEP: Share = Share::of_parts(1, 8);
/// The least error that anyone is taken to have.
pub const ERROR_MIN: Permille = Permille(20);
/// Round trips below one millisecond count as one when errors are estimated, or timers would pass for disagreement.
const ERROR_ROUND_TRIP_MIN: i64 = MILLISECOND_GRAINS;
/// How many times the usual miss a miss may count as.
pub const OUTLIER_RATIO: u32 = 4;
/// How many samples the usual miss looks back on.
const USUAL_SAMPLES: i64 = 16;
/// The usual miss of a new member, which holds back nothing that is near the truth.
const USUAL_MAX: i64 = 1000 * MILLISECOND_GRAINS;
/// The least usual miss, 20 µs: from zero it could not grow.
const USUAL_MIN: i64 = MILLISECOND_GRAINS / 50;
/// The part of a step that gravity takes back from the distance to the origin. More of it shrinks the cloud: at 1/256
/// half of the estimates in the plane miss by 2.4 %, without jitter, and at 1/1024 by 1.2 %.
const GRAVITY_RATIO: i64 = 1024;

/// A relative error in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permille(u16);

impl Permille {
    /// The whole: an estimate that says nothing.
    pub const WHOLE: Self = Self(1000);

    /// Wraps a number of thousandths.
    pub const fn new(thousandths: u16) -> Self {
        Self(thousandths)
    }

    /// Returns the number of thousandths.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Permille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per mille", self.0)
    }
}

/// Where a member says it lies in the space of round-trip times, and how sure it is.
///
/// Any bytes of the right form decode into one, so a receiver asks [`Coordinate::is_plausible`] before it keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coordinate {
    position: [i32; DIMENSIONS],
    height: u32,
    error: Permille,
}

impl Coordinate {
    /// Where every member begins, sure of nothing.
    pub const ORIGIN: Self = Self { position: [0; DIMENSIONS], height: 1, error: Permille::WHOLE };

    /// Returns the estimated round trip between two members: the way through space and both heights (section 5.4).
    pub fn distance(&self, other: &Self) -> Duration {
        let apart = array::from_fn(|axis| {
            (i64::from(self.position[axis]) - i64::from(other.position[axis])).saturating_mul(UNIT_GRAINS)
        });
        let heights = (u64::from(self.height) + u64::from(other.height)) * UNIT_GRAINS.unsigned_abs();
        Duration::from_nanos((length(apart) + heights) * UNIT_NANOS.unsigned_abs() / UNIT_GRAINS.unsigned_abs())
    }

    /// Says whether a member that keeps the rules could lie there.
    pub fn is_plausible(&self) -> bool {
        self.position.iter().all(|units| units.unsigned_abs() <= UNITS_MAX)
            && (1..=UNITS_MAX).contains(&self.height)
            && self.error <= Permille::WHOLE
    }

    /// Returns how many bytes it takes in a packet.
    pub(super) fn encoded_len(&self) -> usize {
        let signed = |units: i32| varint(u64::from(units.unsigned_abs()) * 2 - u64::from(units < 0));
        self.position.iter().map(|units| signed(*units)).sum::<usize>()
            + varint(u64::from(self.height))
            + varint(u64::from(self.error.get()))
    }

    /// Returns by how much the member's estimates are usually wrong.
    pub const fn error(&self) -> Permille {
        self.error
    }
}

/// A member's own point, which moves with every measured round trip.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locator {
    /// In grains, within [`GRAINS_MAX`] of the origin on each axis.
    position: [i32; DIMENSIONS],
    /// In grains, from [`HEIGHT_MIN`] to [`GRAINS_MAX`].
    height: i32,
    /// By how much estimates are usually wrong, of what was measured.
    error: Share,
    /// By how many grains estimates are usually wrong, from [`USUAL_MIN`] to [`USUAL_MAX`].
    usual_miss: i32,
}

impl Locator {
    /// Places a member at the origin, sure of nothing.
    pub const fn new() -> Self {
        let (height, usual_miss) = (HEIGHT_MIN as i32, USUAL_MAX as i32);
        Self { position: [0; DIMENSIONS], height, error: Share::WHOLE, usual_miss }
    }

    /// Moves the point by one measured round trip to `peer`, which lay at that coordinate when it answered.
    ///
    /// An implausible coordinate, no time at all and a time above [`ROUND_TRIP_MAX`] are ignored. `stream` is drawn from
    /// only where both points coincide, for a direction to part in (section 2.4).
    pub fn observe(&mut self, peer: Coordinate, round_trip: Duration, stream: &mut Stream) {
        if !peer.is_plausible() || round_trip.is_zero() || round_trip > ROUND_TRIP_MAX {
            return;
        }
        let spring = self.spring(&peer);
        let measured = (round_trip.as_nanos() as i64 * UNIT_GRAINS / UNIT_NANOS).max(1);
        let usual = i64::from(self.usual_miss);
        let outlier = usual * i64::from(OUTLIER_RATIO);
        let miss = (measured - spring.length()).clamp(-outlier, outlier);
        self.usual_miss = (usual + (miss.abs() - usual) / USUAL_SAMPLES).clamp(USUAL_MIN, USUAL_MAX) as i32;

        let own = self.error.max(Share::of_permille(ERROR_MIN));
        let theirs = Share::of_permille(peer.error.max(ERROR_MIN));
        let weight = Share::of_parts(own.parts(), own.parts() + theirs.parts());
        let relative = Share::of_parts(miss.abs(), measured.max(ERROR_ROUND_TRIP_MIN));
        self.error = own.moved(ERROR_STEP.of(weight.of(relative.parts() - own.parts())));

        let step = STEP_MIN.moved(STEP_OF_ERROR.of(own.parts())).by(weight);
        let reached = FULL_STEP_MISS.of(measured).max(1);
        let push = Share::of_parts(miss.abs(), reached).of(step.of(miss));
        self.give_way(&spring, push, stream);
        self.fall(step);
    }

    /// Returns what the member tells others.
    pub fn coordinate(&self) -> Coordinate {
        let units = |grains: i32| (i64::from(grains) + UNIT_GRAINS / 2).div_euclid(UNIT_GRAINS) as i32;
        Coordinate {
            position: self.position.map(units),
            height: units(self.height).unsigned_abs(),
            error: self.error.permille(),
        }
    }

    fn spring(&self, peer: &Coordinate) -> Spring {
        let apart =
            array::from_fn(|axis| i64::from(self.position[axis]) - i64::from(peer.position[axis]) * UNIT_GRAINS);
        let heights = i64::from(self.height) + i64::from(peer.height) * UNIT_GRAINS;
        Spring { apart, across: length(apart).cast_signed(), heights }
    }

    /// Moves by `push` away from the other end, or towards it if negative: each part by its share of the length, and up or
    /// down by the share of both heights (section 5.4).
    fn give_way(&mut self, spring: &Spring, push: i64, stream: &mut Stream) {
        if spring.across == 0 && push > 0 {
            // All of it along the ground: heights that took the first push would hold it, and all members begin here.
            let (toward, length) = direction(stream);
            for (axis, part) in toward.into_iter().enumerate() {
                self.shift(axis, part * push / length);
            }
            return;
        }
        for (axis, part) in spring.apart.into_iter().enumerate() {
            self.shift(axis, part * push / spring.length());
        }
        let height = i64::from(self.height) + spring.heights * push / spring.length();
        self.height = height.clamp(HEIGHT_MIN, GRAINS_MAX) as i32;
    }

    /// Follows gravity. The height does not: it is no place but the length of a way.
    fn fall(&mut self, step: Share) {
        for axis in 0..DIMENSIONS {
            self.shift(axis, -step.of(i64::from(self.position[axis])) / GRAVITY_RATIO);
        }
    }

    fn shift(&mut self, axis: usize, by: i64) {
        self.position[axis] = (i64::from(self.position[axis]) + by).clamp(-GRAINS_MAX, GRAINS_MAX) as i32;
    }
}

impl Default for Locator {
    fn default() -> Self {
        Self::new()
    }
}

/// What lies between a member and its peer, in grains.
struct Spring {
    /// From the peer to the member, along each axis.
    apart: [i64; DIMENSIONS],
    /// How long that is.
    across: i64,
    /// The heights of both, at least [`HEIGHT_MIN`] each.
    heights: i64,
}

impl Spring {
    const fn length(&self) -> i64 {
        self.across + self.heights
    }
}

/// A part of a whole, from none to all of it, in steps of 1/65536.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Share(i32);

impl Share {
    const WHOLE: Self = Self(1 << 16);

    /// Returns `part` of `whole`, which is more than nothing; all of it if `part` is larger.
    const fn of_parts(part: i64, whole: i64) -> Self {
        let share = part * Self::WHOLE.parts() / whole;
        if share > Self::WHOLE.parts() { Self::WHOLE } else { Self(share as i32) }
    }

    const fn of_permille(error: Permille) -> Self {
        Self::of_parts(error.0 as i64, Permille::WHOLE.0 as i64)
    }

    /// Returns this share of `amount`, rounded towards nothing.
    const fn of(self, amount: i64) -> i64 {
        amount * self.parts() / Self::WHOLE.parts()
    }

    /// Returns this share of another.
    const fn by(self, other: Self) -> Self {
        Self(self.of(other.parts()) as i32)
    }

    /// Returns the share that is `parts` larger, between none and all.
    fn moved(self, parts: i64) -> Self {
        Self((self.parts() + parts).clamp(0, Self::WHOLE.parts()) as i32)
    }

    const fn parts(self) -> i64 {
        self.0 as i64
    }

    const fn permille(self) -> Permille {
        Permille(self.of(Permille::WHOLE.0 as i64).unsigned_abs() as u16)
    }
}

/// Returns the length of `parts` at right angles to each other, rounded down.
fn length(parts: [i64; DIMENSIONS]) -> u64 {
    let square = |part: &i64| part.unsigned_abs().saturating_mul(part.unsigned_abs());
    parts.iter().map(square).fold(0_u64, u64::saturating_add).isqrt()
}

/// Draws a direction and its length, which is never zero.
fn direction(stream: &mut Stream) -> ([i64; DIMENSIONS], i64) {
    let drawn = stream.next_u64().to_le_bytes();
    let toward = array::from_fn(|axis| i64::from(i16::from_le_bytes([drawn[2 * axis], drawn[2 * axis + 1]])));
    match length(toward) {
        0 => (array::from_fn(|axis| i64::from(axis == 0)), 1),
        length => (toward, length.cast_signed()),
    }
}
