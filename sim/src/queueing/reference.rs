//! What the core's policies are measured by: worse ideas, and bounds by what nobody can know.

use delian_core::balance::{Answer, Dice, Ratio};
use delian_core::{Stream, Time};

use super::picker::Picker;
use super::server::{Server, Told};

/// Takes whoever has the best score by its last report: what every balancer sees alike, until the next one.
pub(super) struct BestScore {
    scores: Vec<u32>,
    dice: Dice,
}

impl BestScore {
    pub(super) fn new(servers: usize, stream: &mut Stream) -> Self {
        Self { scores: vec![0; servers], dice: Dice::new(stream) }
    }
}

impl Picker for BestScore {
    fn pick(&mut self, _: Time, _: u64, truth: &[Server]) -> usize {
        least(truth.len(), &mut self.dice, |server| u32::MAX - self.scores[server])
    }

    fn finish(&mut self, _: Time, _: usize, _: Answer) {}

    fn hear(&mut self, _: Time, server: usize, told: &Told) {
        let report = &told.load;
        // The score that `ResourceAware` documents.
        let connections = Ratio::of(report.connections().into(), 10_000);
        let latency = Ratio::of(crate::random::nanos(report.latency()), 1_000_000_000);
        let parts = [(3, report.cpu()), (3, report.memory()), (2, connections), (2, latency)];
        self.scores[server] = parts.into_iter().map(|(share, used)| share * used.rest().millionths()).sum();
    }
}

/// Takes whoever has the shortest queue.
pub(super) struct ShortestQueue {
    dice: Dice,
}

impl ShortestQueue {
    pub(super) fn new(stream: &mut Stream) -> Self {
        Self { dice: Dice::new(stream) }
    }
}

impl Picker for ShortestQueue {
    fn pick(&mut self, _: Time, _: u64, truth: &[Server]) -> usize {
        least(truth.len(), &mut self.dice, |server| truth[server].len())
    }

    fn finish(&mut self, _: Time, _: usize, _: Answer) {}

    fn hear(&mut self, _: Time, _: usize, _: &Told) {}
}

/// Takes the better one of two that are drawn.
pub(super) struct TwoChoices {
    sight: Sight,
    servers: u64,
    dice: Dice,
}

/// What two are compared by.
pub(super) enum Sight {
    /// The queue that each reported last.
    Reported(Vec<u32>),
    /// How many requests this balancer has there.
    InFlight(InFlight),
    /// The queue.
    True,
}

/// How many requests one balancer has at each server.
pub(super) struct InFlight(Vec<u32>);

impl InFlight {
    pub(super) fn of(servers: usize) -> Self {
        Self(vec![0; servers])
    }
}

impl TwoChoices {
    pub(super) fn new(sight: Sight, servers: usize, stream: &mut Stream) -> Self {
        Self { sight, servers: servers as u64, dice: Dice::new(stream) }
    }
}

impl Picker for TwoChoices {
    fn pick(&mut self, _: Time, _: u64, truth: &[Server]) -> usize {
        let first = self.dice.below(self.servers);
        // One of the others.
        let second = (first + 1 + self.dice.below(self.servers - 1)) % self.servers;
        let (first, second) = (first as usize, second as usize);
        let queue = |server: usize| match &self.sight {
            Sight::Reported(queues) => queues[server] as usize,
            Sight::InFlight(counts) => counts.0[server] as usize,
            Sight::True => truth[server].len(),
        };
        let taken = if queue(second) < queue(first) { second } else { first };
        if let Sight::InFlight(counts) = &mut self.sight {
            counts.0[taken] += 1;
        }
        taken
    }

    fn finish(&mut self, _: Time, server: usize, _: Answer) {
        if let Sight::InFlight(counts) = &mut self.sight {
            counts.0[server] -= 1;
        }
    }

    fn hear(&mut self, _: Time, server: usize, told: &Told) {
        if let Sight::Reported(queues) = &mut self.sight {
            queues[server] = told.load.connections();
        }
    }
}

/// Returns whoever has least, each of equals as often.
fn least<T: Ord>(servers: usize, dice: &mut Dice, of: impl Fn(usize) -> T) -> usize {
    let (mut best, mut equals) = (0, 1);
    for server in 1..servers {
        let order = of(server).cmp(&of(best));
        equals = if order.is_lt() { 1 } else { equals + u64::from(order.is_eq()) };
        if order.is_lt() || order.is_eq() && dice.below(equals) == 0 {
            best = server;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use delian_core::Seed;

    use super::*;

    #[test]
    fn the_least_is_taken_and_each_of_equals_as_often() {
        let mut dice = Dice::new(&mut Stream::new(Seed::new(1), "least"));
        let mut counts = [0; 4];
        for _ in 0..3_000 {
            counts[least(4, &mut dice, |server| [1, 0, 0, 0][server])] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|count: &i32| count.abs_diff(1_000) < 120), "{counts:?}");
    }
}
