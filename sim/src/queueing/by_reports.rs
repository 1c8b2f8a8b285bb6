//! Weights from reports, as gRPC's weighted round robin has them (gRFC A58), and what may be done with them.
//!
//! A weight is how many requests a server answers in a second, over how busy it was, and each failure counts as if it had
//! been busy with it. A weight counts after a blackout, until it expires; whoever has none that counts weighs the average of
//! those who have, and unless two have one, all weigh the same. Floats do no harm here: they are added, multiplied and
//! divided alone, which rounds alike on every machine.

use std::time::Duration;

use delian_core::balance::{Answer, Dice};
use delian_core::{Stream, Time};

use super::picker::Picker;
use super::server::{Server, Told};

/// For how long a server must report before its weight counts.
const BLACKOUT: Duration = Duration::from_secs(10);
/// For how long a weight counts.
const EXPIRES_AFTER: Duration = Duration::from_mins(3);
/// After which time weights are looked at again.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);
/// Which part of an averaged weight each report is.
const SMOOTHING: f64 = 0.2;
/// What a failure counts beside all of a processor's time.
const ERROR_PENALTY: f64 = 1.0;

/// Picks by weights from reports.
pub(super) struct ByReports {
    way: Way,
    care: Care,
    servers: Vec<Weighing>,
    /// What each weighs since the last update.
    weights: Vec<f64>,
    update_at: Time,
    dice: Dice,
}

/// How far a report is relied on.
#[derive(Clone, Copy)]
pub(super) enum Care {
    /// The last one counts, after the blackout: as gRPC does it.
    Blackout,
    /// From the first one on, averaged: this weight is what the average begins with. As the first experiment did it, as far
    /// as that can be told from its numbers.
    Average(f64),
}

/// What is done with the weights.
pub(super) enum Way {
    /// Turns: whoever has the earliest deadline, which then moves by the inverse of its weight. As gRPC does it.
    Turns(Vec<f64>),
    /// Draws.
    Drawn(Sums),
    /// Of two that are drawn, whoever has fewer requests of this balancer in flight by its weight.
    TwoDrawn(Sums, Vec<u32>),
}

/// The sums of the first weights, by how many.
#[derive(Default)]
pub(super) struct Sums(Vec<f64>);

/// What is known of one server.
#[derive(Clone, Copy, Default)]
struct Weighing {
    weight: f64,
    /// When it began to report, and when it reported last.
    reporting: Option<(Time, Time)>,
}

impl ByReports {
    pub(super) fn new(way: Way, care: Care, servers: usize, stream: &mut Stream) -> Self {
        let mut all = Self {
            way,
            care,
            servers: vec![Weighing::default(); servers],
            weights: Vec::new(),
            update_at: Time::ZERO,
            dice: Dice::new(stream),
        };
        all.update(Time::ZERO);
        all
    }

    fn update(&mut self, now: Time) {
        self.update_at = now + UPDATE_INTERVAL;
        let known: Vec<f64> = self.servers.iter().map(|server| server.at(now, self.care)).collect();
        let (sum, count) = known
            .iter()
            .filter(|weight| **weight > 0.0)
            .fold((0.0, 0u32), |(sum, count), weight| (sum + weight, count + 1));
        let is_uniform = count < 2;
        let average = if is_uniform { 1.0 } else { sum / f64::from(count) };
        self.weights =
            known.into_iter().map(|weight| if is_uniform || weight == 0.0 { average } else { weight }).collect();
        match &mut self.way {
            Way::Turns(deadlines) => {
                // Each begins somewhere within its period, so that balancers do not go around in step.
                let dice = &mut self.dice;
                *deadlines = self.weights.iter().map(|weight| uniform(dice) / weight).collect();
            }
            Way::Drawn(sums) | Way::TwoDrawn(sums, _) => *sums = Sums::of(&self.weights),
        }
    }
}

impl Picker for ByReports {
    fn pick(&mut self, now: Time, _: u64, _: &[Server]) -> usize {
        if now >= self.update_at {
            self.update(now);
        }
        match &mut self.way {
            Way::Turns(deadlines) => {
                let earliest = (0..deadlines.len()).min_by(|one, other| deadlines[*one].total_cmp(&deadlines[*other]));
                let server = earliest.expect("there are servers");
                deadlines[server] += 1.0 / self.weights[server];
                server
            }
            Way::Drawn(sums) => sums.draw(&mut self.dice),
            Way::TwoDrawn(sums, counts) => {
                // Twice the same is one choice, as rare as two of the same weight are.
                let (first, second) = (sums.draw(&mut self.dice), sums.draw(&mut self.dice));
                let cost = |server: usize| f64::from(counts[server] + 1) / self.weights[server];
                let taken = if cost(second) < cost(first) { second } else { first };
                counts[taken] += 1;
                taken
            }
        }
    }

    fn finish(&mut self, _: Time, server: usize, _: Answer) {
        if let Way::TwoDrawn(_, counts) = &mut self.way {
            counts[server] -= 1;
        }
    }

