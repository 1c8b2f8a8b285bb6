//! The work that every simulator is given, and how each tells what came of it.
//!
//! Every node sends a heartbeat to every other at a fixed interval, over links of a given latency and loss; nobody
//! answers. The nodes are evenly out of step, as timers of separate machines are not in it. A program takes the work as `name=number` arguments and prints one line of `name=number` words.

use std::time::Duration;

use cpu_time::ProcessTime;

/// How many bytes a heartbeat carries; the first eight say when it was sent.
pub(crate) const PAYLOAD_BYTES: usize = 64;

/// How long each node waits between two rounds of heartbeats.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// The least and the most that a message travels, every value as likely.
pub(crate) const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));

/// How many of a thousand messages get lost.
pub(crate) const LOSS_PERMILLE: u16 = 10;

/// How often the work is done, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// How many nodes talk.
    pub(crate) nodes: u8,
    /// For how long they do, in simulated seconds.
    pub(crate) seconds: u64,
    /// How often all of it is done again, each time with another seed.
    pub(crate) passes: u64,
}

/// What became of the heartbeats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Those handed to the network.
    pub(crate) sent: u64,
    /// Those that arrived.
    pub(crate) delivered: u64,
    /// The sum of the time that those were under way.
    pub(crate) travelled: Duration,
}

impl Work {
    /// Reads `nodes=5 seconds=60 passes=10`.
    pub(crate) fn read(arguments: &[String]) -> Self {
        let nodes = u8::try_from(number(arguments, "nodes")).expect("nodes are at most 255");
        Self { nodes, seconds: number(arguments, "seconds"), passes: number(arguments, "passes") }
    }

    /// Does the work, `pass` by `pass`, and prints what came of it and the CPU time that it took.
    pub(crate) fn measure(self, mut pass: impl FnMut(u64) -> Tally) {
        let start = ProcessTime::now();
        let mut sum = Tally::default();
        for seed in 0..self.passes {
            let Tally { sent, delivered, travelled } = pass(seed);
            sum.sent += sent;
            sum.delivered += delivered;
            sum.travelled += travelled;
        }
        let cpu = start.elapsed().as_nanos();
        let simulated = Duration::from_secs(self.seconds * self.passes).as_nanos();
        let Tally { sent, delivered, travelled } = sum;
        println!(
            "cpu_ns={cpu} simulated_ns={simulated} messages={sent} delivered={delivered} travelled_ns={}",
            travelled.as_nanos()
        );
    }
}

/// Reads the number of `name=number`.
///
/// # Panics
///
/// When it is missing, because the only caller is a program that passes all of them.
pub(crate) fn number(arguments: &[String], name: &str) -> u64 {
    let value = arguments.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
}
