//! The same rule in floats, and the rule of the paper without mends: dumb on purpose, and no judge of anything but tests.

use std::time::Duration;

use delian_core::Stream;

use crate::worlds::{Member, fraction};

/// A coordinate as it travels: position and height in units of 16 µs, error in thousandths.
pub(crate) type Raw = ([i32; 3], u32, u16);

/// Milliseconds in a unit.
const UNIT: f64 = 0.016;

/// A point that follows the mended rule; milliseconds throughout.
pub(crate) struct Mended {
    pub(crate) position: [f64; 3],
    pub(crate) height: f64,
    pub(crate) error: f64,
    usual: f64,
}

impl Mended {
    pub(crate) fn new() -> Self {
        Self { position: [0.0; 3], height: UNIT, error: 1.0, usual: 1000.0 }
    }

    /// The way through space to where `peer` lies.
    pub(crate) fn across(&self, peer: Raw) -> f64 {
        length(apart(self.position, peer.0.map(|units| f64::from(units) * UNIT)))
    }

    pub(crate) fn observe(&mut self, peer: Raw, measured: f64) {
        let away = apart(self.position, peer.0.map(|units| f64::from(units) * UNIT));
        let heights = self.height + f64::from(peer.1) * UNIT;
        let estimated = length(away) + heights;
        let miss = (measured - estimated).clamp(-4.0 * self.usual, 4.0 * self.usual);
        self.usual = (self.usual + (miss.abs() - self.usual) / 16.0).clamp(0.02, 1000.0);

        let own = self.error.max(0.02);
        let weight = own / (own + (f64::from(peer.2) / 1000.0).max(0.02));
        let relative = (miss.abs() / measured.max(1.0)).min(1.0);
        self.error = own + weight * (relative - own) / 8.0;

        let step = weight * (1.0 / 8.0 + own * 5.0 / 8.0);
        let push = miss * step * (miss.abs() / (measured / 5.0)).min(1.0);
        for (at, away) in self.position.iter_mut().zip(away) {
            *at = (*at + away / estimated * push).clamp(-5000.0, 5000.0);
            *at -= *at * step / 1024.0;
        }
        self.height = (self.height + heights / estimated * push).clamp(UNIT, 5000.0);
    }
}

/// A point that follows figure 3 of the paper with the heights of its section 5.4; milliseconds throughout.
#[derive(Clone)]
pub(crate) struct Paper {
    position: [f64; 3],
    height: f64,
    error: f64,
}

impl Paper {
    pub(crate) fn new() -> Self {
        Self { position: [0.0; 3], height: UNIT, error: 1.0 }
    }
}

impl Member for Paper {
    fn observe(&mut self, peer: &Self, round_trip: Duration, stream: &mut Stream) {
        let measured = round_trip.as_secs_f64() * 1000.0;
        let mut away = apart(self.position, peer.position);
        if length(away) == 0.0 {
            away = [0; 3].map(|_| fraction(stream) - 0.5);
        }
        let estimated = self.estimate(peer);
        let weight = self.error / (self.error + peer.error);
        let relative = (estimated - measured).abs() / measured;
        self.error += 0.25 * weight * (relative.min(1.0) - self.error);
        let push = 0.25 * weight * (measured - estimated);
        let (across, heights) = (length(away), self.height + peer.height);
        for (at, away) in self.position.iter_mut().zip(away) {
            *at += push * away / (across + heights);
        }
        self.height = (self.height + push * heights / (across + heights)).max(UNIT);
    }

    fn estimate(&self, peer: &Self) -> f64 {
        length(apart(self.position, peer.position)) + self.height + peer.height
    }
}

fn apart(one: [f64; 3], other: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| one[axis] - other[axis])
}

fn length(parts: [f64; 3]) -> f64 {
    parts.iter().map(|part| part * part).sum::<f64>().sqrt()
}