    fn hear(&mut self, now: Time, server: usize, told: &Told) {
        self.servers[server].hear(now, told, self.care);
    }
}

impl Weighing {
    fn hear(&mut self, now: Time, told: &Told, care: Care) {
        let busy = f64::from(told.load.cpu().millionths()) / 1e6;
        let seconds = told.span.as_secs_f64();
        // Who was idle tells nothing of what it could do.
        if told.requests == 0 || busy == 0.0 || seconds == 0.0 {
            return;
        }
        let errors = f64::from(told.failures) / f64::from(told.requests);
        let weight = f64::from(told.requests) / seconds / (busy + ERROR_PENALTY * errors);
        self.weight = match care {
            Care::Blackout => weight,
            Care::Average(first) => {
                let before = if self.reporting.is_some() { self.weight } else { first };
                before + SMOOTHING * (weight - before)
            }
        };
        let since = match self.reporting {
            Some((since, last)) if now.since(last) < EXPIRES_AFTER => since,
            Some(_) | None => now,
        };
        self.reporting = Some((since, now));
    }

    /// Returns its weight, zero if it does not count.
    fn at(&self, now: Time, care: Care) -> f64 {
        let blackout = match care {
            Care::Blackout => BLACKOUT,
            Care::Average(_) => Duration::ZERO,
        };
        match self.reporting {
            Some((since, last)) if now.since(last) < EXPIRES_AFTER && now.since(since) >= blackout => self.weight,
            Some(_) | None => 0.0,
        }
    }
}

impl Sums {
    fn of(weights: &[f64]) -> Self {
        let mut sum = 0.0;
        let next = |weight: &f64| {
            sum += weight;
            sum
        };
        Self(weights.iter().map(next).collect())
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let (count, sum) = (self.0.len(), self.0.last().copied().unwrap_or(0.0));
        let drawn = uniform(dice) * sum;
        self.0.partition_point(|end| *end <= drawn).min(count - 1)
    }
}

/// Draws a number from zero to below one.
fn uniform(dice: &mut Dice) -> f64 {
    dice.below(1 << 53) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use delian_core::Seed;

    use super::super::server::told;
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn sorted(way: Way) -> ByReports {
        ByReports::new(way, Care::Blackout, 3, &mut Stream::new(Seed::new(1), "by reports"))
    }

    #[test]
    fn a_weight_counts_after_the_blackout_until_it_expires_and_errors_lower_it() {
        let mut server = Weighing::default();
        let care = Care::Blackout;
        server.hear(at(1), &told(50, 100, 0), care);
        let weight = |server: &Weighing, seconds| format!("{:.0}", server.at(at(seconds), care));
        assert_eq!([10, 11, 180, 181].map(|seconds| weight(&server, seconds)), ["0", "200", "200", "0"]);
        server.hear(at(200), &told(50, 100, 50), care);
        assert_eq!([209, 210].map(|seconds| weight(&server, seconds)), ["0", "100"]);
        server.hear(at(201), &told(0, 0, 0), care);
        assert_eq!(weight(&server, 210), "100", "an idle server keeps its weight");
    }

    #[test]
    fn an_average_counts_at_once_and_moves_by_a_fifth() {
        let (mut server, care) = (Weighing::default(), Care::Average(100.0));
        server.hear(at(1), &told(50, 100, 0), care);
        assert!((server.at(at(1), care) - 120.0).abs() < 1e-9);
    }

    #[test]
    fn picks_are_in_proportion_to_weights_and_the_unknown_weigh_the_average() {
        for way in [Way::Turns(Vec::new()), Way::Drawn(Sums::default())] {
            let mut balancer = sorted(way);
            balancer.hear(at(0), 0, &told(100, 100, 0));
            balancer.hear(at(0), 1, &told(50, 150, 0));
            let mut counts = [0u32; 3];
            for number in 0..6_000 {
                counts[balancer.pick(at(10), number, &[])] += 1;
            }
            for (count, fair) in counts.into_iter().zip([1_000, 3_000, 2_000]) {
                assert!(count.abs_diff(fair) < 120, "{counts:?}");
            }
        }
    }

    #[test]
    fn of_two_drawn_the_one_with_less_in_flight_by_its_weight_is_taken() {
        let mut balancer = sorted(Way::TwoDrawn(Sums::default(), vec![0; 3]));
        balancer.hear(at(0), 0, &told(100, 100, 0));
        balancer.hear(at(0), 1, &told(25, 100, 0));
        balancer.hear(at(0), 2, &told(100, 100, 0));
        for number in 0..600 {
            balancer.pick(at(10), number, &[]);
        }
        let Way::TwoDrawn(_, counts) = balancer.way else { panic!("it is the one") };
        assert!(counts[1].abs_diff(400) < 12 && counts[0].abs_diff(100) < 12, "{counts:?}");
    }
}
