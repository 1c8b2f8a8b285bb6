//! Contenders that are measured slice by slice, each right after the limit.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// How many slices of each contender there are.
const ROUNDS: usize = 11;

/// Whether peers and plain designs take part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    With,
    Without,
}

/// What takes part: it does one slice of its work, given the number of the round, and says how long each operation took.
pub(crate) struct Contender<'a> {
    name: &'static str,
    slice: Box<dyn FnMut(usize) -> f64 + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender whose slices take care of their time by themselves; they tell picoseconds.
    pub(crate) fn timed(name: &'static str, slice: impl FnMut(usize) -> f64 + 'a) -> Self {
        Self { name, slice: Box::new(slice) }
    }

    /// A contender that does `count` operations from a place on and returns something that depends on all of them.
    ///
    /// Before every slice it does a quarter of it untimed, so that its tables are where they are while it is alone.
    pub(crate) fn new(name: &'static str, count: usize, mut work: impl FnMut(usize, usize) -> u64 + 'a) -> Self {
        Self::timed(name, move |round| {
            let begin = round * count;
            black_box(work(begin + count / 2, count / 4));
            let start = ThreadTime::now();
            black_box(work(begin, count));
            picoseconds(start.elapsed()) / count as f64
        })
    }
}

/// Runs all contenders round by round and tells the medians. The first one is the limit.
pub(crate) fn race(mut limit: Contender<'_>, mut contenders: Vec<Contender<'_>>) -> String {
    let start = ThreadTime::now();
    let mut limits = Vec::new();
    let mut slices = vec![(Vec::new(), Vec::new()); contenders.len()];
    for round in 0..ROUNDS {
        for (contender, (times, ratios)) in contenders.iter_mut().zip(&mut slices) {
            let least = (limit.slice)(round);
            let time = (contender.slice)(round);
            limits.push(least);
            times.push(time);
            ratios.push(time / least);
        }
    }
    let mut said = format!("cpu_ns={}", start.elapsed().as_nanos());
    let mut tell = |name: &str, times: Vec<f64>| {
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let _ = write!(said, " {name}={:.0} best-{name}={least:.0}", median(times));
    };
    tell(limit.name, limits);
    let mut of = String::new();
    for (contender, (times, ratios)) in contenders.iter().zip(slices) {
        tell(contender.name, times);
        let _ = write!(of, " of-{}={:.0}", contender.name, median(ratios) * 1e3);
    }
    said + &of
}

pub(crate) fn picoseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 * 1e3
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The steps of `SplitMix64`: the same for the keys of all, and what the limits of picks draw from.
pub(crate) struct Bits(pub(crate) u64);

impl Bits {
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
