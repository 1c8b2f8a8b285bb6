//! Networks whose round trips are known, and members that measure them.

use std::time::Duration;

use delian_core::swim::coordinate::Locator;
use delian_core::{Seed, Stream};

/// Draws a number from 0 up to 1.
pub(crate) fn fraction(stream: &mut Stream) -> f64 {
    stream.below(1 << 32) as f64 / f64::from(u32::MAX)
}

/// What every two members would measure, had the network no jitter.
pub(crate) struct World {
    pub(crate) name: &'static str,
    /// In milliseconds.
    round_trips: Vec<Vec<f64>>,
    /// By which part of it a round trip is longer or shorter, at most.
    jitter: f64,
    /// How many round trips in a thousand take twenty times as long.
    late_permille: u64,
}

impl World {
    pub(crate) fn new(name: &'static str, members: usize, round_trip: impl Fn(usize, usize) -> f64) -> Self {
        let row = |one| (0..members).map(|other| round_trip(other.min(one), other.max(one))).collect();
        Self { name, round_trips: (0..members).map(row).collect(), jitter: 0.0, late_permille: 0 }
    }

    /// Points in a square with sides of 100 ms, 1 to 10 ms above it.
    pub(crate) fn plane(members: usize) -> Self {
        let mut stream = Stream::new(Seed::new(1), "plane");
        let mut point = || [0; 3].map(|_| fraction(&mut stream));
        let points: Vec<[f64; 3]> = (0..members).map(|_| point()).collect();
        Self::new("plane", members, |one, other| {
            let ([x, y, height], [to_x, to_y, to_height]) = (points[one], points[other]);
            100.0 * (x - to_x).hypot(y - to_y) + 2.0 + 9.0 * (height + to_height)
        })
    }

    /// Points on a globe that light takes 200 ms to go around and back, 1 to 5 ms above it.
    pub(crate) fn globe(members: usize) -> Self {
        let mut stream = Stream::new(Seed::new(2), "globe");
        let mut point = || {
            let (turn, up) = (std::f64::consts::TAU * fraction(&mut stream), 2.0 * fraction(&mut stream) - 1.0);
            let around = (1.0 - up * up).sqrt();
            [around * turn.cos(), around * turn.sin(), up, 1.0 + 4.0 * fraction(&mut stream)]
        };
        let points: Vec<[f64; 4]> = (0..members).map(|_| point()).collect();
        Self::new("globe", members, |one, other| {
            let (one, other) = (points[one], points[other]);
            let cosine: f64 = (0..3).map(|axis| one[axis] * other[axis]).sum();
            200.0 * cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::PI + one[3] + other[3]
        })
    }

    /// Three data centres 1, 30 and 80 ms from one exchange, 0.3 ms wide.
    pub(crate) fn data_centers(members: usize) -> Self {
        let ways = [1.0, 30.0, 80.0];
        Self::new("data centers", members, |one, other| match (one % 3, other % 3) {
            (here, there) if here == there => 0.3,
            (here, there) => ways[here] + ways[there],
        })
    }

    /// The same three along one line: the near two are 29 ms apart, the far two 79 ms.
    pub(crate) fn data_centers_in_line(members: usize) -> Self {
        let at = [1.0_f64, 30.0, 80.0];
        Self::new("data centers in line", members, |one, other| match (one % 3, other % 3) {
            (here, there) if here == there => 0.3,
            (here, there) => (at[here] - at[there]).abs(),
        })
    }

    /// Three data centres with 1, 30 and 80 ms between them, which no space can hold.
    pub(crate) fn impossible(members: usize) -> Self {
        let between = [1.0, 80.0, 30.0];
        Self::new("impossible", members, |one, other| match (one % 3, other % 3) {
            (here, there) if here == there => 0.3,
            (here, there) => between[here + there - 1],
        })
    }

    pub(crate) fn with_jitter(self, jitter: f64) -> Self {
        Self { jitter, ..self }
    }

    pub(crate) fn with_late_round_trips(self, late_permille: u64) -> Self {
        Self { late_permille, ..self }
    }

    pub(crate) fn members(&self) -> usize {
        self.round_trips.len()
    }

    pub(crate) fn round_trip(&self, one: usize, other: usize) -> f64 {
        self.round_trips[one][other]
    }

    /// Changes what `member` measures to all others.
    pub(crate) fn move_member(&mut self, member: usize, round_trip: impl Fn(usize) -> f64) {
        for other in (0..self.members()).filter(|other| *other != member) {
            self.round_trips[member][other] = round_trip(other);
            self.round_trips[other][member] = round_trip(other);
        }
    }

    pub(crate) fn measure(&self, one: usize, other: usize, stream: &mut Stream) -> Duration {
        let jitter = 1.0 + self.jitter * (2.0 * fraction(stream) - 1.0);
        let late = if stream.below(1000) < self.late_permille { 20.0 } else { 1.0 };
        Duration::from_secs_f64(self.round_trip(one, other) * jitter * late / 1000.0)
    }
}

/// Who measures round trips and estimates those that were not measured.
pub(crate) trait Member {
    fn observe(&mut self, peer: &Self, round_trip: Duration, stream: &mut Stream);

    /// The estimated round trip in milliseconds.
    fn estimate(&self, peer: &Self) -> f64;
}

impl Member for Locator {
    fn observe(&mut self, peer: &Self, round_trip: Duration, stream: &mut Stream) {
        Locator::observe(self, peer.coordinate(), round_trip, stream);
    }

    fn estimate(&self, peer: &Self) -> f64 {
        self.coordinate().distance(&peer.coordinate()).as_secs_f64() * 1000.0
    }
}

/// Lets each member measure the round trip to one other, drawn, `rounds` times.
pub(crate) fn measure<M: Member + Clone>(members: &mut [M], world: &World, rounds: usize, stream: &mut Stream) {
    for _ in 0..rounds {
        for one in 0..members.len() {
            let other = another(one, members.len(), stream);
            let peer = members[other].clone();
            members[one].observe(&peer, world.measure(one, other, stream), stream);
        }
    }
}

/// Draws another than `one` among `members`.
pub(crate) fn another(one: usize, members: usize, stream: &mut Stream) -> usize {
    (one + 1 + stream.below(members as u64 - 1) as usize) % members
}

/// By which part of it the estimates of the round trips between the pairs that `chosen` names are wrong, in percent, from
/// the best to the worst.
pub(crate) fn misses<M: Member>(members: &[M], world: &World, chosen: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let pairs = (0..members.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
    let mut misses: Vec<f64> = pairs
        .filter(|(one, other)| chosen(*one, *other))
        .map(|(one, other)| {
            let real = world.round_trip(one, other);
            100.0 * (members[one].estimate(&members[other]) - real).abs() / real
        })
        .collect();
    misses.sort_by(f64::total_cmp);
    misses
}

/// What `percent` of sorted numbers do not exceed.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}
